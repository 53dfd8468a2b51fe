#pragma once
/// @file
/// kernels/words.hpp on AVX-512 (F, BW, VL). Included by that header alone.

AMQ_QUIET_BEGIN
namespace amq::kernels {
inline namespace AMQ_LEVEL {

template <>
struct Words<simd::Avx512> {
  static constexpr int count = 32;
  using V = __m512i;
  static AMQ_INLINE V load(const std::int16_t* p) noexcept { return _mm512_loadu_si512(p); }
  static AMQ_INLINE void store(std::int16_t* p, V a) noexcept { _mm512_storeu_si512(p, a); }
  static AMQ_INLINE V splat(std::int16_t x) noexcept { return _mm512_set1_epi16(x); }
  static AMQ_INLINE V add(V a, V b) noexcept { return _mm512_adds_epi16(a, b); }
  static AMQ_INLINE V lesser(V a, V b) noexcept { return _mm512_min_epi16(a, b); }
  static AMQ_INLINE V greater(V a, V b) noexcept { return _mm512_max_epi16(a, b); }
  static AMQ_INLINE __m256i half(V a, int which) noexcept {
    return which == 0 ? _mm512_castsi512_si256(a) : _mm512_extracti64x4_epi64(a, 1);
  }
  static AMQ_INLINE void extremes(V low, V high, std::int32_t& smallest,
                                  std::int32_t& largest) noexcept {
    Words<simd::Avx2>::extremes(_mm256_min_epi16(half(low, 0), half(low, 1)),
                                _mm256_max_epi16(half(high, 0), half(high, 1)), smallest, largest);
  }
  static AMQ_INLINE void store_half(std::int16_t* p, V a) noexcept {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), half(a, 0));
  }
  /// A conversion out of range gives INT_MIN, which for a large negative number or NaN is right.
  template <typename Arch>
  static AMQ_INLINE V rounded(simd::Floats<Arch> a, simd::Floats<Arch> b) noexcept {
    const __m512 top = _mm512_set1_ps(32'767.0f);
    const __m512i p = _mm512_packs_epi32(_mm512_cvtps_epi32(_mm512_min_ps(top, a.r[0])),
                                         _mm512_cvtps_epi32(_mm512_min_ps(top, b.r[0])));
    return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), p);
  }
  template <typename Arch>
  static AMQ_INLINE void widen(V a, simd::Ints<Arch>& first, simd::Ints<Arch>& second) noexcept {
    first.r[0] = _mm512_cvtepi16_epi32(half(a, 0));
    second.r[0] = _mm512_cvtepi16_epi32(half(a, 1));
  }

  class Swish {
   public:
    explicit Swish(int fraction) noexcept
        : to_segment_(_mm512_set1_epi16(static_cast<std::int16_t>(fraction - 1))),
          to_place_(_mm512_set1_epi16(static_cast<std::int16_t>(16 - fraction))),
          top_(_mm512_set1_epi16(static_cast<std::int16_t>(detail::swish_top(fraction)))),
          unit_(_mm512_set1_epi16(static_cast<std::int16_t>(1 << (fraction - 1)))) {
      for (int k = 0; k < 3; ++k)
        c_[k] = _mm512_broadcast_i64x4(
            _mm256_load_si256(reinterpret_cast<const __m256i*>(detail::swish_table.c[k])));
    }
    [[nodiscard]] AMQ_INLINE V operator()(V x) const noexcept {
      // |-32768| stays as it is; as an unsigned number it is the largest, so the minimum is right.
      const V a = _mm512_min_epu16(_mm512_abs_epi16(x), top_);
      const V segment = _mm512_srlv_epi16(a, to_segment_);
      const V t = _mm512_and_si512(_mm512_sllv_epi16(a, to_place_), _mm512_set1_epi16(32'767));
      const auto c = [&](int k)
                         AMQ_INLINE_LAMBDA { return _mm512_permutexvar_epi16(segment, c_[k]); };
      const V inner = _mm512_add_epi16(c(1), _mm512_mulhrs_epi16(t, c(2)));
      const V g = _mm512_add_epi16(c(0), _mm512_mulhrs_epi16(t, inner));
      return _mm512_sub_epi16(_mm512_max_epi16(x, _mm512_setzero_si512()),
                              _mm512_mulhrs_epi16(g, unit_));
    }

   private:
    __m512i to_segment_, to_place_, top_, unit_, c_[3];
  };

  class Encoder {
   public:
    Encoder(const WordGrid& g, int bias) noexcept
        : left_(_mm512_set1_epi16(g.left)),
          right_(_mm512_set1_epi16(g.right)),
          centre_(_mm512_set1_epi16(g.centre)),
          factor_(_mm512_set1_epi16(g.factor)),
          low_(_mm512_set1_epi8(static_cast<char>(g.low))),
          high_(_mm512_set1_epi8(static_cast<char>(g.high))),
          bias_(_mm512_set1_epi8(static_cast<char>(bias))) {}
    AMQ_INLINE void operator()(V a, V b, std::uint8_t* out) const noexcept {
      __m512i p = _mm512_packs_epi16(words(a), words(b));
      p = _mm512_min_epi8(_mm512_max_epi8(p, low_), high_);
      p = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), p);
      _mm512_storeu_si512(out, _mm512_add_epi8(p, bias_));
    }

   private:
    [[nodiscard]] AMQ_INLINE V words(V x) const noexcept {
      const V y = _mm512_sub_epi16(_mm512_sllv_epi16(x, left_), centre_);
      return _mm512_srav_epi16(_mm512_mulhi_epi16(y, factor_), right_);
    }
    __m512i left_, right_, centre_, factor_, low_, high_, bias_;
  };
};

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
AMQ_QUIET_END
