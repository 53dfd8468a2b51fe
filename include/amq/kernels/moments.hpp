#pragma once
/// @file
/// Statistics of sixteen rows at a time, to the bit what quant/row_stats.hpp computes with plain
/// loops. Lane r of a result belongs to row r.

#include <amq/quant/row_stats.hpp>
#include <amq/simd/batch.hpp>

#include <cmath>
#include <limits>
#include <type_traits>

namespace amq::kernels {
inline namespace AMQ_LEVEL {

inline constexpr int block_rows = simd::lanes;

namespace detail {
/// The sixteen accumulators of each row; a missing element of the tail counts as `rest`. Four rows
/// go side by side, so that their chains of additions overlap.
template <typename Arch, typename Step>
AMQ_INLINE void accumulate(const float* const* x, Index n, float start, const float* rest,
                           simd::Floats<Arch> (&lane)[block_rows], Step step) noexcept {
  using F = simd::Floats<Arch>;
  for (int r = 0; r < block_rows; r += 4) {
    F a = F::splat(start), b = a, c = a, d = a;
    Index k = 0;
    for (; k + simd::lanes <= n; k += simd::lanes) {
      a = step(a, F::load(x[r] + k), r);
      b = step(b, F::load(x[r + 1] + k), r + 1);
      c = step(c, F::load(x[r + 2] + k), r + 2);
      d = step(d, F::load(x[r + 3] + k), r + 3);
    }
    if (k < n) {
      const int part = static_cast<int>(n - k);
      a = step(a, F::load_part(x[r] + k, part, rest[r]), r);
      b = step(b, F::load_part(x[r + 1] + k, part, rest[r + 1]), r + 1);
      c = step(c, F::load_part(x[r + 2] + k, part, rest[r + 2]), r + 2);
      d = step(d, F::load_part(x[r + 3] + k, part, rest[r + 3]), r + 3);
    }
    lane[r] = a;
    lane[r + 1] = b;
    lane[r + 2] = c;
    lane[r + 3] = d;
  }
}
struct Same {
  float v[block_rows];
  explicit Same(float x) noexcept {
    for (float& y : v) y = x;
  }
};
}  // namespace detail

template <typename Arch>
struct BlockMoments {
  simd::Floats<Arch> mean, deviation;
};

/// @param x  sixteen rows of n > 0 floats
template <typename Arch>
[[nodiscard]] AMQ_INLINE BlockMoments<Arch> mean_deviation(const float* const* x,
                                                           Index n) noexcept {
  using F = simd::Floats<Arch>;
  F lane[block_rows];
  const F count = F::splat(static_cast<float>(n));
  detail::accumulate<Arch>(x, n, 0, detail::Same(0).v, lane,
                           [](F a, F v, int) AMQ_INLINE_LAMBDA { return a + v; });
  const F mean = sum_rows(lane) / count;
  // A missing element is the mean itself: its distance is 0 and contributes nothing.
  alignas(64) float m[block_rows];
  mean.store(m);
  detail::accumulate<Arch>(x, n, 0, m, lane, [&m](F a, F v, int r) AMQ_INLINE_LAMBDA {
    const F d = v - F::splat(m[r]);
    return fma(d, d, a);
  });
  return {mean, sqrt(sum_rows(lane) / count)};
}

template <typename Arch>
[[nodiscard]] AMQ_INLINE simd::Floats<Arch> abs_max(const float* const* x, Index n) noexcept {
  using F = simd::Floats<Arch>;
  F lane[block_rows];
  detail::accumulate<Arch>(x, n, 0, detail::Same(0).v, lane,
                           [](F a, F v, int) AMQ_INLINE_LAMBDA { return max(a, abs(v)); });
  return largest_of_rows(lane);
}

template <typename Arch>
struct BlockExtremes {
  simd::Floats<Arch> smallest, largest;
};
/// @param x  sixteen rows of n floats
template <typename Arch>
[[nodiscard]] AMQ_INLINE BlockExtremes<Arch> extremes(const float* const* x, Index n) noexcept {
  using F = simd::Floats<Arch>;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  F least[block_rows], most[block_rows];
  const Index whole = n / simd::lanes * simd::lanes;
  const int part = static_cast<int>(n - whole);
  for (int r = 0; r < block_rows; r += 2) {
    const float *p = x[r], *q = x[r + 1];
    F a, b, c, d;
    if (whole > 0) {
      a = c = F::load(p);
      b = d = F::load(q);
    } else {
      a = b = F::splat(infinity);
      c = d = F::splat(-infinity);
    }
    for (Index k = simd::lanes; k < whole; k += simd::lanes) {
      const F u = F::load(p + k), v = F::load(q + k);
      a = min(a, u);
      b = min(b, v);
      c = max(c, u);
      d = max(d, v);
    }
    if (part) {
      a = min(a, F::load_part(p + whole, part, infinity));
      b = min(b, F::load_part(q + whole, part, infinity));
      c = max(c, F::load_part(p + whole, part, -infinity));
      d = max(d, F::load_part(q + whole, part, -infinity));
    }
    least[r] = a;
    least[r + 1] = b;
    most[r] = c;
    most[r + 1] = d;
  }
  return {smallest_of_rows(least), largest_of_rows(most)};
}

struct DoubleMoments {
  double mean, squares;  ///< squares: the sum of squared distances from the mean
};
namespace detail {
/// Sixteen doubles, each a partial sum.
template <typename Arch>
struct DoubleLanes {
  double sum[simd::lanes] = {};

  /// @param n  a multiple of sixteen
  void add(const float* x, Index n) noexcept {
    for (Index k = 0; k < n; k += simd::lanes)
      for (int l = 0; l < simd::lanes; ++l) sum[l] += static_cast<double>(x[k + l]);
  }
  void add_squares(const float* x, Index n, double mean) noexcept {
    for (Index k = 0; k < n; k += simd::lanes)
      for (int l = 0; l < simd::lanes; ++l) {
        const double d = static_cast<double>(x[k + l]) - mean;
        sum[l] = std::fma(d, d, sum[l]);
      }
  }
  [[nodiscard]] double folded() noexcept {
    for (int width = simd::lanes / 2; width > 0; width /= 2)
      for (int l = 0; l < width; ++l) sum[l] += sum[l + width];
    return sum[0];
  }
};
#if AMQ_HAS_AVX512
template <>
inline void DoubleLanes<simd::Avx512>::add(const float* x, Index n) noexcept {
  __m512d low = _mm512_loadu_pd(sum), high = _mm512_loadu_pd(sum + 8);
  for (Index k = 0; k < n; k += simd::lanes) {
    low = _mm512_add_pd(low, _mm512_cvtps_pd(_mm256_loadu_ps(x + k)));
    high = _mm512_add_pd(high, _mm512_cvtps_pd(_mm256_loadu_ps(x + k + 8)));
  }
  _mm512_storeu_pd(sum, low);
  _mm512_storeu_pd(sum + 8, high);
}
template <>
inline void DoubleLanes<simd::Avx512>::add_squares(const float* x, Index n, double mean) noexcept {
  const __m512d m = _mm512_set1_pd(mean);
  __m512d low = _mm512_loadu_pd(sum), high = _mm512_loadu_pd(sum + 8);
  for (Index k = 0; k < n; k += simd::lanes) {
    const __m512d a = _mm512_sub_pd(_mm512_cvtps_pd(_mm256_loadu_ps(x + k)), m),
                  b = _mm512_sub_pd(_mm512_cvtps_pd(_mm256_loadu_ps(x + k + 8)), m);
    low = _mm512_fmadd_pd(a, a, low);
    high = _mm512_fmadd_pd(b, b, high);
  }
  _mm512_storeu_pd(sum, low);
  _mm512_storeu_pd(sum + 8, high);
}
template <>
inline double DoubleLanes<simd::Avx512>::folded() noexcept {
  const __m512d eight = _mm512_add_pd(_mm512_loadu_pd(sum), _mm512_loadu_pd(sum + 8));
  const __m256d four =
      _mm256_add_pd(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd(eight, 1));
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}
#endif
}  // namespace detail

/// Of one row, in doubles. Sixteen partial sums, folded as +8, +4, +2, +1.
template <typename Arch = simd::Native>
[[nodiscard]] DoubleMoments double_moments(const float* x, Index n) noexcept {
#if AMQ_HAS_AVX512
  using Rung =
      std::conditional_t<std::is_base_of_v<simd::Registers<simd::Avx512>, simd::Registers<Arch>>,
                         simd::Avx512, Arch>;
#else
  using Rung = Arch;
#endif
  const Index whole = n / simd::lanes * simd::lanes;
  detail::DoubleLanes<Rung> sums, squares;
  sums.add(x, whole);
  for (Index k = whole; k < n; ++k) sums.sum[k - whole] += static_cast<double>(x[k]);
  const double mean = sums.folded() / static_cast<double>(n);
  squares.add_squares(x, whole, mean);
  for (Index k = whole; k < n; ++k) {
    const double d = static_cast<double>(x[k]) - mean;
    squares.sum[k - whole] = std::fma(d, d, squares.sum[k - whole]);
  }
  return {mean, squares.folded()};
}

/// y = (x - mean) inverse gamma + beta, each step rounded but for the last two, which are one fma;
/// y may be x.
/// @param gamma, beta  (n)
template <typename Arch = simd::Native>
inline void affine_normalized(const float* x, float mean, float inverse, const float* gamma,
                              const float* beta, float* y, Index n) noexcept {
  using F = simd::Floats<Arch>;
  const F m = F::splat(mean), s = F::splat(inverse);
  Index k = 0;
  for (; k + simd::lanes <= n; k += simd::lanes)
    fma((F::load(x + k) - m) * s, F::load(gamma + k), F::load(beta + k)).store(y + k);
  if (const int part = static_cast<int>(n - k); part > 0)
    fma((F::load_part(x + k, part) - m) * s, F::load_part(gamma + k, part),
        F::load_part(beta + k, part))
        .store_part(y + k, part);
}

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
