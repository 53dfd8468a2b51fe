#pragma once
/// @file
/// The rows of one pass: whose they are, which of them choose bits of their own and which follow,
/// and what the choosers are scored by.
///
// clang-format off
/// | sharing         | what may differ in bits                           | take it when         |
/// |-----------------|---------------------------------------------------|----------------------|
/// | PerNodeAndPoint | every node at every point; edges follow receivers | always: the finest   |
/// | PerEdge         | the same, and each edge by itself                 | edges differ much    |
/// | PerBlock        | every node in every layer, with all that is its   | time counts: below   |
/// | PerNode         | nodes, one width with their edges in all layers   | a node has one score |
/// | PerPoint        | quantization points; all rows of one are alike    | no adaptivity        |
// clang-format on
///
/// Under PerBlock a node of 0 bits *skips* the layer: its row passes on as it is, and neither it
/// nor the edges that arrive at it are computed (BitPlan::zero_skips). There are a quarter as many
/// contestants as under PerNodeAndPoint, or fewer.

#include <amq/arithmetic/parameter.hpp>
#include <amq/core/error.hpp>
#include <amq/mesh/graph.hpp>
#include <amq/models/graph_sample.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amq::allocation {

/// The rows of one pass. An edge belongs to its receiver, whose bits it inherits; a cluster has
/// bits of its own, and its score is made of its members'.
struct RowOwners {
  const Graph* graph = nullptr;
  std::span<const std::int32_t> cluster_of;  ///< (node) empty: no clusters
  Index n_clusters = 0;
  /// Of the whole mesh, where the graph is a part of it; else the graph's own.
  std::optional<Index> nodes_in_all, edges_in_all;
  /// Clusters are those of the whole mesh. Where the graph is a part of it: the cluster of each
  /// node of the mesh, and that clusters c with c % shares == share are counted with this part.
  std::span<const std::int32_t> cluster_of_all;
  Index share = 0, shares = 1;

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
  RowOwners(const MeshInputs& s) noexcept  // NOLINT
      : graph(s.graph), cluster_of(s.of_mesh->cluster_of()), n_clusters(s.of_mesh->n_clusters()) {}
  RowOwners(const GraphSample& s) noexcept : RowOwners(MeshInputs(s)) {}  // NOLINT
  [[nodiscard]] Index n_nodes() const noexcept { return graph->n_nodes(); }
  /// Rows of a kind. Grids have no owners.
  [[nodiscard]] Index rows(RowKind k) const noexcept {
    return k == RowKind::edge ? graph->n_edges() : k == RowKind::cluster ? n_clusters : n_nodes();
  }
  /// The same of the whole mesh.
  [[nodiscard]] Index rows_in_all(RowKind k) const noexcept {
    return k == RowKind::edge      ? edges_in_all.value_or(graph->n_edges())
           : k == RowKind::cluster ? n_clusters
                                   : nodes_in_all.value_or(n_nodes());
  }
  /// Of all nodes that clusters have.
  [[nodiscard]] std::span<const std::int32_t> members_clusters() const noexcept {
    return cluster_of_all.empty() ? cluster_of : cluster_of_all;
  }
  [[nodiscard]] bool counts(Index cluster) const noexcept { return cluster % shares == share; }
  /// Members of each cluster.
  void members(std::vector<Index>& n) const {
    n.assign(static_cast<std::size_t>(n_clusters), 0);
    for (const auto c : members_clusters()) ++n[static_cast<std::size_t>(c)];
  }
  [[nodiscard]] std::vector<Index> members() const {
    std::vector<Index> n;
    members(n);
    return n;
  }
};

/// (owner, point) -> score. An owner is a node: an edge's row counts for its receiver, a cluster's
/// row in equal shares for the members. Points of fixed bits have column -1.
struct PointScores {
  std::vector<int> column_of_point;  ///< [PointId]
  std::vector<PointId> points;       ///< of each column
  std::vector<float> values;         ///< (node, column)
  Index nodes = 0;
  /// (node of the whole mesh, column) where nodes are a part of one that has clusters: columns of
  /// clusters are read. Else empty.
  std::vector<float> of_all;

