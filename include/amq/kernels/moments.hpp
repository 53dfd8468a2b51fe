#pragma once
/// @file
/// Statistics of sixteen rows at a time, to the bit what quant/row_stats.hpp computes with plain
/// loops. Lane r of a result belongs to row r.

#include <amq/quant/row_stats.hpp>
#include <amq/simd/batch.hpp>

#include <limits>

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
[[nodiscard]] AMQ_INLINE simd::Floats<Arch> smallest(const float* const* x, Index n) noexcept {
  using F = simd::Floats<Arch>;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  F lane[block_rows];
  detail::accumulate<Arch>(x, n, infinity, detail::Same(infinity).v, lane,
                           [](F a, F v, int) AMQ_INLINE_LAMBDA { return min(a, v); });
  return smallest_of_rows(lane);
}
template <typename Arch>
[[nodiscard]] AMQ_INLINE simd::Floats<Arch> largest(const float* const* x, Index n) noexcept {
  using F = simd::Floats<Arch>;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  F lane[block_rows];
  detail::accumulate<Arch>(x, n, -infinity, detail::Same(-infinity).v, lane,
                           [](F a, F v, int) AMQ_INLINE_LAMBDA { return max(a, v); });
  return largest_of_rows(lane);
}

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
