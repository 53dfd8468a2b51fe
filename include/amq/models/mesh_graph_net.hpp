#pragma once
/// @file
/// MeshGraphNet (Pfaff, Fortunato, Sanchez-Gonzalez, Battaglia, "Learning mesh-based simulation
/// with graph networks", ICLR 2021): the change of a state on a mesh in one step.

#include <amq/models/may_lack.hpp>
#include <amq/models/mesh_inputs.hpp>
#include <amq/models/mesh_model.hpp>
#include <amq/nn/mesh_graph_layer.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amq::models {

/// Sizes as published for flow past a cylinder.
struct MeshGraphNetConfig {
  Index hidden = 128;
  Index layers = 15;
  Index inputs = 11;         ///< channels of a node: normalized state, one-hot type
  Index dim = 2;             ///< coordinates of a node
  Index outputs = 2;         ///< channels of the change of state
  bool block_norm = true;    ///< false: EAGLE's variant, norms in the encoders alone
  int input_bits = 16;       ///< given fields and relative positions
  int edge_of_net_bits = 8;  ///< encoders' and decoder's hidden rows, in every scheme
  int hidden_layers = 2;     ///< of each network inside; the ports to PyTorch Geometric have 1 or 3

  [[nodiscard]] MeshChannels channels() const noexcept { return {inputs, dim, 0, outputs}; }

  /// Every setting by name, as files keep it.
  template <typename Self, typename Visit>
  static void each(Self& c, const Visit& visit) {
    visit("hidden", c.hidden);
    visit("layers", c.layers);
    visit("inputs", c.inputs);
    visit("dim", c.dim);
    visit("outputs", c.outputs);
    visit("block_norm", c.block_norm);
    visit("hidden_layers", c.hidden_layers, may_lack);
    visit("input_bits", c.input_bits);
    visit("edge_of_net_bits", c.edge_of_net_bits);
  }
};

}  // namespace amq::models

namespace amq {

/// Encoders of nodes and edges, `layers` blocks with residuals on both, decoder. Each network is
/// Linear ReLU Linear ReLU Linear and, but for the decoder, LayerNorm; of other hidden layers where
/// the configuration says so. Parameter names are those of
/// the public EAGLE code (encoder.fv, encoder.fe, processor.gnn, decoder).
class MeshGraphNet {
 public:
  using Config = models::MeshGraphNetConfig;
  static constexpr std::string_view name = "MeshGraphNet";
  struct MeshData {
    core::Matrix edges;  ///< (edge, dim + 1) relative positions of receiver and sender
  };

  /// @throws amq::Error for sizes that make no network
  MeshGraphNet(arithmetics::ParameterLayout& layout, const Config& config,
               const std::string& prefix = "")
      : config_(check(config)) {
    const Index h = config.hidden;
    const auto mlp = [&](const char* part, ops::RowKind kind, Index in, Index out, bool norm,
                         int first_bits) {
      return nn::Mlp(layout, prefix + part, kind,
                     {in, h, out, config.hidden_layers, norm, core::Activation::relu}, first_bits,
                     config.edge_of_net_bits);
    };
    encode_node_ =
        mlp("encoder.fv.f", ops::RowKind::node, config.inputs, h, true, config.input_bits);
    encode_edge_ =
        mlp("encoder.fe.f", ops::RowKind::edge, config.dim + 1, h, true, config.input_bits);
    for (Index m = 0; m < config.layers; ++m)
      layers_.emplace_back(layout, prefix + "processor.gnn." + std::to_string(m),
                           nn::MeshGraphLayer::Shape{{{"features", h, ops::RowKind::node, 0}},
                                                     h,
                                                     h,
                                                     h,
                                                     config.block_norm,
                                                     config.hidden_layers});
    decode_ =
        mlp("decoder.f", ops::RowKind::node, h, config.outputs, false, config.edge_of_net_bits);
  }

  [[nodiscard]] const Config& config() const noexcept { return config_; }
  /// @param x  (node, dim)
  [[nodiscard]] MeshData mesh_data(const Graph& graph, MatrixView<const float> x) const {
    MeshData m{core::Matrix(graph.n_edges(), config_.dim + 1)};
    models::relative_positions(x, graph, view(m.edges));
    return m;
  }

  /// @param u  (node, inputs)
  /// @param x  (edge, dim + 1): relative position of receiver from sender and its length, see
  ///           relative_positions(), normalized as the weights were trained with
  /// @returns  (node, outputs): the change of state, normalized
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const Graph& graph, MatrixView<const float> u,
                                MatrixView<const float> x) const {
    models::detail::check_graph("MeshGraphNet", graph);
    models::detail::check_rows("MeshGraphNet, input u", u, graph.n_nodes(), config_.inputs);
    models::detail::check_rows("MeshGraphNet, input x", x, graph.n_edges(), config_.dim + 1);
    auto v = encode_node_(a, a.input(u, ops::RowKind::node));
    auto e = encode_edge_(a, a.input(x, ops::RowKind::edge));
    for (const auto& layer : layers_) {
      const auto step = layer(a, graph, layer.from(a, 0, v), e);
      v = a.apply(ops::Add{}, std::move(v), step.node);
      e = a.apply(ops::Add{}, std::move(e), step.edge);
    }
    return decode_(a, v);
  }

 private:
  static const Config& check(const Config& c) {
    if (c.hidden < 1 || c.layers < 1 || c.inputs < 1 || c.dim < 1 || c.outputs < 1 ||
        c.hidden_layers < 1)
      throw Error("MeshGraphNet", "positive sizes",
                  "hidden " + std::to_string(c.hidden) + ", layers " + std::to_string(c.layers) +
                      ", inputs " + std::to_string(c.inputs) + ", dim " + std::to_string(c.dim) +
                      ", outputs " + std::to_string(c.outputs) + ", hidden_layers " +
                      std::to_string(c.hidden_layers),
                  "Correct the configuration.");
    return c;
  }

  Config config_;
  nn::Mlp encode_node_, encode_edge_, decode_;
  std::vector<nn::MeshGraphLayer> layers_;
};

}  // namespace amq

namespace amq::models {

/// One pass, in any arithmetic.
/// @throws amq::Error for a sample that was not prepared
template <typename A>
typename A::Tensor forward(const MeshGraphNet& model, A& a, const MeshInputs& s) {
  const auto& mesh = s.of_mesh->get<MeshGraphNet::MeshData>("MeshGraphNet");
  return model(a, *s.graph, s.u, view(mesh.edges));
}
static_assert(mesh_model<MeshGraphNet>);

}  // namespace amq::models
