#pragma once
/// @file
/// What makes a convolution along the channels of a row a product, and its results a row again.

#include <amq/ops/operation.hpp>

namespace amq::ops {

/// Rows of `channels` x `length` numbers, channel-major as PyTorch has them, become windows:
/// out(row * n_windows + p, channel * kernel + k) = x(row, channel * length + p * stride + k),
/// zero where the padding reaches over the end. A convolution is then a product with PyTorch's own
/// (out, channels * kernel) weight.
struct Windows {
  static constexpr bool takes_columns = true;

  Index channels = 1, length = 0, kernel = 1, stride = 1, padding = 0;

  [[nodiscard]] constexpr Index count() const noexcept {
    return (length + 2 * padding - kernel) / stride + 1;
  }
  [[nodiscard]] MatrixShape shape(MatrixShape s) const {
    detail::expect_shape("Windows", {s.rows, channels * length}, s);
    return {s.rows * count(), channels * kernel};
  }
  [[nodiscard]] double cost(MatrixShape) const noexcept { return 0; }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor&) const noexcept {
    const Index n = count();
    for (Index i = 0; i < x.rows; ++i)
      for (Index p = 0; p < n; ++p) {
        T* o = out.row(i * n + p);
        for (Index c = 0; c < channels; ++c)
          for (Index k = 0; k < kernel; ++k) {
            const Index at = p * stride + k - padding;
            *o++ = at < 0 || at >= length ? T(0) : x(i, c * length + at);
          }
      }
  }
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T> dy,
                MatrixView<T> dx) const noexcept {
    const Index n = count();
    for (Index i = 0; i < dx.rows; ++i)
      for (Index p = 0; p < n; ++p)
        for (Index c = 0; c < channels; ++c)
          for (Index k = 0; k < kernel; ++k) {
            const Index at = p * stride + k - padding;
            if (at >= 0 && at < length) dx(i, c * length + at) += dy(i * n + p, c * kernel + k);
          }
  }
};

/// (row * n + p, channel) -> (row, channel * n + p): the windows' outputs become a signal again.
struct FoldWindows {
  static constexpr bool takes_columns = true;

  Index n = 1;  ///< windows of a row

  [[nodiscard]] MatrixShape shape(MatrixShape s) const {
    detail::expect_shape("FoldWindows", {s.rows / n * n, s.cols}, s);
    return {s.rows / n, s.cols * n};
  }
  [[nodiscard]] double cost(MatrixShape) const noexcept { return 0; }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor&) const noexcept {
    for (Index i = 0; i < out.rows; ++i)
      for (Index p = 0; p < n; ++p)
        for (Index c = 0; c < x.cols; ++c) out(i, c * n + p) = x(i * n + p, c);
  }
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T> dy,
                MatrixView<T> dx) const noexcept {
    for (Index i = 0; i < dy.rows; ++i)
      for (Index p = 0; p < n; ++p)
        for (Index c = 0; c < dx.cols; ++c) dx(i * n + p, c) += dy(i, c * n + p);
  }
};

static_assert(operation<Windows> && operation<FoldWindows>);

}  // namespace amq::ops
