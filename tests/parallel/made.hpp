#pragma once
// A network on a mesh, cut for ranks and solved: what cases.cpp compiles for all networks, and
// imposed.cpp for one.

#include "cases.hpp"

#include "../solver/fingerprints.hpp"

#include <amq/core/thread_pool.hpp>
#include <amq/models/mp_pde.hpp>
#include <amq/parallel/part_rollout.hpp>
#include <amq/solver/rollout.hpp>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>

#if __has_include(<scotch/scotch.h>) && defined(AMQ_HAS_SCOTCH)
#include <scotch/scotch.h>
#endif

namespace cases {

using namespace amq;
using namespace amq::parallel;
using fingerprints::Hash;

/// What a network on the square is made of.
struct Recipe {
  SchemeInfo scheme;
  bool adaptive = false;
  double bits = 4;  ///< the solver's budget
  Index hidden = 16, layers = 2;
  float weight = 0;    ///< the first parameter, where it is not 0
  int neighbours = 0;  ///< edges to so many; 0: the cells' edges, of MP-PDE with a lattice
  allocation::AnySharing sharing{};
  float spread = 1;     ///< of scores: an untrained model says much the same of all nodes
  Index variables = 0;  ///< time and parameters, of networks that read them
  Index window = 0;     ///< values of one unknown, of MP-PDE; 0: two fields
  Index cluster_size = 7, width = 12;  ///< of GraphViT
  std::vector<solver::ImposedValue> imposed{};
};

inline constexpr Index side = 9;  ///< nodes along a side of the square

template <typename Model>
struct Made {
  Mesh mesh = fingerprints::square(side, 4);
  Field given;
  std::unique_ptr<MeshSolver<Model>> solver;

