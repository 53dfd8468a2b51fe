#pragma once
/// @file
/// Questions to ask of a mesh or a graph before work is spent on it. Each refusal names the node,
/// cell or edge at fault.

#include <amq/core/error.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/mesh/edges.hpp>
#include <amq/mesh/graph.hpp>
#include <amq/mesh/mesh.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace amq::mesh {

/// Signed area or volume of a cell in the mesh's unit squared or cubed: positive for corners that
/// turn counter-clockwise (2-D), or right-handed (3-D). Cells on a surface in space have no sign,
/// and of an edge it is the length.
/// A hexahedron is the sum of the six tetrahedra round its diagonal 0-6.
[[nodiscard]] inline double cell_measure(const Mesh& mesh, Index c) {
  const auto* v = mesh.cell(c);
  const auto edge = [&](int from, int to, int d) {
    return mesh.point(v[to])[d] - mesh.point(v[from])[d];
  };
  const auto tet = [&](int a, int b, int e, int f) {
    return (edge(a, b, 0) * (edge(a, e, 1) * edge(a, f, 2) - edge(a, e, 2) * edge(a, f, 1)) -
            edge(a, b, 1) * (edge(a, e, 0) * edge(a, f, 2) - edge(a, e, 2) * edge(a, f, 0)) +
            edge(a, b, 2) * (edge(a, e, 0) * edge(a, f, 1) - edge(a, e, 1) * edge(a, f, 0))) /
           6;
  };
  if (mesh.nodes_per_cell == 2) {
    double l2 = 0;
    for (int d = 0; d < mesh.dim; ++d) l2 += edge(0, 1, d) * edge(0, 1, d);
    return std::sqrt(l2);
  }
  if (mesh.cell_dimension() == 3) {
    if (mesh.nodes_per_cell == 4) return tet(0, 1, 2, 3);
    return tet(0, 1, 2, 6) + tet(0, 2, 3, 6) + tet(0, 3, 7, 6) + tet(0, 7, 4, 6) + tet(0, 4, 5, 6) +
           tet(0, 5, 1, 6);
  }
  // Half a cross product: of the diagonals of a quad, of two sides of a triangle.
  const bool quad = mesh.nodes_per_cell == 4;
  const auto cross = [&](int x, int y) {
    return quad ? edge(0, 2, x) * edge(1, 3, y) - edge(0, 2, y) * edge(1, 3, x)
                : edge(0, 1, x) * edge(0, 2, y) - edge(0, 1, y) * edge(0, 2, x);
  };
  return mesh.dim == 2 ? cross(0, 1) / 2 : std::hypot(cross(0, 1), cross(1, 2), cross(2, 0)) / 2;
}

namespace detail {
using Corners = std::array<std::int32_t, 8>;  // the most a cell has
/// The corners of a cell in order, -1 behind them: equal for cells of the same nodes.
/// @param n  corners, at most 8
[[nodiscard]] inline Corners sorted_corners(const std::int32_t* v, int n) noexcept {
  Corners c;
  c.fill(-1);
  std::copy_n(v, n, c.begin());
  std::sort(c.begin(), c.begin() + n);
  return c;
}
/// Two cells that have the same nodes, the lower first; -1 and -1 where there are none.
[[nodiscard]] inline std::pair<Index, Index> cell_twice(const Mesh& mesh) {
  std::vector<Corners> key(static_cast<std::size_t>(mesh.n_cells()));
  std::vector<Index> order(key.size());
  for (std::size_t c = 0; c < key.size(); ++c) {
    key[c] = sorted_corners(mesh.cell(static_cast<Index>(c)), mesh.nodes_per_cell);
    order[c] = static_cast<Index>(c);
  }
  const auto of = [&](Index c) -> const auto& {
    return key[static_cast<std::size_t>(c)];
  };
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return of(a) < of(b); });
  for (std::size_t k = 1; k < order.size(); ++k)
    if (of(order[k]) == of(order[k - 1])) return {order[k - 1], order[k]};
  return {-1, -1};
}
}  // namespace detail

