#pragma once
/// @file
/// Transolver (Wu, Luo, Wang, Wang, Long, "Transolver: a fast transformer solver for PDEs on
/// general geometries", ICML 2024): attention among slices of the mesh that nodes share.

#include <amq/models/mesh_inputs.hpp>
#include <amq/models/mesh_model.hpp>
#include <amq/nn/latent_attention.hpp>
#include <amq/ops/shift.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace amq::models {

struct TransolverConfig {
  Index hidden = 128;
  Index layers = 8;
  Index heads = 8;
  Index tokens = 64;    ///< slices of each head
  Index mlp_ratio = 1;  ///< hidden channels of a block's MLP over `hidden`
  Index inputs = 0;     ///< channels of the given nodal field
  Index dim = 2;        ///< coordinates of a node
  Index variables = 0;  ///< time and parameters of the equation
  Index outputs = 1;
  int input_bits = 16;               ///< given fields and positions
  int edge_of_net_bits = 8;          ///< first hidden and last rows, in every scheme
  int key_bits = 8;                  ///< of a node's keys, a sixth of the products
  int token_bits = 8;                ///< of tokens, where they meet weights
  ProductBits attention_bits{8, 8};  ///< pooling, products between tokens, and giving back

  [[nodiscard]] MeshChannels channels() const noexcept { return {inputs, dim, variables, outputs}; }

  /// Every setting by name, as files keep it.
  template <typename Self, typename Visit>
  static void each(Self& c, const Visit& visit) {
    visit("hidden", c.hidden);
    visit("layers", c.layers);
    visit("heads", c.heads);
    visit("tokens", c.tokens);
    visit("mlp_ratio", c.mlp_ratio);
    visit("inputs", c.inputs);
    visit("dim", c.dim);
    visit("variables", c.variables);
    visit("outputs", c.outputs);
    visit("input_bits", c.input_bits);
    visit("edge_of_net_bits", c.edge_of_net_bits);
    visit("key_bits", c.key_bits);
    visit("token_bits", c.token_bits);
    visit("attention_bits", c.attention_bits);
  }
};

}  // namespace amq::models

namespace amq {

/// A node's row and nothing of its neighbours; L blocks of physics attention and an MLP, each after
/// a layer norm and added to what was there. A node of 0 bits skips a block's MLP. Parameter names
/// are those of the public code for irregular meshes.
class Transolver {
 public:
  using Config = models::TransolverConfig;
  static constexpr std::string_view name = "Transolver";
  using MeshData = models::NoMeshData;

  /// @throws amq::Error for sizes that make no network
  Transolver(arithmetics::ParameterLayout& layout, const Config& config,
             const std::string& prefix = "")
      : config_(check(config)) {
    const Index h = config.hidden, given = config.dim + config.inputs + config.variables;
    const std::string pre = prefix + "preprocess.linear_";
    first_ = nn::narrow_linear(layout, pre + "pre.0", ops::RowKind::node, given, 2 * h,
                               config.input_bits);
    second_ = nn::narrow_linear(layout, pre + "post", ops::RowKind::node, 2 * h, h,
                                config.edge_of_net_bits);
    for (Index l = 0; l < config.layers; ++l)
      blocks_.emplace_back(layout, prefix + "blocks." + std::to_string(l), config);
    const std::string last = prefix + "blocks." + std::to_string(config.layers - 1);
    norm_ = nn::LayerNorm(layout, last + ".ln_3", h);
    decode_ = nn::narrow_linear(layout, last + ".mlp2", ops::RowKind::node, h, config.outputs,
                                config.edge_of_net_bits);
    placeholder_ = layout.add(prefix + "placeholder", {h},
                              arithmetics::Init::positive(1.0f / static_cast<float>(h)),
                              arithmetics::Role::vector);
  }

  [[nodiscard]] const Config& config() const noexcept { return config_; }
  [[nodiscard]] MeshData mesh_data(const Graph&, MatrixView<const float>) const noexcept {
    return {};
  }

