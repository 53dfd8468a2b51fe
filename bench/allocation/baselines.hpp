#pragma once
/// @file
/// What the allocator is compared with: rules that look at less. All are exact (integers), never
/// above the budget, and break ties by element number. Prices must ascend with the level.
///
// clang-format off
/// | rule         | what it does                                                                    |
/// |--------------|---------------------------------------------------------------------------------|
/// | uniform      | the highest level that all can have                                             |
/// | mixture      | two neighbouring levels, the first elements higher                              |
/// | top          | the highest scores get the higher of two levels                                 |
/// | waterfilling | bits = mu + log4(score / work), rounded down: no measured D(b) needed           |
/// | thresholds   | levels by fixed cuts of the score                                               |
/// | random       | levels drawn at random, of greatest entropy for the budget                      |
/// | permuted     | the levels of another allocation, dealt out again: a score's fairest opponent   |
// clang-format on

#include <amq/allocation/engine.hpp>
#include <amq/core/random.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace baselines {

using namespace amq;
using namespace amq::allocation;
using allocation::Allocation;
using allocation::Problem;

namespace detail {

/// @throws Error as check(), for prices that do not ascend, and a budget outside the two levels
inline void check(const Problem& p, std::size_t low, std::size_t high) {
  allocation::check(p);
  for (const auto& row : p.price)
    if (!std::is_sorted(row.begin(), row.end()))
      throw Error("baseline", "prices that ascend with the level", "a level cheaper than a lower",
                  "Use allocate(), or drop the dearer of the two.");
  allocation::detail::check_budget(p, p.uniform_cost(low), p.uniform_cost(high));
}
inline void check(const Problem& p) {
  allocation::check_levels(p.levels);
  check(p, 0, p.levels.size() - 1);
}

/// Fills in what follows from the levels.
[[nodiscard]] inline Allocation finish(const Problem& p, const std::vector<std::uint8_t>& level) {
  Allocation a;
  std::vector<std::uint8_t> bits(level.size());
  a.cost = p.overhead;
  for (std::size_t e = 0; e < level.size(); ++e) {
    bits[e] = static_cast<std::uint8_t>(p.levels[level[e]]);
    a.cost += p.cost(e, level[e]);
    a.distortion += p.distortion(e, level[e]);
  }
  a.bits = RowBits(std::move(bits));
  a.budget = p.budget;
  return a;
}

/// From level `low` on, step by step: those of greatest worth first, ties by element; a step that
/// does not fit is passed over, and so are those above it.
/// @param next   (level) -> the level a step up
/// @param worth  (element, level) -> of the step from there; 0: never taken
template <typename Next, typename Worth>
[[nodiscard]] std::vector<std::uint8_t> by_worth(const Problem& p, std::size_t low,
                                                 std::size_t high, const Next& next,
                                                 const Worth& worth) {
  std::vector<std::tuple<double, std::size_t, std::size_t>> steps;  // (-worth, element, level)
  for (std::size_t e = 0; e < p.n_elements(); ++e)
    for (std::size_t k = low; k < high; k = next(k))
      if (const double w = worth(e, k); w > 0) steps.emplace_back(-w, e, k);
  std::sort(steps.begin(), steps.end());
  std::vector<std::uint8_t> level(p.n_elements(), static_cast<std::uint8_t>(low));
  Cost left = p.budget - p.uniform_cost(low);
  for (const auto& [w, e, k] : steps) {
    const Cost rise = p.cost(e, next(k)) - p.cost(e, k);
    if (level[e] != k || rise > left) continue;
    left -= rise;
    level[e] = static_cast<std::uint8_t>(next(k));
  }
  return level;
}

/// Lowers, then raises, elements in the order of `visit` until the budget holds and nothing fits.
inline void mend_to_budget(const Problem& p, const std::vector<std::size_t>& visit,
                           std::vector<std::uint8_t>& level) {
  Cost cost = p.overhead;
  for (std::size_t e = 0; e < level.size(); ++e) cost += p.cost(e, level[e]);
  while (cost > p.budget)  // ends: a budget of the lowest level was checked for
    for (const std::size_t e : visit) {
      if (cost <= p.budget) break;
      if (level[e] == 0) continue;
      cost -= p.cost(e, level[e]) - p.cost(e, level[e] - 1u);
      --level[e];
    }
  for (bool raised = true; raised;) {
    raised = false;
    for (const std::size_t e : visit) {
      if (level[e] + 1u >= p.levels.size()) continue;
      const Cost rise = p.cost(e, level[e] + 1u) - p.cost(e, level[e]);
      if (cost + rise > p.budget) continue;
      cost += rise;
      ++level[e];
      raised = true;
    }
  }
}
[[nodiscard]] inline std::vector<std::size_t> shuffled(std::size_t n, Random& random) {
  std::vector<std::size_t> visit(n);
  std::iota(visit.begin(), visit.end(), std::size_t{0});
  random.shuffle(visit);
  return visit;
}
[[nodiscard]] inline std::size_t level_index(const Problem& p, int bits) {
  const auto at = std::find(p.levels.begin(), p.levels.end(), bits);
  if (at == p.levels.end())
    throw Error("baseline", "a level of the problem", std::to_string(bits) + " bits",
                "Name one of the levels listed in the problem.");
  return static_cast<std::size_t>(at - p.levels.begin());
}
[[nodiscard]] inline std::size_t uniform_level(const Problem& p) {
  std::size_t k = 0;
  while (k + 1 < p.levels.size() && p.uniform_cost(k + 1) <= p.budget) ++k;
  return k;
}

}  // namespace detail

