#pragma once
/// @file
/// Cells as VTK's files have them, legacy and XML: by offsets and types, several dimensions in one
/// list. The mesh is those of the highest dimension, which must be of one kind.

#include <amq/mesh/sample.hpp>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace amq::lab::vtk {

/// Those of cell c are ids[first[c]] .. ids[first[c + 1] - 1].
struct Cells {
  std::vector<std::int64_t> first, ids;
  std::vector<std::int64_t> types;  ///< (cell), of VTK
  bool polygons = false;            ///< of a surface: they have no types
  std::size_t before = 0;  ///< corners and lines of a surface, whose rows of cell data come first

  [[nodiscard]] std::size_t count() const noexcept { return first.empty() ? 0 : first.size() - 1; }
};

/// Of a VTK cell type; -1 for one that is not known.
[[nodiscard]] inline int dimension(std::int64_t type) noexcept {
  switch (type) {
    case 0:  // an empty cell
    case 1:  // vertex
    case 2:  // poly-vertex
      return 0;
    case 3:   // line
    case 4:   // poly-line
    case 21:  // quadratic edge
      return 1;
    case 5:   // triangle
    case 6:   // triangle strip
    case 7:   // polygon
    case 8:   // pixel
    case 9:   // quad
    case 22:  // quadratic triangle
    case 23:  // quadratic quad
      return 2;
    case 10:  // tetrahedron
    case 11:  // voxel
    case 12:  // hexahedron
    case 13:  // wedge
    case 14:  // pyramid
    case 24:  // quadratic tetrahedron
    case 25:  // quadratic hexahedron
      return 3;
    default:
      return -1;
  }
}

/// What VTK calls cells of a type, with its number.
[[nodiscard]] inline std::string name_of(std::int64_t type) {
  static constexpr const char* first_order[] = {
      "empty cells", "vertices", "poly-vertices", "lines",  "poly-lines",
      "triangles",   "strips",   "polygons",      "pixels", "quads",
      "tetrahedra",  "voxels",   "hexahedra",     "wedges", "pyramids"};
  const bool known = type >= 0 && type < static_cast<std::int64_t>(std::size(first_order));
  return (known                                                  ? first_order[type]
          : (type > 20 && type < 38) || (type > 59 && type < 82) ? "cells of higher order"
          : type == 42                                           ? "polyhedra"
                                                                 : "cells") +
         std::string(", VTK cell type ") + std::to_string(type);
}
/// How a mesh becomes one of cells that are read.
inline constexpr const char* of_one_kind =
    "Cut the cells into triangles or tetrahedra (ParaView's Triangulate and Tetrahedralize, "
    "vtkDataSetTriangleFilter), or mesh again with one kind of first order.";

namespace detail {
/// The cells of the highest dimension.
template <typename Fail>
std::vector<std::size_t> highest(const Cells& cells, const Fail& fail) {
  std::vector<std::size_t> out;
  int most = -1;
  for (const auto type : cells.types) {
    if (dimension(type) < 0)
      fail("triangles, quads, tetrahedra or hexahedra", name_of(type), of_one_kind);
    most = std::max(most, dimension(type));
  }
  for (std::size_t c = 0; c < cells.count(); ++c)
    if (cells.polygons || dimension(cells.types[c]) == most) out.push_back(c);
  return out;
}
/// Nodes that a cell of the type has; 0 for one that is no cell of amq.
[[nodiscard]] inline std::int64_t corners_of(std::int64_t type) noexcept {
  return type == 5 ? 3 : type == 9 || type == 10 ? 4 : type == 12 ? 8 : 0;
}
}  // namespace detail

/// Gives a sample the cells, and its cell fields the rows of those that it got.
/// @param sample  with points, and cell fields with a row for every cell of the file
/// @param fail    (expected, found) or (expected, found, mend), throws
template <typename Fail>
void keep_cells(MeshSample& sample, std::size_t n_points, const Cells& cells, const Fail& fail) {
  Mesh& m = sample.mesh;
  if (!cells.polygons && cells.types.size() != cells.count())
    fail(std::to_string(cells.count()) + " types of cells", std::to_string(cells.types.size()));
  const auto keep = detail::highest(cells, fail);
  std::int64_t corners = 0, type = 0;
  for (const std::size_t c : keep) {
    const auto begin = cells.first[c], end = cells.first[c + 1];
    if (begin < 0 || end <= begin || end > static_cast<std::int64_t>(cells.ids.size()) ||
        end - begin > 8)
      fail("1 to 8 nodes a cell", "cell " + std::to_string(c) + " from " + std::to_string(begin) +
                                      " to " + std::to_string(end) + " of " +
                                      std::to_string(cells.ids.size()) + " nodes");
    const auto t = cells.polygons ? 0 : cells.types[c];
    if (c != keep.front() && (end - begin != corners || t != type))
      fail("cells of one kind",
           (cells.polygons ? "polygons of " + std::to_string(corners) + " and " +
                                 std::to_string(end - begin) + " corners"
                           : name_of(type) + ", and " + name_of(t)) +
               ", another in cell " + std::to_string(c),
           of_one_kind);
    corners = end - begin;
    type = t;
    for (auto k = begin; k < end; ++k) {
      const auto id = cells.ids[static_cast<std::size_t>(k)];
      if (id < 0 || id >= static_cast<std::int64_t>(n_points))
        fail("node ids of 0 to " + std::to_string(n_points - 1), std::to_string(id));
      m.cells.push_back(static_cast<std::int32_t>(id));
    }
  }
  const bool flat = cells.polygons ? corners == 3 || corners == 4 : type == 5 || type == 9;
  const auto needed = cells.polygons && flat ? corners : detail::corners_of(type);
  if (!keep.empty() && needed == 0)
    fail("triangles, quads, tetrahedra or hexahedra",
         cells.polygons ? "polygons of " + std::to_string(corners) + " corners" : name_of(type),
         of_one_kind);
  if (!keep.empty() && corners != needed)
    fail(std::to_string(needed) + " nodes a cell", std::to_string(corners));
  m.nodes_per_cell = keep.empty() ? 3 : static_cast<int>(corners);
  if (flat) m.cell_dim = 2;
  const std::size_t all = cells.before + cells.count();
  if (keep.size() == all) return;
  for (auto& [name, values] : sample.cell) {
    const std::size_t width = values.size() / all;
    std::vector<float> own;
    for (const std::size_t c : keep)
      own.insert(own.end(), values.begin() + static_cast<Index>((cells.before + c) * width),
                 values.begin() + static_cast<Index>((cells.before + c + 1) * width));
    values = std::move(own);
  }
}

}  // namespace amq::lab::vtk
