#include <amq/allocation/allocate.hpp>

#include "problems.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace amq;

namespace {

/// Least error under the budget, by trying everything.
double brute_force(const AllocationProblem& p) {
  const Index n = p.n_elements();
  std::vector<int> level(static_cast<std::size_t>(n), 0);
  double best = 1e300;
  for (;;) {
    Cost cost = p.overhead;
    double error = 0;
    for (Index e = 0; e < n; ++e) {
      cost += p.cost(e, level[static_cast<std::size_t>(e)]);
      error += p.distortion(e, level[static_cast<std::size_t>(e)]);
    }
    if (cost <= p.budget) best = std::min(best, error);
    std::size_t e = 0;
    while (e < level.size() && ++level[e] == p.n_levels()) level[e++] = 0;
    if (e == level.size()) return best;
  }
}

/// The most error one element can still save at one step.
double dearest_step(const AllocationProblem& p) {
  double most = 0;
  for (Index e = 0; e < p.n_elements(); ++e) {
    double low = 1e300, high = 0;
    for (int k = 0; k < p.n_levels(); ++k) {
      low = std::min(low, p.distortion(e, k));
      high = std::max(high, p.distortion(e, k));
    }
    most = std::max(most, high - low);
  }
  return most;
}

AllocationProblem ladder(const std::vector<Cost>& macs, const std::vector<float>& score) {
  return {{2, 4, 8}, {{macs, score, {16, 32, 64}, {0.1, 0.01, 1e-4}}}, 0, 0};
}

}  // namespace

TEST_CASE("an allocation is exact, within its budget, and leaves less than any useful step") {
  Random random(1);
  for (int round = 0; round < 3000; ++round) {
    Instance in;
    const Kind kind{1 + round % 3, round % 2 == 0, round % 5 == 0, round % 7 == 0};
    fill(in, static_cast<Index>(random.index(40)), kind, random);
    const auto a = allocate_lagrangian(in.problem);
    check_exact(in.problem, a);
    check_maximal(in.problem, a);
  }
}

TEST_CASE("on small problems the error is within one step of the optimum found by trying all") {
  Random random(2);
  for (int round = 0; round < 1500; ++round) {
    Instance in;
    const Kind kind{1 + round % 2, round % 3 != 0, false, round % 5 == 0};
    fill(in, 1 + static_cast<Index>(random.index(5)), kind, random);
    const double best = brute_force(in.problem);
    const auto a = allocate_lagrangian(in.problem);
    CHECK(a.distortion >= best * (1 - 1e-9));
    CHECK(a.distortion <= best + dearest_step(in.problem) + 1e-9);
  }
}

TEST_CASE(
    "with equal work, equally spaced prices and a convex D the greedy answer is the optimum") {
  Random random(3);
  for (int round = 0; round < 400; ++round) {
    std::vector<Cost> macs(6, 5);
    std::vector<float> score(6);
    for (auto& s : score) s = static_cast<float>(std::exp(2 * random.normal()));
    AllocationProblem p{{2, 3, 4}, {{macs, score, {16, 24, 32}, {0.12, 0.04, 0.012}}}, 0, 0};
    p.budget = 6 * 5 * 16 + static_cast<Cost>(random.index(6 * 5 * 16 + 1));
    CHECK(allocate_lagrangian(p).distortion == doctest::Approx(brute_force(p)).epsilon(1e-6));
  }
}

TEST_CASE("every element is at its own best for the multiplier, but for those filled afterwards") {
  Random random(4);
  std::vector<Cost> macs(5000);
  std::vector<float> score(5000);
  for (auto& m : macs) m = 100 + static_cast<Cost>(random.index(10));
  for (auto& s : score) s = static_cast<float>(std::exp(1.5 * random.normal()));
  auto p = ladder(macs, score);
  p.budget = budget_of_mean_bits(p, 3.7);
  const auto a = allocate_lagrangian(p);
  check_exact(p, a);
  int off = 0;
  for (Index e = 0; e < 5000; ++e) {
    double best = 1e300;
    int at = 0;
    for (int k = 0; k < 3; ++k) {
      const double value = p.distortion(e, k) + a.lambda * static_cast<double>(p.cost(e, k));
      if (value < best) best = value, at = k;
    }
    off += p.bits[static_cast<std::size_t>(at)] != a.bits[e];
  }
  CHECK(off <= 3);
  CHECK(a.lambda > 0);
}

