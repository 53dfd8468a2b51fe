#pragma once
/// @file
/// The processor layer of MP-PDE, its first edge layer and its first node layer split by input.

#include <amq/arithmetic/message_passing.hpp>
#include <amq/nn/linear.hpp>
#include <amq/ops/norm.hpp>

#include <cstdint>
#include <string>

namespace amq::nn {

/// What follows the residual of a layer. Instance norm, as published, takes a graph's own mean and
/// spread out of every channel, and with them what makes one steady problem larger than another.
enum class NodeNorm : std::uint8_t { instance, layer };

/// Message phi([f_i, f_j, u_i - u_j, x_i - x_j, v_i]) for every edge j -> i, mean over the edges
/// that arrive, update f_i + psi([f_i, message, v_i]), instance norm (Brandstetter, Worrall,
/// Welling 2022, eqs. 8, 9; phi and psi are Linear Swish Linear Swish). With the weight of phi's
/// first layer cut into [W1 W2 Wu Wx Wv], it is a sum of a receiver's row and a sender's row:
///   P_i = W1 f_i + Wu u_i + Wx x_i + Wv v_i + b,   Q_j = W2 f_j - Wu u_j - Wx x_j,
/// two node products instead of one edge product (design decision 4). So is psi's first layer.
/// Parameter names and shapes are those of the public implementation.
class MpPdeLayer {
 public:
  /// @param data  number of u and x columns, differences of which enter the message
  /// @param variables  number of v columns
  MpPdeLayer(ParameterLayout& layout, const std::string& name, Index hidden, Index data,
             Index variables, NodeNorm norm = NodeNorm::instance)
      : hidden_(hidden), norm_(norm) {
    const auto [w1, b1] =
        layout.add_linear(name + ".message_net_1.0", hidden, 2 * hidden + data + variables);
    const auto [w2, b2] = layout.add_linear(name + ".message_net_2.0", hidden, hidden);
    const auto [w3, b3] =
        layout.add_linear(name + ".update_net_1.0", hidden, 2 * hidden + variables);
    const auto [w4, b4] = layout.add_linear(name + ".update_net_2.0", hidden, hidden);
    id_.features = layout.add_point(name + ".features", RowKind::node, hidden);
    id_.messages = layout.add_message_point(name + ".messages", hidden);
    id_.means = layout.add_point(name + ".means", RowKind::node, hidden);
    id_.updates = layout.add_point(name + ".updates", RowKind::node, hidden);
    id_.from_features = layout.add_weight(
        name + ".from_features",
        {{w1, 0, hidden, b1}, {w1, hidden, hidden, no_parameter}, {w3, 0, hidden, b3}});
    id_.at_receiver = layout.add_weight(name + ".at_receiver",
                                        {{w1, 2 * hidden, data + variables, no_parameter}});
    id_.at_sender = layout.add_weight(name + ".at_sender", {{w1, 2 * hidden, data, no_parameter}});
    id_.message = layout.add_weight(name + ".message", {{w2, 0, hidden, b2}});
    id_.from_means = layout.add_weight(name + ".from_means", {{w3, hidden, hidden, no_parameter}});
    has_variables_ = variables > 0;
    if (has_variables_)
      id_.from_variables =
          layout.add_weight(name + ".from_variables", {{w3, 2 * hidden, variables, no_parameter}});
    id_.update = layout.add_weight(name + ".update", {{w4, 0, hidden, b4}});
    if (norm == NodeNorm::layer) {
      gamma_ = layout.add(name + ".norm.weight", {hidden}, Init::constant(1), Role::vector);
      beta_ = layout.add(name + ".norm.bias", {hidden}, Init::constant(0), Role::vector);
    }
  }

  /// What a layer reads of the graph's fixed inputs, quantized once for all layers.
  template <arithmetic A>
  struct Inputs {
    typename A::Quantized data_and_variables;  ///< (node, data + variables): u, x, v
    typename A::Quantized data;                ///< (node, data): u, x
    typename A::Quantized variables;           ///< (node, variables); not read if there are none
  };

  /// (node, hidden) -> (node, hidden)
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const Graph& graph, const typename A::Tensor& f,
                                const Inputs<A>& in) const {
    const GivenRows<typename A::Quantized> given{in.data_and_variables, in.data,
                                                 has_variables_ ? &in.variables : nullptr};
    const auto sum = message_passing(a, graph, f, given, id_, hidden_);
    if (norm_ == NodeNorm::instance) return a.apply(ops::InstanceNorm{}, sum);
    return a.apply(ops::Affine{}, a.apply(ops::LayerNorm{}, sum), gamma_, beta_);
  }

 private:
  Index hidden_;
  MessagePassingIds id_;
  ParameterId gamma_ = no_parameter, beta_ = no_parameter;
  bool has_variables_ = false;
  NodeNorm norm_;
};

}  // namespace amq::nn
