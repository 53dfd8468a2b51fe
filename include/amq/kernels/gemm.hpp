#pragma once
/// @file
/// Integer products: rows of 2, 4, 8 and 16 bits, and 0, against packed weights.
///
/// A block of rows is widened (or quantized) to bytes in a panel that stays in L1; tiles of `rows`
/// x 16 `blocks` accumulators run over the panel and the packed weights; an epilogue takes the
/// accumulators from the registers. Every rung gives the same bits.

#include <amq/core/executor.hpp>
#include <amq/kernels/activation.hpp>
#include <amq/kernels/dot.hpp>
#include <amq/kernels/packed_weights.hpp>
#include <amq/kernels/quantize.hpp>

#include <algorithm>
#include <cstdint>
#include <span>

namespace amq::kernels {

/// Packed rows of one container and their grids. Row i's codes begin at codes + i * stride, its
/// grid at grid + i * grid_stride: both may lie in one record.
struct RowsView {
  const void* codes = nullptr;
  Index rows = 0, cols = 0;
  Index stride = 0;   ///< bytes
  int container = 8;  ///< bits: 0, 2, 4, 8, 16
  const RowGrid* grid = nullptr;
  Index grid_stride = sizeof(RowGrid);  ///< bytes
  /// Row i of this view is row order[i] of the whole; null: row i.
  const std::int32_t* order = nullptr;

  [[nodiscard]] const std::uint8_t* row(Index i) const noexcept {
    return static_cast<const std::uint8_t*>(codes) + i * stride;
  }
  [[nodiscard]] const RowGrid& grid_of(Index i) const noexcept {
    return *reinterpret_cast<const RowGrid*>(reinterpret_cast<const std::uint8_t*>(grid) +
                                             i * grid_stride);
  }
  [[nodiscard]] Index target(Index i) const noexcept { return order ? order[i] : i; }
};

/// The same to write.
struct RowsSpan {
  void* codes = nullptr;
  Index rows = 0, cols = 0;
  Index stride = 0;
  int container = 8;
  RowGrid* grid = nullptr;
  Index grid_stride = sizeof(RowGrid);
  const std::int32_t* order = nullptr;

