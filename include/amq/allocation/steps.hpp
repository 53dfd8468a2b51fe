#pragma once
/// @file
/// The engine of the allocators: every element offers steps upwards, each with a cost and a worth;
/// take them in order of worth while the budget lasts. A weighted selection by histogram finds the
/// critical worth in a few sweeps, so that a million elements need no sort.

#include <amq/allocation/cost.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <tuple>
#include <vector>

namespace amq::detail {

/// Worth as an integer of the same order: the upper half of a double, so to one part in a million.
/// 0 is worthless: such a step is never taken.
using Worth = std::uint32_t;
[[nodiscard]] constexpr Worth worth_of(double x) noexcept {
  return x > 0 ? static_cast<Worth>(std::bit_cast<std::uint64_t>(x) >> 32) : 0;
}
[[nodiscard]] constexpr double worth_value(Worth w) noexcept {
  return std::bit_cast<double>(static_cast<std::uint64_t>(w) << 32);
}

/// Steps of element e: 0 .. count(e) - 1, to be taken in turn; worth(e, j) does not grow with j.
template <typename S>
concept step_source = requires(const S s, Index e, int j) {
  { s.n_elements() } -> std::same_as<Index>;
  { s.count(e) } -> std::convertible_to<int>;
  { s.worth(e, j) } -> std::same_as<Worth>;
  { s.cost(e, j) } -> std::same_as<Cost>;
};

/// Narrows a range of worths to where the budget runs out: all steps worth more than `high` fit
/// together, those worth `low` and more do not, or the range is a single worth.
/// @param left   what there is to spend; less what all steps above `high` cost, afterwards
/// @param few    as many steps inside the range are few enough; 0: narrow to a single worth
/// @param sweep  sweep(low, high, add) calls add(worth, cost) for every step of worth low to high
template <typename Key, typename Sweep>
void narrow_to_budget(Key& low, Key& high, Cost& left, std::size_t few, const Sweep& sweep) {
  constexpr std::size_t n_bins = 4096;
  for (std::size_t inside = few + 1; low < high && inside > few;) {
    int shift = 0;  // bins of 2^shift: dividing would cost more than all the rest
    while (((high - low) >> shift) >= n_bins) ++shift;
    std::array<Cost, n_bins> sum{};
    std::array<std::uint32_t, n_bins> many{};
    sweep(low, high, [&, low](Key key, Cost cost) {
      const std::size_t b = (key - low) >> shift;
      sum[b] += cost;
      ++many[b];
    });
    std::size_t b = (high - low) >> shift;
    for (; b > 0 && sum[b] <= left; --b) left -= sum[b];
    inside = many[b];
    low += static_cast<Key>(b) << shift;
    high = std::min(high, low + ((Key{1} << shift) - 1));
  }
}

struct Taken {
  std::vector<std::uint8_t> steps;  ///< (element) how many
  Cost cost = 0;                    ///< of the steps taken
  double lambda = 0;                ///< the least worth taken
};

/// Takes steps by falling worth, then ascending element, while they fit; a step that does not fit
/// is passed over and so are those above it. Afterwards no element's next step fits what is left.
template <step_source Steps>
[[nodiscard]] Taken take_steps(const Steps& s, Cost available) {
  const Index n = s.n_elements();
  Taken t;
  t.steps.assign(static_cast<std::size_t>(n), 0);

  struct Candidate {
    Worth worth;
    std::int32_t j;
    Index e;
  };
  const auto before = [](const Candidate& a, const Candidate& b) {
    return std::tie(b.worth, a.e, a.j) < std::tie(a.worth, b.e, b.j);
  };
  Worth least = std::numeric_limits<Worth>::max();
  const auto take = [&](Index e, Worth w, Cost c) {
    ++t.steps[static_cast<std::size_t>(e)];
    t.cost += c;
    available -= c;
    least = std::min(least, w);
  };

  // The range of worth, and whether there is anything to choose.
  Worth low = std::numeric_limits<Worth>::max(), high = 0;
  Cost total = 0, cheapest = std::numeric_limits<Cost>::max();
  for (Index e = 0; e < n; ++e)
    for (int j = 0, m = s.count(e); j < m; ++j) {
      const Worth w = s.worth(e, j);
      if (w == 0) break;
      const Cost c = s.cost(e, j);
      low = std::min(low, w);
      high = std::max(high, w);
      cheapest = std::min(cheapest, c);
      total += c;
    }
  if (high == 0) return t;
  if (total <= available) {
    for (Index e = 0; e < n; ++e)
      for (int j = 0, m = s.count(e); j < m; ++j) {
        const Worth w = s.worth(e, j);
        if (w == 0) break;
        take(e, w, s.cost(e, j));
      }
    t.lambda = worth_value(least);
    return t;
  }

  Cost left = available;
  narrow_to_budget(low, high, left, 32768, [&](Worth from, Worth to, const auto& add) {
    for (Index e = 0; e < n; ++e)
      for (int j = 0, m = s.count(e); j < m; ++j) {
        const Worth w = s.worth(e, j);
        if (w < from) break;  // worth falls along an element
        if (w <= to) add(w, s.cost(e, j));
      }
  });

  // Everything above goes; inside the range in order, ties by element.
  std::vector<Candidate> critical;
  for (Index e = 0; e < n; ++e) {
    const int m = s.count(e);
    int taken = 0, close = 0;
    for (int j = 0; j < m; ++j) {  // without branches: which way a node goes is hard to foresee
      const Worth w = s.worth(e, j);
      taken += w > high;
      close += w >= low;
    }
    t.steps[static_cast<std::size_t>(e)] = static_cast<std::uint8_t>(taken);
    for (int j = taken; j < close; ++j) critical.push_back({s.worth(e, j), j, e});
  }
  t.cost = available - left;
  available = left;
  if (low < high) std::sort(critical.begin(), critical.end(), before);
  const auto take_in_order = [&](const std::vector<Candidate>& list) {
    for (const auto& c : list)
      if (t.steps[static_cast<std::size_t>(c.e)] == c.j) {
        const Cost price = s.cost(c.e, c.j);
        if (price <= available) take(c.e, c.worth, price);
      }
  };
  take_in_order(critical);
  if (least > high)  // none of them: the last taken lies above
    for (Index e = 0; e < n; ++e)
      if (const int j = t.steps[static_cast<std::size_t>(e)]; j > 0)
        least = std::min(least, s.worth(e, j - 1));

  // What is left buys a step or two elsewhere: look for the best that fits. Should it be many (work
  // that differs by orders of magnitude), sort them once.
  for (int round = 0; available >= cheapest; ++round) {
    std::vector<Candidate> rest;
    Candidate best{0, 0, 0};
    for (Index e = 0; e < n; ++e) {
      const int j = t.steps[static_cast<std::size_t>(e)], m = s.count(e);
      if (j >= m || s.cost(e, j) > available) continue;
      const Worth w = s.worth(e, j);
      if (w > best.worth) best = {w, j, e};
      if (round == 3)
        for (int i = j; i < m && s.worth(e, i) > 0; ++i) rest.push_back({s.worth(e, i), i, e});
    }
    if (best.worth == 0) break;
    if (round < 3) {
      take(best.e, best.worth, s.cost(best.e, best.j));
    } else {
      std::sort(rest.begin(), rest.end(), before);
      take_in_order(rest);
      break;
    }
  }
  t.lambda = least == std::numeric_limits<Worth>::max() ? 0.0 : worth_value(least);
  return t;
}

/// Steps told by two functions, all elements having as many.
template <typename WorthOf, typename CostOf>
struct FunctionSteps {
  Index elements;
  int steps;
  WorthOf worth_of_step;  ///< (e, j) -> double
  CostOf cost_of_step;    ///< (e, j) -> Cost >= 0
  [[nodiscard]] Index n_elements() const noexcept { return elements; }
  [[nodiscard]] int count(Index) const noexcept { return steps; }
  [[nodiscard]] Worth worth(Index e, int j) const noexcept { return worth_of(worth_of_step(e, j)); }
  [[nodiscard]] Cost cost(Index e, int j) const noexcept { return cost_of_step(e, j); }
};
template <typename W, typename C>
FunctionSteps(Index, int, W, C) -> FunctionSteps<W, C>;

}  // namespace amq::detail
