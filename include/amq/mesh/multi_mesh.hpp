#pragma once
/// @file
/// Edges of several lengths over the nodes of one mesh, so that a few layers of message passing
/// reach across the domain.

#include <amq/core/error.hpp>
#include <amq/core/rounded.hpp>
#include <amq/mesh/edges.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace amq {

/// The edges of `graph` and, for every n in `lattices`, edges among hubs: the domain's bounding box
/// is cut into n cells a side (2-D or 3-D), the node nearest a cell's centre is its hub, and hubs
/// of neighbouring cells, diagonal ones too, send to each other (the multi-mesh of Lam et al. 2023,
/// "GraphCast", for meshes that know no hierarchy). Edges that are there already are kept once.
/// @param points  (node, dim)
/// @throws Error if points and graph differ in nodes, or a lattice is not positive
[[nodiscard]] inline Graph multi_mesh_edges(const Graph& graph, std::span<const double> points,
                                            int dim, std::span<const int> lattices) {
  const auto n = static_cast<std::size_t>(graph.n_nodes()), d = static_cast<std::size_t>(dim);
  if ((dim != 2 && dim != 3) || points.size() != n * d)
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
    if (cells < 1)
      throw Error("multi_mesh_edges", "lattices of at least 1 cell a side", std::to_string(cells),
                  "Leave it out, or name a number such as 4 or 8.");
    const int depth = dim == 3 ? cells : 1;
    std::vector<std::int32_t> hub(static_cast<std::size_t>(cells) *
                                      static_cast<std::size_t>(cells) *
                                      static_cast<std::size_t>(depth),
                                  -1);
    std::vector<double> nearest(hub.size(), std::numeric_limits<double>::infinity());
    for (std::size_t i = 0; i < n; ++i) {
      std::size_t cell = 0;
      double distance = 0;
      for (std::size_t k = d; k-- > 0;) {
        const double width = high[k] > low[k] ? (high[k] - low[k]) / cells : 1.0;
        const double s = (points[i * d + k] - low[k]) / width;
        const double c = std::clamp(std::floor(s), 0.0, static_cast<double>(cells - 1));
        cell = cell * static_cast<std::size_t>(cells) + static_cast<std::size_t>(c);
        distance += rounded_square(s - c - 0.5);
      }
      if (distance < nearest[cell])
        nearest[cell] = distance, hub[cell] = static_cast<std::int32_t>(i);
    }
    const auto at = [&](int x, int y, int z) {
      if (x < 0 || y < 0 || z < 0 || x >= cells || y >= cells || z >= depth)
        return std::int32_t{-1};
      return hub[(static_cast<std::size_t>(z) * static_cast<std::size_t>(cells) +
                  static_cast<std::size_t>(y)) *
                     static_cast<std::size_t>(cells) +
                 static_cast<std::size_t>(x)];
    };
    for (int z = 0; z < depth; ++z)
      for (int y = 0; y < cells; ++y)
        for (int x = 0; x < cells; ++x)
          for (int dz = -1; dz <= 1; ++dz)
            for (int dy = -1; dy <= 1; ++dy)
              for (int dx = -1; dx <= 1; ++dx) {
                const auto to = at(x, y, z), from = at(x + dx, y + dy, z + dz);
                if (to >= 0 && from >= 0 && to != from) sides.push_back({from, to});
              }
  }
  std::sort(sides.begin(), sides.end());
  sides.erase(std::unique(sides.begin(), sides.end()), sides.end());
  return edge_list(graph.n_nodes(), sides);
}

}  // namespace amq
