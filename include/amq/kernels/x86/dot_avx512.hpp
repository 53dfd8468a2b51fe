#pragma once
/// @file
/// kernels/dot.hpp on AVX-512 and AVX-512 VNNI. Included by that header alone.

AMQ_QUIET_BEGIN
namespace amq::kernels {
inline namespace AMQ_LEVEL {

/// As on AVX2: 16-bit products of even and of odd digits.
template <>
struct Dot<simd::Avx512> {
  static constexpr int bias = 128;
  static constexpr int rows = 6, blocks = 2;
  using Acc = simd::Ints<simd::Avx512>;
  struct Digits {
    __m512i even, odd;
  };
  struct Weights {
    __m512i even, odd;
  };
  static AMQ_INLINE __m512i broadcast(const std::uint8_t* p) noexcept {
    std::int32_t d;
    std::memcpy(&d, p, 4);
    return _mm512_set1_epi32(d);
  }
  static AMQ_INLINE Digits digits(const std::uint8_t* p) noexcept {
    const __m512i d = broadcast(p);
    return {_mm512_and_si512(d, _mm512_set1_epi16(255)), _mm512_srli_epi16(d, 8)};
  }
  static AMQ_INLINE Weights weights(const std::int8_t* p) noexcept {
    const __m512i v = _mm512_loadu_si512(p);
    return {_mm512_srai_epi16(_mm512_slli_epi16(v, 8), 8), _mm512_srai_epi16(v, 8)};
  }
  static AMQ_INLINE void add(Acc& acc, const Digits& a, const Weights& w) noexcept {
    acc.r[0] = _mm512_add_epi32(acc.r[0], _mm512_add_epi32(_mm512_madd_epi16(a.even, w.even),
                                                           _mm512_madd_epi16(a.odd, w.odd)));
  }
};

template <int Times>
struct FoldedDot<simd::Avx512, Times> {
  static_assert(Times == folds_of_narrow || Times == folds_of_six,
                "amq::kernels::FoldedDot<Arch, Times>: how often is what folds_that_fit allows");
  static constexpr int rows = 6, blocks = 2;
  using Acc = simd::Ints<simd::Avx512>;
  using Words = __m512i;
  using Digits = __m512i;
  static AMQ_INLINE Digits digits(const std::uint8_t* p) noexcept {
    return Dot<simd::Avx512>::broadcast(p);
  }
  static AMQ_INLINE Words weights(const std::int8_t* p) noexcept { return _mm512_loadu_si512(p); }
  static AMQ_INLINE Words first(Digits a, Words w) noexcept { return _mm512_maddubs_epi16(a, w); }
  static AMQ_INLINE void add(Words& sum, Digits a, Words w) noexcept {
    const __m512i product = _mm512_maddubs_epi16(a, w);
    asm("vpaddw %1, %0, %0" : "+v"(sum) : "v"(product));  // as on AVX2
  }
  static AMQ_INLINE void widen(Acc& acc, Words sum) noexcept {
    acc.r[0] = _mm512_add_epi32(acc.r[0], _mm512_madd_epi16(sum, _mm512_set1_epi16(1)));
  }
};
template <>
inline constexpr bool folds<simd::Avx512> = true;

#if AMQ_HAS_AVX512VNNI
template <typename Arch>
struct DotVnni {
  static constexpr int bias = 128;
  static constexpr int rows = 6, blocks = 4;
  using Acc = simd::Ints<Arch>;
  using Digits = __m512i;
  using Weights = __m512i;
  static AMQ_INLINE Digits digits(const std::uint8_t* p) noexcept {
    return Dot<simd::Avx512>::broadcast(p);
  }
  static AMQ_INLINE Weights weights(const std::int8_t* p) noexcept { return _mm512_loadu_si512(p); }
  static AMQ_INLINE void add(Acc& acc, Digits a, Weights w) noexcept {
    __m512i x = acc.r[0];
    // As an intrinsic, g++ 12 moves and spills accumulators around it.
    asm("vpdpbusd %2, %1, %0" : "+v"(x) : "v"(a), "v"(w));
    acc.r[0] = x;
  }
};
template <>
struct Dot<simd::Avx512Vnni> : DotVnni<simd::Avx512Vnni> {};
/// What tiles leave over.
template <>
struct Dot<simd::Amx> : DotVnni<simd::Amx> {};
#endif

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
AMQ_QUIET_END
