#pragma once
/// @file
/// What a multiplication costs at each level. Costs are integers, so that a budget is kept exactly.

#include <amq/core/error.hpp>
#include <amq/core/matrix_view.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace amq {

/// BOPs, or any other unit: picoseconds, bytes. Sums stay below 2^63.
using Cost = std::int64_t;

/// The default price of a multiply-accumulate: weight bits times activation bits (BOPs).
[[nodiscard]] inline std::vector<Cost> bop_prices(int weight_bits, std::span<const int> levels) {
  std::vector<Cost> price;
  for (const int b : levels) price.push_back(static_cast<Cost>(weight_bits) * b);
  return price;
}

/// Prices from a measurement, e.g. nanoseconds per multiply-accumulate of each level; rounded to
/// units of `unit`. They need not ascend: on a CPU 2 bits may cost what 8 do.
/// @throws Error for a negative or non-finite measurement, or one beyond 2^31 units
[[nodiscard]] inline std::vector<Cost> measured_prices(std::span<const double> per_mac,
                                                       double unit) {
  std::vector<Cost> price;
  for (const double p : per_mac) {
    const double units = p / unit;
    if (!(units >= 0) || units > static_cast<double>(std::numeric_limits<std::int32_t>::max()))
      throw Error("measured_prices", "a cost from 0 to 2^31 units", std::to_string(units),
                  "Measure again, or choose a larger unit.");
    price.push_back(static_cast<Cost>(std::llround(units)));
  }
  return price;
}

}  // namespace amq
