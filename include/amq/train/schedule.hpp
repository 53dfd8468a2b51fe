#pragma once
/// @file
/// Learning rate over the steps of a training.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace amq {

/// Linear warm-up to `peak`, then half a cosine down to `end`.
struct Schedule {
  double peak = 1e-3, end = 1e-6;
  std::int64_t steps = 1, warm_up = 0;

  [[nodiscard]] double operator()(std::int64_t step) const noexcept {
    if (step < warm_up) return peak * static_cast<double>(step + 1) / static_cast<double>(warm_up);
    const double span = static_cast<double>(std::max<std::int64_t>(1, steps - warm_up));
    const double t = std::clamp(static_cast<double>(step - warm_up) / span, 0.0, 1.0);
    return end + 0.5 * (peak - end) * (1.0 + std::cos(std::numbers::pi * t));
  }
};

}  // namespace amq
