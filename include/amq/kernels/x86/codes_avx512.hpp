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
  template <typename Arch>
  static AMQ_INLINE void narrow8(simd::Ints<Arch> a, std::int8_t* p) noexcept {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a.r[0]));
  }
  static AMQ_INLINE __mmask64 first(int n) noexcept {
    return n >= 64 ? ~__mmask64{0} : (__mmask64{1} << n) - 1;
  }
  static AMQ_INLINE void pack(const std::int8_t* codes, int n, int container,
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
  static AMQ_INLINE void widen(const std::uint8_t* in, int n, int container, int bias,
                               std::uint8_t* out) noexcept {
    __m512i v;
    int sign = 0;
    if (container == 8) {
      v = _mm512_maskz_loadu_epi8(first(n), in);
    } else if (container == 4) {
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
