#pragma once
/// @file
/// Bits from scores that need no auxiliary model, for the ablation: none (layerwise), random, an
/// indicator, or an oracle that has seen the sample's own Jacobian.

#include "arms.hpp"

#include <amq/allocation/sensitivity.hpp>

#include <bit>

namespace study {

/// Log-normal scores, other ones for every sample: drawn from the bits of its given fields, so that
/// the same sample has the same.
struct RandomScore {
  std::uint64_t seed = 0;
  void operator()(const GraphSample& s, MatrixView<float> to) const {
    std::uint64_t of_sample = 0;
    for (Index i = 0; i < s.u.size(); ++i)
      of_sample = of_sample * 0x100000001b3u + std::bit_cast<std::uint32_t>(s.u.data()[i]);
    Random random = Random::stream(seed, of_sample);
    for (Index i = 0; i < to.rows; ++i)
      std::fill_n(to.row(i), to.cols, static_cast<float>(std::exp(random.normal())));
  }
};
template <typename Model>
allocation::AnyScore given_score(const std::string& name, const Network<Model>& net,
                                 std::uint64_t seed) {
  if (name == "oracle") return allocation::SensitivityScore<Model>{&net, 8, seed};
  if (name == "indicator") return allocation::CoefficientJump();
  if (name == "random") return RandomScore{seed};
  return allocation::Flat();
}

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
  const allocation::AnyScore score = given_score(arm.score, net, o.seed + 0xabc);
  std::vector<PointScores> seen;
  for (const GraphSample& s : d.training) {
    seen.emplace_back(net.layout, s.graph.n_nodes());
    score(s, seen.back().view());
  }
  const Allocator<> allocator(
      net.layout, arm.levels,
      measure_curves(net, few, arm.levels, arm.levels.back(), mean_scores(seen), executor), score);
  Cost spent = 0;
  const auto plan = [&](const GraphSample& s) {
    Planned p = allocator(s, allocator.prepare(net, s), arm.budget);
    spent += p.cost;
    return std::move(p.plan);
  };
  std::vector<BitPlan> plans, test_plans;
  for (const GraphSample& s : d.training) plans.push_back(plan(s));
  spent = 0;
  for (const GraphSample& s : d.test) test_plans.push_back(plan(s));
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
