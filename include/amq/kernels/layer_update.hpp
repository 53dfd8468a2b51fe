#pragma once
/// @file
/// A whole message-passing layer, receivers tile by tile. Of what lies between features and result
/// only the senders' rows are stored, since any receiver may ask for any of them:
///
///   Q    = the codes of features_j times S^T                   before, by coded_linear()
///   P, R = the codes of features_i times [W | U]^T             of a tile of receivers, in L2
///   means_i = message_mean(P, Q),   out_i = node_update(features_i, R_i, means_i)
///
/// To the bit what these calls give one after the other, for any number of threads. Memory beyond
/// features and result is one row a node.

#include <amq/kernels/gemm.hpp>
#include <amq/kernels/node_update.hpp>

#include <utility>

namespace amq::kernels {

/// What rows that do not change from layer to layer add to a part; none without weights.
struct GivenPart {
  RowsView rows;  ///< all in their own order
  const PackedWeights* weights = nullptr;
};

/// What layer_update() reads. Pointers must outlive the call.
template <typename Rule, Containers C = any_container>
struct BasicLayerUpdate {
  BasicMessageLayer<Rule, C> edges;  ///< its at_receiver is made here
  BasicNodeUpdate<Rule, C> nodes;    ///< its means and own are made here
  BasicCodedProduct<Rule, C>
      parts;                      ///< features to [P | R]: (hidden + out of nodes.first, channels)
  GivenPart to_receiver, to_own;  ///< added to P and to R
};
using LayerUpdate = BasicLayerUpdate<AnyRule>;

inline namespace AMQ_LEVEL {

namespace detail {

/// Receivers of a tile: their parts, messages and means stay in L2.
inline constexpr Index tile_receivers = 2 * tile_edges;

struct LayerScratch {
  AlignedVector<float> parts, means;
};
inline LayerScratch& layer_scratch(Index parts, Index means) {
  thread_local LayerScratch s;
  at_least(s.parts, tile_receivers * parts);
  at_least(s.means, tile_receivers * means);
  return s;
}

/// Rows begin .. end of x at their own bits times the weights, activated, and added to the base.
/// @param y  row 0 belongs to row `begin`; contiguous
template <typename Arch, typename Rule, Containers C>
void coded_range(MatrixView<const float> x, const BasicCodedProduct<Rule, C>& p,
                 const RowLevels& levels, float* y, Index begin, Index end,
                 Activation f = Activation::none, const Onto& onto = {}) {
  Panel panel(x.cols, 1, panel_shape<Arch>);
  BlockGrids grids[tile_edges / block_rows];
  const Index out = p.weights->out();
  thread_local AlignedVector<float> nearby;
  if (onto.base.data) at_least(nearby, tile_edges * out);
  for (Index i = begin; i < end; i += tile_edges) {
    const Index count = std::min(tile_edges, end - i);
    float* const rows = y + (i - begin) * out;
    float* const product = onto.base.data ? nearby.data() : rows;
    coded_product<Arch>(TileRows(p, levels, i, count, [&](Index k) { return x.row(i + k); }), count,
                        p, panel, product, grids);
    if (f != Activation::none) activate<Arch>(f, product, product, count * out);
    if (onto.base.data)
      for (Index r = 0; r < count; ++r)
        activate_sum<Arch>(onto.after, onto.base.row(i + r), product + r * out, rows + r * out,
                           out);
  }
}

/// y += what the given rows begin .. add to it.
template <typename Arch>
void add_given(const GivenPart& g, MatrixView<float> y, Index begin) noexcept {
  if (!g.weights) return;
  RowsView rows = g.rows;
  rows.codes = g.rows.row(begin);
  rows.grid = &g.rows.grid_of(begin);
  rows.rows = y.rows;
  onto_range<Arch, false, any_container>(rows, *g.weights, y, y, 0, y.rows);
}

struct LayerLevels {
  RowLevels parts, first, second, edges;
};

template <typename Arch, typename Rule, Containers C>
void layer_range(const BasicLayerUpdate<Rule, C>& u, const LayerLevels& levels,
                 MatrixView<float> out, Index first, Index last) {
  const Index hidden = u.edges.weights->in(), channels = u.edges.weights->out(),
              inner = u.nodes.first.weights->out(), width = hidden + inner;
  auto& scratch = layer_scratch(width, channels);
  for (Index i = first; i < last; i += tile_receivers) {
    const Index end = std::min(last, i + tile_receivers), n = end - i;
    float* const parts = scratch.parts.data();
    coded_range<Arch>(u.nodes.features, u.parts, levels.parts, parts, i, end);
    const MatrixView<float> receivers(parts, n, hidden, width),
        own(parts + hidden, n, inner, width), means(scratch.means.data(), n, channels);
    add_given<Arch>(u.to_receiver, receivers, i);
    add_given<Arch>(u.to_own, own, i);
    message_range<Arch>(u.edges, levels.edges, receivers, means, i, end);
    node_range<Arch>(u.nodes, levels.first, levels.second, means, own, out, i, end);
  }
}

}  // namespace detail

/// Floats at the bits of their rows to floats, in place of quantize_rows() and linear() by buckets:
/// the codes stay in L1 and nothing is sorted. Then activated, and added to a base.
/// @param out  (row, out of the weights); may be the base, and then x, too
/// @throws Error if shapes or bits do not fit together, or for more than 896 channels
template <typename Arch = simd::Native, typename Rule = AnyRule, Containers C = any_container>
void coded_linear(MatrixView<const float> x, const BasicCodedProduct<Rule, C>& p,
                  MatrixView<float> out, Executor& executor = serial_executor(),
                  Activation f = Activation::none, const Onto& onto = {}) {
  const bool based = !onto.base.data || (onto.base.rows == out.rows && onto.base.cols == out.cols);
  if (!p.weights || x.rows != out.rows || x.cols > detail::longest_tile_row || !out.contiguous() ||
      !based)
    throw Error("coded_linear", "packed weights, as many rows out as in, at most 896 channels",
                std::to_string(x.rows) + " and " + std::to_string(out.rows) + " rows of " +
                    std::to_string(x.cols),
                "Use quantize_rows() and linear().");
  detail::check_shapes("coded_linear", x.cols, out.cols, *p.weights);
  detail::check_bits("coded_linear", p, x.rows);
  const auto levels = detail::row_levels(p);
  executor.parallel_for(
      static_cast<std::size_t>(x.rows), detail::grain, [&](std::size_t begin, std::size_t end) {
        const auto i = static_cast<Index>(begin);
        detail::coded_range<Arch>(x, p, levels, out.row(i), i, static_cast<Index>(end), f, onto);
      });
}

/// Of the receivers first .. last alone: the others may wait for rows that are still to come.
/// @param out  (node, channels); may be where `features` lie
/// @throws Error if shapes or bits do not fit together, or for more than 896 channels
template <typename Arch = simd::Native, typename Rule = AnyRule, Containers C = any_container>
void layer_update(const BasicLayerUpdate<Rule, C>& u, MatrixView<float> out, Index first,
                  Index last, Executor& executor = serial_executor()) {
  const Index nodes = out.rows;
  const auto want = [](bool ok, const char* expected, Index found) {
    if (!ok)
      throw Error("layer_update", expected, std::to_string(found),
                  "Build the layer's parts from one graph and one model.");
  };
  want(u.parts.weights != nullptr, "packed weights of the receivers' parts", 0);
  const MatrixView<const float> f = u.nodes.features;
  want(f.cols == u.parts.weights->in() && f.cols <= detail::longest_tile_row,
       "features as long as the parts' inputs, at most 896", f.cols);
  detail::check_bits("layer_update", u.parts, nodes);
  // The rest as message_mean() and node_update() would have it, whose rows are not there yet.
  want(u.edges.weights && u.nodes.first.weights, "packed weights of messages and means", 0);
  const Index hidden = u.edges.weights->in(), inner = u.nodes.first.weights->out();
  want(u.parts.weights->out() == hidden + inner, "parts of a receiver and of its update, together",
       u.parts.weights->out());
  detail::check(u.edges, nodes, hidden, u.edges.weights->out());
  detail::check(u.nodes, f.rows, u.edges.weights->out(), inner, out);
  for (const auto& [given, cols] : {std::pair{&u.to_receiver, hidden}, {&u.to_own, inner}}) {
    if (!given->weights) continue;
    detail::check_shapes("layer_update", given->rows.cols, cols, *given->weights);
    want(given->rows.rows == nodes && !given->rows.order, "a given row for every node, in order",
         given->rows.rows);
  }
  const detail::LayerLevels levels{detail::row_levels(u.parts), detail::row_levels(u.nodes.first),
                                   detail::row_levels(u.nodes.second), detail::row_levels(u.edges)};
  executor.parallel_for(
      static_cast<std::size_t>(last - first), 2 * static_cast<std::size_t>(detail::tile_receivers),
      [&](std::size_t begin, std::size_t end) {
        detail::layer_range<Arch>(u, levels, out, first + static_cast<Index>(begin),
                                  first + static_cast<Index>(end));
      });
}
/// Of all receivers.
template <typename Arch = simd::Native, typename Rule = AnyRule, Containers C = any_container>
void layer_update(const BasicLayerUpdate<Rule, C>& u, MatrixView<float> out,
                  Executor& executor = serial_executor()) {
  layer_update<Arch>(u, out, 0, out.rows, executor);
}

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
