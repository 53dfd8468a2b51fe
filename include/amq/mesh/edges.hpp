#pragma once
/// @file
/// Graphs by receiver, from the sides of cells or from an explicit list.
///
/// | function      | edges                                    | when                              |
/// |---------------|------------------------------------------|-----------------------------------|
/// | cell_edges    | sides of cells, both directions          | the simulation has a mesh         |
/// | edge_list     | those given                              | the graph comes from elsewhere    |
/// | knn_edges     | the k nearest send (neighbours.hpp)      | a point cloud                     |
/// | radius_edges  | all within a radius (neighbours.hpp)     | a point cloud of even density     |

#include <amq/core/error.hpp>
#include <amq/mesh/graph.hpp>
#include <amq/mesh/mesh.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::mesh {

/// What to do with an edge from a node to itself.
enum class SelfLoops { reject, keep };

using Side = std::array<std::int32_t, 2>;

/// The sides of one cell as pairs of local numbers, in VTK's and gmsh's (first-order) numbering.
/// @throws Error  for a kind of cell amq does not know
[[nodiscard]] inline std::span<const Side> cell_sides(const Mesh& mesh) {
  static constexpr std::array<Side, 1> edge{{{0, 1}}};
  static constexpr std::array<Side, 3> triangle{{{0, 1}, {1, 2}, {2, 0}}};
  static constexpr std::array<Side, 4> quad{{{0, 1}, {1, 2}, {2, 3}, {3, 0}}};
  static constexpr std::array<Side, 6> tet{{{0, 1}, {1, 2}, {2, 0}, {0, 3}, {1, 3}, {2, 3}}};
  // clang-format off
  static constexpr std::array<Side, 12> hex{{{0, 1}, {1, 2}, {2, 3}, {3, 0}, {4, 5}, {5, 6},
                                             {6, 7}, {7, 4}, {0, 4}, {1, 5}, {2, 6}, {3, 7}}};
  // clang-format on
  const int d = mesh.cell_dimension();
  if (mesh.nodes_per_cell == 2 && d == 1) return edge;
  if (mesh.nodes_per_cell == 3 && d == 2) return triangle;
  if (mesh.nodes_per_cell == 4 && d == 2) return quad;
  if (mesh.nodes_per_cell == 4 && d == 3) return tet;
  if (mesh.nodes_per_cell == 8 && d == 3) return hex;
  throw Error(
      "mesh", "edges, triangles, quads, tetrahedra or hexahedra",
      std::to_string(mesh.nodes_per_cell) + " nodes per cell of dimension " + std::to_string(d),
      "Split the cells, or give their edges as cells of two nodes.");
}

namespace detail {

/// Rows by receiver, senders ascending; repeated pairs are merged.
/// @pre every id is in 0 .. n_nodes-1
[[nodiscard]] inline Graph rows_by_receiver(Index n_nodes, std::span<const Side> from_to) {
  const auto n = static_cast<std::size_t>(n_nodes);
  std::vector<std::int32_t> begin(n + 1, 0), sender(from_to.size());
  for (const auto& [from, to] : from_to) ++begin[static_cast<std::size_t>(to) + 1];
  for (std::size_t i = 0; i < n; ++i) begin[i + 1] += begin[i];
  std::vector<std::int32_t> at(begin.begin(), begin.end() - 1);
  for (const auto& [from, to] : from_to) {
    sender[static_cast<std::size_t>(at[static_cast<std::size_t>(to)]++)] = from;
  }
  Graph g;
  g.first.assign(n + 1, 0);
  g.sender.reserve(sender.size());
  g.receiver.reserve(sender.size());
  for (std::size_t i = 0; i < n; ++i) {
    const auto lo = sender.begin() + begin[i], hi = sender.begin() + begin[i + 1];
    std::sort(lo, hi);
    const auto last = std::unique(lo, hi);
    g.sender.insert(g.sender.end(), lo, last);
    g.receiver.insert(g.receiver.end(), static_cast<std::size_t>(last - lo),
                      static_cast<std::int32_t>(i));
    g.first[i + 1] = static_cast<std::int32_t>(g.sender.size());
  }
  return g;
}

inline void require_edge_count(std::size_t n) {
  if (n > 0x7fffffffu) {
    throw Error("edges", "fewer than 2^31 edges", std::to_string(n),
                "Split the mesh into parts, or ask for fewer neighbours.");
  }
}

}  // namespace detail

