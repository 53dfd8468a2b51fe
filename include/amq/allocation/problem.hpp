#pragma once
/// @file
/// Who competes for bits: elements (a node, an edge, a cluster, at one quantization point or at
/// all), the levels they may have, what each costs, and how much error it leaves.

#include <amq/core/error.hpp>
#include <amq/core/matrix_view.hpp>
#include <amq/quant/row_bits.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amq::allocation {

/// BOPs, or any other unit: picoseconds, bytes. Integers, so that a budget is kept exactly. Sums
/// stay below 2^63.
using Cost = std::int64_t;

namespace detail {

/// f(first, last, group) for elements [first, last) that stand in a row and are of one group, as
/// many as do so or fewer.
/// @param group  (element); empty: all n are of group 0
template <typename F>
void each_run(std::span<const std::uint16_t> group, std::size_t n, const F& f) {
  if (group.empty()) {
    if (n > 0) f(std::size_t{0}, n, std::size_t{0});
    return;
  }
  // Points of a mesh come one after the other. Where groups alternate, looking for an end costs
  // more than it saves.
  const std::size_t look = std::min<std::size_t>(n, 256);
  std::size_t ends = 0;
  for (std::size_t e = 1; e < look; ++e) ends += group[e] != group[e - 1];
  if (16 * ends > look) {
    for (std::size_t e = 0; e < n; ++e) f(e, e + 1, static_cast<std::size_t>(group[e]));
    return;
  }
  for (std::size_t first = 0; first < n;) {
    const std::uint16_t g = group[first];
    std::size_t last = first + 1;
    // Runs of meshes are long: four elements at a time.
    const std::uint64_t four = g * std::uint64_t{0x0001000100010001};
    for (std::uint64_t next = 0; last + 4 <= n; last += 4) {
      std::memcpy(&next, group.data() + last, sizeof next);
      if (next != four) break;
    }
    while (last < n && group[last] == g) ++last;
    f(first, last, static_cast<std::size_t>(g));
    first = last;
  }
}

}  // namespace detail

/// Element e of group g costs work[e] * price[g][k] at level k, and leaves score[e] * error[g][k].
/// The spans are somebody else's memory, and must live as long as the problem.
struct Problem {
  std::vector<int> levels;                 ///< bits, ascending, 0 to 16
  std::vector<std::vector<Cost>> price;    ///< (group)(level) of a unit of work, >= 0; or one row
                                           ///< for all groups. Measured ones need not ascend
  std::vector<std::vector<double>> error;  ///< (group)(level), >= 0: measured D(b)
  std::span<const Cost> work;              ///< (element), >= 0
  std::span<const float> score;            ///< (element), >= 0: squared sensitivity x row power
  std::span<const std::uint16_t> group{};  ///< (element); empty: all are of group 0
  Cost budget = 0;                         ///< of the whole pass
  Cost overhead = 0;                       ///< what no level changes: auxiliary model, encoder
  std::string_view unit = "BOPs";          ///< of costs

  [[nodiscard]] std::size_t n_elements() const noexcept { return work.size(); }
  [[nodiscard]] std::size_t group_of(std::size_t e) const noexcept {
    return group.empty() ? 0 : group[e];
  }
  [[nodiscard]] const std::vector<Cost>& price_of(std::size_t g) const noexcept {
    return price.size() == 1 ? price.front() : price[g];
  }
  /// f(first, last, group) for elements in a row of one group.
  template <typename F>
  void each_run(const F& f) const {
    detail::each_run(group, n_elements(), f);
  }
  /// Of element e at level k.
  [[nodiscard]] Cost cost(std::size_t e, std::size_t k) const noexcept {
    return work[e] * price_of(group_of(e))[k];
  }
  [[nodiscard]] double distortion(std::size_t e, std::size_t k) const noexcept {
    return static_cast<double>(score[e]) * error[group_of(e)][k];
  }
  /// (group) work of its elements together.
  void work_of_groups(std::vector<Cost>& sum) const {
    sum.assign(error.size(), 0);
    each_run([&](std::size_t first, std::size_t last, std::size_t g) {
      Cost own = 0;
      for (std::size_t e = first; e < last; ++e) own += work[e];
      sum[g] += own;
    });
  }
  [[nodiscard]] std::vector<Cost> work_of_groups() const {
    std::vector<Cost> sum;
    work_of_groups(sum);
    return sum;
  }
  /// Of all elements at level k, with the overhead.
  [[nodiscard]] Cost uniform_cost(std::size_t k) const {
    Cost sum = overhead;
    const auto of_group = work_of_groups();
    for (std::size_t g = 0; g < of_group.size(); ++g) sum += of_group[g] * price_of(g)[k];
    return sum;
  }
};

/// What an allocator answers.
struct Allocation {
  RowBits bits;   ///< (element)
  Cost cost = 0;  ///< exact, overhead included; never above the budget
  Cost budget = 0;
  double lambda = 0;      ///< least error saved per cost among the steps taken; 0: none
  double distortion = 0;  ///< the error that scores and D(b) predict
  [[nodiscard]] RowBits::Histogram histogram() const noexcept { return bits.histogram(); }
  [[nodiscard]] Cost unspent() const noexcept { return budget - cost; }
};

