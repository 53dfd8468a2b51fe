#include <amq/allocation/engine.hpp>

#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>
#include <vector>

namespace test_engine {

using namespace amq;
using namespace amq::allocation;
using namespace amq::allocation;

namespace {

struct Instance {
  std::vector<int> bits;
  std::vector<Cost> price, macs;
  std::vector<std::vector<double>> distortion;
  std::vector<float> score;
  std::vector<std::uint16_t> group;

  Instance(Random& random, std::size_t n, std::size_t groups) {
    int b = static_cast<int>(random.index(3));
    for (std::size_t k = 0; k < 2 + random.index(4);
         ++k, b += 1 + static_cast<int>(random.index(3))) {
      bits.push_back(b);
      price.push_back(8 * b);
    }
    for (std::size_t g = 0; g < groups; ++g) {
      std::vector<double> d;
      double last = 1;
      for (std::size_t k = 0; k < bits.size(); ++k) d.push_back(last *= random.uniform(0.05, 1.0));
      distortion.push_back(d);
    }
    for (std::size_t e = 0; e < n; ++e) {
      macs.push_back(1 + static_cast<Cost>(random.index(1000)));
      score.push_back(static_cast<float>(std::exp(2 * random.normal())));
      group.push_back(static_cast<std::uint16_t>(random.index(groups)));
    }
  }
  [[nodiscard]] Cost uniform(std::size_t k) const {
    Cost sum = 0;
    for (const Cost m : macs) sum += m * price[k];
    return sum;
  }
  [[nodiscard]] Problem problem(Cost budget, Cost overhead = 0) const {
    return {bits, {price}, distortion, macs, score, group, budget, overhead};
  }
};

/// @param p  must outlive what is returned
allocation::detail::GroupedSteps steps_of(const Problem& p) {
  std::vector<allocation::detail::GroupSteps> groups;
  for (std::size_t g = 0; g < p.error.size(); ++g)
    groups.push_back(allocation::detail::GroupLevels(p.price_of(g), p.error[g]).steps);
  return {std::move(groups), p.work, p.score, p.group};
}

}  // namespace

TEST_CASE("an allocation never exceeds its budget, and what is left improves nobody") {
  Random random(1);
  for (int trial = 0; trial < 2000; ++trial) {
    const Instance in(random, 1 + random.index(60), 1 + random.index(5));
    const Cost least = in.uniform(0), most = in.uniform(in.bits.size() - 1), overhead = 17;
    const Cost budget =
        overhead + least +
        static_cast<Cost>(random.index(static_cast<std::uint64_t>(most - least) + 1));
    const Allocation a = allocate(in.problem(budget, overhead));
    Cost cost = overhead;
    for (std::size_t e = 0; e < in.macs.size(); ++e)
      cost += in.macs[e] * 8 * a.bits[static_cast<Index>(e)];
    REQUIRE(cost == a.cost);
    REQUIRE(a.cost <= budget);
    for (std::size_t e = 0; e < in.macs.size(); ++e) {
      const auto at = static_cast<std::size_t>(
          std::find(in.bits.begin(), in.bits.end(), a.bits[static_cast<Index>(e)]) -
          in.bits.begin());
      const auto& d = in.distortion[in.group[e]];
      for (std::size_t k = at + 1; k < in.bits.size(); ++k)
        if (d[k] < d[at]) REQUIRE(a.cost + in.macs[e] * (in.price[k] - in.price[at]) > budget);
    }
  }
}

TEST_CASE("an allocation is within one step of the best of all assignments") {
  Random random(2);
  for (int trial = 0; trial < 300; ++trial) {
    const Instance in(random, 5, 3);
    const std::size_t K = in.bits.size();
    const Cost budget =
        in.uniform(0) + static_cast<Cost>(random.uniform() *
                                          static_cast<double>(in.uniform(K - 1) - in.uniform(0)));
    const Allocation a = allocate(in.problem(budget));
    double best = 1e300, step = 0;
    std::size_t total = 1;
    for (int e = 0; e < 5; ++e) total *= K;
    for (std::size_t code = 0; code < total; ++code) {
      Cost cost = 0;
      double error = 0;
      std::size_t rest = code;
      for (std::size_t e = 0; e < 5; ++e, rest /= K) {
        cost += in.macs[e] * in.price[rest % K];
        error += static_cast<double>(in.score[e]) * in.distortion[in.group[e]][rest % K];
      }
      if (cost <= budget) best = std::min(best, error);
    }
    for (std::size_t e = 0; e < 5; ++e)
      step = std::max(step, static_cast<double>(in.score[e]) * in.distortion[in.group[e]][0]);
    CHECK(a.distortion >= best - 1e-9);
    CHECK(a.distortion <= best + step);
  }
}

TEST_CASE("steps are taken as a full sort would take them") {
  Random random(5);
  for (int trial = 0; trial < 60; ++trial) {
    Instance in(random, 20000, 4);
    for (std::size_t e = 0; e < in.macs.size(); ++e)
      if (trial % 3 == 1) {  // many ties
        in.macs[e] = 64, in.score[e] = static_cast<float>(random.index(3));
      } else if (trial % 3 == 2) {  // as far apart as floats go; rows without work, or a score
        in.macs[e] = static_cast<Cost>(random.index(4) * random.index(1u << random.index(24)));
        in.score[e] = random.index(8) == 0
                          ? 0.0f
                          : static_cast<float>(std::exp(random.uniform(-100.0, 88.0)));
      }
    if (trial % 6 == 5)
      for (auto& d : in.distortion)
        for (double& x : d) x *= 1e-300;
    const Problem p = in.problem(0);
    const allocation::detail::GroupedSteps steps = steps_of(p);
    struct Step {
      std::uint64_t key;
      std::size_t element, j;
      Cost cost;
    };
    std::vector<Step> all;
    Cost total = 0;
    for (std::size_t e = 0; e < in.macs.size(); ++e)
      steps.each(e, steps.of(e).count, [&](std::size_t j, std::uint64_t key, Cost cost) {
        if (key == 0) return;
        all.push_back({key, e, j, cost});
        total += cost;
      });
    std::sort(all.begin(), all.end(), [](const Step& a, const Step& b) {
      return a.key != b.key ? a.key > b.key : std::pair(a.element, a.j) < std::pair(b.element, b.j);
    });
    for (const double share : {0.0, 0.001, 0.3, 0.5, 0.9, 0.999, 1.0}) {
      Cost left = static_cast<Cost>(share * static_cast<double>(total));
      if (share == 1.0) left = total;
      const Alone alone;
      const auto taken = allocation::detail::take_while_they_fit(steps, left, alone);
      std::vector<std::uint8_t> expected(in.macs.size(), 0);
      double lambda = 0;
      for (const Step& s : all) {
        if (s.cost > left) break;
        left -= s.cost;
        REQUIRE(expected[s.element] == s.j);  // in turn
        ++expected[s.element];
        lambda = std::bit_cast<double>(s.key);
      }
      REQUIRE(taken.steps == expected);
      REQUIRE(taken.left == left);
      REQUIRE(taken.lambda == lambda);
    }
  }
}

TEST_CASE("a histogram of elements bounds what steps cost") {
  Random random(6);
  for (int trial = 0; trial < 100; ++trial) {
    const Instance in(random, 200, 3);
    const Problem p = in.problem(0);
    const allocation::detail::GroupedSteps steps = steps_of(p);
    const Alone alone;
    const allocation::detail::StepCosts costs(steps, alone);
    double nearness = 0;
    for (int k = 0; k < 20; ++k) {
      const double worth = std::exp(random.uniform(-15.0, 5.0));
      Cost exact = 0;
      for (std::size_t e = 0; e < in.macs.size(); ++e)
        steps.each(e, steps.of(e).count, [&](std::size_t, std::uint64_t key, Cost cost) {
          if (std::bit_cast<double>(key) >= worth) exact += cost;
        });
      REQUIRE(costs.at_most(worth) >= exact);
      REQUIRE(costs.at_least(worth) <= exact);
      nearness += static_cast<double>(costs.at_most(worth) - costs.at_least(worth));
    }
    const Cost whole = costs.at_most(0);
    CHECK(nearness / 20 < 0.1 * static_cast<double>(whole));
  }
}

TEST_CASE("budgets outside the levels, NaN scores and unknown groups are refused") {
  Random random(4);
  Instance in(random, 10, 2);
  const Cost least = in.uniform(0), most = in.uniform(in.bits.size() - 1);
  CHECK_THROWS_AS(static_cast<void>(allocate(in.problem(least - 1))), Error);
  CHECK_THROWS_AS(static_cast<void>(allocate(in.problem(most + 1))), Error);
  in.score[3] = std::nanf("");
  CHECK_THROWS_AS(static_cast<void>(allocate(in.problem(least))), Error);
  in.score[3] = 1;
  in.group[5] = 2;
  CHECK_THROWS_AS(static_cast<void>(allocate(in.problem(least))), Error);
}

TEST_CASE("more budget means less error, and higher scores no fewer bits but for the rest") {
  Random random(5);
  const std::vector<Cost> work(300, 64);
  std::vector<float> score(300);
  for (auto& s : score) s = static_cast<float>(std::exp(2 * random.normal()));
  Problem p{{2, 4, 8}, {{16, 32, 64}}, {{0.1, 0.01, 1e-4}}, work, score};
  double previous = 1e300;
  for (double mean = 2; mean <= 8; mean += 0.25) {
    p.budget = budget_of_mean_bits(p, mean);
    const Allocation a = allocate(p);
    CHECK(a.distortion <= previous);
    previous = a.distortion;
    if (mean == 2 || mean == 8) CHECK(a.bits.uniform());
    int inversions = 0;
    for (std::size_t i = 0; i < 300; ++i)
      for (std::size_t j = 0; j < 300; ++j)
        inversions +=
            score[i] > score[j] && a.bits[static_cast<Index>(i)] < a.bits[static_cast<Index>(j)];
    CHECK(inversions <= 300);
  }
}

TEST_CASE("equal scores are served in the order of their numbers, run after run") {
  const std::vector<Cost> work(10, 1);
  const std::vector<float> score(10, 0.5f);
  Problem p{{2, 4, 8}, {{16, 32, 64}}, {{0.1, 0.01, 1e-4}}, work, score};
  p.budget = 10 * 16 + 3 * 16;
  const Allocation a = allocate(p);
  CHECK(a.bits == allocate(p).bits);
  for (Index e = 0; e < 10; ++e) CHECK(a.bits[e] == (e < 3 ? 4 : 2));
}

TEST_CASE("a level of 0 bits is a level, a free element gets all it can use, no score no more") {
  const std::vector<Cost> work{10, 10, 0, 10};
  const std::vector<float> score{1, 5, 1, 0};
  Problem p{{0, 4}, {{0, 32}}, {{1, 0.01}}, work, score};
  p.budget = 640;
  const Allocation a = allocate(p);
  CHECK(std::vector<int>{a.bits[0], a.bits[1], a.bits[2], a.bits[3]} ==
        std::vector<int>{4, 4, 4, 0});
  CHECK(a.cost == 640);
}

TEST_CASE(
    "a level that costs more and is no better is never chosen; a cheaper better one is free") {
  const std::vector<Cost> work{10, 10};
  const std::vector<float> score{1, 2};
  // Measured: 4 bits are cheaper than 2, and 6 are worse than 4.
  Problem p{{2, 4, 6, 8}, {{20, 10, 30, 40}}, {{0.1, 0.01, 0.02, 0.001}}, work, score};
  p.budget = 200;
  const Allocation a = allocate(p);
  CHECK(a.bits[0] == 4);
  CHECK(a.bits[1] == 4);
  p.budget = 500;
  const Allocation b = allocate(p);
  CHECK(b.bits[0] == 4);
  CHECK(b.bits[1] == 8);
}

TEST_CASE("no elements need no bits") {
  const Allocation a = allocate(Problem{{2, 4}, {{2, 4}}, {{1, 0.1}}, {}, {}});
  CHECK(a.bits.empty());
  CHECK(a.cost == 0);
}

TEST_CASE("the chapter's example: four bits on average, more where the score is high") {
  Random random(8);
  std::vector<float> score(1000);
  for (auto& s : score) s = static_cast<float>(std::exp(2 * random.normal()));
  // [allocation]
  using amq::allocation::Cost;
  const std::vector<Cost> work(score.size(), 8 * 65536);  // (element) BOPs for each bit

  amq::allocation::Problem p;
  p.levels = {2, 3, 4, 6, 8};
  p.price = {{2, 3, 4, 6, 8}};                              // of a unit of work, by level
  p.error = {{0.119, 0.0374, 0.0115, 0.00104, 0.0000877}};  // measured D(b)
  p.work = work;
  p.score = score;
  p.overhead = 1'000'000;                                 // the auxiliary model, paid first
  p.budget = amq::allocation::budget_of_mean_bits(p, 4);  // what 4 bits everywhere would cost
  const amq::allocation::Allocation a = amq::allocation::allocate(p);
  // [allocation]
  CHECK(a.cost <= p.budget);
  CHECK(a.bits.mean() < 4);  // the overhead had to be paid
  double uniform = 0;
  for (const float s : score) uniform += static_cast<double>(s) * 0.0115;
  CHECK(a.distortion < 0.4 * uniform);
}

}  // namespace test_engine
