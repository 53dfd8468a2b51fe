#pragma once
/// @file
/// kernels/words.hpp on AVX2. Included by that header alone.

namespace amq::kernels {
inline namespace AMQ_LEVEL {

template <>
struct Words<simd::Avx2> {
  static constexpr int count = 32;
  struct V {
    __m256i r[2];
  };
  template <typename Op>
  static AMQ_INLINE V make(Op op) noexcept {
    return {{op(0), op(1)}};
  }
  static AMQ_INLINE V load(const std::int16_t* p) noexcept {
    return make([=](int i) AMQ_INLINE_LAMBDA {
      return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 16 * i));
    });
  }
  static AMQ_INLINE void store(std::int16_t* p, V a) noexcept {
    for (int i = 0; i < 2; ++i) _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 16 * i), a.r[i]);
  }
  static AMQ_INLINE void store_half(std::int16_t* p, V a) noexcept {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.r[0]);
  }
  static AMQ_INLINE V splat(std::int16_t x) noexcept {
    return make([=](int) AMQ_INLINE_LAMBDA { return _mm256_set1_epi16(x); });
  }
  static AMQ_INLINE V add(V a, V b) noexcept {
    return make([&](int i) AMQ_INLINE_LAMBDA { return _mm256_adds_epi16(a.r[i], b.r[i]); });
  }
  static AMQ_INLINE V lesser(V a, V b) noexcept {
    return make([&](int i) AMQ_INLINE_LAMBDA { return _mm256_min_epi16(a.r[i], b.r[i]); });
  }
  static AMQ_INLINE V greater(V a, V b) noexcept {
    return make([&](int i) AMQ_INLINE_LAMBDA { return _mm256_max_epi16(a.r[i], b.r[i]); });
  }
  static AMQ_INLINE __m128i half(__m256i a, int which) noexcept {
    return which == 0 ? _mm256_castsi256_si128(a) : _mm256_extracti128_si256(a, 1);
  }
  /// phminposuw finds the smallest of eight unsigned words.
  static AMQ_INLINE void extremes(__m256i low, __m256i high, std::int32_t& smallest,
                                  std::int32_t& largest) noexcept {
    const __m128i sign = _mm_set1_epi16(-32'768), all = _mm_set1_epi16(32'767);
    const __m128i l = _mm_min_epi16(half(low, 0), half(low, 1)),
                  h = _mm_max_epi16(half(high, 0), half(high, 1));
    smallest = (_mm_cvtsi128_si32(_mm_minpos_epu16(_mm_xor_si128(l, sign))) & 0xffff) - 32'768;
    largest = 32'767 - (_mm_cvtsi128_si32(_mm_minpos_epu16(_mm_xor_si128(h, all))) & 0xffff);
  }
  static AMQ_INLINE void extremes(V low, V high, std::int32_t& smallest,
                                  std::int32_t& largest) noexcept {
    extremes(_mm256_min_epi16(low.r[0], low.r[1]), _mm256_max_epi16(high.r[0], high.r[1]), smallest,
             largest);
  }
  /// A conversion out of range gives INT_MIN, which for a large negative number or NaN is right.
  template <typename Arch>
  static AMQ_INLINE V rounded(simd::Floats<Arch> a, simd::Floats<Arch> b) noexcept {
    const __m256 top = _mm256_set1_ps(32'767.0f);
    const auto words = [&](simd::Floats<Arch> f) AMQ_INLINE_LAMBDA {
      return _mm256_permute4x64_epi64(
          _mm256_packs_epi32(_mm256_cvtps_epi32(_mm256_min_ps(top, f.r[0])),
                             _mm256_cvtps_epi32(_mm256_min_ps(top, f.r[1]))),
          0xd8);
    };
    return {{words(a), words(b)}};
  }
  template <typename Arch>
  static AMQ_INLINE void widen(V a, simd::Ints<Arch>& first, simd::Ints<Arch>& second) noexcept {
    for (int i = 0; i < 2; ++i) {
      first.r[i] = _mm256_cvtepi16_epi32(half(a.r[0], i));
      second.r[i] = _mm256_cvtepi16_epi32(half(a.r[1], i));
    }
  }

  class Swish {
   public:
    explicit Swish(int fraction) noexcept
        : to_segment_(_mm_cvtsi32_si128(fraction - 1)),
          to_place_(_mm_cvtsi32_si128(16 - fraction)),
          top_(_mm256_set1_epi16(static_cast<std::int16_t>(detail::swish_top(fraction)))),
          unit_(_mm256_set1_epi16(static_cast<std::int16_t>(1 << (fraction - 1)))) {
      for (int k = 0; k < 3; ++k) {
        alignas(16) std::uint8_t low[16], high[16];
        for (int s = 0; s < 16; ++s) {
          const auto c = static_cast<std::uint16_t>(detail::swish_table.c[k][s]);
          low[s] = static_cast<std::uint8_t>(c & 255);
          high[s] = static_cast<std::uint8_t>(c >> 8);
        }
        low_[k] = twice(low);
        high_[k] = twice(high);
      }
    }
    [[nodiscard]] AMQ_INLINE V operator()(V x) const noexcept {
      return make([&](int i) AMQ_INLINE_LAMBDA { return one(x.r[i]); });
    }

   private:
    static AMQ_INLINE __m256i twice(const std::uint8_t* p) noexcept {
      return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(p)));
    }
    [[nodiscard]] AMQ_INLINE __m256i one(__m256i x) const noexcept {
      // |-32768| stays as it is; as an unsigned number it is the largest, so the minimum is right.
      const __m256i a = _mm256_min_epu16(_mm256_abs_epi16(x), top_);
      const __m256i segment = _mm256_srl_epi16(a, to_segment_);
      const __m256i t = _mm256_and_si256(_mm256_sll_epi16(a, to_place_), _mm256_set1_epi16(32'767));
      const __m256i to_low = _mm256_or_si256(segment, _mm256_set1_epi16(-32'768));
      const __m256i to_high =
          _mm256_or_si256(_mm256_slli_epi16(segment, 8), _mm256_set1_epi16(0x0080));
      const auto c = [&](int k) AMQ_INLINE_LAMBDA {
        return _mm256_or_si256(_mm256_shuffle_epi8(low_[k], to_low),
                               _mm256_shuffle_epi8(high_[k], to_high));
      };
      const __m256i inner = _mm256_add_epi16(c(1), _mm256_mulhrs_epi16(t, c(2)));
      const __m256i g = _mm256_add_epi16(c(0), _mm256_mulhrs_epi16(t, inner));
      return _mm256_sub_epi16(_mm256_max_epi16(x, _mm256_setzero_si256()),
                              _mm256_mulhrs_epi16(g, unit_));
    }
    __m128i to_segment_, to_place_;
    __m256i top_, unit_, low_[3], high_[3];
  };

  class Encoder {
   public:
    Encoder(const WordGrid& g, int bias) noexcept
        : left_(_mm_cvtsi32_si128(g.left)),
          right_(_mm_cvtsi32_si128(g.right)),
          centre_(_mm256_set1_epi16(g.centre)),
          factor_(_mm256_set1_epi16(g.factor)),
          low_(_mm256_set1_epi8(static_cast<char>(g.low))),
          high_(_mm256_set1_epi8(static_cast<char>(g.high))),
          bias_(_mm256_set1_epi8(static_cast<char>(bias))) {}
    AMQ_INLINE void operator()(V a, V b, std::uint8_t* out) const noexcept {
      half(a, out);
      half(b, out + 32);
    }

   private:
    [[nodiscard]] AMQ_INLINE __m256i words(__m256i x) const noexcept {
      const __m256i y = _mm256_sub_epi16(_mm256_sll_epi16(x, left_), centre_);
      return _mm256_sra_epi16(_mm256_mulhi_epi16(y, factor_), right_);
    }
    AMQ_INLINE void half(V a, std::uint8_t* out) const noexcept {
      const __m256i p =
          _mm256_permute4x64_epi64(_mm256_packs_epi16(words(a.r[0]), words(a.r[1])), 0xd8);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out),
                          _mm256_add_epi8(_mm256_min_epi8(_mm256_max_epi8(p, low_), high_), bias_));
    }
    __m128i left_, right_;
    __m256i centre_, factor_, low_, high_, bias_;
  };
};

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
