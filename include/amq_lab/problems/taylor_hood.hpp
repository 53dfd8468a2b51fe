#pragma once
/// @file
/// Quadratic velocities and linear pressures on triangles (Taylor and Hood 1973): numbering,
/// matrices, and the convection term.

#include <amq/core/eigen_sparse.hpp>
#include <amq/core/error.hpp>
#include <amq/mesh/mesh.hpp>
#include <amq_lab/problems/krylov.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace amq::lab {

/// Velocities as (velocity node, 2): x and y side by side.
using Velocity = Eigen::Matrix<double, Eigen::Dynamic, 2, Eigen::RowMajor>;

/// The pair of spaces on a triangle mesh. Velocity nodes are the mesh's nodes, then one per side.
class TaylorHood {
 public:
  /// @throws Error unless the mesh has counter-clockwise triangles in the plane
  explicit TaylorHood(const Mesh& mesh) : n_nodes_(mesh.n_nodes()), n_velocity_(mesh.n_nodes()) {
    if (mesh.dim != 2 || mesh.nodes_per_cell != 3) {
      throw Error("TaylorHood", "triangles in the plane",
                  std::to_string(mesh.nodes_per_cell) + " nodes a cell in dimension " +
                      std::to_string(mesh.dim),
                  "Split other cells into triangles.");
    }
    std::unordered_map<std::uint64_t, std::int32_t> mid;
    for (Index c = 0; c < mesh.n_cells(); ++c) {
      const auto* v = mesh.cell(c);
      Cell cell{};
      const double *p = mesh.point(v[0]), *q = mesh.point(v[1]), *r = mesh.point(v[2]);
      const double det = (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]);
      if (!(det > 0)) {
        throw Error("TaylorHood", "counter-clockwise cells with area",
                    "cell " + std::to_string(c) + " of twice the area " + std::to_string(det),
                    "Reorder its nodes or remove it.");
      }
      cell.area = det / 2;
      const double* at[3] = {p, q, r};
      for (std::size_t k = 0; k < 3; ++k) {
        const double *a = at[(k + 1) % 3], *b = at[(k + 2) % 3];
        cell.gx[k] = (a[1] - b[1]) / det;
        cell.gy[k] = (b[0] - a[0]) / det;
        cell.node[k] = v[k];
        const auto m = std::minmax(v[(k + 1) % 3], v[(k + 2) % 3]);
        const auto key =
            static_cast<std::uint64_t>(m.first) << 32 | static_cast<std::uint32_t>(m.second);
        const auto [it, born] = mid.try_emplace(key, static_cast<std::int32_t>(n_velocity_));
        if (born) {
          side_.push_back({m.first, m.second});
          on_border_.push_back(0);
          ++n_velocity_;
        }
        ++on_border_[static_cast<std::size_t>(it->second - n_nodes_)];
        cell.node[3 + k] = it->second;  // on the side opposite to corner k
      }
      cells_.push_back(cell);
    }
    for (auto& b : on_border_) b = b == 1;
    // Degree 5, exact for a product of two quadratics and a gradient (Strang and Fix 1973).
    const double s = std::sqrt(15.0), a = (6 - s) / 21, b = (6 + s) / 21;
    const double wa = (155 - s) / 1200, wb = (155 + s) / 1200;
    set_point(0, 1.0 / 3, 1.0 / 3, 9.0 / 40);
    for (std::size_t k = 0; k < 3; ++k) {
      set_point(1 + k, k == 0 ? 1 - 2 * a : a, k == 1 ? 1 - 2 * a : a, wa);
      set_point(4 + k, k == 0 ? 1 - 2 * b : b, k == 1 ? 1 - 2 * b : b, wb);
    }
  }

  [[nodiscard]] Index n_nodes() const noexcept { return n_nodes_; }        ///< pressures
  [[nodiscard]] Index n_velocity() const noexcept { return n_velocity_; }  ///< velocity nodes
  [[nodiscard]] Index n_sides() const noexcept { return n_velocity_ - n_nodes_; }
  /// The two mesh nodes of side s, whose velocity node is n_nodes() + s.
  [[nodiscard]] const std::array<std::int32_t, 2>& side(Index s) const noexcept {
    return side_[static_cast<std::size_t>(s)];
  }
  [[nodiscard]] bool on_border(Index s) const noexcept {
    return on_border_[static_cast<std::size_t>(s)] != 0;
  }

  /// Velocity mass and stiffness, (velocity node, velocity node), for one component.
  [[nodiscard]] std::pair<RowMatrix, RowMatrix> mass_and_stiffness() const {
    std::vector<Eigen::Triplet<double, int>> m, k;
    for (const auto& c : cells_) {
      for (std::size_t i = 0; i < 6; ++i) {
        for (std::size_t j = 0; j < 6; ++j) {
          double mij = 0, kij = 0;
          for (std::size_t q = 0; q < n_points; ++q) {
            mij += weight_[q] * value_[q][i] * value_[q][j];
            kij += weight_[q] * (dx(c, q, i) * dx(c, q, j) + dy(c, q, i) * dy(c, q, j));
          }
          m.emplace_back(c.node[i], c.node[j], c.area * mij);
          k.emplace_back(c.node[i], c.node[j], c.area * kij);
        }
      }
    }
    return {build<RowMatrix>(m, n_velocity_, n_velocity_),
            build<RowMatrix>(k, n_velocity_, n_velocity_)};
  }
  /// Divergence: (D_x u_x + D_y u_y)_q = integral of q div u, (node, velocity node) each.
  [[nodiscard]] std::pair<SparseMatrix, SparseMatrix> divergence() const {
    std::vector<Eigen::Triplet<double, int>> x, y;
    for (const auto& c : cells_) {
      for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t j = 0; j < 6; ++j) {
          double bx = 0, by = 0;
          for (std::size_t q = 0; q < n_points; ++q) {
            bx += weight_[q] * lambda_[q][i] * dx(c, q, j);
            by += weight_[q] * lambda_[q][i] * dy(c, q, j);
          }
          x.emplace_back(c.node[i], c.node[j], c.area * bx);
          y.emplace_back(c.node[i], c.node[j], c.area * by);
        }
      }
    }
    return {build(x, n_nodes_, n_velocity_), build(y, n_nodes_, n_velocity_)};
  }
  /// Pressure stiffness, (node, node).
  [[nodiscard]] SparseMatrix pressure_stiffness() const {
    std::vector<Eigen::Triplet<double, int>> k;
    for (const auto& c : cells_)
      for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t j = 0; j < 3; ++j)
          k.emplace_back(c.node[i], c.node[j], c.area * (c.gx[i] * c.gx[j] + c.gy[i] * c.gy[j]));
    return build(k, n_nodes_, n_nodes_);
  }

  /// Adds to a, which has the pattern of the mass, the convection by w:
  /// integral of ((w . grad) phi_j + div w phi_j / 2) phi_i. The half divergence keeps the term
  /// from making energy where w is only weakly free of divergence (Temam 1968).
  void add_convection(const Velocity& w, RowMatrix& a) {
    if (slots_.empty()) find_slots(a);
    double* values = a.valuePtr();
    for (std::size_t at = 0; at < cells_.size(); ++at) {
      const auto& c = cells_[at];
      double wx[6], wy[6], n[6][6] = {};
      for (std::size_t i = 0; i < 6; ++i) {
        wx[i] = w(c.node[i], 0);
        wy[i] = w(c.node[i], 1);
      }
      for (std::size_t q = 0; q < n_points; ++q) {
        double vx = 0, vy = 0, half = 0, carried[6];
        double px[6], py[6];
        for (std::size_t i = 0; i < 6; ++i) {
          px[i] = dx(c, q, i);
          py[i] = dy(c, q, i);
          vx += value_[q][i] * wx[i];
          vy += value_[q][i] * wy[i];
          half += (px[i] * wx[i] + py[i] * wy[i]) / 2;
        }
        const double weight = weight_[q] * c.area;
        for (std::size_t j = 0; j < 6; ++j)
          carried[j] = weight * (vx * px[j] + vy * py[j] + half * value_[q][j]);
        for (std::size_t i = 0; i < 6; ++i)
          for (std::size_t j = 0; j < 6; ++j) n[i][j] += value_[q][i] * carried[j];
      }
      const std::int32_t* slot = slots_.data() + 36 * at;
      for (std::size_t i = 0; i < 6; ++i)
        for (std::size_t j = 0; j < 6; ++j) values[slot[6 * i + j]] += n[i][j];
    }
  }

  /// Largest |u . grad lambda| over cells and their velocity nodes, 1 / s: the inverse of the time
  /// in which the flow crosses a cell.
  [[nodiscard]] double crossing_rate(const Velocity& u) const noexcept {
    double most = 0;
    for (const auto& c : cells_)
      for (std::size_t i = 0; i < 6; ++i)
        for (std::size_t k = 0; k < 3; ++k)
          most = std::max(most, std::abs(u(c.node[i], 0) * c.gx[k] + u(c.node[i], 1) * c.gy[k]));
    return most;
  }

 private:
  static constexpr std::size_t n_points = 7;
  struct Cell {
    std::array<std::int32_t, 6> node;
    std::array<double, 3> gx, gy;  // gradients of the barycentric coordinates
    double area;
  };

  void set_point(std::size_t q, double l0, double l1, double w) noexcept {
    const double l[3] = {l0, l1, 1 - l0 - l1};
    weight_[q] = w;
    for (std::size_t k = 0; k < 3; ++k) {
      const std::size_t a = (k + 1) % 3, b = (k + 2) % 3;
      lambda_[q][k] = l[k];
      value_[q][k] = l[k] * (2 * l[k] - 1);
      value_[q][3 + k] = 4 * l[a] * l[b];
    }
  }
  [[nodiscard]] double slope(const std::array<double, 3>& g, std::size_t q,
                             std::size_t i) const noexcept {
    const auto& l = lambda_[q];
    if (i < 3) return (4 * l[i] - 1) * g[i];
    const std::size_t a = (i + 1) % 3, b = (i + 2) % 3;  // i - 3 + 1, i - 3 + 2
    return 4 * (l[a] * g[b] + l[b] * g[a]);
  }
  [[nodiscard]] double dx(const Cell& c, std::size_t q, std::size_t i) const noexcept {
    return slope(c.gx, q, i);
  }
  [[nodiscard]] double dy(const Cell& c, std::size_t q, std::size_t i) const noexcept {
    return slope(c.gy, q, i);
  }
  template <typename M = SparseMatrix>
  [[nodiscard]] static M build(const std::vector<Eigen::Triplet<double, int>>& t, Index rows,
                               Index cols) {
    M m(rows, cols);
    m.setFromTriplets(t.begin(), t.end());
    return m;
  }

  void find_slots(const RowMatrix& a) {
    for (const auto& c : cells_) {
      for (std::size_t i = 0; i < 6; ++i) {
        const int* begin = a.innerIndexPtr() + a.outerIndexPtr()[c.node[i]];
        const int* end = a.innerIndexPtr() + a.outerIndexPtr()[c.node[i] + 1];
        for (std::size_t j = 0; j < 6; ++j)
          slots_.push_back(static_cast<std::int32_t>(std::lower_bound(begin, end, c.node[j]) -
                                                     a.innerIndexPtr()));
      }
    }
  }

  Index n_nodes_, n_velocity_;
  std::vector<std::int32_t> slots_;  // (cell, 6, 6) place among the values of the mass's pattern
  std::vector<Cell> cells_;
  std::vector<std::array<std::int32_t, 2>> side_;
  std::vector<int> on_border_;
  std::array<double, n_points> weight_{};
  std::array<std::array<double, 3>, n_points> lambda_{};
  std::array<std::array<double, 6>, n_points> value_{};
};

}  // namespace amq::lab
