#include <amq/allocation/steps.hpp>

#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <tuple>
#include <vector>

using namespace amq;
using namespace amq::detail;

static_assert(worth_of(-1.0) == 0 && worth_of(0.0) == 0 && worth_of(1.0) < worth_of(1.00001));

namespace {
struct Table {
  std::vector<std::vector<double>> worths;
  std::vector<std::vector<Cost>> costs;
  [[nodiscard]] Index n_elements() const { return static_cast<Index>(worths.size()); }
  [[nodiscard]] int count(Index e) const {
    return static_cast<int>(worths[static_cast<std::size_t>(e)].size());
  }
  [[nodiscard]] Worth worth(Index e, int j) const {
    return worth_of(worths[static_cast<std::size_t>(e)][static_cast<std::size_t>(j)]);
  }
  [[nodiscard]] Cost cost(Index e, int j) const {
    return costs[static_cast<std::size_t>(e)][static_cast<std::size_t>(j)];
  }
};

/// The promise, taken literally: sort everything, walk once.
std::vector<std::uint8_t> by_sorting(const Table& t, Cost available) {
  std::vector<std::tuple<std::int64_t, Index, int>> all;
  for (Index e = 0; e < t.n_elements(); ++e)
    for (int j = 0; j < t.count(e); ++j)
      if (t.worth(e, j) > 0) all.emplace_back(-static_cast<std::int64_t>(t.worth(e, j)), e, j);
  std::sort(all.begin(), all.end());
  std::vector<std::uint8_t> taken(t.worths.size(), 0);
  for (const auto& [w, e, j] : all)
    if (taken[static_cast<std::size_t>(e)] == j && t.cost(e, j) <= available) {
      available -= t.cost(e, j);
      ++taken[static_cast<std::size_t>(e)];
    }
  return taken;
}

Table random_table(Random& random, std::size_t n, bool ties, bool wild) {
  Table t;
  t.worths.resize(n);
  t.costs.resize(n);
  for (std::size_t e = 0; e < n; ++e) {
    const auto m = random.index(5);
    for (std::uint64_t j = 0; j < m; ++j) {
      t.worths[e].push_back(ties ? static_cast<double>(random.index(4))
                                 : std::exp(5 * random.normal()));
      t.costs[e].push_back(static_cast<Cost>(wild ? std::exp(8 * random.uniform())
                                                  : 50.0 + static_cast<double>(random.index(9))));
    }
    std::sort(t.worths[e].rbegin(), t.worths[e].rend());
  }
  return t;
}
}  // namespace

TEST_CASE("taking steps by histogram is taking them by a full sort") {
  Random random(11);
  for (int round = 0; round < 600; ++round) {
    const bool ties = round % 3 == 0, wild = round % 2 == 0;
    const auto t = random_table(random, random.index(60), ties, wild);
    Cost total = 0;
    for (const auto& c : t.costs) total = std::accumulate(c.begin(), c.end(), total);
    const auto available =
        static_cast<Cost>(random.index(static_cast<std::uint64_t>(total) * 11 / 10 + 1));
    const auto taken = take_steps(t, available);
    REQUIRE(taken.steps == by_sorting(t, available));
    REQUIRE(taken.cost <= available);
  }
}

TEST_CASE("the same with so many elements that the histogram has to narrow twice") {
  Random random(12);
  for (bool ties : {false, true})
    for (double share : {0.01, 0.5, 0.97}) {
      const auto t = random_table(random, 60000, ties, false);
      Cost total = 0;
      for (const auto& c : t.costs) total = std::accumulate(c.begin(), c.end(), total);
      const auto available = static_cast<Cost>(share * static_cast<double>(total));
      CHECK(take_steps(t, available).steps == by_sorting(t, available));
    }
}
