#pragma once
/// @file
/// Bit-widths: which integers a code of b bits ranges over, and where it lives.

#include <amq/core/rooms.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace amq::core {

/// The widest code of amq.
inline constexpr int max_bits = 16;

/// A signed integer that holds a code of `Bits` bits.
template <int Bits>
using int_for = std::conditional_t<(Bits <= 8), std::int8_t,
                                   std::conditional_t<(Bits <= 16), std::int16_t, std::int32_t>>;

/// Codes of b bits are lowest_code(b) .. highest_code(b); 0 bits have the one code 0.
[[nodiscard]] constexpr int highest_code(int bits) noexcept {
  return bits <= 0 ? 0 : (1 << (bits - 1)) - 1;
}
[[nodiscard]] constexpr int lowest_code(int bits) noexcept {
  return bits <= 0 ? 0 : -(1 << (bits - 1));
}

/// Storage width of a code: 0, 2, 4, 8 or 16. One bit lives in two, three in four, 5 to 7 in eight.
[[nodiscard]] constexpr int container_bits(int bits) noexcept {
  return bits <= 0 ? 0 : bits <= 2 ? 2 : bits <= 4 ? 4 : bits <= 8 ? 8 : 16;
}

/// Bytes of a packed row of `n` codes in containers of `container` bits.
[[nodiscard]] constexpr std::ptrdiff_t packed_bytes(std::ptrdiff_t n, int container) noexcept {
  return (n * container + 7) / 8;
}

/// How far apart packed rows lie in memory. Rows begin on a boundary of 64 bytes only where they
/// are that long: short rows would otherwise triple the memory.
[[nodiscard]] constexpr std::ptrdiff_t packed_stride(std::ptrdiff_t n, int container) noexcept {
  const std::ptrdiff_t bytes = packed_bytes(n, container);
  return bytes >= 64 ? (bytes + 63) / 64 * 64 : bytes;
}

}  // namespace amq::core