/// @throws Error  for no nodes or cells, arrays of the wrong length, coordinates that are not
///                finite, ids out of range, collapsed, flat or inverted cells, a cell twice, nodes
///                of no cell
inline void validate(const Mesh& mesh) {
  const FloatEnvironment own;
  const auto n = mesh.n_nodes(), n_cells = mesh.n_cells();
  const auto text = [](auto x) { return std::to_string(x); };
  if (mesh.dim < 2 || mesh.dim > 3) {
    throw Error("mesh", "2 or 3 dimensions", text(mesh.dim), "Set Mesh::dim.");
  }
  const auto sides = cell_sides(mesh);
  if (n == 0 || n_cells == 0) {
    throw Error("mesh", "at least one node and one cell",
                text(n) + " nodes and " + text(n_cells) + " cells", "Was the mesh read?");
  }
  if (static_cast<Index>(mesh.points.size()) != n * mesh.dim ||
      static_cast<Index>(mesh.cells.size()) != n_cells * mesh.nodes_per_cell) {
    throw Error(
        "mesh", "points (node, dim) and cells (cell, nodes_per_cell)",
        text(mesh.points.size()) + " coordinates and " + text(mesh.cells.size()) + " corners",
        "An array was cut short, or dim or nodes_per_cell is wrong.");
  }
  const auto optional_size = [&](const char* name, std::size_t size, Index wanted) {
    if (size != 0 && static_cast<Index>(size) != wanted) {
      throw Error(std::string("mesh, ") + name, text(wanted) + " entries or none", text(size),
                  "Resize it with the mesh.");
    }
  };
  optional_size("node_type", mesh.node_type.size(), n);
  optional_size("cell_tag", mesh.cell_tag.size(), n_cells);
  for (std::size_t i = 0; i < mesh.points.size(); ++i) {
    if (!std::isfinite(mesh.points[i])) {
      throw Error("mesh, node " + text(static_cast<Index>(i) / mesh.dim), "finite coordinates",
                  text(mesh.points[i]), "Remove the node or repair its coordinates.");
    }
  }
  std::vector<char> used(static_cast<std::size_t>(n), 0);
  for (Index c = 0; c < n_cells; ++c) {
    const auto* v = mesh.cell(c);
    for (int k = 0; k < mesh.nodes_per_cell; ++k) {
      if (v[k] < 0 || v[k] >= n) {
        throw Error("mesh, cell " + text(c), "node ids from 0 to " + text(n - 1), text(v[k]),
                    "Are the ids counted from 1?");
      }
      used[static_cast<std::size_t>(v[k])] = 1;
    }
    double longest = 0;
    for (const auto& s : sides) {
      double l2 = 0;
      for (int d = 0; d < mesh.dim; ++d) {
        const double x = mesh.point(v[s[1]])[d] - mesh.point(v[s[0]])[d];
        l2 += x * x;
      }
      longest = std::max(longest, std::sqrt(l2));
    }
    // Below 1e-12 of a regular cell's measure the sign is rounding noise.
    const double m = cell_measure(mesh, c), flat = 1e-12 * std::pow(longest, mesh.cell_dimension());
    if (!(m > flat)) {
      throw Error("mesh, cell " + text(c),
                  mesh.nodes_per_cell == 2 ? "a positive length" : "a positive area or volume",
                  m < -flat ? "a negative one: the corners turn the wrong way round"
                            : "zero: the corners coincide or lie on one line or plane",
                  m < -flat ? "Swap two corners of the cell." : "Remove the cell.");
    }
  }
  if (const auto [one, two] = detail::cell_twice(mesh); two >= 0)
    throw Error("mesh, cell " + text(two), "every cell once", "the nodes of cell " + text(one),
                "Remove one of them. Some formats write a cell once for each of its groups.");
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (!used[i]) {
      throw Error("mesh, node " + text(i), "a node of at least one cell", "an isolated node",
                  "Remove it, and renumber the cells.");
    }
  }
}

