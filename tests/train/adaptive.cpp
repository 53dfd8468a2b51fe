#include "learnable.hpp"

#include <amq/allocation/row_times.hpp>
#include <amq/arithmetic/fixed.hpp>
#include <amq/core/thread_pool.hpp>
#include <amq/train/measure_curves.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <vector>

namespace test_adaptive {

using namespace amq;
using namespace amq::training;
using namespace learning;

TEST_CASE("adaptive training refuses an allocator with measured times") {
  const auto samples = learnable(2);
  Network<MpPde> net(small(), scheme, 1);
  Auxiliary aux({8, 1, 4}, 2, 2, PointScores(net.layout).columns(), 9);
  Allocator<> allocator(net.layout, {1, 2, 3, 4, 8});
  const BitPlan any = BitPlan::uniform(8);
  BasicCounting count(net.layout, net.quantizers, any);
  forward(net.model, count, samples[0]);
  allocator.price_by(
      allocation::MeasuredTimes{measure_row_times(net.layout, net.quantizers, count.cost(), {})});
  AdaptiveTraining<MpPde> t(net, aux, samples, ScoreTarget::gradient(), options(1));
  CHECK_THROWS_WITH_AS(t.run(serial_executor(), allocator, 3.0),
                       doctest::Contains("an allocator that prices by BOPs"), Error);
}

TEST_CASE("the power of scores is the one whose plans lose least") {
  const auto samples = learnable(6);
  Network<MpPde> net(small(), scheme, 1);
  {
    MeshTraining<MpPde> t(net, samples, options(4));
    t.run(serial_executor(), nullptr);
  }
  net.quantizers.fit_weights(net.layout, net.parameters);
  Auxiliary aux({8, 1, 4}, 2, 2, PointScores(net.layout).columns(), 9);
  AdaptiveTraining<MpPde> t(net, aux, samples, ScoreTarget::sensitivity(), options(1));
  t.prepare(serial_executor(), 6, 2, 10);
  Allocator<> allocator(net.layout, {1, 2, 3, 4, 8});
  const std::array<double, 3> powers{0, 0.5, 1};
  const double best = t.best_power(allocator, 2.0, 5, powers);
  BasicTraining<float> a(net.layout, net.quantizers), light(aux.net().layout, aux.net().quantizers);
  double least = 1e30, found = -1;
  for (const double power : powers) {
    allocator.score_power(power);
    double loss = 0;
    for (std::size_t k = 0; k < 5; ++k) {
      const Planned p = t.make_plan(allocator, k, t.predict(light, k), 2.0);
      loss += t.main().pass(a, k, &p.plan, nullptr);
    }
    if (loss < least) least = loss, found = power;
  }
  CHECK(best == found);
  CHECK_THROWS_AS(static_cast<void>(t.best_power(allocator, 2.0, 0)), Error);
  CHECK_THROWS_AS(allocator.score_power(-1), Error);
}

TEST_CASE("adaptive training keeps every budget, and its scores predict the observed ones") {
  const auto samples = learnable(12);
  for (const ScoreTarget& target :
       {ScoreTarget::sensitivity(), ScoreTarget::gradient(), ScoreTarget::loss()}) {
    const bool of_loss = target.one_column;
    Network<MpPde> net(small(), scheme, 1);
    {
      MeshTraining<MpPde> t(net, samples, options(6));
      t.run(serial_executor(), nullptr);
    }
    net.quantizers.fit_weights(net.layout, net.parameters);
    Auxiliary aux({8, 1, 4}, 2, 2, target.columns(net.layout), 9);
    const Allocator<> allocator(
        net.layout, {1, 2, 3, 4, 8}, {}, {}, {},
        of_loss ? allocation::AnySharing(allocation::PerNode()) : allocation::AnySharing());
    AdaptiveTraining<MpPde> t(net, aux, samples, target, options(4));
    t.prepare(serial_executor(), 12, 4, 20);
    BasicTraining<float> a(net.layout, net.quantizers),
        light(aux.net().layout, aux.net().quantizers);
    double xy = 0, xx = 0, yy = 0, sx = 0, sy = 0, n = 0;
    for (std::size_t k = 0; k < samples.size(); ++k) {
      Random random(k);
      const PointScores seen = t.observe(a, k, random, 8), said = t.predict(light, k);
      for (std::size_t i = 0; i < seen.values.size(); ++i) {
        const double p = std::log(seen.values[i] + 1e-20), q = std::log(said.values[i] + 1e-20);
        n += 1, sx += p, sy += q, xx += p * p, yy += q * q, xy += p * q;
      }
    }
    const double correlation =
        (n * xy - sx * sy) / std::sqrt((n * xx - sx * sx) * (n * yy - sy * sy));
    CAPTURE(std::string(target.name));
    // What is left of the loss after training looks random here; what a row means does not.
    if (!of_loss) CHECK(correlation > 0.6);
    t.run(serial_executor(), allocator, 3.0);
    for (std::size_t k = 0; k < samples.size(); ++k) {
      const Planned p = t.make_plan(allocator, k, t.predict(light, k), 3.0);
      CHECK(p.cost <= p.budget);
      BasicCounting count(net.layout, net.quantizers, p.plan);
      forward(net.model, count, samples[k]);
      const auto overhead = aux.cost(samples[k].graph, view(samples[k].u), view(samples[k].x));
      CHECK(static_cast<Cost>(count.cost().bops()) + overhead == p.cost);
    }
  }
}

TEST_CASE("where layers choose, the auxiliary model says one score a layer, and budgets are kept") {
  const auto samples = learnable(8);
  Network<MpPde> net(small(), SchemeInfo{8, RowRule::min_max, {0, 2, 4, 8}}, 1);
  {
    MeshTraining<MpPde> t(net, samples, options(4));
    t.run(serial_executor(), nullptr);
  }
  net.quantizers.fit_weights(net.layout, net.parameters);
  const ScoreTarget target = ScoreTarget::sensitivity();
  const allocation::PointBlocks blocks(net.layout);
  CHECK(target.columns(net.layout, true) == static_cast<Index>(blocks.count()));
  Auxiliary aux({8, 1, 4}, 2, 2, target.columns(net.layout, true), 9);
  AdaptiveTraining<MpPde> t(net, aux, samples, target, options(3));
  std::vector<PointScores> seen;
  BasicTraining<float> a(net.layout, net.quantizers);
  for (std::size_t k = 0; k < samples.size(); ++k) {
    Random random(k);
    seen.push_back(t.observe(a, k, random, 2));
  }
  const PointCurves curves =
      measure_curves(net, samples, {0, 2, 4, 8}, 8, mean_scores(seen), serial_executor(), true);
  // Points of a layer share its error, which falls with bits.
  for (std::size_t c = 0; c < blocks.of.size(); ++c) {
    CHECK(curves.error[c] == curves.error[blocks.first[blocks.of[c]]]);
    CHECK(curves.error[c][0] > curves.error[c][1]);
  }
  t.prepare(serial_executor(), 8, 2, 10);
  const Allocator<> allocator(net.layout, {0, 2, 4, 8}, curves, {}, {}, allocation::PerBlock());
  const std::vector<double> budgets{3, 5};
  t.run(serial_executor(), allocator, budgets);
  BasicTraining<float> light(aux.net().layout, aux.net().quantizers);
  bool any_skips = false;
  for (std::size_t k = 0; k < samples.size(); ++k)
    for (const double bits : budgets) {
      const PointScores said = t.predict(light, k);
      for (Index i = 0; i < said.nodes; ++i)
        for (std::size_t c = 0; c < blocks.of.size(); ++c)
          REQUIRE(said.view()(i, static_cast<Index>(c)) ==
                  said.view()(i, static_cast<Index>(blocks.first[blocks.of[c]])));
      const Planned p = t.make_plan(allocator, k, said, bits);
      CHECK(p.cost <= p.budget);
      CHECK(p.plan.zero_skips);
      for (const auto& map : p.plan.by_point) any_skips |= LiveRows::any_of_zero(map);
      // Integers are what was trained.
      BasicFixed f(net.layout, net.quantizers, net.parameters);
      f.begin(p.plan);
      const Matrix deployed = map(forward(net.model, f, samples[k]).view());
      a.begin({&net.parameters, nullptr, &p.plan});
      CHECK((deployed.array() == map(a[forward(net.model, a, samples[k])]).array()).all());
    }
  CHECK(any_skips);
  CHECK_THROWS_WITH_AS(ScoreColumns(net.layout, 2 + 100), doctest::Contains("of"), Error);
}

TEST_CASE("training at several budgets serves each of them; at one it is training at that one") {
  const auto samples = learnable(12);
  const std::vector<double> asked{2, 3, 6};
  struct Outcome {
    std::vector<float> parameters;
    std::vector<double> before, after;  // (asked) loss at its plans
  };
  const auto train = [&](const auto& mean_bits, std::size_t threads) {
    Network<MpPde> net(small(), scheme, 1);
    MeshTraining<MpPde>(net, samples, options(6)).run(serial_executor(), nullptr);
    net.quantizers.fit_weights(net.layout, net.parameters);
    Auxiliary aux({8, 1, 4}, 2, 2, PointScores(net.layout).columns(), 9);
    const Allocator<> allocator(net.layout, scheme.levels);
    AdaptiveTraining<MpPde> t(net, aux, samples, ScoreTarget::sensitivity(), options(4));
    t.prepare(serial_executor(), 12, 2, 10);
    BasicTraining<float> a(net.layout, net.quantizers),
        light(aux.net().layout, aux.net().quantizers);
    const auto losses = [&] {
      std::vector<double> sums;
      for (const double bits : asked) {
        double sum = 0;
        for (std::size_t k = 0; k < samples.size(); ++k) {
          const Planned p = t.make_plan(allocator, k, t.predict(light, k), bits);
          REQUIRE(p.cost <= p.budget);
          sum += t.main().pass(a, k, &p.plan, nullptr);
        }
        sums.push_back(sum);
      }
      return sums;
    };
    Outcome o;
    o.before = losses();
    ThreadPool pool(threads);
    t.run(pool, allocator, mean_bits);
    o.after = losses();
    o.parameters = net.parameters.values;
    return o;
  };
  const Outcome several = train(asked, 1), one = train(3.0, 1);
  for (std::size_t k = 0; k < asked.size(); ++k) {
    CAPTURE(asked[k]);
    CHECK(several.after[k] < several.before[k]);
  }
  // The least budget, of which training at 3 bits sees nothing, gains most.
  CHECK(several.after[0] < one.after[0]);
  CHECK(several.parameters != one.parameters);
  CHECK(train(asked, 3).parameters == several.parameters);
  CHECK(train(std::vector<double>{3}, 1).parameters == one.parameters);
  CHECK_THROWS_WITH_AS(train(std::vector<double>{}, 1), doctest::Contains("a budget to train at"),
                       Error);
}

}  // namespace test_adaptive
