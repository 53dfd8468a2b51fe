#pragma once
/// @file
/// The constant matrices of transforms along an axis, as numbers and as integer codes.

#include <amq/arithmetic/row_products.hpp>
#include <amq/core/aligned.hpp>
#include <amq/kernels/float_product.hpp>
#include <amq/kernels/gemm.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

namespace amq::ops {

/// (out, in). In integers it is encoded like a weight, one step a row, and meets lines along the
/// axis: one line for each column of what it multiplies, quantized by its minimum and maximum.
template <typename T>
class TransformMatrix {
 public:
  TransformMatrix() = default;
  TransformMatrix(Index out, Index in)
      : out_(out), in_(in), values_(static_cast<std::size_t>(out * in)) {}
  [[nodiscard]] Index out() const noexcept { return out_; }
  [[nodiscard]] Index in() const noexcept { return in_; }
  [[nodiscard]] T& operator()(Index n, Index k) noexcept {
    return values_[static_cast<std::size_t>(n * in_ + k)];
  }
  /// Makes codes of the values as they stand. Doubles have none: they are for gradients.
  void encode(int bits) {
    if constexpr (std::is_same_v<T, float>) {
      if (in_ == 0 || out_ == 0) return;
      std::vector<std::int8_t> codes(values_.size()), low(bits == 16 ? codes.size() : 0);
      std::vector<float> step, bias(static_cast<std::size_t>(out_), 0.0f);
      for (Index n = 0; n < out_; ++n) {
        const float* row = &values_[static_cast<std::size_t>(n * in_)];
        step.push_back(best_weight_step(row, in_, bits));
        for (Index k = 0; k < in_; ++k) {
          const auto at = static_cast<std::size_t>(n * in_ + k);
          put_weight_code(encode_weight(row[k], 1.0f / step.back(), highest_weight_code(bits)),
                          &codes[at], low.empty() ? nullptr : &low[at]);
        }
      }
      kernels::pack_groups({codes.data(), out_, in_}, low.empty() ? nullptr : low.data(), 1, bits,
                           step.data(), bias.data(), "transform", packed_, low_);
    }
  }
  /// y = values x, or what codes give.
  /// @param x         (in, column)
  /// @param y         (out, column)
  /// @param row_bits  of the lines of x; 0: in float. @pre otherwise encode() has been called
  void multiply(MatrixView<const T> x, MatrixView<T> y, int row_bits) const {
    if constexpr (std::is_same_v<T, float>)
      if (row_bits && !packed_.empty()) return multiply_codes(x, y, row_bits);
    row_products<T>(values_.data(), out_, in_, PairedRows<const T>{x.data, 2 * x.stride, x.stride},
                    x.cols, PairedRows<T>{y.data, 2 * y.stride, y.stride}, false);
  }

 private:
  void multiply_codes(MatrixView<const float> x, MatrixView<float> y, int bits) const {
    static thread_local AlignedVector<float> scratch;
    const Index n = x.cols;
    float* first = at_least(scratch, n * (in_ + out_));
    const MatrixView<float> lines(first, n, in_), sums(first + n * in_, n, out_);
    kernels::transpose(x, lines);
    const RowCoder coder{RowRule::min_max, bits, RowMinMax::default_a(bits)};
    if (bits <= 8 && low_.empty()) {
      kernels::linear(lines, coder, packed_[0], Activation::none, sums);
    } else {
      static thread_local AlignedVector<std::uint8_t> codes;
      static thread_local AlignedVector<RowGrid> grids;
      const int container = container_bits(bits);
      const Index stride = packed_stride(in_, container);
      const kernels::RowsSpan to{
          at_least(codes, n * stride + 64), n, in_, stride, container, at_least(grids, n)};
      kernels::quantize_rows(lines, coder, to);
      const kernels::RowsView rows = to;
      kernels::linear(rows, packed_[0], Activation::none, sums);
      if (!low_.empty()) kernels::linear_onto(std::span(&rows, 1), low_[0], false, sums, sums);
    }
    kernels::transpose(sums, y);
  }

  Index out_ = 0, in_ = 0;
  std::vector<T> values_;
  std::vector<kernels::PackedWeights> packed_, low_;  // one of each, or none
};

}  // namespace amq::ops
