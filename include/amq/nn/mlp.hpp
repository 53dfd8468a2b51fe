#pragma once
/// @file
/// The networks inside a message-passing block with carried edges: fully connected layers with
/// ReLU, their first layer cut by where its inputs live.

#include <amq/nn/linear.hpp>
#include <amq/ops/elementwise.hpp>
#include <amq/ops/norm.hpp>

#include <string>
#include <utility>
#include <vector>

namespace amq::nn {

/// Where a layer norm ends a network, and with what.
struct LayerNorm {
  ParameterId gamma = no_parameter, beta = no_parameter;

  LayerNorm() = default;
  LayerNorm(ParameterLayout& layout, const std::string& name, Index channels)
      : gamma(layout.add(name + ".weight", {channels}, Init::constant(1), Role::vector)),
        beta(layout.add(name + ".bias", {channels}, Init::constant(0), Role::vector)) {}
  template <arithmetic A>
  typename A::Tensor operator()(A& a, typename A::Tensor x) const {
    return gamma == no_parameter ? x : layer_norm(a, std::move(x), gamma, beta);
  }
};

/// Sizes of Linear ReLU ... Linear and what may follow.
struct MlpShape {
  Index in = 0, hidden = 128, out = 128;
  int n_hidden = 2;
  bool norm = false;
  Activation activation = Activation::relu;
};

/// All layers of such a network but the first, which its owner computes. Parameters `name.0`,
/// `name.2`, ..., as torch.nn.Sequential numbers them; a norm follows the last.
class MlpTail {
 public:
  MlpTail() = default;
  /// @param next  number of the layer after the first and its activation, usually 2
  MlpTail(ParameterLayout& layout, const std::string& name, RowKind kind, const MlpShape& s,
          int bits = 0)
      : activation_(s.activation) {
    int k = 2;
    for (int h = 1; h < s.n_hidden; ++h, k += 2)
      layers_.emplace_back(layout, name + "." + std::to_string(k), kind, s.hidden, s.hidden, bits);
    layers_.emplace_back(layout, name + "." + std::to_string(k), kind, s.hidden, s.out, bits);
    if (s.norm) norm_ = LayerNorm(layout, name + "." + std::to_string(k + 1), s.out);
  }
  /// What follows the first layer's sums.
  [[nodiscard]] Activation activation() const noexcept { return activation_; }
  /// @param x  (row, hidden): of the first layer, activated
  template <arithmetic A>
  typename A::Tensor operator()(A& a, typename A::Tensor x) const {
    for (std::size_t k = 0; k < layers_.size(); ++k)
      x = layers_[k](a, x, k + 1 < layers_.size() ? activation_ : Activation::none);
    return norm_(a, std::move(x));
  }

 private:
  std::vector<Linear> layers_;
  LayerNorm norm_;
  Activation activation_ = Activation::relu;
};

/// Linear ReLU ... Linear, (row, in) -> (row, out), at one number of bits or the rows' own.
class Mlp {
 public:
  Mlp() = default;
  /// @param first_bits  of the given rows, where few columns make dear bits cheap; `bits`: of all
  /// others
  Mlp(ParameterLayout& layout, const std::string& name, RowKind kind, const MlpShape& s,
      int first_bits, int bits)
      : first_(layout, name + ".0", kind, s.in, s.hidden, first_bits),
        tail_(layout, name, kind, s, bits) {}
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const typename A::Tensor& x) const {
    return tail_(a, first_(a, x, tail_.activation()));
  }

 private:
  Linear first_;
  MlpTail tail_;
};

}  // namespace amq::nn
