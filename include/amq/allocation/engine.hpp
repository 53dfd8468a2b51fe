#pragma once
/// @file
/// The engine of the allocator: which elements get which level, so that the predicted error is
/// least and the cost within the budget. Every group offers steps along the convex hull of its
/// (cost, error); steps are taken by error saved per cost as long as they fit. A step's worth is
/// its element's score per work times a number of its group, so a histogram of elements, not of
/// steps, tells where the budget ends, and only the few steps near there are ever looked at one by
/// one.

#include <amq/allocation/problem.hpp>
#include <amq/core/everyone.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace amq::allocation {

namespace detail {

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

/// Narrows a range of worths to where the budget runs out: all steps worth more than `high` fit
/// together, those worth `low` and more do not, or the range is a single worth.
/// @param left   what there is to spend; less what all steps above `high` cost, afterwards
/// @param few    as many steps inside the range are few enough; 0: narrow to a single worth
/// @param sweep  sweep(low, high, add) calls add(worth, cost) for every step of worth low to high
/// @param all    who else has steps in the range, which is the same for all
/// @param bins   memory
template <typename Key, typename Sweep, everyone All>
void narrow_to_budget(Key& low, Key& high, Cost& left, std::size_t few, const Sweep& sweep,
                      All& all, std::vector<Cost>& bins) {
  // Alone few sweeps are what is wanted; among ranks few bytes, which every one of them sends.
  constexpr std::size_t n_bins = std::is_same_v<std::remove_const_t<All>, Alone> ? 4096 : 128;
  for (std::size_t inside = few + 1; low < high && inside > few;) {
    int shift = 0;  // bins of 2^shift: dividing would cost more than all the rest
    while (((high - low) >> shift) >= n_bins) ++shift;
    bins.assign(2 * n_bins, 0);  // costs, then how many
    Cost *const sum = bins.data(), *const many = sum + n_bins;
    sweep(low, high, [&, low](Key key, Cost cost) {
      const std::size_t b = (key - low) >> shift;
      sum[b] += cost;
      ++many[b];
    });
    all.sum(bins);
    std::size_t b = (high - low) >> shift;
    for (; b > 0 && sum[b] <= left; --b) left -= sum[b];
    inside = static_cast<std::size_t>(many[b]);
    low += static_cast<Key>(b) << shift;
    high = std::min(high, low + ((Key{1} << shift) - 1));
  }
}

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

  GroupedSteps() = default;
  /// As begin().
  GroupedSteps(std::vector<GroupSteps> groups, std::span<const Cost> work,
               std::span<const float> score, std::span<const std::uint16_t> group)
      : groups_(std::move(groups)) {
    begin(work, score, group);
  }
  /// To be filled before begin().
  [[nodiscard]] std::vector<GroupSteps>& groups() noexcept { return groups_; }
  /// @param work, score, group  (element), and kept; no groups: all of the first
  void begin(std::span<const Cost> work, std::span<const float> score,
             std::span<const std::uint16_t> group) {
    work_ = work;
    group_ = group;
    per_work_.resize(work.size());
    for (std::size_t e = 0; e < work.size(); ++e)
      per_work_[e] =
          work[e] > 0 ? static_cast<double>(score[e]) / static_cast<double>(work[e]) : 1e300;
  }
  [[nodiscard]] std::size_t n_elements() const noexcept { return work_.size(); }
  [[nodiscard]] const std::vector<GroupSteps>& groups() const noexcept { return groups_; }
  [[nodiscard]] const GroupSteps& of(std::size_t e) const noexcept { return groups_[group(e)]; }
  [[nodiscard]] std::size_t group(std::size_t e) const noexcept {
    return group_.empty() ? 0 : group_[e];
  }
  /// f(first, last, group) for elements in a row of one group.
  template <typename F>
  void each_run(const F& f) const {
    detail::each_run(group_, n_elements(), f);
  }
  [[nodiscard]] double per_work(std::size_t e) const noexcept { return per_work_[e]; }
  /// (element)
  [[nodiscard]] std::span<const double> per_work() const noexcept { return per_work_; }
  [[nodiscard]] Cost work(std::size_t e) const noexcept { return work_[e]; }

