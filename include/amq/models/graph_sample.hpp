#pragma once
/// @file
/// A problem on a mesh as networks see it, and what a pass of a network reads of it.

#include <amq/core/eigen.hpp>
#include <amq/core/error.hpp>
#include <amq/mesh/graph.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::models {

/// What a network reads of the mesh alone, beside graph and positions: a value of its
/// Model::MeshData, made once a mesh and shared by all that is solved on it.
class OfMesh {
 public:
  OfMesh() noexcept = default;
  /// @param data  where the network has clusters: with cluster_of (node) and n_clusters()
  template <typename Data>
  [[nodiscard]] static OfMesh of(Data data) {
    OfMesh o;
    const auto kept = std::make_shared<const Data>(std::move(data));
    if constexpr (requires { kept->cluster_of; }) {
      o.cluster_of_ = kept->cluster_of;
      o.n_clusters_ = kept->n_clusters();
    }
    o.kind_ = &kind<Data>;
    o.data_ = kept;
    return o;
  }
  /// @throws amq::Error where another network's data are kept, or none
  template <typename Data>
  [[nodiscard]] const Data& get(std::string_view model) const {
    if (kind_ != &kind<Data>)
      throw Error(std::string(model), "a sample prepared for this model", "one that is not",
                  "Call prepare_sample(model, sample) once per mesh.");
    return *static_cast<const Data*>(data_.get());
  }
  [[nodiscard]] std::span<const std::int32_t> cluster_of() const noexcept { return cluster_of_; }
  [[nodiscard]] Index n_clusters() const noexcept { return n_clusters_; }

 private:
  template <typename Data>
  static constexpr char kind = 0;  // its address tells types apart where a host has no RTTI
  const char* kind_ = nullptr;
  std::shared_ptr<const void> data_;
  std::span<const std::int32_t> cluster_of_;  // of data_
  Index n_clusters_ = 0;
};

/// What a pass reads. It refers to what a sample or a prepared mesh holds.
struct MeshInputs {
  const Graph* graph;
  MatrixView<const float> u, x, v;  ///< (node, channel): given fields, positions, variables
  const OfMesh* of_mesh;
};

/// A solved problem, all numbers normalized.
struct GraphSample {
  Graph graph;
  Matrix u;        ///< (node, input) given fields
  Matrix x;        ///< (node, dim) positions
  Matrix y;        ///< (node, output) the solution
  Matrix v;        ///< (node, variable) time and parameters of the equation; mostly none
  OfMesh of_mesh;  ///< made by prepare_sample()

  operator MeshInputs() const noexcept {  // NOLINT: a sample is what a pass reads, and a solution
    return {&graph, view(u), view(x), view(v), &of_mesh};
  }
};

}  // namespace amq::models
