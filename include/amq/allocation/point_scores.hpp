#pragma once
/// @file
/// What is known of every row before bits are given out: a number for each node at each
/// quantization point.

#include <amq/arithmetic/parameter.hpp>
#include <amq/core/matrix_view.hpp>

#include <cstddef>
#include <vector>

namespace amq {

/// (owner, point) -> score. An owner is a node: an edge's row counts for its receiver, whose bits
/// it inherits, a cluster's row in equal shares for the members. Points of fixed bits have column
/// -1.
struct PointScores {
  std::vector<int> column_of_point;  ///< [PointId]
  std::vector<PointId> points;       ///< of each column
  std::vector<float> values;         ///< (node, column)
  Index nodes = 0;

  explicit PointScores(const ParameterLayout& layout, Index n_nodes = 0) : nodes(n_nodes) {
    column_of_point.assign(layout.points().size(), -1);
    for (std::size_t p = 0; p < layout.points().size(); ++p)
      if (layout.points()[p].fixed_bits == 0) {
        column_of_point[p] = static_cast<int>(points.size());
        points.push_back(static_cast<PointId>(p));
      }
    values.assign(static_cast<std::size_t>(nodes) * points.size(), 0.0f);
  }
  [[nodiscard]] Index columns() const noexcept { return static_cast<Index>(points.size()); }
  [[nodiscard]] MatrixView<float> view() noexcept { return {values.data(), nodes, columns()}; }
  [[nodiscard]] MatrixView<const float> view() const noexcept {
    return {values.data(), nodes, columns()};
  }
};

}  // namespace amq
