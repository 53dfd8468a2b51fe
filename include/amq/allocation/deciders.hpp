#pragma once
/// @file
/// Which rows of a pass choose bits of their own, which follow, and what the choosers are scored
/// by.

#include <amq/allocation/clusters.hpp>
#include <amq/allocation/owners.hpp>
#include <amq/allocation/point_scores.hpp>
#include <amq/allocation/problem.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace amq {

/// What may differ in bits from what.
enum class Sharing : std::uint8_t {
  node_and_point,  ///< every node at every quantization point (layer and product): the finest
  node,            ///< a node and its incoming edges have one width in all layers, a cluster one
  point,  ///< every quantization point has one width for all rows: no adaptivity over the mesh
};
/// Who decides an edge's bits under Sharing::node_and_point.
enum class EdgeDecider : std::uint8_t {
  receiver,  ///< the node that reads the message, for all its incoming edges
  edge,      ///< each edge, scored by the mean of its ends
};

/// The rows of one pass that choose bits.
struct Deciders {
  const RowOwners* owners = nullptr;
  Sharing sharing = Sharing::node_and_point;
  EdgeDecider edges = EdgeDecider::receiver;
  ClusterScore clusters = ClusterScore::sum;  ///< max counts as often as there are members

  /// Whether each edge decides for itself.
  [[nodiscard]] bool by_edge(RowKind kind) const noexcept {
    return kind == RowKind::edge && sharing == Sharing::node_and_point &&
           edges == EdgeDecider::edge;
  }
  [[nodiscard]] Index count(RowKind kind) const noexcept {
    return by_edge(kind) ? owners->graph->n_edges() : owners->deciders(kind);
  }
  /// Rows of such a kind that follow decider i.
  [[nodiscard]] Cost rows_of(RowKind kind, Index i) const {
    return kind == RowKind::edge && !by_edge(kind) ? static_cast<Cost>(owners->graph->in_degree(i))
                                                   : 1;
  }
  /// All deciders together weigh what the nodes weigh, since curves are of all rows together.
  struct Weighed {
    std::vector<double> weight;  ///< (decider)
    std::vector<double> score;   ///< (decider) sums to what the nodes' scores sum to, or more
  };
  [[nodiscard]] Weighed weigh(const PointScores& s, Index column, RowKind kind) const {
    const Graph& g = *owners->graph;
    const auto of_node = [&](std::int32_t node) {
      return static_cast<double>(s.view()(node, column));
    };
    const auto n = static_cast<std::size_t>(count(kind));
    Weighed d{std::vector<double>(n, 1.0), std::vector<double>(n, 0.0)};
    if (by_edge(kind)) {
      // A node's score is that of all its incoming edges.
      const auto of_one = [&](std::int32_t node) {
        return of_node(node) / static_cast<double>(std::max<Index>(1, g.in_degree(node)));
      };
      for (std::size_t e = 0; e < n; ++e) {
        d.weight[e] = static_cast<double>(owners->n_nodes()) / static_cast<double>(n);
        d.score[e] = 0.5 * (of_one(g.receiver[e]) + of_one(g.sender[e]));
      }
    } else if (kind == RowKind::cluster) {
      const std::vector<Index> members = owners->members();
      d.score = cluster_totals(owners->cluster_of, owners->n_clusters, clusters,
                               [&](auto node) { return of_node(static_cast<std::int32_t>(node)); });
      for (std::size_t c = 0; c < n; ++c) {
        d.weight[c] = static_cast<double>(members[c]);
        if (clusters == ClusterScore::max) d.score[c] *= d.weight[c];
      }
    } else {
      for (std::size_t i = 0; i < n; ++i) d.score[i] = of_node(static_cast<std::int32_t>(i));
    }
    return d;
  }
};

/// Elements of an allocation: a decider of each column, or one for all columns, or a column.
struct DeciderNumbering {
  Sharing sharing;
  std::vector<Index> first;  ///< (column) element of the column's first decider
  Index count = 0;

  DeciderNumbering(const ParameterLayout& layout, const PointScores& s, const Deciders& deciders)
      : sharing(deciders.sharing) {
    const RowOwners& owners = *deciders.owners;
    for (const PointId p : s.points) {
      const RowKind kind = layout.point(p).kind;
      if (sharing == Sharing::node) {
        first.push_back(kind == RowKind::cluster ? owners.n_nodes() : 0);
      } else {
        first.push_back(count);
        count += sharing == Sharing::point ? 1 : deciders.count(kind);
      }
    }
    if (sharing == Sharing::node) count = owners.n_nodes() + owners.n_clusters;
  }
  [[nodiscard]] std::size_t operator()(Index decider, std::size_t column) const noexcept {
    return static_cast<std::size_t>(first[column] + (sharing == Sharing::point ? 0 : decider));
  }
};

}  // namespace amq
