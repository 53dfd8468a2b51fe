#pragma once
/// @file
/// GraphViT (Janny, Beneteau, Nadri, Digne, Thome, Wolf, "EAGLE: large-scale learning of turbulent
/// fluid dynamics with mesh transformers", ICLR 2023): message passing on a mesh, attention between
/// clusters of its nodes.

#include <amq/core/eigen.hpp>
#include <amq/core/portable_math.hpp>
#include <amq/mesh/cluster.hpp>
#include <amq/models/mesh_inputs.hpp>
#include <amq/models/mesh_model.hpp>
#include <amq/nn/attention.hpp>
#include <amq/nn/gru.hpp>
#include <amq/nn/mesh_graph_layer.hpp>
#include <amq/ops/rows.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amq::models {

struct GraphVitConfig {
  Index hidden = 128;  ///< channels of nodes and edges
  Index width = 512;   ///< channels of a cluster's token
  Index layers = 4;    ///< of message passing
  Index blocks = 4;    ///< of attention
  Index heads = 4;
  Index frequencies = 8;     ///< 2^k pi from k = -3 on
  Index dim = 2;             ///< coordinates of a node
  Index inputs = 13;         ///< channels of a node: state, one-hot type
  Index outputs = 4;         ///< channels of the state
  Index cluster_size = 20;   ///< most nodes of a cluster
  int input_bits = 16;       ///< given fields and relative positions
  int edge_of_net_bits = 8;  ///< encoders' hidden rows and positional codes, in every scheme

  /// Channels of the code of one position.
  [[nodiscard]] Index code() const noexcept { return 2 * frequencies * dim; }

  [[nodiscard]] MeshChannels channels() const noexcept { return {inputs, dim, 0, outputs}; }

  /// Every setting by name, as files keep it.
  template <typename Self, typename Visit>
  static void each(Self& c, const Visit& visit) {
    visit("hidden", c.hidden);
    visit("width", c.width);
    visit("layers", c.layers);
    visit("blocks", c.blocks);
    visit("heads", c.heads);
    visit("frequencies", c.frequencies);
    visit("dim", c.dim);
    visit("inputs", c.inputs);
    visit("outputs", c.outputs);
    visit("cluster_size", c.cluster_size);
    visit("input_bits", c.input_bits);
    visit("edge_of_net_bits", c.edge_of_net_bits);
  }
};

/// What GraphViT reads of a mesh and its clusters: made once per mesh, alive until backward() is
/// over.
struct GraphVitMesh {
  Matrix edges;          ///< (edge, dim + 1) relative positions
  Matrix node_codes;     ///< (node, 2 code): of the position, of cluster centre - position
  Matrix cluster_codes;  ///< (cluster of the share, code): of the centre
  Matrix begin;          ///< (cluster of the share, width) zeros
  std::vector<std::int32_t> cluster_of;  ///< (node)
  std::vector<std::uint8_t> empty;       ///< (cluster)
  nn::ReadingOrder order;                ///< of the share
  /// (row that the order names) its node's number in the whole mesh, ascending; empty: all nodes
  std::vector<std::int64_t> read;

  [[nodiscard]] Index n_clusters() const noexcept { return static_cast<Index>(empty.size()); }
  /// Per coordinate [cos(f_0 p) ... cos(f_K p), sin(f_0 p) ...], f_k = 2^(k - 3) pi.
  static void encode(const double* p, Index dim, Index frequencies, float* out) noexcept {
    for (Index d = 0; d < dim; ++d)
      for (Index k = 0; k < frequencies; ++k) {
        const auto wave = portable::sincospi(std::ldexp(p[d], static_cast<int>(k) - 3));
        out[2 * d * frequencies + k] = static_cast<float>(wave.cos);
        out[(2 * d + 1) * frequencies + k] = static_cast<float>(wave.sin);
      }
  }