TEST_CASE("more budget never means more error, and higher scores never fewer bits at equal work") {
  Random random(5);
  std::vector<Cost> macs(300, 64);
  std::vector<float> score(300);
  for (auto& s : score) s = static_cast<float>(std::exp(2 * random.normal()));
  auto p = ladder(macs, score);
  double previous = 1e300;
  for (double mean = 2; mean <= 8; mean += 0.25) {
    p.budget = budget_of_mean_bits(p, mean);
    const auto a = allocate_lagrangian(p);
    CHECK(a.distortion <= previous);
    previous = a.distortion;
    if (mean == 2 || mean == 8) CHECK(a.bits.uniform());
    // The filling at the end may give one cheap step out of turn.
    int inversions = 0;
    for (std::size_t i = 0; i < 300; ++i)
      for (std::size_t j = 0; j < 300; ++j)
        inversions +=
            score[i] > score[j] && a.bits[static_cast<Index>(i)] < a.bits[static_cast<Index>(j)];
    CHECK(inversions <= 300);
    if (mean == 3) CHECK(a.distortion < 0.9 * allocate_mixture(p).distortion);
  }
}

TEST_CASE("equal scores are served in the order of their numbers, run after run") {
  const std::vector<Cost> macs(10, 1);
  const std::vector<float> score(10, 0.5f);
  auto p = ladder(macs, score);
  p.budget = 10 * 16 + 3 * 16;
  const auto a = allocate_lagrangian(p), b = allocate_lagrangian(p);
  CHECK(a.bits == b.bits);
  for (Index e = 0; e < 10; ++e) CHECK(a.bits[e] == (e < 3 ? 4 : 2));
}

TEST_CASE("a level of 0 bits is a level; a free element gets all it can use") {
  const std::vector<Cost> macs{10, 10, 0};
  const std::vector<float> score{1, 5, 1};
  AllocationProblem p{{0, 4}, {{macs, score, {0, 32}, {1, 0.01}}}, 320, 0};
  const auto a = allocate_lagrangian(p);
  CHECK(a.bits[0] == 0);
  CHECK(a.bits[1] == 4);
  CHECK(a.bits[2] == 4);
  CHECK(a.cost == 320);
}

TEST_CASE(
    "a level that costs more and is no better is never chosen; a cheaper better one is free") {
  const std::vector<Cost> macs{10, 10};
  const std::vector<float> score{1, 2};
  // Measured: 4 bits are cheaper than 2, and 6 are worse than 4.
  AllocationProblem p{
      {2, 4, 6, 8}, {{macs, score, {20, 10, 30, 40}, {0.1, 0.01, 0.02, 0.001}}}, 0, 0};
  p.budget = 200;
  const auto a = allocate_lagrangian(p);
  CHECK(a.bits[0] == 4);
  CHECK(a.bits[1] == 4);
  p.budget = 500;
  const auto b = allocate_lagrangian(p);
  CHECK(b.bits[0] == 4);
  CHECK(b.bits[1] == 8);
  CHECK_THROWS_AS(static_cast<void>(allocate_uniform(p)), Error);
}

TEST_CASE("elements whose score is zero stay at the cheapest level") {
  const std::vector<Cost> macs{10, 10};
  const std::vector<float> score{0, 1};
  auto p = ladder(macs, score);
  p.budget = budget_of_mean_bits(p, 8);
  const auto a = allocate_lagrangian(p);
  CHECK(a.bits[0] == 2);
  CHECK(a.bits[1] == 8);
}

TEST_CASE("a budget below the lowest level or above the highest is refused, by every allocator") {
  const std::vector<Cost> macs{10, 10};
  const std::vector<float> score{1, 2};
  auto p = ladder(macs, score);
  p.overhead = 5;
  for (Cost budget : {2 * 160 + 4, 2 * 640 + 6}) {
    p.budget = budget;
    CHECK_THROWS_AS(static_cast<void>(allocate_lagrangian(p)), Error);
    CHECK_THROWS_AS(static_cast<void>(allocate_uniform(p)), Error);
    CHECK_THROWS_AS(static_cast<void>(allocate_mixture(p)), Error);
    CHECK_THROWS_AS(static_cast<void>(allocate_waterfilling(p)), Error);
    CHECK_THROWS_AS(static_cast<void>(allocate_top(p, 2, 8)), Error);
  }
  p.budget = 2 * 160 + 5;
  CHECK(allocate_lagrangian(p).cost == p.budget);
  p.budget = 2 * 640 + 5;
  CHECK(allocate_lagrangian(p).cost == p.budget);
}

TEST_CASE("no elements need no bits") {
  const auto p = ladder({}, {});
  CHECK(allocate_lagrangian(p).bits.empty());
  CHECK(allocate_uniform(p).cost == 0);
}

