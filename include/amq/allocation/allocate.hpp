#pragma once
/// @file
/// Who gets how many bits. Every allocator is exact (integers), never above the budget,
/// deterministic, and breaks ties by element number.
///
/// | allocator             | what it does                                   | when to take it |
/// |-----------------------|------------------------------------------------|---------------------------|
/// | allocate_lagrangian   | least predicted error for the budget           | default | |
/// allocate_top          | highest scores get the high one of two levels  | two levels; the
/// baseline  | | allocate_waterfilling | bits = mu + log4(score / work), rounded down   | no
/// measured D(b) at hand  | | allocate_uniform      | the highest level that all can have | the
/// baseline              | | allocate_mixture      | two neighbouring levels, the first ids higher
/// | baseline at equal cost    | | allocate_thresholds   | levels by fixed thresholds on the score
/// | thresholds from elsewhere |

#include <amq/allocation/problem.hpp>
#include <amq/allocation/steps.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace amq {

namespace detail {

/// Fills in what follows from the levels. `level` is an index into p.bits per element.
[[nodiscard]] inline Allocation finish(const AllocationProblem& p,
                                       const std::vector<std::uint8_t>& level, double lambda) {
  Allocation a;
  std::vector<std::uint8_t> bits(level.size());
  for (std::size_t e = 0; e < level.size(); ++e)
    bits[e] = static_cast<std::uint8_t>(p.bits[level[e]]);
  a.cost = p.overhead;
  for (const auto& c : p.classes) {
    // Sums by level first: one multiplication per level, not per element.
    std::array<Cost, max_bits + 1> macs{};
    std::array<double, max_bits + 1> score{};
    for (std::size_t e = 0; e < level.size(); ++e) {
      macs[level[e]] += c.macs[e];
      score[level[e]] += static_cast<double>(c.score[e]);
    }
    for (std::size_t k = 0; k < p.bits.size(); ++k) {
      a.cost += macs[k] * c.price[k];
      a.distortion += score[k] * c.distortion[k];
    }
  }
  a.bits = RowBits(std::move(bits));
  a.budget = p.budget;
  a.lambda = lambda;
  AMQ_ASSERT(a.cost <= a.budget, "an allocation must keep its budget");
  return a;
}

/// Score and work of an element over all classes, for rules that know one of each.
[[nodiscard]] inline double total_score(const AllocationProblem& p, Index e) noexcept {
  double sum = 0;
  for (const auto& c : p.classes) sum += static_cast<double>(c.score[static_cast<std::size_t>(e)]);
  return sum;
}
[[nodiscard]] inline double ratio_of(double score, double work) noexcept {
  if (score <= 0) return 0;
  return work > 0 ? score / work : std::numeric_limits<double>::infinity();
}

[[nodiscard]] inline int level_index(const AllocationProblem& p, int bits) {
  for (std::size_t k = 0; k < p.bits.size(); ++k)
    if (p.bits[k] == bits) return static_cast<int>(k);
  throw Error("allocation", "a level of the problem", std::to_string(bits) + " bits",
              "Name one of the levels listed in the problem.");
}
inline void check_ascending(const AllocationProblem& p) {
  for (const auto& c : p.classes)
    if (!std::is_sorted(c.price.begin(), c.price.end()))
      throw Error("allocation", "prices that ascend with the level", "a level cheaper than a lower",
                  "Use allocate_lagrangian, or drop the dearer of the two.");
}
/// For allocators that go up the list of levels as it stands.
inline void check_uniform_budget(const AllocationProblem& p, int low, int high) {
  check_budget(p.budget, p.uniform_cost(low), p.uniform_cost(high),
               p.bits[static_cast<std::size_t>(low)], p.bits[static_cast<std::size_t>(high)]);
}

/// A level off the hull may still fit where the next hull step does not. Elements in order.
inline void improve_off_hull(const AllocationProblem& p, std::vector<std::uint8_t>& level,
                             Cost available) {
  for (Index e = 0; e < p.n_elements(); ++e) {
    auto& now = level[static_cast<std::size_t>(e)];
    const Cost paid = p.cost(e, now);
    int best = now;
    double least = p.distortion(e, now);
    for (int k = 0; k < p.n_levels(); ++k)
      if (p.cost(e, k) - paid <= available && p.distortion(e, k) < least) {
        best = k;
        least = p.distortion(e, k);
      }
    if (best == now) continue;
    available -= p.cost(e, best) - paid;
    now = static_cast<std::uint8_t>(best);
  }
}

/// One class: the hull of prices is every element's hull, scaled.
[[nodiscard]] inline Allocation lagrangian_one_class(const AllocationProblem& p) {
  const WorkClass& c = p.classes.front();
  const auto at = [](int k) { return static_cast<std::size_t>(k); };
  const Hull hull = convex_hull(
      p.n_levels(), [&](int k) { return c.price[at(k)]; },
      [&](int k) { return c.distortion[at(k)]; });
  std::array<Cost, max_bits + 1> rise{};
  for (int j = 0; j + 1 < hull.count; ++j) {
    const auto a = hull.level[at(j)], b = hull.level[at(j + 1)];
    rise[at(j)] = c.price[b] - c.price[a];
  }
  const Index n = p.n_elements();
  std::vector<double> ratio(static_cast<std::size_t>(n));
  for (std::size_t e = 0; e < ratio.size(); ++e)
    ratio[e] = ratio_of(static_cast<double>(c.score[e]), static_cast<double>(c.macs[e]));
  const int start = hull.level[0];
  const Cost base = p.uniform_cost(start);
  const FunctionSteps steps{
      n, hull.count - 1,
      [&](Index e, int j) { return ratio[static_cast<std::size_t>(e)] * hull.slope[at(j)]; },
      [&](Index e, int j) { return c.macs[static_cast<std::size_t>(e)] * rise[at(j)]; }};
  auto taken = take_steps(steps, p.budget - base);
  for (auto& t : taken.steps) t = hull.level[t];
  if (hull.count < p.n_levels()) improve_off_hull(p, taken.steps, p.budget - base - taken.cost);
  return finish(p, taken.steps, taken.lambda);
}

/// Several classes: every element has a hull of its own.
struct HullSteps {
  std::vector<Index> first;          // (element + 1)
  std::vector<Worth> worths;         // (step)
  std::vector<Cost> costs;           // (step)
  std::vector<std::uint8_t> levels;  // (element + step): the hull's levels
  [[nodiscard]] Index n_elements() const noexcept { return static_cast<Index>(first.size()) - 1; }
  [[nodiscard]] int count(Index e) const noexcept {
    const auto k = static_cast<std::size_t>(e);
    return static_cast<int>(first[k + 1] - first[k]);
  }
  [[nodiscard]] Worth worth(Index e, int j) const noexcept {
    return worths[static_cast<std::size_t>(first[static_cast<std::size_t>(e)] + j)];
  }
  [[nodiscard]] Cost cost(Index e, int j) const noexcept {
    return costs[static_cast<std::size_t>(first[static_cast<std::size_t>(e)] + j)];
  }
  [[nodiscard]] std::uint8_t level(Index e, int j) const noexcept {
    return levels[static_cast<std::size_t>(first[static_cast<std::size_t>(e)] + e + j)];
  }
};

[[nodiscard]] inline Allocation lagrangian_many_classes(const AllocationProblem& p) {
  const Index n = p.n_elements();
  HullSteps s;
  s.first.assign(1, 0);
  s.first.reserve(static_cast<std::size_t>(n) + 1);
  const auto room = static_cast<std::size_t>(n) * p.bits.size();
  s.worths.reserve(room);
  s.costs.reserve(room);
  s.levels.reserve(room);
  Cost base = p.overhead;
  bool off_hull = false;
  std::array<Cost, max_bits + 1> cost{};
  std::array<double, max_bits + 1> error{};
  for (Index e = 0; e < n; ++e) {
    cost.fill(0);
    error.fill(0);
    for (const auto& c : p.classes) {
      const Cost macs = c.macs[static_cast<std::size_t>(e)];
      const auto score = static_cast<double>(c.score[static_cast<std::size_t>(e)]);
      for (std::size_t k = 0; k < p.bits.size(); ++k) {
        cost[k] += macs * c.price[k];
        error[k] += score * c.distortion[k];
      }
    }
    const Hull hull = convex_hull(
        p.n_levels(), [&](int k) { return cost[static_cast<std::size_t>(k)]; },
        [&](int k) { return error[static_cast<std::size_t>(k)]; });
    off_hull |= hull.count < p.n_levels();
    base += cost[hull.level[0]];
    s.levels.push_back(hull.level[0]);
    for (int j = 0; j + 1 < hull.count; ++j) {
      const auto a = hull.level[static_cast<std::size_t>(j)],
                 b = hull.level[static_cast<std::size_t>(j + 1)];
      s.costs.push_back(cost[b] - cost[a]);
      s.worths.push_back(worth_of(hull.slope[static_cast<std::size_t>(j)]));
      s.levels.push_back(b);
    }
    s.first.push_back(static_cast<Index>(s.worths.size()));
  }
  auto taken = take_steps(s, p.budget - base);
  for (Index e = 0; e < n; ++e) {
    auto& t = taken.steps[static_cast<std::size_t>(e)];
    t = s.level(e, t);
  }
  if (off_hull) improve_off_hull(p, taken.steps, p.budget - base - taken.cost);
  return finish(p, taken.steps, taken.lambda);
}

/// @throws Error for a budget no choice of levels can have.
inline void check_total_budget(const AllocationProblem& p) {
  Cost least = p.overhead, most = p.overhead;
  if (p.classes.size() == 1) {
    const auto& price = p.classes.front().price;
    const auto [low, high] = std::minmax_element(price.begin(), price.end());
    least = p.uniform_cost(static_cast<int>(low - price.begin()));
    most = p.uniform_cost(static_cast<int>(high - price.begin()));
  } else {
    for (Index e = 0; e < p.n_elements(); ++e) {
      Cost low = p.cost(e, 0), high = low;
      for (int k = 1; k < p.n_levels(); ++k) {
        const Cost c = p.cost(e, k);
        low = std::min(low, c);
        high = std::max(high, c);
      }
      least += low;
      most += high;
    }
  }
  check_budget(p.budget, least, most, p.bits.front(), p.bits.back());
}

}  // namespace detail