  /// @param positions  (node, dim); of a part of a mesh own nodes', then ghosts'
  /// @param place      of a part of a mesh, whose clusters are those of the whole: (own node) its
  ///                   number there, by which clusters know it
  /// @param share      the clusters whose rows are computed here; none: all
  /// @throws amq::Error for positions or clusters that are not the graph's
  GraphVitMesh(const GraphVitConfig& config, const Graph& graph, MatrixView<const float> positions,
               const Clusters& clusters,
               std::optional<std::span<const std::int64_t>> place = std::nullopt,
               std::optional<ClusterShare> share = std::nullopt) {
    const Index n = graph.n_nodes(), c = clusters.n_clusters();
    if (!place) {
      detail::check_graph("GraphVitMesh", graph);
      detail::check_rows("GraphVitMesh, positions", positions, n, config.dim);
    }
    if ((!place && clusters.n_nodes() != n) || clusters.dim != config.dim || c < 1)
      throw Error("GraphVitMesh, clusters",
                  "clusters of " + std::to_string(n) + " nodes in " + std::to_string(config.dim) +
                      " dimensions",
                  std::to_string(c) + " clusters of " + std::to_string(clusters.n_nodes()) +
                      " nodes in " + std::to_string(clusters.dim),
                  "Make them from the positions of this mesh.");
    edges.resize(graph.n_edges(), config.dim + 1);
    relative_positions(positions, graph, view(edges));
    for (Index i = 0; i < n; ++i)
      cluster_of.push_back(clusters.of_node[static_cast<std::size_t>(
          place ? (*place)[static_cast<std::size_t>(i)] : std::int64_t{i})]);
    node_codes.resize(n, 2 * config.code());
    const ClusterShare own = share.value_or(ClusterShare{0, c});
    cluster_codes.resize(own.count, config.code());
    std::vector<double> p(static_cast<std::size_t>(config.dim)), apart(p);
    for (Index i = 0; i < n; ++i) {
      for (Index d = 0; d < config.dim; ++d) {
        const auto k = static_cast<std::size_t>(d);
        p[k] = static_cast<double>(positions(i, d));
        apart[k] = clusters.centres()(cluster_of[static_cast<std::size_t>(i)], d) - p[k];
      }
      float* row = node_codes.data() + i * 2 * config.code();
      encode(p.data(), config.dim, config.frequencies, row);
      encode(apart.data(), config.dim, config.frequencies, row + config.code());
    }
    for (Index k = 0; k < own.count; ++k)
      encode(clusters.centres().row(own.first + k), config.dim, config.frequencies,
             cluster_codes.data() + k * config.code());
    for (Index k = 0; k < c; ++k) empty.push_back(clusters.members(k).empty());
    begin = Matrix::Zero(own.count, config.width);
    if (share) {
      for (Index k = own.first; k < own.first + own.count; ++k)
        for (const auto node : clusters.members(k)) read.push_back(node);
      if (read.empty()) read.push_back(0);  // empty clusters name a row, too
      std::sort(read.begin(), read.end());
    }
    read_in_order(clusters, own);
  }

 private:
  void read_in_order(const Clusters& clusters, const ClusterShare& own) {
    const auto row = [&](std::int32_t node) {
      return read.empty() ? node
                          : static_cast<std::int32_t>(
                                std::lower_bound(read.begin(), read.end(), node) - read.begin());
    };
    for (Index t = 0; t < clusters.largest(); ++t) {
      auto& node = order.node.emplace_back();
      auto& live = order.live.emplace_back();
      for (Index k = own.first; k < own.first + own.count; ++k) {
        const auto m = clusters.members(k);
        const bool lives = t < static_cast<Index>(m.size());
        node.push_back(lives ? row(m[static_cast<std::size_t>(t)]) : 0);
        live.push_back(lives);
      }
    }
  }
};

}  // namespace amq::models

namespace amq {

/// Encoders, message passing with positional codes, a GRU over the members of each cluster,
/// attention between clusters, tokens given back to their nodes, the change of state. Parameter
/// names are those of the public EAGLE code. Edge j -> i stands for its edge (i, j): a message is
/// summed where the code sums it, at the node named first.
class GraphVit {
 public:
  using Config = models::GraphVitConfig;
  static constexpr std::string_view name = "GraphVit";
  using MeshData = models::GraphVitMesh;

