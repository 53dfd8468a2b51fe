#pragma once
/// @file
/// The allocator for elements of several groups, each group with a distortion curve of its own: a
/// node's rows at different quantization points of a network.

#include <amq/allocation/grouped_steps.hpp>
#include <amq/allocation/problem.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq {

/// Element e of group g costs macs[e] * price[k] at level k (or prices[g][k], where each group has
/// its own) and leaves score[e] * distortion[g][k].
struct GroupedProblem {
  std::vector<int> bits;                        ///< (level), ascending
  std::vector<Cost> price;                      ///< (level), ascending
  std::vector<std::vector<double>> distortion;  ///< (group)(level), >= 0
  std::span<const Cost> macs;                   ///< (element), >= 0
  std::span<const float> score;                 ///< (element), >= 0
  std::span<const std::uint16_t> group;         ///< (element)
  Cost budget = 0, overhead = 0;
  /// (group)(level), >= 0; instead of `price`. Measured times: they need not ascend.
  std::vector<std::vector<Cost>> prices{};

  [[nodiscard]] const std::vector<Cost>& price_of(std::size_t g) const noexcept {
    return prices.empty() ? price : prices[g];
  }
};

namespace detail {

inline void check(const GroupedProblem& p) {
  const std::size_t n = p.macs.size();
  bool priced =
      p.prices.empty() ? p.price.size() == p.bits.size() : p.prices.size() == p.distortion.size();
  for (const auto& own : p.prices) {
    priced &= own.size() == p.bits.size();
    for (const Cost c : own) priced &= c >= 0;
  }
  if (p.bits.empty() || !priced || p.score.size() != n || p.group.size() != n)
    throw Error("allocate_grouped",
                "levels with a price each, and a score and a group for each of " +
                    std::to_string(n) + " elements",
                std::to_string(p.bits.size()) + " levels, " + std::to_string(p.price.size()) +
                    " prices, " + std::to_string(p.score.size()) + " scores, " +
                    std::to_string(p.group.size()) + " groups",
                "Give every element one of each.");
  for (std::size_t k = 0; k < p.bits.size(); ++k)
    if (p.bits[k] < 0 || p.bits[k] > max_bits || (k > 0 && p.bits[k] <= p.bits[k - 1]) ||
        (p.prices.empty() && (p.price[k] < 0 || (k > 0 && p.price[k] <= p.price[k - 1]))))
      throw Error("allocate_grouped", "levels of 0 to 16 bits and prices, both ascending",
                  "level " + std::to_string(p.bits[k]), "Sort the levels, each once.");
  for (const auto& d : p.distortion) {
    bool good = d.size() == p.bits.size();
    for (const double x : d) good &= x >= 0 && x < 1e300;
    if (!good)
      throw Error("allocate_grouped", "a finite distortion >= 0 for every level", "another curve",
                  "Measure it again.");
  }
  for (std::size_t e = 0; e < n; ++e)
    if (p.macs[e] < 0 || !(p.score[e] >= 0 && p.score[e] <= 3e38f) ||
        p.group[e] >= p.distortion.size())
      throw Error("allocate_grouped", "work and finite scores of at least 0, and a known group",
                  "another at element " + std::to_string(e),
                  "Look at the score's input field and the auxiliary model.");
}

/// A group along its hull.
struct GroupLevels {
  Hull hull;
  Cost dearest = 0;  ///< price of a unit of work
  /// [level] the least that a unit of work pays to err less, or none
  std::array<Cost, max_bits + 1> next{};
  static constexpr Cost none = std::numeric_limits<Cost>::max();
};
[[nodiscard]] inline GroupLevels group_levels(const GroupedProblem& p, std::size_t g) {
  const auto& price = p.price_of(g);
  const auto& error = p.distortion[g];
  GroupLevels own{convex_hull(
                      static_cast<int>(p.bits.size()),
                      [&](int k) { return price[static_cast<std::size_t>(k)]; },
                      [&](int k) { return error[static_cast<std::size_t>(k)]; }),
                  *std::max_element(price.begin(), price.end()),
                  {}};
  for (std::size_t k = 0; k < p.bits.size(); ++k) {
    own.next[k] = GroupLevels::none;
    for (std::size_t to = 0; to < p.bits.size(); ++to)
      if (error[to] < error[k]) own.next[k] = std::min(own.next[k], price[to] - price[k]);
  }
  return own;
}
[[nodiscard]] inline GroupSteps steps_of(const GroupedProblem& p, std::size_t g, const Hull& hull) {
  GroupSteps own;
  own.count = hull.count - 1;
  for (std::size_t j = 0; j + 1 < static_cast<std::size_t>(hull.count); ++j) {
    const auto from = hull.level[j], to = hull.level[j + 1];
    own.rise[j] = p.price_of(g)[to] - p.price_of(g)[from];
    own.fall[j] = p.distortion[g][from] - p.distortion[g][to];
  }
  return own;
}

}  // namespace detail

