#pragma once
/// @file
/// The edges of a message-passing layer whose rows between the products are words (words.hpp):
///
///   hidden_e = swish(at_receiver(i) + at_sender(j))     words of one fraction, the sum saturating
///   q_e      = the codes of hidden_e by its range, at the bits of e
///   z_e      = q_e W^T + b                              sums in integers, scaled once as floats,
///                                                       then words of another fraction
///   m_i      = mean over the edges that arrive at i of swish(z_e), in integers of 32 bits
///
/// The mean becomes floats once a node. Plain loops of the portable rung say what the bits are;
/// every rung and any number of threads give these.

#include <amq/core/aligned.hpp>
#include <amq/core/executor.hpp>
#include <amq/kernels/panel.hpp>
#include <amq/kernels/words.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <utility>

namespace amq::kernels {

/// Says that a layer's rows between its products are words, and of which fractions.
struct MessageWords {
  int parts = most_fraction;     ///< of nodes' parts, their sum and its swish
  int messages = most_fraction;  ///< of messages, before and after their swish
  /// (node, hidden) from to_words(); rows have word_stride(hidden) words.
  MatrixView<const std::int16_t> at_sender;
  /// Where rows that reached the largest word are counted: of receivers, of sums, and of receivers
  /// with such a message. Null: nobody asks.
  std::atomic<std::int64_t>* saturated = nullptr;

