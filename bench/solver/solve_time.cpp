// Question: what does a solve of MP-PDE (6 layers), MeshGraphNet (15 layers), GraphViT (4 layers, 4
// blocks, tokens of 4 times the channels), FLARE or Transolver (4 blocks, 8 heads of 32 tokens)
// take in integers beside our own float32, and what share of it goes to the mesh and to choosing
// bits, by points or by layers? What do nodes save that skip layers? Does a solve under a budget of
// milliseconds take what was planned? What do words between the products of messages save? An
// untrained network on a random triangulation: times do not depend on what weights say.
//
// Usage: bench_solver_time [speed.csv] [--machine=name] [--nodes=n] [--rounds=n] [--core=n]
//        [--network=mp_pde]   or mesh_graph_net, graph_vit, flare, transolver
//        [--hidden=128]       channels
//        [--loop=contender]   that one alone, --rounds times: for a profiler
//        [--amx]              with tiles, where the machine has them
// Appends machine,level,bench,shape,bits,contender,threads,ms,ratio_to_best_rival,ratio_to_roof;
// the rival is float32 on a prepared mesh. Contenders take turns, a row is a median.

#include <amq/arithmetic/float32.hpp>
#include <amq/mesh/random_square.hpp>
#include <amq/models/flare.hpp>
#include <amq/models/graph_vit.hpp>
#include <amq/models/mesh_graph_net.hpp>
#include <amq/models/mp_pde.hpp>
#include <amq/models/transolver.hpp>
#include <amq/simd/amx.hpp>
#include <amq/solver/mesh_solver.hpp>
#include <amq/train/mesh_training.hpp>

#include "../kernels/speed.hpp"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using namespace amq;
using namespace amq::training;

namespace {

using Adaptive = Scheme<Weights<8>, Activations<2, 4, 6, 8>, ByRange>;
/// Rows of messages are words between products.
using InInts = Scheme<Weights<8>, InWords<Activations<2, 4, 6, 8>>, ByRange>;
/// Nodes may skip layers.
using Skips = Scheme<Weights<8>, Activations<0, 4, 8>, ByRange>;

template <typename Net>
void size(typename Net::Config& c, int hidden) {
  c.hidden = hidden;
  if constexpr (requires { c.tokens; }) {
    c.layers = 4;
    c.tokens = 32;
  }
  if constexpr (requires { c.width; }) c.width = 4 * hidden;
}

template <typename Net>
struct Task {
  Mesh mesh;
  Field given;
  std::unique_ptr<MeshSolver<Net, Adaptive>> solver;

