#pragma once
/// @file
/// The allocator for elements of several groups, each group with a distortion curve of its own: a
/// node's rows at different quantization points of a network.

#include <amq/allocation/problem.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
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

}  // namespace detail

/// Least predicted error under the budget: steps along every group's convex hull, by error saved
/// per cost, found by weighted selection in expected linear time; then what is left goes to the
/// first elements whose next step still fits. Never above the budget; ties by element number.
/// @throws Error for malformed problems, and budgets below the cheapest or above the dearest level
[[nodiscard]] inline Allocation allocate_grouped(const GroupedProblem& p) {
  detail::check(p);
  const std::size_t n = p.macs.size();
  struct Step {
    double worth;
    std::uint32_t element;
    std::uint8_t from, to;  // level indices
  };
  const auto before = [](const Step& a, const Step& b) {
    return a.worth != b.worth       ? a.worth > b.worth
           : a.element != b.element ? a.element < b.element
                                    : a.from < b.from;
  };
  std::vector<detail::Hull> hulls;
  std::vector<Cost> most;  // (group) per unit of work
  for (std::size_t g = 0; g < p.distortion.size(); ++g) {
    hulls.push_back(detail::convex_hull(
        static_cast<int>(p.bits.size()),
        [&](int k) { return p.price_of(g)[static_cast<std::size_t>(k)]; },
        [&](int k) { return p.distortion[g][static_cast<std::size_t>(k)]; }));
    most.push_back(*std::max_element(p.price_of(g).begin(), p.price_of(g).end()));
  }
  Cost cheapest = p.overhead, dearest = p.overhead;
  std::vector<std::uint8_t> level(n, 0);
  for (std::size_t e = 0; e < n; ++e) {
    level[e] = hulls[p.group[e]].level[0];
    cheapest += p.macs[e] * p.price_of(p.group[e])[level[e]];
    dearest += p.macs[e] * most[p.group[e]];
  }
  detail::check_budget(p.budget, cheapest, dearest, p.bits.front(), p.bits.back());

  std::vector<Step> steps;
  steps.reserve(n * 3);
  for (std::size_t e = 0; e < n; ++e) {
    const auto& h = hulls[p.group[e]];
    const auto& d = p.distortion[p.group[e]];
    const auto& price = p.price_of(p.group[e]);
    const double per_mac =
        p.macs[e] > 0 ? static_cast<double>(p.score[e]) / static_cast<double>(p.macs[e]) : 1e300;
    for (int j = 0; j + 1 < h.count; ++j) {
      const auto a = h.level[static_cast<std::size_t>(j)],
                 b = h.level[static_cast<std::size_t>(j + 1)];
      const double worth = per_mac * (d[a] - d[b]) / static_cast<double>(price[b] - price[a]);
      if (worth > 0) steps.push_back({worth, static_cast<std::uint32_t>(e), a, b});
    }
  }
  const auto cost_of = [&](const Step& s) {
    const auto& price = p.price_of(p.group[s.element]);
    return p.macs[s.element] * (price[s.to] - price[s.from]);
  };
  Cost left = p.budget - cheapest;
  std::size_t low = 0, high = steps.size();  // all before low are taken, none from high on
  double lambda = 0;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    std::nth_element(steps.begin() + static_cast<std::ptrdiff_t>(low),
                     steps.begin() + static_cast<std::ptrdiff_t>(middle),
                     steps.begin() + static_cast<std::ptrdiff_t>(high), before);
    Cost sum = 0;
    for (std::size_t s = low; s <= middle; ++s) sum += cost_of(steps[s]);
    if (sum <= left) {
      left -= sum;
      lambda = steps[middle].worth;
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  // Taken steps of an element are the first of its hull: the dearest of them is the last.
  for (std::size_t s = 0; s < low; ++s) {
    const auto& price = p.price_of(p.group[steps[s].element]);
    auto& now = level[steps[s].element];
    if (price[steps[s].to] > price[now]) now = steps[s].to;
  }
  for (std::size_t e = 0; e < n; ++e) {
    const auto& d = p.distortion[p.group[e]];
    const auto& price = p.price_of(p.group[e]);
    for (std::size_t k = 0; k < p.bits.size(); ++k) {
      const Cost c = p.macs[e] * (price[k] - price[level[e]]);
      if (c <= left && p.score[e] > 0 && d[k] < d[level[e]]) {
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
  a.lambda = lambda;
  return a;
}

}  // namespace amq
