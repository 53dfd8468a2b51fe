#pragma once
/// @file
/// A fully connected layer: its weight, and the point where its input is quantized.

#include <amq/arithmetic/fusions.hpp>

#include <string>

namespace amq::nn {

/// y = f(x W^T + b), (row, in) -> (row, out). Parameters `name.weight` (out, in), `name.bias`
/// (out).
struct Linear {
  WeightId weight{};
  PointId point{};

  Linear() = default;
  /// @param bits  0: the row's own bits; else the same for every row in every scheme
  Linear(ParameterLayout& layout, const std::string& name, RowKind kind, Index in, Index out,
         int bits = 0) {
    const auto [w, b] = layout.add_linear(name, out, in);
    weight = layout.add_weight(name, {{w, 0, in, b}});
    point = layout.add_point(name + ".input", kind, in, bits);
  }
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const typename A::Tensor& x,
                                Activation f = Activation::none) const {
    return dense(a, point, weight, x, f);
  }
};

}  // namespace amq::nn
