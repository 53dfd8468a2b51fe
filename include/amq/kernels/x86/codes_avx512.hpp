#pragma once
/// @file
/// kernels/codes.hpp on AVX-512 (F, BW, VL). Included by that header alone.

AMQ_QUIET_BEGIN
namespace amq::kernels {
inline namespace AMQ_LEVEL {

template <>
struct Codes<simd::Avx512> : Codes<simd::Scalar> {
  template <typename Arch>
  static AMQ_INLINE void narrow16(simd::Ints<Arch> a, std::int16_t* p) noexcept {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(a.r[0]));
  }
  /// The upper bound is taken as floats, because a conversion out of range gives INT_MIN, which for
  /// a large negative number or NaN is right: it saturates to -128, and `low` is taken as bytes.
  template <typename Arch>
  static AMQ_INLINE void narrow(const simd::Floats<Arch> (&t)[4], float low, float high, int bias,
                                std::uint8_t* out) noexcept {
    const __m512 top = _mm512_set1_ps(high);
    __m512i v[4];
    for (int j = 0; j < 4; ++j) v[j] = _mm512_cvtps_epi32(_mm512_min_ps(top, t[j].r[0]));
    __m512i p = _mm512_packs_epi16(_mm512_packs_epi32(v[0], v[1]), _mm512_packs_epi32(v[2], v[3]));
    p = _mm512_max_epi8(p, _mm512_set1_epi8(static_cast<char>(low)));
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    p = _mm512_permutexvar_epi32(order, p);
    _mm512_storeu_si512(out, _mm512_add_epi8(p, _mm512_set1_epi8(static_cast<char>(bias))));
  }
  /// 256 high + low, exact in double, rounded once.
  template <typename Arch>
  static AMQ_INLINE simd::Floats<Arch> join(simd::Ints<Arch> high, simd::Ints<Arch> low) noexcept {
    const __m512d base = _mm512_set1_pd(256.0);
    const auto half = [&](__m256i h, __m256i l) AMQ_INLINE_LAMBDA {
      return _mm512_cvtpd_ps(_mm512_fmadd_pd(_mm512_cvtepi32_pd(h), base, _mm512_cvtepi32_pd(l)));
    };
    const __m512i h = high.r[0], l = low.r[0];
    const __m256 a = half(_mm512_castsi512_si256(h), _mm512_castsi512_si256(l));
    const __m256 b = half(_mm512_extracti32x8_epi32(h, 1), _mm512_extracti32x8_epi32(l, 1));
    return {{_mm512_insertf32x8(_mm512_castps256_ps512(a), b, 1)}};
  }
  static AMQ_INLINE __mmask64 first(int n) noexcept {
    return n >= 64 ? ~__mmask64{0} : (__mmask64{1} << n) - 1;
  }
  static AMQ_INLINE void pack(const std::uint8_t* codes, int n, int container,
                              std::uint8_t* out) noexcept {
    __m512i v = _mm512_maskz_loadu_epi8(first(n), codes);
    if (container == 4) {
      v = _mm512_and_si512(v, _mm512_set1_epi8(15));
      v = _mm512_or_si512(v, _mm512_srli_epi16(v, 4));
      _mm256_mask_storeu_epi8(out, static_cast<__mmask32>(first((n + 1) / 2)),
                              _mm512_cvtepi16_epi8(v));
    } else {
      v = _mm512_and_si512(v, _mm512_set1_epi8(3));
      v = _mm512_or_si512(v, _mm512_srli_epi32(v, 6));
      v = _mm512_or_si512(v, _mm512_srli_epi32(v, 12));
      _mm_mask_storeu_epi8(out, static_cast<__mmask16>(first((n + 3) / 4)),
                           _mm512_cvtepi32_epi8(v));
    }
  }
  template <int Container>
  static AMQ_INLINE void widen(const std::uint8_t* in, int n, int bias,
                               std::uint8_t* out) noexcept {
    __m512i v;
    int sign = 0;
    if constexpr (Container == 8) {
      v = _mm512_maskz_loadu_epi8(first(n), in);
    } else if constexpr (Container == 4) {
      v = _mm512_cvtepu8_epi16(
          _mm256_maskz_loadu_epi8(static_cast<__mmask32>(first((n + 1) / 2)), in));
      v = _mm512_and_si512(_mm512_or_si512(v, _mm512_slli_epi16(v, 4)), _mm512_set1_epi8(15));
      sign = 8;
    } else {
      v = _mm512_cvtepu8_epi32(
          _mm_maskz_loadu_epi8(static_cast<__mmask16>(first((n + 3) / 4)), in));
      v = _mm512_or_si512(v, _mm512_slli_epi32(v, 12));
      v = _mm512_and_si512(_mm512_or_si512(v, _mm512_slli_epi32(v, 6)), _mm512_set1_epi8(3));
      sign = 2;
    }
    // (field ^ sign) - sign extends the sign.
    v = _mm512_add_epi8(_mm512_xor_si512(v, _mm512_set1_epi8(static_cast<char>(sign))),
                        _mm512_set1_epi8(static_cast<char>(bias - sign)));
    _mm512_storeu_si512(out, v);
  }
  static AMQ_INLINE void widen16(const std::uint8_t* in, int n, int bias, std::uint8_t* high,
                                 std::uint8_t* low) noexcept {
    for (int half = 0; half < 2; ++half) {
      const __mmask64 mask = first(std::clamp(2 * (n - 32 * half), 0, 64));
      const __m512i v = _mm512_maskz_loadu_epi8(mask, in + 64 * half);
      const __m256i b = _mm256_set1_epi8(static_cast<char>(bias)),
                    c = _mm256_set1_epi8(static_cast<char>(bias - 128));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(high + 32 * half),
                          _mm256_add_epi8(_mm512_cvtepi16_epi8(_mm512_srli_epi16(v, 8)), b));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(low + 32 * half),
                          _mm256_add_epi8(_mm512_cvtepi16_epi8(v), c));
    }
  }
};

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
AMQ_QUIET_END
