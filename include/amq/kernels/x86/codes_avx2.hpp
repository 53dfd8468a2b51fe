#pragma once
/// @file
/// kernels/codes.hpp on AVX2. Included by that header alone.

namespace amq::kernels {
inline namespace AMQ_LEVEL {

template <>
struct Codes<simd::Avx2> : Codes<simd::Scalar> {
  template <typename Arch>
  static AMQ_INLINE __m256i to_words(simd::Ints<Arch> a) noexcept {
    return _mm256_permute4x64_epi64(_mm256_packs_epi32(a.r[0], a.r[1]), 0xd8);
  }
  template <typename Arch>
  static AMQ_INLINE void narrow16(simd::Ints<Arch> a, std::int16_t* p) noexcept {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), to_words(a));
  }
  template <typename Arch>
  static AMQ_INLINE void narrow(const simd::Floats<Arch> (&t)[4], float low, float high, int bias,
                                std::uint8_t* out) noexcept {
    using F = simd::Floats<Arch>;
    const __m256i b = _mm256_set1_epi8(static_cast<char>(bias));
    for (int j = 0; j < 4; j += 2) {
      const auto x = to_ints(min(max(t[j], F::splat(low)), F::splat(high)));
      const auto y = to_ints(min(max(t[j + 1], F::splat(low)), F::splat(high)));
      const __m256i p = _mm256_packs_epi16(_mm256_packs_epi32(x.r[0], x.r[1]),
                                           _mm256_packs_epi32(y.r[0], y.r[1]));
      // Every pack interleaves its halves; fours of codes are put in order at the end.
      const __m256i q = _mm256_permutevar8x32_epi32(p, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 16 * j), _mm256_add_epi8(q, b));
    }
  }
  template <int Container>
  static AMQ_INLINE void widen(const std::uint8_t* in, int n, int bias,
                               std::uint8_t* out) noexcept {
    if (n < chunk || Container == 2) return Codes<simd::Scalar>::widen<Container>(in, n, bias, out);
    for (int half = 0; half < 2; ++half) {
      __m256i v;
      if constexpr (Container == 8) {
        v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + 32 * half));
        v = _mm256_add_epi8(v, _mm256_set1_epi8(static_cast<char>(bias)));
      } else {
        v = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in + 16 * half)));
        v = _mm256_and_si256(_mm256_or_si256(v, _mm256_slli_epi16(v, 4)), _mm256_set1_epi8(15));
        // (field ^ 8) - 8 extends the sign.
        v = _mm256_add_epi8(_mm256_xor_si256(v, _mm256_set1_epi8(8)),
                            _mm256_set1_epi8(static_cast<char>(bias - 8)));
      }
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 32 * half), v);
    }
  }
};

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
