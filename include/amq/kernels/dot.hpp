#pragma once
/// @file
/// Sixteen dot products of four digits: acc[l] += sum_j a[j] * w[4 l + j], exact and wrapping. The
/// digits a are bytes `code + bias`: 0 .. 255 where the rung multiplies unsigned by signed, signed
/// where it multiplies signed by signed. One rung a file: kernels/x86, kernels/arm.

#include <amq/simd/batch.hpp>

#include <cstdint>
#include <cstring>

namespace amq::kernels {
inline namespace AMQ_LEVEL {

template <typename Arch>
struct Dot : Dot<typename Arch::Fallback> {};

template <>
struct Dot<simd::Scalar> {
  static constexpr int bias = 128;
  static constexpr int rows = 4, blocks = 1;  ///< of a tile of accumulators
  using Acc = simd::Ints<simd::Scalar>;
  using Digits = std::int32_t;  ///< four, in one 32-bit word
  struct Weights {
    std::int8_t v[64];
  };
  static AMQ_INLINE Digits digits(const std::uint8_t* p) noexcept {
    Digits d;
    std::memcpy(&d, p, 4);
    return d;
  }
  static AMQ_INLINE Weights weights(const std::int8_t* p) noexcept {
    Weights w;
    std::memcpy(w.v, p, 64);
    return w;
  }
  static AMQ_INLINE void add(Acc& acc, Digits a, const Weights& w) noexcept {
    const auto d = static_cast<std::uint32_t>(a);
    for (int l = 0; l < simd::lanes; ++l)
      for (int j = 0; j < 4; ++j)
        acc.r[0].v[l] = static_cast<std::int32_t>(
            static_cast<std::uint32_t>(acc.r[0].v[l]) +
            static_cast<std::uint32_t>(static_cast<int>((d >> (8 * j)) & 255u) * w.v[4 * l + j]));
  }
};

/// Codes of at most so many bits are narrow. Their digits are `code + narrow_bias`, 0 .. 15.
inline constexpr int narrow_bits = 4, narrow_bias = 8;
/// Those of 5 and 6 have digits of `code + six_bias`, 0 .. 63. Seven bits would fit unfolded, which
/// spares no multiplication: a pass took 8 % less by them, 20 % by six.
inline constexpr int six_bits = 6, six_bias = 32;

/// How often products may be folded: two products of a digit and a weight each time, added in 16
/// bits, which hold all of them.
[[nodiscard]] constexpr int folds_that_fit(int highest_digit, int highest_weight) noexcept {
  return 32'767 / (2 * highest_digit * highest_weight);
}

/// How often: where rows or weights are narrow, and where rows have no more than six bits.
inline constexpr int folds_of_narrow = 8, folds_of_six = 2;
static_assert(folds_of_narrow <= folds_that_fit(15, 127) &&
              folds_of_narrow <= folds_that_fit(255, 7) && folds_of_six <= folds_that_fit(63, 127));

/// Codes of fewer bits on a rung whose widest exact product of bytes is to 16 bits: `Times`
/// products are added in 16 bits before they are widened. @pre so many fit: see folds_that_fit
template <typename Arch, int Times>
struct FoldedDot;
/// Whether a rung has that. Where one instruction adds four products in 32 bits, fewer bits gain
/// nothing.
template <typename Arch>
inline constexpr bool folds = false;

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels

#if AMQ_HAS_AVX2
#include <amq/kernels/x86/dot_avx2.hpp>
#endif
#if AMQ_HAS_AVX512
#include <amq/kernels/x86/dot_avx512.hpp>
#endif
#if AMQ_HAS_NEON
#include <amq/kernels/arm/dot_neon.hpp>
#endif
