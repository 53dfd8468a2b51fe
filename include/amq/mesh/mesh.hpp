#pragma once
/// @file
/// A mesh as simulation codes keep it: points, cells, marks.

#include <amq/core/matrix_view.hpp>
#include <amq/core/rooms.hpp>

#include <cstdint>
#include <vector>

namespace amq {

/// What a node is, numbered as in EAGLE and MeshGraphNets.
enum class NodeType : std::uint8_t {
  normal = 0,
  obstacle = 1,
  disabled = 2,
  handle = 3,
  inflow = 4,
  outflow = 5,
  wall = 6,
};

}  // namespace amq

namespace amq::mesh {

inline constexpr int n_node_types = 9;  // the one-hot width of both data sets

}  // namespace amq::mesh

namespace amq {

/// Unstructured mesh of one kind of cell.
struct Mesh {
  int dim = 2;                         ///< 2 or 3
  int nodes_per_cell = 3;              ///< 2 edge, 3 triangle, 4 quad or tetrahedron, 8 hexahedron
  std::vector<double> points;          ///< (node, dim), row-major, the user's length unit
  std::vector<std::int32_t> cells;     ///< (cell, nodes_per_cell), node ids from 0
  std::vector<NodeType> node_type;     ///< (node)
  std::vector<std::int32_t> cell_tag;  ///< (cell), e.g. gmsh's physical group; may be empty
  int cell_dim = 0;  ///< 0: as the cell says (4 nodes in 3-D: a tetrahedron); 2: quads on a surface

  /// 0 where dim or nodes_per_cell say nothing.
  [[nodiscard]] Index n_nodes() const noexcept {
    return dim < 1 ? 0 : static_cast<Index>(points.size()) / dim;
  }
  [[nodiscard]] Index n_cells() const noexcept {
    return nodes_per_cell < 1 ? 0 : static_cast<Index>(cells.size()) / nodes_per_cell;
  }
  [[nodiscard]] const double* point(Index i) const noexcept { return points.data() + i * dim; }
  [[nodiscard]] const std::int32_t* cell(Index c) const noexcept {
    return cells.data() + c * nodes_per_cell;
  }
  /// Dimension of a cell: 2 for triangles and quads, in the plane or on a surface in space.
  [[nodiscard]] int cell_dimension() const noexcept {
    if (cell_dim != 0) return cell_dim;
    return nodes_per_cell == 2 ? 1 : nodes_per_cell == 3 ? 2 : dim;
  }
};

}  // namespace amq
