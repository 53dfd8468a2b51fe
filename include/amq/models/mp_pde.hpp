#pragma once
/// @file
/// MP-PDE, the message-passing neural PDE solver (Brandstetter, Worrall, Welling, "Message passing
/// neural PDE solvers", ICLR 2022), time-dependent and steady.

#include <amq/models/mesh_model.hpp>
#include <amq/nn/linear.hpp>
#include <amq/nn/mp_pde_layer.hpp>
#include <amq/ops/windows.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amq::models {

/// Sizes of an MP-PDE. The time-dependent form takes the last `window` values of one unknown and
/// returns the next `window`; the steady form (window 0) takes `inputs` nodal channels.
struct MpPdeConfig {
  Index hidden = 128;
  Index layers = 6;
  Index window = 0;     ///< K of temporal bundling: 20, 25 or 50; 0: steady
  Index inputs = 1;     ///< steady: channels of the given nodal field, e.g. 1 for a(x)
  Index dim = 2;        ///< coordinates of a node
  Index variables = 0;  ///< equation parameters and time (time-dependent: at least the time)
  Index outputs = 1;    ///< steady: channels of the solution
  nn::NodeNorm norm = nn::NodeNorm::instance;
  int input_bits = 16;       ///< given fields and positions: few columns, so dear bits cost little
  int edge_of_net_bits = 8;  ///< encoder's and decoder's hidden rows, in every scheme

  /// u columns of the encoder and of each message.
  [[nodiscard]] Index fields() const noexcept { return window > 0 ? window : inputs; }
  [[nodiscard]] MeshChannels channels() const noexcept {
    return {fields(), dim, variables, window > 0 ? window : outputs};
  }

  /// Every setting by name, as files keep it.
  template <typename Self, typename Visit>
  static void each(Self& c, const Visit& visit) {
    visit("hidden", c.hidden);
    visit("layers", c.layers);
    visit("window", c.window);
    visit("inputs", c.inputs);
    visit("dim", c.dim);
    visit("variables", c.variables);
    visit("outputs", c.outputs);
    visit("norm", c.norm);
    visit("input_bits", c.input_bits);
    visit("edge_of_net_bits", c.edge_of_net_bits);
  }
};

}  // namespace amq::models

namespace amq {

/// What MP-PDE computes; it holds no numbers. Parameter names follow the public implementation
/// (embedding_mlp, gnn_layers, output_mlp); the steady decoder is Linear Swish Linear.
class MpPde {
 public:
  using Config = models::MpPdeConfig;
  static constexpr std::string_view name = "MpPde";
  using MeshData = models::NoMeshData;

  /// Declares every parameter, weight and quantization point.
  /// @throws amq::Error for sizes that make no network
  MpPde(arithmetics::ParameterLayout& layout, const Config& config, const std::string& prefix = "")
      : config_(check(config)) {
    const Index h = config.hidden, data = config.fields() + config.dim, v = config.variables;
    const int bits = config.edge_of_net_bits;
    data_and_variables_ =
        layout.add_point(prefix + "inputs", ops::RowKind::node, data + v, config.input_bits);
    data_ = layout.add_point(prefix + "inputs.data", ops::RowKind::node, data, config.input_bits);
    if (v > 0)
      variables_ =
          layout.add_point(prefix + "inputs.variables", ops::RowKind::node, v, config.input_bits);
    const auto [w, b] = layout.add_linear(prefix + "embedding_mlp.0", h, data + v);
    embed_ = layout.add_weight(prefix + "embedding_mlp.0", {{w, 0, data + v, b}});
    embed2_ = nn::Linear(layout, prefix + "embedding_mlp.2", ops::RowKind::node, h, h, bits);
    for (Index m = 0; m < config.layers; ++m)
      layers_.emplace_back(layout, prefix + "gnn_layers." + std::to_string(m), h, data, v,
                           config.norm);
    if (config.window > 0) {
      const auto [c1, c2] = decoder_windows(h, config.window);
      convolve_ = c1;
      convolve2_ = c2;
      conv_ = add_conv(layout, prefix + "output_mlp.0", 1, 8, c1.kernel, bits);
      conv2_ = add_conv(layout, prefix + "output_mlp.2", 8, 1, c2.kernel, bits);
    } else {
      decode_ = nn::Linear(layout, prefix + "output_mlp.0", ops::RowKind::node, h, h, bits);
      decode2_ =
          nn::Linear(layout, prefix + "output_mlp.2", ops::RowKind::node, h, config.outputs, bits);
    }
  }

  [[nodiscard]] const Config& config() const noexcept { return config_; }
  [[nodiscard]] MeshData mesh_data(const Graph&, MatrixView<const float>) const noexcept {
    return {};
  }

  /// @param u  (node, fields): the given field, or the last `window` values, oldest first
  /// @param x  (node, dim): positions in units of the domain's length
  /// @param v  (node, variables): time and equation parameters, each divided by its largest value
  /// @returns  steady: (node, outputs); else (node, window), the increments d_k that next() adds up
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const Graph& graph, MatrixView<const float> u,
                                MatrixView<const float> x, MatrixView<const float> v = {}) const {
    check_inputs(graph, u, x, v);
    const auto ui = a.input(u, ops::RowKind::node), xi = a.input(x, ops::RowKind::node);
    nn::MpPdeLayer::Inputs<A> in;
    if (config_.variables > 0) {
      const auto vi = a.input(v, ops::RowKind::node);
      in.data_and_variables = a.quantize(data_and_variables_, a.concat({ui, xi, vi}));
      in.variables = a.quantize(variables_, vi);
    } else {
      in.data_and_variables = a.quantize(data_and_variables_, a.concat({ui, xi}));
    }
    in.data = a.quantize(data_, a.concat({ui, xi}));

    auto f =
        arithmetics::activate(a, core::Activation::swish, a.linear(embed_, in.data_and_variables));
    f = embed2_(a, f, core::Activation::swish);
    for (const auto& layer : layers_) f = layer(a, graph, f, in);

    if (config_.window == 0) return decode2_(a, decode_(a, f, core::Activation::swish));
    const auto slide = [&](const nn::Linear& conv, const ops::Windows& w,
                           const typename A::Tensor& rows) {
      return a.linear(conv.weight, a.quantize(conv.point, a.apply(w, rows)));
    };
    const auto hidden =
        a.apply(ops::FoldWindows{convolve_.count()},
                arithmetics::activate(a, core::Activation::swish, slide(conv_, convolve_, f)));
    return a.apply(ops::FoldWindows{convolve2_.count()}, slide(conv2_, convolve2_, hidden));
  }

