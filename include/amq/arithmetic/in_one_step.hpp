#pragma once
/// @file
/// What an arithmetic may do in one step, to the bit what two would give: models ask for it here.

#include <amq/arithmetic/concept.hpp>

#include <utility>

namespace amq {

/// x + (q W^T + b), or x - (q W^T + b).
template <typename A>
typename A::Tensor linear_onto(A& a, typename A::Tensor x, bool minus, WeightId w,
                               const typename A::Quantized& q) {
  if constexpr (requires { a.linear_onto(std::move(x), minus, w, q); })
    return a.linear_onto(std::move(x), minus, w, q);
  else
    return minus ? a.subtract(x, a.linear(w, q)) : a.add(x, a.linear(w, q));
}

/// f(x + y)
template <typename A>
typename A::Tensor activate_sum(A& a, Activation f, typename A::Tensor x, typename A::Tensor y) {
  if constexpr (requires { a.activate_sum(f, std::move(x), std::move(y)); })
    return a.activate_sum(f, std::move(x), std::move(y));
  else
    return a.activate(f, a.add(x, y));
}

/// f(q W^T + b) of rows that nobody else reads.
template <typename A>
typename A::Tensor dense(A& a, PointId point, WeightId weight, const typename A::Tensor& x,
                         Activation f = Activation::none) {
  if constexpr (requires { a.dense(point, weight, x, f); }) {
    return a.dense(point, weight, x, f);
  } else {
    auto y = a.linear(weight, a.quantize(point, x));
    return f == Activation::none ? y : a.activate(f, std::move(y));
  }
}

/// f(q W^T + b) of patches of points.
/// @param p  ops::Patches
template <typename A, typename Patches>
typename A::Tensor convolve(A& a, const Patches& p, PointId point, WeightId weight,
                            const typename A::Tensor& x, Activation f = Activation::none) {
  if constexpr (requires { a.convolve(p, point, weight, x, f); }) {
    return a.convolve(p, point, weight, x, f);
  } else {
    auto y = a.linear(weight, a.quantize(point, a.apply(p, x)));
    return f == Activation::none ? y : a.activate(f, std::move(y));
  }
}

}  // namespace amq
