#pragma once
/// @file
/// A fully connected layer: its weight, and the point where its input is quantized.

#include <amq/arithmetic/concept.hpp>

#include <string>

namespace amq::nn {

namespace detail {
/// The product of quantized rows that nobody else reads; whole, where the arithmetic does that.
template <typename A>
typename A::Tensor dense(A& a, PointId point, WeightId weight, const typename A::Tensor& x) {
  if constexpr (requires { a.dense(point, weight, x); })
    return a.dense(point, weight, x);
  else
    return a.linear(weight, a.quantize(point, x));
}
}  // namespace detail

/// y = x W^T + b, (row, in) -> (row, out). Parameters `name.weight` (out, in), `name.bias` (out).
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
  typename A::Tensor operator()(A& a, const typename A::Tensor& x) const {
    return detail::dense(a, point, weight, x);
  }
};

}  // namespace amq::nn