  explicit PointScores(const ParameterLayout& layout, Index n_nodes = 0) : nodes(n_nodes) {
    column_of_point.assign(layout.points().size(), -1);
    for (std::size_t p = 0; p < layout.points().size(); ++p)
      if (layout.points()[p].fixed_bits == 0) {
        column_of_point[p] = static_cast<int>(points.size());
        points.push_back(static_cast<PointId>(p));
      }
    values.assign(static_cast<std::size_t>(nodes) * points.size(), 0.0f);
  }
  [[nodiscard]] Index columns() const noexcept { return static_cast<Index>(points.size()); }
  [[nodiscard]] MatrixView<float> view() noexcept { return {values.data(), nodes, columns()}; }
  [[nodiscard]] MatrixView<const float> view() const noexcept {
    return {values.data(), nodes, columns()};
  }
  /// Of all nodes that clusters have.
  [[nodiscard]] MatrixView<const float> members() const noexcept {
    if (of_all.empty()) return view();
    return {of_all.data(), static_cast<Index>(of_all.size()) / columns(), columns()};
  }
};

/// How a cluster is scored by its members.
enum class ClusterScore : std::uint8_t {
  sum,  ///< what they lose together: errors add up
  max,  ///< as if all were as sensitive as the most sensitive
};

/// The layer that a point belongs to, by its name: up to the first part that is a number,
/// "gnn_layers.3" of "gnn_layers.3.messages"; a name without one is a layer of its own.
[[nodiscard]] inline std::string_view block_of(std::string_view point) noexcept {
  for (std::size_t from = 0; from < point.size();) {
    const std::size_t to = std::min(point.find('.', from), point.size());
    const auto part = point.substr(from, to - from);
    if (!part.empty() && part.find_first_not_of("0123456789") == part.npos)
      return point.substr(0, to);
    from = to + 1;
  }
  return point;
}

/// The columns of PointScores by layer.
struct PointBlocks {
  std::vector<std::size_t> of;     ///< (column) its layer
  std::vector<std::size_t> first;  ///< (layer) its first column

  explicit PointBlocks(const ParameterLayout& layout) {
    const PointScores all(layout);
    std::vector<std::string_view> names;
    for (const PointId id : all.points) {
      const std::string_view name = block_of(layout.point(id).name);
      const auto k =
          static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
      if (k == names.size()) {
        names.push_back(name);
        first.push_back(of.size());
      }
      of.push_back(k);
    }
  }
  [[nodiscard]] std::size_t count() const noexcept { return first.size(); }
  /// Every score becomes the mean of its layer's: a layer has one.
  void join(PointScores& s) const {
    std::vector<float> sum(count());
    std::vector<float> many(count(), 0.0f);
    for (const std::size_t b : of) ++many[b];
    for (Index i = 0; i < s.nodes; ++i) {
      float* row = s.view().row(i);
      std::fill(sum.begin(), sum.end(), 0.0f);
      for (std::size_t c = 0; c < of.size(); ++c) sum[of[c]] += row[c];
      for (std::size_t c = 0; c < of.size(); ++c) row[c] = sum[of[c]] / many[of[c]];
    }
  }
};

