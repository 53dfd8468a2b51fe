#include "../../bench/allocation/baselines.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace test_baselines {

using namespace amq;
using namespace amq::allocation;
using allocation::Allocation;
using allocation::Problem;

namespace {

/// A random problem with the memory its spans look at.
struct Instance {
  std::vector<Cost> work;
  std::vector<float> score;
  Problem problem;

  Instance(std::size_t n, bool equal_work, bool ties, Random& random) : work(n), score(n) {
    const std::vector<std::vector<int>> ladders{
        {2, 4, 8}, {2, 3, 4, 5, 6}, {0, 2, 8}, {4}, {1, 16}};
    for (auto& w : work)
      w = equal_work ? 7 : static_cast<Cost>(random.index(20) * random.index(20));
    for (auto& s : score)
      s = ties ? static_cast<float>(random.index(3))
               : static_cast<float>(std::exp(random.normal()));
    auto& p = problem;
    p.levels = ladders[random.index(ladders.size())];
    p.price.resize(1);
    p.error.resize(1);
    for (const int b : p.levels) {
      p.price[0].push_back(8 * b);
      p.error[0].push_back(std::pow(4.0, -b));
    }
    p.work = work;
    p.score = score;
    p.overhead = static_cast<Cost>(random.index(1000));
    const Cost low = p.uniform_cost(0), high = p.uniform_cost(p.levels.size() - 1);
    p.budget = low + static_cast<Cost>(random.index(static_cast<std::uint64_t>(high - low) + 1));
  }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  [[nodiscard]] std::size_t level(const Allocation& a, std::size_t e) const {
    return static_cast<std::size_t>(
        std::find(problem.levels.begin(), problem.levels.end(), a.bits[static_cast<Index>(e)]) -
        problem.levels.begin());
  }
  /// The cost said is the cost counted again, and within the budget.
  void check_exact(const Allocation& a) const {
    Cost cost = problem.overhead;
    for (std::size_t e = 0; e < work.size(); ++e) cost += problem.cost(e, level(a, e));
    REQUIRE(a.cost == cost);
    REQUIRE(a.cost <= problem.budget);
    REQUIRE(a.budget == problem.budget);
  }
  [[nodiscard]] bool next_fits(const Allocation& a, std::size_t e) const {
    const std::size_t k = level(a, e);
    return k + 1 < problem.levels.size() &&
           problem.cost(e, k + 1) - problem.cost(e, k) <= a.unspent();
  }
};

}  // namespace

TEST_CASE("the baselines keep their budgets and fill them") {
  Random random(6);
  for (int round = 0; round < 700; ++round) {
    const Instance in(random.index(40), round % 2 == 0, round % 3 == 0, random);
    const Problem& p = in.problem;
    const Allocation uniform = baselines::uniform(p), mixture = baselines::mixture(p),
                     water = baselines::waterfilling(p), drawn = baselines::random(p, random),
                     dealt = baselines::permuted(p, drawn, random);
    for (const auto* a : {&uniform, &mixture, &water, &drawn, &dealt}) in.check_exact(*a);
    REQUIRE(uniform.bits.uniform());
    for (std::size_t e = 0; e < p.n_elements(); ++e) {
      const std::size_t k = in.level(uniform, e), m = in.level(mixture, e);
      if (k + 1 < p.levels.size()) REQUIRE(p.uniform_cost(k + 1) > p.budget);
      REQUIRE((m == k || m == k + 1));
      if (m == k) REQUIRE_FALSE(in.next_fits(mixture, e));
      if (p.score[e] > 0) REQUIRE_FALSE(in.next_fits(water, e));
      REQUIRE_FALSE(in.next_fits(drawn, e));
    }
  }
}

