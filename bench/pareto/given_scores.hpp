#pragma once
/// @file
/// Bits from scores that need no auxiliary model, for the ablation: none (layerwise), random, an
/// indicator, or an oracle that has seen the sample's own Jacobian.

#include "arms.hpp"

#include <amq/mesh/indicators.hpp>

namespace study {

/// @returns the errors of the arm; its scores cost nothing
template <typename Model>
Result given_scores(const Options& o, const Data& d, Executor& executor, const Arm& arm) {
  const auto from = float_network<Model>(o, d, executor);
  Network<Model> net(model_config<Model>(o, d),
                     SchemeInfo{8, row_quantizer(arm.quantizer).rule, arm.levels}, o.seed);
  net.take_weights(from->layout, from->parameters);
  const auto few = calibration_part(d);
  calibrate(net, few);
  MeshTraining<Model> t(net, d.training, training_options(o, arm.score, true));
  unroll(o, d, t);
  BasicTraining<float> a(net.layout, net.quantizers);
  const auto score = [&](const GraphSample& s, std::size_t k) {
    PointScores p(net.layout, s.graph.n_nodes());
    Random random = Random::stream(o.seed + 0xabc, k);
    if (arm.score == "oracle") {
      MeshTraining<Model> one(net, std::span(&s, 1), training_options(o, "", true));
      return one.probe(a, 0, nullptr, random, 8);
    }
    std::vector<double> coefficient;  // the last given channel; Darcy's is normalized
    for (Index i = 0; i < s.u.rows(); ++i)
      coefficient.push_back(std::exp(static_cast<double>(s.u(i, s.u.cols() - 1))));
    const auto jump = coefficient_jump(s.graph, coefficient);
    for (Index i = 0; i < p.nodes; ++i) {
      const double v = arm.score == "indicator" ? 0.1 + jump[static_cast<std::size_t>(i)]
                       : arm.score == "random"  ? std::exp(random.normal())
                                                : 1.0;
      for (Index c = 0; c < p.columns(); ++c) p.view()(i, c) = static_cast<float>(v);
    }
    return p;
  };
  std::vector<PointScores> training, test;
  for (std::size_t k = 0; k < d.training.size(); ++k) training.push_back(score(d.training[k], k));
  for (std::size_t k = 0; k < d.test.size(); ++k)
    test.push_back(score(d.test[k], d.training.size() + k));
  const Planner planner(
      net.layout, 8, arm.levels,
      measure_curves(net, few, arm.levels, arm.levels.back(), mean_scores(training), executor));
  Cost spent = 0;
  const auto plan = [&](const GraphSample& s, const PointScores& scores) {
    const BitPlan any = BitPlan::uniform(8);
    BasicCounting count(net.layout, net.quantizers, any);
    forward(net.model, count, s);
    const PassWork work(net.layout, count.cost());
    Planned p = planner.plan(s, work, scores, planner.uniform_cost(s, work, arm.budget));
    spent += p.cost;
    return std::move(p.plan);
  };
  std::vector<BitPlan> plans, test_plans;
  for (std::size_t k = 0; k < d.training.size(); ++k)
    plans.push_back(plan(d.training[k], training[k]));
  spent = 0;
  for (std::size_t k = 0; k < d.test.size(); ++k) test_plans.push_back(plan(d.test[k], test[k]));
  t.run(executor, plans, o.progress);
  net.quantizers.fit_weights(net.layout, net.parameters);
  BasicFixed fixed(net.layout, net.quantizers, net.parameters);
  const auto solve = [&](std::size_t k) {
    fixed.begin(test_plans[k]);
    return Matrix(map(forward(net.model, fixed, d.test[k]).view()));
  };
  Result r = evaluate(d, solve);
  r.ms = median_ms(d.test.size(), solve);
  r.bops = static_cast<double>(spent) / static_cast<double>(d.test.size());
  r.mean_bits = arm.budget;
  r.bytes = deployed_bytes(net.layout, net.quantizers);
  return r;
}

}  // namespace study
