#pragma once
/// @file
/// Thirty-two numbers of 16 bits at a time, fixed point: a word w with `fraction` bits behind the
/// point stands for w 2^-fraction. Sums saturate; swish, the range of a row and its codes need no
/// float. One rung a file: kernels/x86/words_*.hpp. Every rung gives the same bits.

#include <amq/core/matrix_view.hpp>
#include <amq/simd/batch.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace amq::kernels {

/// Bits behind the point of a word: 1 leaves a range of +-16,384, 12 one of +-8.
inline constexpr int least_fraction = 1, most_fraction = 12;

/// The largest fraction whose words hold +-largest.
[[nodiscard]] inline int fraction_for(double largest) noexcept {
  int f = most_fraction;
  while (f > least_fraction && !(largest < std::ldexp(32'767.0, -f))) --f;
  return f;
}

/// How a row of words becomes codes: code = floor(((x 2^left - centre) factor) 2^-16 2^-right).
struct WordGrid {
  std::int16_t centre = 0, factor = 0;
  std::int16_t left = 0, right = 0;
  std::int16_t low = 0, high = 0;  ///< -128 .. 127: the lowest and the highest code
};

inline namespace AMQ_LEVEL {

namespace detail {
/// g(a) = a / (1 + e^a) for a in 0 .. 8 as sixteen parabolas c0 + t (c1 + t c2), t in 0 .. 1, in
/// units of 2^-16: between halves, through both ends and the middle. The last one ends at 0.
struct SwishTable {
  alignas(64) std::int16_t c[3][16] = {
      {0, 12371, 17625, 17933, 15624, 12429, 9324, 6724, 4715, 3240, 2193, 1467, 972, 639, 418,
       272},
      {16322, 8337, 2165, -1507, -3062, -3294, -2895, -2298, -1717, -1233, -862, -591, -400, -267,
       -177, -55},
      {-3951, -3083, -1857, -802, -134, 190, 294, 289, 242, 186, 136, 96, 67, 45, 31, -217}};
};
inline constexpr SwishTable swish_table;
/// The largest |x| that swish tells apart: 8, or what a word holds.
[[nodiscard]] constexpr int swish_top(int fraction) noexcept {
  return std::min(8 << fraction, 32'768) - 1;
}
[[nodiscard]] constexpr std::int16_t saturated(int x) noexcept {
  return static_cast<std::int16_t>(std::clamp(x, -32'768, 32'767));
}
/// a b 2^-15, rounded.
[[nodiscard]] constexpr std::int16_t rounded_product(std::int16_t a, std::int16_t b) noexcept {
  return static_cast<std::int16_t>((((a * b) >> 14) + 1) >> 1);
}
}  // namespace detail

template <typename Arch>
struct Words : Words<typename Arch::Fallback> {};

template <>
struct Words<simd::Scalar> {
  static constexpr int count = 32;
  struct V {
    std::int16_t v[count];
  };
  template <typename Op>
  static AMQ_INLINE V make(Op op) noexcept {
    V r;
    for (int l = 0; l < count; ++l) r.v[l] = op(l);
    return r;
  }
  static AMQ_INLINE V load(const std::int16_t* p) noexcept {
    V r;
    std::memcpy(r.v, p, sizeof r.v);
    return r;
  }
  static AMQ_INLINE void store(std::int16_t* p, const V& a) noexcept {
    std::memcpy(p, a.v, sizeof a.v);
  }
  /// The first sixteen.
  static AMQ_INLINE void store_half(std::int16_t* p, const V& a) noexcept {
    std::memcpy(p, a.v, sizeof a.v / 2);
  }
  static AMQ_INLINE V splat(std::int16_t x) noexcept {
    return make([=](int) { return x; });
  }
  /// Saturates.
  static AMQ_INLINE V add(const V& a, const V& b) noexcept {
    return make([&](int l) { return detail::saturated(a.v[l] + b.v[l]); });
  }
  static AMQ_INLINE V lesser(const V& a, const V& b) noexcept {
    return make([&](int l) { return std::min(a.v[l], b.v[l]); });
  }
  static AMQ_INLINE V greater(const V& a, const V& b) noexcept {
    return make([&](int l) { return std::max(a.v[l], b.v[l]); });
  }
  /// The smallest of `low` and the largest of `high`.
  static AMQ_INLINE void extremes(const V& low, const V& high, std::int32_t& smallest,
                                  std::int32_t& largest) noexcept {
    smallest = *std::min_element(low.v, low.v + count);
    largest = *std::max_element(high.v, high.v + count);
  }
  /// To nearest, ties to even, saturating; NaN becomes the lowest.
  template <typename Arch>
  static AMQ_INLINE V rounded(simd::Floats<Arch> a, simd::Floats<Arch> b) noexcept {
    using F = simd::Floats<Arch>;
    const F low = F::splat(-32'768.0f), high = F::splat(32'767.0f);
    std::int32_t i[count];
    to_ints(min(max(a, low), high)).store(i);
    to_ints(min(max(b, low), high)).store(i + simd::lanes);
    return make([&](int l) { return static_cast<std::int16_t>(i[l]); });
  }
  template <typename Arch>
  static AMQ_INLINE void widen(const V& a, simd::Ints<Arch>& first,
                               simd::Ints<Arch>& second) noexcept {
    std::int32_t i[count];
    for (int l = 0; l < count; ++l) i[l] = a.v[l];
    first = simd::Ints<Arch>::load(i);
    second = simd::Ints<Arch>::load(i + simd::lanes);
  }

  /// max(x, 0) - g(|x|). Beyond |x| = 8, g is 0. Within half a step of x / (1 + e^-x) and 0.0006
  /// where |x| < 7, and 0.0028 elsewhere.
  class Swish {
   public:
    /// @pre least_fraction <= fraction <= most_fraction
    explicit Swish(int fraction) noexcept : fraction_(fraction) {}
    [[nodiscard]] AMQ_INLINE V operator()(const V& x) const noexcept {
      using detail::rounded_product;
      const auto& c = detail::swish_table.c;
      const int top = detail::swish_top(fraction_);
      return make([&](int l) {
        const int a = std::min(x.v[l] < 0 ? -x.v[l] : int{x.v[l]}, top);
        const int segment = a >> (fraction_ - 1);
        const auto t = static_cast<std::int16_t>((a << (16 - fraction_)) & 32'767);
        const auto inner =
            static_cast<std::int16_t>(c[1][segment] + rounded_product(t, c[2][segment]));
        const auto g = static_cast<std::int16_t>(c[0][segment] + rounded_product(t, inner));
        return static_cast<std::int16_t>(
            std::max<int>(x.v[l], 0) -
            rounded_product(g, static_cast<std::int16_t>(1 << (fraction_ - 1))));
      });
    }

   private:
    int fraction_;
  };

  /// Words to the bytes code + bias, sixty-four at a time.
  class Encoder {
   public:
    Encoder(const WordGrid& grid, int bias) noexcept : g_(grid), bias_(bias) {}
    AMQ_INLINE void operator()(const V& a, const V& b, std::uint8_t* out) const noexcept {
      for (int l = 0; l < count; ++l) {
        out[l] = one(a.v[l]);
        out[count + l] = one(b.v[l]);
      }
    }

   private:
    [[nodiscard]] std::uint8_t one(std::int16_t x) const noexcept {
      const auto y = static_cast<std::int16_t>(
          (static_cast<std::uint32_t>(static_cast<std::int32_t>(x)) << g_.left) -
          static_cast<std::uint32_t>(static_cast<std::int32_t>(g_.centre)));
      const int code = ((y * g_.factor) >> 16) >> g_.right;
      return static_cast<std::uint8_t>(std::clamp<int>(code, g_.low, g_.high) + bias_);
    }
    WordGrid g_;
    int bias_;
  };
};

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels

#if AMQ_HAS_AVX2
#include <amq/kernels/x86/words_avx2.hpp>
#endif
#if AMQ_HAS_AVX512
#include <amq/kernels/x86/words_avx512.hpp>
#endif
