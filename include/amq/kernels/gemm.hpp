#pragma once
/// @file
/// Integer products: rows of 2, 4, 8 and 16 bits, and 0, against packed weights; and the fused
/// layer that takes floats. Every rung gives the same bits, for any number of threads.

#include <amq/core/executor.hpp>
#include <amq/kernels/activation.hpp>
#include <amq/kernels/panel.hpp>
#include <amq/quant/rows.hpp>

#include <algorithm>
#include <cstdint>
#include <span>

namespace amq::kernels {
inline namespace AMQ_LEVEL {

/// What a product is added to, and what becomes of the sum.
struct Onto {
  MatrixView<const float> base{};  ///< without data: nothing is added, and `after` not read
  Activation after = Activation::none;
};

namespace detail {

inline void check_shapes(const char* where, Index in, Index out, const PackedWeights& w) {
  if (in != w.in() || out != w.out())
    throw Error(
        where, "rows of " + std::to_string(w.in()) + " to rows of " + std::to_string(w.out()),
        std::to_string(in) + " to " + std::to_string(out), "Pack the weights of this layer.");
}
/// Rows a thread takes at once.
inline constexpr std::size_t grain = 5 * static_cast<std::size_t>(panel_rows);

template <typename Arch, Containers C>
void linear_range(const RowsView& x, const PackedWeights& w, Activation activation,
                  MatrixView<float> out, Index first, Index last) {
  if constexpr (holds(C, 0))
    if (x.container == 0) {
      for (Index i = first; i < last; ++i) {
        float* y = out.row(x.target(i));
        affine_of_offset<Arch>(x.grid_of(i).offset, w, y);
        activate<Arch>(activation, y, y, w.out());
      }
      return;
    }
  constexpr bool words = holds(C, 16);
  const bool wide = words && x.container == 16;
  const LineForm form = line_form<Arch>(x.code_bits(), w);
  Panel panel(x.cols, wide ? 2 : 1, panel_shape<Arch>);
  float* rows[panel_rows];
  float step[panel_rows], offset[panel_rows];
  const bool relu = activation == Activation::relu && !wide,
             stream = (relu || activation == Activation::none) && streams(out);
  for (Index begin = first; begin < last; begin += panel.height) {
    const Index end = std::min(last, begin + panel.height);
    widen_rows<Arch, C>(x, begin, end, form.bias, panel);
    for (Index i = begin; i < end; ++i) {
      rows[i - begin] = out.row(x.target(i));
      step[i - begin] = x.grid_of(i).step;
      offset[i - begin] = x.grid_of(i).offset;
    }
    if (wide) {
      if constexpr (words)
        panel_product<Arch, 2>(panel, panel.digits, end - begin, form, w,
                               AffineSink<Arch>{rows, step, offset, &w});
    } else if (relu)
      panel_product<Arch, 1>(panel, panel.digits, end - begin, form, w,
                             AffineSink<Arch, true>{rows, step, offset, &w, stream});
    else
      panel_product<Arch, 1>(panel, panel.digits, end - begin, form, w,
                             AffineSink<Arch>{rows, step, offset, &w, stream});
    // While the block is near; the accumulators leave no registers for polynomials.
    if (activation != Activation::none && !relu)
      for (Index r = 0; r < end - begin; ++r) activate<Arch>(activation, rows[r], rows[r], w.out());
  }
  if (stream) simd::end_stream();
}

template <typename Arch, bool Minus, Containers C>
void onto_range(const RowsView& x, const PackedWeights& w, MatrixView<const float> base,
                MatrixView<float> out, Index first, Index last) {
  constexpr bool words = holds(C, 16);
  const bool wide = words && x.container == 16;
  const LineForm form = line_form<Arch>(x.code_bits(), w);
  Panel panel(std::max<Index>(1, x.cols), wide ? 2 : 1, panel_shape<Arch>);
  float* rows[panel_rows];
  const float* from[panel_rows];
  float step[panel_rows], offset[panel_rows];
  for (Index begin = first; begin < last; begin += panel.height) {
    const Index end = std::min(last, begin + panel.height);
    for (Index i = begin; i < end; ++i) {
      rows[i - begin] = out.row(x.target(i));
      from[i - begin] = base.row(x.target(i));
      step[i - begin] = x.grid_of(i).step;
      offset[i - begin] = x.grid_of(i).offset;
    }
    const OntoSink<Arch, Minus> sink{rows, from, step, offset, &w};
    if constexpr (holds(C, 0))
      if (x.container == 0) {
        // No codes: sums of nothing, one row at a time.
        for (Index r = 0; r < end - begin; ++r)
          for (Index b = 0; b < w.blocks(); ++b) {
            const simd::Ints<Arch> none[1][1] = {{simd::Ints<Arch>::splat(0)}};
            sink.template take<1, 1, 1>(none, r, b * PackedWeights::block);
          }
        continue;
      }
    widen_rows<Arch, C>(x, begin, end, form.bias, panel);
    if (wide) {
      if constexpr (words) panel_product<Arch, 2>(panel, panel.digits, end - begin, form, w, sink);
    } else {
      panel_product<Arch, 1>(panel, panel.digits, end - begin, form, w, sink);
    }
  }
}

/// The rows of a matrix, as dense_range() reads rows.
template <typename Rule>
struct MatrixRows {
  MatrixView<const float> x;
  [[no_unique_address]] Rule rule;

  [[nodiscard]] Index cols() const noexcept { return x.cols; }
  /// Of rows i .. i + 15; those from `end` on are as the last before.
  template <typename Arch>
  AMQ_INLINE void grids(Index i, Index end, const RowLevel* const* levels,
                        BlockGrids& g) const noexcept {
    const float* rows[block_rows];
    for (int r = 0; r < block_rows; ++r) rows[r] = x.row(std::min(i + r, end - 1));
    block_grids<Arch>(rows, x.cols, rule, levels, g);
  }
  /// Row i, the r-th of its block, to a line of the panel, as digits of this bias.
  template <typename Arch>
  AMQ_INLINE void encode(Index i, const BlockGrids& g, int r, int bias, std::uint8_t* line,
                         Index) const noexcept {
    encode_line<Arch>(x.row(i), x.cols, g, r, bias, line);
  }
};

/// @param onto  its base may be the memory of `out`
template <typename Arch, typename Rows>
void dense_range(const Rows& x, const RowLevel& level, const PackedWeights& w,
                 Activation activation, const Onto& onto, MatrixView<float> out, Index first,
                 Index last) {
  const MatrixView<const float> base = onto.base;
  Panel panel(x.cols(), 1, panel_shape<Arch>);
  const LineForm form = line_form<Arch>(level.bits, w);
  // Grids are made for sixteen rows at once, but long rows come fewer at a time.
  const Index height =
      panel.height < block_rows ? panel.height : panel.height / block_rows * block_rows;
  const RowLevel* levels[block_rows];
  std::fill_n(levels, block_rows, &level);
  float* to[panel_rows];
  alignas(64) float step[panel_rows], offset[panel_rows];
  const bool relu = activation == Activation::relu,
             stream = (relu || activation == Activation::none) && !base.data && streams(out);
  float* nearby = nullptr;
  if (base.data) {
    thread_local AlignedVector<float> before;
    nearby = at_least(before, panel_rows * w.out());
  }
  for (Index begin = first; begin < last; begin += height) {
    const Index end = std::min(last, begin + height);
    for (Index i = begin; i < end; i += block_rows) {
      BlockGrids g;
      x.template grids<Arch>(i, end, levels, g);
      for (int r = 0; r < block_rows && i + r < end; ++r) {
        const Index at = i - begin + r;
        x.template encode<Arch>(i + r, g, r, form.bias, panel.line(at), panel.stride);
        step[at] = g.step[r];
        offset[at] = g.offset[r];
        to[at] = nearby ? nearby + at * w.out() : out.row(i + r);
      }
    }
    if (relu)
      panel_product<Arch, 1>(panel, panel.digits, end - begin, form, w,
                             AffineSink<Arch, true>{to, step, offset, &w, stream});
    else
      panel_product<Arch, 1>(panel, panel.digits, end - begin, form, w,
                             AffineSink<Arch>{to, step, offset, &w, stream});
    const bool polynomial = activation != Activation::none && !relu;
    if (!polynomial && !nearby) continue;
    for (Index r = 0; r < end - begin; ++r) {
      if (polynomial) activate<Arch>(activation, to[r], to[r], w.out());
      // What was activated has been in memory: a product in it is not contracted with this sum.
      if (nearby)
        activate_sum<Arch>(onto.after, base.row(begin + r), to[r], out.row(begin + r), w.out());
    }
  }
  if (stream) simd::end_stream();
}

}  // namespace detail

/// acc(i, n) = sum_k q(i, k) w(n, k) into row order[i] of `out`, exact. Container 0 gives zeros.
/// @throws Error if K is beyond largest_k of the pair, or shapes differ
template <typename Arch = simd::Native>
void gemm_i32(const RowsView& x, const PackedWeights& w, MatrixView<std::int32_t> out) {
  detail::check_shapes("gemm_i32", x.cols, out.cols, w);
  if (x.cols > largest_k(w.bits(), x.container))
    throw Error("gemm_i32",
                "K <= " + std::to_string(largest_k(w.bits(), x.container)) + " at w" +
                    std::to_string(w.bits()) + "a" + std::to_string(x.container),
                std::to_string(x.cols), "Use linear(), which adds wide sums in double.");
  if (x.container == 0) {
    for (Index i = 0; i < x.rows; ++i) std::fill_n(out.row(x.target(i)), out.cols, std::int32_t{0});
    return;
  }
  const bool wide = x.container == 16;
  const detail::LineForm form = detail::line_form<Arch>(x.code_bits(), w);
  detail::Panel panel(x.cols, wide ? 2 : 1, detail::panel_shape<Arch>);
  std::int32_t* rows[detail::panel_rows];
  const detail::SumSink<Arch> sink{rows, w.out(), detail::streams(out)};
  for (Index begin = 0; begin < x.rows; begin += panel.height) {
    const Index end = std::min(x.rows, begin + panel.height);
    detail::widen_rows<Arch>(x, begin, end, form.bias, panel);
    for (Index i = begin; i < end; ++i) rows[i - begin] = out.row(x.target(i));
    if (wide)
      detail::panel_product<Arch, 2>(panel, panel.digits, end - begin, form, w, sink);
    else
      detail::panel_product<Arch, 1>(panel, panel.digits, end - begin, form, w, sink);
  }
  if (sink.stream) simd::end_stream();
}

/// y(i, n) = activation(wstep_n (step_i acc_in + offset_i colsum_n) + bias_n) into row order[i] of
/// `out`: (rows, w.out()). Container 0: acc is 0 and the row costs no multiplication.
/// @throws Error if shapes differ
/// @tparam C  the containers that occur
template <typename Arch = simd::Native, Containers C = any_container>
void linear(const RowsView& x, const PackedWeights& w, Activation activation, MatrixView<float> out,
            Executor& executor = serial_executor()) {
  detail::check_shapes("linear", x.cols, out.cols, w);
  executor.parallel_for(
      static_cast<std::size_t>(x.rows), detail::grain, [&](std::size_t begin, std::size_t end) {
        detail::linear_range<Arch, C>(x, w, activation, out, static_cast<Index>(begin),
                                      static_cast<Index>(end));
      });
}

/// Rows of mixed levels: one bucket per level, each with its part of the permutation. Every row of
/// `out` that some bucket names is written once; nothing is copied for the sorting.
template <typename Arch = simd::Native, Containers C = any_container>
void linear(std::span<const RowsView> buckets, const PackedWeights& w, Activation activation,
            MatrixView<float> out, Executor& executor = serial_executor()) {
  for (const auto& bucket : buckets) linear<Arch, C>(bucket, w, activation, out, executor);
}

/// out = base + linear(...), or base - linear(...), to the bit what two steps would give. Rows of
/// `base` and `out` are numbered as those of linear()'s result; both may be the same.
/// @throws Error if shapes differ
template <typename Arch = simd::Native, Containers C = any_container>
void linear_onto(std::span<const RowsView> buckets, const PackedWeights& w, bool minus,
                 MatrixView<const float> base, MatrixView<float> out,
                 Executor& executor = serial_executor()) {
  detail::check_shapes("linear_onto", w.in(), base.cols, w);
  for (const RowsView& x : buckets) {
    detail::check_shapes("linear_onto", x.cols, out.cols, w);
    executor.parallel_for(
        static_cast<std::size_t>(x.rows), detail::grain, [&](std::size_t begin, std::size_t end) {
          const auto run =
              minus ? detail::onto_range<Arch, true, C> : detail::onto_range<Arch, false, C>;
          run(x, w, base, out, static_cast<Index>(begin), static_cast<Index>(end));
        });
  }
}

/// out = after(base + linear(...)) of the next function, to the bit what the steps would give.
/// `out` may be the base or x.
/// @throws Error if shapes differ, or for more than 8 bits
template <typename Arch = simd::Native, typename Rule = AnyRule>
void linear_onto(MatrixView<const float> x, const BasicRowCoder<Rule>& coder,
                 const PackedWeights& w, Activation activation, const Onto& onto,
                 MatrixView<float> out, Executor& executor = serial_executor()) {
  const MatrixView<const float> base = onto.base;
  detail::check_shapes("linear", x.cols, out.cols, w);
  if (base.data) detail::check_shapes("linear_onto", x.cols, base.cols, w);
  if (coder.bits > 8 || out.rows != x.rows || (base.data && base.rows != x.rows))
    throw Error("linear from floats", "at most 8 bits and as many rows out as in",
                std::to_string(coder.bits) + " bits, " + std::to_string(x.rows) + " and " +
                    std::to_string(out.rows) + " rows",
                "Use quantize_rows() and linear() of its codes.");
  const RowLevel level(coder);
  executor.parallel_for(
      static_cast<std::size_t>(x.rows), detail::grain, [&](std::size_t begin, std::size_t end) {
        detail::dense_range<Arch>(detail::MatrixRows<Rule>{x, coder.rule}, level, w, activation,
                                  onto, out, static_cast<Index>(begin), static_cast<Index>(end));
      });
}

/// quantize_rows() and linear() in one: floats in, floats out, the codes stay in L1.
/// @throws Error if shapes differ, or for more than 8 bits
template <typename Arch = simd::Native, typename Rule = AnyRule>
void linear(MatrixView<const float> x, const BasicRowCoder<Rule>& coder, const PackedWeights& w,
            Activation activation, MatrixView<float> out, Executor& executor = serial_executor()) {
  linear_onto<Arch>(x, coder, w, activation, {}, out, executor);
}

/// linear() and quantize_rows() of its result in one: codes in, codes of the next layer out; the
/// floats between stay in L1. Row i of x becomes row i of `to`, whose `order` is not read.
/// @throws Error if shapes differ, or either side has no codes
template <typename Arch = simd::Native, typename Rule = AnyRule>
void linear(const RowsView& x, const PackedWeights& w, Activation activation,
            const BasicRowCoder<Rule>& next, const RowsSpan& to,
            Executor& executor = serial_executor()) {
  detail::check_shapes("linear to codes", x.cols, to.cols, w);
  if (x.container == 0 || to.rows != x.rows || to.container != container_bits(next.bits))
    throw Error("linear to codes", "rows with codes, as many out as in, in the coder's container",
                std::to_string(x.container) + "-bit rows, " + std::to_string(x.rows) + " and " +
                    std::to_string(to.rows) + " of them",
                "Use linear() to floats, then quantize_rows().");
  const RowLevel level(next);
  executor.parallel_for(
      static_cast<std::size_t>(x.rows), detail::grain, [&](std::size_t begin, std::size_t end) {
        const RowLevel* levels[block_rows];
        std::fill_n(levels, block_rows, &level);
        constexpr Index tall = detail::panel_rows;
        thread_local AlignedVector<float> nearby;
        at_least(nearby, tall * w.out());
        RowsView part = x;
        part.order = nullptr;
        const auto last = static_cast<Index>(end);
        for (auto i = static_cast<Index>(begin); i < last; i += tall) {
          part.codes = x.row(i);
          part.grid = &x.grid_of(i);
          part.rows = std::min(tall, last - i);
          detail::linear_range<Arch, any_container>(
              part, w, activation, {nearby.data(), part.rows, w.out()}, 0, part.rows);
          for (Index b = 0; b < part.rows; b += block_rows) {
            const float* rows[block_rows];
            for (Index r = 0; r < block_rows; ++r)
              rows[r] = nearby.data() + std::min(b + r, part.rows - 1) * w.out();
            BlockGrids g;
            block_grids<Arch>(rows, w.out(), next.rule, levels, g);
            for (int r = 0; r < block_rows && b + r < part.rows; ++r) {
              to.grid_of(i + b + r) = {g.step[r], g.offset[r]};
              encode_packed<Arch>(rows[r], w.out(), g, r, to.container, to.row(i + b + r));
            }
          }
        }
      });
}

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
