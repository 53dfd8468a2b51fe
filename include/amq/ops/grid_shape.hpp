#pragma once
/// @file
/// How the rows of a field lie on a regular grid.

#include <amq/core/error.hpp>
#include <amq/core/matrix_view.hpp>

#include <array>
#include <cmath>
#include <initializer_list>
#include <string>

namespace amq::ops {

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

}  // namespace amq::ops