  /// Time-dependent form: u(t + k dt) = u(t) + k dt d_k for k = 1 .. window.
  /// @param increments  (node, window), what the network returned; becomes the solution
  static void integrate(MatrixView<const float> u, float dt,
                        MatrixView<float> increments) noexcept {
    for (Index i = 0; i < increments.rows; ++i)
      for (Index k = 0; k < increments.cols; ++k)
        increments(i, k) =
            std::fma(static_cast<float>(k + 1) * dt, increments(i, k), u(i, u.cols - 1));
  }

  /// The two valid convolutions of the temporal decoder: one channel of `hidden` numbers to eight,
  /// eight to one channel of `window` numbers.
  /// @throws amq::Error for a window the published network does not have
  [[nodiscard]] static std::pair<ops::Windows, ops::Windows> decoder_windows(Index hidden,
                                                                             Index window) {
    const auto pair = [&](Index k1, Index s1, Index k2) {
      const ops::Windows c1{1, hidden, k1, s1, 0};
      return std::pair{c1, ops::Windows{8, c1.count(), k2, 1, 0}};
    };
    auto c = window == 20 ? pair(15, 4, 10) : window == 25 ? pair(16, 3, 14) : pair(12, 2, 10);
    if ((window != 20 && window != 25 && window != 50) || c.second.count() != window)
      throw Error(
          "MpPde", "a temporal window of 20, 25 or 50 at 128 hidden channels",
          "window " + std::to_string(window) + " at " + std::to_string(hidden) + " channels",
          "Choose one of these, or window 0 for a steady problem.");
    return c;
  }

 private:
  static const Config& check(const Config& c) {
    if (c.hidden < 1 || c.layers < 1 || c.fields() < 0 || c.dim < 1 || c.outputs < 1 ||
        c.variables < 0)
      throw Error("MpPde", "positive sizes",
                  "hidden " + std::to_string(c.hidden) + ", layers " + std::to_string(c.layers) +
                      ", inputs " + std::to_string(c.fields()) + ", dim " + std::to_string(c.dim) +
                      ", outputs " + std::to_string(c.outputs),
                  "Correct the configuration.");
    return c;
  }
  void check_inputs(const Graph& g, MatrixView<const float> u, MatrixView<const float> x,
                    MatrixView<const float> v) const {
    const auto want = [&](const char* what, MatrixView<const float> m, Index cols) {
      if (m.rows != g.n_nodes() || m.cols != cols)
        throw Error(std::string("MpPde, input ") + what,
                    "(" + std::to_string(g.n_nodes()) + ", " + std::to_string(cols) + ")",
                    "(" + std::to_string(m.rows) + ", " + std::to_string(m.cols) + ")",
                    "Give one row per node of the graph and the channels the model was built for.");
      for (Index i = 0; i < m.rows; ++i)
        for (Index c = 0; c < m.cols; ++c)
          if (!std::isfinite(m(i, c)))
            throw Error(std::string("MpPde, input ") + what, "finite numbers",
                        std::to_string(m(i, c)) + " at node " + std::to_string(i),
                        "Repair the field before it is passed on.");
    };
    if (g.first.empty())  // a part of a mesh may have no nodes
      throw Error("MpPde", "a graph with nodes", "an empty graph", "Pass the mesh's graph.");
    want("u", u, config_.fields());
    want("x", x, config_.dim);
    if (config_.variables > 0) want("v", v, config_.variables);
  }
  static nn::Linear add_conv(arithmetics::ParameterLayout& layout, const std::string& at, Index in,
                             Index out, Index kernel, int bits) {
    const auto w =
        layout.add(at + ".weight", {out, in, kernel}, arithmetics::Init::fan_in(in * kernel));
    const auto b = layout.add(at + ".bias", {out}, arithmetics::Init::fan_in(in * kernel),
                              arithmetics::Role::vector);
    nn::Linear l;
    l.weight = layout.add_weight(at, {{w, 0, in * kernel, b}});
    l.point = layout.add_point(at + ".input", ops::RowKind::node, in * kernel, bits);
    return l;
  }

  Config config_;
  arithmetics::PointId data_and_variables_{}, data_{}, variables_{};
  arithmetics::WeightId embed_{};
  nn::Linear embed2_, decode_, decode2_, conv_, conv2_;
  ops::Windows convolve_, convolve2_;
  std::vector<nn::MpPdeLayer> layers_;
};

}  // namespace amq

namespace amq::models {

/// One pass, in any arithmetic.
template <typename A>
typename A::Tensor forward(const MpPde& model, A& a, const MeshInputs& s) {
  return model(a, *s.graph, s.u, s.x, s.v);
}
static_assert(mesh_model<MpPde>);

}  // namespace amq::models
