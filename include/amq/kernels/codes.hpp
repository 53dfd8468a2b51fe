#pragma once
/// @file
/// Sixty-four codes at a time: from integers to bytes, from bytes to packed fields, and from packed
/// fields to the digits a dot product reads. One rung a file: kernels/x86/codes_*.hpp.

#include <amq/core/matrix_view.hpp>
#include <amq/quant/packing.hpp>
#include <amq/simd/batch.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace amq::kernels {
inline namespace AMQ_LEVEL {

inline constexpr int chunk = 64;

template <typename Arch>
struct Codes : Codes<typename Arch::Fallback> {};

template <>
struct Codes<simd::Scalar> {
  /// rne(clamp(t, low, high)) + bias of sixty-four numbers. @pre -128 <= low, high <= 127
  template <typename Arch>
  static AMQ_INLINE void narrow(const simd::Floats<Arch> (&t)[4], float low, float high, int bias,
                                std::uint8_t* out) noexcept {
    using F = simd::Floats<Arch>;
    for (int j = 0; j < 4; ++j) {
      std::int32_t v[simd::lanes];
      to_ints(min(max(t[j], F::splat(low)), F::splat(high))).store(v);
      for (int l = 0; l < simd::lanes; ++l)
        out[simd::lanes * j + l] = static_cast<std::uint8_t>(v[l] + bias);
    }
  }
  template <typename Arch>
  static AMQ_INLINE void narrow16(simd::Ints<Arch> a, std::int16_t* p) noexcept {
    std::int32_t v[simd::lanes];
    a.store(v);
    for (int l = 0; l < simd::lanes; ++l) p[l] = static_cast<std::int16_t>(v[l]);
  }
  /// n <= 64 bytes to fields of 4 or 2 bits; reads all 64.
  static AMQ_INLINE void pack(const std::uint8_t* codes, int n, int container,
                              std::uint8_t* out) noexcept {
    if (container == 4)
      for (int i = 0; i < (n + 1) / 2; ++i)
        out[i] = static_cast<std::uint8_t>((codes[2 * i] & 15) |
                                           (2 * i + 1 < n ? (codes[2 * i + 1] & 15) << 4 : 0));
    else
      for (int i = 0; i < (n + 3) / 4; ++i) {
        int byte = 0;
        for (int j = 0; j < 4 && 4 * i + j < n; ++j) byte |= (codes[4 * i + j] & 3) << (2 * j);
        out[i] = static_cast<std::uint8_t>(byte);
      }
  }
  /// n <= 64 codes of a row in fields of 2, 4 or 8 bits, beginning at code 0 of `in`, to the bytes
  /// code + bias; all 64 bytes of `out` are written.
  template <int Container>
  static AMQ_INLINE void widen(const std::uint8_t* in, int n, int bias,
                               std::uint8_t* out) noexcept {
    if constexpr (Container == 8)
      for (int k = 0; k < n; ++k) out[k] = static_cast<std::uint8_t>(in[k] + bias);
    else
      for (int k = 0; k < n; ++k)
        out[k] = static_cast<std::uint8_t>(code_at(in, k, Container) + bias);
    for (int k = n; k < chunk; ++k) out[k] = 0;
  }
  /// n <= 64 codes of 16 bits as two digits, code = 256 high + low with low in 0 .. 255: to the
  /// bytes high + bias, and low + bias - 128.
  static AMQ_INLINE void widen16(const std::uint8_t* in, int n, int bias, std::uint8_t* high,
                                 std::uint8_t* low) noexcept {
    for (int k = 0; k < n; ++k) {
      high[k] = static_cast<std::uint8_t>(in[2 * k + 1] + bias);
      low[k] = static_cast<std::uint8_t>(in[2 * k] + bias - 128);
    }
    for (int k = n; k < chunk; ++k) high[k] = low[k] = 0;
  }
};

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels

#if AMQ_HAS_AVX2
#include <amq/kernels/x86/codes_avx2.hpp>
#endif
#if AMQ_HAS_AVX512
#include <amq/kernels/x86/codes_avx512.hpp>
#endif
