#pragma once
// Small meshes that tests are about.

#include <amq/mesh/mesh.hpp>

#include <cstddef>
#include <cstdint>

namespace shapes {

/// (n + 1)^2 nodes on the unit square; triangles, or quads.
inline amq::Mesh square(int n, int nodes_per_cell = 3) {
  amq::Mesh m;
  m.nodes_per_cell = nodes_per_cell;
  for (int j = 0; j <= n; ++j) {
    for (int i = 0; i <= n; ++i) {
      m.points.insert(m.points.end(), {static_cast<double>(i) / n, static_cast<double>(j) / n});
      const bool rim = i == 0 || j == 0 || i == n || j == n;
      m.node_type.push_back(rim ? amq::NodeType::wall : amq::NodeType::normal);
    }
  }
  for (std::int32_t j = 0; j < n; ++j) {
    for (std::int32_t i = 0; i < n; ++i) {
      const std::int32_t a = j * (n + 1) + i, b = a + 1, d = a + n + 1, c = d + 1;
      if (nodes_per_cell == 4) {
        m.cells.insert(m.cells.end(), {a, b, c, d});
      } else {
        m.cells.insert(m.cells.end(), {a, b, c, a, c, d});
      }
    }
  }
  return m;
}

/// (n + 1)^3 nodes on the unit cube; hexahedra, or six tetrahedra for each.
inline amq::Mesh cube(int n, int nodes_per_cell) {
  amq::Mesh m;
  m.dim = 3;
  m.nodes_per_cell = nodes_per_cell;
  const std::int32_t s = n + 1;
  for (int k = 0; k <= n; ++k) {
    for (int j = 0; j <= n; ++j) {
      for (int i = 0; i <= n; ++i) {
        m.points.insert(m.points.end(), {static_cast<double>(i) / n, static_cast<double>(j) / n,
                                         static_cast<double>(k) / n});
      }
    }
  }
  for (std::int32_t k = 0; k < n; ++k) {
    for (std::int32_t j = 0; j < n; ++j) {
      for (std::int32_t i = 0; i < n; ++i) {
        const std::int32_t o = i + s * (j + s * k);
        const std::int32_t v[8] = {o,         o + 1,         o + 1 + s,         o + s,
                                   o + s * s, o + 1 + s * s, o + 1 + s + s * s, o + s + s * s};
        if (nodes_per_cell == 8) {
          m.cells.insert(m.cells.end(), v, v + 8);
        } else {
          const int tets[6][4] = {{0, 1, 2, 6}, {0, 2, 3, 6}, {0, 3, 7, 6},
                                  {0, 7, 4, 6}, {0, 4, 5, 6}, {0, 5, 1, 6}};
          for (const auto& t : tets) {
            for (const int c : t) m.cells.push_back(v[c]);
          }
        }
      }
    }
  }
  return m;
}

}  // namespace shapes
