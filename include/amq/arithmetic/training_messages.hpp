#pragma once
/// @file
/// The edges of a message-passing layer in training: tile by tile forwards, and once more
/// backwards. What a tile needs is computed again from the nodes rather than kept, which is cheaper
/// than memory: nothing of size edges x channels exists.

#include <amq/arithmetic/fake_quantize.hpp>
#include <amq/arithmetic/quantizers.hpp>
#include <amq/kernels/fake_quantize.hpp>
#include <amq/kernels/float_product.hpp>
#include <amq/kernels/message_passing.hpp>
#include <amq/mesh/graph.hpp>

#include <algorithm>
#include <array>

namespace amq::arithmetics {

/// What is learnt of quantized rows that are not stored: squared distance to the mean, and squared
/// gradient, of each.
template <typename T>
struct RowSlopes {
  T *power = nullptr, *slope = nullptr;  ///< (row)
};

/// hidden_e = swish(at_receiver(i) + at_sender(j)), m_i = mean of swish(W fake(hidden_e) + b): what
/// kernels::message_mean computes, to the bit, and its gradients. Plain numbers and pointers, so
/// that a tape may keep it.
struct MessageTraining {
  const Graph* graph = nullptr;
  MatrixView<const float> at_receiver, at_sender;  ///< (node, hidden)
  MatrixView<const float> weight;                  ///< (channels, hidden), values of the codes
  MatrixView<const float> transposed;              ///< (hidden, channels), of a pass in float
  const float* bias = nullptr;                     ///< (channels)
  const kernels::PackedWeights* packed = nullptr;  ///< null: a pass in float
  RowQuantization<float> quantization;
  WordFractions words;  ///< if there, rows of a quantized pass are words; gradients are those of
                        ///< floats, straight through

  /// Where gradients are added; `rows` is written.
  struct Gradients {
    MatrixView<float> at_receiver, at_sender, weight;
    float* bias = nullptr;
    RowSlopes<float> rows;
  };

  /// @throws Error for more hidden channels than a tile holds
  void check() const {
    if (hidden() > 896)
      throw Error("message_mean", "at most 896 hidden channels", std::to_string(hidden()),
                  "Write the layer as EdgeSum, Activate, linear and SegmentMean.");
  }
  /// @param out  (node, channels)
  void forward(MatrixView<float> out) const {
    if (packed) {
      kernels::MessageLayer l;
      l.first = graph->first;
      l.sender = graph->sender;
      l.at_receiver = at_receiver;
      l.at_sender = at_sender;
      l.weights = packed;
      l.bits = quantization.uniform_bits;
      if (quantization.bits) l.row_bits = {quantization.bits, graph->sender.size()};
      l.coders = quantization.coders;
      if (words.parts > 0) {
        thread_local AlignedVector<std::int16_t> senders;
        const Index n = at_sender.rows, stride = kernels::word_stride(hidden());
        at_least(senders, n * stride);
        kernels::to_words(at_sender, words.parts, {senders.data(), n, hidden(), stride});
        l.words = {words.parts, words.messages, {senders.data(), n, hidden(), stride}, nullptr};
      }
      kernels::message_mean(l, out);
      return;
    }
    Tile tile(*this);
    for (Index i = 0; i < out.rows; ++i) std::fill_n(out.row(i), out.cols, 0.0f);
    for (Index begin = 0; begin < graph->n_edges(); begin += tile_edges) {
      tile.read(begin);
      tile.product();
      const Index channels = out.cols;
      float* m = tile.message.data();
      kernels::activate(Activation::swish, m, m, tile.count * channels);
      for (Index r = 0; r < tile.count; ++r)
        kernels::add_rows(m + r * channels, 1, channels, out.row(tile.receiver[r]));
    }
    for (Index i = 0; i < out.rows; ++i)
      if (const Index d = graph->in_degree(i); d > 0)
        kernels::scale_row(out.row(i), out.cols, 1.0f / static_cast<float>(d));
  }
  /// @param d_out  (node, channels)
  void backward(MatrixView<const float> d_out, const Gradients& into) const {
    const Index n = hidden(), channels = weight.rows;
    const float half = detail::half_code(quantization.rule);
    Tile tile(*this);
    LevelGradients<float> sums;
    AlignedVector<float> d_hidden(static_cast<std::size_t>(tile_edges * n));
    for (Index begin = 0; begin < graph->n_edges(); begin += tile_edges) {
      tile.read(begin);
      tile.product();
      const Index count = tile.count;
      // Down through the mean and the second activation.
      for (Index r = 0; r < count; ++r) {
        const Index i = tile.receiver[r];
        const float share = 1.0f / static_cast<float>(graph->in_degree(i));
        float* m = tile.message.data() + r * channels;
        kernels::map_floats2(m, d_out.row(i), m, channels,
                             [share](auto x, auto d) AMQ_INLINE_LAMBDA {
                               using F = decltype(x);
                               return (d * F::splat(share)) * kernels::slope<Activation::swish>(x);
                             });
      }
      const MatrixView<const float> d_message(tile.message.data(), count, channels);
      kernels::add_rows(d_message.data, count, channels, into.bias);
      // The product.
      const MatrixView<const float> read(packed ? tile.fake.data() : tile.active.data(), count, n);
      kernels::add_transposed_product<>(d_message, read, into.weight);
      kernels::multiply<>(d_message, weight, {d_hidden.data(), count, n}, false);
      // Straight through the codes, and down through the first activation.
      for (Index r = 0; r < count; ++r) {
        const Index e = begin + r, i = tile.receiver[r], j = tile.sender[r];
        float* d = d_hidden.data() + r * n;
        const float* x = tile.active.data() + r * n;
        if (into.rows.power) into.rows.power[e] = spread(x, n);
        if (into.rows.slope) into.rows.slope[e] = power(d, n);
        if (packed) {
          if (const int bits = quantization.bits_of(e); bits == 0) {
            detail::straight_through_offset(d, n, quantization, d, false, sums);
          } else {
            const auto& grid = tile.grids[r / kernels::block_rows];
            const int lane = static_cast<int>(r % kernels::block_rows);
            const auto s = kernels::straight_through(x, d, n, grid, lane, half, d, false);
            detail::add_slopes(s, quantization, grid.step[lane], bits, sums);
          }
        }
        add_products(d, tile.slope.data() + r * n, n, into.at_receiver.row(i),
                     into.at_sender.row(j));
      }
    }
    sums.add_to(quantization);
  }

