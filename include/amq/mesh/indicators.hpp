#pragma once
/// @file
/// Where on a mesh a field is difficult: cheap scores without learning, and what they are made of.
///
/// | function         | large where                          | needs                            |
/// |------------------|--------------------------------------|----------------------------------|
/// | coefficient_jump | a coefficient jumps                  | the input alone                  |
/// | zz_indicator     | the gradient of u turns in one cell  | a solution, or a cheap first one |
/// | kelly_indicator  | the flux a grad u jumps over a side  | a solution and the coefficient   |
///
/// Verfuerth, A Posteriori Error Estimation Techniques for Finite Element Methods, 2013, ch. 1.

#include <amq/core/error.hpp>
#include <amq/mesh/graph.hpp>
#include <amq/mesh/mesh.hpp>
#include <amq/mesh/sides.hpp>
#include <amq/mesh/validate.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace amq::mesh {

namespace detail {

inline void require_rows(const char* where, const char* of, std::size_t found, Index wanted) {
  if (static_cast<Index>(found) != wanted) {
    throw Error(where, std::to_string(wanted) + " values, one for each " + of,
                std::to_string(found), "Pass a field of this mesh.");
  }
}

/// Solves m x = b for the leading n x n part of a symmetric positive semi-definite matrix, by
/// Cholesky. A ridge of 1e-9 of the trace stands for the pseudo-inverse: where m is singular, as
/// for a star of collinear edges, x is the shortest solution.
[[nodiscard]] inline std::array<double, 3> solve3(std::array<std::array<double, 3>, 3> m,
                                                  std::array<double, 3> b, std::size_t n) noexcept {
  double trace = 0;
  for (std::size_t i = 0; i < n; ++i) trace += m[i][i];
  if (!(trace > 0)) return {};
  for (std::size_t j = 0; j < n; ++j) {
    m[j][j] += 1e-9 * trace;
    for (std::size_t k = 0; k < j; ++k) m[j][j] -= m[j][k] * m[j][k];
    m[j][j] = std::sqrt(m[j][j]);
    for (std::size_t i = j + 1; i < n; ++i) {
      for (std::size_t k = 0; k < j; ++k) m[i][j] -= m[i][k] * m[j][k];
      m[i][j] /= m[j][j];
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= m[i][k] * b[k];
    b[i] /= m[i][i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= m[k][i] * b[k];
    b[i] /= m[i][i];
  }
  return b;
}

}  // namespace detail

/// (node): its share of the domain, each cell's measure divided among its corners. Sums to the
/// domain's area or volume: weights for norms that do not depend on where nodes crowd.
/// @throws Error  for ids out of range, as all that go to nodes by cells
[[nodiscard]] inline std::vector<double> node_measures(const Mesh& mesh) {
  detail::require_ids(mesh, "node_measures");
  std::vector<double> w(static_cast<std::size_t>(mesh.n_nodes()), 0.0);
  for (Index c = 0; c < mesh.n_cells(); ++c) {
    const double share = cell_measure(mesh, c) / mesh.nodes_per_cell;
    for (int k = 0; k < mesh.nodes_per_cell; ++k) {
      w[static_cast<std::size_t>(mesh.cell(c)[k])] += share;
    }
  }
  return w;
}

/// (cell) -> (node): the mean over the cells around a node, weighted by their measure.
/// @param width  channels of the field, (cell, width) -> (node, width)
[[nodiscard]] inline std::vector<double> cells_to_nodes(const Mesh& mesh,
                                                        std::span<const double> values,
                                                        std::size_t width = 1) {
  detail::require_rows("cells_to_nodes", "cell and channel", values.size(),
                       mesh.n_cells() * static_cast<Index>(width));
  detail::require_ids(mesh, "cells_to_nodes");
  const auto n = static_cast<std::size_t>(mesh.n_nodes());
  std::vector<double> sum(n * width, 0.0), weight(n, 0.0);
  for (Index c = 0; c < mesh.n_cells(); ++c) {
    const double m = cell_measure(mesh, c);
    for (int k = 0; k < mesh.nodes_per_cell; ++k) {
      const auto i = static_cast<std::size_t>(mesh.cell(c)[k]);
      weight[i] += m;
      for (std::size_t d = 0; d < width; ++d) {
        sum[i * width + d] += m * values[static_cast<std::size_t>(c) * width + d];
      }
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t d = 0; d < width && weight[i] > 0; ++d) sum[i * width + d] /= weight[i];
  }
  return sum;
}

/// (node) -> (node, dim): gradient by least squares over the incoming edges, weighted by 1 / d^2.
/// Exact for linear fields where the neighbours span the space; elsewhere, of the least length
/// in the directions they leave open.
/// @param points  (node, dim)
[[nodiscard]] inline std::vector<double> star_gradient(const Graph& g,
                                                       std::span<const double> points, int dim,
                                                       std::span<const double> u) {
  const auto d = static_cast<std::size_t>(dim);
  if (dim < 1 || dim > 3) {
    throw Error("star_gradient", "1 to 3 dimensions", std::to_string(dim), "Check `dim`.");
  }
  detail::require_rows("star_gradient", "node and dimension", points.size(), g.n_nodes() * dim);
  detail::require_rows("star_gradient", "node", u.size(), g.n_nodes());
  std::vector<double> out(points.size(), 0.0);
  for (std::size_t i = 0; i < u.size(); ++i) {
    std::array<std::array<double, 3>, 3> m{};
    std::array<double, 3> b{};
    for (auto e = g.first[i]; e < g.first[i + 1]; ++e) {
      const auto j = static_cast<std::size_t>(g.sender[static_cast<std::size_t>(e)]);
      std::array<double, 3> r{};
      double r2 = 0;
      for (std::size_t k = 0; k < d; ++k) {
        r[k] = points[j * d + k] - points[i * d + k];
        r2 += r[k] * r[k];
      }
      if (r2 == 0) continue;  // a self loop, or a doubled point
      for (std::size_t k = 0; k < d; ++k) {
        for (std::size_t l = 0; l < d; ++l) m[k][l] += r[k] * r[l] / r2;
        b[k] += r[k] * (u[j] - u[i]) / r2;
      }
    }
    const auto x = detail::solve3(m, b, d);
    std::copy_n(x.begin(), d, out.begin() + static_cast<std::ptrdiff_t>(i * d));
  }
  return out;
}

/// (node) -> (cell, 2): gradient of the linear interpolant on plane triangles.
/// @throws Error  for other cells
[[nodiscard]] inline std::vector<double> triangle_gradient(const Mesh& mesh,
                                                           std::span<const double> u) {
  if (mesh.nodes_per_cell != 3 || mesh.dim != 2) {
    throw Error(
        "triangle_gradient", "triangles in the plane",
        std::to_string(mesh.nodes_per_cell) + " nodes per cell, dim " + std::to_string(mesh.dim),
        "Use star_gradient, which needs a graph alone.");
  }
  detail::require_rows("triangle_gradient", "node", u.size(), mesh.n_nodes());
  detail::require_ids(mesh, "triangle_gradient");
  std::vector<double> out(static_cast<std::size_t>(2 * mesh.n_cells()), 0.0);
  for (Index c = 0; c < mesh.n_cells(); ++c) {
    const auto* v = mesh.cell(c);
    const double twice = 2 * cell_measure(mesh, c);
    for (int k = 0; k < 3; ++k) {
      const double *p = mesh.point(v[(k + 1) % 3]), *q = mesh.point(v[(k + 2) % 3]);
      const double value = u[static_cast<std::size_t>(v[k])];
      out[static_cast<std::size_t>(2 * c)] += value * (p[1] - q[1]) / twice;
      out[static_cast<std::size_t>(2 * c + 1)] += value * (q[0] - p[0]) / twice;
    }
  }
  return out;
}

/// (node) -> (node): the largest difference of a coefficient to a neighbour, |a_j - a_i|.
[[nodiscard]] inline std::vector<double> coefficient_jump(const Graph& g,
                                                          std::span<const double> a) {
  detail::require_rows("coefficient_jump", "node", a.size(), g.n_nodes());
  std::vector<double> out(a.size(), 0.0);
  for (std::size_t e = 0; e < g.sender.size(); ++e) {
    const auto i = static_cast<std::size_t>(g.receiver[e]);
    out[i] = std::max(out[i], std::abs(a[static_cast<std::size_t>(g.sender[e])] - a[i]));
  }
  return out;
}

/// (cell) -> (node): highest minus lowest coefficient among the cells around a node.
[[nodiscard]] inline std::vector<double> coefficient_jump(const Mesh& mesh,
                                                          std::span<const double> a_cell) {
  detail::require_rows("coefficient_jump", "cell", a_cell.size(), mesh.n_cells());
  detail::require_ids(mesh, "coefficient_jump");
  const auto n = static_cast<std::size_t>(mesh.n_nodes());
  std::vector<double> low(n, 0.0), high(n, 0.0);
  std::vector<char> seen(n, 0);
  for (Index c = 0; c < mesh.n_cells(); ++c) {
    const double a = a_cell[static_cast<std::size_t>(c)];
    for (int k = 0; k < mesh.nodes_per_cell; ++k) {
      const auto i = static_cast<std::size_t>(mesh.cell(c)[k]);
      low[i] = seen[i] ? std::min(low[i], a) : a;
      high[i] = seen[i] ? std::max(high[i], a) : a;
      seen[i] = 1;
    }
  }
  for (std::size_t i = 0; i < n; ++i) high[i] -= low[i];
  return high;
}

/// A score handed on to neighbours, weaker by `decay` with every edge: max over nodes j of
/// score_j decay^(edges from j to i), as far as `hops`. Turns a sharp mark into a graded one.
[[nodiscard]] inline std::vector<double> spread(const Graph& g, std::span<const double> score,
                                                int hops, double decay = 0.5) {
  detail::require_rows("spread", "node", score.size(), g.n_nodes());
  std::vector<double> now(score.begin(), score.end()), next;
  for (int h = 0; h < hops; ++h) {
    next = now;
    for (std::size_t e = 0; e < g.sender.size(); ++e) {
      auto& x = next[static_cast<std::size_t>(g.receiver[e])];
      x = std::max(x, decay * now[static_cast<std::size_t>(g.sender[e])]);
    }
    now.swap(next);
  }
  return now;
}

/// Zienkiewicz and Zhu: (cell) the L2 norm over the cell of the recovered gradient (means around
/// nodes, interpolated linearly) minus the cell's own.
[[nodiscard]] inline std::vector<double> zz_indicator(const Mesh& mesh, std::span<const double> u) {
  const auto own = triangle_gradient(mesh, u);
  const auto recovered = cells_to_nodes(mesh, own, 2);
  std::vector<double> eta(static_cast<std::size_t>(mesh.n_cells()));
  for (std::size_t c = 0; c < eta.size(); ++c) {
    const auto* v = mesh.cell(static_cast<Index>(c));
    double sum = 0;
    for (std::size_t d = 0; d < 2; ++d) {
      std::array<double, 3> e{};
      for (std::size_t k = 0; k < 3; ++k) {
        e[k] = recovered[2 * static_cast<std::size_t>(v[k]) + d] - own[2 * c + d];
      }
      // The rule of mid-sides: exact for the square of a linear function.
      for (std::size_t k = 0; k < 3; ++k) {
        const double m = (e[k] + e[(k + 1) % 3]) / 2;
        sum += m * m / 3;
      }
    }
    eta[c] = std::sqrt(sum * cell_measure(mesh, static_cast<Index>(c)));
  }
  return eta;
}

/// Kelly et al.: (cell) the root of the sum over its inner sides of h^2 / 2 times the squared jump
/// of a grad u . n, h being the side's length.
/// @param a_cell  (cell) coefficient; empty: 1
[[nodiscard]] inline std::vector<double> kelly_indicator(const Mesh& mesh,
                                                         std::span<const double> u,
                                                         std::span<const double> a_cell = {}) {
  const auto gradient = triangle_gradient(mesh, u);
  if (!a_cell.empty()) {
    detail::require_rows("kelly_indicator", "cell", a_cell.size(), mesh.n_cells());
  }
  const auto sides = find_sides(mesh);
  std::vector<double> eta(static_cast<std::size_t>(mesh.n_cells()), 0.0);
  for (Index s = 0; s < sides.size(); ++s) {
    if (sides.on_boundary(s)) continue;
    const auto [i, j] = sides.nodes[static_cast<std::size_t>(s)];
    // The side turned by a right angle: the normal, times its length.
    const double nx = mesh.point(j)[1] - mesh.point(i)[1], ny = mesh.point(i)[0] - mesh.point(j)[0];
    std::array<double, 2> flux{};
    for (std::size_t k = 0; k < 2; ++k) {
      const auto c = static_cast<std::size_t>(sides.cells[static_cast<std::size_t>(s)][k]);
      flux[k] =
          (a_cell.empty() ? 1 : a_cell[c]) * (gradient[2 * c] * nx + gradient[2 * c + 1] * ny);
    }
    const double jump = flux[0] - flux[1];
    for (const auto c : sides.cells[static_cast<std::size_t>(s)]) {
      eta[static_cast<std::size_t>(c)] += jump * jump / 2;
    }
  }
  for (double& e : eta) e = std::sqrt(e);
  return eta;
}

}  // namespace amq::mesh
