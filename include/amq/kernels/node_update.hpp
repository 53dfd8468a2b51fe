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

/// Rows that are encoded at their own bits and meet one weight.
struct CodedProduct {
  const PackedWeights* weights = nullptr;
  /// (row) bits of each, or empty: all have `bits`.
  std::span<const std::uint8_t> row_bits;
  int bits = 8;
  /// One per bit-width that occurs, at its index; all of one rule.
  std::array<RowCoder, max_bits + 1> coders{};

  [[nodiscard]] int bits_of(Index row) const noexcept {
    return row_bits.empty() ? bits : int{row_bits[static_cast<std::size_t>(row)]};
  }
  [[nodiscard]] RowRule rule() const noexcept {
    return coders[static_cast<std::size_t>(bits)].rule;
  }
};

/// What node_update() reads. Pointers must outlive the call.
struct NodeUpdate {
  MatrixView<const float> means;     ///< (node, in of `first`)
  MatrixView<const float> own;       ///< (node, out of `first`)
  MatrixView<const float> features;  ///< (node, out of `second`)
  CodedProduct first, second;        ///< second: (out, out of first)
  Activation activation = Activation::swish;
};

inline namespace AMQ_LEVEL {

namespace detail {

/// The longest rows a tile has room for, at any bits.
inline constexpr Index longest_tile_row = panel_bytes / (3 * tile_edges) / chunk * chunk;

template <typename Arch>
void node_range(const NodeUpdate& u, const RowLevel* first_levels, const RowLevel* second_levels,
                MatrixView<float> out, Index begin, Index end) {
  const Index inner = u.first.weights->out(), channels = out.cols;
  auto& scratch = message_scratch(inner, channels);
  float *const z = scratch.hidden.data(), *const y = scratch.message.data();
  Panel first(u.means.cols, 1, Dot<Arch>::rows), second(inner, 1, Dot<Arch>::rows);
  BlockGrids grids[tile_edges / block_rows];
  for (Index i = begin; i < end; i += tile_edges) {
    const Index count = std::min(tile_edges, end - i);
    const float* rows[tile_edges];
    const RowLevel* level[tile_edges];
    std::uint8_t bits[tile_edges];
    const auto take = [&](const CodedProduct& p, const RowLevel* levels, auto row) {
      for (Index r = 0; r < tile_edges; ++r) {
        const Index k = std::min(r, count - 1);
        rows[r] = row(k);
        bits[r] = static_cast<std::uint8_t>(p.bits_of(i + k));
        level[r] = levels + bits[r];
      }
    };
    take(u.first, first_levels, [&](Index k) { return u.means.row(i + k); });
    coded_product<Arch>(rows, level, bits, count, u.first.rule(), first, *u.first.weights, z,
                        grids);
    for (Index r = 0; r < count; ++r)
      activate_sum<Arch>(u.activation, u.own.row(i + r), z + r * inner, z + r * inner, inner);
    take(u.second, second_levels, [&](Index k) { return z + k * inner; });
    coded_product<Arch>(rows, level, bits, count, u.second.rule(), second, *u.second.weights, y,
                        grids);
    // In place, then added from memory: a product must not be contracted with the sum.
    activate<Arch>(u.activation, y, y, count * channels);
    for (Index r = 0; r < count; ++r)
      map_floats2<Arch>(u.features.row(i + r), y + r * channels, out.row(i + r), channels,
                        [](auto a, auto b) AMQ_INLINE_LAMBDA { return a + b; });
  }
}

}  // namespace detail

/// @param out  (node, channels); may be where `features` lie
/// @throws Error if shapes or bits do not fit together, or for more than 896 channels
template <typename Arch = simd::Native>
void node_update(const NodeUpdate& u, MatrixView<float> out,
                 Executor& executor = serial_executor()) {
  const Index nodes = out.rows;
  const auto want = [](bool ok, const char* expected, Index found) {
    if (!ok)
      throw Error("node_update", expected, std::to_string(found),
                  "Build the layer's parts from one graph and one model.");
  };
  want(u.first.weights && u.second.weights, "two packed weights", 0);
  const auto &a = *u.first.weights, &b = *u.second.weights;
  want(u.means.rows == nodes && u.own.rows == nodes && u.features.rows == nodes,
       "a row of means, own and features for every node", u.means.rows);
  want(u.means.cols == a.in(), "means as long as the first weights' inputs", u.means.cols);
  want(u.own.cols == a.out(), "own rows as long as the first weights' outputs", u.own.cols);
  want(b.in() == a.out(), "second weights that read the first's outputs", b.in());
  want(u.features.cols == b.out() && out.cols == b.out(),
       "features and rows out as long as the second weights' outputs", u.features.cols);
  want(std::max(a.in(), b.in()) <= detail::longest_tile_row, "at most 896 channels",
       std::max(a.in(), b.in()));
  std::array<RowLevel, max_bits + 1> first, second;
  for (const auto* p : {&u.first, &u.second}) {
    want(p->row_bits.empty() || static_cast<Index>(p->row_bits.size()) == nodes,
         "bits for every node or none", static_cast<Index>(p->row_bits.size()));
    want(p->bits >= 0 && p->bits <= max_bits, "0 to 16 bits", p->bits);
    auto& levels = p == &u.first ? first : second;
    for (std::size_t k = 0; k < levels.size(); ++k) levels[k] = RowLevel(p->coders[k]);
  }
  executor.parallel_for(
      static_cast<std::size_t>(nodes), 5 * static_cast<std::size_t>(detail::tile_edges),
      [&](std::size_t begin, std::size_t end) {
        detail::node_range<Arch>(u, first.data(), second.data(), out, static_cast<Index>(begin),
                                 static_cast<Index>(end));
      });
}

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
