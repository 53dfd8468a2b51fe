// Question: does giving bits to the nodes, edges, clusters and products that need them beat uniform
// bits at equal operations, for three networks on four problems, and what does it owe to score,
// ladder and quantizer?
//
// Trains and deploys every arm for every seed, appends a row to the CSV as it is finished, and
// skips rows that are there: stopped, it goes on where it was.

#include "../../examples/common/arguments.hpp"
#include "../../examples/common/mesh_tasks.hpp"
#include "study.hpp"

#include <cstdlib>
#include <iostream>
#include <map>

using namespace study;

namespace {
const char* const usage =
    "pareto --task darcy|elasticity|flow2d|flow3d --model mp_pde|graph_vit|mesh_graph_net\n"
    "       |transolver|flare\n"
    "  [--arms core|ladder|ablation|rules|power|skipping|any_budget|quantizers|all\n"
    "   |data|picture|time|kept_bits|budgets]\n"
    "  [--first N]    no more than the first N of these arms: they are in order of worth\n"
    "  [--quantizer NAME] [--seed N]\n"
    "  [--csv FILE] [--rollouts FILE] [--folder DIR] [--training N] [--test N]\n"
    "  [--least-nodes N] [--most-nodes N] [--points N]\n"
    "  [--hidden N] [--layers N] [--blocks N] [--width N] [--heads N] [--tokens N]\n"
    "  [--float-epochs N] [--qat-epochs N] [--threads N]\n"
    "  [--unroll N]   unsteady: further training on windows of up to N steps\n"
    "  [--order N]    another order of samples in further training: what chance does there;\n"
    "                 tables have no column for it, so give each its --csv\n"
    "time, kept_bits, budgets: mesh_time.csv, mesh_kept_bits.csv or mesh_budgets.csv beside FILE,\n"
    "  of solvers that core arms have left in DIR\n";
}

int main(int argc, char** argv) try {
  Plan plan{.task = "darcy", .model = "mp_pde", .rollouts = {}};
  for (int i = 1; i + 1 < argc; i += 2)
    if (std::string(argv[i]) == "--task") plan.task = argv[i + 1];
  Options o = task_options(plan.task);
  o.threads = 1;
  int status = 0;
  const bool go = read_arguments(argc, argv,
                                 {argument("--task", plan.task),
                                  argument("--model", plan.model),
                                  argument("--arms", plan.arms),
                                  argument("--first", plan.first),
                                  argument("--quantizer", plan.quantizer),
                                  {"--seed",
                                   [&](const std::string& text) {
                                     std::uint64_t seed = 0;
                                     argument("--seed", seed).set(text);
                                     plan.seeds = {seed};
                                   }},
                                  argument("--csv", plan.csv),
                                  argument("--rollouts", plan.rollouts),
                                  argument("--folder", o.folder),
                                  argument("--training", o.training),
                                  argument("--test", o.test),
                                  argument("--least-nodes", o.least_nodes),
                                  argument("--most-nodes", o.most_nodes),
                                  argument("--points", o.points),
                                  argument("--hidden", o.hidden),
                                  argument("--layers", o.layers),
                                  argument("--blocks", o.blocks),
                                  argument("--width", o.width),
                                  argument("--heads", o.heads),
                                  argument("--tokens", o.tokens),
                                  argument("--float-epochs", o.float_epochs),
                                  argument("--qat-epochs", o.qat_epochs),
                                  argument("--unroll", o.unroll),
                                  argument("--order", o.order),
                                  argument("--threads", o.threads)},
                                 usage, status);
  if (!go) return status;
  if (plan.rollouts.empty())
    plan.rollouts = std::filesystem::path(plan.csv).replace_filename("mesh_rollout.csv").string();
  const bool terminal = std::getenv("AMQ_QUIET") == nullptr;
  o.progress = [&](const Progress& p) {
    if (terminal)
      std::fprintf(stderr, "\r%-24s %6lld / %lld  loss %.4f  %.0f s left   ", p.what.c_str(),
                   static_cast<long long>(p.done), static_cast<long long>(p.total), p.loss,
                   p.seconds_left);
  };
  const std::map<std::string, decltype(&run_mp_pde)> models{{"mp_pde", run_mp_pde},
                                                            {"graph_vit", run_graph_vit},
                                                            {"mesh_graph_net", run_mesh_graph_net},
                                                            {"transolver", run_transolver},
                                                            {"flare", run_flare}};
  const auto model = models.find(plan.model);
  if (model == models.end())
    throw Error("pareto", "mp_pde, graph_vit, mesh_graph_net, transolver or flare", plan.model,
                "Name one of these models.");
  ThreadPool pool(o.threads);
  Data data = task_data(plan.task, o, pool);
  if (plan.arms == "data") return 0;
  model->second(plan, o, data, pool);
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
