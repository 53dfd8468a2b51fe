#pragma once
/// @file
/// Steady flow through a porous medium: -div(a grad u) = f, u = 0 on the boundary; linear finite
/// elements on triangles and a sparse Cholesky factorisation.

#include <amq/core/eigen_sparse.hpp>
#include <amq/core/error.hpp>
#include <amq/mesh/bisection.hpp>
#include <amq/mesh/mesh.hpp>
#include <amq/mesh/sides.hpp>
#include <amq_lab/problems/gaussian_field.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::lab {

/// A function on the plane, e.g. the source f.
using PlaneFunction = std::function<double(double x, double y)>;

/// The equation on one mesh. Pattern and elimination order are found once; every solve() then
/// assembles and factorises in the same memory, so many coefficients on one mesh are cheap.
class DarcySolver {
 public:
  /// Nodes whose type is not NodeType::normal are held at 0.
  /// @param mesh  plane triangles, counter-clockwise
  /// @throws Error  for other cells, a triangle without area, marks missing, no boundary, or
  ///                nothing but boundary
  explicit DarcySolver(const Mesh& mesh) : mesh_(mesh) {
    amq::mesh::detail::require_triangles(mesh_, "DarcySolver");
    if (mesh_.dim != 2) {
      throw Error("DarcySolver", "a mesh in the plane", "dim " + std::to_string(mesh_.dim),
                  "Drop the third coordinate.");
    }
    if (mesh_.node_type.size() != static_cast<std::size_t>(mesh_.n_nodes())) {
      throw Error("DarcySolver", std::to_string(mesh_.n_nodes()) + " node types",
                  std::to_string(mesh_.node_type.size()), "Call mark_boundary(mesh).");
    }
    number_unknowns();
    build_pattern();
    build_gradients();
    ldlt_.analyzePattern(matrix_);
  }

  /// @param a  (cell), positive: the coefficient's mean over the cell
  /// @param f  source, as a function; integrated by the rule of mid-sides
  /// @return   (node) u, 0 on the boundary
  /// @throws Error  for a count that is not n_cells, or a coefficient that is not positive
  [[nodiscard]] std::vector<double> solve(std::span<const double> a, const PlaneFunction& f) {
    load_.setZero(n_unknowns_);
    for (Index c = 0; c < mesh_.n_cells(); ++c) {
      const auto* v = mesh_.cell(c);
      std::array<double, 3> at{};  // at the middle of the side opposite to corner k
      for (int k = 0; k < 3; ++k) {
        const double *p = mesh_.point(v[(k + 1) % 3]), *q = mesh_.point(v[(k + 2) % 3]);
        at[static_cast<std::size_t>(k)] = f((p[0] + q[0]) / 2, (p[1] + q[1]) / 2);
      }
      const double w = area_[static_cast<std::size_t>(c)] / 6, sum = at[0] + at[1] + at[2];
      for (int k = 0; k < 3; ++k) add_load(v[k], w * (sum - at[static_cast<std::size_t>(k)]));
    }
    return solve_loaded(a);
  }
  [[nodiscard]] std::vector<double> solve(std::span<const double> a, double f = 1) {
    load_.setZero(n_unknowns_);
    for (Index c = 0; c < mesh_.n_cells(); ++c) {
      for (int k = 0; k < 3; ++k) {
        add_load(mesh_.cell(c)[k], f * area_[static_cast<std::size_t>(c)] / 3);
      }
    }
    return solve_loaded(a);
  }

  [[nodiscard]] const Mesh& mesh() const noexcept { return mesh_; }
  [[nodiscard]] Index n_unknowns() const noexcept { return n_unknowns_; }