  [[nodiscard]] std::uint8_t* row(Index i) const noexcept {
    return static_cast<std::uint8_t*>(codes) + i * stride;
  }
  [[nodiscard]] RowGrid& grid_of(Index i) const noexcept {
    return *reinterpret_cast<RowGrid*>(reinterpret_cast<std::uint8_t*>(grid) + i * grid_stride);
  }
  [[nodiscard]] Index target(Index i) const noexcept { return order ? order[i] : i; }
  operator RowsView() const noexcept {  // NOLINT: like span, meant to convert
    return {codes, rows, cols, stride, container, grid, grid_stride, order};
  }
};

inline namespace AMQ_LEVEL {

/// Row order[i] of x becomes row i of `to`. @pre container_bits(coder.bits) == to.container
template <typename Arch = simd::Native>
void quantize_rows(MatrixView<const float> x, const RowCoder& coder, const RowsSpan& to,
                   Executor& executor = serial_executor()) {
  AMQ_ASSERT(x.cols == to.cols && container_bits(coder.bits) == to.container,
             "rows and codes must agree in length and container");
  executor.parallel_for(
      static_cast<std::size_t>(to.rows), 256, [&](std::size_t begin, std::size_t end) {
        for (auto i = static_cast<Index>(begin); i < static_cast<Index>(end); ++i)
          to.grid_of(i) = quantize_row<Arch>(x.row(to.target(i)), x.cols, coder, to.row(i));
      });
}

namespace detail {

/// Bytes of digits on the stack: one 16-bit row of the longest K, or many short rows.
inline constexpr Index panel_bytes = 133'120;
static_assert(panel_bytes >= 2 * ((largest_linear_k(8) + chunk - 1) / chunk * chunk));
inline constexpr Index panel_rows = 48;

/// acc(r, c) over all of K. Digits == 2: every row is a high and a low digit row in the panel.
template <typename Arch, int Rows, int Blocks, int Digits, typename Epilogue>
AMQ_INLINE void tile(const std::uint8_t* panel, Index stride, const std::int8_t* weights,
                     Index quads, Index block_bytes, const std::int32_t* sums,
                     const Epilogue& epilogue) noexcept {
  using D = Dot<Arch>;
  using Acc = typename D::Acc;
  constexpr int lines = Rows * Digits;
  Acc acc[lines][Blocks];
  // What the digits' bias adds to every sum is taken off here.
  for (int c = 0; c < Blocks; ++c) {
    alignas(64) std::int32_t high[simd::lanes], low[simd::lanes];
    for (int l = 0; l < simd::lanes; ++l) {
      high[l] = -D::bias * sums[c * simd::lanes + l];
      low[l] = -(D::bias - 128) * sums[c * simd::lanes + l];
    }
    const Acc h = Acc::load(high), o = Acc::load(low);
    for (int r = 0; r < lines; ++r) acc[r][c] = Digits == 2 && r % 2 == 1 ? o : h;
  }
  for (Index q = 0; q < quads; ++q) {
    typename D::Weights w[Blocks];
    for (int c = 0; c < Blocks; ++c)
      w[c] = D::weights(weights + c * block_bytes + q * PackedWeights::block * PackedWeights::quad);
    for (int r = 0; r < lines; ++r) {
      const typename D::Digits a = D::digits(panel + r * stride + q * PackedWeights::quad);
      for (int c = 0; c < Blocks; ++c) D::add(acc[r][c], a, w[c]);
    }
  }
  for (int r = 0; r < Rows; ++r)
    for (int c = 0; c < Blocks; ++c)
      if constexpr (Digits == 2)
        epilogue(r, c, acc[2 * r][c], acc[2 * r + 1][c]);
      else
        epilogue(r, c, acc[r][c]);
}

/// All tiles of `rows` panel rows and every block of the weights. at(row, block) makes a tile's
/// epilogue.
template <typename Arch, int Digits, typename At>
AMQ_INLINE void panel_product(const std::uint8_t* panel, Index stride, Index rows,
                              const PackedWeights& w, const At& at) noexcept {
  constexpr int tall = Dot<Arch>::rows / Digits, wide = Dot<Arch>::blocks;
  const Index blocks = w.blocks(), quads = w.quads(), bytes = w.block_bytes();
  const auto strip = [&]<int Blocks>(Index b) {
    Index r = 0;
    const auto run = [&]<int Rows>() {
      tile<Arch, Rows, Blocks, Digits>(panel + r * Digits * stride, stride, w.codes(b), quads,
                                       bytes, w.sums() + b * PackedWeights::block, at(r, b));
    };
    for (; r + tall <= rows; r += tall) run.template operator()<tall>();
    for (; r < rows; ++r) run.template operator()<1>();
  };
  Index b = 0;
  for (; b + wide <= blocks; b += wide) strip.template operator()<wide>(b);
  for (; b < blocks; ++b) strip.template operator()<1>(b);
}

/// Widens rows begin .. end of a view into the panel. 16 bits: two lines a row.
template <typename Arch>
AMQ_INLINE void fill_panel(const RowsView& x, Index begin, Index end, std::uint8_t* panel,
                           Index stride) noexcept {
  using C = Codes<Arch>;
  constexpr int bias = Dot<Arch>::bias;
  for (Index i = begin; i < end; ++i) {
    const std::uint8_t* in = x.row(i);
    for (Index k = 0; k < x.cols; k += chunk) {
      const int n = static_cast<int>(std::min<Index>(chunk, x.cols - k));
      const std::uint8_t* from = in + k * x.container / 8;
      if (x.container == 16) {
        C::widen16(from, n, bias, panel + k, panel + stride + k);
      } else {
        C::widen(from, n, x.container, bias, panel + k);
      }
    }
    panel += x.container == 16 ? 2 * stride : stride;
  }
}

/// Rows of a panel for sums of length k.
[[nodiscard]] inline Index panel_height(Index stride, Index digits, Index tall) noexcept {
  const Index fits = panel_bytes / (stride * digits);
  const Index near = std::clamp<Index>(24'576 / (stride * digits), tall, panel_rows);
  return std::max<Index>(1, std::min(fits, near / tall * tall));
}
[[nodiscard]] inline Index panel_stride(Index k) noexcept {
  return std::max<Index>(chunk, (k + chunk - 1) / chunk * chunk);
}

/// y = fma(wstep, fma(step, acc, offset * colsum), bias), the contract's order.
template <typename Arch>
AMQ_INLINE simd::Floats<Arch> affine(simd::Floats<Arch> acc, const RowGrid& g, Index channel,
                                     const PackedWeights& w) noexcept {
  using F = simd::Floats<Arch>;
  const F shift = F::splat(g.offset) * F::load(w.sums_float() + channel);
  return fma(F::load(w.steps() + channel), fma(F::splat(g.step), acc, shift),
             F::load(w.biases() + channel));
}

/// 256 high + low, exact, rounded once to float.
template <typename Arch>
AMQ_INLINE simd::Floats<Arch> join_digits(simd::Ints<Arch> high, simd::Ints<Arch> low) noexcept {
  std::int32_t h[simd::lanes], l[simd::lanes];
  float f[simd::lanes];
  high.store(h);
  low.store(l);
  for (int i = 0; i < simd::lanes; ++i) f[i] = static_cast<float>(std::int64_t{256} * h[i] + l[i]);
  return simd::Floats<Arch>::load(f);
}

/// Sixteen results to memory; the last block may be cut.
template <typename Arch, typename V, typename T>
AMQ_INLINE void put(const V& v, T* p, Index left) noexcept {
  if (left >= simd::lanes)
    v.store(p);
  else
    v.store_part(p, static_cast<int>(left));
}

}  // namespace detail

/// acc(i, n) = sum_k q(i, k) w(n, k) into row order[i] of `out`, exact. Container 0 gives zeros.
/// @throws Error if K is beyond largest_k of the pair, or shapes differ
template <typename Arch = simd::Native>
void gemm_i32(const RowsView& x, const PackedWeights& w, MatrixView<std::int32_t> out) {
  if (x.cols != w.in() || out.cols != w.out())
    throw Error("gemm_i32",
                "rows of " + std::to_string(w.in()) + " codes to rows of " +
                    std::to_string(w.out()) + " sums",
                std::to_string(x.cols) + " and " + std::to_string(out.cols),
                "Pack the weights of this layer.");
  if (x.cols > largest_k(w.bits(), x.container))
    throw Error("gemm_i32",
                "K <= " + std::to_string(largest_k(w.bits(), x.container)) + " at w" +
                    std::to_string(w.bits()) + "a" + std::to_string(x.container),
                std::to_string(x.cols), "Use linear(), which adds wide sums in double.");
  if (x.container == 0) {
    for (Index i = 0; i < x.rows; ++i) std::fill_n(out.row(x.target(i)), out.cols, std::int32_t{0});
    return;
  }
  alignas(64) std::uint8_t panel[detail::panel_bytes];
  const Index stride = detail::panel_stride(x.cols), digits = x.container == 16 ? 2 : 1;
  const Index height = detail::panel_height(stride, digits, Dot<Arch>::rows);
  for (Index begin = 0; begin < x.rows; begin += height) {
    const Index end = std::min(x.rows, begin + height);
    detail::fill_panel<Arch>(x, begin, end, panel, stride);
    const auto row = [&](Index r) { return out.row(x.target(begin + r)); };
    if (digits == 1)
      detail::panel_product<Arch, 1>(panel, stride, end - begin, w, [&](Index r0, Index b0) {
        return [&, r0, b0](int r, int c, const simd::Ints<Arch>& acc) {
          const Index n = (b0 + c) * PackedWeights::block;
          detail::put<Arch>(acc, row(r0 + r) + n, w.out() - n);
        };
      });
    else
      detail::panel_product<Arch, 2>(panel, stride, end - begin, w, [&](Index r0, Index b0) {
        return
            [&, r0, b0](int r, int c, const simd::Ints<Arch>& high, const simd::Ints<Arch>& low) {
              const Index n = (b0 + c) * PackedWeights::block;
              detail::put<Arch>(simd::shift_left<8>(high) + low, row(r0 + r) + n, w.out() - n);
            };
      });
  }
}

namespace detail {

template <typename Arch>
void linear_range(const RowsView& x, const PackedWeights& w, Activation activation,
                  MatrixView<float> out, Index first, Index last) noexcept {
  using F = simd::Floats<Arch>;
  if (x.container == 0) {
    for (Index i = first; i < last; ++i) {
      float* y = out.row(x.target(i));
      const RowGrid g{1.0f, x.grid_of(i).offset};
      for (Index n = 0; n < w.out(); n += simd::lanes)
        put<Arch>(affine<Arch>(F::splat(0), g, n, w), y + n, w.out() - n);
      activate<Arch>(activation, y, y, w.out());
    }
    return;
  }
  alignas(64) std::uint8_t panel[panel_bytes];
  const Index stride = panel_stride(x.cols), digits = x.container == 16 ? 2 : 1;
  const Index height = panel_height(stride, digits, Dot<Arch>::rows);
  for (Index begin = first; begin < last; begin += height) {
    const Index end = std::min(last, begin + height);
    fill_panel<Arch>(x, begin, end, panel, stride);
    if (digits == 1)
      panel_product<Arch, 1>(panel, stride, end - begin, w, [&](Index r0, Index b0) {
        return [&, r0, b0](int r, int c, const simd::Ints<Arch>& acc) {
          const Index i = begin + r0 + r, n = (b0 + c) * PackedWeights::block;
          put<Arch>(affine<Arch>(to_floats(acc), x.grid_of(i), n, w), out.row(x.target(i)) + n,
                    w.out() - n);
        };
      });
    else
      panel_product<Arch, 2>(panel, stride, end - begin, w, [&](Index r0, Index b0) {
        return
            [&, r0, b0](int r, int c, const simd::Ints<Arch>& high, const simd::Ints<Arch>& low) {
              const Index i = begin + r0 + r, n = (b0 + c) * PackedWeights::block;
              put<Arch>(affine<Arch>(join_digits(high, low), x.grid_of(i), n, w),
                        out.row(x.target(i)) + n, w.out() - n);
            };
      });
    // While the block is still in L1; the accumulators leave no registers for polynomials.
    if (activation != Activation::none)
      for (Index i = begin; i < end; ++i) {
        float* y = out.row(x.target(i));
        activate<Arch>(activation, y, y, w.out());
      }
  }
}

inline void check_linear(const RowsView& x, const PackedWeights& w, Index out_cols) {
  if (x.cols != w.in() || out_cols != w.out())
    throw Error("linear",
                "rows of " + std::to_string(w.in()) + " codes to rows of " +
                    std::to_string(w.out()) + " channels",
                std::to_string(x.cols) + " and " + std::to_string(out_cols),
                "Pack the weights of this layer.");
}

}  // namespace detail

/// y(i, n) = activation(wstep_n (step_i acc_in + offset_i colsum_n) + bias_n) into row order[i] of
/// `out`: (rows, w.out()). Container 0: acc is 0 and the row costs no multiplication.
/// @throws Error if shapes differ
template <typename Arch = simd::Native>
void linear(const RowsView& x, const PackedWeights& w, Activation activation, MatrixView<float> out,
            Executor& executor = serial_executor()) {
  detail::check_linear(x, w, out.cols);
  executor.parallel_for(
      static_cast<std::size_t>(x.rows), 240, [&](std::size_t begin, std::size_t end) {
        detail::linear_range<Arch>(x, w, activation, out, static_cast<Index>(begin),
                                   static_cast<Index>(end));
      });
}

/// Rows of mixed levels: one bucket per container, each with its part of the permutation. Every row
/// of `out` that some bucket names is written once; nothing is copied for the sorting.
template <typename Arch = simd::Native>
void linear(std::span<const RowsView> buckets, const PackedWeights& w, Activation activation,
            MatrixView<float> out, Executor& executor = serial_executor()) {
  for (const auto& bucket : buckets) linear<Arch>(bucket, w, activation, out, executor);
}

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
