#pragma once
/// @file
/// A network like FLARE (Puri et al., "FLARE: fast low-rank attention routing engine", 2025):
/// learned latent queries attend to nodes, and nodes to what the queries have found.

#include <amq/models/may_lack.hpp>
#include <amq/models/mesh_inputs.hpp>
#include <amq/models/mesh_model.hpp>
#include <amq/nn/latent_attention.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace amq::models {

struct FlareConfig {
  Index hidden = 64;
  Index layers = 8;  ///< blocks
  Index heads = 8;
  Index tokens = 64;        ///< latent queries of each head
  Index inner = 3;          ///< residual layers inside keys, values and MLPs
  Index inner_of_ends = 2;  ///< inside the first and the last MLP
  Index inputs = 0;         ///< channels of the given nodal field
  Index dim = 2;            ///< coordinates of a node
  Index variables = 0;      ///< time and parameters of the equation
  Index outputs = 1;
  Activation activation = Activation::gelu;  ///< gelu_tanh in the public code
  int input_bits = 16;                       ///< given fields and positions
  int edge_of_net_bits = 8;          ///< rows of the first and the last MLP, in every scheme
  int key_bits = 8;                  ///< of a node's keys where they meet the queries
  ProductBits attention_bits{8, 8};  ///< encoding and decoding

  [[nodiscard]] MeshChannels channels() const noexcept { return {inputs, dim, variables, outputs}; }

  /// Every setting by name, as files keep it.
  template <typename Self, typename Visit>
  static void each(Self& c, const Visit& visit) {
    visit("hidden", c.hidden);
    visit("layers", c.layers);
    visit("heads", c.heads);
    visit("tokens", c.tokens);
    visit("inner", c.inner);
    visit("inner_of_ends", c.inner_of_ends);
    visit("inputs", c.inputs);
    visit("dim", c.dim);
    visit("variables", c.variables);
    visit("outputs", c.outputs);
    visit("input_bits", c.input_bits);
    visit("edge_of_net_bits", c.edge_of_net_bits);
    visit("key_bits", c.key_bits);
    visit("attention_bits", c.attention_bits);
    visit("activation", c.activation, may_lack);
  }
};

}  // namespace amq::models

namespace amq {

/// Blocks of latent attention and a residual MLP, each after a layer norm. Keys and values are
/// residual MLPs of a node's row. A node of 0 bits skips a block's last MLP. Parameter names are
/// those of the public code, whose `latent_q` lies here as (head x token, channel).
class Flare {
 public:
  using Config = models::FlareConfig;
  static constexpr std::string_view name = "Flare";
  using MeshData = models::NoMeshData;

  /// @throws amq::Error for sizes that make no network
  Flare(arithmetics::ParameterLayout& layout, const Config& config, const std::string& prefix = "")
      : config_(check(config)) {
    const Index h = config.hidden, given = config.dim + config.inputs + config.variables;
    const int bits = config.edge_of_net_bits;
    encode_ = nn::ResidualMlp(layout, prefix + "in_proj", given, h, h,
                              {config.inner_of_ends, false, true, config.activation},
                              config.input_bits, bits);
    for (Index l = 0; l < config.layers; ++l)
      blocks_.emplace_back(layout, prefix + "blocks." + std::to_string(l), config);
    norm_ = nn::LayerNorm(layout, prefix + "out_proj.0", h);
    decode_ = nn::ResidualMlp(layout, prefix + "out_proj.1", h, h, config.outputs,
                              {config.inner_of_ends, true, false, config.activation}, bits, bits);
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
    models::detail::check_rows("Flare, input x", x, x.rows, config_.dim);
    models::detail::check_rows("Flare, input u", u, x.rows, config_.inputs);
    auto rows = a.input(x, ops::RowKind::node);
    if (config_.inputs > 0) rows = a.concat({rows, a.input(u, ops::RowKind::node)});
    if (config_.variables > 0) {
      models::detail::check_rows("Flare, input v", v, x.rows, config_.variables);
      rows = a.concat({rows, a.input(v, ops::RowKind::node)});
    }
    auto f = encode_(a, rows);
    for (const Block& block : blocks_) f = block(a, f);
    return decode_(a, norm_(a, f));
  }

 private:
  /// x += out_proj(attention(norm1(x))), then x += mlp(norm2(x)).
  class Block {
   public:
    Block(arithmetics::ParameterLayout& layout, const std::string& prefix, const Config& c)
        : norm1_(layout, prefix + ".norm1", c.hidden) {
      const Index h = c.hidden;
      const std::string at = prefix + ".att";
      nn::LatentAttentionShape s{h, c.heads, c.tokens, ops::PoolOver::nodes, 0, false, false};
      s.key_bits = c.key_bits;
      s.products = c.attention_bits;
      mix_ = nn::LatentAttention::with_queries(layout, at, s);
      const nn::ResidualMlpShape shape{c.inner, true, true, c.activation};
      keys_ = nn::ResidualMlp(layout, at + ".k_proj", h, h, h, shape);
      values_ = nn::ResidualMlp(layout, at + ".v_proj", h, h, h, shape);
      out_ = nn::narrow_linear(layout, at + ".out_proj", ops::RowKind::node, h, h);
      norm2_ = nn::LayerNorm(layout, prefix + ".norm2", h);
      mlp_ = nn::ResidualMlp(layout, prefix + ".mlp", h, h, h, shape);
    }
    template <arithmetic A>
    typename A::Tensor operator()(A& a, const typename A::Tensor& x) const {
      const auto rows = norm1_(a, x);
      const auto mixed = mix_(a, keys_(a, rows), values_(a, rows));
      const auto y = arithmetics::dense_onto(a, x, out_.point, out_.weight, mixed);
      return arithmetics::residual(a, mlp_.point(), y, [&](const typename A::Tensor& some) {
        return mlp_(a, norm2_(a, some));
      });
    }

   private:
    nn::LayerNorm norm1_, norm2_;
    nn::LatentAttention mix_;
    nn::ResidualMlp keys_, values_, mlp_;
    nn::Linear out_;
  };

  static const Config& check(const Config& c) {
    if (c.hidden < 1 || c.layers < 1 || c.heads < 1 || c.tokens < 1 || c.inner < 0 ||
        c.inner_of_ends < 0 || c.inputs < 0 || c.dim < 1 || c.variables < 0 || c.outputs < 1 ||
        c.hidden % c.heads != 0)
      throw Error("Flare", "positive sizes, and heads that divide the hidden channels",
                  "hidden " + std::to_string(c.hidden) + ", heads " + std::to_string(c.heads) +
                      ", layers " + std::to_string(c.layers) + ", tokens " +
                      std::to_string(c.tokens),
                  "Correct the configuration.");
    return c;
  }

  Config config_;
  nn::ResidualMlp encode_, decode_;
  std::vector<Block> blocks_;
  nn::LayerNorm norm_;
};

}  // namespace amq

namespace amq::models {

/// One pass, in any arithmetic.
template <typename A>
typename A::Tensor forward(const Flare& model, A& a, const MeshInputs& s) {
  return model(a, s.x, s.u, s.v);
}
static_assert(mesh_model<Flare>);

}  // namespace amq::models
