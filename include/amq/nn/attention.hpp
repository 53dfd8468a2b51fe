#pragma once
/// @file
/// A pre-norm attention block over cluster tokens.

#include <amq/nn/mlp.hpp>
#include <amq/ops/masked_attention.hpp>

#include <cstdint>
#include <span>
#include <string>

namespace amq::nn {

/// w += Linear(attention([LN(w), position])), then w += MLP(LN(w)) (Janny et al. 2023, section 4).
/// Rows enter every product at their cluster's bits; the products between rows inside the attention
/// are float. Parameters `name.ln1`, `name.attention`, `name.linear`, `name.ln2`, `name.mlp`.
class AttentionBlock {
 public:
  /// @param position  channels of a token's positional code
  AttentionBlock(ParameterLayout& layout, const std::string& name, Index width, Index position,
                 Index heads)
      : heads_(heads), ln1_(layout, name + ".ln1", width) {
    const Index embed = width + position;
    const std::string at = name + ".attention";
    const auto w = layout.add(at + ".in_proj_weight", {3 * embed, embed}, Init::fan_in(2 * embed));
    const auto b = layout.add(at + ".in_proj_bias", {3 * embed}, Init::constant(0), Role::vector);
    tokens_ = layout.add_point(at + ".tokens", RowKind::cluster, embed);
    project_ = layout.add_weight(at + ".in_proj", {{w, 0, embed, b}});
    out_ = Linear(layout, at + ".out_proj", RowKind::cluster, embed, embed);
    linear_ = Linear(layout, name + ".linear", RowKind::cluster, embed, width);
    ln2_ = LayerNorm(layout, name + ".ln2", width);
    first_ = Linear(layout, name + ".mlp.f.0", RowKind::cluster, width, width);
    second_ = Linear(layout, name + ".mlp.f.2", RowKind::cluster, width, width);
  }
  /// @param w         (cluster, width)
  /// @param position  (cluster, position)
  /// @param masked    (cluster) keys that others must not see
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const typename A::Tensor& w,
                                const typename A::Tensor& position,
                                std::span<const std::uint8_t> masked) const {
    const auto heads = a.apply(ops::MaskedAttention{heads_, masked},
                               dense(a, tokens_, project_, a.concat({ln1_(a, w), position})));
    const auto sum = a.apply(ops::Add{}, w, linear_(a, out_(a, heads)));
    return a.apply(ops::Add{}, sum, second_(a, first_(a, ln2_(a, sum), Activation::relu)));
  }

 private:
  Index heads_;
  LayerNorm ln1_, ln2_;
  PointId tokens_{};
  WeightId project_{};
  Linear out_, linear_, first_, second_;
};

}  // namespace amq::nn
