#pragma once
/// @file
/// Codes of 2, 4, 8 and 16 bits as bytes: two's complement fields, the first code in the low bits
/// of the first byte. The plain loops here are the definition; kernels/quantize.hpp has the same
/// by vectors.

#include <amq/core/integers.hpp>
#include <amq/core/matrix_view.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace amq::quant {

/// @pre every code fits `container` bits; container is 2, 4, 8 or 16 (0 writes nothing)
inline void pack_codes(const std::int32_t* codes, Index n, int container, void* out) noexcept {
  auto* p = static_cast<std::uint8_t*>(out);
  if (container == 16) {
    for (Index k = 0; k < n; ++k) {
      const auto c = static_cast<std::int16_t>(codes[k]);
      std::memcpy(p + 2 * k, &c, 2);
    }
    return;
  }
  if (container == 0) return;
  const int per_byte = 8 / container;
  const auto mask = static_cast<std::uint32_t>((1 << container) - 1);
  for (Index k = 0; k < n; k += per_byte) {
    std::uint32_t byte = 0;
    for (int j = 0; j < per_byte && k + j < n; ++j)
      byte |= (static_cast<std::uint32_t>(codes[k + j]) & mask) << (j * container);
    p[k / per_byte] = static_cast<std::uint8_t>(byte);
  }
}

/// The k-th code of a packed row.
[[nodiscard]] inline std::int32_t code_at(const void* packed, Index k, int container) noexcept {
  const auto* p = static_cast<const std::uint8_t*>(packed);
  if (container == 0) return 0;
  if (container == 16) {
    std::int16_t c;
    std::memcpy(&c, p + 2 * k, 2);
    return c;
  }
  const int per_byte = 8 / container, shift = static_cast<int>(k % per_byte) * container;
  const int field = (p[k / per_byte] >> shift) & ((1 << container) - 1);
  const int sign = 1 << (container - 1);
  return (field ^ sign) - sign;
}

inline void unpack_codes(const void* packed, Index n, int container, std::int32_t* out) noexcept {
  for (Index k = 0; k < n; ++k) out[k] = code_at(packed, k, container);
}

}  // namespace amq::quant