/// The multiple-choice knapsack: minimizes the sum of score * D(b) under the budget. Steps along
/// each element's convex hull are taken by error saved per cost (what bisection of the multiplier
/// lambda converges to); the rest of the budget is filled in the same order. Its error exceeds the
/// optimum by less than the worth of one step, and afterwards no element could be improved with
/// what is left. O(elements * levels).
/// @throws Error as check(), and for a budget below the cheapest or above the dearest assignment
[[nodiscard]] inline Allocation allocate_lagrangian(const AllocationProblem& p) {
  check(p);
  detail::check_total_budget(p);
  return p.classes.size() == 1 ? detail::lagrangian_one_class(p)
                               : detail::lagrangian_many_classes(p);
}

/// The highest scores get `high_bits`, the others `low_bits`, as many as the budget allows.
/// @throws Error as check(), for unknown levels, and for a budget outside the two levels
[[nodiscard]] inline Allocation allocate_top(const AllocationProblem& p, int low_bits,
                                             int high_bits) {
  check(p);
  detail::check_ascending(p);
  const int low = detail::level_index(p, low_bits), high = detail::level_index(p, high_bits);
  if (low >= high)
    throw Error("allocate_top", "low bits below high bits",
                std::to_string(low_bits) + " and " + std::to_string(high_bits), "Swap the levels.");
  detail::check_uniform_budget(p, low, high);
  const detail::FunctionSteps steps{p.n_elements(), 1,
                                    [&](Index e, int) { return detail::total_score(p, e); },
                                    [&](Index e, int) { return p.cost(e, high) - p.cost(e, low); }};
  auto taken = detail::take_steps(steps, p.budget - p.uniform_cost(low));
  for (auto& t : taken.steps) t = static_cast<std::uint8_t>(t ? high : low);
  return detail::finish(p, taken.steps, 0);
}

