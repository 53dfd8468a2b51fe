#pragma once
/// @file
/// Samples that a few layers learn in seconds, and how the tests of training train on them.

#include <amq/mesh/random_square.hpp>
#include <amq/train/mesh_training.hpp>

#include <cmath>
#include <vector>

namespace learning {

using namespace amq;
using namespace amq::training;

/// Fields a few layers can learn: the solution follows the input of a node and of its neighbours.
inline std::vector<GraphSample> learnable(std::size_t n) {
  std::vector<GraphSample> all(n);
  for (std::size_t k = 0; k < n; ++k) {
    Random random = Random::stream(5, k);
    const Mesh mesh = random_refined_square(random, 60);
    GraphSample& s = all[k];
    s.graph = cell_edges(mesh);
    const Index m = mesh.n_nodes();
    s.u.resize(m, 2);
    s.x.resize(m, 2);
    s.y.resize(m, 1);
    for (Index i = 0; i < m; ++i) {
      s.u(i, 0) = static_cast<float>(random.normal());
      s.u(i, 1) = mesh.node_type[static_cast<std::size_t>(i)] == NodeType::wall ? 1.0f : 0.0f;
      for (int d = 0; d < 2; ++d) s.x(i, d) = static_cast<float>(2 * mesh.point(i)[d] - 1);
    }
    for (Index i = 0; i < m; ++i) {
      float sum = 0;
      for (auto e = s.graph.first[static_cast<std::size_t>(i)];
           e < s.graph.first[static_cast<std::size_t>(i) + 1]; ++e)
        sum += s.u(s.graph.sender[static_cast<std::size_t>(e)], 0);
      s.y(i, 0) = std::tanh(s.u(i, 0)) + sum / static_cast<float>(s.graph.in_degree(i)) + s.x(i, 0);
    }
  }
  return all;
}

inline MpPdeConfig small() {
  MpPdeConfig c;
  c.hidden = 16;
  c.layers = 2;
  c.inputs = 2;
  return c;
}
inline const SchemeInfo scheme{8, RowRule::affine, {1, 2, 3, 4, 8}};

inline MeshTrainingOptions options(std::int64_t epochs) {
  MeshTrainingOptions o;
  o.trainer.epochs = epochs;
  o.trainer.batch = 4;
  o.trainer.seed = 3;
  o.lr = 5e-3;
  o.refit_weights_every = 5;
  return o;
}

inline double test_loss(Network<MpPde>& net, const std::vector<GraphSample>& samples,
                        const BitPlan* plan) {
  MeshTraining<MpPde> t(net, samples, options(1));
  t.make_tapes(1);
  double sum = 0;
  for (std::size_t k = 0; k < samples.size(); ++k) sum += t.pass(t.tape(0), k, plan, nullptr);
  return sum / static_cast<double>(samples.size());
}

}  // namespace learning
