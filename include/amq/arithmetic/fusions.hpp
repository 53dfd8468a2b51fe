#pragma once
/// @file
/// What an arithmetic may do in one step, to the bit what several would give. Models ask for it
/// here: an arithmetic with a member of that name runs its own, every other one the composition.
///
// clang-format off
/// | fusion            | composition                                                         | of its own in        |
/// |-------------------|---------------------------------------------------------------------|----------------------|
/// | linear_onto       | linear, then Add or Subtract                                        | Fixed, Training      |
/// | activate_sum      | Add, Activate                                                       | Float32, Fixed       |
/// | dense             | quantize, linear, Activate                                          | Fixed                |
/// | dense_onto        | dense, Add to a tensor, Activate                                    | Fixed                |
/// | layer_norm        | LayerNorm, Affine                                                   | Float32, Fixed       |
/// | dense_of_heads    | SplitHeads, quantize, linear                                        | Fixed                |
/// | residual          | Add of x and its branch; rows of 0 bits at a point stay x           | all but Float32      |
/// | convolve          | a patches operation, then dense                                     | Fixed                |
/// | message_mean      | EdgeSum, Activate, quantize, linear, Activate, SegmentMean          | Fixed, Training      |
/// | node_update       | quantize, linear_onto, Activate, quantize, linear, Activate, Add    | Fixed                |
/// | message_passing   | linear and linear_onto, message_mean, node_update                   | Fixed                |
// clang-format on
///
/// The last three are in message_passing.hpp.

#include <amq/arithmetic/concept.hpp>
#include <amq/ops/elementwise.hpp>
#include <amq/ops/norm.hpp>
#include <amq/ops/rows.hpp>

#include <utility>

namespace amq::arithmetics {

/// f(x); x itself where f is none.
template <arithmetic A>
typename A::Tensor activate(A& a, Activation f, typename A::Tensor x) {
  return f == Activation::none ? x : a.apply(ops::Activate{f}, std::move(x));
}

/// x + (q W^T + b), or x - (q W^T + b).
template <arithmetic A>
typename A::Tensor linear_onto(A& a, typename A::Tensor x, bool minus, WeightId w,
                               const typename A::Quantized& q) {
  if constexpr (requires { a.linear_onto(std::move(x), minus, w, q); })
    return a.linear_onto(std::move(x), minus, w, q);
  else
    return minus ? a.apply(ops::Subtract{}, x, a.linear(w, q))
                 : a.apply(ops::Add{}, x, a.linear(w, q));
}

/// f(x + y)
template <arithmetic A>
typename A::Tensor activate_sum(A& a, Activation f, typename A::Tensor x, typename A::Tensor y) {
  if constexpr (requires { a.activate_sum(f, std::move(x), std::move(y)); })
    return a.activate_sum(f, std::move(x), std::move(y));
  else
    return activate(a, f, a.apply(ops::Add{}, std::move(x), std::move(y)));
}

/// f(q W^T + b) of rows that nobody else reads.
template <arithmetic A>
typename A::Tensor dense(A& a, PointId point, WeightId weight, const typename A::Tensor& x,
                         Activation f = Activation::none) {
  if constexpr (requires { a.dense(point, weight, x, f); })
    return a.dense(point, weight, x, f);
  else
    return activate(a, f, a.linear(weight, a.quantize(point, x)));
}

/// after(x + dense(of)): `of` may be x.
template <arithmetic A>
typename A::Tensor dense_onto(A& a, typename A::Tensor x, PointId point, WeightId weight,
                              typename A::Tensor of, Activation f = Activation::none,
                              Activation after = Activation::none) {
  if constexpr (requires { a.dense_onto(std::move(x), point, weight, std::move(of), f, after); })
    return a.dense_onto(std::move(x), point, weight, std::move(of), f, after);
  else
    return activate_sum(a, after, x, dense(a, point, weight, of, f));
}

/// LayerNorm of each row, times gamma, plus beta.
template <arithmetic A>
typename A::Tensor layer_norm(A& a, typename A::Tensor x, ParameterId gamma, ParameterId beta) {
  if constexpr (requires { a.layer_norm(std::move(x), gamma, beta); })
    return a.layer_norm(std::move(x), gamma, beta);
  else
    return a.apply(ops::Affine{}, a.apply(ops::LayerNorm{}, x), gamma, beta);
}

/// q W^T + b of the rows of each head, one head after the other: by one weight, or a group a head.
/// @param x  (row, heads x channel)
template <arithmetic A>
typename A::Tensor dense_of_heads(A& a, Index heads, PointId point, WeightId weight,
                                  const typename A::Tensor& x) {
  if constexpr (requires { a.dense_of_heads(heads, point, weight, x); })
    return a.dense_of_heads(heads, point, weight, x);
  else
    return a.linear(weight, a.quantize(point, a.apply(ops::SplitHeads{heads}, x)));
}

/// x + branch(x). A row of 0 bits at `point`, the branch's first, stays as it is: nothing of the
/// branch is computed for it, or counted. The branch computes each row by itself, and its points
/// have x's rows.
/// @param branch  Tensor(const Tensor&)
template <arithmetic A, typename Branch>
typename A::Tensor residual(A& a, PointId point, const typename A::Tensor& x,
                            const Branch& branch) {
  if constexpr (requires { a.residual(point, x, branch); })
    return a.residual(point, x, branch);
  else
    return a.apply(ops::Add{}, x, branch(x));
}

/// f(), a row for each of n clusters. Each row depends on what f reads for this cluster alone, and
/// on products of others' rows that MaskedAttention reads; the result is a product, too. Where
/// several share the work, f runs on the rows of a share (ClusterShare): codes of the rows that
/// those products multiply are told to all, so that all get all rows.
template <arithmetic A, typename F>
typename A::Tensor shared_rows(A& a, Index n, const F& f) {
  if constexpr (requires { a.shared_rows(n, f); })
    return a.shared_rows(n, f);
  else
    return f();
}

/// f(q W^T + b) of patches of points.
/// @param p  ops::Patches
template <arithmetic A, ops::operation Patches>
typename A::Tensor convolve(A& a, const Patches& p, PointId point, WeightId weight,
                            const typename A::Tensor& x, Activation f = Activation::none) {
  if constexpr (requires { a.convolve(p, point, weight, x, f); })
    return a.convolve(p, point, weight, x, f);
  else
    return activate(a, f, a.linear(weight, a.quantize(point, a.apply(p, x))));
}

}  // namespace amq::arithmetics