/// Reverse water-filling (Cover and Thomas, 10.3.3): bits = mu + log4(score / work), rounded down
/// to a level, the water level mu as high as the budget allows; then the rest is filled in order.
/// Assumes D(b) = 4^-b whatever the measured table says.
/// @throws Error as check(), and for a budget outside the lowest and highest level
[[nodiscard]] inline Allocation allocate_waterfilling(const AllocationProblem& p) {
  check(p);
  detail::check_ascending(p);
  detail::check_uniform_budget(p, 0, p.n_levels() - 1);
  std::vector<double> ratio(static_cast<std::size_t>(p.n_elements()));
  for (Index e = 0; e < p.n_elements(); ++e) {
    double work = 0;
    for (const auto& c : p.classes)
      work += static_cast<double>(c.macs[static_cast<std::size_t>(e)]);
    ratio[static_cast<std::size_t>(e)] = detail::ratio_of(detail::total_score(p, e), work);
  }
  const detail::FunctionSteps steps{
      p.n_elements(), p.n_levels() - 1,
      [&](Index e, int j) {
        return std::ldexp(ratio[static_cast<std::size_t>(e)],
                          -2 * p.bits[static_cast<std::size_t>(j + 1)]);
      },
      [&](Index e, int j) { return p.cost(e, j + 1) - p.cost(e, j); }};
  const auto taken = detail::take_steps(steps, p.budget - p.uniform_cost(0));
  return detail::finish(p, taken.steps, taken.lambda);
}

