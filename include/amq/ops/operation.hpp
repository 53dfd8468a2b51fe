#pragma once
/// @file
/// Operations without parameters that know how rows lie on a grid, each written once with its
/// gradient.

#include <amq/core/error.hpp>
#include <amq/core/executor.hpp>
#include <amq/core/matrix_view.hpp>

#include <array>
#include <cmath>
#include <concepts>
#include <initializer_list>
#include <string>
#include <type_traits>

namespace amq {

/// How rows lie: row ((sample n0 + i0) n1 + i1) n2 + i2, the last axis fastest.
struct GridShape {
  Index samples = 1;
  int dims = 1;                     ///< 1 to 3
  std::array<Index, 3> n{1, 1, 1};  ///< points along each axis; 1 beyond dims

  GridShape() = default;
  /// @throws Error unless there are 1 to 3 axes of at least one point
  GridShape(Index n_samples, std::initializer_list<Index> points)
      : samples(n_samples), dims(static_cast<int>(points.size())) {
    if (points.size() < 1 || points.size() > 3)
      throw Error("GridShape", "1 to 3 axes", std::to_string(points.size()),
                  "Pass points per axis.");
    int a = 0;
    for (const Index p : points) n[static_cast<std::size_t>(a++)] = p;
    if (samples < 1 || n[0] < 1 || n[1] < 1 || n[2] < 1)
      throw Error("GridShape", "at least one sample and one point along each axis", text(),
                  "Pass the sizes of the grid.");
  }
  [[nodiscard]] Index operator[](int axis) const noexcept {
    return n[static_cast<std::size_t>(axis)];
  }
  [[nodiscard]] Index& operator[](int axis) noexcept { return n[static_cast<std::size_t>(axis)]; }
  [[nodiscard]] Index points() const noexcept { return n[0] * n[1] * n[2]; }
  [[nodiscard]] Index rows() const noexcept { return samples * points(); }
  [[nodiscard]] std::string text() const {
    std::string s = std::to_string(samples) + " samples of " + std::to_string(n[0]);
    for (int a = 1; a < dims; ++a) s += " x " + std::to_string((*this)[a]);
    return s;
  }
  bool operator==(const GridShape&) const = default;
};

/// @throws Error unless there is a row of `cols` finite numbers for each point of each sample
inline void check_grid_input(const char* where, const GridShape& g, MatrixView<const float> m,
                             Index cols) {
  if (m.rows != g.rows() || m.cols != cols)
    throw Error(where, "(" + std::to_string(g.rows()) + ", " + std::to_string(cols) + ")",
                "(" + std::to_string(m.rows) + ", " + std::to_string(m.cols) + ")",
                "Give one row per point of each sample and the channels the model was built for.");
  for (Index i = 0; i < m.rows; ++i)
    for (Index c = 0; c < m.cols; ++c)
      if (!std::isfinite(m(i, c)))
        throw Error(where, "finite numbers",
                    std::to_string(m(i, c)) + " in row " + std::to_string(i),
                    "Repair the field before it is passed on.");
}

struct MatrixShape {
  Index rows = 0, cols = 0;
};

/// Bits of products without weights, such as a transform's with its constant matrix or attention's
/// between rows: of what is encoded as weights are, and of the rows that meet it. None: in float.
struct ProductBits {
  int matrix = 0;  ///< 2, 4, 8 or 16: a transform's matrix; keys and values
  int rows = 0;    ///< 2 to 16: lines of points or modes; queries and shares

  [[nodiscard]] explicit operator bool() const noexcept { return rows != 0; }
  bool operator==(const ProductBits&) const = default;
  /// @throws Error unless both are 0, or kernels have both
  void check(const std::string& where) const {
    const bool kernels_have_it =
        (matrix == 2 || matrix == 4 || matrix == 8 || matrix == 16) && rows >= 2 && rows <= 16;
    if ((matrix != 0 || rows != 0) && !kernels_have_it)
      throw Error(where, "a matrix of 2, 4, 8 or 16 bits and rows of 2 to 16, or neither",
                  std::to_string(matrix) + " and " + std::to_string(rows),
                  "Choose bits that a product in integers can have.");
  }
};

/// A differentiable function of one tensor. forward() writes out; backward() adds to dx, given what
/// forward() read and wrote. Both run in one fixed order for any number of threads. It owns no
/// memory, since a tape keeps it.
template <typename Op>
concept grid_operation = std::is_trivially_destructible_v<Op> && std::copy_constructible<Op> &&
    requires(const Op op, MatrixShape s, MatrixView<const float> x, MatrixView<float> out) {
  { op.shape(s) } -> std::same_as<MatrixShape>;   ///< of the result
  { op.cost(s) } -> std::convertible_to<double>;  ///< float operations
  op.forward(x, out, serial_executor());
  op.backward(x, x, x, out);  // x, y, dy, dx
};

/// An operation that says `takes_columns` reads its input with any stride; others get whole rows
/// one after the other.
template <typename Op>
inline constexpr bool takes_columns = requires {
  requires Op::takes_columns;
};

namespace detail {
/// Stands for every operation in the concept.
struct AnyGridOperation {
  [[nodiscard]] MatrixShape shape(MatrixShape s) const noexcept { return s; }
  [[nodiscard]] double cost(MatrixShape) const noexcept { return 0; }
  template <typename T>
  void forward(MatrixView<const T>, MatrixView<T>, Executor&) const noexcept {}
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T>,
                MatrixView<T>) const noexcept {}
};
}  // namespace detail

}  // namespace amq
