#pragma once
/// @file
/// What a solver looks at in a mesh before it solves on it, once a mesh.
///
/// | found                                                      | then                          |
/// |------------------------------------------------------------|-------------------------------|
/// | coordinates not finite, ids out of range, a node of no     | refused by name: everybody's  |
/// | cell, all nodes at one place, types that do not exist      | answer would change           |
/// | inverted, flat or doubled cells, nodes at one place        | counted: edges are the same   |
/// | several bodies, a boundary that is not marked              | counted: the caller may know  |

#include <amq/core/error.hpp>
#include <amq/mesh/validate.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace amq::solver {

/// What is odd about a mesh and does not stop a solve.
struct MeshFindings {
  Index inverted_cells = 0;  ///< corners clockwise, or left-handed
  Index flat_cells = 0;      ///< of no area or volume
  Index doubled_cells = 0;   ///< of the corners of an earlier one
  Index bodies = 1;          ///< parts that no path of cells joins; of clouds, of edges
  /// Of a plane mesh: nodes on sides of one cell that are NodeType::normal. Counted where the
  /// network reads marks of the boundary.
  Index unmarked_boundary_nodes = 0;
  std::vector<double> low, high;               ///< (dim) the bounding box
  double shortest_edge = 0, longest_edge = 0;  ///< sides of cells; of clouds, edges
};

/// Before a graph is built.
/// @param has_cells  edges come from the cells; else the mesh is a cloud of points
/// @throws amq::Error naming the node or cell for what the table above refuses
[[nodiscard]] inline MeshFindings examine(const Mesh& mesh, bool has_cells) {
  const auto text = [](auto x) { return std::to_string(x); };
  if (mesh.dim < 1 || mesh.dim > 3)
    throw Error("mesh", "1 to 3 dimensions", text(mesh.dim), "Set Mesh::dim.");
  MeshFindings f;
  const Index n = mesh.n_nodes();
  if (n < 1 || static_cast<Index>(mesh.points.size()) != n * mesh.dim)
    throw Error("mesh", "points (node, dim)", text(mesh.points.size()) + " coordinates",
                "Was the mesh read?");
  const auto dim = static_cast<std::size_t>(mesh.dim);
  f.low.assign(dim, std::numeric_limits<double>::infinity());
  f.high.assign(dim, -std::numeric_limits<double>::infinity());
  for (std::size_t k = 0; k < mesh.points.size(); ++k) {
    const double x = mesh.points[k];
    if (!std::isfinite(x))
      throw Error("mesh, node " + text(k / dim), "finite coordinates", text(x),
                  "Remove the node or repair its coordinates.");
    f.low[k % dim] = std::min(f.low[k % dim], x);
    f.high[k % dim] = std::max(f.high[k % dim], x);
  }
  if (n > 1 && f.low == f.high)
    throw Error("mesh", "nodes at different places", "all " + text(n) + " nodes at one",
                "Was the mesh read with the right columns, or scaled by 0?");
  for (std::size_t i = 0; i < mesh.node_type.size(); ++i)
    if (static_cast<int>(mesh.node_type[i]) >= n_node_types)
      throw Error("mesh, node " + text(i), "a type from 0 to " + text(n_node_types - 1),
                  text(static_cast<int>(mesh.node_type[i])), "See NodeType for their meaning.");
  if (!has_cells) return f;
  if (mesh.nodes_per_cell < 2 || mesh.n_cells() < 1 ||
      static_cast<Index>(mesh.cells.size()) != mesh.n_cells() * mesh.nodes_per_cell)
    throw Error("mesh", "cells (cell, nodes_per_cell)",
                text(mesh.cells.size()) + " corners of " + text(mesh.nodes_per_cell) + " a cell",
                "Was the mesh read? A cloud of points needs a model trained on clouds.");
  std::vector<char> used(static_cast<std::size_t>(n), 0);
  for (std::size_t k = 0; k < mesh.cells.size(); ++k) {
    const std::int32_t v = mesh.cells[k];
    if (v < 0 || v >= n)
      throw Error("mesh, cell " + text(k / static_cast<std::size_t>(mesh.nodes_per_cell)),
                  "node ids from 0 to " + text(n - 1), text(v), "Are the ids counted from 1?");
    used[static_cast<std::size_t>(v)] = 1;
  }
  for (std::size_t i = 0; i < used.size(); ++i)
    if (!used[i])
      throw Error("mesh, node " + text(i), "a node of at least one cell", "no cell",
                  "Remove it, and renumber the cells: it would change every node's answer.");
  return f;
}