/// What may differ in bits from what. `over_mesh`: rows of one point; `over_points`: points;
/// `by_edge`: edges of one receiver, where the other two are true. A member `by_block` that is
/// true, where points may not differ: layers may.
template <typename S>
concept sharing = requires(const S s) {
  { s.name } -> std::convertible_to<std::string_view>;
  { s.over_mesh } -> std::convertible_to<bool>;
  { s.over_points } -> std::convertible_to<bool>;
  { s.by_edge } -> std::convertible_to<bool>;
};
struct PerNodeAndPoint {
  static constexpr std::string_view name = "node_and_point";
  static constexpr bool over_mesh = true, over_points = true, by_edge = false;
};
struct PerEdge {
  static constexpr std::string_view name = "edge";
  static constexpr bool over_mesh = true, over_points = true, by_edge = true;
};
struct PerBlock {
  static constexpr std::string_view name = "block";
  static constexpr bool over_mesh = true, over_points = false, by_edge = false, by_block = true;
};
struct PerNode {
  static constexpr std::string_view name = "node";
  static constexpr bool over_mesh = true, over_points = false, by_edge = false;
};
struct PerPoint {
  static constexpr std::string_view name = "point";
  static constexpr bool over_mesh = false, over_points = true, by_edge = false;
};
/// One of them, chosen at run time.
struct AnySharing {
  std::string_view name = PerNodeAndPoint::name;
  bool over_mesh = true, over_points = true, by_edge = false, by_block = false;

  AnySharing() = default;
  template <sharing S>
  requires(!std::same_as<S, AnySharing>) AnySharing(const S& s)
  noexcept  // NOLINT: any sharing is one
      : name(s.name),
        over_mesh(s.over_mesh),
        over_points(s.over_points),
        by_edge(s.by_edge && s.over_mesh && s.over_points) {
    if constexpr (requires { s.by_block; }) by_block = s.by_block && s.over_mesh && !s.over_points;
  }
  /// By its name, as files keep it. @throws Error for an unknown one
  [[nodiscard]] static AnySharing of(std::string_view name, std::string where = "sharing") {
    for (const AnySharing& s :
         {AnySharing(PerNodeAndPoint()), AnySharing(PerEdge()), AnySharing(PerBlock()),
          AnySharing(PerNode()), AnySharing(PerPoint())})
      if (s.name == name) return s;
    throw Error(std::move(where), "node_and_point, edge, block, node or point", std::string(name),
                "Name what may differ in bits; a file may be of a newer amq, or damaged.");
  }
};
static_assert(sharing<PerNodeAndPoint> && sharing<PerEdge> && sharing<PerBlock> &&
              sharing<PerNode> && sharing<PerPoint> && sharing<AnySharing>);

/// The rows of one pass that choose bits, and the elements of an allocation that they are.
struct Choosers {
  RowOwners owners;
  AnySharing sharing{};
  ClusterScore clusters = ClusterScore::sum;