  /// Calls f(step, key, cost) for the first `count` steps of element e.
  template <typename F>
  void each(std::size_t e, int count, const F& f) const {
    const GroupSteps& own = of(e);
    Key before = std::numeric_limits<Key>::max();
    for (std::size_t j = 0; j < static_cast<std::size_t>(count); ++j) {
      const double worth = per_work_[e] * own.fall[j] / static_cast<double>(own.rise[j]);
      before = std::min(before, worth > 0 ? std::bit_cast<Key>(worth) : 0);
      f(j, before, work_[e] * own.rise[j]);
    }
  }

 private:
  std::vector<GroupSteps> groups_;
  std::span<const Cost> work_;
  std::span<const std::uint16_t> group_;
  std::vector<double> per_work_;  ///< (element) score over work
};

/// What all steps above a worth cost, from below and from above: elements are known by their bin
/// alone, a sixteenth of an octave of score per work.
class StepCosts {
 public:
  StepCosts() = default;
  template <everyone All>
  StepCosts(const GroupedSteps& steps, All& all) {
    begin(steps, all);
  }
  template <everyone All>
  void begin(const GroupedSteps& steps, All& all) {
    groups_ = &steps.groups();
    above_.resize(steps.groups().size());
    // Bits of numbers that are not negative are ordered as they are; a maximum of integers has no
    // NaN to look for.
    std::int64_t bits = ordered_bits(0.0);
    for (std::size_t e = 0; e < steps.n_elements(); ++e)
      bits = std::max(bits, steps.work(e) > 0 ? ordered_bits(steps.per_work(e)) : bits);
    all.max({&bits, 1});
    const double most = from_ordered_bits(bits);
    first_ = std::max<std::int64_t>(0, bin_of(most) - n_bins + 1);
    for (auto& a : above_) a.fill(0);
    steps.each_run([&](std::size_t first, std::size_t last, std::size_t g) {
      WorkAbove& own = above_[g];
      for (std::size_t e = first; e < last; ++e)
        own[place(steps.per_work(e))] += steps.per_work(e) > 0 ? steps.work(e) : 0;
    });
    all.sum({above_.front().data(), above_.size() * (n_bins + 1)});
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
  using WorkAbove = std::array<Cost, n_bins + 1>;  ///< [bin] work of elements there and higher

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
  const std::vector<GroupSteps>* groups_ = nullptr;
  std::vector<WorkAbove> above_;  ///< (group)
  std::int64_t first_ = 0;
};

/// How many steps each own element takes: all steps in order of worth, ties by element, as long as
/// they fit.
struct Taken {
  std::vector<std::uint8_t> steps;  ///< (element)
  Cost left = 0;
  double lambda = 0;  ///< the least worth taken
};
inline constexpr std::uint64_t in_range = std::numeric_limits<std::int64_t>::max();

/// By group and step, the least score per work that surely takes it, and the least that may.
struct StepLimits {
  std::array<double, max_bits + 1> surely{}, perhaps{};
  std::array<Cost, max_bits + 2> cost{};  ///< of so many steps

  /// @param low, high  worths between which the budget ends
  StepLimits(const GroupSteps& own, double low, double high) {
    for (std::size_t j = 0; j < static_cast<std::size_t>(own.count); ++j) {
      const double rise = static_cast<double>(own.rise[j]);
      surely[j] = high * rise / own.fall[j] * (1 + StepCosts::margin);
      perhaps[j] = low * rise / own.fall[j] * (1 - StepCosts::margin);
      cost[j + 1] = cost[j] + own.rise[j];
    }
  }
};

/// Takes steps while they fit. A value that keeps its memory: as many elements again allocate
/// nothing.
class StepTaker {
 public:
  /// @param number  (element) by which ties are broken; empty: as the elements stand
  template <everyone All>
  const Taken& take(const GroupedSteps& steps, Cost left, All& all,
                    std::span<const std::int64_t> number = {}) {
    steps_ = &steps;
    number_ = number;
    taken_.left = left;
    taken_.lambda = 0;
    take_sure(all);
    // Of the candidates all above the worth where the budget ends, and of that worth the first.
    Key from = 0, to = 0, least = std::numeric_limits<Key>::max();
    if (range_of(from, to, all, [](const Candidate& c) { return std::optional<Key>(c.key); })) {
      narrow_to_budget(
          from, to, taken_.left, 0,
          [&](Key a, Key b, const auto& add) {
            each([&](const Candidate& c) {
              if (c.key >= a && c.key <= b) add(c.key, c.cost);
            });
          },
          all, bins_);
      const Key stop = first_too_much(to, all);
      each([&](const Candidate& c) {
        if (c.key < to || (c.key == to && (c.turn & in_range) < stop)) return;
        ++more_[c.close];
        least = std::min(least, c.key);
      });
      for (std::size_t k = 0; k < close_.size(); ++k) taken_.steps[close_[k].element] += more_[k];
    }
    least_of_all(least, all);
    if (least == std::numeric_limits<Key>::max()) {  // none of them
      for (std::size_t e = 0; e < steps.n_elements(); ++e)
        steps.each(e, taken_.steps[e],
                   [&](std::size_t, Key key, Cost) { least = std::min(least, key); });
      least_of_all(least, all);
    }
    if (least < std::numeric_limits<Key>::max()) taken_.lambda = std::bit_cast<double>(least);
    return taken_;
  }

