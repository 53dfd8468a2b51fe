#pragma once
/// @file
/// What every reader of meshes does with what people's files hold beside the mesh: one rule for
/// all.
///
/// | in the file                            | what a reader makes of it                         |
/// |----------------------------------------|---------------------------------------------------|
/// | a node of no cell                      | left out, its row of every node field too         |
/// | a surface whose z agree up to rounding | a mesh of the plane, corners counter-clockwise    |
/// | a cell more than once                  | one cell (gmsh writes one for each group)         |

#include <amq/mesh/mesh.hpp>
#include <amq/mesh/sample.hpp>
#include <amq/mesh/validate.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace amq::lab {

/// Heights up to so much of a surface's width are rounding: writers of float leave 1e-7 of it.
inline constexpr double plane_tolerance = 1e-6;
/// And so much of the height itself: two steps of a float. A map's plane lies at 100 m, not at 0.
inline constexpr double height_tolerance = 0x1p-22;

/// Makes a surface in space one of the plane where its z agree; other meshes stay as they are.
/// @pre cells have two dimensions, points (node, 3)
inline void to_plane(Mesh& m) {
  if (m.dim != 3 || m.cell_dimension() != 2 || m.points.empty()) return;
  constexpr double endless = std::numeric_limits<double>::infinity();
  double low[3] = {endless, endless, endless}, high[3] = {-endless, -endless, -endless};
  for (std::size_t k = 0; k < m.points.size(); ++k) {
    low[k % 3] = std::min(low[k % 3], m.points[k]);
    high[k % 3] = std::max(high[k % 3], m.points[k]);
  }
  const double rounding =
      std::max(plane_tolerance * std::max(high[0] - low[0], high[1] - low[1]),
               height_tolerance * std::max(std::abs(low[2]), std::abs(high[2])));
  if (high[2] - low[2] > rounding) return;
  std::size_t to = 0;
  for (std::size_t k = 0; k < m.points.size(); ++k)
    if (k % 3 < 2) m.points[to++] = m.points[k];
  m.points.resize(to);
  m.dim = 2;
  m.cell_dim = 0;
  for (Index c = 0; c < m.n_cells(); ++c) {
    auto* v = m.cells.data() + c * m.nodes_per_cell;
    if (cell_measure(m, c) < 0) std::reverse(v + 1, v + m.nodes_per_cell);
  }
}

/// Leaves out the nodes of no cell, and their rows of the node fields. A cloud without cells stays
/// as it is.
/// @returns  for every node as it was, its new place, or -1
inline std::vector<std::int32_t> drop_orphans(MeshSample& s) {
  Mesh& m = s.mesh;
  const auto n = static_cast<std::size_t>(m.n_nodes());
  std::vector<std::int32_t> place(n, m.cells.empty() ? 0 : -1);
  for (const auto id : m.cells) place[static_cast<std::size_t>(id)] = 0;
  std::int32_t kept = 0;
  for (auto& p : place)
    if (p == 0) p = kept++;
  if (static_cast<std::size_t>(kept) == n) return place;
  const auto keep_rows = [&](auto& values) {
    const std::size_t width = values.size() / n;
    std::size_t to = 0;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t c = 0; place[i] >= 0 && c < width; ++c) values[to++] = values[i * width + c];
    values.resize(to);
  };
  keep_rows(m.points);
  if (!m.node_type.empty()) keep_rows(m.node_type);
  for (auto& field : s.node) keep_rows(field.second);
  for (auto& id : m.cells) id = place[static_cast<std::size_t>(id)];
  return place;
}

}  // namespace amq::lab
