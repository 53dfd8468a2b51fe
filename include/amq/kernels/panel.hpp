#pragma once
/// @file
/// The inner loops of every integer product. A panel is a block of rows as digits (bytes, small
/// enough for L1); tiles of accumulators run over the panel and the packed weights; a sink takes
/// the accumulators from the registers.

#include <amq/core/aligned.hpp>
#include <amq/kernels/dot.hpp>
#include <amq/kernels/packed_weights.hpp>
#include <amq/kernels/quantize.hpp>

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#if AMQ_HAS_AMX
#include <amq/kernels/x86/tile_amx.hpp>
#endif

namespace amq::kernels {
inline namespace AMQ_LEVEL {

namespace detail {

inline constexpr Index panel_rows = 48;
/// A panel has at most so many bytes of rows, or one row.
inline constexpr Index panel_bytes = 133'120;

#if !AMQ_HAS_AMX
struct Tiles {};
#endif

/// How many lines products take at once, and how many bytes of lines stay near.
struct PanelShape {
  Index lines, nearby;
};
/// A tile of AMX costs the same for one line as for sixteen, and reads its lines but once for
/// thirty-two outputs: whole tiles come before L1.
template <typename Arch>
inline constexpr PanelShape panel_shape{Dot<Arch>::rows, 24'576};
#if AMQ_HAS_AMX
template <>
inline constexpr PanelShape panel_shape<simd::Amx>{16, 36'864};
#endif

/// Memory for a panel, from what earlier panels of this thread have left. Not on the stack: a
/// host's threads may have 64 KiB of it, and a row any length.
class PanelMemory {
 public:
  explicit PanelMemory(Index bytes) {
    auto& left = shelf();
    if (left.capacity() == 0) left.reserve(8);
    if (!left.empty()) {
      memory_ = std::move(left.back());
      left.pop_back();
    }
    if (static_cast<Index>(memory_.size()) < bytes) {
      memory_ = {};  // what it holds is not to be copied
      memory_.resize(static_cast<std::size_t>(bytes));
    }
  }
  PanelMemory(PanelMemory&&) noexcept = default;
  PanelMemory& operator=(PanelMemory&&) = delete;
  ~PanelMemory() {
    auto& left = shelf();
    if (!memory_.empty() && left.size() < left.capacity()) left.push_back(std::move(memory_));
  }
  [[nodiscard]] std::uint8_t* data() noexcept { return memory_.data(); }
  [[nodiscard]] Index bytes() const noexcept { return static_cast<Index>(memory_.size()); }

 private:
  static std::vector<AlignedVector<std::uint8_t>>& shelf() noexcept {
    static thread_local std::vector<AlignedVector<std::uint8_t>> left;
    return left;
  }
  AlignedVector<std::uint8_t> memory_;
};

/// Digit rows of length k, each beginning at a multiple of `stride` bytes.
struct Panel {
  Index stride, height;  ///< height: how many rows fit, or are worth it
  PanelMemory memory;
  std::uint8_t* digits;
  Tiles tiles;  ///< configured while the panel lives, if the host has asked for AMX

  /// @param lines  digit rows of a row: 2 for 16 bits
  Panel(Index k, Index lines, PanelShape shape)
      : stride(std::max<Index>(chunk, (k + chunk - 1) / chunk * chunk)),
        height(rows(stride * lines, lines, shape)),
        memory(std::max(panel_bytes, stride * lines * height)),
        digits(memory.data()) {}
  [[nodiscard]] std::uint8_t* line(Index i) noexcept { return digits + i * stride; }

 private:
  [[nodiscard]] static Index rows(Index row_bytes, Index lines, PanelShape shape) noexcept {
    const Index step = std::max<Index>(1, shape.lines / lines);
    const Index nearby = std::clamp<Index>(shape.nearby / row_bytes, step, panel_rows);
    return std::max<Index>(1, std::min(panel_bytes / row_bytes, nearby / step * step));
  }
};

/// To a sink what is finished. Sinks that can write past the caches say `stream`; rows left over
/// and rows of 16 bits are not worth code of their own for that.
template <int Rows, int Blocks, int Digits, typename Sink, typename Acc>
AMQ_INLINE void give(const Sink& sink, const Acc (&acc)[Rows * Digits][Blocks], Index row,
                     Index n) noexcept {
  if constexpr (requires { sink.stream; } && Rows > 1 && Digits == 1)
    if (sink.stream) return sink.template take<Rows, Blocks, Digits, true>(acc, row, n);
  sink.template take<Rows, Blocks, Digits>(acc, row, n);
}

/// acc(r, c) over all of K; Digits == 2: every row is a high and a low digit line.
template <typename Arch, int Rows, int Blocks, int Digits, typename Sink>
AMQ_INLINE void tile(const std::uint8_t* lines, Index stride, const PackedWeights& w, Index block,
                     Index row, const Sink& sink) noexcept {
  using D = Dot<Arch>;
  using Acc = typename D::Acc;
  constexpr Index wide = PackedWeights::block, quad = PackedWeights::quad;
  constexpr int height = Rows * Digits;
  Acc acc[height][Blocks];
  // What the digits' bias adds to every sum is taken off here: a digit of 8 bits is stored with
  // D::bias, a low digit of 16 bits with D::bias - 128.
  AMQ_UNROLL
  for (int c = 0; c < Blocks; ++c) {
    const Acc zero = Acc::splat(0);
    const Acc high = D::bias ? Acc::load(w.lowered(block + c)) : zero;
    const Acc low = D::bias ? zero : Acc::load(w.raised(block + c));
    AMQ_UNROLL
    for (int r = 0; r < height; ++r) acc[r][c] = Digits == 2 && r % 2 == 1 ? low : high;
  }
  const std::int8_t* codes = w.codes(block);
  const Index bytes = w.block_bytes(), quads = w.quads();
  for (Index q = 0; q < quads; ++q) {
    typename D::Weights v[Blocks];
    AMQ_UNROLL
    for (int c = 0; c < Blocks; ++c) v[c] = D::weights(codes + c * bytes + q * wide * quad);
    AMQ_UNROLL
    for (int r = 0; r < height; ++r) {
      const typename D::Digits a = D::digits(lines + r * stride + q * quad);
      AMQ_UNROLL
      for (int c = 0; c < Blocks; ++c) D::add(acc[r][c], a, v[c]);
    }
  }
  give<Rows, Blocks, Digits>(sink, acc, row, block * wide);
}

/// How the digits of lines are kept, and so multiplied.
struct LineForm {
  int bias;
  int folds = 0;  ///< 0: products are not folded
  bool operator==(const LineForm&) const = default;
};
/// Of rows of so many bits, or in containers of so many, that meet these weights.
template <typename Arch>
[[nodiscard]] AMQ_INLINE LineForm line_form(int bits, const PackedWeights& w) noexcept {
  if constexpr (folds<Arch>) {
    if (bits <= narrow_bits) return {narrow_bias, folds_of_narrow};
    if (w.bits() <= narrow_bits) return {Dot<Arch>::bias, folds_of_narrow};
    if (bits <= six_bits) return {six_bias, folds_of_six};
  }
  return {Dot<Arch>::bias};
}

/// Lines of a panel by their form, those of one form one after the other.
template <typename Arch>
class LinesByForm {
 public:
  static constexpr int forms = folds<Arch> ? 3 : 1;

  /// @param bits  (row): rows of 1 to 8 have a line
  AMQ_INLINE LinesByForm(const std::uint8_t* bits, Index count, const PackedWeights& w) noexcept {
    form_[forms - 1] = line_form<Arch>(8, w);
    if constexpr (forms > 1) {
      form_[0] = line_form<Arch>(narrow_bits, w);
      form_[1] = line_form<Arch>(six_bits, w);
      six_apart_ = form_[1] != form_[2];
      Index n[2] = {0, 0};
      for (Index r = 0; r < count; ++r)
        if (0 < bits[r] && bits[r] <= six_bits) ++n[bits[r] > narrow_bits];
      if (!six_apart_) n[1] = 0;
      next_[1] = first_[1] = n[0];
      next_[2] = first_[2] = n[0] + n[1];
    }
  }
  /// The line of the next row of so many bits, and its digits' bias.
  struct Line {
    Index at;
    int bias;
  };
  AMQ_INLINE Line next(int bits) noexcept {
    int f = forms - 1;
    if constexpr (forms > 1) f = bits <= narrow_bits ? 0 : bits <= six_bits && six_apart_ ? 1 : 2;
    return {next_[f]++, form_[f].bias};
  }
  /// Calls f(form, first line, lines) for those that occur.
  template <typename F>
  AMQ_INLINE void each(const F& f) const noexcept {
    for (int k = 0; k < forms; ++k)
      if (next_[k] > first_[k]) f(form_[k], first_[k], next_[k] - first_[k]);
  }

 private:
  LineForm form_[forms];
  Index first_[forms] = {}, next_[forms] = {};
  bool six_apart_ = false;
};

/// tile() of rows or weights whose products are folded.
template <typename Arch, int Times, int Rows, int Blocks, int Digits, typename Sink>
AMQ_INLINE void folded_tile(const std::uint8_t* lines, Index stride, LineForm form,
                            const PackedWeights& w, Index block, Index row,
                            const Sink& sink) noexcept {
  using D = FoldedDot<Arch, Times>;
  using Acc = typename D::Acc;
  constexpr Index wide = PackedWeights::block, quad = PackedWeights::quad;
  constexpr int height = Rows * Digits;
  Acc acc[height][Blocks];
  for (int c = 0; c < Blocks; ++c) {
    const Acc lowered = Acc::load(form.bias == narrow_bias ? w.lowered_narrow(block + c)
                                  : form.bias == six_bias  ? w.lowered_six(block + c)
                                                           : w.lowered(block + c));
    for (int r = 0; r < height; ++r)
      acc[r][c] = Digits == 2 && r % 2 == 1 ? Acc::splat(0) : lowered;
  }
  const std::int8_t* codes = w.codes(block);
  const Index bytes = w.block_bytes(), quads = w.quads();
  typename D::Words sum[height][Blocks];
  const auto add = [&]<bool First>(Index q) AMQ_INLINE_LAMBDA {
    typename D::Words v[Blocks];
    for (int c = 0; c < Blocks; ++c) v[c] = D::weights(codes + c * bytes + q * wide * quad);
    for (int r = 0; r < height; ++r) {
      const auto a = D::digits(lines + r * stride + q * quad);
      for (int c = 0; c < Blocks; ++c)
        if constexpr (First)
          sum[r][c] = D::first(a, v[c]);
        else
          D::add(sum[r][c], a, v[c]);
    }
  };
  const auto widen = [&]() AMQ_INLINE_LAMBDA {
    for (int r = 0; r < height; ++r)
      for (int c = 0; c < Blocks; ++c) D::widen(acc[r][c], sum[r][c]);
  };
  Index q = 0;
  for (; q + Times <= quads; q += Times) {
    add.template operator()<true>(q);
    AMQ_UNROLL
    for (int i = 1; i < Times; ++i) add.template operator()<false>(q + i);
    widen();
  }
  if (q < quads) {
    add.template operator()<true>(q);
    while (++q < quads) add.template operator()<false>(q);
    widen();
  }
  give<Rows, Blocks, Digits>(sink, acc, row, block * wide);
}

/// All of `rows` rows, whose lines begin at `lines` in the panel, and all blocks of the weights.
/// The weights of a strip stay in L1 while the panel passes by.
template <typename Arch, int Digits, typename Sink>
AMQ_INLINE void panel_product(const Panel& panel, const std::uint8_t* lines, Index rows,
                              [[maybe_unused]] LineForm form, const PackedWeights& w,
                              const Sink& sink) noexcept {
  const Index stride = panel.stride;
#if AMQ_HAS_AMX
  if constexpr (std::is_same_v<Arch, simd::Amx>) {
    // A tile is sixteen lines, those that are not there too.
    const Index lines_read = (rows * Digits + 15) / 16 * 16;
    if (panel.tiles.ready && lines + lines_read * stride <= panel.digits + panel.memory.bytes()) {
      tile_product<Digits>(lines, stride, rows, w, sink);
      return;
    }
  }
#endif
  const auto strips = [&]<int Tall, int Wide>(auto tile) AMQ_INLINE_LAMBDA {
    const auto strip = [&]<int Blocks>(Index b) {
      Index r = 0;
      for (; r + Tall <= rows; r += Tall)
        tile.template operator()<Tall, Blocks>(lines + r * Digits * stride, b, r);
      for (; r < rows; ++r) tile.template operator()<1, Blocks>(lines + r * Digits * stride, b, r);
    };
    Index b = 0;
    if constexpr (Wide > 1)
      for (; (b + Wide) * PackedWeights::block <= w.out(); b += Wide)
        strip.template operator()<Wide>(b);
    for (; b < w.blocks(); ++b) strip.template operator()<1>(b);
  };
  if constexpr (folds<Arch>) {
    const auto folded = [&]<int Times>() AMQ_INLINE_LAMBDA {
      using D = FoldedDot<Arch, Times>;
      strips.template operator()<D::rows / Digits, D::blocks>(
          [&]<int Rows, int Blocks>(const std::uint8_t* line, Index b, Index r) AMQ_INLINE_LAMBDA {
            folded_tile<Arch, Times, Rows, Blocks, Digits>(line, stride, form, w, b, r, sink);
          });
    };
    if (form.folds == folds_of_narrow) return folded.template operator()<folds_of_narrow>();
    if constexpr (Digits == 1)
      if (form.folds == folds_of_six) return folded.template operator()<folds_of_six>();
  }
  using D = Dot<Arch>;
  strips.template operator()<D::rows / Digits, D::blocks>(
      [&]<int Rows, int Blocks>(const std::uint8_t* line, Index b, Index r)
          AMQ_INLINE_LAMBDA { tile<Arch, Rows, Blocks, Digits>(line, stride, w, b, r, sink); });
}

/// A result of so many bytes has left the caches before anybody reads it.
inline constexpr Index stream_bytes = Index{6} << 20;

/// Whether results go past the caches: memory is then written without having been read. Twice as
/// fast from 8 MiB on a core of 2 MiB of L2, slower where the next reader would have found them.
template <typename T>
[[nodiscard]] bool streams(MatrixView<T> out) noexcept {
  constexpr Index line = 64 / sizeof(T);
  return out.rows * out.stride * Index{sizeof(T)} >= stream_bytes && out.stride % line == 0 &&
         reinterpret_cast<std::uintptr_t>(out.data) % 64 == 0;
}

/// Sixteen results to memory. Only a single block may be the last and cut.
template <int Blocks, bool Stream = false, typename V, typename T>
AMQ_INLINE void put(const V& v, T* p, Index left) noexcept {
  if (Blocks > 1 || left >= simd::lanes) {
    if constexpr (Stream)
      v.stream(p);
    else
      v.store(p);
  } else {
    v.store_part(p, static_cast<int>(left));
  }
}

/// 256 high + low, exact, rounded once to float.
template <typename Arch>
AMQ_INLINE simd::Floats<Arch> join_digits(simd::Ints<Arch> high, simd::Ints<Arch> low) noexcept {
#if AMQ_HAS_AVX512
  if constexpr (std::is_base_of_v<simd::Registers<simd::Avx512>, simd::Registers<Arch>>)
    return Codes<Arch>::join(high, low);
#endif
  std::int32_t h[simd::lanes], l[simd::lanes];
  float f[simd::lanes];
  high.store(h);
  low.store(l);
  for (int i = 0; i < simd::lanes; ++i) f[i] = static_cast<float>(std::int64_t{256} * h[i] + l[i]);
  return simd::Floats<Arch>::load(f);
}

/// Exact sums as they are.
template <typename Arch>
struct SumSink {
  std::int32_t* const* rows;
  Index out;
  bool stream = false;

  template <int Rows, int Blocks, int Digits, bool Stream = false, typename Acc>
  AMQ_INLINE void take(const Acc (&acc)[Rows * Digits][Blocks], Index row, Index n) const noexcept {
    for (int r = 0; r < Rows; ++r)
      for (int c = 0; c < Blocks; ++c) {
        const Index at = n + c * PackedWeights::block;
        if constexpr (Digits == 2)
          put<Blocks, Stream>(simd::shift_left<8>(acc[2 * r][c]) + acc[2 * r + 1][c],
                              rows[row + r] + at, out - at);
        else
          put<Blocks, Stream>(acc[r][c], rows[row + r] + at, out - at);
      }
  }
};

/// y = fma(wstep, fma(step, acc, offset * colsum), bias), the contract's order, for sixteen
/// channels.
template <typename Arch>
struct AffineBlock {
  using F = simd::Floats<Arch>;
  F sums, wstep, bias;

  AMQ_INLINE AffineBlock(const PackedWeights& w, Index n) noexcept
      : sums(F::load(w.sums() + n)), wstep(F::load(w.steps() + n)), bias(F::load(w.biases() + n)) {}

  template <int Digits, typename Acc, int Height, int Blocks>
  AMQ_INLINE F of(const Acc (&acc)[Height][Blocks], int r, int c, float step,
                  float offset) const noexcept {
    F sum;
    if constexpr (Digits == 2)
      sum = join_digits<Arch>(acc[2 * r][c], acc[2 * r + 1][c]);
    else
      sum = to_floats(acc[r][c]);
    const F shift = F::splat(offset) * sums;
    return fma(wstep, fma(F::splat(step), sum, shift), bias);
  }
};

/// relu costs one instruction more.
template <typename Arch, bool Relu = false>
struct AffineSink {
  float* const* rows;
  const float *step, *offset;
  const PackedWeights* w;
  bool stream = false;

  template <int Rows, int Blocks, int Digits, bool Stream = false, typename Acc>
  AMQ_INLINE void take(const Acc (&acc)[Rows * Digits][Blocks], Index row, Index n) const noexcept {
    using F = simd::Floats<Arch>;
    // Stores of registers may be stores to anything: what they do not change is read before them.
    const PackedWeights& weights = *w;
    const Index out = weights.out();
    const float *const by = step + row, *const from = offset + row;
    float* to[Rows];
    AMQ_UNROLL
    for (int r = 0; r < Rows; ++r) to[r] = rows[row + r] + n;
    AMQ_UNROLL
    for (int c = 0; c < Blocks; ++c) {
      const Index at = n + c * PackedWeights::block;
      const AffineBlock<Arch> affine(weights, at);
      AMQ_UNROLL
      for (int r = 0; r < Rows; ++r) {
        F y = affine.template of<Digits>(acc, r, c, by[r], from[r]);
        if constexpr (Relu) y = max(y, F::splat(0));
        put<Blocks, Stream>(y, to[r] + c * PackedWeights::block, out - at);
      }
    }
  }
};

/// base + y, or base - y, of the above: what is to be added to is read once, beside the sums.
template <typename Arch, bool Minus>
struct OntoSink {
  float* const* rows;
  const float* const* base;
  const float *step, *offset;
  const PackedWeights* w;

  template <int Rows, int Blocks, int Digits, typename Acc>
  AMQ_INLINE void take(const Acc (&acc)[Rows * Digits][Blocks], Index row, Index n) const noexcept {
    using F = simd::Floats<Arch>;
    // As in AffineSink.
    const PackedWeights& weights = *w;
    const Index out = weights.out();
    const float *const by = step + row, *const shift = offset + row;
    float* to[Rows];
    const float* from[Rows];
    AMQ_UNROLL
    for (int r = 0; r < Rows; ++r) {
      to[r] = rows[row + r] + n;
      from[r] = base[row + r] + n;
    }
    AMQ_UNROLL
    for (int c = 0; c < Blocks; ++c) {
      const Index in_row = c * PackedWeights::block, left = out - n - in_row;
      const AffineBlock<Arch> affine(weights, n + in_row);
      AMQ_UNROLL
      for (int r = 0; r < Rows; ++r) {
        const F y = affine.template of<Digits>(acc, r, c, by[r], shift[r]);
        const F x = Blocks > 1 || left >= simd::lanes
                        ? F::load(from[r] + in_row)
                        : F::load_part(from[r] + in_row, static_cast<int>(left));
        put<Blocks>(Minus ? x - y : x + y, to[r] + in_row, left);
      }
    }
  }
};

/// The same where every code is 0: no product.
template <typename Arch>
AMQ_INLINE void affine_of_offset(float offset, const PackedWeights& w, float* y) noexcept {
  using F = simd::Floats<Arch>;
  for (Index n = 0; n < w.out(); n += PackedWeights::block) {
    const F shift = F::splat(offset) * F::load(w.sums() + n);
    put<1>(fma(F::load(w.steps() + n), shift, F::load(w.biases() + n)), y + n, w.out() - n);
  }
}

/// Packed rows begin .. end as lines of digits.
/// @param bias  of the digits; where rows have 16 bits, the rung's
template <typename Arch, Containers C = any_container>
AMQ_INLINE void widen_rows(const RowsView& x, Index begin, Index end, int bias,
                           Panel& panel) noexcept {
  using Row = Codes<Arch>;
  const Index whole = x.cols / chunk * chunk;
  const int rest = static_cast<int>(x.cols - whole);
  std::uint8_t* line = panel.digits;
  if constexpr (holds(C, 16))
    if (x.container == 16) {
      for (Index i = begin; i < end; ++i, line += 2 * panel.stride) {
        const std::uint8_t* in = x.row(i);
        for (Index k = 0; k < whole; k += chunk)
          Row::widen16(in + 2 * k, chunk, bias, line + k, line + panel.stride + k);
        if (rest)
          Row::widen16(in + 2 * whole, rest, bias, line + whole, line + panel.stride + whole);
      }
      return;
    }
  const auto widen = [&]<int Container>() {
    for (Index i = begin; i < end; ++i, line += panel.stride) {
      const std::uint8_t* in = x.row(i);
      for (Index k = 0; k < whole; k += chunk)
        Row::template widen<Container>(in + k * Container / 8, chunk, bias, line + k);
      if (rest)
        Row::template widen<Container>(in + whole * Container / 8, rest, bias, line + whole);
    }
  };
  if constexpr (holds(C, 8))
    if (x.container == 8) return widen.template operator()<8>();
  if constexpr (holds(C, 4))
    if (x.container == 4) return widen.template operator()<4>();
  if constexpr (holds(C, 2)) widen.template operator()<2>();
}

/// Row r of a block, encoded, as a line of digits (8 bits at most) or as two (16).
template <typename Arch>
AMQ_INLINE void encode_line(const float* x, Index n, const BlockGrids& g, int r, int bias,
                            std::uint8_t* line) noexcept {
  encode_bytes<Arch>(x, n, g, r, bias,
                     [line](Index k, int, const std::uint8_t* codes)
                         AMQ_INLINE_LAMBDA { std::memcpy(line + k, codes, chunk); });
}
template <typename Arch>
AMQ_INLINE void encode_lines16(const float* x, Index n, const BlockGrids& g, int r,
                               std::uint8_t* high, std::uint8_t* low) noexcept {
  constexpr int bias = Dot<Arch>::bias;
  encode_words<Arch>(x, n, g, r, [=](Index k, int part, const std::int16_t* codes) {
    for (int l = 0; l < part; ++l) {
      high[k + l] = static_cast<std::uint8_t>((codes[l] >> 8) + bias);
      low[k + l] = static_cast<std::uint8_t>((codes[l] & 255) + bias - 128);
    }
  });
}

}  // namespace detail

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
