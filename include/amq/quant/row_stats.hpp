#pragma once
/// @file
/// Statistics of a row, in the one order of summation that every rung follows: lane l of 16 takes
/// elements l, l + 16, ...; then lane l += lane l + 8, + 4, + 2, + 1. A missing element contributes
/// nothing. This is the oracle; kernels/ computes the same bits with vectors.

#include <amq/core/matrix_view.hpp>
#include <amq/core/rooms.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

namespace amq::quant {

struct MeanDeviation {
  float mean = 0, deviation = 0;  ///< deviation: square root of the mean squared distance
};
struct MinMax {
  float min = 0, max = 0;
};

namespace detail {

inline constexpr std::size_t lanes = 16;

/// Folds sixteen lanes: +8, +4, +2, +1.
template <typename Combine>
[[nodiscard]] constexpr float fold_lanes(std::array<float, lanes> lane, Combine combine) noexcept {
  for (std::size_t width = lanes / 2; width > 0; width /= 2)
    for (std::size_t l = 0; l < width; ++l) lane[l] = combine(lane[l], lane[l + width]);
  return lane[0];
}

/// lane = step(lane, x) over the row, then the fold.
template <typename Step, typename Combine>
[[nodiscard]] constexpr float reduce_row(const float* x, Index n, float start, Step step,
                                         Combine combine) noexcept {
  std::array<float, lanes> lane;
  lane.fill(start);
  Index k = 0;
  for (; k + static_cast<Index>(lanes) <= n; k += static_cast<Index>(lanes))
    for (std::size_t l = 0; l < lanes; ++l) lane[l] = step(lane[l], x[k + static_cast<Index>(l)]);
  for (std::size_t l = 0; l < lanes && k < n; ++k, ++l) lane[l] = step(lane[l], x[k]);
  return fold_lanes(lane, combine);
}

// As the vector instructions decide: the second operand wins a comparison with NaN.
[[nodiscard]] constexpr float max_of(float a, float b) noexcept {
  return a > b ? a : b;
}
[[nodiscard]] constexpr float min_of(float a, float b) noexcept {
  return a < b ? a : b;
}

}  // namespace detail

/// Two passes: the mean, then the deviation about it (one fma per element). n == 0: zeros.
[[nodiscard]] inline MeanDeviation mean_deviation(const float* x, Index n) noexcept {
  if (n <= 0) return {};
  const auto add = [](float a, float b) { return a + b; };
  const float count = static_cast<float>(n);
  const float mean = detail::reduce_row(x, n, 0.0f, add, add) / count;
  const auto square = [mean](float sum, float v) {
    const float d = v - mean;
    return std::fma(d, d, sum);
  };
  return {mean, std::sqrt(detail::reduce_row(x, n, 0.0f, square, add) / count)};
}

/// Largest magnitude; 0 for an empty row. NaN elements may be passed over.
[[nodiscard]] inline float abs_max(const float* x, Index n) noexcept {
  const auto step = [](float m, float v) { return detail::max_of(m, std::fabs(v)); };
  return detail::reduce_row(x, n, 0.0f, step, detail::max_of);
}

/// Zeros for an empty row. NaN elements may be passed over.
[[nodiscard]] inline MinMax min_max(const float* x, Index n) noexcept {
  if (n <= 0) return {};
  constexpr float infinity = std::numeric_limits<float>::infinity();
  return {detail::reduce_row(x, n, infinity, detail::min_of, detail::min_of),
          detail::reduce_row(x, n, -infinity, detail::max_of, detail::max_of)};
}

}  // namespace amq::quant
