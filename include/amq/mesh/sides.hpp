#pragma once
/// @file
/// The sides of a triangle or quad mesh, each once, with the cells that meet there.

#include <amq/core/error.hpp>
#include <amq/mesh/edges.hpp>
#include <amq/mesh/mesh.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace amq::mesh {

struct Sides {
  std::vector<Side> nodes;            ///< (side), smaller id first
  std::vector<Side> cells;            ///< (side), the second is -1 on the boundary
  std::vector<std::int32_t> of_cell;  ///< (cell, sides per cell), in the order of cell_sides

  [[nodiscard]] Index size() const noexcept { return static_cast<Index>(nodes.size()); }
  [[nodiscard]] bool on_boundary(Index s) const noexcept {
    return cells[static_cast<std::size_t>(s)][1] < 0;
  }
};

/// @throws Error  for cells of dimension 1 and 3, ids out of range, and for a side at which three
/// cells meet
[[nodiscard]] inline Sides find_sides(const Mesh& mesh) {
  if (mesh.cell_dimension() != 2) {
    throw Error("find_sides", "triangles or quads",
                std::to_string(mesh.nodes_per_cell) + " nodes per cell of dimension " +
                    std::to_string(mesh.cell_dimension()),
                "Only two-dimensional cells have sides of two nodes.");
  }
  const auto local = cell_sides(mesh);
  detail::require_ids(mesh, "find_sides");
  const auto n = static_cast<std::size_t>(mesh.n_nodes());
  const auto n_cells = static_cast<std::size_t>(mesh.n_cells());
  Sides out;
  out.of_cell.resize(n_cells * local.size());
  out.nodes.reserve(n_cells * 2);
  out.cells.reserve(n_cells * 2);
  // The sides whose smaller node is i form a chain; chains are short, so a walk beats a sort.
  std::vector<std::int32_t> head(n, -1), next;
  next.reserve(n_cells * 2);
  for (std::size_t c = 0; c < n_cells; ++c) {
    const auto* v = mesh.cell(static_cast<Index>(c));
    for (std::size_t k = 0; k < local.size(); ++k) {
      auto a = v[local[k][0]], b = v[local[k][1]];
      if (a > b) std::swap(a, b);
      auto s = head[static_cast<std::size_t>(a)];
      while (s >= 0 && out.nodes[static_cast<std::size_t>(s)][1] != b) {
        s = next[static_cast<std::size_t>(s)];
      }
      if (s < 0) {
        s = static_cast<std::int32_t>(out.nodes.size());
        out.nodes.push_back({a, b});
        out.cells.push_back({static_cast<std::int32_t>(c), -1});
        next.push_back(std::exchange(head[static_cast<std::size_t>(a)], s));
      } else if (auto& second = out.cells[static_cast<std::size_t>(s)][1]; second < 0) {
        second = static_cast<std::int32_t>(c);
      } else {
        throw Error("find_sides", "one or two cells at every side",
                    "a third, cell " + std::to_string(c) + ", at nodes " + std::to_string(a) +
                        " and " + std::to_string(b),
                    "Remove doubled cells; surfaces that branch are not supported.");
      }
      out.of_cell[c * local.size() + k] = s;
    }
  }
  return out;
}

/// Gives every node of a boundary side this type, and all others NodeType::normal.
/// @throws Error  as find_sides()
inline void mark_boundary(Mesh& mesh, NodeType type = NodeType::wall) {
  const auto sides = find_sides(mesh);
  mesh.node_type.assign(static_cast<std::size_t>(mesh.n_nodes()), NodeType::normal);
  for (Index s = 0; s < sides.size(); ++s) {
    if (!sides.on_boundary(s)) continue;
    for (const auto i : sides.nodes[static_cast<std::size_t>(s)]) {
      mesh.node_type[static_cast<std::size_t>(i)] = type;
    }
  }
}

}  // namespace amq::mesh
