#pragma once
/// @file
/// Arms that are trained once for all budgets, adaptive and uniform: every pass of the training
/// draws one of them.

#include "arms.hpp"
#include "study.hpp"

#include <amq/solver/model_file.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace study {

/// @param file  where the solver is kept for the other budgets
template <typename Model, row_rule Rule>
Result adaptive_any_budget(const Options& o, const Data& d, Executor& executor, const Arm& arm,
                           const std::string& file) {
  if (!std::filesystem::exists(file)) {
    Adaptive how;
    how.levels = arm.levels;
    how.budgets.assign(any_budget.begin(), any_budget.end());
    how.rule = Rule::rule;
    const auto trained = adaptive_solver<Model>(o, d, executor, how);
    save(file, *trained, {d.test_mesh[0], d.test_given[0], how.budgets});
  }
  auto solver = load<Model, Scheme<Weights<8>, Activations<1, 2, 3, 4, 5, 6, 8>, Rule>>(file);
  solver.budget(mean_bits(arm.budget));
  return evaluate_solver<Model>(d, solver);
}

/// Adaptive bits' rival: one network for uniform bits of several widths.
/// @param file  where its parameters are kept for the other widths
template <typename Model>
Result uniform_any_budget(const Options& o, const Data& d, Executor& executor, const Arm& arm,
                          const std::string& file) {
  const RowQuantizer quantizer = row_quantizer(arm.quantizer);
  Network<Model> net(model_config<Model>(o, d), SchemeInfo{8, quantizer.rule, arm.levels}, o.seed);
  Learner keeper{&net.layout, &net.parameters, AdamW(net.layout, {}), {}};
  Learner* all[] = {&keeper};
  if (std::filesystem::exists(file)) {
    static_cast<void>(load_checkpoint(file, all));
  } else {
    const auto from = float_network<Model>(o, d, executor);
    net.take_weights(from->layout, from->parameters);
    calibrate(net, calibration_part(d), quantizer.range);
    std::vector<BitPlan> plans;
    for (const int b : arm.levels) plans.push_back(BitPlan::uniform(b));
    MeshTraining<Model> t(net, d.training, training_options(o, "uniform, any bits", true));
    unroll(o, d, t);
    t.run_by_turns(executor, plans, o.progress);
    net.quantizers.fit_weights(net.layout, net.parameters);
    save_checkpoint(file, 0, all);
  }
  const BitPlan plan = BitPlan::uniform(static_cast<int>(arm.budget));
  BasicFixed fixed(net.layout, net.quantizers, net.parameters);
  const auto solve = [&](std::size_t k) {
    fixed.begin(plan);
    return Matrix(map(forward(net.model, fixed, d.test[k]).view()));
  };
  Result r = evaluate(d, solve);
  r.ms = median_ms(d.test.size(), solve);
  for (const auto& s : d.test) {
    BasicCounting count(net.layout, net.quantizers, plan);
    forward(net.model, count, s);
    r.bops += count.cost().bops() / static_cast<double>(d.test.size());
  }
  r.mean_bits = arm.budget;
  r.bytes = deployed_bytes(net.layout, net.quantizers);
  return r;
}

}  // namespace study
