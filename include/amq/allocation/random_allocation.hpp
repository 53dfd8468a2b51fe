#pragma once
/// @file
/// Allocations that look at no score: for ablations, and so that in training every row meets every
/// level.

#include <amq/allocation/allocate.hpp>
#include <amq/core/random.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace amq {

namespace detail {

/// Lowers, then raises, elements in the order of `visit` until the budget holds and nothing fits.
inline void mend_to_budget(const AllocationProblem& p, const std::vector<std::int32_t>& visit,
                           std::vector<std::uint8_t>& level) {
  Cost cost = p.overhead;
  for (Index e = 0; e < p.n_elements(); ++e) cost += p.cost(e, level[static_cast<std::size_t>(e)]);
  while (cost > p.budget)  // ends: a budget of the lowest level was checked for
    for (const auto e : visit) {
      auto& k = level[static_cast<std::size_t>(e)];
      if (cost <= p.budget) break;
      if (k == 0) continue;
      cost -= p.cost(e, k) - p.cost(e, k - 1);
      --k;
    }
  for (bool raised = true; raised;) {
    raised = false;
    for (const auto e : visit) {
      auto& k = level[static_cast<std::size_t>(e)];
      if (k + 1 >= p.n_levels()) continue;
      const Cost rise = p.cost(e, k + 1) - p.cost(e, k);
      if (cost + rise > p.budget) continue;
      cost += rise;
      ++k;
      raised = true;
    }
  }
}

[[nodiscard]] inline std::vector<std::int32_t> shuffled(Index n, Random& random) {
  std::vector<std::int32_t> visit(static_cast<std::size_t>(n));
  std::iota(visit.begin(), visit.end(), 0);
  random.shuffle(visit);
  return visit;
}

}  // namespace detail

/// Levels drawn independently from the distribution of greatest entropy whose mean cost is the
/// budget, p(k) ~ exp(-theta * cost(k)), then mended to the budget in random order.
/// @throws Error as check(), and for a budget outside the lowest and highest level
[[nodiscard]] inline Allocation allocate_random(const AllocationProblem& p, Random& random) {
  check(p);
  detail::check_ascending(p);
  detail::check_uniform_budget(p, 0, p.n_levels() - 1);
  const auto K = p.bits.size();
  std::vector<double> cost(K), share(K);
  const double low = static_cast<double>(p.uniform_cost(0)),
               span = static_cast<double>(p.uniform_cost(p.n_levels() - 1)) - low;
  for (std::size_t k = 0; k < K; ++k)
    cost[k] =
        span > 0 ? (static_cast<double>(p.uniform_cost(static_cast<int>(k))) - low) / span : 0;
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
  std::vector<std::uint8_t> level(static_cast<std::size_t>(p.n_elements()));
  for (auto& l : level) {
    double u = random.uniform();
    std::size_t k = 0;
    while (k + 1 < K && u >= share[k]) u -= share[k++];
    l = static_cast<std::uint8_t>(k);
  }
  detail::mend_to_budget(p, detail::shuffled(p.n_elements(), random), level);
  return detail::finish(p, level, 0);
}

/// The levels of another allocation dealt out anew: the same histogram but for a few elements that
/// keep the budget where work differs. The fairest opponent of a score.
/// @throws Error as check(), and when `a` is of another problem
[[nodiscard]] inline Allocation allocate_permuted(const AllocationProblem& p, const Allocation& a,
                                                  Random& random) {
  check(p);
  detail::check_ascending(p);
  detail::check_uniform_budget(p, 0, p.n_levels() - 1);
  if (a.bits.rows() != p.n_elements())
    throw Error("allocate_permuted", std::to_string(p.n_elements()) + " elements",
                std::to_string(a.bits.rows()), "Pass an allocation of this problem.");
  const auto deal = detail::shuffled(p.n_elements(), random);
  std::vector<std::uint8_t> level(deal.size());
  for (std::size_t e = 0; e < deal.size(); ++e)
    level[e] = static_cast<std::uint8_t>(detail::level_index(p, a.bits[deal[e]]));
  detail::mend_to_budget(p, detail::shuffled(p.n_elements(), random), level);
  return detail::finish(p, level, 0);
}

}  // namespace amq
