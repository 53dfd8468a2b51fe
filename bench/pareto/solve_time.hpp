#pragma once
/// @file
/// What a solve takes on this machine, one thread: in float, with uniform and with adaptive bits.

#include "../../examples/common/timing.hpp"
#include "arms.hpp"
#include "study.hpp"

#include <amq/solver/model_file.hpp>

#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

namespace study {

/// A contender and its measurements, one a turn.
struct Timed {
  std::string name;
  std::function<void(std::size_t sample)> solve;
  std::vector<double> ms;
};

/// All contenders solve the same sample by turns, so that they meet the same hours of a shared
/// core; the first turns are not counted.
inline void take_turns(std::vector<Timed>& all, std::size_t turns, std::size_t n_samples) {
  const std::size_t warm = 3;
  for (std::size_t k = 0; k < turns + warm; ++k)
    for (Timed& one : all) {
      const double start = timing::milliseconds(timing::Clock::process);
      one.solve(k % n_samples);
      if (k >= warm) one.ms.push_back(timing::milliseconds(timing::Clock::process) - start);
    }
}

/// Adds model,task,nodes,what,ms,of_float to a CSV: medians, and what choosing bits takes of the
/// adaptive solve (auxiliary model and allocation; of these the auxiliary model). Solves that are
/// there are not timed again.
/// @param file_of  file_of(arm) is where the study has left an arm's solver
template <typename Model, row_rule Rule, typename FileOf>
void time_solves(const Plan& plan, const Options& o, const Data& d, Executor& executor,
                 const std::string& csv, const FileOf& file_of) {
  if (has_row(csv, plan.model + ',' + plan.task + ',')) {
    std::printf("%s on %s is in %s\n", plan.model.c_str(), plan.task.c_str(), csv.c_str());
    return;
  }
  using Three = Scheme<Weights<8>, Activations<3>, Rule>;
  auto uniform = load<Model, Three>(file_of(Arm{"uniform", plan.quantizer, "none", {3}, 3}));
  auto adaptive =
      load<Model, Fine<Rule>>(file_of(Arm{"amq", plan.quantizer, "sensitivity", fine, 3}));
  uniform.budget(mean_bits(3));
  adaptive.budget(mean_bits(3));
  const auto net = float_network<Model>(o, d, executor, true);
  Float32 a(net->layout, net->parameters);
  std::vector<BitPlan> kept;
  for (const auto& s : d.test) kept.push_back(adaptive.plan(s).plan);
  std::vector<Timed> all{
      {"float32", [&](std::size_t k) { forward(net->model, a, d.test[k]); }, {}},
      {"uniform 3 bits",
       [&](std::size_t k) { static_cast<void>(uniform.normalized(d.test[k])); },
       {}},
      {"amq mean 3 bits",
       [&](std::size_t k) { static_cast<void>(adaptive.normalized(d.test[k])); },
       {}},
      {"amq: bits kept",
       [&](std::size_t k) { static_cast<void>(adaptive.normalized(d.test[k], kept[k])); },
       {}},
      {"amq: choosing bits",
       [&](std::size_t k) { static_cast<void>(adaptive.plan(d.test[k])); },
       {}},
      {"amq: auxiliary model",
       [&](std::size_t k) { static_cast<void>(adaptive.predict(d.test[k])); },
       {}}};
  take_turns(all, 60, d.test.size());
  double nodes = 0;
  for (const auto& s : d.test) nodes += static_cast<double>(s.graph.n_nodes());
  nodes /= static_cast<double>(d.test.size());
  std::ofstream out(csv, std::ios::app);
  if (out.tellp() == 0) out << "model,task,nodes,what,ms,of_float\n";
  const double in_float = timing::median(all.front().ms);
  for (const Timed& one : all) {
    const double ms = timing::median(one.ms);
    char row[160];
    std::snprintf(row, sizeof row, "%s,%s,%.0f,%s,%.2f,%.3f\n", plan.model.c_str(),
                  plan.task.c_str(), nodes, one.name.c_str(), ms, ms / in_float);
    out << row << std::flush;
    std::fputs(row, stdout);
  }
}

}  // namespace study