TEST_CASE("two levels: the highest scores get the high one, as many as the budget pays") {
  const std::vector<float> score{3, 9, 1, 9, 5, 0, 7};
  const std::vector<Cost> work(7, 1);
  Problem p{{2, 4, 8}, {{16, 32, 64}}, {{0.1, 0.01, 1e-4}}, work, score};
  p.budget = 7 * 16 + 3 * 48 + 47;  // three rises of 48 and not quite a fourth
  const Allocation a = baselines::top(p, 2, 8);
  for (Index e = 0; e < 7; ++e)
    CHECK(a.bits[e] == (score[static_cast<std::size_t>(e)] >= 7 ? 8 : 2));
  CHECK_THROWS_AS(static_cast<void>(baselines::top(p, 2, 5)), Error);
  CHECK_THROWS_AS(static_cast<void>(baselines::top(p, 8, 2)), Error);
  p.budget = 7 * 16 - 1;
  CHECK_THROWS_AS(static_cast<void>(baselines::top(p, 2, 8)), Error);
  CHECK_THROWS_AS(static_cast<void>(baselines::uniform(p)), Error);
}

TEST_CASE("water-filling gives a bit more for every fourfold score") {
  std::vector<float> score;
  for (int i = 0; i < 7; ++i) score.push_back(static_cast<float>(std::pow(4.0, i)));
  const std::vector<Cost> work(7, 1);
  Problem p{
      {1, 2, 3, 4, 5, 6, 7}, {{1, 2, 3, 4, 5, 6, 7}}, {std::vector<double>(7, 0.0)}, work, score};
  p.budget = 28;
  const Allocation a = baselines::waterfilling(p);
  for (Index e = 0; e < 7; ++e) CHECK(a.bits[e] == e + 1);
}

TEST_CASE("thresholds cut the scores into levels") {
  const std::vector<float> score{0.5f, 1, 9, 10, 50};
  const std::vector<Cost> work(5, 1);
  Problem p{{2, 4, 8}, {{16, 32, 64}}, {{0.1, 0.01, 1e-4}}, work, score};
  p.budget = 1000;
  const std::vector<double> cuts{1, 10}, wrong{10, 1}, few{1};
  const Allocation a = baselines::thresholds(p, cuts);
  const int expected[] = {2, 4, 4, 8, 8};
  for (Index e = 0; e < 5; ++e) CHECK(a.bits[e] == expected[e]);
  CHECK_THROWS_AS(static_cast<void>(baselines::thresholds(p, wrong)), Error);
  CHECK_THROWS_AS(static_cast<void>(baselines::thresholds(p, few)), Error);
  p.budget = 100;
  CHECK_THROWS_AS(static_cast<void>(baselines::thresholds(p, cuts)), Error);
}

TEST_CASE("a random allocation uses every level, and another seed another one") {
  const std::vector<Cost> work(3000, 10);
  const std::vector<float> score(3000, 1.0f);
  Problem p{{2, 4, 8}, {{16, 32, 64}}, {{0.1, 0.01, 0.001}}, work, score};
  p.budget = budget_of_mean_bits(p, 4);
  Random one(1), again(1), two(2);
  const Allocation a = baselines::random(p, one);
  CHECK(a.bits == baselines::random(p, again).bits);
  CHECK(a.bits != baselines::random(p, two).bits);
  for (const int b : {2, 4, 8}) CHECK(a.histogram()[static_cast<std::size_t>(b)] > 300);
  CHECK(std::abs(a.bits.mean() - 4) < 0.01);
}

TEST_CASE("with equal work a permuted allocation has the same histogram in another place") {
  const std::vector<Cost> work(500, 10);
  Random random(3);
  std::vector<float> score(500);
  for (auto& s : score) s = static_cast<float>(std::exp(random.normal()));
  Problem p{{2, 4, 8}, {{16, 32, 64}}, {{0.1, 0.01, 0.001}}, work, score};
  p.budget = budget_of_mean_bits(p, 4);
  const Allocation a = allocate(p), b = baselines::permuted(p, a, random);
  CHECK(a.histogram() == b.histogram());
  CHECK(a.bits != b.bits);
  CHECK(a.distortion < baselines::mixture(p).distortion);
  CHECK_THROWS_AS(static_cast<void>(baselines::permuted(p, Allocation{RowBits(3, 2)}, random)),
                  Error);
}

}  // namespace test_baselines