  /// @param x  (node, dim): positions
  /// @param u  (node, inputs): given fields
  /// @param v  (node, variables)
  /// @returns  (node, outputs)
  template <arithmetic A>
  typename A::Tensor operator()(A& a, MatrixView<const float> x, MatrixView<const float> u,
                                MatrixView<const float> v = {}) const {
    models::detail::check_rows("Transolver, input x", x, x.rows, config_.dim);
    models::detail::check_rows("Transolver, input u", u, x.rows, config_.inputs);
    auto rows = a.input(x, ops::RowKind::node);
    if (config_.inputs > 0) rows = a.concat({rows, a.input(u, ops::RowKind::node)});
    if (config_.variables > 0) {
      models::detail::check_rows("Transolver, input v", v, x.rows, config_.variables);
      rows = a.concat({rows, a.input(v, ops::RowKind::node)});
    }
    const auto hidden = second_(a, first_(a, rows, core::Activation::gelu));
    auto f = a.apply(ops::Shift{}, hidden, placeholder_);
    for (const Block& block : blocks_) f = block(a, f);
    return decode_(a, norm_(a, f));
  }

 private:
  /// x += to_out(attention(ln_1(x))), then x += mlp(ln_2(x)).
  class Block {
   public:
    Block(arithmetics::ParameterLayout& layout, const std::string& prefix, const Config& c)
        : width_(c.hidden), ln_1_(layout, prefix + ".ln_1", c.hidden) {
      const Index h = c.hidden;
      const std::string at = prefix + ".Attn";
      nn::LatentAttentionShape s{h, c.heads, c.tokens};
      s.key_bits = c.key_bits;
      s.token_bits = c.token_bits;
      s.products = c.attention_bits;
      std::vector<arithmetics::WeightPart> parts;
      for (const char* which : {".in_project_fx", ".in_project_x"}) {
        const auto w =
            layout.add(at + which + ".weight", {h, h}, arithmetics::Init::deviation(0.02f));
        const auto b = layout.add(at + which + ".bias", {h}, arithmetics::Init::constant(0),
                                  arithmetics::Role::vector);
        parts.push_back({w, 0, h, b});
      }
      rows_ = layout.add_point(at + ".input", ops::RowKind::node, h);
      project_ = layout.add_weight(at + ".in_project", std::move(parts));
      mix_ = nn::LatentAttention::with_slices(layout, at, s);
      out_ = nn::narrow_linear(layout, at + ".to_out.0", ops::RowKind::node, h, h);
      ln_2_ = nn::LayerNorm(layout, prefix + ".ln_2", h);
      first_ = nn::narrow_linear(layout, prefix + ".mlp.linear_pre.0", ops::RowKind::node, h,
                                 c.mlp_ratio * h);
      second_ = nn::narrow_linear(layout, prefix + ".mlp.linear_post", ops::RowKind::node,
                                  c.mlp_ratio * h, h);
    }
    template <arithmetic A>
    typename A::Tensor operator()(A& a, const typename A::Tensor& x) const {
      const auto both = a.linear(project_, a.quantize(rows_, ln_1_(a, x)));
      const auto values = a.columns(both, 0, width_), keys = a.columns(both, width_, width_);
      const auto y = arithmetics::dense_onto(a, x, out_.point, out_.weight, mix_(a, keys, values));
      return arithmetics::residual(a, first_.point, y, [&](const typename A::Tensor& some) {
        return second_(a, first_(a, ln_2_(a, some), core::Activation::gelu));
      });
    }

   private:
    Index width_;
    nn::LayerNorm ln_1_, ln_2_;
    arithmetics::PointId rows_{};
    arithmetics::WeightId project_{};
    nn::LatentAttention mix_;
    nn::Linear out_, first_, second_;
  };

  static const Config& check(const Config& c) {
    if (c.hidden < 1 || c.layers < 1 || c.heads < 1 || c.tokens < 1 || c.mlp_ratio < 1 ||
        c.inputs < 0 || c.dim < 1 || c.variables < 0 || c.outputs < 1 || c.hidden % c.heads != 0)
      throw Error("Transolver", "positive sizes, and heads that divide the hidden channels",
                  "hidden " + std::to_string(c.hidden) + ", heads " + std::to_string(c.heads) +
                      ", layers " + std::to_string(c.layers) + ", tokens " +
                      std::to_string(c.tokens),
                  "Correct the configuration.");
    return c;
  }

  Config config_;
  nn::Linear first_, second_, decode_;
  std::vector<Block> blocks_;
  nn::LayerNorm norm_;
  arithmetics::ParameterId placeholder_ = arithmetics::no_parameter;
};

}  // namespace amq

namespace amq::models {

/// One pass, in any arithmetic.
template <typename A>
typename A::Tensor forward(const Transolver& model, A& a, const MeshInputs& s) {
  return model(a, s.x, s.u, s.v);
}
static_assert(mesh_model<Transolver>);

}  // namespace amq::models