 private:
  static constexpr Index tile_edges = kernels::detail::tile_edges;

  [[nodiscard]] Index hidden() const noexcept { return at_receiver.cols; }

  /// p += a b, q += a b
  static void add_products(const float* a, const float* b, Index n, float* p, float* q) noexcept {
    using F = simd::Floats<>;
    Index k = 0;
    for (; k + simd::lanes <= n; k += simd::lanes) {
      const F x = F::load(a + k), y = F::load(b + k);
      fma(x, y, F::load(p + k)).store(p + k);
      fma(x, y, F::load(q + k)).store(q + k);
    }
    if (const int part = static_cast<int>(n - k); part > 0) {
      const F x = F::load_part(a + k, part), y = F::load_part(b + k, part);
      fma(x, y, F::load_part(p + k, part)).store_part(p + k, part);
      fma(x, y, F::load_part(q + k, part)).store_part(q + k, part);
    }
  }
  /// Squared length of a row, and of a row about its mean.
  static float power(const float* x, Index n) noexcept { return about(x, n, 0.0f); }
  static float spread(const float* x, Index n) noexcept {
    using F = simd::Floats<>;
    F sum = F::splat(0.0f);
    Index k = 0;
    for (; k + simd::lanes <= n; k += simd::lanes) sum = sum + F::load(x + k);
    if (k < n) sum = sum + F::load_part(x + k, static_cast<int>(n - k));
    return about(x, n, simd::sum(sum) / static_cast<float>(n));
  }
  static float about(const float* x, Index n, float mean) noexcept {
    using F = simd::Floats<>;
    const F m = F::splat(mean);
    F sum = F::splat(0.0f);
    Index k = 0;
    for (; k + simd::lanes <= n; k += simd::lanes) {
      const F d = F::load(x + k) - m;
      sum = fma(d, d, sum);
    }
    if (k < n) {
      const F d = F::load_part(x + k, static_cast<int>(n - k), mean) - m;
      sum = fma(d, d, sum);
    }
    return simd::sum(sum);
  }

  /// Up to tile_edges edges from their gathered sums to the product, before its activation.
  struct Tile {
    explicit Tile(const MessageTraining& layer)
        : slope(room(layer.hidden())),
          active(room(layer.hidden())),
          fake(layer.packed ? room(layer.hidden()) : 0),
          message(room(layer.weight.rows)),
          levels(layer.quantization.levels()),
          panel(layer.hidden(), 1, kernels::detail::panel_shape<simd::Native>),
          l(&layer) {}
    static std::size_t room(Index n) { return static_cast<std::size_t>(tile_edges * n); }

    void read(Index begin) noexcept {
      const Index n = l->hidden();
      const Graph& g = *l->graph;
      count = std::min(tile_edges, g.n_edges() - begin);
      for (Index r = 0; r < count; ++r) {
        const auto e = static_cast<std::size_t>(begin + r);
        receiver[r] = g.receiver[e];
        sender[r] = g.sender[e];
        bits[r] = static_cast<std::uint8_t>(l->quantization.bits_of(begin + r));
        kernels::map_floats2(l->at_receiver.row(receiver[r]), l->at_sender.row(sender[r]),
                             slope.data() + r * n, n,
                             [](auto u, auto v) AMQ_INLINE_LAMBDA { return u + v; });
      }
      kernels::activate_with_slope(Activation::swish, slope.data(), active.data(), slope.data(),
                                   count * n);
    }
    void product() noexcept {
      const Index n = l->hidden(), channels = l->weight.rows;
      if (!l->packed) {
        for (Index r = 0; r < count; ++r)
          std::copy_n(l->bias, channels, message.data() + r * channels);
        kernels::multiply<>({active.data(), count, n}, l->transposed,
                            {message.data(), count, channels}, true);
        return;
      }
      const float* rows[tile_edges];
      const kernels::RowLevel* level[tile_edges];
      for (Index r = 0; r < tile_edges; ++r) {
        const Index k = std::min(r, count - 1);
        rows[r] = active.data() + k * n;
        level[r] = &levels[bits[k]];
      }
      kernels::detail::coded_product<simd::Native>(rows, level, bits, count, l->quantization.rule,
                                                   panel, *l->packed, message.data(), grids);
      for (Index r = 0; r < count; ++r)
        kernels::fake_row(rows[r], n, grids[r / kernels::block_rows],
                          static_cast<int>(r % kernels::block_rows), bits[r], fake.data() + r * n);
    }

    /// The first activation's slope and value, the value of its codes, the product.
    AlignedVector<float> slope, active, fake, message;
    std::array<kernels::RowLevel, max_bits + 1> levels;
    kernels::BlockGrids grids[tile_edges / kernels::block_rows];
    kernels::detail::Panel panel;
    const MessageTraining* l;
    Index count = 0;
    Index receiver[tile_edges], sender[tile_edges];
    std::uint8_t bits[tile_edges];
  };
};

}  // namespace amq::arithmetics
