#pragma once
/// @file
/// The processor layer of MP-PDE, its first edge layer and its first node layer split by input.

#include <amq/arithmetic/message_passing.hpp>
#include <amq/nn/linear.hpp>

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
    features_ = layout.add_point(name + ".features", RowKind::node, hidden);
    messages_ = layout.add_point(name + ".messages", RowKind::edge, hidden);
    means_ = layout.add_point(name + ".means", RowKind::node, hidden);
    updates_ = layout.add_point(name + ".updates", RowKind::node, hidden);
    from_features_ = layout.add_weight(
        name + ".from_features",
        {{w1, 0, hidden, b1}, {w1, hidden, hidden, no_parameter}, {w3, 0, hidden, b3}});
    at_receiver_ = layout.add_weight(name + ".at_receiver",
                                     {{w1, 2 * hidden, data + variables, no_parameter}});
    at_sender_ = layout.add_weight(name + ".at_sender", {{w1, 2 * hidden, data, no_parameter}});
    message_ = layout.add_weight(name + ".message", {{w2, 0, hidden, b2}});
    from_means_ = layout.add_weight(name + ".from_means", {{w3, hidden, hidden, no_parameter}});
    has_variables_ = variables > 0;
    if (has_variables_)
      from_variables_ =
          layout.add_weight(name + ".from_variables", {{w3, 2 * hidden, variables, no_parameter}});
    update_ = layout.add_weight(name + ".update", {{w4, 0, hidden, b4}});
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
    const auto sum = [&] {
      if constexpr (requires {
                      a.message_passing(graph, f, {in.data_and_variables, in.data}, ids());
                    })
        return a.message_passing(
            graph, f, {in.data_and_variables, in.data, has_variables_ ? &in.variables : nullptr},
            ids());
      else
        return in_pieces(a, graph, f, in);
    }();
    return norm_ == NodeNorm::instance ? a.instance_norm(sum) : a.layer_norm(sum, gamma_, beta_);
  }

 private:
  [[nodiscard]] MessagePassingIds ids() const noexcept {
    return {features_,  messages_, means_,      updates_, from_features_, at_receiver_,
            at_sender_, message_,  from_means_, update_,  from_variables_};
  }
  template <arithmetic A>
  typename A::Tensor in_pieces(A& a, const Graph& graph, const typename A::Tensor& f,
                               const Inputs<A>& in) const {
    const auto parts = a.linear(from_features_, a.quantize(features_, f));
    const auto receiver =
        plus_linear(a, a.columns(parts, 0, hidden_), at_receiver_, in.data_and_variables);
    const auto sender = minus_linear(a, a.columns(parts, hidden_, hidden_), at_sender_, in.data);
    auto own = a.columns(parts, 2 * hidden_, hidden_);
    if (has_variables_) own = plus_linear(a, own, from_variables_, in.variables);

    const auto means = [&] {
      if constexpr (requires { a.message_mean(graph, receiver, sender, messages_, message_); }) {
        return a.message_mean(graph, receiver, sender, messages_, message_);
      } else {
        const auto hidden = a.activate(Activation::swish, a.edge_sum(receiver, sender, graph));
        return a.segment_mean(
            a.activate(Activation::swish, a.linear(message_, a.quantize(messages_, hidden))),
            graph);
      }
    }();
    if constexpr (requires {
                    a.node_update(f, own, means, means_, from_means_, updates_, update_);
                  }) {
      return a.node_update(f, own, means, means_, from_means_, updates_, update_);
    } else {
      const auto z = a.activate(Activation::swish,
                                plus_linear(a, own, from_means_, a.quantize(means_, means)));
      const auto step = a.activate(Activation::swish, a.linear(update_, a.quantize(updates_, z)));
      return a.add(f, step);
    }
  }

  Index hidden_;
  PointId features_{}, messages_{}, means_{}, updates_{};
  WeightId from_features_{}, at_receiver_{}, at_sender_{}, message_{}, from_means_{},
      from_variables_{}, update_{};
  ParameterId gamma_ = no_parameter, beta_ = no_parameter;
  bool has_variables_ = false;
  NodeNorm norm_;
};

}  // namespace amq::nn