TEST_CASE_TEMPLATE("the simple allocators keep their budgets and fill them", Classes,
                   std::integral_constant<int, 1>, std::integral_constant<int, 2>) {
  Random random(6);
  for (int round = 0; round < 700; ++round) {
    Instance in;
    fill(in, static_cast<Index>(random.index(40)),
         {Classes::value, true, round % 2 == 0, round % 3 == 0}, random);
    const auto& p = in.problem;
    const auto uniform = allocate_uniform(p), mixture = allocate_mixture(p),
               water = allocate_waterfilling(p);
    for (const auto* a : {&uniform, &mixture, &water}) check_exact(p, *a);
    REQUIRE(uniform.bits.uniform());
    const int k = p.n_elements() ? level_of(p, uniform.bits[0]) : 0;
    if (p.n_elements() > 0 && k + 1 < p.n_levels()) REQUIRE(p.uniform_cost(k + 1) > p.budget);
    for (Index e = 0; e < p.n_elements(); ++e) {
      const int m = level_of(p, mixture.bits[e]), w = level_of(p, water.bits[e]);
      REQUIRE((m == k || m == k + 1));
      if (m == k && k + 1 < p.n_levels())
        REQUIRE(p.cost(e, m + 1) - p.cost(e, m) > mixture.unspent());
      if (w + 1 < p.n_levels() && detail::total_score(p, e) > 0)
        REQUIRE(p.cost(e, w + 1) - p.cost(e, w) > water.unspent());
    }
  }
}

TEST_CASE("two levels: the highest scores get the high one, as many as the budget pays") {
  std::vector<float> score{3, 9, 1, 9, 5, 0, 7};
  const std::vector<Cost> macs(7, 1);
  auto p = ladder(macs, score);
  p.budget = 7 * 16 + 3 * 48 + 47;  // three rises of 48 and not quite a fourth
  const auto a = allocate_top(p, 2, 8);
  check_exact(p, a);
  for (Index e = 0; e < 7; ++e)
    CHECK(a.bits[e] == (score[static_cast<std::size_t>(e)] >= 7 ? 8 : 2));
  CHECK_THROWS_AS(static_cast<void>(allocate_top(p, 2, 5)), Error);
  CHECK_THROWS_AS(static_cast<void>(allocate_top(p, 8, 2)), Error);
}

TEST_CASE("water-filling gives a bit more for every fourfold score") {
  std::vector<float> score;
  for (int i = 0; i < 7; ++i) score.push_back(static_cast<float>(std::pow(4.0, i)));
  const std::vector<Cost> macs(7, 1);
  AllocationProblem p{{1, 2, 3, 4, 5, 6, 7},
                      {{macs, score, {1, 2, 3, 4, 5, 6, 7}, std::vector<double>(7, 0.0)}},
                      28,
                      0};
  const auto a = allocate_waterfilling(p);
  for (Index e = 0; e < 7; ++e) CHECK(a.bits[e] == e + 1);
}

TEST_CASE("thresholds cut the scores into levels") {
  const std::vector<float> score{0.5f, 1, 9, 10, 50};
  const std::vector<Cost> macs(5, 1);
  auto p = ladder(macs, score);
  p.budget = 1000;
  const std::vector<double> cuts{1, 10}, wrong{10, 1}, few{1};
  const auto a = allocate_thresholds(p, cuts);
  check_exact(p, a);
  const int expected[] = {2, 4, 4, 8, 8};
  for (Index e = 0; e < 5; ++e) CHECK(a.bits[e] == expected[e]);
  CHECK_THROWS_AS(static_cast<void>(allocate_thresholds(p, wrong)), Error);
  CHECK_THROWS_AS(static_cast<void>(allocate_thresholds(p, few)), Error);
  p.budget = 100;
  CHECK_THROWS_AS(static_cast<void>(allocate_thresholds(p, cuts)), Error);
}

TEST_CASE("the chapter's example: four bits on average, more where the score is high") {
  Random random(8);
  std::vector<float> score(1000);
  for (auto& s : score) s = static_cast<float>(std::exp(2 * random.normal()));
  // [allocation]
  const std::vector<int> levels{2, 3, 4, 6, 8};
  const std::vector<double> distortion{0.119, 0.0374, 0.0115, 0.00104, 0.0000877};  // measured D(b)
  const std::vector<amq::Cost> macs(score.size(), 65536);                           // (element)

  amq::AllocationProblem p{levels, {{macs, score, amq::bop_prices(8, levels), distortion}}, 0, 0};
  p.overhead = 1'000'000;                     // the auxiliary model, paid from the budget
  p.budget = amq::budget_of_mean_bits(p, 4);  // what 4 bits everywhere would cost
  const amq::Allocation a = amq::allocate_lagrangian(p);
  // [allocation]
  check_exact(p, a);
  CHECK(a.bits.mean() < 4);  // the overhead had to be paid
  const auto plain = allocate_uniform(p);
  CHECK(a.distortion < 0.4 * plain.distortion);
}
