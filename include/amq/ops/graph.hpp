#pragma once
/// @file
/// Operations between the nodes of a graph and its edges. Sums run in the order of the edges.

#include <amq/mesh/graph.hpp>
#include <amq/ops/operation.hpp>

#include <algorithm>

namespace amq::ops {

/// Edge e: the row of its receiver plus that of its sender. What is left of an edge network's first
/// layer after it has been split.
struct EdgeSum {
  static constexpr int inputs = 2;
  static constexpr bool takes_columns = true;

  const Graph& graph;  ///< lives until backward() is over

  [[nodiscard]] MatrixShape shape(MatrixShape at_receiver, MatrixShape at_sender) const {
    detail::expect_shape("EdgeSum", {graph.n_nodes(), at_receiver.cols}, at_receiver);
    detail::expect_shape("EdgeSum", at_receiver, at_sender);
    return {graph.n_edges(), at_receiver.cols};
  }
  [[nodiscard]] RowKind kind(RowKind) const noexcept { return RowKind::edge; }
  [[nodiscard]] double cost(MatrixShape s, MatrixShape) const noexcept {
    return MatrixShape{graph.n_edges(), s.cols}.size();
  }
  template <typename T>
  void forward(MatrixView<const T> at_receiver, MatrixView<const T> at_sender, MatrixView<T> out,
               Executor& executor) const {
    detail::runs(out.rows, false, executor, [&](Index e, Index) {
      const T* a = at_receiver.row(graph.receiver[static_cast<std::size_t>(e)]);
      const T* b = at_sender.row(graph.sender[static_cast<std::size_t>(e)]);
      T* o = out.row(e);
      for (Index c = 0; c < out.cols; ++c) o[c] = a[c] + b[c];
    });
  }
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T>,
                MatrixView<const T> d, MatrixView<T> d_receiver,
                MatrixView<T> d_sender) const noexcept {
    for (Index e = 0; e < d.rows; ++e) {
      const auto k = static_cast<std::size_t>(e);
      if (d_receiver.data) detail::add_row(d_receiver.row(graph.receiver[k]), d.row(e), d.cols);
      if (d_sender.data) detail::add_row(d_sender.row(graph.sender[k]), d.row(e), d.cols);
    }
  }
};

/// Node i: the sum of the edges that arrive at i, or their mean. A node without edges gets 0.
template <bool Mean>
struct Segment {
  static constexpr bool takes_columns = true;

  const Graph& graph;  ///< lives until backward() is over

  [[nodiscard]] MatrixShape shape(MatrixShape s) const {
    detail::expect_shape(Mean ? "SegmentMean" : "SegmentSum", {graph.n_edges(), s.cols}, s);
    return {graph.n_nodes(), s.cols};
  }
  [[nodiscard]] RowKind kind(RowKind) const noexcept { return RowKind::node; }
  [[nodiscard]] double cost(MatrixShape s) const noexcept { return s.size(); }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor& executor) const {
    detail::runs(out.rows, false, executor, [&](Index i, Index) {
      T* o = out.row(i);
      std::fill_n(o, out.cols, T(0));
      const Index begin = graph.first[static_cast<std::size_t>(i)],
                  end = graph.first[static_cast<std::size_t>(i) + 1];
      for (Index e = begin; e < end; ++e) detail::add_row(o, x.row(e), out.cols);
      if (Mean && end > begin) {
        const T share = T(1) / static_cast<T>(end - begin);
        for (Index c = 0; c < out.cols; ++c) o[c] *= share;
      }
    });
  }
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T> dy,
                MatrixView<T> dx) const noexcept {
    for (Index i = 0; dx.data && i < dy.rows; ++i) {
      const Index degree = graph.in_degree(i), begin = graph.first[static_cast<std::size_t>(i)];
      const T share = Mean && degree > 0 ? T(1) / static_cast<T>(degree) : T(1);
      for (Index e = begin; e < begin + degree; ++e)
        for (Index c = 0; c < dy.cols; ++c) dx(e, c) += share * dy(i, c);
    }
  }
};
using SegmentMean = Segment<true>;
using SegmentSum = Segment<false>;

static_assert(operation<EdgeSum> && operation<SegmentMean> && operation<SegmentSum>);

}  // namespace amq::ops
