#pragma once
/// @file
/// The allocator for elements of several groups, each group with a distortion curve of its own: a
/// node's rows at different quantization points of a network.

#include <amq/allocation/problem.hpp>
#include <amq/allocation/steps.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
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

/// The steps of every element along its group's hull. A step's worth is kept as the bits of a
/// double, which order positive numbers as their values do; it never rises along an element.
class GroupedSteps {
 public:
  using Key = std::uint64_t;  ///< 0: worthless, never taken

  GroupedSteps(const GroupedProblem& p, const std::vector<Hull>& hulls) : p_(&p) {
    std::size_t room = 0;
    for (std::size_t g = 0; g < hulls.size(); ++g) {
      const Hull& h = hulls[g];
      Group own;
      own.count = h.count - 1;
      for (int j = 0; j < own.count; ++j) {
        const auto from = h.level[static_cast<std::size_t>(j)],
                   to = h.level[static_cast<std::size_t>(j + 1)];
        own.rise[static_cast<std::size_t>(j)] = p.price_of(g)[to] - p.price_of(g)[from];
        own.fall[static_cast<std::size_t>(j)] = p.distortion[g][from] - p.distortion[g][to];
      }
      groups_.push_back(own);
    }
    for (const std::uint16_t g : p.group) room += static_cast<std::size_t>(groups_[g].count);
    keys_.reserve(room);
    for (std::size_t e = 0; e < p.group.size(); ++e) {
      const Group& own = groups_[p.group[e]];
      const double per_mac =
          p.macs[e] > 0 ? static_cast<double>(p.score[e]) / static_cast<double>(p.macs[e]) : 1e300;
      Key before = std::numeric_limits<Key>::max();
      for (std::size_t j = 0; j < static_cast<std::size_t>(own.count); ++j) {
        const double worth = per_mac * own.fall[j] / static_cast<double>(own.rise[j]);
        before = std::min(before, worth > 0 ? std::bit_cast<Key>(worth) : 0);
        keys_.push_back(before);
      }
    }
  }
  /// Calls f(element, step, key, cost) for all steps, elements in order.
  template <typename F>
  void each(const F& f) const {
    std::size_t s = 0;
    for (std::size_t e = 0; e < p_->group.size(); ++e) {
      const Group& own = groups_[p_->group[e]];
      for (std::size_t j = 0; j < static_cast<std::size_t>(own.count); ++j, ++s)
        f(e, j, keys_[s], p_->macs[e] * own.rise[j]);
    }
  }

 private:
  struct Group {
    int count = 0;
    std::array<Cost, max_bits + 1> rise{};
    std::array<double, max_bits + 1> fall{};
  };
  const GroupedProblem* p_;
  std::vector<Group> groups_;
  std::vector<Key> keys_;
};

/// How many steps each element takes: all steps in order of worth, ties by element, as long as they
/// fit.
struct GroupedTaken {
  std::vector<std::uint8_t> steps;  ///< (element)
  Cost left = 0;
  double lambda = 0;  ///< the least worth taken
};
[[nodiscard]] inline GroupedTaken take_while_they_fit(const GroupedSteps& steps,
                                                      std::size_t n_elements, Cost left) {
  using Key = GroupedSteps::Key;
  GroupedTaken t{std::vector<std::uint8_t>(n_elements, 0), left, 0};
  Key low = std::numeric_limits<Key>::max(), high = 0;
  Cost total = 0;
  steps.each([&](std::size_t, std::size_t, Key key, Cost cost) {
    if (key == 0) return;
    low = std::min(low, key);
    high = std::max(high, key);
    total += cost;
  });
  if (high == 0) return t;
  if (total <= t.left) {
    t.left -= total;
    high = 0;
  } else {
    narrow_to_budget(low, high, t.left, 2048, [&](Key from, Key to, const auto& add) {
      steps.each([&](std::size_t, std::size_t, Key key, Cost cost) {
        if (key >= from && key <= to) add(key, cost);
      });
    });
  }
  struct Candidate {
    Key key;
    std::size_t element;
    Cost cost;
  };
  std::vector<Candidate> critical;
  Key least = std::numeric_limits<Key>::max();
  steps.each([&](std::size_t e, std::size_t, Key key, Cost cost) {
    if (key > high) {
      ++t.steps[e];
      least = std::min(least, key);
    } else if (key >= low) {
      critical.push_back({key, e, cost});
    }
  });
  // An element's steps were met in turn, and stay so.
  std::stable_sort(critical.begin(), critical.end(),
                   [](const Candidate& a, const Candidate& b) { return a.key > b.key; });
  for (const Candidate& c : critical) {
    if (c.cost > t.left) break;
    t.left -= c.cost;
    ++t.steps[c.element];
    least = c.key;
  }
  if (least < std::numeric_limits<Key>::max()) t.lambda = std::bit_cast<double>(least);
  return t;
}

}  // namespace detail

/// Least predicted error under the budget: steps along every group's convex hull, by error saved
/// per cost, as long as they fit; then what is left goes to the first elements whose next step
/// still fits. Never above the budget; ties by element number. O(elements * levels).
/// @throws Error for malformed problems, and budgets below the cheapest or above the dearest level
[[nodiscard]] inline Allocation allocate_grouped(const GroupedProblem& p) {
  detail::check(p);
  const std::size_t n = p.macs.size();
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
  for (std::size_t e = 0; e < n; ++e) {
    cheapest += p.macs[e] * p.price_of(p.group[e])[hulls[p.group[e]].level[0]];
    dearest += p.macs[e] * most[p.group[e]];
  }
  detail::check_budget(p.budget, cheapest, dearest, p.bits.front(), p.bits.back());

  const detail::GroupedTaken taken =
      detail::take_while_they_fit(detail::GroupedSteps(p, hulls), n, p.budget - cheapest);
  Cost left = taken.left;
  std::vector<std::uint8_t> level(n);
  for (std::size_t e = 0; e < n; ++e) level[e] = hulls[p.group[e]].level[taken.steps[e]];
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
  a.lambda = taken.lambda;
  return a;
}

}  // namespace amq
