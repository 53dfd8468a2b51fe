#pragma once
/// @file
/// Learning rate over the steps of a training.

#include <amq/core/rooms.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace amq::training {

/// | shape     | warm-up                        | then                     | when |
/// |-----------|--------------------------------|--------------------------|------------------------|
/// | cosine    | linear to the peak             | half a cosine to the end | the default | |
/// constant  | linear to the peak             | the peak                 | a run of open length   |
/// | one_cycle | half a cosine from peak / 25   | half a cosine to the end | few epochs, large peak
/// |
enum class RateShape : std::uint8_t { cosine, constant, one_cycle };

/// The rate of every update, from 0 on. One-cycle is Smith and Topin's (2018), as torch has it.
struct Schedule {
  double peak = 1e-3, end = 1e-6;
  std::int64_t steps = 1, warm_up = 0;
  RateShape shape = RateShape::cosine;

  [[nodiscard]] double operator()(std::int64_t step) const noexcept {
    const auto half_cosine = [](double from, double to, double t) {
      return to + 0.5 * (from - to) * (1.0 + std::cos(std::numbers::pi * t));
    };
    if (step < warm_up) {
      const double done = static_cast<double>(step + 1), all = static_cast<double>(warm_up);
      return shape == RateShape::one_cycle ? half_cosine(peak / 25, peak, done / all)
                                           : peak * done / all;
    }
    if (shape == RateShape::constant) return peak;
    const double span = static_cast<double>(std::max<std::int64_t>(1, steps - warm_up));
    const double t = std::clamp(static_cast<double>(step - warm_up) / span, 0.0, 1.0);
    return half_cosine(peak, end, t);
  }
};

}  // namespace amq::training