/// One level for all, the highest the budget allows.
/// @throws Error as check(), and for a budget outside the lowest and highest level
[[nodiscard]] inline Allocation allocate_uniform(const AllocationProblem& p) {
  check(p);
  detail::check_ascending(p);
  detail::check_uniform_budget(p, 0, p.n_levels() - 1);
  int k = 0;
  while (k + 1 < p.n_levels() && p.uniform_cost(k + 1) <= p.budget) ++k;
  return detail::finish(p,
                        std::vector<std::uint8_t>(static_cast<std::size_t>(p.n_elements()),
                                                  static_cast<std::uint8_t>(k)),
                        0);
}

/// The uniform level and the next, the first elements having the higher: spends the budget without
/// looking at scores.
/// @throws Error as allocate_uniform
[[nodiscard]] inline Allocation allocate_mixture(const AllocationProblem& p) {
  check(p);
  detail::check_ascending(p);
  detail::check_uniform_budget(p, 0, p.n_levels() - 1);
  int k = 0;
  while (k + 1 < p.n_levels() && p.uniform_cost(k + 1) <= p.budget) ++k;
  std::vector<std::uint8_t> level(static_cast<std::size_t>(p.n_elements()),
                                  static_cast<std::uint8_t>(k));
  if (k + 1 < p.n_levels()) {
    Cost available = p.budget - p.uniform_cost(k);
    for (Index e = 0; e < p.n_elements(); ++e) {
      const Cost rise = p.cost(e, k + 1) - p.cost(e, k);
      if (rise > available) continue;
      available -= rise;
      ++level[static_cast<std::size_t>(e)];
    }
  }
  return detail::finish(p, level, 0);
}

/// Level k where the score reaches k of the ascending thresholds (one fewer than levels).
/// @throws Error as check(), for thresholds out of order, and when the result is above the budget
[[nodiscard]] inline Allocation allocate_thresholds(const AllocationProblem& p,
                                                    std::span<const double> thresholds) {
  check(p);
  if (thresholds.size() + 1 != p.bits.size() ||
      !std::is_sorted(thresholds.begin(), thresholds.end()))
    throw Error("allocate_thresholds", std::to_string(p.bits.size() - 1) + " ascending thresholds",
                std::to_string(thresholds.size()) + ", or unordered",
                "Give one threshold between each two levels.");
  std::vector<std::uint8_t> level(static_cast<std::size_t>(p.n_elements()));
  Cost cost = p.overhead;
  for (Index e = 0; e < p.n_elements(); ++e) {
    const auto k =
        std::upper_bound(thresholds.begin(), thresholds.end(), detail::total_score(p, e)) -
        thresholds.begin();
    level[static_cast<std::size_t>(e)] = static_cast<std::uint8_t>(k);
    cost += p.cost(e, static_cast<int>(k));
  }
  if (cost > p.budget)
    throw Error("allocate_thresholds", "a cost of at most " + std::to_string(p.budget),
                std::to_string(cost), "Raise the thresholds or the budget.");
  return detail::finish(p, level, 0);
}

}  // namespace amq