/// @throws Error for no level, a level outside 0 to 16 bits, or levels that do not ascend
inline void check_levels(const std::vector<int>& levels) {
  if (levels.empty())
    throw Error("allocation", "at least one level", "none", "Name the levels of the scheme.");
  for (std::size_t k = 0; k < levels.size(); ++k)
    if (levels[k] < 0 || levels[k] > max_bits || (k > 0 && levels[k] <= levels[k - 1]))
      throw Error("allocation", "ascending levels of 0 to 16 bits",
                  "level " + std::to_string(levels[k]), "Sort the levels, each once.");
}

/// The cost at `mean_bits`, on the line between two levels, rounded down; `at(k)` is the cost of
/// level k everywhere.
/// @throws Error when mean_bits is outside the levels
template <typename At>
[[nodiscard]] Cost cost_between(const std::vector<int>& levels, double mean_bits, const At& at) {
  if (!(mean_bits >= levels.front() && mean_bits <= levels.back()))
    throw Error("allocation",
                "a mean from " + std::to_string(levels.front()) + " to " +
                    std::to_string(levels.back()) + " bits",
                std::to_string(mean_bits), "Choose a mean between the lowest and highest level.");
  std::size_t k = 0;
  while (k + 2 < levels.size() && levels[k + 1] <= mean_bits) ++k;
  const Cost low = at(k);
  if (k + 1 == levels.size()) return low;
  const long double t = (static_cast<long double>(mean_bits) - levels[k]) /
                        static_cast<long double>(levels[k + 1] - levels[k]);
  return low + static_cast<Cost>(std::floor(static_cast<long double>(at(k + 1) - low) * t));
}

/// The cost of every element at `mean_bits`. Overhead is *not* added: a budget named in bits has to
/// pay for it.
/// @throws Error as cost_between()
[[nodiscard]] inline Cost budget_of_mean_bits(const Problem& p, double mean_bits) {
  check_levels(p.levels);
  return cost_between(p.levels, mean_bits,
                      [&](std::size_t k) { return p.uniform_cost(k) - p.overhead; });
}

/// Looks over a problem before it is solved.
/// @throws Error for levels out of order, tables or spans of the wrong length, negative numbers,
///         NaN scores, groups without a curve, or costs that could leave 63 bits
inline void check(const Problem& p) {
  const auto refuse = [](std::string expected, std::string found, std::string mend) {
    throw Error("allocation", std::move(expected), std::move(found), std::move(mend));
  };
  check_levels(p.levels);
  const std::size_t n = p.n_elements();
  if (p.error.empty() || (p.price.size() != 1 && p.price.size() != p.error.size()))
    refuse("prices and a distortion curve of each group",
           std::to_string(p.price.size()) + " rows of prices, " + std::to_string(p.error.size()) +
               " curves",
           "Give one of each to every group.");
  if (p.score.size() != n || (!p.group.empty() && p.group.size() != n))
    refuse(
        std::to_string(n) + " scores and groups, as there are work counts",
        std::to_string(p.score.size()) + " scores, " + std::to_string(p.group.size()) + " groups",
        "Give every element one of each.");
  if (p.overhead < 0) refuse("an overhead >= 0", std::to_string(p.overhead), "Count it again.");
  for (const auto& row : p.price) {
    bool good = row.size() == p.levels.size();
    for (const Cost c : row) good &= c >= 0;
    if (!good) refuse("a price >= 0 for every level", "other prices", "Measure every level.");
  }
  for (const auto& curve : p.error) {
    bool good = curve.size() == p.levels.size();
    for (const double d : curve) good &= d >= 0 && d < 1e300;
    if (!good)
      refuse("a finite distortion >= 0 for every level", "another curve", "Measure it again.");
  }
  double most = static_cast<double>(p.overhead);
  const auto dearest = [&](std::size_t g) {
    return static_cast<double>(*std::max_element(p.price_of(g).begin(), p.price_of(g).end()));
  };
  const double of_all = p.price.size() == 1 ? dearest(0) : 0;
  p.each_run([&](std::size_t first, std::size_t last, std::size_t g) {
    const auto wrong = [&](std::size_t e) {
      return p.work[e] < 0 || !(p.score[e] >= 0 && p.score[e] <= 3e38f) || g >= p.error.size();
    };
    // Whatever is wrong sets a high bit, so that good elements are looked at without a branch.
    std::uint32_t highest = 0;
    Cost any = 0;
    double work = 0;
    std::size_t e = first;
    if (last - first >= 16) {
      for (std::size_t i = first; i < last; ++i)
        highest = std::max(highest, std::bit_cast<std::uint32_t>(p.score[i]));
      std::array<double, 8> sums{};
      for (; e + sums.size() <= last; e += sums.size())
        for (std::size_t i = 0; i < sums.size(); ++i) {
          any |= p.work[e + i];
          sums[i] += static_cast<double>(p.work[e + i]);
        }
      work = std::accumulate(sums.begin(), sums.end(), 0.0);
    }
    for (; e < last; ++e) {
      highest = std::max(highest, std::bit_cast<std::uint32_t>(p.score[e]));
      any |= p.work[e];
      work += static_cast<double>(p.work[e]);
    }
    if (any < 0 || highest > std::bit_cast<std::uint32_t>(3e38f) || g >= p.error.size())
      for (e = first; e < last; ++e)
        if (wrong(e))
          refuse("work and finite scores of at least 0, and a known group",
                 "another at element " + std::to_string(e),
                 "Look at the score's input field and the auxiliary model.");
    most += work * (of_all > 0 ? of_all : dearest(g));
  });
  if (most > 9e18) refuse("a cost below 9e18", std::to_string(most), "Count in larger units.");
}

}  // namespace amq::allocation