  /// @throws amq::Error for sizes that make no network
  GraphVit(arithmetics::ParameterLayout& layout, const Config& config,
           const std::string& prefix = "")
      : config_(check(config)) {
    using Source = nn::MeshGraphLayer::Source;
    const Index h = config.hidden, codes = 2 * config.code();
    const int bits = config.edge_of_net_bits;
    const Source features{"features", h, ops::RowKind::node, 0},
        positions{"positions", codes, ops::RowKind::node, bits},
        tokens{"tokens", config.width, ops::RowKind::cluster, 0};
    encode_node_ =
        nn::Mlp(layout, prefix + "encoder.encoder_node.f", ops::RowKind::node,
                {config.inputs, h, h, 1, false, core::Activation::relu}, config.input_bits, bits);
    encode_edge_ =
        nn::Mlp(layout, prefix + "encoder.encoder_edge.f", ops::RowKind::edge,
                {config.dim + 1, h, h, 1, false, core::Activation::relu}, config.input_bits, bits);
    for (Index m = 0; m < config.layers; ++m)
      layers_.emplace_back(layout, prefix + "encoder.encoder_gn." + std::to_string(m),
                           nn::MeshGraphLayer::Shape{{features, positions}, h, h, h, true});
    pool_ = nn::Gru(layout, prefix + "graph_pooling.rnn_pooling", h + codes, config.width);
    pooled_ = nn::Mlp(layout, prefix + "graph_pooling.linear_rnn.f", ops::RowKind::cluster,
                      {config.width, h, config.width, 1, false, core::Activation::relu}, 0, 0);
    retrieve_.emplace_back(
        layout, prefix + "graph_retrieve.gnn",
        nn::MeshGraphLayer::Shape{{features, tokens, positions}, h, h, h, false});
    decode_ = nn::Mlp(layout, prefix + "graph_retrieve.final_mlp", ops::RowKind::node,
                      {h, h, config.outputs, 2, false, core::Activation::tanh}, bits, bits);
    for (Index m = 0; m < config.blocks; ++m)
      blocks_.emplace_back(layout, prefix + "attention." + std::to_string(m), config.width,
                           config.code(), config.heads);
    norm_ = nn::LayerNorm(layout, prefix + "ln", config.width);
  }

  [[nodiscard]] const Config& config() const noexcept { return config_; }
  /// Of the configured size. @param x  (node, dim)
  /// @throws amq::Error for positions that make no clusters
  [[nodiscard]] mesh::Clusters clusters(MatrixView<const float> x) const {
    mesh::ClusterOptions o;
    o.capacity = config_.cluster_size;
    return mesh::same_size_clusters(x, o);
  }
  /// Clusters and all that is coded of them. @param x  (node, dim)
  /// @throws amq::Error for positions that make no clusters
  [[nodiscard]] MeshData mesh_data(const Graph& graph, MatrixView<const float> x) const {
    return {config_, graph, x, clusters(x)};
  }
  /// What it reads of nodes besides fields: (node, channel).
  [[nodiscard]] static const core::Matrix& node_rows(const MeshData& mesh) noexcept {
    return mesh.node_codes;
  }
  /// The same of a part of a mesh.
  /// @param x       (own node, then ghost, dim)
  /// @param of_all  the clusters of the whole mesh
  /// @param place   (own node) its number there
  /// @param share   the clusters whose rows are computed here; none: all
  [[nodiscard]] MeshData part_data(const Graph& graph, MatrixView<const float> x,
                                   const mesh::Clusters& of_all,
                                   std::span<const std::int64_t> place,
                                   std::optional<mesh::ClusterShare> share = std::nullopt) const {
    return {config_, graph, x, of_all, place, share};
  }