/// Least predicted error under the budget: steps along every group's convex hull, by error saved
/// per cost, as long as they fit; then what is left goes to the first elements whose next step
/// still fits. Never above the budget; ties by element number. O(elements * levels).
/// @throws Error for malformed problems, and budgets below the cheapest or above the dearest level
[[nodiscard]] inline Allocation allocate_grouped(const GroupedProblem& p) {
  detail::check(p);
  const std::size_t n = p.macs.size();
  std::vector<detail::GroupLevels> groups;
  std::vector<detail::GroupSteps> steps;
  for (std::size_t g = 0; g < p.distortion.size(); ++g) {
    groups.push_back(detail::group_levels(p, g));
    steps.push_back(detail::steps_of(p, g, groups.back().hull));
  }
  Cost cheapest = p.overhead, dearest = p.overhead;
  std::vector<Cost> work(groups.size(), 0);
  for (std::size_t e = 0; e < n; ++e) work[p.group[e]] += p.macs[e];
  for (std::size_t g = 0; g < groups.size(); ++g) {
    cheapest += work[g] * p.price_of(g)[groups[g].hull.level[0]];
    dearest += work[g] * groups[g].dearest;
  }
  detail::check_budget(p.budget, cheapest, dearest, p.bits.front(), p.bits.back());

  const detail::GroupedTaken taken = detail::take_while_they_fit(
      detail::GroupedSteps(std::move(steps), p.macs, p.score, p.group), p.budget - cheapest);
  Cost left = taken.left;
  std::vector<std::uint8_t> level(n);
  for (std::size_t e = 0; e < n; ++e) {
    const detail::GroupLevels& own = groups[p.group[e]];
    level[e] = own.hull.level[taken.steps[e]];
  }
  for (std::size_t e = 0; e < n; ++e) {
    const Cost next = groups[p.group[e]].next[level[e]];
    if (next == detail::GroupLevels::none || p.macs[e] * next > left || !(p.score[e] > 0)) continue;
    const auto& d = p.distortion[p.group[e]];
    const auto& price = p.price_of(p.group[e]);
    for (std::size_t k = 0; k < p.bits.size(); ++k) {
      const Cost c = p.macs[e] * (price[k] - price[level[e]]);
      if (c <= left && d[k] < d[level[e]]) {
        left -= c;
        level[e] = static_cast<std::uint8_t>(k);
      }
    }
  }
  Allocation a;
  std::vector<std::uint8_t> bits(n);
  a.cost = p.overhead;
  for (std::size_t e = 0; e < n; ++e) {
    bits[e] = static_cast<std::uint8_t>(p.bits[level[e]]);
    a.cost += p.macs[e] * p.price_of(p.group[e])[level[e]];
    a.distortion += static_cast<double>(p.score[e]) * p.distortion[p.group[e]][level[e]];
  }
  a.bits = RowBits(std::move(bits));
  a.budget = p.budget;
  a.lambda = taken.lambda;
  return a;
}

}  // namespace amq