  explicit Made(const Recipe& r)
      : given(fingerprints::noise(mesh.n_nodes(), r.window > 0 ? r.window : 2, 5)) {
    const auto fields = static_cast<std::size_t>(given.cols());
    const auto alternating = [&](float a, float b) {
      std::vector<float> all(fields, a);
      for (std::size_t k = 1; k < fields; k += 2) all[k] = b;
      return all;
    };
    MeshEncoding e;
    e.input_mean = alternating(0.125f, -0.25f);
    e.input_deviation = alternating(1.5f, 0.75f);
    e.output_mean = alternating(0, 0);
    e.output_deviation = alternating(0.02f, 0.05f);
    e.node_types = r.window > 0 ? 0 : 7;
    e.boundary = r.window == 0;
    e.time_step = r.window > 0 ? 0.01f : 0;
    e.neighbours = r.neighbours;
    e.variable_scale.assign(static_cast<std::size_t>(r.variables), 2);
    e.imposed = r.imposed;
    if (std::is_same_v<Model, MpPde> && r.neighbours == 0) e.lattices = {4};
    typename Model::Config c;
    if constexpr (requires { c.tokens; }) c.heads = 2, c.tokens = 5;
    if constexpr (requires { c.cluster_size; })
      c.width = r.width, c.blocks = 2, c.heads = 2, c.frequencies = 3,
      c.cluster_size = r.cluster_size;
    if constexpr (requires { c.variables; }) c.variables = r.variables;
    if constexpr (requires { c.window; }) c.window = r.window;
    c.hidden = r.hidden;
    c.layers = r.layers;
    c.inputs = e.inputs();
    c.outputs = 2;
    auto net = std::make_unique<Network<Model>>(c, r.scheme, 3);
    if (r.weight != 0) net->parameters.values[0] = r.weight;
    std::unique_ptr<Auxiliary> aux;
    if (r.adaptive)
      aux = std::make_unique<Auxiliary>(AuxiliaryConfig{8, 1, 4}, e.inputs(), 2,
                                        PointScores(net->layout).columns(), 5);
    if (aux) std::fill(aux->scale.begin(), aux->scale.end(), r.spread);
    solver = std::make_unique<MeshSolver<Model>>(std::move(net), std::move(aux), e, r.sharing);
    solver->budget(mean_bits(r.bits));
  }
};

/// The network of the first row of all_networks.
inline Recipe mp_pde() {
  return {.scheme = {8, RowRule::affine, {1, 2, 3, 4, 8}}, .adaptive = true, .bits = 3};
}

/// (node) rank, the same on all ranks.
inline std::vector<int> owners(const std::string& partition, const Graph& graph, Communicator& c) {
  const int ranks = c.size();
  std::vector<std::int64_t> owner(static_cast<std::size_t>(graph.n_nodes()), 0);
  Random random(static_cast<std::uint64_t>(ranks));
  for (std::size_t i = 0; i < owner.size(); ++i) {
    const auto strip = [&](int of) {
      return static_cast<int>(i * static_cast<std::size_t>(of) / owner.size());
    };
    if (partition == "strips")
      owner[i] = strip(ranks);
    else if (std::atoi(partition.c_str()) > 0)  // the last has one node
      owner[i] = i == side + 1 ? ranks - 1 : 0;
    else if (partition == "idle ghosts")  // the last of several has no nodes
      owner[i] = strip(ranks < 3 ? ranks : ranks - 1);
    else if (partition == "one empty")  // the last but one has no nodes
      owner[i] = ranks < 3 ? 0 : static_cast<int>(random.bits() % 2) * (ranks - 1);
    else
      owner[i] = static_cast<int>(random.bits() % static_cast<std::uint64_t>(ranks));
  }
#ifdef AMQ_HAS_SCOTCH
  if (partition == "Scotch") {  // which may begin with a random number of its own
    std::fill(owner.begin(), owner.end(), 0);
    if (c.rank() == 0) {
      std::vector<SCOTCH_Num> first(graph.first.begin(), graph.first.end()),
          sender(graph.sender.begin(), graph.sender.end()), part(owner.size());
      SCOTCH_Graph g;
      SCOTCH_Strat how;
      SCOTCH_graphInit(&g);
      SCOTCH_stratInit(&how);
      int failed = SCOTCH_graphBuild(
          &g, 0, static_cast<SCOTCH_Num>(graph.n_nodes()), first.data(), nullptr, nullptr, nullptr,
          static_cast<SCOTCH_Num>(graph.n_edges()), sender.data(), nullptr);
      if (failed == 0) failed = SCOTCH_graphPart(&g, ranks, &how, part.data());
      SCOTCH_stratExit(&how);
      SCOTCH_graphExit(&g);
      if (failed != 0) throw std::runtime_error("Scotch made no partition");
      owner.assign(part.begin(), part.end());
    }
    c.sum(owner);
  }
#endif
  return {owner.begin(), owner.end()};
}

/// Rows of all ranks' own nodes, on every rank: bits of floats, each from its owner.
inline Field gathered(Communicator& c, const PartitionedMesh& part, const Field& own) {
  Index cols = own.cols();
  std::vector<std::int64_t> words(static_cast<std::size_t>(part.nodes_in_all * cols), 0);
  for (Index i = 0; i < own.rows(); ++i)
    for (Index k = 0; k < cols; ++k)
      words[static_cast<std::size_t>(part.owned[static_cast<std::size_t>(i)] * cols + k)] =
          std::bit_cast<std::int32_t>(own(i, k));
  c.sum(words);
  Field all(part.nodes_in_all, cols);
  for (Index i = 0; i < all.size(); ++i)
    all.data()[i] =
        std::bit_cast<float>(static_cast<std::int32_t>(words[static_cast<std::size_t>(i)]));
  return all;
}
inline Field column(const std::vector<float>& values) {
  Field f(static_cast<Index>(values.size()), 1);
  std::copy(values.begin(), values.end(), f.data());
  return f;
}
inline void add(Hash& hash, const SolveReport& r) {
  for (const Cost c : {r.bops, r.budget, r.auxiliary_bops, r.float_bops})
    hash(static_cast<std::uint64_t>(c));
}
inline Field own_rows(const PartitionedMesh& part, const Field& all) {
  Field own(part.n_owned(), all.cols());
  for (Index i = 0; i < own.rows(); ++i)
    own.row(i) = all.row(static_cast<Index>(part.owned[static_cast<std::size_t>(i)]));
  return own;
}

/// Time and parameters that a network reads.
template <typename Model>
std::vector<double> variables_of(const Made<Model>& made) {
  return std::vector<double>(made.solver->encoding().variable_scale.size(), 0.75);
}

template <typename Model>
std::string run(const Setting& s, const Made<Model>& made, const PartitionedMesh& mesh,
                Communicator& c) {
  ThreadPool pool(static_cast<std::size_t>(s.threads));
  PartSolver<Model> part(*made.solver, mesh, c, pool);
  const Field given = own_rows(mesh, made.given);
  const std::vector<double> variables = variables_of(made);
  Hash hash;
  const Solution solution = part(given, solver::SolveOptions{variables});
  const Field field = gathered(c, mesh, solution.field);
  hash(view(field));
  const Field bits = gathered(c, mesh, column(solution.report.node_bits));
  hash(view(bits));
  add(hash, solution.report);
  PartRollout<Model> rollout(part, given);
  rollout.options({}, variables);
  rollout.allocate_every(5);
  for (int step = 0; step < s.steps; ++step) rollout.step();
  const Field last = gathered(c, mesh, rollout.state());
  hash(view(last));
  add(hash, rollout.report());
  return hash.text();
}

template <typename Model>
std::string run_alone(const Setting& s, const Made<Model>& made) {
  const std::vector<double> variables = variables_of(made);
  Hash hash;
  const Solution solution = (*made.solver)(made.mesh, made.given, solver::SolveOptions{variables});
  hash(view(solution.field));
  const Field bits = column(solution.report.node_bits);
  hash(view(bits));
  add(hash, solution.report);
  Rollout<Model> rollout(*made.solver, made.mesh, made.given);
  rollout.options({}, variables);
  rollout.allocate_every(5);
  for (int step = 0; step < s.steps; ++step) rollout.step();
  hash(view(rollout.state()));
  add(hash, rollout.report());
  return hash.text();
}

/// A few nodes that no own node reads become ghosts of every rank, a rank without nodes among them.
inline void add_idle_ghosts(PartitionedMesh& m, const Mesh& mesh, std::span<const int> owner,
                            int rank, int wanted = 3) {
  std::vector<char> known(owner.size(), 0);
  for (const auto id : m.owned) known[static_cast<std::size_t>(id)] = 1;
  for (const auto& g : m.ghosts)
    for (const auto id : g.nodes) known[static_cast<std::size_t>(id)] = 1;
  int added = 0;
  for (std::size_t i = 0; i < owner.size() && added < wanted; ++i) {
    if (known[i] || owner[i] == rank) continue;
    if (m.ghosts.empty()) m.ghosts.push_back({owner[i], {}});
    if (owner[i] != m.ghosts.back().rank) continue;
    m.ghosts.back().nodes.push_back(static_cast<std::int64_t>(i));
    m.points.insert(m.points.end(), &mesh.points[2 * i], &mesh.points[2 * i] + 2);
    m.node_type.push_back(mesh.node_type[i]);
    ++added;
  }
  if (added == 0) throw std::runtime_error("no ghost without edges was found");
}

inline PartitionedMesh cut_of(const Setting& s, const auto& made, Communicator& c) {
  const auto owner = owners(s.partition, cell_edges(made.mesh), c);
  PartitionedMesh m = cut(*made.solver, made.mesh, owner, c.rank());
  if (s.partition == "idle ghosts" && c.size() > 1) add_idle_ghosts(m, made.mesh, owner, c.rank());
  if (const int all = std::atoi(s.partition.c_str()); all > 0 && m.n_owned() == 1)
    add_idle_ghosts(m, made.mesh, owner, c.rank(),
                    all - static_cast<int>(m.n_local() - m.n_owned()));
  return m;
}

}  // namespace cases