namespace detail {
/// Numbers in order, found by one of their nodes first: a mesh has few at each.
/// @param node  (number) from 0 to n - 1
[[nodiscard]] inline std::vector<std::uint64_t> in_order(const std::vector<std::uint64_t>& all,
                                                         const std::vector<std::int32_t>& node,
                                                         Index n) {
  std::vector<std::size_t> first(static_cast<std::size_t>(n) + 2, 0);
  for (const std::int32_t i : node) ++first[static_cast<std::size_t>(i) + 2];
  for (std::size_t i = 2; i < first.size(); ++i) first[i] += first[i - 1];
  std::vector<std::uint64_t> out(all.size());
  for (std::size_t k = 0; k < all.size(); ++k)
    out[first[static_cast<std::size_t>(node[k]) + 1]++] = all[k];
  for (std::size_t i = 0; i + 1 < first.size(); ++i)
    std::sort(out.begin() + static_cast<Index>(first[i]),
              out.begin() + static_cast<Index>(first[i + 1]));
  return out;
}

}  // namespace detail

/// Counts what is odd, with the graph at hand. @pre examine() has passed
/// @param marked  the network reads marks of the boundary
inline void examine(const Mesh& mesh, const Graph& graph, bool has_cells, bool marked,
                    MeshFindings& f) {
  // By cells where there are any: lattices join what lies apart.
  mesh::detail::Parts bodies(has_cells ? mesh.n_nodes() : 0);
  if (!has_cells) f.bodies = count_components(graph);
  double shortest = std::numeric_limits<double>::infinity(), longest = 0;  // squares
  const auto length = [&](std::int32_t from, std::int32_t to) {
    double square = 0;
    for (int d = 0; d < mesh.dim; ++d) {
      const double x = mesh.point(to)[d] - mesh.point(from)[d];
      square += x * x;
    }
    shortest = std::min(shortest, square);
    longest = std::max(longest, square);
    return square;
  };
  const auto done = [&] {
    f.shortest_edge = std::sqrt(shortest);
    f.longest_edge = std::sqrt(longest);
  };
  if (!has_cells) {
    for (std::size_t e = 0; e < graph.sender.size(); ++e)
      length(graph.sender[e], graph.receiver[e]);
    if (graph.sender.empty()) shortest = 0;
    return done();
  }

  // Cells by a hash of their sorted corners: one in 2^64 is counted wrongly.
  std::vector<std::uint64_t> cells, sides;
  std::vector<std::int32_t> lowest_of_cell, lower_of_side;
  const bool measured = mesh.cell_dimension() == mesh.dim && mesh.dim >= 2;
  const bool plane = mesh.dim == 2 && mesh.cell_dimension() == 2;
  const auto local = cell_sides(mesh);
  const auto n_cells = static_cast<std::size_t>(mesh.n_cells());
  cells.reserve(n_cells);
  lowest_of_cell.reserve(n_cells);
  if (plane) {
    sides.reserve(n_cells * local.size());
    lower_of_side.reserve(n_cells * local.size());
  }
  for (Index c = 0; c < mesh.n_cells(); ++c) {
    const auto* v = mesh.cell(c);
    const int n = std::min(mesh.nodes_per_cell, 8);
    const mesh::detail::Corners corner = mesh::detail::sorted_corners(v, n);
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (std::size_t k = 0; k < static_cast<std::size_t>(n); ++k) {
      hash ^= static_cast<std::uint64_t>(corner[k]);
      hash *= 0x9e3779b97f4a7c15u;
      hash ^= hash >> 29;
    }
    cells.push_back(hash);
    lowest_of_cell.push_back(static_cast<std::int32_t>(corner[0]));
    for (int k = 1; k < mesh.nodes_per_cell; ++k) bodies.join(v[0], v[k]);
    double of_cell = 0;
    for (const auto& s : local) {
      of_cell = std::max(of_cell, length(v[s[0]], v[s[1]]));
      if (!plane) continue;
      const std::int32_t a = std::min(v[s[0]], v[s[1]]), b = std::max(v[s[0]], v[s[1]]);
      sides.push_back(static_cast<std::uint64_t>(a) << 32 | static_cast<std::uint64_t>(b));
      lower_of_side.push_back(a);
    }
    if (!measured) continue;
    const double m = cell_measure(mesh, c),
                 flat = 1e-12 * of_cell * (mesh.dim == 3 ? std::sqrt(of_cell) : 1);
    f.inverted_cells += m < -flat;
    f.flat_cells += !(std::abs(m) > flat);
  }
  done();
  f.bodies = bodies.count();
  cells = detail::in_order(cells, lowest_of_cell, mesh.n_nodes());
  for (std::size_t k = 1; k < cells.size(); ++k) f.doubled_cells += cells[k] == cells[k - 1];
  if (!marked || !plane || f.doubled_cells > 0) return;
  sides = detail::in_order(sides, lower_of_side, mesh.n_nodes());
  std::vector<char> at_boundary(static_cast<std::size_t>(mesh.n_nodes()), 0);
  for (std::size_t k = 0; k < sides.size(); ++k)
    if ((k == 0 || sides[k] != sides[k - 1]) &&
        (k + 1 == sides.size() || sides[k] != sides[k + 1])) {
      at_boundary[sides[k] >> 32] = 1;
      at_boundary[sides[k] & 0xffffffffu] = 1;
    }
  for (std::size_t i = 0; i < at_boundary.size(); ++i)
    f.unmarked_boundary_nodes += at_boundary[i] && mesh.node_type[i] == NodeType::normal;
}

}  // namespace amq::solver
