#pragma once
/// @file
/// Sixteen floats, or sixteen 32-bit integers, on every rung: one 512-bit register, two of 256
/// bits, four of 128, or a plain array. Code written once over Floats<Arch> gives the same bits on
/// every rung, because every operation here is one IEEE operation per lane and every reduction has
/// one order (lane l += lane l + 8, + 4, + 2, + 1).
///
/// @warning a compiler may contract `a * b + c`, of operators here too, into an fma on one rung and
/// not on another. Write fma(a, b, c), or do not add to a product.

#include <amq/simd/registers.hpp>

#include <cstdint>
#include <cstring>

AMQ_QUIET_BEGIN
namespace amq::simd {
inline namespace AMQ_LEVEL {

/// 16 N floats. N > 1 goes in lockstep, so that long chains of dependent operations overlap: an
/// out-of-order core's scheduler is too short to find the next sixteen on its own.
template <typename Arch = Native, int N = 1>
struct Floats {
  using R = Registers<Arch>;
  static constexpr int count = N * lanes / R::width;
  typename R::F r[count];

  template <typename Op>
  static AMQ_INLINE Floats make(Op op) noexcept {
    Floats x;
    AMQ_UNROLL
    for (int i = 0; i < count; ++i) x.r[i] = op(i);
    return x;
  }
  static AMQ_INLINE Floats splat(float v) noexcept {
    return make([&](int) AMQ_INLINE_LAMBDA { return R::splat(v); });
  }
  static AMQ_INLINE Floats load(const float* p) noexcept {
    return make([&](int i) AMQ_INLINE_LAMBDA { return R::load(p + i * R::width); });
  }
  AMQ_INLINE void store(float* p) const noexcept {
    AMQ_UNROLL
    for (int i = 0; i < count; ++i) R::store(p + i * R::width, r[i]);
  }
  /// Past the caches, where the machine can. Others see it after end_stream().
  /// @pre p is a multiple of 64 bytes
  AMQ_INLINE void stream(float* p) const noexcept {
    AMQ_UNROLL
    for (int i = 0; i < count; ++i) R::stream(p + i * R::width, r[i]);
  }
  /// The first n lanes from memory, `rest` in the others; nothing beyond p[n - 1] is read.
  static AMQ_INLINE Floats load_part(const float* p, int n, float rest = 0) noexcept {
#if AMQ_HAS_AVX512
    if constexpr (std::is_base_of_v<Registers<Avx512>, R>)
      return {{_mm512_mask_loadu_ps(_mm512_set1_ps(rest), part_mask(n), p)}};
#endif
#if AMQ_HAS_AVX2
    if constexpr (std::is_base_of_v<Registers<Avx2>, R>)
      return make([&](int i) AMQ_INLINE_LAMBDA {
        const __m256i mask = part_mask8(n - 8 * i);
        const __m256 some = _mm256_maskload_ps(p + 8 * i, mask);
        return rest == 0 ? some
                         : _mm256_blendv_ps(_mm256_set1_ps(rest), some, _mm256_castsi256_ps(mask));
      });
#endif
    float buffer[lanes];
    for (int l = 0; l < lanes; ++l) buffer[l] = rest;
    std::memcpy(buffer, p, static_cast<std::size_t>(n) * sizeof(float));
    return load(buffer);
  }
  AMQ_INLINE void store_part(float* p, int n) const noexcept {
#if AMQ_HAS_AVX512
    if constexpr (std::is_base_of_v<Registers<Avx512>, R>) {
      _mm512_mask_storeu_ps(p, part_mask(n), r[0]);
      return;
    }
#endif
#if AMQ_HAS_AVX2
    if constexpr (std::is_base_of_v<Registers<Avx2>, R>) {
      AMQ_UNROLL
      for (int i = 0; i < count; ++i) _mm256_maskstore_ps(p + 8 * i, part_mask8(n - 8 * i), r[i]);
      return;
    }
#endif
    float buffer[lanes];
    store(buffer);
    std::memcpy(p, buffer, static_cast<std::size_t>(n) * sizeof(float));
  }

  friend AMQ_INLINE Floats operator+(Floats a, Floats b) noexcept {
    return make([&](int i) AMQ_INLINE_LAMBDA { return R::add(a.r[i], b.r[i]); });
  }
  friend AMQ_INLINE Floats operator-(Floats a, Floats b) noexcept {
    return make([&](int i) AMQ_INLINE_LAMBDA { return R::sub(a.r[i], b.r[i]); });
  }
  friend AMQ_INLINE Floats operator*(Floats a, Floats b) noexcept {
    return make([&](int i) AMQ_INLINE_LAMBDA { return R::mul(a.r[i], b.r[i]); });
  }
  friend AMQ_INLINE Floats operator/(Floats a, Floats b) noexcept {
    return make([&](int i) AMQ_INLINE_LAMBDA { return R::div(a.r[i], b.r[i]); });
  }
  /// a * b + c, rounded once.
  friend AMQ_INLINE Floats fma(Floats a, Floats b, Floats c) noexcept {
    return make([&](int i) AMQ_INLINE_LAMBDA { return R::fma(a.r[i], b.r[i], c.r[i]); });
  }
  /// c - a * b, rounded once.
  friend AMQ_INLINE Floats fnma(Floats a, Floats b, Floats c) noexcept {
    return make([&](int i) AMQ_INLINE_LAMBDA { return R::fnma(a.r[i], b.r[i], c.r[i]); });
  }
  /// a > b ? a : b, so b where one is NaN.
  friend AMQ_INLINE Floats max(Floats a, Floats b) noexcept {
    return make([&](int i) AMQ_INLINE_LAMBDA { return R::max(a.r[i], b.r[i]); });
  }
  /// a < b ? a : b, so b where one is NaN.
  friend AMQ_INLINE Floats min(Floats a, Floats b) noexcept {
    return make([&](int i) AMQ_INLINE_LAMBDA { return R::min(a.r[i], b.r[i]); });
  }
  /// a > b ? x : y, so y where one is NaN.
  friend AMQ_INLINE Floats select_greater(Floats a, Floats b, Floats x, Floats y) noexcept {
    return make(
        [&](int i) AMQ_INLINE_LAMBDA { return R::select_greater(a.r[i], b.r[i], x.r[i], y.r[i]); });
  }
  friend AMQ_INLINE Floats abs(Floats a) noexcept {
    return make([&](int i) AMQ_INLINE_LAMBDA { return R::abs(a.r[i]); });
  }
  friend AMQ_INLINE Floats sqrt(Floats a) noexcept {
    return make([&](int i) AMQ_INLINE_LAMBDA { return R::sqrt(a.r[i]); });
  }

#if AMQ_HAS_AVX512
  static AMQ_INLINE __mmask16 part_mask(int n) noexcept {
    return static_cast<__mmask16>((1u << n) - 1u);
  }
#endif
#if AMQ_HAS_AVX2
  static AMQ_INLINE __m256i part_mask8(int n) noexcept {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
#endif
};

/// 16 N 32-bit integers; sums wrap.
template <typename Arch = Native, int N = 1>
struct Ints {
  using R = Registers<Arch>;
  static constexpr int count = N * lanes / R::width;
  typename R::Int r[count];

  template <typename Op>
  static AMQ_INLINE Ints make(Op op) noexcept {
    Ints x;
    AMQ_UNROLL
    for (int i = 0; i < count; ++i) x.r[i] = op(i);
    return x;
  }
  static AMQ_INLINE Ints splat(std::int32_t v) noexcept {
    return make([&](int) AMQ_INLINE_LAMBDA { return R::splat(v); });
  }
  static AMQ_INLINE Ints load(const std::int32_t* p) noexcept {
    return make([&](int i) AMQ_INLINE_LAMBDA { return R::load(p + i * R::width); });
  }
  AMQ_INLINE void store(std::int32_t* p) const noexcept {
    AMQ_UNROLL
    for (int i = 0; i < count; ++i) R::store(p + i * R::width, r[i]);
  }
  AMQ_INLINE void stream(std::int32_t* p) const noexcept {
    AMQ_UNROLL
    for (int i = 0; i < count; ++i) R::stream(p + i * R::width, r[i]);
  }
  AMQ_INLINE void store_part(std::int32_t* p, int n) const noexcept {
    std::int32_t buffer[lanes];
    store(buffer);
    std::memcpy(p, buffer, static_cast<std::size_t>(n) * sizeof(std::int32_t));
  }
  friend AMQ_INLINE Ints operator+(Ints a, Ints b) noexcept {
    return make([&](int i) AMQ_INLINE_LAMBDA { return R::add(a.r[i], b.r[i]); });
  }
  friend AMQ_INLINE Ints operator-(Ints a, Ints b) noexcept {
    return make([&](int i) AMQ_INLINE_LAMBDA { return R::sub(a.r[i], b.r[i]); });
  }
  /// The bits that both have.
  friend AMQ_INLINE Ints operator&(Ints a, Ints b) noexcept {
    return make([&](int i) AMQ_INLINE_LAMBDA { return R::both(a.r[i], b.r[i]); });
  }
};

template <int By, typename Arch, int N>
AMQ_INLINE Ints<Arch, N> shift_left(Ints<Arch, N> a) noexcept {
  using R = Registers<Arch>;
  return Ints<Arch, N>::make([&](int i)
                                 AMQ_INLINE_LAMBDA { return R::template shift_left<By>(a.r[i]); });
}
/// To nearest, ties to even. @pre |a| < 2^31
template <typename Arch, int N>
AMQ_INLINE Ints<Arch, N> to_ints(Floats<Arch, N> a) noexcept {
  return Ints<Arch, N>::make([&](int i)
                                 AMQ_INLINE_LAMBDA { return Registers<Arch>::to_ints(a.r[i]); });
}
template <typename Arch, int N>
AMQ_INLINE Floats<Arch, N> to_floats(Ints<Arch, N> a) noexcept {
  return Floats<Arch, N>::make(
      [&](int i) AMQ_INLINE_LAMBDA { return Registers<Arch>::to_floats(a.r[i]); });
}
template <typename Arch, int N>
AMQ_INLINE Ints<Arch, N> bits(Floats<Arch, N> a) noexcept {
  return Ints<Arch, N>::make([&](int i)
                                 AMQ_INLINE_LAMBDA { return Registers<Arch>::bits(a.r[i]); });
}
template <typename Arch, int N>
AMQ_INLINE Floats<Arch, N> from_bits(Ints<Arch, N> a) noexcept {
  return Floats<Arch, N>::make(
      [&](int i) AMQ_INLINE_LAMBDA { return Registers<Arch>::from_bits(a.r[i]); });
}

namespace detail {
// One operation at every width a fold passes through.
#if AMQ_HAS_AVX512
#define AMQ_FOLD_WIDEST(name)                                \
  static AMQ_INLINE __m512 of(__m512 a, __m512 b) noexcept { \
    return _mm512_##name##_ps(a, b);                         \
  }
#else
#define AMQ_FOLD_WIDEST(name)
#endif
#if AMQ_HAS_AVX2
#define AMQ_FOLD_WIDTHS(name)                                \
  AMQ_FOLD_WIDEST(name)                                      \
  static AMQ_INLINE __m128 of(__m128 a, __m128 b) noexcept { \
    return _mm_##name##_ps(a, b);                            \
  }                                                          \
  static AMQ_INLINE __m256 of(__m256 a, __m256 b) noexcept { \
    return _mm256_##name##_ps(a, b);                         \
  }
#else
#define AMQ_FOLD_WIDTHS(name)
#endif
struct Sum {
  static AMQ_INLINE float of(float a, float b) noexcept { return a + b; }
  AMQ_FOLD_WIDTHS(add)
};
struct Largest {
  static AMQ_INLINE float of(float a, float b) noexcept { return a > b ? a : b; }
  AMQ_FOLD_WIDTHS(max)
};
struct Smallest {
  static AMQ_INLINE float of(float a, float b) noexcept { return a < b ? a : b; }
  AMQ_FOLD_WIDTHS(min)
};
#undef AMQ_FOLD_WIDTHS
#undef AMQ_FOLD_WIDEST

/// Folds sixteen lanes in the one order: +8, +4, +2, +1.
template <typename Op, typename Arch>
AMQ_INLINE float fold(Floats<Arch> a) noexcept {
#if AMQ_HAS_AVX2
  if constexpr (Floats<Arch>::count == 2 || std::is_base_of_v<Registers<Avx512>, Registers<Arch>>) {
    __m256 x;
#if AMQ_HAS_AVX512
    if constexpr (Floats<Arch>::count == 1)
      x = Op::of(_mm512_castps512_ps256(a.r[0]), _mm512_extractf32x8_ps(a.r[0], 1));
    else
#endif
      x = Op::of(__m256(a.r[0]), __m256(a.r[1]));
    __m128 y = Op::of(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = Op::of(y, _mm_movehl_ps(y, y));
    return Op::of(_mm_cvtss_f32(y), _mm_cvtss_f32(_mm_shuffle_ps(y, y, 1)));
  }
#endif
  float v[lanes];
  a.store(v);
  for (int width = lanes / 2; width > 0; width /= 2)
    for (int l = 0; l < width; ++l) v[l] = Op::of(v[l], v[l + width]);
  return v[0];
}
}  // namespace detail

/// Sum, largest and smallest of sixteen lanes, folded in the one order.
template <typename Arch>
AMQ_INLINE float sum(Floats<Arch> a) noexcept {
  return detail::fold<detail::Sum>(a);
}
template <typename Arch>
AMQ_INLINE float largest(Floats<Arch> a) noexcept {
  return detail::fold<detail::Largest>(a);
}
template <typename Arch>
AMQ_INLINE float smallest(Floats<Arch> a) noexcept {
  return detail::fold<detail::Smallest>(a);
}

/// Sixteen folds at once: lane r is the fold of rows[r]. Same order, a third of the instructions.
template <typename Op, typename Arch>
AMQ_INLINE Floats<Arch> fold_rows(const Floats<Arch> (&rows)[lanes]) noexcept {
#if AMQ_HAS_AVX512
  if constexpr (std::is_base_of_v<Registers<Avx512>, Registers<Arch>>) {
    __m512 a[8], b[4], c[2];
    for (int i = 0; i < 8; ++i) {  // halves: rows 2 i, 2 i + 1
      const __m512 x = rows[2 * i].r[0], y = rows[2 * i + 1].r[0];
      a[i] = Op::of(_mm512_shuffle_f32x4(x, y, 0x44), _mm512_shuffle_f32x4(x, y, 0xee));
    }
    for (int i = 0; i < 4; ++i)  // quarters
      b[i] = Op::of(_mm512_shuffle_f32x4(a[2 * i], a[2 * i + 1], 0x88),
                    _mm512_shuffle_f32x4(a[2 * i], a[2 * i + 1], 0xdd));
    for (int i = 0; i < 2; ++i)  // within quarters
      c[i] = Op::of(_mm512_shuffle_ps(b[2 * i], b[2 * i + 1], 0x44),
                    _mm512_shuffle_ps(b[2 * i], b[2 * i + 1], 0xee));
    const __m512 d =
        Op::of(_mm512_shuffle_ps(c[0], c[1], 0x88), _mm512_shuffle_ps(c[0], c[1], 0xdd));
    // Quarter q, place p holds row 4 p + q.
    const __m512i back = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return {{_mm512_permutexvar_ps(back, d)}};
  }
#endif
  float v[lanes];
  for (int r = 0; r < lanes; ++r) v[r] = detail::fold<Op>(rows[r]);
  return Floats<Arch>::load(v);
}
template <typename Arch>
AMQ_INLINE Floats<Arch> sum_rows(const Floats<Arch> (&rows)[lanes]) noexcept {
  return fold_rows<detail::Sum>(rows);
}
template <typename Arch>
AMQ_INLINE Floats<Arch> largest_of_rows(const Floats<Arch> (&rows)[lanes]) noexcept {
  return fold_rows<detail::Largest>(rows);
}
template <typename Arch>
AMQ_INLINE Floats<Arch> smallest_of_rows(const Floats<Arch> (&rows)[lanes]) noexcept {
  return fold_rows<detail::Smallest>(rows);
}

}  // namespace AMQ_LEVEL
}  // namespace amq::simd
AMQ_QUIET_END
