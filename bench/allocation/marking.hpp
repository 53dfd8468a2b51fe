#pragma once
/// @file
/// Marking strategies of adaptive finite elements, as used with a-posteriori indicators eta.
///
/// | strategy      | marks                                                | parameter           |
/// |---------------|------------------------------------------------------|---------------------|
/// | mark_fraction | the largest indicators, a fixed share of elements    | fraction in 0 .. 1  |
/// | mark_maximum  | eta > theta * max eta                                | theta in 0 .. 1     |
/// | mark_doerfler | the fewest elements that hold theta of the sum eta^2 | theta, 0.3 to 0.6   |

#include <amq/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace baselines {

using namespace amq;

namespace detail {
inline void check_marking(const char* where, std::span<const float> eta, double share) {
  if (!(share >= 0 && share <= 1))
    throw Error(where, "a share from 0 to 1", std::to_string(share), "Choose another.");
  for (const float e : eta)
    if (!(e >= 0) || std::isinf(e))
      throw Error(where, "finite indicators >= 0", std::to_string(e), "Look at the field.");
}
/// Elements by falling indicator, ties by number.
[[nodiscard]] inline std::vector<std::int32_t> by_indicator(std::span<const float> eta) {
  std::vector<std::int32_t> order(eta.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return eta[static_cast<std::size_t>(a)] > eta[static_cast<std::size_t>(b)];
  });
  return order;
}
}  // namespace detail

/// Marks floor(fraction * n) elements. @returns (element) 0 or 1
/// @throws Error for a share outside 0 to 1, and indicators that are negative or not finite
[[nodiscard]] inline std::vector<std::uint8_t> mark_fraction(std::span<const float> eta,
                                                             double fraction) {
  detail::check_marking("mark_fraction", eta, fraction);
  std::vector<std::uint8_t> marked(eta.size(), 0);
  const auto order = detail::by_indicator(eta);
  const auto n = static_cast<std::size_t>(std::floor(fraction * static_cast<double>(eta.size())));
  for (std::size_t i = 0; i < n; ++i) marked[static_cast<std::size_t>(order[i])] = 1;
  return marked;
}

/// @throws Error as mark_fraction
[[nodiscard]] inline std::vector<std::uint8_t> mark_maximum(std::span<const float> eta,
                                                            double theta) {
  detail::check_marking("mark_maximum", eta, theta);
  std::vector<std::uint8_t> marked(eta.size(), 0);
  const float top = eta.empty() ? 0 : *std::max_element(eta.begin(), eta.end());
  for (std::size_t i = 0; i < eta.size(); ++i)
    marked[i] = static_cast<double>(eta[i]) > theta * static_cast<double>(top);
  return marked;
}

/// Doerfler, 1996. @throws Error as mark_fraction
[[nodiscard]] inline std::vector<std::uint8_t> mark_doerfler(std::span<const float> eta,
                                                             double theta) {
  detail::check_marking("mark_doerfler", eta, theta);
  std::vector<std::uint8_t> marked(eta.size(), 0);
  const auto order = detail::by_indicator(eta);
  const auto square = [&](std::int32_t i) {
    const auto e = static_cast<double>(eta[static_cast<std::size_t>(i)]);
    return e * e;
  };
  double total = 0, held = 0;
  for (const auto i : order) total += square(i);  // the order of `held`: theta 1 ends exactly
  for (const auto i : order) {
    if (held >= theta * total) break;
    held += square(i);
    marked[static_cast<std::size_t>(i)] = 1;
  }
  return marked;
}

}  // namespace baselines
