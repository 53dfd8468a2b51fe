#pragma once
/// @file
/// The engine of the allocator for elements of several groups: which steps of which elements the
/// budget reaches. A step's worth is its element's score per work times a number of its group, so a
/// histogram of elements, not of steps, tells where the budget ends, and only the few steps near
/// there are ever looked at one by one.

#include <amq/allocation/problem.hpp>
#include <amq/allocation/steps.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace amq::detail {

/// The steps of all elements of a group, along its hull, for one unit of work and of score.
struct GroupSteps {
  int count = 0;
  std::array<Cost, max_bits + 1> rise{};    ///< (step) of cost, > 0
  std::array<double, max_bits + 1> fall{};  ///< (step) of error, > 0; falls per rise do not grow
};

/// The steps of every element. A step's worth is kept as the bits of a double, which order positive
/// numbers as their values do; it never rises along an element.
class GroupedSteps {
 public:
  using Key = std::uint64_t;  ///< 0: worthless, never taken

  /// @param macs, score, group  (element), and kept
  GroupedSteps(std::vector<GroupSteps> groups, std::span<const Cost> macs,
               std::span<const float> score, std::span<const std::uint16_t> group)
      : groups_(std::move(groups)), macs_(macs), group_(group), per_mac_(macs.size()) {
    for (std::size_t e = 0; e < macs.size(); ++e)
      per_mac_[e] =
          macs[e] > 0 ? static_cast<double>(score[e]) / static_cast<double>(macs[e]) : 1e300;
  }
  [[nodiscard]] std::size_t n_elements() const noexcept { return macs_.size(); }
  [[nodiscard]] const std::vector<GroupSteps>& groups() const noexcept { return groups_; }
  [[nodiscard]] const GroupSteps& of(std::size_t e) const noexcept { return groups_[group_[e]]; }
  [[nodiscard]] std::size_t group(std::size_t e) const noexcept { return group_[e]; }
  [[nodiscard]] double per_mac(std::size_t e) const noexcept { return per_mac_[e]; }
  [[nodiscard]] Cost macs(std::size_t e) const noexcept { return macs_[e]; }

  /// Calls f(step, key, cost) for the first `count` steps of element e.
  template <typename F>
  void each(std::size_t e, int count, const F& f) const {
    const GroupSteps& own = of(e);
    Key before = std::numeric_limits<Key>::max();
    for (std::size_t j = 0; j < static_cast<std::size_t>(count); ++j) {
      const double worth = per_mac_[e] * own.fall[j] / static_cast<double>(own.rise[j]);
      before = std::min(before, worth > 0 ? std::bit_cast<Key>(worth) : 0);
      f(j, before, macs_[e] * own.rise[j]);
    }
  }

 private:
  std::vector<GroupSteps> groups_;
  std::span<const Cost> macs_;
  std::span<const std::uint16_t> group_;
  std::vector<double> per_mac_;  ///< (element) score over work
};

/// What all steps above a worth cost, from below and from above: elements are known by their bin
/// alone, a sixteenth of an octave of score per work.
class StepCosts {
 public:
  explicit StepCosts(const GroupedSteps& steps)
      : groups_(&steps.groups()), above_(steps.groups().size()) {
    double most = 0;
    for (std::size_t e = 0; e < steps.n_elements(); ++e)
      if (steps.macs(e) > 0) most = std::max(most, steps.per_mac(e));
    first_ = std::max<std::int64_t>(0, bin_of(most) - n_bins + 1);
    for (auto& a : above_) a.fill(0);
    for (std::size_t e = 0; e < steps.n_elements(); ++e)
      above_[steps.group(e)][place(steps.per_mac(e))] += steps.per_mac(e) > 0 ? steps.macs(e) : 0;
    for (auto& a : above_)
      for (std::size_t b = n_bins; b-- > 0;) a[b] += a[b + 1];
  }
  /// At least what the steps cost that are worth `worth` or more.
  [[nodiscard]] Cost at_most(double worth) const noexcept { return sum(worth, 1 - margin, 0); }
  /// At most what they cost.
  [[nodiscard]] Cost at_least(double worth) const noexcept { return sum(worth, 1 + margin, 1); }
  /// Covers what rounding does to a worth.
  static constexpr double margin = 1e-12;

 private:
  static constexpr std::int64_t n_bins = 512;
  using Above = std::array<Cost, n_bins + 1>;  ///< [bin] work of elements there and higher

  [[nodiscard]] static std::int64_t bin_of(double x) noexcept {
    return std::bit_cast<std::int64_t>(x) >> 48;
  }
  /// The lowest bin holds all below, too, the highest all above.
  [[nodiscard]] std::size_t place(double x) const noexcept {
    return static_cast<std::size_t>(std::clamp<std::int64_t>(bin_of(x) - first_, 0, n_bins - 1));
  }
  /// Of elements from `bins` bins above the one on, where an element's step has the worth.
  [[nodiscard]] Cost sum(double worth, double factor, std::size_t bins) const noexcept {
    Cost total = 0;
    for (std::size_t g = 0; g < groups_->size(); ++g) {
      const GroupSteps& own = (*groups_)[g];
      for (std::size_t j = 0; j < static_cast<std::size_t>(own.count); ++j) {
        const double least = worth * static_cast<double>(own.rise[j]) / own.fall[j];
        total += own.rise[j] * above_[g][place(least * factor) + bins];
      }
    }
    return total;
  }
  const std::vector<GroupSteps>* groups_;
  std::vector<Above> above_;  ///< (group)
  std::int64_t first_ = 0;
};

