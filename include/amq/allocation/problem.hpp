#pragma once
/// @file
/// Who competes for bits: elements (nodes, edges, clusters, or a node in a layer), the levels they
/// may have, what each costs, and how much error it leaves.

#include <amq/allocation/cost.hpp>
#include <amq/core/error.hpp>
#include <amq/quant/row_bits.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace amq {

/// One kind of work of every element, e.g. its node products, or the products of its incoming
/// edges. At level k element e costs macs[e] * price[k] and leaves score[e] * distortion[k] of
/// error. An element's level holds for all its classes, and costs and errors add up.
struct WorkClass {
  std::span<const Cost> macs;      ///< (element), >= 0
  std::span<const float> score;    ///< (element), >= 0: squared sensitivity times row power
  std::vector<Cost> price;         ///< (level), >= 0, per multiply-accumulate
  std::vector<double> distortion;  ///< (level), >= 0: measured D(b), relative to the row's power
};

/// The spans are somebody else's memory, and must live as long as the problem.
struct AllocationProblem {
  std::vector<int> bits;           ///< (level), ascending, 0 to 16
  std::vector<WorkClass> classes;  ///< one or more
  Cost budget = 0;                 ///< of the whole pass
  Cost overhead = 0;               ///< what no level changes: auxiliary model, encoder, decoder

  [[nodiscard]] int n_levels() const noexcept { return static_cast<int>(bits.size()); }
  [[nodiscard]] Index n_elements() const noexcept {
    return classes.empty() ? 0 : static_cast<Index>(classes.front().macs.size());
  }
  [[nodiscard]] Cost cost(Index e, int k) const noexcept {
    Cost sum = 0;
    for (const auto& c : classes)
      sum += c.macs[static_cast<std::size_t>(e)] * c.price[static_cast<std::size_t>(k)];
    return sum;
  }
  [[nodiscard]] double distortion(Index e, int k) const noexcept {
    double sum = 0;
    for (const auto& c : classes)
      sum += static_cast<double>(c.score[static_cast<std::size_t>(e)]) *
             c.distortion[static_cast<std::size_t>(k)];
    return sum;
  }
  /// Of all elements at level k, with the overhead.
  [[nodiscard]] Cost uniform_cost(int k) const noexcept {
    Cost sum = overhead;
    for (const auto& c : classes) {
      Cost macs = 0;
      for (const Cost m : c.macs) macs += m;
      sum += macs * c.price[static_cast<std::size_t>(k)];
    }
    return sum;
  }
};

/// What an allocator answers.
struct Allocation {
  RowBits bits;   ///< (element)
  Cost cost = 0;  ///< exact, overhead included; never above the budget
  Cost budget = 0;
  double lambda = 0;      ///< least error saved per cost among the steps taken; 0: none compared
  double distortion = 0;  ///< the error the scores and D(b) predict
  [[nodiscard]] RowBits::Histogram histogram() const noexcept { return bits.histogram(); }
  [[nodiscard]] Cost unspent() const noexcept { return budget - cost; }
};

/// The cost of every element at `mean_bits`, between two levels interpolated on the line (exact for
/// BOPs), rounded down. Overhead is *not* added: a budget named in bits has to pay for it.
/// @throws Error when mean_bits is outside the levels
[[nodiscard]] inline Cost budget_of_mean_bits(const AllocationProblem& p, double mean_bits) {
  if (p.bits.empty() || !(mean_bits >= p.bits.front() && mean_bits <= p.bits.back()))
    throw Error("budget_of_mean_bits",
                p.bits.empty() ? "levels"
                               : "a mean from " + std::to_string(p.bits.front()) + " to " +
                                     std::to_string(p.bits.back()) + " bits",
                std::to_string(mean_bits), "Choose a mean between the lowest and highest level.");
  std::size_t k = 0;
  while (k + 2 < p.bits.size() && p.bits[k + 1] <= mean_bits) ++k;
  const Cost low = p.uniform_cost(static_cast<int>(k)) - p.overhead;
  if (k + 1 == p.bits.size()) return low;
  const Cost high = p.uniform_cost(static_cast<int>(k + 1)) - p.overhead;
  const long double t = (static_cast<long double>(mean_bits) - p.bits[k]) /
                        static_cast<long double>(p.bits[k + 1] - p.bits[k]);
  return low + static_cast<Cost>(std::floor(static_cast<long double>(high - low) * t));
}

