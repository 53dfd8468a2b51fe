#pragma once
/// @file
/// A layer of message passing: what it is made of, for arithmetics that take it whole, and the same
/// operation by operation, for all others.

#include <amq/arithmetic/in_one_step.hpp>

namespace amq {

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

/// The layer as its operations; edges and nodes whole where the arithmetic can.
/// @param hidden, inner  channels of P and Q, and of R
template <typename A>
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

  const auto means = [&] {
    if constexpr (requires { a.message_mean(g, receiver, sender, id.messages, id.message); }) {
      return a.message_mean(g, receiver, sender, id.messages, id.message);
    } else {
      const auto h = a.activate(Activation::swish, a.edge_sum(receiver, sender, g));
      return a.segment_mean(
          a.activate(Activation::swish, a.linear(id.message, a.quantize(id.messages, h))), g);
    }
  }();
  if constexpr (requires {
                  a.node_update(f, own, means, id.means, id.from_means, id.updates, id.update);
                }) {
    return a.node_update(f, own, means, id.means, id.from_means, id.updates, id.update);
  } else {
    const auto z = a.activate(
        Activation::swish, linear_onto(a, own, false, id.from_means, a.quantize(id.means, means)));
    return a.add(f, a.activate(Activation::swish, a.linear(id.update, a.quantize(id.updates, z))));
  }
}

}  // namespace amq
