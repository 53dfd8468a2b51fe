#pragma once
/// @file
/// The uniform quantizer with least mean squared error for a standard normal source
/// (J. Max, "Quantizing for minimum distortion", 1960, table II).

#include <amq/core/integers.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace amq::quant {

/// Mean squared error of 2^bits equidistant values symmetric about the mean, `step` apart, for a
/// source of unit variance. bits 0: 1, the variance. Sums 2^(bits-1) closed-form cells.
[[nodiscard]] inline double gaussian_distortion(int bits, double step) noexcept {
  if (bits <= 0) return 1.0;
  const auto density = [](double x) {
    return std::exp(-0.5 * x * x) / std::sqrt(2.0 * std::numbers::pi);
  };
  const auto tail = [](double x) { return 0.5 * std::erfc(x / std::numbers::sqrt2); };
  const long cells = 1L << (bits - 1);
  double sum = 0;
  for (long i = 0; i < cells; ++i) {
    const double low = static_cast<double>(i) * step, high = low + step, mid = low + 0.5 * step;
    const bool last = i + 1 == cells;  // the outermost cell reaches to infinity
    const double m0 = tail(low) - (last ? 0.0 : tail(high));
    const double m1 = density(low) - (last ? 0.0 : density(high));
    const double m2 = low * density(low) - (last ? 0.0 : high * density(high)) + m0;
    sum += m2 - 2.0 * mid * m1 + mid * mid * m0;
  }
  return 2.0 * sum;
}

/// The step, in standard deviations, that makes gaussian_distortion least. For 0 to 16 bits;
/// tests/quant/gaussian.cpp finds them again. 0 bits need none: 1.
[[nodiscard]] constexpr double gaussian_step(int bits) noexcept {
  constexpr std::array<double, max_bits + 1> steps{1.0,
                                                   1.5957691216057308,
                                                   0.9956866859435061,
                                                   0.5860194414434865,
                                                   0.335200612199972,
                                                   0.18813879027991706,
                                                   0.10406300944201406,
                                                   0.05686767238235721,
                                                   0.03076238758232204,
                                                   0.016498958773870274,
                                                   0.008785464581068513,
                                                   0.004649841838037127,
                                                   0.0024484110837024735,
                                                   0.0012836207392729546,
                                                   0.0006704517929778722,
                                                   0.0003490593858569622,
                                                   0.00018122356959360562};
  return steps[static_cast<std::size_t>(bits < 0 ? 0 : bits > max_bits ? max_bits : bits)];
}

/// Distortion at that step, in units of the variance.
[[nodiscard]] constexpr double gaussian_distortion(int bits) noexcept {
  constexpr std::array<double, max_bits + 1> least{1.0,
                                                   0.3633802276324186,
                                                   0.1188460503840773,
                                                   0.037439659391523585,
                                                   0.011542884431351076,
                                                   0.003495211361505774,
                                                   0.0010400454087919348,
                                                   0.0003043327708240187,
                                                   8.768618578409134e-05,
                                                   2.4919029646279514e-05,
                                                   6.997005197128386e-06,
                                                   1.9444131289257906e-06,
                                                   5.355365368383972e-07,
                                                   1.4636932822111105e-07,
                                                   3.973939658354972e-08,
                                                   1.0726983580094036e-08,
                                                   2.8809223729450728e-09};
  return least[static_cast<std::size_t>(bits < 0 ? 0 : bits > max_bits ? max_bits : bits)];
}

}  // namespace amq::quant
