#pragma once
/// @file
/// kernels/dot.hpp on AVX2 and AVX-VNNI. Included by that header alone.

namespace amq::kernels {
inline namespace AMQ_LEVEL {

/// vpmaddubsw saturates, so digits and weights are widened to 16 bits: even ones, odd ones.
template <>
struct Dot<simd::Avx2> {
  static constexpr int bias = 128;
  static constexpr int rows = 3, blocks = 1;
  using Acc = simd::Ints<simd::Avx2>;
  struct Digits {
    __m256i even, odd;
  };
  struct Weights {
    __m256i even[2], odd[2];
  };
  static AMQ_INLINE __m256i broadcast(const std::uint8_t* p) noexcept {
    std::int32_t d;
    std::memcpy(&d, p, 4);
    return _mm256_set1_epi32(d);
  }
  static AMQ_INLINE Digits digits(const std::uint8_t* p) noexcept {
    const __m256i d = broadcast(p);
    return {_mm256_and_si256(d, _mm256_set1_epi16(255)), _mm256_srli_epi16(d, 8)};
  }
  static AMQ_INLINE Weights weights(const std::int8_t* p) noexcept {
    Weights w;
    for (int h = 0; h < 2; ++h) {
      const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32 * h));
      w.even[h] = _mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8);
      w.odd[h] = _mm256_srai_epi16(v, 8);
    }
    return w;
  }
  static AMQ_INLINE void add(Acc& acc, const Digits& a, const Weights& w) noexcept {
    for (int h = 0; h < 2; ++h)
      acc.r[h] = _mm256_add_epi32(acc.r[h], _mm256_add_epi32(_mm256_madd_epi16(a.even, w.even[h]),
                                                             _mm256_madd_epi16(a.odd, w.odd[h])));
  }
};

template <int Times>
struct FoldedDot<simd::Avx2, Times> {
  static_assert(Times == folds_of_narrow || Times == folds_of_six,
                "amq::kernels::FoldedDot<Arch, Times>: how often is what folds_that_fit allows");
  static constexpr int rows = 4, blocks = 1;
  using Acc = simd::Ints<simd::Avx2>;
  struct Words {
    __m256i v[2];
  };
  using Digits = __m256i;
  static AMQ_INLINE Digits digits(const std::uint8_t* p) noexcept {
    return Dot<simd::Avx2>::broadcast(p);
  }
  static AMQ_INLINE Words weights(const std::int8_t* p) noexcept {
    return {{_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
             _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))}};
  }
  static AMQ_INLINE Words first(Digits a, const Words& w) noexcept {
    return {{_mm256_maddubs_epi16(a, w.v[0]), _mm256_maddubs_epi16(a, w.v[1])}};
  }
  static AMQ_INLINE void add(Words& sum, Digits a, const Words& w) noexcept {
    for (int h = 0; h < 2; ++h) {
      // As an intrinsic, g++ 12 puts the additions off and spills the products.
      const __m256i product = _mm256_maddubs_epi16(a, w.v[h]);
      asm("vpaddw %1, %0, %0" : "+x"(sum.v[h]) : "x"(product));
    }
  }
  /// acc += at most `Times` products.
  static AMQ_INLINE void widen(Acc& acc, const Words& sum) noexcept {
    for (int h = 0; h < 2; ++h)
      acc.r[h] = _mm256_add_epi32(acc.r[h], _mm256_madd_epi16(sum.v[h], _mm256_set1_epi16(1)));
  }
};
template <>
inline constexpr bool folds<simd::Avx2> = true;

#if AMQ_HAS_AVXVNNI
template <>
struct Dot<simd::AvxVnni> {
  static constexpr int bias = 128;
  static constexpr int rows = 4, blocks = 1;
  using Acc = simd::Ints<simd::AvxVnni>;
  using Digits = __m256i;
  struct Weights {
    __m256i v[2];
  };
  static AMQ_INLINE Digits digits(const std::uint8_t* p) noexcept {
    return Dot<simd::Avx2>::broadcast(p);
  }
  static AMQ_INLINE Weights weights(const std::int8_t* p) noexcept {
    return {{_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
             _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))}};
  }
  static AMQ_INLINE void add(Acc& acc, Digits a, const Weights& w) noexcept {
    for (int h = 0; h < 2; ++h) acc.r[h] = _mm256_dpbusd_avx_epi32(acc.r[h], a, w.v[h]);
  }
};
#endif

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
