#pragma once
/// @file
/// Operations on regular grids that move rows about: padding and cropping, windows, and what
/// follows a transposed convolution.

#include <amq/ops/grid_shape.hpp>
#include <amq/ops/operation.hpp>

#include <algorithm>
#include <array>
#include <vector>

namespace amq::ops {

namespace detail {
/// f(row in `a`, row in `b`) for every point that both grids have.
template <typename F>
void common_points(const GridShape& a, const GridShape& b, F f) {
  for (Index s = 0; s < a.samples; ++s)
    for (Index i = 0; i < std::min(a[0], b[0]); ++i)
      for (Index j = 0; j < std::min(a[1], b[1]); ++j)
        for (Index k = 0; k < std::min(a[2], b[2]); ++k)
          f(((s * a[0] + i) * a[1] + j) * a[2] + k, ((s * b[0] + i) * b[1] + j) * b[2] + k);
}
}  // namespace detail

/// Zeros at the far end of an axis that grows, the far end cut off where it shrinks.
struct Resize {
  GridShape from, to;

  [[nodiscard]] MatrixShape shape(MatrixShape s) const noexcept { return {to.rows(), s.cols}; }
  [[nodiscard]] double cost(MatrixShape) const noexcept { return 0; }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor&) const noexcept {
    std::fill_n(out.data, out.size(), T(0));
    detail::common_points(from, to,
                          [&](Index a, Index b) { std::copy_n(x.row(a), x.cols, out.row(b)); });
  }
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T> dy,
                MatrixView<T> dx) const noexcept {
    detail::common_points(from, to, [&](Index a, Index b) {
      for (Index c = 0; c < dx.cols; ++c) dx(a, c) += dy(b, c);
    });
  }
};

}  // namespace amq::ops

namespace amq::ops {
static_assert(ops::operation<ops::Resize>);
}  // namespace amq::ops