/// Looks over a problem before it is solved.
/// @throws Error for levels out of order, tables or spans of the wrong length, negative numbers,
///         NaN scores, or costs that could leave 63 bits
inline void check(const AllocationProblem& p) {
  const auto refuse = [](std::string expected, std::string found, std::string mend) {
    throw Error("allocation", std::move(expected), std::move(found), std::move(mend));
  };
  if (p.bits.empty() || p.classes.empty())
    refuse(
        "at least one level and one class of work",
        std::to_string(p.bits.size()) + " levels, " + std::to_string(p.classes.size()) + " classes",
        "Name the levels of the scheme and count the model's work.");
  for (std::size_t k = 0; k < p.bits.size(); ++k)
    if (p.bits[k] < 0 || p.bits[k] > max_bits || (k > 0 && p.bits[k] <= p.bits[k - 1]))
      refuse("ascending levels of 0 to 16 bits", "level " + std::to_string(p.bits[k]),
             "Sort the levels, each once.");
  const std::size_t n = p.classes.front().macs.size();
  if (p.overhead < 0) refuse("an overhead >= 0", std::to_string(p.overhead), "Count it again.");
  double most = static_cast<double>(p.overhead);
  for (const auto& c : p.classes) {
    if (c.macs.size() != n || c.score.size() != n)
      refuse(
          std::to_string(n) + " work counts and scores",
          std::to_string(c.macs.size()) + " counts, " + std::to_string(c.score.size()) + " scores",
          "Give every element one of each, in every class.");
    if (c.price.size() != p.bits.size() || c.distortion.size() != p.bits.size())
      refuse("a price and a distortion for each of " + std::to_string(p.bits.size()) + " levels",
             std::to_string(c.price.size()) + " prices, " + std::to_string(c.distortion.size()) +
                 " distortions",
             "Measure every level of the ladder.");
    Cost dearest = 0;
    for (std::size_t k = 0; k < p.bits.size(); ++k) {
      if (c.price[k] < 0 || !(c.distortion[k] >= 0) || std::isinf(c.distortion[k]))
        refuse("finite prices and distortions >= 0", "level " + std::to_string(p.bits[k]),
               "Measure this level again.");
      dearest = std::max(dearest, c.price[k]);
    }
    double macs = 0;
    bool good = true;
    for (const Cost m : c.macs) {
      good &= m >= 0;
      macs += static_cast<double>(m);
    }
    if (!good) refuse("work counts >= 0", "a negative one", "Count the model's work again.");
    for (const float s : c.score) good &= s >= 0 && s <= 3e38f;
    if (!good)
      refuse("finite scores >= 0", "one that is negative, infinite or NaN",
             "Look at the score's input field and the auxiliary model.");
    most += macs * static_cast<double>(dearest);
  }
  if (most > 9e18) refuse("a cost below 9e18", std::to_string(most), "Count in larger units.");
}

namespace detail {

/// @throws Error for a budget outside what the levels can cost.
inline void check_budget(Cost budget, Cost least, Cost most, int low_bits, int high_bits) {
  if (budget < least)
    throw Error("allocation",
                "a budget of at least " + std::to_string(least) + ", the cheapest level (" +
                    std::to_string(low_bits) + " bits) everywhere",
                std::to_string(budget), "Raise the budget, or add a lower level.");
  if (budget > most)
    throw Error("allocation",
                "a budget of at most " + std::to_string(most) + ", the dearest level (" +
                    std::to_string(high_bits) + " bits) everywhere",
                std::to_string(budget), "Lower the budget, or add a higher level.");
}

/// The levels worth having: from the cheapest, along the lower convex hull of (cost, distortion).
/// Levels off the hull are never the best choice for any lambda.
struct Hull {
  std::array<std::uint8_t, max_bits + 1> level{};
  std::array<double, max_bits + 1> slope{};  ///< error saved per cost from level[j] to level[j + 1]
  int count = 0;                             ///< >= 1; slopes fall
};
template <typename CostOf, typename DistortionOf>
[[nodiscard]] Hull convex_hull(int n_levels, CostOf cost, DistortionOf distortion) {
  const auto at = [](int k) { return static_cast<std::size_t>(k); };
  const auto slope = [&](int a, int b) {
    return (distortion(a) - distortion(b)) / static_cast<double>(cost(b) - cost(a));
  };
  Hull h;
  // Nearly always the levels are their own hull.
  const auto as_listed = [&] {
    for (int k = 0; k + 1 < n_levels; ++k) {
      if (cost(k) >= cost(k + 1) || !(distortion(k) > distortion(k + 1))) return false;
      h.slope[at(k)] = slope(k, k + 1);
      if (k > 0 && !(h.slope[at(k)] < h.slope[at(k - 1)])) return false;
    }
    return true;
  };
  if (as_listed()) {
    for (int k = 0; k < n_levels; ++k) h.level[at(k)] = static_cast<std::uint8_t>(k);
    h.count = n_levels;
    return h;
  }
  std::array<std::uint8_t, max_bits + 1> by_cost{};
  for (int k = 0; k < n_levels; ++k) {  // insertion sort: cost, then distortion, then fewer bits
    int place = k;
    for (; place > 0; --place) {
      const int q = by_cost[at(place - 1)];
      if (cost(q) < cost(k) || (cost(q) == cost(k) && distortion(q) <= distortion(k))) break;
      by_cost[at(place)] = by_cost[at(place - 1)];
    }
    by_cost[at(place)] = static_cast<std::uint8_t>(k);
  }
  for (int i = 0; i < n_levels; ++i) {
    const int k = by_cost[at(i)];
    if (h.count > 0 && !(distortion(k) < distortion(h.level[at(h.count - 1)])))
      continue;  // dearer, no better
    while (h.count > 1 && h.slope[at(h.count - 2)] <= slope(h.level[at(h.count - 1)], k)) --h.count;
    if (h.count > 0) h.slope[at(h.count - 1)] = slope(h.level[at(h.count - 1)], k);
    h.level[at(h.count++)] = static_cast<std::uint8_t>(k);
  }
  return h;
}

}  // namespace detail

}  // namespace amq