 private:
  using Key = GroupedSteps::Key;
  /// An element some of whose steps are near the budget's end: those from `sure` to `possible`.
  struct Close {
    std::uint32_t element;
    std::uint8_t sure, possible;
  };
  struct Candidate {
    Key key;
    std::uint64_t turn;  ///< among those of equal worth the highest goes first
    Cost cost;
    std::size_t close;
  };

  /// Worths between which the budget ends, as the upper 16 bits of a double. Below 2^-900 products
  /// round too coarsely to be told from each other by one factor.
  void find_ends(double& low, double& high) const {
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
    const Cost left = taken_.left;
    high = value(first_where(tiny, infinite,
                             [&](std::uint64_t w) { return costs_.at_most(value(w)) <= left; }));
    const std::uint64_t fits = first_where(
        0, infinite, [&](std::uint64_t w) { return costs_.at_least(value(w)) <= left; });
    low = fits > tiny ? value(fits - 1) : 0;
  }
  /// Steps that surely fit, and the list of those that may.
  template <everyone All>
  void take_sure(All& all) {
    costs_.begin(*steps_, all);
    double low = 0, high = 0;
    find_ends(low, high);
    limits_.clear();
    for (const GroupSteps& own : steps_->groups()) limits_.emplace_back(own, low, high);
    const std::size_t n = steps_->n_elements();
    taken_.steps.resize(n);
    close_.clear();
    close_.reserve(n);  // more may be close in the next plan
    Cost spent = 0;
    steps_->each_run([&](std::size_t first, std::size_t last, std::size_t g) {
      const auto count = static_cast<std::size_t>(steps_->groups()[g].count);
      for (; first < last; first += block) {
        spent += take_sure(first, std::min(block, last - first), limits_[g], count);
      }
    });
    more_.reserve(n);
    more_.assign(close_.size(), 0);
    all.sum({&spent, 1});
    taken_.left -= spent;
  }
  /// Elements that are looked at together: comparisons of a block need no branch.
  static constexpr std::size_t block = 64;
  static constexpr std::size_t few = 8;  ///< where groups alternate a block has no use
  /// Of n elements of one group. @returns what their sure steps cost
  [[nodiscard]] Cost take_sure(std::size_t first, std::size_t n, const StepLimits& l,
                               std::size_t count) {
    const double* const x = steps_->per_work().data() + first;
    Cost spent = 0;
    const auto take = [&](std::size_t i, std::int64_t sure, std::int64_t possible) {
      taken_.steps[first + i] = static_cast<std::uint8_t>(sure);
      spent += steps_->work(first + i) * l.cost[static_cast<std::size_t>(sure)];
      if (possible > sure)
        close_.push_back({static_cast<std::uint32_t>(first + i), static_cast<std::uint8_t>(sure),
                          static_cast<std::uint8_t>(possible)});
    };
    if (n < few) {
      for (std::size_t i = 0; i < n; ++i) {
        std::int64_t sure = 0, possible = 0;
        for (std::size_t j = 0; j < count; ++j)
          sure += x[i] > l.surely[j], possible += x[i] >= l.perhaps[j];
        take(i, sure, possible);
      }
      return spent;
    }
    std::array<std::int64_t, block> sure, possible;  // as wide as what is compared
    std::fill_n(sure.begin(), n, 0);
    std::fill_n(possible.begin(), n, 0);
    for (std::size_t j = 0; j < count; ++j)
      for (std::size_t i = 0; i < n; ++i) {
        sure[i] += x[i] > l.surely[j];
        possible[i] += x[i] >= l.perhaps[j];
      }
    for (std::size_t i = 0; i < n; ++i) take(i, sure[i], possible[i]);
    return spent;
  }
  [[nodiscard]] std::uint64_t turn(std::size_t e, std::size_t j) const noexcept {
    const auto own =
        number_.empty() ? static_cast<std::uint64_t>(e) : static_cast<std::uint64_t>(number_[e]);
    return ~(own * (max_bits + 1) + j);
  }
  /// f(candidate) for every step that may be taken.
  template <typename F>
  void each(const F& f) const {
    for (std::size_t k = 0; k < close_.size(); ++k) {
      const Close& c = close_[k];
      steps_->each(c.element, c.possible, [&](std::size_t j, Key key, Cost cost) {
        if (j >= c.sure && key > 0) f(Candidate{key, turn(c.element, j), cost, k});
      });
    }
  }
  /// Of the values that candidates have, on all ranks. @returns whether any has one
  template <everyone All, typename Value>
  [[nodiscard]] bool range_of(Key& from, Key& to, All& all, const Value& value_of) const {
    // Keys are positive doubles, turns complements of small numbers: half their range holds them.
    std::array<std::int64_t, 2> ends{std::numeric_limits<std::int64_t>::min(),
                                     std::numeric_limits<std::int64_t>::min()};
    each([&](const Candidate& c) {
      if (const auto v = value_of(c)) {
        ends[0] = std::max(ends[0], -static_cast<std::int64_t>(*v & in_range));
        ends[1] = std::max(ends[1], static_cast<std::int64_t>(*v & in_range));
      }
    });
    all.max(ends);
    if (ends[1] < 0) return false;
    from = static_cast<Key>(-ends[0]), to = static_cast<Key>(ends[1]);
    return true;
  }
  /// Of the candidates worth `to`, those of turns below it are not taken.
  template <everyone All>
  [[nodiscard]] Key first_too_much(Key to, All& all) {
    Key last = 0, first = 0;
    if (!range_of(last, first, all, [&](const Candidate& c) {
          return c.key == to ? std::optional<Key>(c.turn) : std::nullopt;
        }))
      return std::numeric_limits<Key>::max();
    narrow_to_budget(
        last, first, taken_.left, 0,
        [&](Key a, Key b, const auto& add) {
          each([&](const Candidate& c) {
            if (const Key x = c.turn & in_range; c.key == to && x >= a && x <= b) add(x, c.cost);
          });
        },
        all, bins_);
    // One turn, which is of one candidate, is left to be looked at.
    Cost there = 0;
    each([&](const Candidate& c) {
      if (c.key == to && (c.turn & in_range) == first) there = c.cost;
    });
    all.sum({&there, 1});
    if (there > taken_.left) return first + 1;
    taken_.left -= there;
    return first;
  }
  template <everyone All>
  static void least_of_all(Key& least, All& all) {
    std::int64_t of_mine = -static_cast<std::int64_t>(least & in_range);
    all.max({&of_mine, 1});
    least = of_mine == -static_cast<std::int64_t>(in_range) ? std::numeric_limits<Key>::max()
                                                            : static_cast<Key>(-of_mine);
  }