  [[nodiscard]] explicit operator bool() const noexcept { return at_sender.data != nullptr; }
};

/// Words of a row of n: whole registers, twice. Those beyond n repeat the first, so that they widen
/// no range.
[[nodiscard]] constexpr Index word_stride(Index n) noexcept {
  return (n + 63) / 64 * 64;
}

inline namespace AMQ_LEVEL {

namespace detail {

/// Edges of a tile: blocks of sixteen rows, tiles of six.
inline constexpr Index tile_edges = 48;

/// @returns whether a number reached the limits
template <typename Arch>
AMQ_INLINE bool row_to_words(const float* x, Index n, float unit, std::int16_t* to) noexcept {
  using W = Words<Arch>;
  using F = simd::Floats<Arch>;
  const F scale = F::splat(unit);
  auto low = W::splat(32'767), high = W::splat(-32'768);
  for (Index k = 0; k < n; k += W::count) {
    F a, b;
    if (k + W::count <= n) {
      a = F::load(x + k);
      b = F::load(x + k + simd::lanes);
    } else {
      const int part = static_cast<int>(n - k), first = std::min(part, simd::lanes);
      a = F::load_part(x + k, first);
      b = F::load_part(x + k + first, part - first);
    }
    const auto w = W::rounded(a * scale, b * scale);
    low = W::lesser(low, w);
    high = W::greater(high, w);
    W::store(to + k, w);
  }
  std::fill(to + n, to + word_stride(n), to[0]);
  std::int32_t smallest, largest;
  W::extremes(low, high, smallest, largest);
  return smallest == -32'768 || largest == 32'767;
}

/// A level of ByRange, its divisions done.
struct WordLevel {
  float inverse = 1;  ///< over the range of a row: what one word counts, in codes
  std::int16_t low = 0, high = 0;

  WordLevel() = default;
  explicit WordLevel(const RowLevel& l) noexcept
      : inverse(l.factor > 0 ? 1.0f / l.factor : 1.0f),
        low(static_cast<std::int16_t>(l.low)),
        high(static_cast<std::int16_t>(l.high)) {}
};

/// How rows become codes, and the step and the offset of these, in words.
struct WordGrids {
  alignas(64) std::int32_t left[tile_edges], right[tile_edges], factor[tile_edges],
      centre[tile_edges];
  alignas(64) float step[tile_edges], offset[tile_edges];

  /// Of rows from smallest[r] to largest[r], by plain loops, which a compiler makes as wide as the
  /// machine. All arrays have tile_edges numbers; those beyond the rows may be any.
  /// @param inverse  of the rows' levels
  void find(const std::int32_t* AMQ_RESTRICT smallest, const std::int32_t* AMQ_RESTRICT largest,
            const float* AMQ_RESTRICT inverse) noexcept {
    for (Index r = 0; r < tile_edges; ++r) {
      const std::int32_t width = largest[r] - smallest[r], sum = largest[r] + smallest[r];
      const float words = static_cast<float>(std::max(width, 1));
      // Left, until the width needs all 16 bits.
      const std::int32_t shift = 15 - (std::bit_cast<std::int32_t>(words) >> 23) + 127;
      // Codes of one word: a factor of 2^14 .. 2^15 - 1, and a power of two.
      const std::int32_t codes = std::bit_cast<std::int32_t>(inverse[r] / words);
      const std::int32_t power = (codes >> 23) - 127;
      factor[r] = (1 << 14) + ((codes & 0x7f'ffff) >> 9);
      left[r] = shift;
      right[r] = std::clamp(shift - 2 - power, 0, 15);
      centre[r] = static_cast<std::int32_t>(((static_cast<std::uint32_t>(sum) << shift) + 1u) >> 1);
      step[r] =
          std::bit_cast<float>((127 + 16 + right[r] - shift) << 23) / static_cast<float>(factor[r]);
      // Codes are rounded down, so a code stands for what lies half a step above.
      offset[r] = 0.5f * static_cast<float>(sum) + (width > 0 ? 0.5f * step[r] : 0.0f);
    }
  }
  [[nodiscard]] AMQ_INLINE WordGrid of(Index r, const WordLevel& l) const noexcept {
    return {static_cast<std::int16_t>(centre[r]),
            static_cast<std::int16_t>(factor[r]),
            static_cast<std::int16_t>(left[r]),
            static_cast<std::int16_t>(right[r]),
            l.low,
            l.high};
  }
};

/// A product's sums to words: AffineBlock, whose steps and biases bring the units along.
template <typename Arch>
struct WordSink {
  std::int16_t* const* rows;
  const float *step, *offset;  ///< in words of the rows that are multiplied
  const PackedWeights* w;
  float unit, bias_unit;  ///< words of a message that a word of a row, and 1, are

  [[nodiscard]] AMQ_INLINE AffineBlock<Arch> affine(Index at) const noexcept {
    using F = simd::Floats<Arch>;
    AffineBlock<Arch> a(*w, at);
    a.wstep = a.wstep * F::splat(unit);
    a.bias = a.bias * F::splat(bias_unit);
    return a;
  }
  template <int Rows, int Blocks, int Digits, bool Stream = false, typename Acc>
  AMQ_INLINE void take(const Acc (&acc)[Rows * Digits][Blocks], Index row, Index n) const noexcept {
    static_assert(Digits == 1, "rows of words have codes of at most 8 bits");
    using W = Words<Arch>;
    constexpr Index wide = PackedWeights::block;
    if constexpr (Blocks % 2 == 0) {
      AMQ_UNROLL
      for (int c = 0; c < Blocks; c += 2) {
        const Index at = n + c * wide;
        const AffineBlock<Arch> a = affine(at), b = affine(at + wide);
        AMQ_UNROLL
        for (int r = 0; r < Rows; ++r) {
          const float s = step[row + r], o = offset[row + r];
          W::store(rows[row + r] + at, W::rounded(a.template of<Digits>(acc, r, c, s, o),
                                                  b.template of<Digits>(acc, r, c + 1, s, o)));
        }
      }
    } else {
      for (int c = 0; c < Blocks; ++c) {
        simd::Ints<Arch> sums[Rows][1];
        for (int r = 0; r < Rows; ++r) sums[r][0] = acc[r][c];
        finish<Rows>(sums, row, n + c * wide);
      }
    }
  }
  /// Apart: on rungs of sixteen registers this in the same function makes g++ 12 keep the
  /// accumulators of the product in memory.
  template <int Rows>
  AMQ_NOINLINE void finish(const simd::Ints<Arch> (&sums)[Rows][1], Index row,
                           Index at) const noexcept {
    const AffineBlock<Arch> a = affine(at);
    for (int r = 0; r < Rows; ++r) {
      const auto y = a.template of<1>(sums, r, 0, step[row + r], offset[row + r]);
      Words<Arch>::store_half(rows[row + r] + at, Words<Arch>::rounded(y, y));
    }
  }
  /// A row of 0 bits: its offset is all of it.
  AMQ_INLINE void take_offset(float of_row, std::int16_t* to) const noexcept {
    using F = simd::Floats<Arch>;
    for (Index n = 0; n < w->out(); n += PackedWeights::block) {
      const AffineBlock<Arch> a = affine(n);
      const F y = fma(a.wstep, F::splat(of_row) * a.sums, a.bias);
      Words<Arch>::store_half(to + n, Words<Arch>::rounded(y, y));
    }
  }
};

struct WordScratch {
  AlignedVector<std::int16_t> receiver, hidden, message;
  AlignedVector<std::int32_t> sums;
};
inline WordScratch& word_scratch(Index hidden, Index channels) {
  thread_local WordScratch s;
  at_least(s.receiver, word_stride(hidden));
  at_least(s.hidden, tile_edges * word_stride(hidden));
  at_least(s.message, tile_edges * word_stride(channels));
  at_least(s.sums, word_stride(channels));
  return s;
}

/// The codes of a tile of rows of words, each at its own bits, times the weights.
/// @param smallest, largest  tile_edges of each
/// @param levels  by bits
/// @param to      rows of word_stride(out) words
template <typename Arch>
AMQ_INLINE void word_product(const std::int16_t* hidden, const std::int32_t* smallest,
                             const std::int32_t* largest, const std::uint8_t* bits, Index count,
                             const WordLevel* levels, Panel& panel, const PackedWeights& w,
                             float unit, float bias_unit, std::int16_t* to) noexcept {
  const Index width = word_stride(w.in()), out = word_stride(w.out());
  WordGrids grids;
  alignas(64) float inverse[tile_edges];
  float line_step[tile_edges], line_offset[tile_edges];
  for (Index r = 0; r < tile_edges; ++r) inverse[r] = levels[bits[std::min(r, count - 1)]].inverse;
  grids.find(smallest, largest, inverse);

  LinesByForm<Arch> lines(bits, count, w);
  std::int16_t* line_to[tile_edges];
  const WordSink<Arch> sink{line_to, line_step, line_offset, &w, unit, bias_unit};
  for (Index r = 0; r < count; ++r) {
    std::int16_t* const y = to + r * out;
    if (bits[r] == 0) {
      sink.take_offset(0.5f * static_cast<float>(smallest[r] + largest[r]), y);
      continue;
    }
    const auto [at, bias] = lines.next(bits[r]);
    using W = Words<Arch>;
    const typename W::Encoder encode(grids.of(r, levels[bits[r]]), bias);
    const std::int16_t* x = hidden + r * width;
    std::uint8_t* line = panel.line(at);
    for (Index k = 0; k < width; k += chunk)
      encode(W::load(x + k), W::load(x + k + W::count), line + k);
    line_to[at] = y;
    line_step[at] = grids.step[r];
    line_offset[at] = grids.offset[r];
  }
  lines.each([&](const LineForm& form, Index first, Index own) AMQ_INLINE_LAMBDA {
    panel_product<Arch, 1>(panel, panel.line(first), own, form, w,
                           WordSink<Arch>{line_to + first, line_step + first, line_offset + first,
                                          &w, unit, bias_unit});
  });
}

/// message_range() of a layer of words.
/// @tparam Layer  a BasicMessageLayer
template <typename Arch, typename Layer>
void message_word_range(const Layer& l, const std::array<RowLevel, max_bits + 1>& row_levels,
                        MatrixView<const float> at_receiver, MatrixView<float> out,
                        Index first_node, Index last_node) {
  using W = Words<Arch>;
  using F = simd::Floats<Arch>;
  using Int = simd::Ints<Arch>;
  const Index hidden = at_receiver.cols, channels = out.cols;
  const Index width = word_stride(hidden), stride = word_stride(channels);
  const PackedWeights& w = *l.weights;
  const float unit = std::ldexp(1.0f, l.words.messages - l.words.parts),
              bias_unit = std::ldexp(1.0f, l.words.messages),
              part_unit = std::ldexp(1.0f, l.words.parts),
              message_step = std::ldexp(1.0f, -l.words.messages);
  WordLevel levels[9];
  for (std::size_t b = 0; b < 9; ++b) levels[b] = WordLevel(row_levels[b]);
  auto& scratch = word_scratch(hidden, channels);
  Panel panel(hidden, 1, panel_shape<Arch>);
  const typename W::Swish first_swish(l.words.parts), second_swish(l.words.messages);
  const auto edge_of = [&](Index node) { return Index{l.first[static_cast<std::size_t>(node)]}; };
  std::int64_t saturated = 0;
  bool reached = false;  // by a message of the receiver so far

  for (Index i = 0; i < last_node - first_node; ++i) std::fill_n(out.row(i), channels, 0.0f);
  std::fill_n(scratch.sums.data(), stride, 0);
  // What an odd number of blocks leaves of the last register.
  if (w.blocks() % 2 == 1)
    for (Index r = 0; r < tile_edges; ++r)
      std::fill_n(scratch.message.data() + r * stride + w.blocks() * PackedWeights::block,
                  PackedWeights::block, std::int16_t{0});
  Index node = first_node, converted = -1;
  const Index last = edge_of(last_node), edges = static_cast<Index>(l.sender.size());
  for (Index begin = edge_of(first_node); begin < last; begin += tile_edges) {
    const Index count = std::min(tile_edges, last - begin);
    alignas(64) std::int32_t smallest[tile_edges] = {}, largest[tile_edges] = {};
    std::uint8_t bits[tile_edges];
    Index receiver = node;
    for (Index r = 0; r < count; ++r) {
      const Index e = begin + r;
      while (e >= edge_of(receiver + 1)) ++receiver;
      if (receiver != converted) {
        saturated += row_to_words<Arch>(at_receiver.row(receiver - first_node), hidden, part_unit,
                                        scratch.receiver.data());
        converted = receiver;
      }
      // A sender of the next tile: they lie anywhere.
      if (e + tile_edges < edges) {
        const std::int16_t* q =
            l.words.at_sender.row(l.sender[static_cast<std::size_t>(e + tile_edges)]);
        for (Index k = 0; k < hidden; k += 32) __builtin_prefetch(q + k);
      }
      std::int16_t* h = scratch.hidden.data() + r * width;
      const std::int16_t *p = scratch.receiver.data(),
                         *q = l.words.at_sender.row(l.sender[static_cast<std::size_t>(e)]);
      auto low = W::splat(32'767), high = W::splat(-32'768);
      for (Index k = 0; k < width; k += W::count) {
        const auto x = first_swish(W::add(W::load(p + k), W::load(q + k)));
        low = W::lesser(low, x);
        high = W::greater(high, x);
        W::store(h + k, x);
      }
      W::extremes(low, high, smallest[r], largest[r]);
      saturated += largest[r] == 32'767;
      bits[r] = static_cast<std::uint8_t>(l.bits_of(e));
    }
    word_product<Arch>(scratch.hidden.data(), smallest, largest, bits, count, levels, panel, w,
                       unit, bias_unit, scratch.message.data());

    for (Index r = 0; r < count;) {
      while (begin + r >= edge_of(node + 1)) ++node;
      const Index end = std::min(count, edge_of(node + 1) - begin);
      const bool complete = begin + end == edge_of(node + 1);
      const auto degree = static_cast<float>(edge_of(node + 1) - edge_of(node));
      const F share = F::splat(l.mean ? message_step / degree : message_step);
      float* const mean = out.row(node - first_node);
      auto high = W::splat(-32'768);
      for (Index k = 0; k < channels; k += W::count) {
        std::int32_t* const sums = scratch.sums.data() + k;
        Int a = Int::load(sums), b = Int::load(sums + simd::lanes);
        for (Index i = r; i < end; ++i) {
          const auto z = W::load(scratch.message.data() + i * stride + k);
          high = W::greater(high, z);
          Int x, y;
          W::template widen<Arch>(second_swish(z), x, y);
          a = a + x;
          b = b + y;
        }
        if (complete) {
          const Index left = channels - k;
          const F x = to_floats(a) * share, y = to_floats(b) * share;
          if (left >= W::count) {
            x.store(mean + k);
            y.store(mean + k + simd::lanes);
          } else {
            const int part = static_cast<int>(left), first = std::min(part, simd::lanes);
            x.store_part(mean + k, first);
            y.store_part(mean + k + first, part - first);
          }
          a = b = Int::splat(0);
        }
        a.store(sums);
        b.store(sums + simd::lanes);
      }
      std::int32_t unused, top;
      W::extremes(high, high, unused, top);
      reached |= top == 32'767;
      if (complete) saturated += std::exchange(reached, false);
      r = end;
    }
  }
  if (l.words.saturated && saturated)
    l.words.saturated->fetch_add(saturated, std::memory_order_relaxed);
}

}  // namespace detail

/// Rows as words: nearest, ties to even, saturating.
/// @param to  (row, col), rows of word_stride(cols) words
/// @param saturated  where rows that reach the limits are added, or null
template <typename Arch = simd::Native>
void to_words(MatrixView<const float> x, int fraction, MatrixView<std::int16_t> to,
              std::atomic<std::int64_t>* saturated = nullptr,
              Executor& executor = serial_executor()) {
  AMQ_ASSERT(x.rows == to.rows && x.cols == to.cols && to.stride >= word_stride(x.cols),
             "rows of words must have room for whole registers");
  executor.parallel_for(static_cast<std::size_t>(x.rows), 512,
                        [&](std::size_t begin, std::size_t end) {
                          const float unit = std::ldexp(1.0f, fraction);
                          std::int64_t n = 0;
                          for (auto i = static_cast<Index>(begin); i < static_cast<Index>(end); ++i)
                            n += detail::row_to_words<Arch>(x.row(i), x.cols, unit, to.row(i));
                          if (saturated && n) saturated->fetch_add(n, std::memory_order_relaxed);
                        });
}

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
