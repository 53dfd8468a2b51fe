#pragma once
/// @file
/// The two checksums of the formats we read: CRC-32 (zip, png) and CRC-32C (TFRecord).

#include <amq/core/rooms.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace amq::lab {

/// Polynomials, bits reversed.
inline constexpr std::uint32_t crc_zip = 0xedb88320u, crc_castagnoli = 0x82f63b78u;

namespace detail {
/// Eight tables: table[k][b] carries byte b past k more bytes (Kounavis and Berry, 2005).
template <std::uint32_t Polynomial>
inline constexpr auto crc_tables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> t{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    std::uint32_t c = b;
    for (int k = 0; k < 8; ++k) c = (c >> 1) ^ ((c & 1) ? Polynomial : 0);
    t[0][b] = c;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t b = 0; b < 256; ++b) t[k][b] = (t[k - 1][b] >> 8) ^ t[0][t[k - 1][b] & 255];
  }
  return t;
}();
}  // namespace detail

/// @param so_far  the checksum of what came before, to go on from there
template <std::uint32_t Polynomial = crc_zip>
[[nodiscard]] constexpr std::uint32_t crc32(std::span<const std::byte> bytes,
                                            std::uint32_t so_far = 0) noexcept {
  const auto& t = detail::crc_tables<Polynomial>;
  const auto at = [&](std::size_t i) { return static_cast<std::uint32_t>(bytes[i]); };
  std::uint32_t c = ~so_far;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    c ^= at(i) | at(i + 1) << 8 | at(i + 2) << 16 | at(i + 3) << 24;
    c = t[7][c & 255] ^ t[6][c >> 8 & 255] ^ t[5][c >> 16 & 255] ^ t[4][c >> 24] ^ t[3][at(i + 4)] ^
        t[2][at(i + 5)] ^ t[1][at(i + 6)] ^ t[0][at(i + 7)];
  }
  for (; i < bytes.size(); ++i) c = (c >> 8) ^ t[0][(c ^ at(i)) & 255];
  return ~c;
}

}  // namespace amq::lab
