// Question: how accurate do the networks become with as much training as published ones have, and
// what do uniform and adaptive bits leave of it?
//
// Trains a network in float on one's own data by amq::train(), then quantization-aware for every
// arm, and adds a row for each to the tables as it is finished. Rows that are there are skipped; a
// run that was stopped goes on from its last epoch.

#include "../../examples/common/arguments.hpp"
#include "networks.hpp"

#include <cstdio>
#include <iostream>
#include <map>

namespace {
const char* const usage =
    "accuracy --problem elasticity|darcy|car|flow --network mp_pde|graph_vit|transolver|flare\n"
    "  [--arms float,uniform:3,amq:3,...]  [--seed N] [--training N] [--test N] [--folder DIR]\n"
    "  [--hidden N] [--layers N] [--epochs N] [--quantized-epochs N] [--batch N] [--lr X]\n"
    "  [--quantized-lr X] [--average X] [--weights FILE] [--csv FILE] [--front FILE]\n"
    "  [--threads N]\n";
}

int main(int argc, char** argv) try {
  using namespace accuracy;
  Wish w;
  accuracy::Run r;
  std::string arms = "float";
  std::size_t threads = 1;
  int status = 0;
  const bool go = study::read_arguments(
      argc, argv,
      {study::argument("--problem", w.problem), study::argument("--network", r.network),
       study::argument("--arms", arms), study::argument("--seed", r.seed),
       study::argument("--training", w.training), study::argument("--test", w.test),
       study::argument("--folder", w.folder), study::argument("--hidden", r.hidden),
       study::argument("--layers", r.layers), study::argument("--epochs", r.epochs),
       study::argument("--quantized-epochs", r.quantized_epochs),
       study::argument("--batch", r.batch), study::argument("--lr", r.lr),
       study::argument("--quantized-lr", r.quantized_lr), study::argument("--average", r.average),
       study::argument("--weights", r.weights), study::argument("--csv", r.csv),
       study::argument("--front", r.front), study::argument("--threads", threads)},
      usage, status);
  if (!go) return status;
  for (std::size_t at = 0; at < arms.size();) {
    const std::size_t end = std::min(arms.find(',', at), arms.size());
    r.arms.push_back(arms.substr(at, end - at));
    at = end + 1;
  }
  r.folder = w.folder;
  const std::map<std::string, decltype(&run_mp_pde)> networks{{"mp_pde", run_mp_pde},
                                                              {"graph_vit", run_graph_vit},
                                                              {"transolver", run_transolver},
                                                              {"flare", run_flare}};
  if (!networks.contains(r.network))
    throw Error("accuracy --network", "mp_pde, graph_vit, transolver or flare", r.network,
                "Name one of these networks.");
  ThreadPool pool(threads);
  const accuracy::Problem p = problem(w, pool);
  networks.at(r.network)(r, p, pool);
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
