#pragma once
/// @file
/// The edges of a message-passing layer, tile by tile: what one tile of edges needs fits in L2, and
/// nothing of size edges x channels is ever stored.
///
///   hidden_e = f(at_receiver(i) + at_sender(j))      edge e: j -> i
///   q_e      = the codes of hidden_e at the bits of e
///   m_i      = mean over the edges that arrive at i of f(q_e W^T + b);   0 without edges
///
/// at_receiver and at_sender are the two halves of the edge network's first layer (design decision
/// 4). To the bit the plain composition of kernels/quantize.hpp, kernels/gemm.hpp and
/// kernels/activation.hpp, for any number of threads.

#include <amq/core/aligned.hpp>
#include <amq/core/executor.hpp>
#include <amq/kernels/activation.hpp>
#include <amq/kernels/message_words.hpp>
#include <amq/kernels/panel.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>

namespace amq::kernels {

/// Rows that are encoded at their own bits and meet one weight.
/// @tparam Rule  the row_rule of the rows, or AnyRule
/// @tparam C     the containers that rows may need
template <typename Rule, Containers C = any_container>
struct BasicCodedProduct {
  const PackedWeights* weights = nullptr;
  /// (row) bits of each, or empty: all have `bits`.
  std::span<const std::uint8_t> row_bits;
  int bits = 8;
  /// One per bit-width that occurs, at its index; all of one rule.
  std::array<BasicRowCoder<Rule>, max_bits + 1> coders{};