/// @throws Error as all of them: for a malformed problem, prices that do not ascend, and a budget
///         outside the levels
[[nodiscard]] inline Allocation uniform(const Problem& p) {
  detail::check(p);
  return detail::finish(
      p, std::vector<std::uint8_t>(p.n_elements(),
                                   static_cast<std::uint8_t>(detail::uniform_level(p))));
}

[[nodiscard]] inline Allocation mixture(const Problem& p) {
  detail::check(p);
  const std::size_t k = detail::uniform_level(p);
  std::vector<std::uint8_t> level(p.n_elements(), static_cast<std::uint8_t>(k));
  Cost left = p.budget - p.uniform_cost(k);
  for (std::size_t e = 0; e < level.size() && k + 1 < p.levels.size(); ++e) {
    const Cost rise = p.cost(e, k + 1) - p.cost(e, k);
    if (rise > left) continue;
    left -= rise;
    ++level[e];
  }
  return detail::finish(p, level);
}

/// @throws Error, too, for levels that the problem has not, or in the wrong order
[[nodiscard]] inline Allocation top(const Problem& p, int low_bits, int high_bits) {
  allocation::check_levels(p.levels);
  const std::size_t low = detail::level_index(p, low_bits),
                    high = detail::level_index(p, high_bits);
  if (low >= high)
    throw Error("baselines::top", "low bits below high bits",
                std::to_string(low_bits) + " and " + std::to_string(high_bits), "Swap the levels.");
  detail::check(p, low, high);
  return detail::finish(
      p, detail::by_worth(
             p, low, high, [&](std::size_t) { return high; },
             [&](std::size_t e, std::size_t) { return static_cast<double>(p.score[e]); }));
}

/// Reverse water-filling (Cover and Thomas, 10.3.3), the water level as high as the budget allows;
/// then the rest is filled in order. Assumes D(b) = 4^-b whatever the measured table says.
[[nodiscard]] inline Allocation waterfilling(const Problem& p) {
  detail::check(p);
  return detail::finish(
      p, detail::by_worth(
             p, 0, p.levels.size() - 1, [](std::size_t k) { return k + 1; },
             [&](std::size_t e, std::size_t k) {
               if (!(p.score[e] > 0)) return 0.0;
               if (p.work[e] == 0) return std::numeric_limits<double>::infinity();
               return std::ldexp(static_cast<double>(p.score[e]) / static_cast<double>(p.work[e]),
                                 -2 * p.levels[k + 1]);
             }));
}

