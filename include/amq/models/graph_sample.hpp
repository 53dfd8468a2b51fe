#pragma once
/// @file
/// A problem on a mesh as networks see it, and how each network reads it.

#include <amq/core/eigen.hpp>
#include <amq/models/graph_vit.hpp>
#include <amq/models/mesh_graph_net.hpp>
#include <amq/models/mp_pde.hpp>

#include <memory>

namespace amq {

/// A solved problem, all numbers normalized. What a network reads of the mesh alone is made by
/// prepare_sample() and shared by the samples of one mesh.
struct GraphSample {
  Graph graph;
  Matrix u;                                    ///< (node, input) given fields
  Matrix x;                                    ///< (node, dim) positions
  Matrix y;                                    ///< (node, output) the solution
  std::shared_ptr<const Matrix> edges;         ///< (edge, dim + 1), for MeshGraphNet
  std::shared_ptr<const GraphVitMesh> tokens;  ///< for GraphViT
};

/// Makes what the model reads besides u and x. MP-PDE: nothing.
inline void prepare_sample(const MpPde&, GraphSample&) {}
/// MeshGraphNet: relative positions of receiver and sender.
inline void prepare_sample(const MeshGraphNet& model, GraphSample& s) {
  Matrix e(s.graph.n_edges(), model.config().dim + 1);
  relative_positions(view(std::as_const(s.x)), s.graph, view(e));
  s.edges = std::make_shared<const Matrix>(std::move(e));
}
/// GraphViT: clusters of the configured size and all that is coded of them.
/// @throws amq::Error for positions that make no clusters
inline void prepare_sample(const GraphVit& model, GraphSample& s) {
  ClusterOptions o;
  o.capacity = model.config().cluster_size;
  const Clusters clusters = same_size_clusters(view(std::as_const(s.x)), o);
  s.tokens = std::make_shared<const GraphVitMesh>(model.config(), s.graph, view(std::as_const(s.x)),
                                                  clusters);
}

namespace detail {
inline void require_prepared(bool good, const char* model) {
  if (!good)
    throw Error(model, "a sample prepared for this model", "one that is not",
                "Call prepare_sample(model, sample) once per mesh.");
}
}  // namespace detail

/// One pass of a model over a sample, in any arithmetic.
/// @throws amq::Error for a sample that is not the model's
template <typename A>
typename A::Tensor forward(const MpPde& model, A& a, const GraphSample& s) {
  return model(a, s.graph, view(s.u), view(s.x));
}
template <typename A>
typename A::Tensor forward(const MeshGraphNet& model, A& a, const GraphSample& s) {
  detail::require_prepared(s.edges != nullptr, "MeshGraphNet");
  return model(a, s.graph, view(s.u), view(*s.edges));
}
template <typename A>
typename A::Tensor forward(const GraphVit& model, A& a, const GraphSample& s) {
  detail::require_prepared(s.tokens != nullptr, "GraphVit");
  return model(a, s.graph, *s.tokens, view(s.u));
}

}  // namespace amq