namespace detail {
/// @throws Error  for ids that name no node: nobody goes to nodes by cells before
inline void require_ids(const Mesh& mesh, const char* where) {
  const Index n = mesh.n_nodes();
  for (Index c = 0; c < mesh.n_cells(); ++c) {
    const auto* v = mesh.cell(c);
    for (int k = 0; k < mesh.nodes_per_cell; ++k)
      if (v[k] < 0 || v[k] >= n)
        throw Error(std::string(where) + ", cell " + std::to_string(c),
                    "node ids from 0 to " + std::to_string(n - 1), std::to_string(v[k]),
                    "Are the ids counted from 1?");
  }
}
}  // namespace detail

/// The unique undirected sides of the cells, each in both directions.
/// @throws Error  for no nodes or cells, ids out of range, a cell that names a node twice
[[nodiscard]] inline Graph cell_edges(const Mesh& mesh) {
  const auto sides = cell_sides(mesh);
  if (mesh.n_nodes() == 0 || mesh.n_cells() == 0) {
    throw Error(
        "cell_edges", "a mesh with nodes and cells",
        std::to_string(mesh.n_nodes()) + " nodes and " + std::to_string(mesh.n_cells()) + " cells",
        "Was the mesh read? A cloud of points goes through knn_edges.");
  }
  detail::require_edge_count(2 * sides.size() * static_cast<std::size_t>(mesh.n_cells()));
  detail::require_ids(mesh, "cell_edges");
  std::vector<Side> pairs;
  pairs.reserve(2 * sides.size() * static_cast<std::size_t>(mesh.n_cells()));
  for (Index c = 0; c < mesh.n_cells(); ++c) {
    const auto* v = mesh.cell(c);
    for (const auto& s : sides) {
      const auto a = v[s[0]], b = v[s[1]];
      if (a == b) {
        throw Error("cell_edges, cell " + std::to_string(c), "different nodes at its corners",
                    "node " + std::to_string(a) + " twice", "Drop or repair the collapsed cell.");
      }
      pairs.push_back({a, b});
      pairs.push_back({b, a});
    }
  }
  return detail::rows_by_receiver(mesh.n_nodes(), pairs);
}

/// @param from_to  (edge): sender, receiver; directed, in any order
/// @throws Error   for ids out of range, an edge given twice, and self loops unless kept
[[nodiscard]] inline Graph edge_list(Index n_nodes, std::span<const Side> from_to,
                                     SelfLoops loops = SelfLoops::reject) {
  detail::require_edge_count(from_to.size());
  for (std::size_t e = 0; e < from_to.size(); ++e) {
    const auto [a, b] = from_to[e];
    const auto edge = std::to_string(a) + " -> " + std::to_string(b);
    if (a < 0 || b < 0 || a >= n_nodes || b >= n_nodes) {
      throw Error("edge_list, edge " + std::to_string(e),
                  "node ids from 0 to " + std::to_string(n_nodes - 1), edge,
                  "Are the ids counted from 1, or is the number of nodes too small?");
    }
    if (a == b && loops == SelfLoops::reject) {
      throw Error("edge_list, edge " + std::to_string(e), "two different nodes", edge,
                  "Drop it, or pass SelfLoops::keep.");
    }
  }
  auto g = detail::rows_by_receiver(n_nodes, from_to);
  if (g.sender.size() != from_to.size()) {
    auto sorted = std::vector<Side>(from_to.begin(), from_to.end());
    std::sort(sorted.begin(), sorted.end());
    const auto twin = *std::adjacent_find(sorted.begin(), sorted.end());
    throw Error("edge_list", "every edge once",
                std::to_string(twin[0]) + " -> " + std::to_string(twin[1]) + " more than once",
                "Remove duplicates before building the graph.");
  }
  return g;
}

}  // namespace amq::mesh