/// Level k where the score reaches k of the ascending cuts (one fewer than levels).
/// @throws Error for cuts out of order, and when the result is above the budget
[[nodiscard]] inline Allocation thresholds(const Problem& p, std::span<const double> cuts) {
  allocation::check(p);
  if (cuts.size() + 1 != p.levels.size() || !std::is_sorted(cuts.begin(), cuts.end()))
    throw Error("baselines::thresholds",
                std::to_string(p.levels.size() - 1) + " ascending thresholds",
                std::to_string(cuts.size()) + ", or unordered",
                "Give one threshold between each two levels.");
  std::vector<std::uint8_t> level(p.n_elements());
  for (std::size_t e = 0; e < level.size(); ++e)
    level[e] = static_cast<std::uint8_t>(
        std::upper_bound(cuts.begin(), cuts.end(), static_cast<double>(p.score[e])) - cuts.begin());
  Allocation a = detail::finish(p, level);
  if (a.cost > p.budget)
    throw Error("baselines::thresholds", "a cost of at most " + std::to_string(p.budget),
                std::to_string(a.cost), "Raise the thresholds or the budget.");
  return a;
}

/// Levels drawn independently from the distribution of greatest entropy whose mean cost is the
/// budget, p(k) ~ exp(-theta * cost(k)), then mended to the budget in random order.
[[nodiscard]] inline Allocation random(const Problem& p, Random& random) {
  detail::check(p);
  const std::size_t K = p.levels.size();
  std::vector<double> cost(K), share(K);
  const double low = static_cast<double>(p.uniform_cost(0)),
               span = static_cast<double>(p.uniform_cost(K - 1)) - low;
  for (std::size_t k = 0; k < K; ++k)
    cost[k] = span > 0 ? (static_cast<double>(p.uniform_cost(k)) - low) / span : 0;
  const double target = span > 0 ? (static_cast<double>(p.budget) - low) / span : 0;
  double a = -200, b = 200;  // of theta; the mean cost falls as it grows
  for (int i = 0; i < 60; ++i) {
    const double theta = 0.5 * (a + b);
    double sum = 0, mean = 0;
    for (std::size_t k = 0; k < K; ++k) {
      share[k] = std::exp(-theta * (cost[k] - (theta > 0 ? 0.0 : 1.0)));
      sum += share[k];
      mean += share[k] * cost[k];
    }
    for (auto& s : share) s /= sum;
    (mean / sum > target ? a : b) = theta;
  }
  std::vector<std::uint8_t> level(p.n_elements());
  for (auto& l : level) {
    double u = random.uniform();
    std::size_t k = 0;
    while (k + 1 < K && u >= share[k]) u -= share[k++];
    l = static_cast<std::uint8_t>(k);
  }
  detail::mend_to_budget(p, detail::shuffled(level.size(), random), level);
  return detail::finish(p, level);
}

/// The same histogram but for a few elements that keep the budget where work differs.
/// @throws Error, too, when `a` is of another problem
[[nodiscard]] inline Allocation permuted(const Problem& p, const Allocation& a, Random& random) {
  detail::check(p);
  if (a.bits.rows() != static_cast<Index>(p.n_elements()))
    throw Error("baselines::permuted", std::to_string(p.n_elements()) + " elements",
                std::to_string(a.bits.rows()), "Pass an allocation of this problem.");
  const auto deal = detail::shuffled(p.n_elements(), random);
  std::vector<std::uint8_t> level(deal.size());
  for (std::size_t e = 0; e < deal.size(); ++e)
    level[e] =
        static_cast<std::uint8_t>(detail::level_index(p, a.bits[static_cast<Index>(deal[e])]));
  detail::mend_to_budget(p, detail::shuffled(p.n_elements(), random), level);
  return detail::finish(p, level);
}

}  // namespace baselines