  [[nodiscard]] int bits_of(Index row) const noexcept {
    return row_bits.empty() ? bits : int{row_bits[static_cast<std::size_t>(row)]};
  }
  [[nodiscard]] Rule rule() const noexcept { return coders[static_cast<std::size_t>(bits)].rule; }
};

/// What message_mean() reads: edges' rows, their bits and the weights (channels, hidden) they meet.
/// Pointers must outlive the call.
template <typename Rule, Containers C = any_container>
struct BasicMessageLayer : BasicCodedProduct<Rule, C> {
  std::span<const std::int32_t> first;   ///< (node + 1): edges of receiver i are first[i] ..
  std::span<const std::int32_t> sender;  ///< (edge)
  MatrixView<const float> at_receiver, at_sender;  ///< (node, hidden)
  Activation activation = Activation::swish;
  bool mean = true;    ///< false: the sum
  MessageWords words;  ///< if there: rows between the products are words, `at_sender` is not read
};
using CodedProduct = BasicCodedProduct<AnyRule>;
using MessageLayer = BasicMessageLayer<AnyRule>;

inline namespace AMQ_LEVEL {

namespace detail {

/// The longest rows a tile has room for, at any bits.
inline constexpr Index longest_tile_row = panel_bytes / (3 * tile_edges) / chunk * chunk;

using RowLevels = std::array<RowLevel, max_bits + 1>;
template <typename Rule, Containers C>
[[nodiscard]] RowLevels row_levels(const BasicCodedProduct<Rule, C>& p) noexcept {
  RowLevels levels;
  for (std::size_t b = 0; b < levels.size(); ++b) levels[b] = RowLevel(p.coders[b]);
  return levels;
}

/// Rows of words become codes by their range.
template <typename Rule>
inline constexpr bool may_have_words = std::same_as<Rule, AnyRule> || std::same_as<Rule, ByRange>;

struct MessageScratch {
  AlignedVector<float> hidden, message;
};
inline MessageScratch& message_scratch(Index hidden, Index channels) {
  thread_local MessageScratch s;
  at_least(s.hidden, tile_edges * hidden);
  at_least(s.message, tile_edges * channels);
  return s;
}

/// A tile of rows at their own bits times the weights, rows of `y` one after the other.
/// @param rows, level  tile_edges of each; where there are fewer rows, the last again
/// @param panel  made for rows of this length
/// @param grids  of the rows, in blocks of sixteen
template <typename Arch, Containers C = any_container, typename Rule>
AMQ_INLINE void coded_product(const float* const* rows, const RowLevel* const* level,
                              const std::uint8_t* bits, Index count, const Rule& rule, Panel& panel,
                              const PackedWeights& w, float* y, BlockGrids* grids) noexcept {
  const Index n = w.in(), channels = w.out();
  float *line_to[tile_edges], *wide_to[tile_edges];
  alignas(64) float line_step[tile_edges], line_offset[tile_edges], wide_step[tile_edges],
      wide_offset[tile_edges];
  // Behind the lines of up to 8 bits are pairs of lines of 16.
  LinesByForm<Arch> lines(bits, count, w);
  Index wide = 0;
  std::uint8_t* const wide_lines = panel.line(tile_edges);
  for (Index b = 0; b < count; b += block_rows) {
    BlockGrids& g = grids[b / block_rows];
    block_grids<Arch>(rows + b, n, rule, level + b, g);
    for (int r = 0; r < block_rows && b + r < count; ++r) {
      float* to = y + (b + r) * channels;
      if constexpr (holds(C, 0))
        if (bits[b + r] == 0) {
          affine_of_offset<Arch>(g.offset[r], w, to);
          continue;
        }
      if constexpr (holds(C, 16))
        if (bits[b + r] > 8) {
          std::uint8_t* line = wide_lines + 2 * wide * panel.stride;
          encode_lines16<Arch>(rows[b + r], n, g, r, line, line + panel.stride);
          wide_to[wide] = to;
          wide_step[wide] = g.step[r];
          wide_offset[wide++] = g.offset[r];
          continue;
        }
      const auto [at, bias] = lines.next(bits[b + r]);
      encode_line<Arch>(rows[b + r], n, g, r, bias, panel.line(at));
      line_to[at] = to;
      line_step[at] = g.step[r];
      line_offset[at] = g.offset[r];
    }
  }
  lines.each([&](const LineForm& form, Index first, Index own) AMQ_INLINE_LAMBDA {
    panel_product<Arch, 1>(
        panel, panel.line(first), own, form, w,
        AffineSink<Arch>{line_to + first, line_step + first, line_offset + first, &w});
  });
  if constexpr (holds(C, 16))
    if (wide > 0)
      panel_product<Arch, 2>(panel, wide_lines, wide, line_form<Arch>(16, w), w,
                             AffineSink<Arch>{wide_to, wide_step, wide_offset, &w});
}

/// The means of the receivers first_node .. last_node.
/// @param at_receiver, out  row 0 is the row of first_node
template <typename Arch, typename Rule, Containers C>
void message_range(const BasicMessageLayer<Rule, C>& l, const RowLevels& levels,
                   MatrixView<const float> at_receiver, MatrixView<float> out, Index first_node,
                   Index last_node) {
  if constexpr (may_have_words<Rule>)
    if (l.words)
      return message_word_range<Arch>(l, levels, at_receiver, out, first_node, last_node);
  const Index hidden = at_receiver.cols, channels = out.cols;
  const PackedWeights& w = *l.weights;
  auto& scratch = message_scratch(hidden, channels);
  Panel panel(hidden, 1, panel_shape<Arch>);
  float* const message = scratch.message.data();
  const auto edge_of = [&](Index node) { return Index{l.first[static_cast<std::size_t>(node)]}; };

  // Rows of less than a register's lanes are activated together.
  const bool narrow = hidden < simd::lanes;
  for (Index i = 0; i < last_node - first_node; ++i) std::fill_n(out.row(i), channels, 0.0f);
  Index node = first_node;
  const Index last = edge_of(last_node), edges = static_cast<Index>(l.sender.size());
  for (Index begin = edge_of(first_node); begin < last; begin += tile_edges) {
    const Index count = std::min(tile_edges, last - begin);
    const float* rows[tile_edges];
    const RowLevel* level[tile_edges];
    std::uint8_t bits[tile_edges];
    Index receiver = node;
    for (Index r = 0; r < count; ++r) {
      const Index e = begin + r;
      while (e >= edge_of(receiver + 1)) ++receiver;
      // A sender of the next tile: they lie anywhere.
      if (e + tile_edges < edges) {
        const float* q = l.at_sender.row(l.sender[static_cast<std::size_t>(e + tile_edges)]);
        for (Index k = 0; k < hidden; k += 16) __builtin_prefetch(q + k);
      }
      float* h = scratch.hidden.data() + r * hidden;
      const float *p = at_receiver.row(receiver - first_node),
                  *q = l.at_sender.row(l.sender[static_cast<std::size_t>(e)]);
      if (narrow)
        for (Index k = 0; k < hidden; ++k) h[k] = p[k] + q[k];
      else
        activate_sum<Arch>(l.activation, p, q, h, hidden);
      rows[r] = h;
      bits[r] = static_cast<std::uint8_t>(l.bits_of(e));
      level[r] = &levels[bits[r]];
    }
    if (narrow)
      activate<Arch>(l.activation, scratch.hidden.data(), scratch.hidden.data(), count * hidden);
    for (Index r = count; r < tile_edges; ++r)
      rows[r] = rows[count - 1], level[r] = level[count - 1];

    BlockGrids grids[tile_edges / block_rows];
    coded_product<Arch, C>(rows, level, bits, count, l.rule(), panel, w, message, grids);
    // In place, then summed from memory: a product must not be contracted with the sum.
    activate<Arch>(l.activation, message, message, count * channels);

    for (Index r = 0; r < count;) {
      while (begin + r >= edge_of(node + 1)) ++node;
      const Index end = std::min(count, edge_of(node + 1) - begin);
      add_rows<Arch>(message + r * channels, end - r, channels, out.row(node - first_node));
      r = end;
    }
  }
  if (l.mean)
    for (Index i = first_node; i < last_node; ++i)
      if (const Index degree = edge_of(i + 1) - edge_of(i); degree > 0)
        scale_row<Arch>(out.row(i - first_node), channels, 1.0f / static_cast<float>(degree));
}

/// Rows first .. last of a matrix.
template <typename T>
[[nodiscard]] inline MatrixView<T> rows_of(MatrixView<T> x, Index first, Index last) noexcept {
  return {x.row(first), last - first, x.cols, x.stride};
}

/// What message_mean() asks of its layer.
template <typename Rule, Containers C>
void check(const BasicMessageLayer<Rule, C>& l, Index receivers, Index receiver_cols,
           Index channels) {
  const Index nodes = static_cast<Index>(l.first.size()) - 1;
  const auto want = [](bool ok, const char* expected, Index found) {
    if (!ok)
      throw Error("message_mean", expected, std::to_string(found),
                  "Build the layer's parts from one graph and one model.");
  };
  want(nodes >= 0, "the first edge of every node, and their number", nodes + 1);
  want(l.weights != nullptr, "packed weights", 0);
  want(receivers == nodes, "a receiver's row and a row out for every node", receivers);
  want(receiver_cols == l.weights->in(), "receivers' rows as long as the weights' inputs",
       receiver_cols);
  const Index at_sender = l.words ? l.words.at_sender.cols : l.at_sender.cols;
  want(at_sender == l.weights->in(), "senders' rows as long as the weights' inputs", at_sender);
  want(channels == l.weights->out(), "rows out as long as the weights' outputs", channels);
  want(static_cast<Index>(l.sender.size()) == l.first.back(), "a sender for every edge",
       static_cast<Index>(l.sender.size()));
  want(l.row_bits.empty() || l.row_bits.size() == l.sender.size(), "bits for every edge or none",
       static_cast<Index>(l.row_bits.size()));
  want(l.bits >= 0 && l.bits <= max_bits, "0 to 16 bits", l.bits);
  want(l.weights->in() <= longest_tile_row, "at most 896 hidden channels", l.weights->in());
  if (!l.words) return;
  want(kind_of(l.rule()) == RowRule::min_max && l.activation == Activation::swish,
       "words with rule ByRange and swish alone", static_cast<Index>(l.activation));
  for (const int f : {l.words.parts, l.words.messages})
    want(least_fraction <= f && f <= most_fraction, "words with 1 to 12 bits behind their point",
         f);
  want(l.words.at_sender.stride >= word_stride(at_sender), "words of whole registers a row",
       l.words.at_sender.stride);
  int most = l.row_bits.empty() ? l.bits : 0;
  for (const std::uint8_t b : l.row_bits) most = std::max(most, int{b});
  want(most <= 8, "rows of at most 8 bits where they come from words", most);
  Index degree = 0;
  for (Index i = 0; i < nodes; ++i)
    degree = std::max<Index>(
        degree, l.first[static_cast<std::size_t>(i) + 1] - l.first[static_cast<std::size_t>(i)]);
  want(degree <= 65'535, "at most 65535 edges a node where they are added as words", degree);
}

}  // namespace detail

/// @param out  (node, channels)
/// @throws Error if shapes or bits do not fit together, or for more than 896 hidden channels
template <typename Arch = simd::Native, typename Rule = AnyRule, Containers C = any_container>
void message_mean(const BasicMessageLayer<Rule, C>& l, MatrixView<float> out,
                  Executor& executor = serial_executor()) {
  detail::check(l, out.rows, l.at_receiver.cols, out.cols);
  if (l.at_receiver.rows != out.rows)
    throw Error("message_mean", "a receiver's row for every node",
                std::to_string(l.at_receiver.rows),
                "Build the layer's parts from one graph and one model.");
  const auto levels = detail::row_levels(l);
  executor.parallel_for(
      static_cast<std::size_t>(out.rows), 256, [&](std::size_t begin, std::size_t end) {
        const auto first = static_cast<Index>(begin), last = static_cast<Index>(end);
        detail::message_range<Arch>(l, levels, detail::rows_of(l.at_receiver, first, last),
                                    detail::rows_of(out, first, last), first, last);
      });
}

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
