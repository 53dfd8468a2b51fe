#pragma once
/// @file
/// Edges of several lengths over the nodes of one mesh, so that a few layers of message passing
/// reach across the domain.

#include <amq/core/error.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/core/rounded.hpp>
#include <amq/mesh/edges.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::mesh {

namespace detail {

/// A domain's bounding box, cut into cells a side (2-D or 3-D).
struct HubLattice {
  int dim, cells;
  const double *low, *high;  ///< (dim) corners of the box

  [[nodiscard]] int depth() const noexcept { return dim == 3 ? cells : 1; }
  [[nodiscard]] std::size_t size() const noexcept { return at(0, 0, depth()); }
  [[nodiscard]] std::size_t at(int x, int y, int z) const noexcept {
    const auto n = static_cast<std::size_t>(cells);
    return (static_cast<std::size_t>(z) * n + static_cast<std::size_t>(y)) * n +
           static_cast<std::size_t>(x);
  }
  /// The cell of a point, and the squared distance from its centre, in cells.
  [[nodiscard]] std::pair<std::size_t, double> cell_of(const double* x) const noexcept {
    std::size_t cell = 0;
    double distance = 0;
    for (auto k = static_cast<std::size_t>(dim); k-- > 0;) {
      const double width = high[k] > low[k] ? (high[k] - low[k]) / cells : 1.0;
      const double s = (x[k] - low[k]) / width;
      const double c = std::clamp(std::floor(s), 0.0, static_cast<double>(cells - 1));
      cell = cell * static_cast<std::size_t>(cells) + static_cast<std::size_t>(c);
      distance += rounded_square(s - c - 0.5);
    }
    return {cell, distance};
  }
  /// f(from, to) for all cells that touch, if only at a corner.
  template <typename F>
  void each_pair(const F& f) const {
    const auto inside = [](int x, int n) { return x >= 0 && x < n; };
    for (int z = 0; z < depth(); ++z)
      for (int y = 0; y < cells; ++y)
        for (int x = 0; x < cells; ++x)
          for (int dz = -1; dz <= 1; ++dz)
            for (int dy = -1; dy <= 1; ++dy)
              for (int dx = -1; dx <= 1; ++dx)
                if ((dx != 0 || dy != 0 || dz != 0) && inside(x + dx, cells) &&
                    inside(y + dy, cells) && inside(z + dz, depth()))
                  f(at(x + dx, y + dy, z + dz), at(x, y, z));
  }
};

/// @throws Error for what has no lattice
inline void check_lattices(int dim, std::span<const int> lattices) {
  if (dim != 2 && dim != 3)
    throw Error("multi_mesh_edges", "points of 2 or 3 coordinates", std::to_string(dim),
                "Pass the points of the graph's mesh.");
  for (const int cells : lattices)
    if (cells < 1)
      throw Error("multi_mesh_edges", "lattices of at least 1 cell a side", std::to_string(cells),
                  "Leave it out, or name a number such as 4 or 8.");
}

}  // namespace detail

/// The edges of `graph` and, for every n in `lattices`, edges among hubs: the domain's bounding box
/// is cut into n cells a side (2-D or 3-D), the node nearest a cell's centre is its hub, and hubs
/// of neighbouring cells, diagonal ones too, send to each other (the multi-mesh of Lam et al. 2023,
/// "GraphCast", for meshes that know no hierarchy). Edges that are there already are kept once.
/// @param points  (node, dim)
/// @throws Error if points and graph differ in nodes, or a lattice is not positive
[[nodiscard]] inline Graph multi_mesh_edges(const Graph& graph, std::span<const double> points,
                                            int dim, std::span<const int> lattices) {
  const FloatEnvironment own;
  const auto n = static_cast<std::size_t>(graph.n_nodes()), d = static_cast<std::size_t>(dim);
  detail::check_lattices(dim, lattices);
  if (points.size() != n * d)
    throw Error("multi_mesh_edges", std::to_string(n) + " points of 2 or 3 coordinates",
                std::to_string(points.size()) + " numbers at " + std::to_string(dim),
                "Pass the points of the graph's mesh.");
  std::vector<double> low(d, std::numeric_limits<double>::infinity()), high(d, -low[0]);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t k = 0; k < d; ++k) {
      low[k] = std::min(low[k], points[i * d + k]);
      high[k] = std::max(high[k], points[i * d + k]);
    }
  std::vector<Side> sides;
  for (std::size_t e = 0; e < graph.sender.size(); ++e)
    sides.push_back({graph.sender[e], graph.receiver[e]});
  for (const int cells : lattices) {
    const detail::HubLattice lattice{dim, cells, low.data(), high.data()};
    std::vector<std::int32_t> hub(lattice.size(), -1);
    std::vector<double> nearest(hub.size(), std::numeric_limits<double>::infinity());
    for (std::size_t i = 0; i < n; ++i) {
      const auto [cell, distance] = lattice.cell_of(&points[i * d]);
      if (distance < nearest[cell])
        nearest[cell] = distance, hub[cell] = static_cast<std::int32_t>(i);
    }
    lattice.each_pair([&](std::size_t from, std::size_t to) {
      if (hub[from] >= 0 && hub[to] >= 0) sides.push_back({hub[from], hub[to]});
    });
  }
  std::sort(sides.begin(), sides.end());
  sides.erase(std::unique(sides.begin(), sides.end()), sides.end());
  return edge_list(graph.n_nodes(), sides);
}

}  // namespace amq::mesh
