#pragma once
/// @file
/// One row added to every row.

#include <amq/ops/operation.hpp>

namespace amq::ops {

/// Channel c of every row: x + shift[c]; the shift is a parameter.
struct Shift {
  static constexpr int inputs = 2;
  static constexpr bool in_place = true, takes_columns = true;

  [[nodiscard]] MatrixShape shape(MatrixShape s, MatrixShape shift) const {
    detail::expect_shape("Shift", {1, s.cols}, shift);
    return s;
  }
  [[nodiscard]] double cost(MatrixShape s, MatrixShape) const noexcept { return s.size(); }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<const T> shift, MatrixView<T> out,
               Executor& executor) const {
    detail::runs(x.rows, false, executor, [&](Index i, Index) {
      const T *from = x.row(i), *by = shift.data;
      T* to = out.row(i);
      for (Index c = 0; c < x.cols; ++c) to[c] = from[c] + by[c];
    });
  }
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T>,
                MatrixView<const T> d, GradientSlot<T> dx, GradientSlot<T> d_shift) const {
    detail::carry(d, T(1), dx);
    if (!d_shift) return;
    T* to = d_shift.grad.data;
    if (d_shift.fresh) std::fill_n(to, d.cols, T(0));
    for (Index i = 0; i < d.rows; ++i) detail::add_row(to, d.row(i), d.cols);
  }
};

static_assert(operation<Shift>);

}  // namespace amq::ops