 private:
  void add_load(std::int32_t node, double w) {
    if (const auto u = unknown_[static_cast<std::size_t>(node)]; u >= 0) load_[u] += w;
  }
  void number_unknowns() {
    unknown_.assign(mesh_.node_type.size(), -1);
    for (std::size_t i = 0; i < unknown_.size(); ++i) {
      if (mesh_.node_type[i] == NodeType::normal) {
        unknown_[i] = static_cast<std::int32_t>(n_unknowns_++);
      }
    }
    if (n_unknowns_ == 0 || n_unknowns_ == mesh_.n_nodes()) {
      throw Error("DarcySolver", "nodes inside and nodes on the boundary",
                  std::to_string(n_unknowns_) + " inside of " + std::to_string(mesh_.n_nodes()),
                  "Call mark_boundary(mesh), or refine the mesh.");
    }
  }
  // Lower triangle: the diagonal and one entry for each side between two unknowns.
  void build_pattern() {
    const auto sides = find_sides(mesh_);
    const auto n = static_cast<std::size_t>(n_unknowns_);
    std::vector<std::array<std::int32_t, 3>> entries;  // column, row, side
    std::vector<int> count(n + 1, 0);
    for (std::size_t s = 0; s < sides.nodes.size(); ++s) {
      auto i = unknown_[static_cast<std::size_t>(sides.nodes[s][0])];
      auto j = unknown_[static_cast<std::size_t>(sides.nodes[s][1])];
      if (i < 0 || j < 0) continue;
      if (i > j) std::swap(i, j);
      entries.push_back({i, j, static_cast<std::int32_t>(s)});
    }
    std::sort(entries.begin(), entries.end());
    matrix_.resize(n_unknowns_, n_unknowns_);
    matrix_.resizeNonZeros(n_unknowns_ + static_cast<Index>(entries.size()));
    int* const outer = matrix_.outerIndexPtr();
    int* const inner = matrix_.innerIndexPtr();
    std::vector<std::int32_t> side_at(sides.nodes.size(), -1);
    diagonal_at_.resize(n);
    int at = 0;
    std::size_t e = 0;
    for (std::size_t column = 0; column < n; ++column) {
      outer[column] = at;
      diagonal_at_[column] = at;
      inner[at++] = static_cast<int>(column);
      for (; e < entries.size() && static_cast<std::size_t>(entries[e][0]) == column; ++e) {
        side_at[static_cast<std::size_t>(entries[e][2])] = at;
        inner[at++] = entries[e][1];
      }
    }
    outer[n] = at;
    cell_at_.resize(sides.of_cell.size());
    for (std::size_t k = 0; k < cell_at_.size(); ++k) {
      cell_at_[k] = side_at[static_cast<std::size_t>(sides.of_cell[k])];
    }
  }
  // With b_k the side opposite to corner k, the element matrix is a (b_k . b_l) / (4 area).
  void build_gradients() {
    const auto n_cells = static_cast<std::size_t>(mesh_.n_cells());
    area_.resize(n_cells);
    stiffness_.resize(n_cells);
    for (std::size_t c = 0; c < n_cells; ++c) {
      const auto* v = mesh_.cell(static_cast<Index>(c));
      area_[c] = amq::mesh::detail::triangle_area(mesh_, static_cast<Index>(c));
      if (!(area_[c] > 0)) {
        throw Error("DarcySolver, cell " + std::to_string(c), "a positive area",
                    std::to_string(area_[c]), "Call validate(mesh) on meshes from outside.");
      }
      std::array<std::array<double, 2>, 3> b{};
      for (std::size_t k = 0; k < 3; ++k) {
        const double *p = mesh_.point(v[(k + 1) % 3]), *q = mesh_.point(v[(k + 2) % 3]);
        b[k] = {q[0] - p[0], q[1] - p[1]};
      }
      const auto dot = [&](std::size_t k, std::size_t l) {
        return (b[k][0] * b[l][0] + b[k][1] * b[l][1]) / (4 * area_[c]);
      };
      // Diagonal of corners 0 1 2, then sides 0-1, 1-2, 2-0.
      stiffness_[c] = {dot(0, 0), dot(1, 1), dot(2, 2), dot(0, 1), dot(1, 2), dot(2, 0)};
    }
  }
  [[nodiscard]] std::vector<double> solve_loaded(std::span<const double> a) {
    if (static_cast<Index>(a.size()) != mesh_.n_cells()) {
      throw Error("DarcySolver::solve",
                  std::to_string(mesh_.n_cells()) + " coefficients, one for each cell",
                  std::to_string(a.size()), "Take cell means of a nodal field first.");
    }
    double* const value = matrix_.valuePtr();
    std::fill(value, value + matrix_.nonZeros(), 0.0);
    for (std::size_t c = 0; c < a.size(); ++c) {
      if (!(a[c] > 0) || !std::isfinite(a[c])) {
        throw Error("DarcySolver::solve, cell " + std::to_string(c),
                    "a positive, finite coefficient", std::to_string(a[c]),
                    "Check the units and the sign of a.");
      }
      const auto* v = mesh_.cell(static_cast<Index>(c));
      for (std::size_t k = 0; k < 3; ++k) {
        const auto u = unknown_[static_cast<std::size_t>(v[k])];
        if (u >= 0) value[diagonal_at_[static_cast<std::size_t>(u)]] += a[c] * stiffness_[c][k];
        if (const auto at = cell_at_[3 * c + k]; at >= 0) value[at] += a[c] * stiffness_[c][3 + k];
      }
    }
    ldlt_.factorize(matrix_);
    if (ldlt_.info() != Eigen::Success) {
      throw Error("DarcySolver::solve", "a positive definite system", "a factorisation that failed",
                  "Check the mesh for slivers and the coefficient for extreme ratios.");
    }
    solution_ = ldlt_.solve(load_);
    std::vector<double> u(unknown_.size(), 0.0);
    for (std::size_t i = 0; i < u.size(); ++i) {
      if (unknown_[i] >= 0) u[i] = solution_[unknown_[i]];
    }
    return u;
  }

