#pragma once
/// @file
/// The message-passing block of MeshGraphNets and GraphViT: edges carry features of their own, and
/// both first layers are split by input.

#include <amq/nn/mlp.hpp>
#include <amq/ops/graph.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace amq::nn {

/// For every edge j -> i  e'_ij = phi([v_i, v_j, e_ij]), at every node  v'_i = psi([v_i, sum_j
/// e'_ij]) (Pfaff et al. 2021, eq. 1-2, in the order of Janny et al. 2023's code, where messages
/// are summed at the node named first). phi and psi are Linear ReLU Linear ReLU Linear, with a
/// LayerNorm or without. phi's first weight, cut into [W1 W2 We], is a receiver's row plus a
/// sender's row plus We e_ij: the edge product shrinks from 2 n + e columns to e (design
/// decision 4).
///
/// A node's row may be joined of several sources, each with a quantization point of its own, e.g.
/// features at adaptive bits beside positional codes at fixed ones.
/// Parameters `name.f_edge.f.0` ... and `name.f_node.f.0` ..., as in the public EAGLE code.
class MeshGraphLayer {
 public:
  /// Columns [first, first + n) of the node's row.
  struct Source {
    std::string name;
    Index n = 0;
    RowKind kind = RowKind::node;
    /// Bits of every row in every scheme; 0: the row's own.
    int bits = 0;
  };
  struct Shape {
    std::vector<Source> sources;
    Index edge = 128;    ///< channels of e and e'
    Index hidden = 128;  ///< of phi and psi
    Index out = 128;     ///< channels of v'
    bool norm = true;
    int n_hidden = 2;  ///< hidden layers of phi and psi
  };

  MeshGraphLayer(ParameterLayout& layout, const std::string& name, const Shape& s)
      : hidden_(s.hidden) {
    Index n = 0;
    for (const Source& source : s.sources) n += source.n;
    const std::string edge = name + ".f_edge.f", node = name + ".f_node.f";
    const auto [we, be] = layout.add_linear(edge + ".0", s.hidden, 2 * n + s.edge);
    edge_tail_ = MlpTail(layout, edge, RowKind::edge,
                         {0, s.hidden, s.edge, s.n_hidden, s.norm, Activation::relu});
    const auto [wn, bn] = layout.add_linear(node + ".0", s.hidden, n + s.edge);
    node_tail_ = MlpTail(layout, node, RowKind::node,
                         {0, s.hidden, s.out, s.n_hidden, s.norm, Activation::relu});
    Index first = 0;
    for (const Source& source : s.sources) {
      const bool last = first + source.n == n;
      sources_.push_back(
          {layout.add_point(name + "." + source.name, source.kind, source.n, source.bits),
           layout.add_weight(name + ".from_" + source.name,
                             {{we, first, source.n, last ? be : no_parameter},
                              {we, n + first, source.n, no_parameter},
                              {wn, first, source.n, last ? bn : no_parameter}})});
      first += source.n;
    }
    edges_ = layout.add_point(name + ".edges", RowKind::edge, s.edge);
    from_edges_ = layout.add_weight(name + ".from_edges", {{we, 2 * n, s.edge, no_parameter}});
    sums_ = layout.add_point(name + ".sums", RowKind::node, s.edge);
    from_sums_ = layout.add_weight(name + ".from_sums", {{wn, n, s.edge, no_parameter}});
  }

  /// (row, 3 hidden): what source k adds to a receiver, to a sender, and to the node itself. Rows
  /// of clusters are gathered to their nodes before they are added.
  template <arithmetic A>
  typename A::Tensor from(A& a, std::size_t k, const typename A::Tensor& x) const {
    return dense(a, sources_[k].point, sources_[k].weight, x);
  }
  template <typename Tensor>
  struct Output {
    Tensor node, edge;
  };
  /// @param parts  (node, 3 hidden): the sum of from(k) over all sources
  /// @param e      (edge, edge channels)
  /// @returns      (node, out), (edge, edge channels): v' and e', without residuals
  template <arithmetic A>
  Output<typename A::Tensor> operator()(A& a, const Graph& g, const typename A::Tensor& parts,
                                        const typename A::Tensor& e) const {
    auto ends =
        a.apply(ops::EdgeSum{g}, a.columns(parts, 0, hidden_), a.columns(parts, hidden_, hidden_));
    const auto message = edge_tail_(a, dense_onto(a, std::move(ends), edges_, from_edges_, e,
                                                  Activation::none, edge_tail_.activation()));
    return {node_tail_(a, dense_onto(a, a.columns(parts, 2 * hidden_, hidden_), sums_, from_sums_,
                                     a.apply(ops::SegmentSum{g}, message), Activation::none,
                                     node_tail_.activation())),
            message};
  }

 private:
  struct From {
    PointId point;
    WeightId weight;
  };
  Index hidden_;
  std::vector<From> sources_;
  PointId edges_{}, sums_{};
  WeightId from_edges_{}, from_sums_{};
  MlpTail edge_tail_, node_tail_;
};

}  // namespace amq::nn