/// How many steps each element takes: all steps in order of worth, ties by element, as long as they
/// fit.
struct GroupedTaken {
  std::vector<std::uint8_t> steps;  ///< (element)
  Cost left = 0;
  double lambda = 0;  ///< the least worth taken
};
[[nodiscard]] inline GroupedTaken take_while_they_fit(const GroupedSteps& steps, Cost left) {
  using Key = GroupedSteps::Key;
  const std::size_t n = steps.n_elements();
  GroupedTaken t{std::vector<std::uint8_t>(n, 0), left, 0};

  // Worths between which the budget ends, as the upper 16 bits of a double. Below 2^-900 products
  // round too coarsely to be told from each other by one factor.
  const StepCosts costs(steps);
  const auto value = [](std::uint64_t upper) { return std::bit_cast<double>(upper << 48); };
  const auto first_where = [](std::uint64_t from, std::uint64_t to, const auto& holds) {
    while (from < to) {
      const std::uint64_t middle = (from + to) / 2;
      if (holds(middle))
        to = middle;
      else
        from = middle + 1;
    }
    return from;
  };
  constexpr std::uint64_t infinite = 0x7ff0, tiny = std::uint64_t{1023 - 900} << 4;
  const double high = value(first_where(
      tiny, infinite, [&](std::uint64_t w) { return costs.at_most(value(w)) <= left; }));
  const std::uint64_t fits =
      first_where(0, infinite, [&](std::uint64_t w) { return costs.at_least(value(w)) <= left; });
  const double low = fits > tiny ? value(fits - 1) : 0;

  // By group and step, the least score per work that surely takes it, and the least that may.
  struct Limits {
    std::array<double, max_bits + 1> surely, perhaps;
    std::array<Cost, max_bits + 2> cost{};  ///< of so many steps
  };
  std::vector<Limits> limits;
  for (const GroupSteps& own : steps.groups()) {
    Limits l;
    for (std::size_t j = 0; j < static_cast<std::size_t>(own.count); ++j) {
      const double rise = static_cast<double>(own.rise[j]);
      l.surely[j] = high * rise / own.fall[j] * (1 + StepCosts::margin);
      l.perhaps[j] = low * rise / own.fall[j] * (1 - StepCosts::margin);
      l.cost[j + 1] = l.cost[j] + own.rise[j];
    }
    limits.push_back(l);
  }
  struct Candidate {
    Key key;
    std::size_t element;
    Cost cost;
  };
  std::vector<Candidate> close;
  for (std::size_t e = 0; e < n; ++e) {
    const Limits& l = limits[steps.group(e)];
    const double x = steps.per_mac(e);
    int sure = 0, possible = 0;
    for (std::size_t j = 0; j < static_cast<std::size_t>(steps.of(e).count); ++j) {
      sure += x > l.surely[j];
      possible += x >= l.perhaps[j];
    }
    t.steps[e] = static_cast<std::uint8_t>(sure);
    t.left -= steps.macs(e) * l.cost[static_cast<std::size_t>(sure)];
    if (possible > sure)
      steps.each(e, possible, [&](std::size_t j, Key key, Cost cost) {
        if (static_cast<int>(j) >= sure && key > 0) close.push_back({key, e, cost});
      });
  }

  // Of the candidates all above the worth where the budget ends, and of that worth the first.
  Key from = std::numeric_limits<Key>::max(), to = 0;
  for (const Candidate& c : close) from = std::min(from, c.key), to = std::max(to, c.key);
  narrow_to_budget(from, to, t.left, 0, [&](Key a, Key b, const auto& add) {
    for (const Candidate& c : close)
      if (c.key >= a && c.key <= b) add(c.key, c.cost);
  });
  Key least = std::numeric_limits<Key>::max();
  bool fits_still = true;
  for (const Candidate& c : close) {
    if (c.key < to) continue;
    if (c.key == to) {
      fits_still &= c.cost <= t.left;
      if (!fits_still) continue;
      t.left -= c.cost;
    }
    ++t.steps[c.element];
    least = std::min(least, c.key);
  }
  if (least == std::numeric_limits<Key>::max())  // none of them
    for (std::size_t e = 0; e < n; ++e)
      steps.each(e, t.steps[e], [&](std::size_t, Key key, Cost) { least = std::min(least, key); });
  if (least < std::numeric_limits<Key>::max()) t.lambda = std::bit_cast<double>(least);
  return t;
}

}  // namespace amq::detail