  Mesh mesh_;
  Index n_unknowns_ = 0;
  std::vector<std::int32_t> unknown_;             // (node), -1 on the boundary
  std::vector<std::int32_t> diagonal_at_;         // (unknown) place among the matrix's values
  std::vector<std::int32_t> cell_at_;             // (cell, 3 sides) likewise, -1 at the boundary
  std::vector<double> area_;                      // (cell)
  std::vector<std::array<double, 6>> stiffness_;  // (cell) of a = 1
  SparseMatrix matrix_;
  SparseLdlt ldlt_;
  Eigen::VectorXd load_, solution_;
};

/// Mean of a function over every cell: by its values at the centroids of 4^level sub-triangles.
[[nodiscard]] inline std::vector<double> cell_means(const Mesh& mesh, const PlaneFunction& f,
                                                    int level = 0) {
  amq::mesh::detail::require_triangles(mesh, "cell_means");
  const int n = 1 << level;
  std::vector<double> out(static_cast<std::size_t>(mesh.n_cells()));
  for (std::size_t c = 0; c < out.size(); ++c) {
    const auto* v = mesh.cell(static_cast<Index>(c));
    const double *p = mesh.point(v[0]), *q = mesh.point(v[1]), *r = mesh.point(v[2]);
    const auto at = [&](double s, double t) {
      return f(p[0] + s * (q[0] - p[0]) + t * (r[0] - p[0]),
               p[1] + s * (q[1] - p[1]) + t * (r[1] - p[1]));
    };
    double sum = 0;
    for (int i = 0; i < n; ++i) {
      for (int j = 0; i + j < n; ++j) {
        sum += at((i + 1. / 3) / n, (j + 1. / 3) / n);
        if (i + j + 1 < n) sum += at((i + 2. / 3) / n, (j + 2. / 3) / n);
      }
    }
    out[c] = sum / (static_cast<double>(n) * n);
  }
  return out;
}

/// A medium of two materials: `high` where the level field is positive, `low` elsewhere.
struct TwoPhase {
  double low = 3, high = 12;

  /// @param level  (node) -> (node)
  [[nodiscard]] std::vector<double> at_nodes(std::span<const double> level) const {
    std::vector<double> a;
    a.reserve(level.size());
    for (const double g : level) a.push_back(g > 0 ? high : low);
    return a;
  }
  /// Arithmetic mean over each cell, the interface being where the linear interpolant of the level
  /// vanishes: exact to second order for a smooth level. What Galerkin's method asks for.
  /// @param level  (node) -> (cell)
  [[nodiscard]] std::vector<double> cell_means(const Mesh& mesh,
                                               std::span<const double> level) const {
    auto a = positive_shares(mesh, level);
    for (double& x : a) x = low + (high - low) * x;
    return a;
  }
  /// Geometric mean instead. In a cut cell the arithmetic mean is right for flow along the
  /// interface and the harmonic mean for flow across; in two dimensions the geometric one is right
  /// on average (Keller 1964). Solutions have half the error at interfaces not yet resolved.
  [[nodiscard]] std::vector<double> cell_geometric_means(const Mesh& mesh,
                                                         std::span<const double> level) const {
    auto a = positive_shares(mesh, level);
    for (double& x : a) x = x == 0 ? low : x == 1 ? high : low * std::pow(high / low, x);
    return a;
  }
  /// (cell) share of its area that is `high`.
  [[nodiscard]] static std::vector<double> positive_shares(const Mesh& mesh,
                                                           std::span<const double> level) {
    amq::mesh::detail::require_triangles(mesh, "TwoPhase");
    if (static_cast<Index>(level.size()) != mesh.n_nodes()) {
      throw Error("TwoPhase", std::to_string(mesh.n_nodes()) + " levels, one for each node",
                  std::to_string(level.size()), "Evaluate the level field at the mesh's nodes.");
    }
    std::vector<double> share(static_cast<std::size_t>(mesh.n_cells()));
    for (std::size_t c = 0; c < share.size(); ++c) {
      const auto* v = mesh.cell(static_cast<Index>(c));
      share[c] = positive_share(level[static_cast<std::size_t>(v[0])],
                                level[static_cast<std::size_t>(v[1])],
                                level[static_cast<std::size_t>(v[2])]);
    }
    return share;
  }
  /// Share of a triangle's area where the linear function with these corner values is positive.
  [[nodiscard]] static double positive_share(double p, double q, double r) noexcept {
    const int n = (p > 0) + (q > 0) + (r > 0);
    if (n == 0 || n == 3) return n / 3;
    // One corner lies alone on its side of the interface: bring it to the front.
    const bool alone_positive = n == 1;
    if ((q > 0) == alone_positive) std::swap(p, q);
    if ((r > 0) == alone_positive) std::swap(p, r);
    const double cut = p / (p - q) * (p / (p - r));
    return alone_positive ? cut : 1 - cut;
  }
};

}  // namespace amq::lab
