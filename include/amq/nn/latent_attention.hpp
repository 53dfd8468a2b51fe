#pragma once
/// @file
/// Latent attention: nodes are pooled into a few tokens of each head, and tokens are given back to
/// nodes. One layer, of which Transolver's and FLARE's are settings.

#include <amq/nn/mlp.hpp>
#include <amq/ops/latent_attention.hpp>

#include <string>
#include <utility>
#include <vector>

namespace amq::nn {

/// A fully connected layer that begins as public mesh transformers begin it: weights of deviation
/// 0.02 (uniform here), biases 0. Members as in Linear's constructor.
[[nodiscard]] inline Linear narrow_linear(ParameterLayout& layout, const std::string& name,
                                          RowKind kind, Index in, Index out, int bits = 0) {
  const auto w = layout.add(name + ".weight", {out, in}, Init::deviation(0.02f));
  const auto b = layout.add(name + ".bias", {out}, Init::constant(0), Role::vector);
  Linear l;
  l.weight = layout.add_weight(name, {{w, 0, in, b}});
  l.point = layout.add_point(name + ".input", kind, in, bits);
  return l;
}

/// What a ResidualMlp adds to what.
struct ResidualMlpShape {
  Index inner = 3;         ///< layers in the middle, each of which adds to its input
  bool first_adds = true;  ///< the first layer adds to the input
  bool last_adds = true;   ///< the last adds to the hidden row
  Activation activation = Activation::gelu;
};

/// h = x + f(fc1 x), h += f(fcs h) some times, then h + fc2 h, f a GELU unless said otherwise; the
/// first and the last sum only where asked for. Parameters `name.fc1`, `name.fcs.0` and on,
/// `name.fc2`, as FLARE's code has them.
class ResidualMlp {
 public:
  ResidualMlp() = default;
  /// @param first_bits, bits  of the given and of all other rows; 0: the rows' own
  ResidualMlp(ParameterLayout& layout, const std::string& name, Index in, Index hidden, Index out,
              const ResidualMlpShape& s, int first_bits = 0, int bits = 0)
      : shape_(s) {
    layers_.push_back(narrow_linear(layout, name + ".fc1", RowKind::node, in, hidden, first_bits));
    for (Index l = 0; l < s.inner; ++l)
      layers_.push_back(narrow_linear(layout, name + ".fcs." + std::to_string(l), RowKind::node,
                                      hidden, hidden, bits));
    layers_.push_back(narrow_linear(layout, name + ".fc2", RowKind::node, hidden, out, bits));
  }
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const typename A::Tensor& x) const {
    const Activation f = shape_.activation;
    auto h = shape_.first_adds ? plus(a, layers_.front(), x, f) : layers_.front()(a, x, f);
    for (std::size_t l = 1; l + 1 < layers_.size(); ++l) h = plus(a, layers_[l], std::move(h), f);
    return shape_.last_adds ? plus(a, layers_.back(), std::move(h), Activation::none)
                            : layers_.back()(a, h);
  }
  /// Where the given rows meet the first layer.
  [[nodiscard]] PointId point() const noexcept { return layers_.front().point; }

 private:
  /// x + f(layer(x))
  template <arithmetic A>
  static typename A::Tensor plus(A& a, const Linear& layer, typename A::Tensor x, Activation f) {
    auto of = x;
    return dense_onto(a, std::move(x), layer.point, layer.weight, std::move(of), f);
  }
  ResidualMlpShape shape_;
  std::vector<Linear> layers_;
};

/// What a latent attention is.
struct LatentAttentionShape {
  Index width = 128, heads = 8;
  Index tokens = 64;  ///< of each head
  ops::PoolOver over = ops::PoolOver::tokens;
  double eps = 1e-5;       ///< beside a token's sum of weights
  bool tempered = true;    ///< logits are divided by a temperature, learned for each head
  bool among = true;       ///< tokens of a head attend to each other
  int key_bits = 8;        ///< of a node's keys, which decide where it belongs
  int token_bits = 8;      ///< of tokens, where they meet weights
  ProductBits products{};  ///< between tokens
};

/// keys and values (node, width) -> (node, width). Parameters: `name.temperature`, what the caller
/// says for the logits, `name.to_q`, `name.to_k`, `name.to_v`.
class LatentAttention {
 public:
  using Shape = LatentAttentionShape;