  const GroupedSteps* steps_ = nullptr;
  std::span<const std::int64_t> number_;
  Taken taken_;
  StepCosts costs_;
  std::vector<StepLimits> limits_;  // (group)
  std::vector<Close> close_;
  std::vector<std::uint8_t> more_;  // (close) steps taken beyond the sure ones
  std::vector<Cost> bins_;          // 64 KiB are more than some hosts' stacks hold
};
/// Once.
template <everyone All>
[[nodiscard]] Taken take_while_they_fit(const GroupedSteps& steps, Cost left, All& all,
                                        std::span<const std::int64_t> number = {}) {
  StepTaker taker;
  return taker.take(steps, left, all, number);
}

/// A group along its hull.
struct GroupLevels {
  Hull hull;
  GroupSteps steps;
  Cost cheapest = 0, dearest = 0;  ///< prices of a unit of work
  /// [level] the least that a unit of work pays to err less, or none
  std::array<Cost, max_bits + 1> next{};
  static constexpr Cost none = std::numeric_limits<Cost>::max();

  GroupLevels(const std::vector<Cost>& price, const std::vector<double>& error)
      : hull(convex_hull(
            static_cast<int>(price.size()),
            [&](int k) { return price[static_cast<std::size_t>(k)]; },
            [&](int k) { return error[static_cast<std::size_t>(k)]; })),
        cheapest(price[hull.level[0]]),
        dearest(*std::max_element(price.begin(), price.end())) {
    steps.count = hull.count - 1;
    for (std::size_t j = 0; j + 1 < static_cast<std::size_t>(hull.count); ++j) {
      const auto from = hull.level[j], to = hull.level[j + 1];
      steps.rise[j] = price[to] - price[from];
      steps.fall[j] = error[from] - error[to];
    }
    for (std::size_t k = 0; k < price.size(); ++k) {
      next[k] = none;
      for (std::size_t to = 0; to < price.size(); ++to)
        if (error[to] < error[k]) next[k] = std::min(next[k], price[to] - price[k]);
    }
  }
};

/// @throws Error for a budget outside what the levels can cost.
inline void check_budget(const Problem& p, Cost least, Cost most) {
  const auto text = [&](Cost c) {  // as budgets are given
    if (p.unit == "picoseconds")
      return std::to_string(1e-9 * static_cast<double>(c)) + " milliseconds";
    return std::to_string(c) + " " + std::string(p.unit);
  };
  const auto refuse = [&](const char* bound, Cost cost, const char* which, const char* mend) {
    throw Error("allocation",
                std::string("a budget of at ") + bound + " " + text(cost) + ", the " + which +
                    " of " + std::to_string(p.levels.front()) + " to " +
                    std::to_string(p.levels.back()) + " bits everywhere",
                text(p.budget), mend);
  };
  if (p.budget < least)
    refuse("least", least, "cheapest level", "Raise the budget, or add a lower level.");
  if (p.budget > most)
    refuse("most", most, "dearest level", "Lower the budget, or add a higher level.");
}

}  // namespace detail

