#pragma once
/// @file
/// A gated recurrent unit that reads the members of every cluster one after the other.

#include <amq/arithmetic/fusions.hpp>
#include <amq/ops/rows.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace amq::nn {

/// Who is read when: at step t cluster c reads node[t][c], if live[t][c].
struct ReadingOrder {
  std::vector<std::vector<std::int32_t>> node;
  std::vector<std::vector<std::uint8_t>> live;
};

/// torch.nn.GRU of one layer, from a zero state; the result is the state after a cluster's last
/// member, so it depends on their order (Cho et al. 2014; reset after the product). What a node's
/// row contributes is one product over all nodes, at the nodes' bits; the state's product is over
/// clusters, at theirs. Parameters `name.weight_ih_l0`, `name.weight_hh_l0` and their biases.
class Gru {
 public:
  Gru() = default;
  Gru(ParameterLayout& layout, const std::string& name, Index in, Index hidden) : hidden_(hidden) {
    const auto init = Init::fan_in(hidden);
    const auto wi = layout.add(name + ".weight_ih_l0", {3 * hidden, in}, init);
    const auto wh = layout.add(name + ".weight_hh_l0", {3 * hidden, hidden}, init);
    const auto bi = layout.add(name + ".bias_ih_l0", {3 * hidden}, init, Role::vector);
    const auto bh = layout.add(name + ".bias_hh_l0", {3 * hidden}, init, Role::vector);
    inputs_ = layout.add_point(name + ".inputs", RowKind::node, in);
    state_ = layout.add_point(name + ".state", RowKind::cluster, hidden);
    from_inputs_ = layout.add_weight(name + ".from_inputs", {{wi, 0, in, bi}});
    from_state_ = layout.add_weight(name + ".from_state", {{wh, 0, hidden, bh}});
  }
  /// @param x      (node, in)
  /// @param begin  (cluster, hidden) zeros
  /// @param order  lives until backward() is over
  /// @returns      (cluster, hidden)
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const typename A::Tensor& x, const typename A::Tensor& begin,
                                const ReadingOrder& order) const {
    return states(a, inputs(a, x), begin, order);
  }
  /// What nodes contribute: (node, 3 hidden).
  template <arithmetic A>
  typename A::Tensor inputs(A& a, const typename A::Tensor& x) const {
    return a.linear(from_inputs_, a.quantize(inputs_, x));
  }
  /// @param all  what nodes contribute
  template <arithmetic A>
  typename A::Tensor states(A& a, const typename A::Tensor& all, const typename A::Tensor& begin,
                            const ReadingOrder& order) const {
    const Index n = hidden_;
    auto h = begin;
    for (std::size_t t = 0; t < order.node.size(); ++t) {
      const auto i = a.apply(ops::Gather{order.node[t], RowKind::cluster}, all);
      const auto s = dense(a, state_, from_state_, h);
      const auto gates =
          activate_sum(a, Activation::sigmoid, a.columns(i, 0, 2 * n), a.columns(s, 0, 2 * n));
      const auto reset = a.columns(gates, 0, n), keep = a.columns(gates, n, n);
      const auto fresh = activate_sum(a, Activation::tanh, a.columns(i, 2 * n, n),
                                      a.apply(ops::Multiply{}, reset, a.columns(s, 2 * n, n)));
      const auto next = a.apply(ops::Add{}, fresh,
                                a.apply(ops::Multiply{}, keep, a.apply(ops::Subtract{}, h, fresh)));
      h = a.apply(ops::ChooseRows{order.live[t]}, next, h);
    }
    return h;
  }

 private:
  Index hidden_ = 0;
  PointId inputs_{}, state_{};
  WeightId from_inputs_{}, from_state_{};
};

}  // namespace amq::nn
