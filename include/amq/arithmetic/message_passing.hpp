#pragma once
/// @file
/// A layer of message passing: what it is made of, for arithmetics that take it whole, and the same
/// operation by operation, for all others.

#include <amq/arithmetic/fusions.hpp>
#include <amq/ops/graph.hpp>

#include <utility>

namespace amq::arithmetics {

/// P = W f + G given, Q = S f - H given, R = U f + V given; [W, S, U] are the outputs of one
/// weight. m_ij = swish(M swish(P_i + Q_j)), mean over the edges that arrive at i; z = swish(R + N
/// mean), result f + swish(L z).
struct MessagePassingIds {
  PointId features{}, messages{}, means{}, updates{};
  WeightId from_features{}, at_receiver{}, at_sender{}, message{}, from_means{}, update{};
  WeightId from_variables{};  ///< V, read only where own rows are given
};

/// Rows that do not change from layer to layer, as codes.
template <typename Quantized>
struct GivenRows {
  const Quantized &at_receiver, &at_sender;
  const Quantized* own = nullptr;  ///< null: V is not there
};

/// The same as message_mean(), operation by operation.
template <arithmetic A>
typename A::Tensor message_mean_in_pieces(A& a, const Graph& g,
                                          const typename A::Tensor& at_receiver,
                                          const typename A::Tensor& at_sender, PointId point,
                                          WeightId weight) {
  const auto h = activate(a, Activation::swish, a.apply(ops::EdgeSum{g}, at_receiver, at_sender));
  return a.apply(ops::SegmentMean{g},
                 activate(a, Activation::swish, a.linear(weight, a.quantize(point, h))));
}

/// (node, channel): the mean over the edges that arrive of swish(M swish(P_i + Q_j)).
template <arithmetic A>
typename A::Tensor message_mean(A& a, const Graph& g, const typename A::Tensor& at_receiver,
                                const typename A::Tensor& at_sender, PointId point,
                                WeightId weight) {
  if constexpr (requires { a.message_mean(g, at_receiver, at_sender, point, weight); })
    return a.message_mean(g, at_receiver, at_sender, point, weight);
  else
    return message_mean_in_pieces(a, g, at_receiver, at_sender, point, weight);
}

/// The same as node_update(), operation by operation.
template <arithmetic A>
typename A::Tensor node_update_in_pieces(A& a, const typename A::Tensor& f,
                                         const typename A::Tensor& own,
                                         const typename A::Tensor& means, PointId at_means,
                                         WeightId from_means, PointId at_update, WeightId update) {
  const auto z = activate(a, Activation::swish,
                          linear_onto(a, own, false, from_means, a.quantize(at_means, means)));
  return a.apply(ops::Add{}, f,
                 activate(a, Activation::swish, a.linear(update, a.quantize(at_update, z))));
}

/// f + swish(L swish(own + N means)).
template <arithmetic A>
typename A::Tensor node_update(A& a, const typename A::Tensor& f, const typename A::Tensor& own,
                               const typename A::Tensor& means, PointId at_means,
                               WeightId from_means, PointId at_update, WeightId update) {
  if constexpr (requires { a.node_update(f, own, means, at_means, from_means, at_update, update); })
    return a.node_update(f, own, means, at_means, from_means, at_update, update);
  else
    return node_update_in_pieces(a, f, own, means, at_means, from_means, at_update, update);
}

/// The layer as its parts; edges and nodes whole where the arithmetic can.
/// @param hidden, inner  channels of P and Q, and of R
template <arithmetic A>
typename A::Tensor message_passing_in_pieces(A& a, const Graph& g, const typename A::Tensor& f,
                                             const GivenRows<typename A::Quantized>& given,
                                             const MessagePassingIds& id, Index hidden,
                                             Index inner) {
  const auto parts = a.linear(id.from_features, a.quantize(id.features, f));
  const auto receiver =
      linear_onto(a, a.columns(parts, 0, hidden), false, id.at_receiver, given.at_receiver);
  const auto sender =
      linear_onto(a, a.columns(parts, hidden, hidden), true, id.at_sender, given.at_sender);
  auto own = a.columns(parts, 2 * hidden, inner);
  if (given.own) own = linear_onto(a, own, false, id.from_variables, *given.own);
  const auto means = message_mean(a, g, receiver, sender, id.messages, id.message);
  auto y = node_update(a, f, own, means, id.means, id.from_means, id.updates, id.update);
  if constexpr (requires { a.skipping(id.updates, f, y); })
    return a.skipping(id.updates, f, std::move(y));
  else
    return y;
}

/// (node, channel): a layer. Where the plan says so (BitPlan::zero_skips), a node of 0 bits at
/// `id.updates` has its row of f.
/// @param hidden  channels of P and Q, and of R
template <arithmetic A>
typename A::Tensor message_passing(A& a, const Graph& g, const typename A::Tensor& f,
                                   const GivenRows<typename A::Quantized>& given,
                                   const MessagePassingIds& id, Index hidden) {
  if constexpr (requires { a.message_passing(g, f, given, id); })
    return a.message_passing(g, f, given, id);
  else
    return message_passing_in_pieces(a, g, f, given, id, hidden, hidden);
}

}  // namespace amq::arithmetics