/// Gives out bits again and again, and keeps its memory: a problem of the same size allocates
/// nothing.
class Engine {
 public:
  /// Of a problem whose elements several share: levels, prices, errors, budget and overhead are the
  /// same for all, and each is told the bits of its own elements. Otherwise as allocate().
  /// @param number  (element) of an order of all elements, each once; empty: as the elements stand
  /// @throws Error with all others for a budget below the cheapest or above the dearest assignment
  /// @pre check(p) has passed
  template <everyone All>
  Allocation& run(const Problem& p, All& all, std::span<const std::int64_t> number = {}) {
    Cost cheapest = p.overhead, dearest = p.overhead;
    groups_.clear();
    steps_.groups().clear();
    p.work_of_groups(work_);
    all.sum(work_);
    for (std::size_t g = 0; g < p.error.size(); ++g) {
      groups_.emplace_back(p.price_of(g), p.error[g]);
      steps_.groups().push_back(groups_.back().steps);
      cheapest += work_[g] * groups_[g].cheapest;
      dearest += work_[g] * groups_[g].dearest;
    }
    detail::check_budget(p, cheapest, dearest);
    steps_.begin(p.work, p.score, p.group);
    const detail::Taken& taken = taker_.take(steps_, p.budget - cheapest, all, number);
    level_.resize(p.n_elements());
    p.each_run([&](std::size_t first, std::size_t last, std::size_t g) {
      const auto& level = groups_[g].hull.level;
      for (std::size_t e = first; e < last; ++e) level_[e] = level[taken.steps[e]];
    });
    give_the_rest(p, taken.left, all, number);
    finish(p, taken.lambda, all);
    return result_;
  }

