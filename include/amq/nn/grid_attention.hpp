#pragma once
/// @file
/// Transformer blocks over the points of a grid.

#include <amq/nn/mlp.hpp>
#include <amq/ops/attention.hpp>
#include <amq/ops/grid_shape.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace amq::nn {

namespace detail {
/// @throws Error unless the heads divide the width
inline void check_heads(const std::string& name, Index width, Index heads) {
  if (heads < 1 || width < 1 || width % heads != 0)
    throw Error("attention " + name, "heads that divide the width",
                "width " + std::to_string(width) + ", heads " + std::to_string(heads),
                "Correct the configuration.");
}
}  // namespace detail

/// x += proj(attention(norm1(x))), then x += fc2(GELU(fc1(norm2(x)))): the pre-norm block of vision
/// transformers (Dosovitskiy et al. 2021), softmax attention, whose products between rows are float
/// unless they are given bits. Parameters as timm has them:
/// `name.norm1`, `name.attn.qkv`, `name.attn.proj`, `name.norm2`, `name.mlp.fc1`, `name.mlp.fc2`.
class SoftmaxBlock {
 public:
  /// @throws Error unless the heads divide the width
  SoftmaxBlock(ParameterLayout& layout, const std::string& name, Index width, Index heads,
               Index hidden, ProductBits bits = {})
      : heads_(heads), bits_(bits) {
    detail::check_heads(name, width, heads);
    bits.check(name);
    norm1_ = LayerNorm(layout, name + ".norm1", width);
    qkv_ = Linear(layout, name + ".attn.qkv", RowKind::grid, width, 3 * width);
    project_ = Linear(layout, name + ".attn.proj", RowKind::grid, width, width);
    norm2_ = LayerNorm(layout, name + ".norm2", width);
    first_ = Linear(layout, name + ".mlp.fc1", RowKind::grid, width, hidden);
    second_ = Linear(layout, name + ".mlp.fc2", RowKind::grid, hidden, width);
  }
  /// (sample x point, width) -> (sample x point, width)
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const GridShape& grid, const typename A::Tensor& x) const {
    const ops::SoftmaxAttention attention{grid.samples, heads_, a.product_bits(bits_)};
    const auto heads = a.apply(attention, qkv_(a, norm1_(a, x)));
    const auto y = a.apply(ops::Add{}, x, project_(a, heads));
    return a.apply(ops::Add{}, y, second_(a, first_(a, norm2_(a, y), Activation::gelu)));
  }

 private:
  Index heads_;
  ProductBits bits_;
  LayerNorm norm1_, norm2_;
  Linear qkv_, project_, first_, second_;
};

/// Which of queries, keys and values have a layer norm for each head.
enum class LinearAttentionKind : std::uint8_t {
  galerkin,  ///< keys and values: q (k^T v) / n
  fourier,   ///< queries and keys: (q k^T) v / n, which is the same product
};

/// x += fc(attention(x)), then x += lr2(ReLU(lr1(x))), without softmax and without a norm between
/// (Cao 2021, eqs. 4 to 8). Positions join every head's queries, keys and values. Parameters as the
/// public implementation has them: `name.attn.linears.0` to `.2`, `name.attn.norm_K.0` ..,
/// `name.attn.norm_V.0` .. or `norm_Q`, `name.attn.fc`, `name.ff.lr1`, `name.ff.lr2`.
class LinearAttentionBlock {
 public:
  /// @param positions  coordinates of a point
  /// @throws Error unless the heads divide the width
  LinearAttentionBlock(ParameterLayout& layout, const std::string& name, Index width, Index heads,
                       Index hidden, Index positions, LinearAttentionKind kind, double eps)
      : width_(width), heads_(heads), positions_(positions), eps_(eps), kind_(kind) {
    detail::check_heads(name, width, heads);
    // Xavier's law times 0.01 about 0.01 of the identity: each layer begins near nothing.
    const float narrow = 0.01f * std::sqrt(3.0f / static_cast<float>(width));
    std::vector<WeightPart> parts;
    for (int k = 0; k < 3; ++k) {
      const std::string n = name + ".attn.linears." + std::to_string(k);
      const auto w = layout.add(n + ".weight", {width, width}, Init::uniform(narrow, 0.01f));
      const auto b = layout.add(n + ".bias", {width}, Init::constant(0), Role::vector);
      parts.push_back({w, 0, width, b});
    }
    rows_ = layout.add_point(name + ".attn.input", RowKind::grid, width);
    project_ = layout.add_weight(name + ".attn.linears", std::move(parts));
    const bool galerkin = kind == LinearAttentionKind::galerkin;
    keys_ = HeadNorms(layout, name + ".attn.norm_K", width, heads);
    others_ = HeadNorms(layout, name + (galerkin ? ".attn.norm_V" : ".attn.norm_Q"), width, heads);
    join_ = Linear(layout, name + ".attn.fc", RowKind::grid, width + heads * positions, width);
    first_ = Linear(layout, name + ".ff.lr1", RowKind::grid, width, hidden);
    second_ = Linear(layout, name + ".ff.lr2", RowKind::grid, hidden, width);
  }
  /// @param x  (sample x point, width)
  /// @param p  (sample x point, positions)
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const GridShape& grid, const typename A::Tensor& x,
                                const typename A::Tensor& p) const {
    const auto qkv = a.linear(project_, a.quantize(rows_, x));
    auto q = a.columns(qkv, 0, width_), v = a.columns(qkv, 2 * width_, width_);
    const auto k = norm(a, keys_, a.columns(qkv, width_, width_));
    if (kind_ == LinearAttentionKind::galerkin)
      v = norm(a, others_, v);
    else
      q = norm(a, others_, q);
    const auto heads =
        a.apply(ops::LinearAttention{grid.samples, heads_, positions_}, a.concat({q, k, v, p}));
    const auto y = a.apply(ops::Add{}, x, join_(a, heads));
    return a.apply(ops::Add{}, y, second_(a, first_(a, y, Activation::relu)));
  }

 private:
  /// A norm for each head, their scales side by side in memory, their shifts as well.
  struct HeadNorms {
    ParameterId gamma = no_parameter, beta = no_parameter;

    HeadNorms() = default;
    HeadNorms(ParameterLayout& layout, const std::string& name, Index width, Index heads) {
      const auto each = [&](const char* what, float start) {
        ParameterId first = no_parameter;
        for (Index h = 0; h < heads; ++h) {
          const auto id = layout.add(name + "." + std::to_string(h) + what, {width / heads},
                                     Init::constant(start), Role::vector);
          if (h == 0) first = id;
        }
        return first;
      };
      gamma = each(".weight", 1);
      beta = each(".bias", 0);
    }
  };
  template <typename A>
  typename A::Tensor norm(A& a, const HeadNorms& n, const typename A::Tensor& x) const {
    return a.apply(ops::Affine{}, a.apply(ops::HeadNorm{heads_, eps_}, x),
                   ParameterRow(n.gamma, width_), ParameterRow(n.beta, width_));
  }

  Index width_, heads_, positions_;
  double eps_;
  LinearAttentionKind kind_;
  PointId rows_{};
  WeightId project_{};
  HeadNorms keys_, others_;
  Linear join_, first_, second_;
};

}  // namespace amq::nn
