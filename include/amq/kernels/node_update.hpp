#pragma once
/// @file
/// The nodes of a message-passing layer, tile by tile: two products with what lies between them,
/// and only the result is stored.
///
///   z_i   = f(own_i + the codes of means_i times U^T)
///   out_i = features_i + f(the codes of z_i times V^T + b)
///
/// To the bit the plain composition of kernels/quantize.hpp, kernels/gemm.hpp and
/// kernels/activation.hpp, for any number of threads.

#include <amq/kernels/message_passing.hpp>

namespace amq::kernels {

/// What node_update() reads. Pointers must outlive the call.
template <typename Rule, Containers C = any_container>
struct BasicNodeUpdate {
  MatrixView<const float> means;             ///< (node, in of `first`)
  MatrixView<const float> own;               ///< (node, out of `first`)
  MatrixView<const float> features;          ///< (node, out of `second`)
  BasicCodedProduct<Rule, C> first, second;  ///< second: (out, out of first)
  Activation activation = Activation::swish;
};
using NodeUpdate = BasicNodeUpdate<AnyRule>;

inline namespace AMQ_LEVEL {

namespace detail {

template <typename Rule, Containers C>
void check_bits(const char* where, const BasicCodedProduct<Rule, C>& p, Index rows) {
  const auto n = static_cast<Index>(p.row_bits.size());
  if ((n != 0 && n != rows) || p.bits < 0 || p.bits > max_bits)
    throw Error(
        where, "0 to 16 bits, for every row or for all",
        std::to_string(p.bits) + " bits, " + std::to_string(n) + " rows of " + std::to_string(rows),
        "Build the layer's parts from one graph and one model.");
}

/// What one coded_product() reads: rows i .. i + count - 1 of a product, the last again behind
/// them.
struct TileRows {
  const float* row[tile_edges];
  const RowLevel* level[tile_edges];
  std::uint8_t bits[tile_edges];

  template <typename Rule, Containers C, typename Row>
  TileRows(const BasicCodedProduct<Rule, C>& p, const RowLevels& levels, Index i, Index count,
           Row at) noexcept {
    for (Index r = 0; r < tile_edges; ++r) {
      const Index k = std::min(r, count - 1);
      row[r] = at(k);
      bits[r] = static_cast<std::uint8_t>(p.bits_of(i + k));
      level[r] = &levels[bits[r]];
    }
  }
};
/// A function of its own: two of them in one frame are too large for a small stack.
template <typename Arch, typename Rule, Containers C>
AMQ_NOINLINE void coded_product(const TileRows& x, Index count, const BasicCodedProduct<Rule, C>& p,
                                Panel& panel, float* y, BlockGrids* grids) noexcept {
  coded_product<Arch, C>(x.row, x.level, x.bits, count, p.rule(), panel, *p.weights, y, grids);
}

/// The nodes begin .. end.
/// @param means, own  row 0 is the row of node `begin`
template <typename Arch, typename Rule, Containers C>
void node_range(const BasicNodeUpdate<Rule, C>& u, const RowLevels& first_levels,
                const RowLevels& second_levels, MatrixView<const float> means,
                MatrixView<const float> own, MatrixView<float> out, Index begin, Index end) {
  const Index inner = u.first.weights->out(), channels = out.cols;
  auto& scratch = message_scratch(inner, channels);
  float *const z = scratch.hidden.data(), *const y = scratch.message.data();
  Panel first(means.cols, 1, panel_shape<Arch>), second(inner, 1, panel_shape<Arch>);
  BlockGrids grids[tile_edges / block_rows];
  for (Index i = begin; i < end; i += tile_edges) {
    const Index count = std::min(tile_edges, end - i);
    coded_product<Arch>(TileRows(u.first, first_levels, i, count,
                                 [&](Index k) { return means.row(i - begin + k); }),
                        count, u.first, first, z, grids);
    for (Index r = 0; r < count; ++r)
      activate_sum<Arch>(u.activation, own.row(i - begin + r), z + r * inner, z + r * inner, inner);
    coded_product<Arch>(
        TileRows(u.second, second_levels, i, count, [&](Index k) { return z + k * inner; }), count,
        u.second, second, y, grids);
    // In place, then added from memory: a product must not be contracted with the sum.
    activate<Arch>(u.activation, y, y, count * channels);
    for (Index r = 0; r < count; ++r)
      map_floats2<Arch>(u.features.row(i + r), y + r * channels, out.row(i + r), channels,
                        [](auto a, auto b) AMQ_INLINE_LAMBDA { return a + b; });
  }
}

/// What node_update() asks of its update.
template <typename Rule, Containers C>
void check(const BasicNodeUpdate<Rule, C>& u, Index means, Index means_cols, Index own_cols,
           MatrixView<float> out) {
  const auto want = [](bool ok, const char* expected, Index found) {
    if (!ok)
      throw Error("node_update", expected, std::to_string(found),
                  "Build the layer's parts from one graph and one model.");
  };
  want(u.first.weights && u.second.weights, "two packed weights", 0);
  const auto &a = *u.first.weights, &b = *u.second.weights;
  want(means == out.rows && u.features.rows == out.rows,
       "a row of means, own and features for every node", means);
  want(means_cols == a.in(), "means as long as the first weights' inputs", means_cols);
  want(own_cols == a.out(), "own rows as long as the first weights' outputs", own_cols);
  want(b.in() == a.out(), "second weights that read the first's outputs", b.in());
  want(u.features.cols == b.out() && out.cols == b.out(),
       "features and rows out as long as the second weights' outputs", u.features.cols);
  want(std::max(a.in(), b.in()) <= longest_tile_row, "at most 896 channels",
       std::max(a.in(), b.in()));
  for (const auto* p : {&u.first, &u.second}) check_bits("node_update", *p, out.rows);
}

}  // namespace detail

/// @param out  (node, channels); may be where `features` lie
/// @throws Error if shapes or bits do not fit together, or for more than 896 channels
template <typename Arch = simd::Native, typename Rule = AnyRule, Containers C = any_container>
void node_update(const BasicNodeUpdate<Rule, C>& u, MatrixView<float> out,
                 Executor& executor = serial_executor()) {
  detail::check(u, u.means.rows, u.means.cols, u.own.cols, out);
  if (u.own.rows != out.rows)
    throw Error("node_update", "an own row for every node", std::to_string(u.own.rows),
                "Build the layer's parts from one graph and one model.");
  const auto first = detail::row_levels(u.first), second = detail::row_levels(u.second);
  executor.parallel_for(
      static_cast<std::size_t>(out.rows), 5 * static_cast<std::size_t>(detail::tile_edges),
      [&](std::size_t begin, std::size_t end) {
        const auto i = static_cast<Index>(begin), last = static_cast<Index>(end);
        detail::node_range<Arch>(u, first, second, detail::rows_of(u.means, i, last),
                                 detail::rows_of(u.own, i, last), out, i, last);
      });
}

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