  Task(int nodes, int hidden) {
    Random random(4);
    mesh = random_refined_square(random, nodes);
    mark_boundary(mesh);
    given.resize(mesh.n_nodes(), 1);
    for (Index i = 0; i < given.size(); ++i) given.data()[i] = static_cast<float>(random.normal());
    solver = made<Adaptive>(hidden, {});
  }
  template <typename S>
  [[nodiscard]] static std::unique_ptr<MeshSolver<Net, S>> made(
      int hidden, const allocation::AnySharing& sharing) {
    MeshEncoding e;
    e.input_mean = {0};
    e.input_deviation = {1};
    e.lattices = {4, 8, 16};
    typename Net::Config c;
    size<Net>(c, hidden);
    c.inputs = e.inputs(), c.outputs = e.outputs();
    auto net = std::make_unique<Network<Net>>(c, SchemeInfo::of<S>(), 1);
    const Index columns = ScoreTarget::sensitivity().columns(net->layout, sharing.by_block);
    auto light = std::make_unique<Auxiliary>(AuxiliaryConfig{}, c.inputs, 2, columns, 2);
    return std::make_unique<MeshSolver<Net, S>>(std::move(net), std::move(light), e, sharing);
  }
};

/// 8 bits, but for a quarter of the nodes in every layer, which skip it.
BitPlan a_quarter_skips(BitPlan plan, const ParameterLayout& layout, const GraphSample& s) {
  Random random(5);
  std::string_view block;
  std::vector<std::uint8_t> bits(static_cast<std::size_t>(s.graph.n_nodes()));
  for (std::size_t p = 0; p < plan.by_point.size(); ++p) {
    auto& map = plan.by_point[p];
    if (map.empty()) continue;
    const auto own = allocation::block_of(layout.points()[p].name);
    if (own != std::exchange(block, own))
      for (auto& b : bits) b = random.uniform() < 0.25 ? 0 : 8;
    for (std::size_t k = 0; k < map.size(); ++k)
      map[k] =
          map.size() == bits.size() ? bits[k] : bits[static_cast<std::size_t>(s.graph.receiver[k])];
  }
  return plan;
}

/// Solves with bits chosen for the time of 2, 3, 4, 6 and 8 bits, by times measured here.
template <typename Solver>
void planned_and_taken(Solver& solver, const Mesh& mesh, const Field& given, int rounds) {
  RowTimesOptions options;
  options.clock = [] { return timing::seconds(timing::Clock::thread); };
  solver.price_by(solver.measure_times(mesh, options));
  const auto at = solver.prepare(mesh);
  std::vector<double> planned;
  std::vector<timing::Contender> all;
  for (const double bits : {2.0, 3.0, 4.0, 6.0, 8.0}) {
    const SolveReport r = at(given, mean_bits(bits)).report;
    const Budget b = milliseconds(1e-9 * static_cast<double>(r.picosecond_budget));
    planned.push_back(1e-9 * static_cast<double>(at(given, b).report.picoseconds));
    all.push_back(
        {"milliseconds", static_cast<int>(bits), [&at, &given, b] { (void)at(given, b); }});
  }
  const auto t = timing::medians(all, rounds, timing::Clock::thread);
  for (std::size_t k = 0; k < all.size(); ++k)
    std::printf("  time of %d bits: planned %9.3f ms, taken %9.3f ms, %.3f of the plan\n",
                all[k].bits, planned[k], 1e3 * t[k], 1e3 * t[k] / planned[k]);
}

template <typename Net>
void measure(const timing::SpeedArguments& asked, const char* bench, int hidden,
             const std::string& loop) {
  const Task<Net> p(asked.nodes, hidden);
  const auto& solver = *p.solver;
  const auto at = solver.prepare(p.mesh);
  GraphSample sample = solver.encoding().encode(p.mesh, view(p.given));
  prepare_sample(solver.net().model, sample);
  Float32 floats(solver.net().layout, solver.net().parameters);
  const BitPlan all8 = BitPlan::uniform(8), all6 = BitPlan::uniform(6), all4 = BitPlan::uniform(4);
  const BitPlan mixed = at.choose(view(p.given), mean_bits(4)).plan;
  Field out;
  std::vector<timing::Contender> all{
      {"float32", 32, [&] { (void)floats.result(forward(solver.net().model, floats, sample)); },
       true},
      {"uniform", 8, [&] { at.solve(view(p.given), all8, out); }},
      {"uniform", 6, [&] { at.solve(view(p.given), all6, out); }},
      {"uniform", 4, [&] { at.solve(view(p.given), all4, out); }},
      {"chosen_before", 4, [&] { at.solve(view(p.given), mixed, out); }},
      {"choosing_bits", 4, [&] { (void)at.choose(view(p.given), mean_bits(4)); }},
      {"auxiliary_model", 4, [&] { (void)solver.predict(sample); }},
      {"mesh_preparation", 8, [&] { (void)solver.prepare(p.mesh); }}};
  std::unique_ptr<MeshSolver<Net, Skips>> by_layers;
  std::optional<PreparedMesh<Net, Skips>> layers_at;
  BitPlan skipping;
  std::unique_ptr<MeshSolver<Net, InInts>> in_words;
  std::optional<PreparedMesh<Net, InInts>> words_at;
  // Layers of MP-PDE alone skip whole, or have words.
  if constexpr (std::is_same_v<Net, MpPde>) {
    in_words = Task<Net>::template made<InInts>(hidden, {});
    words_at.emplace(in_words->prepare(p.mesh));
    all.push_back({"words", 8, [&] { words_at->solve(view(p.given), all8, out); }});
    all.push_back({"words", 6, [&] { words_at->solve(view(p.given), all6, out); }});
    all.push_back({"words", 4, [&] { words_at->solve(view(p.given), all4, out); }});
    by_layers = Task<Net>::template made<Skips>(hidden, allocation::PerBlock());
    layers_at.emplace(by_layers->prepare(p.mesh));
    skipping = a_quarter_skips(layers_at->choose(view(p.given), mean_bits(8)).plan,
                               by_layers->net().layout, sample);
    all.push_back(
        {"choosing_layers", 4, [&] { (void)layers_at->choose(view(p.given), mean_bits(4)); }});
    all.push_back({"quarter_skips", 8, [&] { layers_at->solve(view(p.given), skipping, out); }});
  }
  if (!loop.empty()) {
    for (const auto& c : all)
      if (c.name + std::to_string(c.bits) == loop)
        for (int r = 0; r < asked.rounds; ++r) c.run();
    return;
  }
  const auto t = timing::medians(all, asked.rounds, timing::Clock::thread);
  const std::string shape = std::to_string(p.mesh.n_nodes()) + "x" +
                            std::to_string(sample.graph.n_edges()) + "x" + std::to_string(hidden);
  timing::SpeedRows rows(asked);
  std::printf("%s %s\n", shape.c_str(), timing::level().c_str());
  for (std::size_t k = 0; k < all.size(); ++k) {
    std::printf(
        "  %2d bits %-18s %9.3f ms  %.2f of float32's speed  %.3f of uniform 8 bits' time\n",
        all[k].bits, all[k].name.c_str(), 1e3 * t[k], t[0] / t[k], t[k] / t[1]);
    rows.add(timing::level(), bench, shape, all[k], t[k], t[0] / t[k]);
  }
  planned_and_taken(*p.solver, p.mesh, p.given, asked.rounds);
}

}  // namespace

int main(int argc, char** argv) {
  if (!simd::native_supported()) return 77;
  std::string loop, network = "mp_pde";
  int hidden = 128;
  timing::SpeedArguments asked;
  asked.nodes = 1'000;
  asked.read(argc, argv, [&](const char* text) {
    if (!std::strcmp(text, "--amx")) {
      if (!simd::request_amx()) std::fputs("no AMX here\n", stderr);
      return true;
    }
    if (!std::strncmp(text, "--loop=", 7)) return loop = text + 7, true;
    if (!std::strncmp(text, "--network=", 10)) return network = text + 10, true;
    if (!std::strncmp(text, "--hidden=", 9)) return hidden = std::atoi(text + 9), true;
    return false;
  });
  if (network == "mp_pde")
    measure<MpPde>(asked, "mp_pde_solve", hidden, loop);
  else if (network == "mesh_graph_net")
    measure<MeshGraphNet>(asked, "mesh_graph_net_solve", hidden, loop);
  else if (network == "graph_vit")
    measure<GraphVit>(asked, "graph_vit_solve", hidden, loop);
  else if (network == "flare")
    measure<Flare>(asked, "flare_solve", hidden, loop);
  else if (network == "transolver")
    measure<Transolver>(asked, "transolver_solve", hidden, loop);
  else {
    std::fprintf(
        stderr,
        "expected --network=mp_pde, mesh_graph_net, graph_vit, flare or transolver, got '%s'\n",
        network.c_str());
    return 2;
  }
}