/// @throws Error  for no nodes, rows that do not fit, ids out of range, senders out of order or
///                twice, and nodes nobody sends to
inline void validate(const Graph& g) {
  const auto n = g.n_nodes();
  const auto text = [](auto x) { return std::to_string(x); };
  if (n == 0) throw Error("graph", "at least one node", "none", "Was the graph built?");
  if (g.first.front() != 0 || g.first.back() != g.n_edges() ||
      g.receiver.size() != g.sender.size()) {
    throw Error("graph", "rows that cover all edges",
                "rows " + text(g.first.front()) + " to " + text(g.first.back()) + " over " +
                    text(g.sender.size()) + " senders and " + text(g.receiver.size()) +
                    " receivers",
                "Build graphs with cell_edges, knn_edges, radius_edges or edge_list.");
  }
  for (Index i = 0; i < n; ++i) {
    const auto lo = g.first[static_cast<std::size_t>(i)];
    const auto hi = g.first[static_cast<std::size_t>(i) + 1];
    if (hi < lo) {
      throw Error("graph, node " + text(i), "rows in ascending order",
                  text(lo) + " followed by " + text(hi), "Rebuild the graph with edge_list.");
    }
    if (hi == lo) {
      throw Error("graph, node " + text(i), "at least one incoming edge", "an isolated node",
                  "Remove the node, or ask for more neighbours or a larger radius.");
    }
    for (auto e = static_cast<std::size_t>(lo); e < static_cast<std::size_t>(hi); ++e) {
      const auto edge = text(g.sender[e]) + " -> " + text(i);
      if (g.receiver[e] != i || g.sender[e] < 0 || g.sender[e] >= n) {
        throw Error("graph, edge " + text(e), "ids from 0 to " + text(n - 1) + ", by receiver",
                    text(g.sender[e]) + " -> " + text(g.receiver[e]),
                    "Rebuild the graph with edge_list.");
      }
      if (e > static_cast<std::size_t>(lo) && g.sender[e] <= g.sender[e - 1]) {
        throw Error("graph, edge " + text(e), "every sender once and in ascending order",
                    g.sender[e] == g.sender[e - 1] ? edge + " twice" : edge + " out of order",
                    "Remove duplicates and rebuild the graph with edge_list.");
      }
    }
  }
}

namespace detail {
/// Nodes that are joined one after another, each part known by its smallest node.
class Parts {
 public:
  explicit Parts(Index n) : root_(static_cast<std::size_t>(n)) {
    std::iota(root_.begin(), root_.end(), 0);
  }
  [[nodiscard]] std::int32_t of(std::int32_t i) {
    while (root_[static_cast<std::size_t>(i)] != i) {
      auto& up = root_[static_cast<std::size_t>(i)];
      up = root_[static_cast<std::size_t>(up)];
      i = up;
    }
    return i;
  }
  void join(std::int32_t one, std::int32_t two) {
    const auto a = of(one), b = of(two);
    root_[static_cast<std::size_t>(std::max(a, b))] = std::min(a, b);
  }
  [[nodiscard]] Index count() const {
    Index n = 0;
    for (std::size_t i = 0; i < root_.size(); ++i) n += static_cast<std::size_t>(root_[i]) == i;
    return n;
  }

 private:
  std::vector<std::int32_t> root_;
};
}  // namespace detail

/// The number of each node's component, counted from 0 in order of the smallest node; edges are
/// taken as undirected.
[[nodiscard]] inline std::vector<std::int32_t> components(const Graph& g) {
  detail::Parts parts(g.n_nodes());
  for (std::size_t e = 0; e < g.sender.size(); ++e) parts.join(g.sender[e], g.receiver[e]);
  std::vector<std::int32_t> id(static_cast<std::size_t>(g.n_nodes()));
  std::int32_t count = 0;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const auto r = static_cast<std::size_t>(parts.of(static_cast<std::int32_t>(i)));
    id[i] = r == i ? count++ : id[r];
  }
  return id;
}

[[nodiscard]] inline Index count_components(const Graph& g) {
  Index most = -1;
  for (const auto c : components(g)) most = std::max<Index>(most, c);
  return most + 1;
}

/// A message never crosses from one component to another: for a network that must carry the
/// boundary's influence everywhere, several components are a mistake.
/// @throws Error  for more than one component, naming a node of the second
inline void require_connected(const Graph& g) {
  const auto id = components(g);
  for (std::size_t i = 0; i < id.size(); ++i) {
    if (id[i] != 0) {
      throw Error("graph", "one component",
                  std::to_string(count_components(g)) + " components; node " + std::to_string(i) +
                      " is not reached from node 0",
                  "Solve the parts one by one, or join them with knn_edges.");
    }
  }
}

}  // namespace amq::mesh
