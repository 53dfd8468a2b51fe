#pragma once
/// @file
/// Trains, deploys and evaluates the arms of one network.

#include "budgets.hpp"
#include "given_scores.hpp"
#include "kept_bits.hpp"
#include "rollouts.hpp"
#include "solve_time.hpp"
#include "study.hpp"

#include <amq_lab/data/npz.hpp>

#include <iostream>

namespace study {

using namespace amq::lab;

/// Where an arm's solver is kept. @param key  as the table has it
inline std::string solver_file(const Options& o, const std::string& key) {
  std::string name = key + '_' + std::to_string(o.seed) + further(o);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == ',' || c == ' '; }, '_');
  return o.folder + "/" + name + ".safetensors";
}

/// Calls f with the type of the plan's row rule.
template <typename F>
void with_rule(const Plan& plan, const F& f) {
  const RowRule rule = row_quantizer(plan.quantizer).rule;
  if (rule == RowRule::min_max) return f(RowMinMax{});
  if (rule == RowRule::affine) return f(RowAffine{});
  throw Error("pareto --arms " + plan.arms, "row_min_max_lsq or row_affine_shifted_lsq",
              plan.quantizer, "Ask for one of these, which core arms train.");
}

template <typename Model>
std::unique_ptr<MeshSolver<Model>> trained(const Options& o, const Data& d, Executor& executor,
                                           const Arm& arm) {
  const RowQuantizer quantizer = row_quantizer(arm.quantizer);
  if (arm.scheme == "uniform")
    return uniform_solver<Model>(o, d, executor, arm.levels, quantizer.rule, quantizer.range);
  Adaptive how;
  how.levels = arm.levels;
  how.mean_bits = {arm.budget};
  how.rule = quantizer.rule;
  if (const std::string power = "sensitivity_power_"; arm.score.starts_with(power))
    how.score_power = std::stod(arm.score.substr(power.size()));
  if (arm.score == "sensitivity_any_budget")
    how.mean_bits.assign(any_budget.begin(), any_budget.end());
  if (arm.score == "sensitivity_measured_power") how.score_power.reset();
  if (arm.score == "sensitivity_of_each_edge") how.sharing = allocation::PerEdge();
  if (arm.score == "sensitivity_largest_of_cluster") how.clusters = ClusterScore::max;
  if (arm.score.ends_with("_per_node")) how.sharing = allocation::PerNode();
  if (arm.score == "loss_per_node") how.score = ScoreTarget::loss();
  if (arm.score == "gradient") how.score = ScoreTarget::gradient();
  return adaptive_solver<Model>(o, d, executor, how);
}

/// An arm that is trained once for all budgets, by its first budget, and read for the others.
template <typename Model, typename S>
Result at_any_budget(const Plan& plan, const Options& o, const Data& d, Executor& executor,
                     const Arm& arm) {
  Arm all = arm;
  all.budget = 0;
  const std::string file = solver_file(o, Table::key(plan.model, plan.task, all));
  if (!std::filesystem::exists(file))
    save(file, *trained<Model>(o, d, executor, arm),
         {d.test_mesh[0], d.test_given[0], {any_budget.begin(), any_budget.end()}});
  auto solver = load<Model, S>(file);
  solver.budget(mean_bits(arm.budget));
  return evaluate_solver<Model>(d, solver);
}