  /// Whether each edge chooses for itself.
  [[nodiscard]] bool by_edge(RowKind kind) const noexcept {
    return kind == RowKind::edge && sharing.by_edge;
  }
  /// Choosers of rows of a kind: each edge, or its receiver; each cluster; each node.
  [[nodiscard]] Index count(RowKind kind) const noexcept {
    return kind == RowKind::cluster || by_edge(kind) ? owners.rows(kind) : owners.n_nodes();
  }
  /// Whether chooser i competes here, and not with another part of the mesh.
  [[nodiscard]] bool competes(RowKind kind, Index i) const noexcept {
    return kind != RowKind::cluster || owners.counts(i);
  }
  /// Rows of such a kind that follow chooser i.
  [[nodiscard]] Index rows_of(RowKind kind, Index i) const noexcept {
    return kind == RowKind::edge && !by_edge(kind) ? owners.graph->in_degree(i) : 1;
  }
  /// All choosers together weigh what the nodes weigh, since curves are of all rows together.
  struct Weighed {
    std::vector<double> weight;  ///< (chooser)
    std::vector<double> score;   ///< (chooser) sums to what the nodes' scores sum to, or more
    std::vector<Index> members;  ///< (cluster)
  };
  [[nodiscard]] Weighed weigh(MatrixView<const float> scores, Index column, RowKind kind) const {
    Weighed d;
    weigh(scores, column, kind, d);
    return d;
  }
  /// Into memory that was there before.
  /// @param scores  (node, column); for clusters of all nodes that they have
  void weigh(MatrixView<const float> scores, Index column, RowKind kind, Weighed& d) const {
    const Graph& g = *owners.graph;
    const auto of_node = [&](std::int32_t node) {
      return static_cast<double>(scores(node, column));
    };
    const auto n = static_cast<std::size_t>(count(kind));
    d.weight.assign(n, 1.0);
    d.score.assign(n, 0.0);
    if (by_edge(kind)) {
      // A node's score is that of all its incoming edges.
      const auto of_one = [&](std::int32_t node) {
        return of_node(node) / static_cast<double>(std::max<Index>(1, g.in_degree(node)));
      };
      for (std::size_t e = 0; e < n; ++e) {
        d.weight[e] = static_cast<double>(owners.n_nodes()) / static_cast<double>(n);
        d.score[e] = 0.5 * (of_one(g.receiver[e]) + of_one(g.sender[e]));
      }
    } else if (kind == RowKind::cluster) {
      owners.members(d.members);
      const auto cluster_of = owners.members_clusters();
      for (std::size_t i = 0; i < cluster_of.size(); ++i) {
        double& total = d.score[static_cast<std::size_t>(cluster_of[i])];
        const double s = of_node(static_cast<std::int32_t>(i));
        total = clusters == ClusterScore::sum ? total + s : std::max(total, s);
      }
      for (std::size_t c = 0; c < n; ++c) {
        d.weight[c] = static_cast<double>(d.members[c]);
        if (clusters == ClusterScore::max) d.score[c] *= d.weight[c];
      }
    } else {
      for (std::size_t i = 0; i < n; ++i) d.score[i] = of_node(static_cast<std::int32_t>(i));
    }
  }
};

/// Elements of an allocation: a chooser of each column, or of each layer, or one for all columns,
/// or a column.
struct Elements {
  std::vector<std::size_t> first;          ///< (column) element of the column's first chooser
  std::vector<std::int64_t> first_in_all;  ///< (column) the same of the whole mesh
  std::vector<std::size_t> part;           ///< (column) which of those that may differ it is of
  std::size_t parts = 1;
  std::size_t count = 0;
  bool over_mesh = true;

  /// @param kinds   (column)
  /// @param blocks  read where layers choose
  Elements(const std::vector<RowKind>& kinds, const PointBlocks& blocks, const Choosers& choosers)
      : over_mesh(choosers.sharing.over_mesh) {
    const AnySharing& may = choosers.sharing;
    parts = may.over_points ? kinds.size() : may.by_block ? blocks.count() : 1;
    const auto n = static_cast<std::size_t>(choosers.owners.n_nodes()),
               both = n + static_cast<std::size_t>(choosers.owners.n_clusters);
    const auto n_in_all = std::int64_t{choosers.owners.rows_in_all(RowKind::node)},
               both_in_all = n_in_all + std::int64_t{choosers.owners.n_clusters};
    std::int64_t count_in_all = 0;
    for (std::size_t c = 0; c < kinds.size(); ++c) {
      const bool cluster = kinds[c] == RowKind::cluster;
      part.push_back(may.over_points ? c : may.by_block ? blocks.of[c] : 0);
      if (!may.over_points) {
        first.push_back(part[c] * both + (cluster ? n : 0));
        first_in_all.push_back(static_cast<std::int64_t>(part[c]) * both_in_all +
                               (cluster ? n_in_all : 0));
      } else {
        first.push_back(count);
        first_in_all.push_back(count_in_all);
        count += over_mesh ? static_cast<std::size_t>(choosers.count(kinds[c])) : 1;
        count_in_all += cluster ? std::int64_t{choosers.owners.n_clusters} : n_in_all;
      }
    }
    if (!may.over_points) count = parts * both;
  }
  [[nodiscard]] std::size_t operator()(std::size_t chooser, std::size_t column) const noexcept {
    return first[column] + (over_mesh ? chooser : 0);
  }
};

}  // namespace amq::allocation