 private:
  /// Whether an element could have a better level.
  [[nodiscard]] bool fits(const Problem& p, const detail::GroupLevels& group, std::size_t e,
                          Cost left) const noexcept {
    const Cost next = group.next[level_[e]];
    return next != detail::GroupLevels::none && p.work[e] * next <= left && p.score[e] > 0;
  }
  [[nodiscard]] bool fits(const Problem& p, std::size_t e, Cost left) const noexcept {
    return fits(p, groups_[p.group_of(e)], e, left);
  }
  /// What is left goes to the first elements whose next step still fits, one after the other.
  template <everyone All>
  void give_the_rest(const Problem& p, Cost left, All& all, std::span<const std::int64_t> number) {
    if (std::is_same_v<std::remove_const_t<All>, Alone> && number.empty()) {
      p.each_run([&](std::size_t first, std::size_t last, std::size_t g) {
        for (std::size_t e = first; e < last; ++e)
          if (fits(p, groups_[g], e, left)) left -= improve(p, e, left);
      });
      return;
    }
    if (!number.empty()) {
      in_turn_.clear();
      in_turn_.reserve(p.n_elements());  // more may fit in the next plan
      for (std::size_t e = 0; e < p.n_elements(); ++e)
        if (fits(p, e, left)) in_turn_.push_back(static_cast<std::uint32_t>(e));
      std::sort(in_turn_.begin(), in_turn_.end(),
                [&](std::uint32_t a, std::uint32_t b) { return number[a] < number[b]; });
    }
    const std::size_t turns = number.empty() ? p.n_elements() : in_turn_.size();
    constexpr std::int64_t none = std::numeric_limits<std::int64_t>::max();
    for (std::size_t turn = 0;;) {
      std::size_t e = 0;
      for (; turn < turns; ++turn) {
        e = number.empty() ? turn : in_turn_[turn];
        if (fits(p, e, left)) break;
      }
      const std::int64_t mine = turn == turns    ? none
                                : number.empty() ? static_cast<std::int64_t>(e)
                                                 : number[e];
      std::int64_t next = -mine;
      all.max({&next, 1});
      if (next == -none) break;
      Cost spent = 0;
      if (-next == mine) {
        spent = improve(p, e, left);
        ++turn;
      }
      all.sum({&spent, 1});
      left -= spent;
    }
  }
  /// @returns what the better level costs more
  Cost improve(const Problem& p, std::size_t e, Cost left) {
    const auto& d = p.error[p.group_of(e)];
    const auto& price = p.price_of(p.group_of(e));
    Cost spent = 0;
    for (std::size_t k = 0; k < p.levels.size(); ++k) {
      const Cost c = p.work[e] * (price[k] - price[level_[e]]);
      if (c <= left - spent && d[k] < d[level_[e]]) {
        spent += c;
        level_[e] = static_cast<std::uint8_t>(k);
      }
    }
    return spent;
  }
  template <everyone All>
  void finish(const Problem& p, double lambda, All& all) {
    Allocation& a = result_;
    a.bits.resize(static_cast<Index>(level_.size()));
    a.cost = 0;
    a.distortion = 0;
    p.each_run([&](std::size_t first, std::size_t last, std::size_t g) {
      const Cost* const price = p.price_of(g).data();
      const double* const error = p.error[g].data();
      Cost cost = 0;
      double distortion = a.distortion;  // summed in the order of the elements
      for (std::size_t e = first; e < last; ++e) {
        const std::size_t k = level_[e];
        a.bits.set(static_cast<Index>(e), p.levels[k]);
        cost += p.work[e] * price[k];
        distortion += static_cast<double>(p.score[e]) * error[k];
      }
      a.cost += cost;
      a.distortion = distortion;
    });
    all.sum({&a.cost, 1});
    a.cost += p.overhead;
    a.budget = p.budget;
    a.lambda = lambda;
  }

  std::vector<detail::GroupLevels> groups_;
  std::vector<Cost> work_;  // (group)
  detail::GroupedSteps steps_;
  detail::StepTaker taker_;
  std::vector<std::uint8_t> level_;     // (element)
  std::vector<std::uint32_t> in_turn_;  // elements
  Allocation result_;
};

/// Engine::run(), once.
template <everyone All>
[[nodiscard]] Allocation allocate(const Problem& p, All& all,
                                  const std::vector<std::int64_t>& number = {}) {
  Engine engine;
  return engine.run(p, all, number);
}

/// The multiple-choice knapsack: least predicted error under the budget. Steps along every group's
/// convex hull are taken by error saved per cost, as long as they fit (what bisection of the
/// multiplier lambda converges to); then what is left goes to the first elements whose next step
/// still fits. The error exceeds the optimum by less than the worth of one step, and afterwards no
/// element could be improved with what is left. Exact, never above the budget, ties by element
/// number. O(elements * levels).
/// @throws Error as check(), and for a budget below the cheapest or above the dearest assignment
[[nodiscard]] inline Allocation allocate(const Problem& p) {
  check(p);
  const Alone all;
  return allocate(p, all);
}

}  // namespace amq::allocation
