#pragma once
/// @file
/// Names of what a layer of message passing is made of, for arithmetics that take it whole.

#include <amq/arithmetic/parameter.hpp>

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

}  // namespace amq
