#include <amq/allocation/random_allocation.hpp>

#include "problems.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <vector>

using namespace amq;

TEST_CASE("random allocations keep the budget and leave no step that fits") {
  Random random(1);
  for (int round = 0; round < 1000; ++round) {
    Instance in;
    fill(in, static_cast<Index>(random.index(40)), {1 + round % 2, true, round % 2 == 0, false},
         random);
    const auto& p = in.problem;
    const auto a = allocate_random(p, random), b = allocate_permuted(p, a, random);
    check_exact(p, a);
    check_exact(p, b);
    for (Index e = 0; e < p.n_elements(); ++e) {
      const int k = level_of(p, a.bits[e]);
      if (k + 1 < p.n_levels()) REQUIRE(p.cost(e, k + 1) - p.cost(e, k) > a.unspent());
    }
  }
}

TEST_CASE("a random allocation uses every level, and another seed another one") {
  const std::vector<Cost> macs(3000, 10);
  const std::vector<float> score(3000, 1.0f);
  AllocationProblem p{{2, 4, 8}, {{macs, score, {16, 32, 64}, {0.1, 0.01, 0.001}}}, 0, 0};
  p.budget = budget_of_mean_bits(p, 4);
  Random one(1), again(1), two(2);
  const auto a = allocate_random(p, one);
  CHECK(a.bits == allocate_random(p, again).bits);
  CHECK(a.bits != allocate_random(p, two).bits);
  for (int b : {2, 4, 8}) CHECK(a.histogram()[static_cast<std::size_t>(b)] > 300);
  CHECK(std::abs(a.bits.mean() - 4) < 0.01);
}

TEST_CASE("with equal work a permuted allocation has the same histogram in another place") {
  const std::vector<Cost> macs(500, 10);
  Random random(3);
  std::vector<float> score(500);
  for (auto& s : score) s = static_cast<float>(std::exp(random.normal()));
  AllocationProblem p{{2, 4, 8}, {{macs, score, {16, 32, 64}, {0.1, 0.01, 0.001}}}, 0, 0};
  p.budget = budget_of_mean_bits(p, 4);
  const auto a = allocate_lagrangian(p), b = allocate_permuted(p, a, random);
  CHECK(a.histogram() == b.histogram());
  CHECK(a.bits != b.bits);
  const auto other = Allocation{RowBits(3, 2), 0, 0, 0, 0};
  CHECK_THROWS_AS(static_cast<void>(allocate_permuted(p, other, random)), Error);
}
