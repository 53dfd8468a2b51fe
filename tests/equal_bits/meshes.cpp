// Networks on meshes, deployed: rows of one width, of chosen widths and of none at all, a rollout,
// and a mesh that lies with several ranks.
#include "parts.hpp"

#include <amq/models/flare.hpp>
#include <amq/models/graph_vit.hpp>
#include <amq/models/mesh_graph_net.hpp>
#include <amq/models/mp_pde.hpp>
#include <amq/models/transolver.hpp>
#include <amq/parallel/local_communicator.hpp>
#include <amq/parallel/part_solver.hpp>
#include <amq/solver.hpp>

#include <algorithm>
#include <bit>
#include <memory>
#include <utility>
#include <vector>

using namespace amq;
using namespace amq::solver;
using fingerprints::Hash;

namespace equal_bits {
namespace {

struct Kind {
  SchemeInfo scheme;
  bool adaptive = true;
  std::vector<double> budgets{};
  allocation::AnySharing sharing{};
};
std::vector<Kind> kinds() {
  return {{{8, RowRule::affine, {1, 2, 3, 4, 8}}, true, {2.5, 8}},
          {{4, RowRule::min_max, {0, 4, 8}}, true, {3.5}},  // rows that are not computed
          {{2, RowRule::fixed, {4, 8}}, false, {4, 8}}};
}

template <typename Model>
std::unique_ptr<MeshSolver<Model>> made(const Kind& kind, Executor& executor) {
  MeshEncoding e;
  e.input_mean = {0.125f, -0.25f};
  e.input_deviation = {1.5f, 0.75f};
  e.output_mean = {0, 0};
  e.output_deviation = {0.02f, 0.05f};
  e.node_types = 7;
  if (std::is_same_v<Model, MpPde>) e.lattices = {4};
  typename Model::Config c;
  if constexpr (requires { c.tokens; }) c.heads = 2, c.tokens = 5;
  if constexpr (requires { c.cluster_size; })
    c.width = 12, c.blocks = 1, c.heads = 2, c.frequencies = 3, c.cluster_size = 7;
  c.hidden = 16;
  c.layers = 2;
  c.inputs = e.inputs();
  c.outputs = 2;
  auto net = std::make_unique<Network<Model>>(c, kind.scheme, 3);
  std::unique_ptr<Auxiliary> aux;
  if (kind.adaptive) {
    aux = std::make_unique<Auxiliary>(AuxiliaryConfig{8, 1, 4}, c.inputs, 2,
                                      PointScores(net->layout).columns(), 5);
    // An untrained model says much the same of all nodes.
    std::fill(aux->scale.begin(), aux->scale.end(), 5.0f);
  }
  return std::make_unique<MeshSolver<Model>>(std::move(net), std::move(aux), e, kind.sharing,
                                             PointCurves{}, executor);
}

void add(Hash& hash, const Field& field, const SolveReport& r) {
  hash(view(field))(r.node_bits);
  for (const Cost c : {r.bops, r.auxiliary_bops, r.float_bops}) hash(static_cast<std::uint64_t>(c));
}

const Mesh& mesh() {
  static const Mesh m = fingerprints::square(13, 4);
  return m;
}
Field given() {
  return fingerprints::noise(mesh().n_nodes(), 2, 5);
}

template <typename Model>
Hash solves(const Setting& s) {
  Hash hash;
  for (const Kind& kind : kinds()) {
    const auto solver = made<Model>(kind, *s.executor);
    for (const double budget : kind.budgets) {
      // Attention over all nodes runs at the highest bits: the least that a plan can cost is more.
      constexpr bool latent = requires(typename Model::Config c) {
        c.tokens;
      };
      const double bits = latent && budget < 4 ? budget + 3 : budget;
      const Solution u = (*solver)(mesh(), given(), mean_bits(bits));
      add(hash, u.field, u.report);
    }
  }
  return hash;
}

Hash rollout(const Setting& s) {
  const auto solver = made<MpPde>(kinds().front(), *s.executor);
  solver->budget(mean_bits(3));
  Rollout run(*solver, mesh(), given());
  run.allocate_every(2);
  Hash hash;
  for (int step = 0; step < 4; ++step) add(hash, run.step(), run.report());
  return hash;
}

/// A mesh cut at random. One rank solves it whole: the number is the same.
Hash ranks(const Setting& s) {
  const auto solver = made<MpPde>(kinds()[1], *s.executor);
  const Budget budget = mean_bits(5);
  Field all(mesh().n_nodes(), 2);
  std::vector<float> bits(static_cast<std::size_t>(all.rows()));
  if (s.ranks == 1) {
    const Solution u = (*solver)(mesh(), given(), budget);
    all = u.field;
    bits = u.report.node_bits;
  } else {
    std::vector<int> owner(static_cast<std::size_t>(mesh().n_nodes()));
    Random random(7);
    for (int& r : owner) r = static_cast<int>(random.index(static_cast<std::uint64_t>(s.ranks)));
    parallel::LocalRanks(s.ranks).run([&](parallel::Communicator& c) {
      const auto own = parallel::cut(*solver, mesh(), owner, c.rank());
      parallel::PartSolver<MpPde> part(*solver, own, c, *s.executor);
      Field a(own.n_owned(), 2);
      const auto global = [&own](Index i) {
        return static_cast<Index>(own.owned[static_cast<std::size_t>(i)]);
      };
      for (Index i = 0; i < a.rows(); ++i) a.row(i) = given().row(global(i));
      const Solution u = part(a, budget);
      for (Index i = 0; i < a.rows(); ++i) {  // rows of this rank alone
        all.row(global(i)) = u.field.row(i);
        bits[static_cast<std::size_t>(global(i))] = u.report.node_bits[static_cast<std::size_t>(i)];
      }
    });
  }
  Hash hash;
  hash(view(all))(bits);
  return hash;
}

const Part parts[] = {{"MpPde", solves<MpPde>},
#ifndef AMQ_EQUAL_BITS_SMALL
                      {"MeshGraphNet", solves<MeshGraphNet>},
                      {"GraphVit", solves<GraphVit>},
                      {"Transolver", solves<Transolver>},
                      {"Flare", solves<Flare>},
#endif
                      {"rollout", rollout},
                      {"ranks", ranks, true}};

}  // namespace

std::span<const Part> mesh_parts() {
  return parts;
}

}  // namespace equal_bits
