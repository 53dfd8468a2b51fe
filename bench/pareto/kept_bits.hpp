#pragma once
/// @file
/// What it costs in error, and saves in time, to choose bits at every n-th step of a flow alone.

#include "../../examples/common/timing.hpp"
#include "arms.hpp"
#include "study.hpp"

#include <amq/solver/model_file.hpp>

#include <cstdio>
#include <fstream>
#include <string>

namespace study {

/// One step ahead from every true state of the test trajectories.
template <typename Model>
Result follow(const Data& d, BasicMeshSolver<Model>& solver, std::size_t every) {
  Result r;
  std::vector<double> ms;
  const auto now = [] { return timing::milliseconds(timing::Clock::process); };
  for (const Trajectory& t : d.trajectories) {
    GraphSample s = d.encoding.encode(t.mesh, view(t.state[0]));
    prepare_sample(solver.net().model, s);
    BitPlan plan;
    for (std::size_t f = 0; f + 1 < t.state.size(); ++f) {
      d.encoding.encode_given(view(t.state[f]), s);
      const Field change = t.state[f + 1] - t.state[f];
      d.encoding.encode_solution(view(change), s);
      const double start = now();
      if (f % every == 0) plan = solver.plan(s);
      const Matrix y = map(solver.normalized(s, plan));
      ms.push_back(now() - start);
      r.mse += static_cast<double>((y - s.y).squaredNorm()) / static_cast<double>(y.size());
    }
  }
  for (const double one : ms) r.ms += one / static_cast<double>(ms.size());
  r.mse /= static_cast<double>(ms.size());
  return r;
}

/// Adds model,task,bits,scheme,every,test_mse,ms to a CSV: ms is the mean step's, of one thread.
/// @param file_of  file_of(arm) is where the study has left an arm's solver
template <typename Model, row_rule Rule, typename FileOf>
void keep_bits(const Plan& plan, const Data& d, const std::string& csv, const FileOf& file_of) {
  if (d.trajectories.empty())
    throw Error("pareto --arms kept_bits", "an unsteady problem", plan.task, "Ask for flow2d.");
  std::ofstream out(csv, std::ios::app);
  if (out.tellp() == 0) out << "model,task,bits,scheme,every,test_mse,ms\n";
  const auto row = [&](int bits, const char* scheme, std::size_t every, auto& solver) {
    const Result r = follow(d, solver, every);
    char text[160];
    std::snprintf(text, sizeof text, "%s,%s,%d,%s,%zu,%.6g,%.2f\n", plan.model.c_str(),
                  plan.task.c_str(), bits, scheme, every, r.mse, r.ms);
    out << text << std::flush;
    std::fputs(text, stdout);
    std::fflush(stdout);
  };
  const auto all = [&]<int Bits>() {
    auto uniform = load<Model, Scheme<Weights<8>, Activations<Bits>, Rule>>(
        file_of(Arm{"uniform", plan.quantizer, "none", {Bits}, Bits}));
    auto adaptive = load<Model, Scheme<Weights<8>, Activations<1, 2, 3, 4, 5, 6, 8>, Rule>>(
        file_of(Arm{"amq", plan.quantizer, "sensitivity", fine, Bits}));
    uniform.budget(mean_bits(Bits));
    adaptive.budget(mean_bits(Bits));
    row(Bits, "uniform", 1, uniform);
    for (const std::size_t every : {1, 2, 5, 10, 25, 50, 1000}) row(Bits, "amq", every, adaptive);
  };
  all.template operator()<3>();
  all.template operator()<2>();
}

}  // namespace study
