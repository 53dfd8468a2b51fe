#pragma once
/// @file
/// Whose rows are whose: scores are predicted for nodes, bits are given to rows of every kind.

#include <amq/arithmetic/parameter.hpp>
#include <amq/mesh/graph.hpp>
#include <amq/models/graph_sample.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace amq {

/// The rows of one pass. An edge belongs to its receiver, whose bits it inherits; a cluster has
/// bits of its own, and its score is the sum of its members'.
struct RowOwners {
  const Graph* graph = nullptr;
  std::span<const std::int32_t> cluster_of;  ///< (node) empty: no clusters
  Index n_clusters = 0;

  RowOwners(const Graph& g) noexcept : graph(&g) {}  // NOLINT: a graph alone is the usual case
  /// @throws Error for another number of nodes, or a cluster that does not exist
  RowOwners(const Graph& g, std::span<const std::int32_t> of_node, Index clusters)
      : graph(&g), cluster_of(of_node), n_clusters(clusters) {
    bool good = static_cast<Index>(of_node.size()) == g.n_nodes() && clusters > 0;
    for (const auto c : of_node) good &= c >= 0 && c < clusters;
    if (!good)
      throw Error("RowOwners",
                  "a cluster from 0 to " + std::to_string(clusters - 1) + " for each of " +
                      std::to_string(g.n_nodes()) + " nodes",
                  "others, for " + std::to_string(of_node.size()) + " nodes",
                  "Make the clusters from the nodes of this graph.");
  }
  RowOwners(const GraphSample& s) noexcept : graph(&s.graph) {  // NOLINT
    if (s.of_mesh.cluster_of) {
      cluster_of = *s.of_mesh.cluster_of;
      n_clusters = s.of_mesh.n_clusters;
    }
  }
  [[nodiscard]] Index n_nodes() const noexcept { return graph->n_nodes(); }
  /// Rows of a kind. Grids have no owners.
  [[nodiscard]] Index rows(RowKind k) const noexcept {
    return k == RowKind::edge ? graph->n_edges() : k == RowKind::cluster ? n_clusters : n_nodes();
  }
  /// Rows that decide their own bits.
  [[nodiscard]] Index deciders(RowKind k) const noexcept {
    return k == RowKind::cluster ? n_clusters : n_nodes();
  }
  /// Members of each cluster.
  [[nodiscard]] std::vector<Index> members() const {
    std::vector<Index> n(static_cast<std::size_t>(n_clusters), 0);
    for (const auto c : cluster_of) ++n[static_cast<std::size_t>(c)];
    return n;
  }
};

}  // namespace amq
