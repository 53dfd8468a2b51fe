#include <amq/allocation/grouped.hpp>

#include <amq/allocation/allocate.hpp>
#include <amq/allocation/planner.hpp>
#include <amq/core/random.hpp>
#include <amq/mesh/edges.hpp>
#include <amq/mesh/random_square.hpp>
#include <amq/models/mp_pde.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>
#include <vector>

using namespace amq;

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
  [[nodiscard]] GroupedProblem problem(Cost budget, Cost overhead = 0) const {
    return {bits, price, distortion, macs, score, group, budget, overhead};
  }
};

/// @param p  must outlive what is returned
detail::GroupedSteps steps_of(const GroupedProblem& p) {
  std::vector<detail::GroupSteps> groups;
  for (std::size_t g = 0; g < p.distortion.size(); ++g)
    groups.push_back(detail::steps_of(p, g, detail::group_levels(p, g).hull));
  return {std::move(groups), p.macs, p.score, p.group};
}

}  // namespace

TEST_CASE("a grouped allocation never exceeds its budget, and what is left improves nobody") {
  Random random(1);
  for (int trial = 0; trial < 2000; ++trial) {
    const Instance in(random, 1 + random.index(60), 1 + random.index(5));
    const Cost least = in.uniform(0), most = in.uniform(in.bits.size() - 1), overhead = 17;
    const Cost budget =
        overhead + least +
        static_cast<Cost>(random.index(static_cast<std::uint64_t>(most - least) + 1));
    const Allocation a = allocate_grouped(in.problem(budget, overhead));
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

TEST_CASE("a grouped allocation is within one step of the best of all assignments") {
  Random random(2);
  for (int trial = 0; trial < 300; ++trial) {
    const Instance in(random, 5, 3);
    const std::size_t K = in.bits.size();
    const Cost budget =
        in.uniform(0) + static_cast<Cost>(random.uniform() *
                                          static_cast<double>(in.uniform(K - 1) - in.uniform(0)));
    const Allocation a = allocate_grouped(in.problem(budget));
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
    const GroupedProblem p = in.problem(0);
    const detail::GroupedSteps steps = steps_of(p);
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
      const auto taken = detail::take_while_they_fit(steps, left);
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
    const GroupedProblem p = in.problem(0);
    const detail::GroupedSteps steps = steps_of(p);
    const detail::StepCosts costs(steps);
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

TEST_CASE("one group of one curve is the Lagrangian allocator's problem") {
  Random random(3);
  for (int trial = 0; trial < 200; ++trial) {
    const Instance in(random, 40, 1);
    const Cost budget = (in.uniform(0) + in.uniform(in.bits.size() - 1)) / 2;
    const Allocation a = allocate_grouped(in.problem(budget));
    AllocationProblem p;
    p.bits = in.bits;
    p.classes.push_back({in.macs, in.score, in.price, in.distortion[0]});
    p.budget = budget;
    const Allocation b = allocate_lagrangian(p);
    double step = 0;
    for (std::size_t e = 0; e < 40; ++e)
      step = std::max(step, static_cast<double>(in.score[e]) * in.distortion[0][0]);
    CHECK(std::abs(a.distortion - b.distortion) <= step);
  }
}

TEST_CASE("budgets outside the levels, NaN scores and unknown groups are refused") {
  Random random(4);
  Instance in(random, 10, 2);
  const Cost least = in.uniform(0), most = in.uniform(in.bits.size() - 1);
  CHECK_THROWS_AS(static_cast<void>(allocate_grouped(in.problem(least - 1))), Error);
  CHECK_THROWS_AS(static_cast<void>(allocate_grouped(in.problem(most + 1))), Error);
  in.score[3] = std::nanf("");
  CHECK_THROWS_AS(static_cast<void>(allocate_grouped(in.problem(least))), Error);
  in.score[3] = 1;
  in.group[5] = 2;
  CHECK_THROWS_AS(static_cast<void>(allocate_grouped(in.problem(least))), Error);
}

TEST_CASE("a plan's cost is what the pass is counted to cost, under every sharing") {
  Random random(5);
  const Mesh mesh = random_refined_square(random, 120);
  const Graph graph = cell_edges(mesh);
  ParameterLayout layout;
  MpPdeConfig config;
  config.hidden = 16;
  config.layers = 2;
  const MpPde model(layout, config);
  const std::vector<int> levels{0, 1, 2, 3, 4, 8};
  const Quantizers quantizers(layout, {8, RowRule::affine, levels});
  const Matrix u = Matrix::Ones(mesh.n_nodes(), 1), x = Matrix::Zero(mesh.n_nodes(), 2);
  const auto count = [&](const BitPlan& plan) {
    BasicCounting a(layout, quantizers, plan);
    model(a, graph, view(u), view(x));
    return a.cost();
  };
  const PassWork work(layout, count(BitPlan::uniform(8)));
  PointScores scores(layout, graph.n_nodes());
  for (float& s : scores.values) s = static_cast<float>(std::exp(random.normal()));
  const Planner planner(layout, 8, levels);
  CHECK(static_cast<double>(planner.uniform_cost(graph, work, 3)) ==
        count(BitPlan::uniform(3)).bops());
  for (const Sharing sharing : {Sharing::node_and_point, Sharing::node, Sharing::point}) {
    const Cost budget = planner.uniform_cost(graph, work, 2.5), overhead = 12345;
    const Planned p = planner.plan(graph, work, scores, budget, overhead, sharing);
    CHECK(p.cost <= budget);
    CHECK(static_cast<double>(p.cost - overhead) == count(p.plan).bops());
    // An edge has its receiver's bits.
    const auto& points = layout.points();
    for (std::size_t k = 0; k < points.size(); ++k)
      if (points[k].kind == RowKind::edge)
        for (std::size_t e = 1; e < graph.receiver.size(); ++e)
          if (graph.receiver[e] == graph.receiver[e - 1])
            REQUIRE(p.plan.by_point[k][e] == p.plan.by_point[k][e - 1]);
  }
  CHECK_THROWS_AS(static_cast<void>(planner.plan(graph, work, scores, work.fixed_bops - 1)), Error);
  CHECK_THROWS_AS(
      static_cast<void>(planner.plan(graph, work, PointScores(layout, 3), work.fixed_bops)), Error);
}
