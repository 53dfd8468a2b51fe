#pragma once
/// @file
/// Operations that move whole rows about.

#include <amq/ops/operation.hpp>

#include <algorithm>
#include <cstdint>
#include <span>

namespace amq::ops {

/// Row r of the result is row rows[r] of x.
struct Gather {
  static constexpr bool takes_columns = true;

  std::span<const std::int32_t> rows;  ///< lives until backward() is over
  RowKind of = RowKind::node;          ///< what rows of the result stand for

  [[nodiscard]] MatrixShape shape(MatrixShape s) const noexcept {
    return {static_cast<Index>(rows.size()), s.cols};
  }
  [[nodiscard]] RowKind kind(RowKind) const noexcept { return of; }
  [[nodiscard]] double cost(MatrixShape) const noexcept { return 0; }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor&) const noexcept {
    for (std::size_t r = 0; r < rows.size(); ++r)
      std::copy_n(x.row(rows[r]), x.cols, out.row(static_cast<Index>(r)));
  }
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T> dy,
                MatrixView<T> dx) const noexcept {
    if (!dx.data) return;
    for (std::size_t r = 0; r < rows.size(); ++r)
      detail::add_row(dx.row(rows[r]), dy.row(static_cast<Index>(r)), dy.cols);
  }
};

/// Row i of x where first[i], else of y.
struct ChooseRows {
  static constexpr int inputs = 2;
  static constexpr bool takes_columns = true;

  std::span<const std::uint8_t> first;  ///< lives until backward() is over

  [[nodiscard]] MatrixShape shape(MatrixShape x, MatrixShape y) const {
    detail::expect_shape("ChooseRows", x, y);
    detail::expect_shape("ChooseRows, which rows", {x.rows, 1},
                         {static_cast<Index>(first.size()), 1});
    return x;
  }
  [[nodiscard]] double cost(MatrixShape, MatrixShape) const noexcept { return 0; }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<const T> y, MatrixView<T> out,
               Executor& executor) const {
    detail::runs(x.rows, false, executor, [&](Index i, Index) {
      std::copy_n((first[static_cast<std::size_t>(i)] ? x : y).row(i), x.cols, out.row(i));
    });
  }
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T>,
                MatrixView<const T> d, MatrixView<T> dx, MatrixView<T> dy) const noexcept {
    for (Index i = 0; i < d.rows; ++i)
      if (const auto& to = first[static_cast<std::size_t>(i)] ? dx : dy; to.data)
        detail::add_row(to.row(i), d.row(i), d.cols);
  }
};

/// (node, heads x channel) -> (heads x node, channel): the rows of each head one after the other.
struct SplitHeads {
  static constexpr bool takes_columns = true;

  Index heads = 1;

  [[nodiscard]] MatrixShape shape(MatrixShape s) const {
    detail::expect_shape("SplitHeads", {s.rows, s.cols / heads * heads}, s);
    return {s.rows * heads, s.cols / heads};
  }
  [[nodiscard]] double cost(MatrixShape) const noexcept { return 0; }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor&) const noexcept {
    const Index width = out.cols;
    for (Index h = 0; h < heads; ++h)
      for (Index i = 0; i < x.rows; ++i)
        std::copy_n(x.row(i) + h * width, width, out.row(h * x.rows + i));
  }
  template <typename T>
  void backward(MatrixView<const T> x, MatrixView<const T>, MatrixView<const T> dy,
                MatrixView<T> dx) const noexcept {
    for (Index h = 0; h < heads; ++h)
      for (Index i = 0; i < x.rows; ++i)
        detail::add_row(dx.row(i) + h * dy.cols, dy.row(h * x.rows + i), dy.cols);
  }
};

static_assert(operation<SplitHeads> && operation<Gather> && operation<ChooseRows>);

}  // namespace amq::ops