  LatentAttention() = default;
  /// Logits by one layer for all heads, `name.in_project_slice`, as Transolver has it.
  /// @throws Error unless the heads divide the width
  static LatentAttention with_slices(ParameterLayout& layout, const std::string& name,
                                     const Shape& s) {
    LatentAttention l(layout, name, s);
    const auto logits = narrow_linear(layout, name + ".in_project_slice", RowKind::node,
                                      s.width / s.heads, s.tokens, s.key_bits);
    l.logits_ = logits.weight;
    l.keys_ = logits.point;
    l.add_attention(layout, name);
    return l;
  }
  /// Logits by learned queries of each head, `name.latent_q` (head x token, channel), as FLARE has
  /// them.
  /// @throws Error unless the heads divide the width
  static LatentAttention with_queries(ParameterLayout& layout, const std::string& name,
                                      const Shape& s) {
    LatentAttention l(layout, name, s);
    const Index own = s.width / s.heads;
    const auto q = layout.add(name + ".latent_q", {s.heads * s.tokens, own}, Init::deviation(0.1f));
    l.logits_ = layout.add_grouped_weight(name + ".latent_q", q, s.heads);
    l.keys_ = layout.add_point(name + ".latent_q.input", RowKind::node, own, s.key_bits);
    l.add_attention(layout, name);
    return l;
  }

  template <arithmetic A>
  typename A::Tensor operator()(A& a, const typename A::Tensor& keys,
                                const typename A::Tensor& values) const {
    return shape_.tempered ? mix<true>(a, keys, values, temperature_) : mix<false>(a, keys, values);
  }

 private:
  LatentAttention(ParameterLayout& layout, const std::string& name, const Shape& s) : shape_(s) {
    if (s.width < 1 || s.heads < 1 || s.width % s.heads != 0 || s.tokens < 1)
      throw Error("latent attention " + name, "heads that divide the width, and tokens",
                  "width " + std::to_string(s.width) + ", heads " + std::to_string(s.heads) +
                      ", tokens " + std::to_string(s.tokens),
                  "Correct the configuration.");
    s.products.check(name);
    if (s.products.matrix > 8 || s.products.rows > 8)
      throw Error("latent attention " + name, "products of 2, 4 or 8 by 2 to 8 bits, or none",
                  std::to_string(s.products.matrix) + " and " + std::to_string(s.products.rows),
                  "Weights of nodes and tokens are codes of 8 bits at most.");
    if (s.tempered)
      temperature_ =
          layout.add(name + ".temperature", {1, s.heads, 1, 1}, Init::constant(0.5f), Role::vector);
  }
  void add_attention(ParameterLayout& layout, const std::string& name) {
    if (!shape_.among) return;
    const Index own = shape_.width / shape_.heads;
    std::vector<WeightPart> parts;
    for (const char* which : {".to_q", ".to_k", ".to_v"})
      parts.push_back({layout.add(name + which + ".weight", {own, own}, Init::deviation(0.02f)), 0,
                       own, no_parameter});
    tokens_ = layout.add_point(name + ".tokens", RowKind::cluster, own, shape_.token_bits);
    project_ = layout.add_weight(name + ".to_qkv", std::move(parts));
  }
  template <bool Tempered, typename A, typename... Temperature>
  typename A::Tensor mix(A& a, const typename A::Tensor& keys, const typename A::Tensor& values,
                         Temperature... temperature) const {
    const Index heads = shape_.heads;
    const ProductBits bits = a.product_bits(shape_.products);
    const auto logits = dense_of_heads(a, heads, keys_, logits_, keys);
    auto tokens = a.apply(ops::PoolNodes<Tempered>{heads, shape_.over, shape_.eps, bits}, values,
                          logits, temperature...);
    if (shape_.among) {
      const ops::SoftmaxAttention attention{heads, 1, bits};
      tokens = a.apply(attention, a.linear(project_, a.quantize(tokens_, tokens)));
    }
    return a.apply(ops::SpreadTokens<Tempered>{heads, bits}, tokens, logits, temperature...);
  }

  Shape shape_;
  ParameterId temperature_ = no_parameter;
  WeightId logits_{}, project_{};
  PointId keys_{}, tokens_{};
};

}  // namespace amq::nn
