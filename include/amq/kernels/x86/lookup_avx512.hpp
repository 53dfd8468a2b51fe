#pragma once
/// @file
/// kernels/lookup.hpp on AVX-512: the table stays in eight registers. Included by that header
/// alone.

AMQ_QUIET_BEGIN
namespace amq::kernels {
inline namespace AMQ_LEVEL {

template <>
struct Lookup<simd::Avx512> {
  explicit AMQ_INLINE Lookup(const std::uint16_t* entries) noexcept {
    for (int i = 0; i < 8; ++i) part_[i] = _mm512_loadu_si512(entries + 32 * i);
  }
  template <typename Arch>
  AMQ_INLINE void bytes(const simd::Ints<Arch> (&place)[4], std::int8_t* out) const noexcept {
    const __m512i even = words(place[0].r[0], place[2].r[0]),
                  odd = words(place[1].r[0], place[3].r[0]);
    const __m512i low = _mm512_and_si512(even, _mm512_set1_epi16(255));
    _mm512_storeu_si512(out, _mm512_or_si512(low, _mm512_slli_epi16(odd, 8)));
  }
  template <typename Arch>
  AMQ_INLINE void bytes(const simd::Ints<Arch> (&place)[2], std::uint8_t* out) const noexcept {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out),
                        _mm512_cvtepi16_epi8(words(place[0].r[0], place[1].r[0])));
  }
  template <typename Arch>
  AMQ_INLINE void floats(const simd::Ints<Arch> (&place)[2],
                         simd::Floats<Arch> (&out)[2]) const noexcept {
    const __m512i both = words(place[0].r[0], place[1].r[0]);
    out[0].r[0] = _mm512_cvtepi32_ps(_mm512_and_si512(both, _mm512_set1_epi32(0xffff)));
    out[1].r[0] = _mm512_cvtepi32_ps(_mm512_srli_epi32(both, 16));
  }

 private:
  /// Entries at the places of a in low words, of b in high ones.
  AMQ_INLINE __m512i words(__m512i a, __m512i b) const noexcept {
    const __m512i at = _mm512_or_si512(a, _mm512_slli_epi32(b, 16));
    const __mmask32 second = _mm512_test_epi16_mask(at, _mm512_set1_epi16(64)),
                    upper = _mm512_test_epi16_mask(at, _mm512_set1_epi16(128));
    const auto quarter = [&](int i) AMQ_INLINE_LAMBDA {
      return _mm512_permutex2var_epi16(part_[2 * i], at, part_[2 * i + 1]);
    };
    return _mm512_mask_blend_epi16(upper, _mm512_mask_blend_epi16(second, quarter(0), quarter(1)),
                                   _mm512_mask_blend_epi16(second, quarter(2), quarter(3)));
  }
  __m512i part_[8];
};

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
AMQ_QUIET_END
