#pragma once
/// @file
/// A problem on a mesh as networks see it. Each network's header says how the network reads it:
/// prepare_sample(model, sample) once a mesh, forward(model, arithmetic, sample).

#include <amq/core/eigen.hpp>
#include <amq/core/error.hpp>
#include <amq/mesh/graph.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace amq {

struct GraphVitMesh;

/// A solved problem, all numbers normalized.
struct GraphSample {
  Graph graph;
  Matrix u;  ///< (node, input) given fields
  Matrix x;  ///< (node, dim) positions
  Matrix y;  ///< (node, output) the solution

  /// What networks read of the mesh alone: made by prepare_sample(), shared by samples of one mesh.
  struct OfMesh {
    std::shared_ptr<const Matrix> edges;         ///< (edge, dim + 1)
    std::shared_ptr<const GraphVitMesh> tokens;  ///< what GraphViT codes of clusters
    std::shared_ptr<const std::vector<std::int32_t>> cluster_of;  ///< (node)
    Index n_clusters = 0;
  } of_mesh;
};

namespace detail {
inline void require_prepared(bool good, const char* model) {
  if (!good)
    throw Error(model, "a sample prepared for this model", "one that is not",
                "Call prepare_sample(model, sample) once per mesh.");
}
}  // namespace detail

}  // namespace amq
