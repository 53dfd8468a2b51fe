#pragma once
/// @file
/// Statistics of a row by vectors, to the bit what quant/row_stats.hpp computes with plain loops.

#include <amq/quant/row_stats.hpp>
#include <amq/simd/batch.hpp>

#include <cmath>
#include <limits>

namespace amq::kernels {
inline namespace AMQ_LEVEL {

namespace detail {
/// The accumulators of sixteen lanes over a row; a missing element of the tail counts as `rest`.
template <typename Arch, typename Step>
AMQ_INLINE simd::Floats<Arch> accumulate(const float* x, Index n, simd::Floats<Arch> start,
                                         float rest, Step step) noexcept {
  using F = simd::Floats<Arch>;
  F lane = start;
  Index k = 0;
  for (; k + simd::lanes <= n; k += simd::lanes) lane = step(lane, F::load(x + k));
  if (k < n) lane = step(lane, F::load_part(x + k, static_cast<int>(n - k), rest));
  return lane;
}
}  // namespace detail

template <typename Arch = simd::Native>
[[nodiscard]] inline MeanDeviation mean_deviation(const float* x, Index n) noexcept {
  using F = simd::Floats<Arch>;
  if (n <= 0) return {};
  const float count = static_cast<float>(n);
  const float mean =
      sum(detail::accumulate<Arch>(x, n, F::splat(0), 0, [](F a, F v) { return a + v; })) / count;
  // A missing element is the mean itself: its distance is 0 and contributes nothing.
  const F m = F::splat(mean);
  const auto square = [m](F a, F v) {
    const F d = v - m;
    return fma(d, d, a);
  };
  return {mean, std::sqrt(sum(detail::accumulate<Arch>(x, n, F::splat(0), mean, square)) / count)};
}

template <typename Arch = simd::Native>
[[nodiscard]] inline float abs_max(const float* x, Index n) noexcept {
  using F = simd::Floats<Arch>;
  return largest(
      detail::accumulate<Arch>(x, n, F::splat(0), 0, [](F a, F v) { return max(a, abs(v)); }));
}

template <typename Arch = simd::Native>
[[nodiscard]] inline MinMax min_max(const float* x, Index n) noexcept {
  using F = simd::Floats<Arch>;
  if (n <= 0) return {};
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const auto low = [](F a, F v) { return min(a, v); };
  const auto high = [](F a, F v) { return max(a, v); };
  return {smallest(detail::accumulate<Arch>(x, n, F::splat(infinity), infinity, low)),
          largest(detail::accumulate<Arch>(x, n, F::splat(-infinity), -infinity, high))};
}

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
