// Question: what does a training step of MP-PDE cost (forward, backward, AdamW), in float and
// quantization-aware, on one graph of the study's size and on a large one? The same step in torch:
// scripts/time_torch_mp_pde.py, which writes lines of the same table.
//
// Usage: bench_training_step [table.csv] [--study] [--large] [--rounds=n]

#include <amq/models/mp_pde.hpp>
#include <amq/models/network.hpp>
#include <amq/train/mesh_training.hpp>

#include "../kernels/some_graph.hpp"
#include "../kernels/timing.hpp"

#include <cstring>
#include <memory>

using namespace amq;
using namespace amq::training;

namespace {

struct Step {
  Network<MpPde> net;
  std::vector<GraphSample> samples;
  MeshTraining<MpPde> training;
  BasicTraining<float> tape;
  AdamW optimizer;
  std::vector<float> gradient;

  Step(Index nodes, Index hidden, Index layers)
      : net(config(hidden, layers), {8, RowRule::affine, {2, 4, 8}}, 1),
        samples{one_sample(nodes)},
        training(net, samples, {}),
        tape(net.layout, net.quantizers),
        optimizer(net.layout, {}),
        gradient(static_cast<std::size_t>(net.layout.size())) {}
  static GraphSample one_sample(Index nodes) {
    GraphSample s;
    s.graph = some_graph(nodes, 6);
    s.u = Matrix::Random(nodes, 1);
    s.x = Matrix::Random(nodes, 2);
    s.y = Matrix::Random(nodes, 1);
    return s;
  }
  static MpPdeConfig config(Index hidden, Index layers) {
    MpPdeConfig c;
    c.hidden = hidden;
    c.layers = layers;
    return c;
  }
  void run(const BitPlan* plan) {
    std::fill(gradient.begin(), gradient.end(), 0.0f);
    training.pass(tape, 0, plan, &gradient);
    optimizer.step(net.parameters, gradient, 1e-6);
  }
};

BitPlan mixed_plan(const Graph& g) {
  Random random(8);
  BitPlan plan;
  const auto draw = [&](Index n) {
    std::vector<std::uint8_t> bits(static_cast<std::size_t>(n));
    for (auto& b : bits) b = static_cast<std::uint8_t>(2u << random.index(3));
    return bits;
  };
  plan[RowKind::node] = draw(g.n_nodes());
  plan[RowKind::edge] = draw(g.n_edges());
  return plan;
}

void compare(const std::string& path, Index nodes, Index hidden, Index layers, int rounds) {
  Step step(nodes, hidden, layers);
  const BitPlan eight = BitPlan::uniform(8), mixed = mixed_plan(step.samples[0].graph);
  const std::vector<timing::Contender> all{
      {"amq_train_step_float", 32, [&] { step.run(nullptr); }},
      {"amq_train_step_qat", 8, [&] { step.run(&eight); }},
      {"amq_train_step_qat_mixed", 4, [&] { step.run(&mixed); }},
  };
  const auto n = static_cast<double>(nodes), h = static_cast<double>(hidden);
  // Products of the layers, forward and twice backward.
  const double operations = 3 * 2 * h * h * (5 * n + 6 * n) * static_cast<double>(layers);
  timing::Table(path).measure("mp_pde_train_step",
                              std::to_string(nodes) + "x" + std::to_string(6 * nodes) + "x" +
                                  std::to_string(hidden) + "x" + std::to_string(layers),
                              operations, all, 1, rounds);
}

}  // namespace

int main(int argc, char** argv) {
  std::string path = "kernels.csv";
  bool study = false, large = false;
  int rounds = 9;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--study"))
      study = true;
    else if (!std::strcmp(argv[i], "--large"))
      large = true;
    else if (!std::strncmp(argv[i], "--rounds=", 9))
      rounds = std::atoi(argv[i] + 9);
    else
      path = timing::table_path(argv[i]);
  }
  if (!study && !large) study = large = true;
  if (study) compare(path, 800, 48, 4, rounds);
  if (large) compare(path, 10'000, 128, 2, std::max(3, rounds / 3));
}