  /// @param u  (node, inputs): normalized state, one-hot type
  /// @returns  (node, outputs): the change of state in one step
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const Graph& graph, const models::GraphVitMesh& mesh,
                                MatrixView<const float> u) const {
    models::detail::check_rows("GraphVit, input u", u, graph.n_nodes(), config_.inputs);
    models::detail::check_rows("GraphVit, mesh", view(mesh.node_codes), graph.n_nodes(),
                               2 * config_.code());
    auto v = encode_node_(a, a.input(u, ops::RowKind::node));
    auto e = encode_edge_(a, a.input(view(mesh.edges), ops::RowKind::edge));
    const auto positions = a.input(view(mesh.node_codes), ops::RowKind::node);
    for (const auto& layer : layers_) {
      const auto parts = a.apply(ops::Add{}, layer.from(a, 0, v), layer.from(a, 1, positions));
      const auto step = layer(a, graph, parts, e);
      v = a.apply(ops::Add{}, std::move(v), step.node);
      e = a.apply(ops::Add{}, std::move(e), step.edge);
    }
    const auto from_nodes = pool_.inputs(a, a.concat({v, positions}));
    const auto& last = retrieve_.front();
    // A token's product is made once per cluster and given to its nodes.
    const auto from_tokens = arithmetics::shared_rows(a, mesh.n_clusters(), [&] {
      const auto kind = ops::RowKind::cluster;
      auto w = pooled_(a, pool_.states(a, from_nodes, a.input(view(mesh.begin), kind), mesh.order));
      const auto codes = a.input(view(mesh.cluster_codes), kind);
      for (const auto& block : blocks_) w = block(a, w, codes, mesh.empty);
      return last.from(a, 1, norm_(a, w));
    });
    const auto given = a.apply(ops::Gather{mesh.cluster_of, ops::RowKind::node}, from_tokens);
    const auto own = a.apply(ops::Add{}, last.from(a, 0, v), given);
    const auto parts = a.apply(ops::Add{}, own, last.from(a, 2, positions));
    return decode_(a, last(a, graph, parts, e).node);
  }

  /// One step of a rollout: next = state + change, but where a boundary's state is given.
  /// @param given  (node): rows to take from `truth`, e.g. inlet and wall nodes
  static void advance(MatrixView<const float> state, MatrixView<const float> change,
                      std::span<const std::uint8_t> given, MatrixView<const float> truth,
                      MatrixView<float> next) noexcept {
    for (Index i = 0; i < next.rows; ++i)
      for (Index c = 0; c < next.cols; ++c)
        next(i, c) = given[static_cast<std::size_t>(i)] ? truth(i, c) : state(i, c) + change(i, c);
  }

 private:
  static const Config& check(const Config& c) {
    if (c.hidden < 1 || c.width < 1 || c.layers < 1 || c.blocks < 0 || c.frequencies < 1 ||
        c.cluster_size < 1 || c.dim < 1 || c.inputs < 1 || c.outputs < 1 || c.heads < 1 ||
        (c.width + c.code()) % c.heads != 0)
      throw Error("GraphVit", "positive sizes, and heads that divide width + positional code",
                  "width " + std::to_string(c.width) + ", code " + std::to_string(c.code()) +
                      ", heads " + std::to_string(c.heads) + ", hidden " + std::to_string(c.hidden),
                  "Correct the configuration.");
    return c;
  }

  Config config_;
  nn::Mlp encode_node_, encode_edge_, pooled_, decode_;
  std::vector<nn::MeshGraphLayer> layers_, retrieve_;
  nn::Gru pool_;
  std::vector<nn::AttentionBlock> blocks_;
  nn::LayerNorm norm_;
};

}  // namespace amq

namespace amq::models {

/// One pass, in any arithmetic.
/// @throws amq::Error for a sample that was not prepared
template <typename A>
typename A::Tensor forward(const GraphVit& model, A& a, const MeshInputs& s) {
  return model(a, *s.graph, s.of_mesh->get<GraphVitMesh>("GraphVit"), s.u);
}
static_assert(mesh_model<GraphVit>);

}  // namespace amq::models