template <typename Model>
Result run_arm(const Plan& plan, const Options& o, const Data& d, Executor& executor,
               const Arm& arm, const std::string& key) {
  if (arm.scheme == "float32") {
    const auto net = float_network<Model>(o, d, executor, true);
    if (!d.trajectories.empty()) roll_out_float<Model>(d, *net, key, o.seed, plan.rollouts);
    return evaluate_float<Model>(d, *net);
  }
  for (const char* given : {"layerwise", "random", "indicator", "oracle"})
    if (arm.score == given) return given_scores<Model>(o, d, executor, arm);
  Result r;
  if (arm.score.ends_with("any_budget")) {
    with_rule(plan, [&]<typename Rule>(Rule) {
      r = arm.scheme == "uniform" ? at_any_budget<Model, AnyWidth<Rule>>(plan, o, d, executor, arm)
                                  : at_any_budget<Model, Fine<Rule>>(plan, o, d, executor, arm);
    });
    return r;
  }
  const auto solver = trained<Model>(o, d, executor, arm);
  r = evaluate_solver<Model>(d, *solver);
  if (!d.trajectories.empty()) roll_out_solver<Model>(d, *solver, key, o.seed, plan.rollouts);
  save(solver_file(o, key), *solver, {d.test_mesh[0], d.test_given[0], {arm.budget}});
  return r;
}

/// A test sample of the adaptive solver of 3 bits as numbers: what scripts/plot_bits.py draws.
template <typename Model, row_rule Rule>
void picture(const Plan& plan, const Options& o, const Data& d) {
  const Arm arm{"amq", plan.quantizer, "sensitivity", fine, 3};
  auto solver = load<Model, Fine<Rule>>(solver_file(o, Table::key(plan.model, plan.task, arm)));
  solver.budget(mean_bits(3));
  const std::size_t k = d.test.size() / 2;
  const Solution s = solver(d.test_mesh[k], d.test_given[k]);
  const Mesh& m = d.test_mesh[k];
  npz::write(o.folder + "/picture.npz",
             {{"points", Array::of(m.points, {m.n_nodes(), m.dim})},
              {"cells", Array::of(m.cells, {m.n_cells(), m.nodes_per_cell})},
              {"truth", Array::of(view(d.test_solution[k]))},
              {"predicted", Array::of(view(s.field))},
              {"bits", Array::of(s.report.node_bits)}});
  std::cout << o.folder << "/picture.npz\n";
}

template <typename Model>
void run_arms(const Plan& plan, Options o, Data& d, Executor& executor) {
  o.folder += "/" + plan.model;
  std::filesystem::create_directories(o.folder);
  o.seed = plan.seeds.front();
  if (plan.arms == "picture")
    return with_rule(plan, [&]<typename Rule>(Rule) { picture<Model, Rule>(plan, o, d); });
  prepare<Model>(o, d);
  const auto beside = [&](const char* name) {
    return std::filesystem::path(plan.csv).replace_filename(name).string();
  };
  const auto file_of = [&](const Arm& arm) {
    return solver_file(o, Table::key(plan.model, plan.task, arm));
  };
  if (plan.arms == "time")
    return with_rule(plan, [&]<typename Rule>(Rule) {
      time_solves<Model, Rule>(plan, o, d, executor, beside("mesh_time.csv"), file_of);
    });
  if (plan.arms == "kept_bits")
    return with_rule(plan, [&]<typename Rule>(Rule) {
      keep_bits<Model, Rule>(plan, d, beside("mesh_kept_bits.csv"), file_of);
    });
  if (plan.arms == "budgets") {
    for (const auto seed : plan.seeds) {
      o.seed = seed;
      with_rule(plan, [&]<typename Rule>(Rule) {
        other_budgets<Model, Rule>(plan, o, d, beside("mesh_budgets.csv"), file_of);
      });
    }
    return;
  }
  const Table table(plan.csv);
  auto wanted = arms(plan.arms, plan.quantizer);
  wanted.resize(std::min(wanted.size(), plan.first));
  for (const auto seed : plan.seeds) {
    o.seed = seed;
    for (const Arm& arm : wanted) {
      const std::string key = Table::key(plan.model, plan.task, arm);
      if (table.has(key, seed)) continue;
      const Stopwatch watch;
      const Result r = run_arm<Model>(plan, o, d, executor, arm, key);
      std::cout << '\n'
                << table.add(key, seed, r) << "  (" << watch.seconds() << " s)" << std::endl;
    }
  }
}

}  // namespace study
