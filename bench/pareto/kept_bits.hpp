#pragma once
/// @file
/// What it costs in error to choose bits at every n-th step of a flow alone. What it saves is in
/// mesh_time.csv.

#include "arms.hpp"
#include "study.hpp"

#include <amq/solver/model_file.hpp>

#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

namespace study {

/// The mean square error one step ahead from every true state of the test trajectories.
template <typename Model, typename Scheme>
double follow(const Data& d, const MeshSolver<Model, Scheme>& solver, std::size_t every) {
  double mse = 0, steps = 0;
  for (const Trajectory& t : d.trajectories) {
    GraphSample s = d.encoding.encode(t.mesh, view(t.state[0]));
    prepare_sample(solver.net().model, s);
    BitPlan plan;
    for (std::size_t f = 0; f + 1 < t.state.size(); ++f) {
      d.encoding.encode_given(view(t.state[f]), s);
      const Field change = t.state[f + 1] - t.state[f];
      d.encoding.encode_solution(view(change), s);
      if (f % every == 0) plan = solver.plan(s).plan;
      const Matrix y = solver.normalized(s, plan);
      steps += 1;
      mse += static_cast<double>((y - s.y).squaredNorm()) / static_cast<double>(y.size());
    }
  }
  return mse / steps;
}

/// Adds model,task,bits,scheme,every,test_mse to a CSV, rows that it has not.
/// @param file_of  file_of(arm) is where the study has left an arm's solver
template <typename Model, row_rule Rule, typename FileOf>
void keep_bits(const Plan& plan, const Data& d, const std::string& csv, const FileOf& file_of) {
  if (d.trajectories.empty())
    throw Error("pareto --arms kept_bits", "an unsteady problem", plan.task, "Ask for flow2d.");
  std::ofstream out(csv, std::ios::app);
  if (out.tellp() == 0) out << "model,task,bits,scheme,every,test_mse\n";
  const auto row = [&](int bits, const char* scheme, std::size_t every, auto& solver) {
    std::ostringstream what;
    what << plan.model << ',' << plan.task << ',' << bits << ',' << scheme << ',' << every << ',';
    if (has_row(csv, what.str())) return;
    what << follow(d, solver, every) << '\n';
    out << what.str() << std::flush;
    std::cout << what.str() << std::flush;
  };
  const auto all = [&]<int Bits>() {
    auto uniform = load<Model, Scheme<Weights<8>, Activations<Bits>, Rule>>(
        file_of(Arm{"uniform", plan.quantizer, "none", {Bits}, Bits}));
    auto adaptive =
        load<Model, Fine<Rule>>(file_of(Arm{"amq", plan.quantizer, "sensitivity", fine, Bits}));
    uniform.budget(mean_bits(Bits));
    adaptive.budget(mean_bits(Bits));
    row(Bits, "uniform", 1, uniform);
    for (const std::size_t every : {1, 2, 5, 10, 25, 50, 1000}) row(Bits, "amq", every, adaptive);
  };
  all.template operator()<3>();
  all.template operator()<2>();
}

}  // namespace study
