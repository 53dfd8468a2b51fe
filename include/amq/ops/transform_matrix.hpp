#pragma once
/// @file
/// The constant matrices of transforms along an axis, as numbers and as integer codes.

#include <amq/core/aligned.hpp>
#include <amq/kernels/float_product.hpp>
#include <amq/ops/coded_matrix.hpp>
#include <amq/ops/row_products.hpp>

#include <type_traits>
#include <vector>

namespace amq::ops {

/// (out, in). In integers it meets lines along the axis: one for each column of what it multiplies.
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
    if constexpr (std::is_same_v<T, float>)
      if (!values_.empty())
        codes_.encode({values_.data(), out_, in_}, bits, CodedMatrix::Step::best);
  }
  /// y = values x, or what codes give.
  /// @param x         (in, column)
  /// @param y         (out, column)
  /// @param row_bits  of the lines of x; 0: in float. @pre otherwise encode() has been called
  void multiply(MatrixView<const T> x, MatrixView<T> y, int row_bits) const {
    if constexpr (std::is_same_v<T, float>)
      if (row_bits && !codes_.empty()) return multiply_codes(x, y, row_bits);
    row_products<T>(values_.data(), out_, in_, PairedRows<const T>{x.data, 2 * x.stride, x.stride},
                    x.cols, PairedRows<T>{y.data, 2 * y.stride, y.stride}, false);
  }

 private:
  void multiply_codes(MatrixView<const float> x, MatrixView<float> y, int bits) const {
    static thread_local AlignedVector<float> scratch;
    float* first = at_least(scratch, x.cols * (in_ + out_));
    const MatrixView<float> lines(first, x.cols, in_), sums(first + x.cols * in_, x.cols, out_);
    kernels::transpose(x, lines);
    codes_.multiply(lines, bits, sums);
    kernels::transpose(sums, y);
  }

  Index out_ = 0, in_ = 0;
  std::vector<T> values_;
  CodedMatrix codes_;
};

}  // namespace amq::ops
