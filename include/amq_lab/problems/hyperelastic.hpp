#pragma once
/// @file
/// Incompressible Rivlin-Saunders sheets in plane stress: material law, total-Lagrangian finite
/// elements (nine-node quadrilaterals), Newton with load steps and line search.

#include <amq/core/eigen_sparse.hpp>
#include <amq/core/error.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace amq::lab {

/// W = c1 (I1 - 3) + c2 (I2 - 3) per reference volume (Rivlin and Saunders 1951; c1, c2 in Pa).
/// A thin sheet is free to thin: incompressibility gives C33 = 1 / det C, plane stress the
/// pressure, so W is a function of the in-plane C alone and no pressure field is left to solve.
struct RivlinSaunders {
  double c1 = 1.863e5, c2 = 9.79e3;

  struct Response {
    double energy = 0;
    Eigen::Vector3d stress;   ///< second Piola-Kirchhoff (S11, S22, S12)
    Eigen::Matrix3d tangent;  ///< dS / d(E11, E22, 2 E12), E = (C - 1) / 2
  };
  /// @pre a b - g^2 > 0, the determinant of C = [a g; g b]
  [[nodiscard]] Response operator()(double a, double b, double g) const noexcept {
    const double d = a * b - g * g, t = a + b, i1 = 1 / d, i2 = i1 * i1, i3 = i2 * i1;
    // W = c1 (t + 1/d - 3) + c2 (d + t/d - 3), derivatives by the chain rule over (t, d).
    const double wt = c1 + c2 * i1, wd = -c1 * i2 + c2 - c2 * t * i2;
    const double wtd = -c2 * i2, wdd = 2 * (c1 + c2 * t) * i3;
    const Eigen::Vector3d dt(1, 1, 0), dd(b, a, -2 * g);
    Eigen::Matrix3d d2 = Eigen::Matrix3d::Zero();  // second derivatives of d by (a, b, g)
    d2(0, 1) = d2(1, 0) = 1;
    d2(2, 2) = -2;
    Eigen::Matrix3d h =
        wtd * (dt * dd.transpose() + dd * dt.transpose()) + wdd * dd * dd.transpose() + wd * d2;
    Response r;
    r.energy = c1 * (t + i1 - 3) + c2 * (d + t * i1 - 3);
    r.stress = wt * dt + wd * dd;
    // S11 = 2 W_a, S12 = W_g; E11 = a / 2, 2 E12 = g.
    const Eigen::Vector3d twice(2, 2, 1);
    r.stress = r.stress.cwiseProduct(twice);
    r.tangent = twice.asDiagonal() * h * twice.asDiagonal();
    return r;
  }
};

/// Nine-node quadrilaterals; the nodes of a cell run over a 3 x 3 grid, first index fastest.
struct Q2Mesh {
  std::vector<double> points;                      ///< (node, 2)
  std::vector<std::array<std::int32_t, 9>> cells;  ///< corners are 0, 2, 6, 8
  [[nodiscard]] Index n_nodes() const noexcept { return static_cast<Index>(points.size()) / 2; }
};

/// Shape functions on [-1, 1]^2: value, d/dxi, d/deta of node i + 3 j.
struct Q2Shape {
  std::array<double, 9> n, nx, ny;
  Q2Shape(double x, double y) noexcept {
    const double lx[3] = {x * (x - 1) / 2, 1 - x * x, x * (x + 1) / 2};
    const double ly[3] = {y * (y - 1) / 2, 1 - y * y, y * (y + 1) / 2};
    const double dx[3] = {x - 0.5, -2 * x, x + 0.5}, dy[3] = {y - 0.5, -2 * y, y + 0.5};
    for (std::size_t j = 0; j < 3; ++j) {
      for (std::size_t i = 0; i < 3; ++i) {
        n[i + 3 * j] = lx[i] * ly[j];
        nx[i + 3 * j] = dx[i] * ly[j];
        ny[i + 3 * j] = lx[i] * dy[j];
      }
    }
  }
};

struct NewtonOptions {
  double tolerance = 1e-9;  ///< residual force, relative to the load (or to the first residual)
  int max_iterations = 25;  ///< per load step
  int max_halvings = 6;     ///< of the load step, before the sample is given up
};

struct NewtonReport {
  int iterations = 0, load_steps = 0, line_searches = 0;
};

/// Equilibrium of a sheet: find u with d(strain energy)/du = load on the free unknowns.
class HyperelasticSheet {
 public:
  /// @param fixed  (2 node) non-zero where a displacement component is prescribed
  /// @throws Error where a cell is folded
  HyperelasticSheet(Q2Mesh mesh, RivlinSaunders material, const std::vector<char>& fixed)
      : mesh_(std::move(mesh)), material_(material) {
    const auto n_dof = static_cast<std::size_t>(2 * mesh_.n_nodes());
    if (fixed.size() != n_dof) {
      throw Error("HyperelasticSheet", std::to_string(n_dof) + " marks, two per node",
                  std::to_string(fixed.size()), "Mark every displacement component.");
    }
    free_.assign(n_dof, -1);
    for (std::size_t i = 0; i < n_dof; ++i)
      if (!fixed[i]) free_[i] = n_free_++;
    prepare_geometry();
    prepare_pattern();
  }

  [[nodiscard]] const Q2Mesh& mesh() const noexcept { return mesh_; }

  /// Newton from u, whose fixed entries are prescribed values, towards full load.
  /// @param load  (2 node) nodal forces per sheet thickness
  /// @throws Error where no load step converges
  NewtonReport solve(Eigen::VectorXd& u, const Eigen::VectorXd& load,
                     const NewtonOptions& options = {}) {
    NewtonReport report;
    double reached = 0, step = 1;
    for (int halvings = 0; reached < 1;) {
      const double target = std::min(1.0, reached + step);
      Eigen::VectorXd trial = u;
      if (newton(trial, load, target, options, report)) {
        u = trial;
        reached = target;
        ++report.load_steps;
      } else if (++halvings > options.max_halvings) {
        throw Error(
            "HyperelasticSheet::solve", "a load step that converges",
            "none of " + std::to_string(step) + " of the load at " + std::to_string(reached),
            "Lower the load, refine the mesh, or drop the sample.");
      } else {
        step /= 2;
      }
    }
    return report;
  }

  /// Total strain energy, and optionally its gradient (residual force) over all unknowns and the
  /// tangent over the free ones. Infinite where a material point is turned inside out.
  double energy(const Eigen::VectorXd& u, Eigen::VectorXd* force = nullptr,
                SparseMatrix* tangent = nullptr) const {
    double total = 0;
    if (force) force->setZero(u.size());
    if (tangent) std::fill_n(tangent->valuePtr(), tangent->nonZeros(), 0.0);
    for (std::size_t c = 0; c < mesh_.cells.size(); ++c) {
      const auto& cell = mesh_.cells[c];
      Eigen::Matrix<double, 18, 18> k = Eigen::Matrix<double, 18, 18>::Zero();
      Eigen::Matrix<double, 18, 1> f = Eigen::Matrix<double, 18, 1>::Zero();
      for (std::size_t q = 0; q < 9; ++q) {
        const Point& p = gauss_[9 * c + q];
        const Eigen::Matrix2d F = gradient(u, cell, p);
        if (F.determinant() <= 0) return std::numeric_limits<double>::infinity();
        const auto r =
            material_(F.col(0).squaredNorm(), F.col(1).squaredNorm(), F.col(0).dot(F.col(1)));
        total += p.weight * r.energy;
        if (!force) continue;
        Eigen::Matrix<double, 3, 18> b;
        for (std::size_t a = 0; a < 9; ++a) {
          for (Index i = 0; i < 2; ++i) {
            const Index j = 2 * static_cast<Index>(a) + i;
            b(0, j) = p.dx[a] * F(i, 0);
            b(1, j) = p.dy[a] * F(i, 1);
            b(2, j) = p.dx[a] * F(i, 1) + p.dy[a] * F(i, 0);
          }
        }
        f.noalias() += p.weight * b.transpose() * r.stress;
        if (!tangent) continue;
        const Eigen::Matrix<double, 3, 18> db = p.weight * r.tangent * b;
        k.noalias() += b.transpose() * db;
        for (std::size_t a = 0; a < 9; ++a) {
          for (std::size_t e = 0; e < 9; ++e) {
            const double g =
                p.weight * (r.stress(0) * p.dx[a] * p.dx[e] + r.stress(1) * p.dy[a] * p.dy[e] +
                            r.stress(2) * (p.dx[a] * p.dy[e] + p.dy[a] * p.dx[e]));
            const auto ia = static_cast<Index>(2 * a), ie = static_cast<Index>(2 * e);
            k(ia, ie) += g;
            k(ia + 1, ie + 1) += g;
          }
        }
      }
      if (!force) continue;
      for (Index i = 0; i < 18; ++i) (*force)(dof(cell, i)) += f(i);
      if (!tangent) continue;
      double* values = tangent->valuePtr();
      for (Index i = 0; i < 18; ++i) {
        for (Index j = 0; j < 18; ++j) {
          const auto slot = slots_[c * 324 + static_cast<std::size_t>(18 * i + j)];
          if (slot >= 0) values[slot] += k(i, j);
        }
      }
    }
    return total;
  }

  /// Cauchy stress (s11, s22, s12) at the corners of the cells, (node, 3); other nodes are zero.
  /// Taken at the 2 x 2 Gauss points, where it converges one order faster (Barlow 1976),
  /// extrapolated bilinearly and averaged over the cells that meet.
  [[nodiscard]] std::vector<double> corner_stress(const Eigen::VectorXd& u) const {
    const auto n = static_cast<std::size_t>(mesh_.n_nodes());
    std::vector<double> sum(3 * n, 0.0), count(n, 0.0);
    const double s = 1 / std::sqrt(3.0);
    for (const auto& cell : mesh_.cells) {
      std::array<Eigen::Vector3d, 4> at;
      for (std::size_t q = 0; q < 4; ++q)
        at[q] = cauchy(u, cell, (q & 1) ? s : -s, (q & 2) ? s : -s);
      for (std::size_t corner = 0; corner < 4; ++corner) {
        const double x = (corner & 1) ? 1 / s : -1 / s, y = (corner & 2) ? 1 / s : -1 / s;
        Eigen::Vector3d value = Eigen::Vector3d::Zero();
        for (std::size_t q = 0; q < 4; ++q) {
          const double wx = (1 + ((q & 1) ? x : -x)) / 2, wy = (1 + ((q & 2) ? y : -y)) / 2;
          value += wx * wy * at[q];
        }
        const auto node = static_cast<std::size_t>(cell[2 * (corner & 1) + 6 * (corner >> 1)]);
        for (std::size_t k = 0; k < 3; ++k) sum[3 * node + k] += value(static_cast<Index>(k));
        count[node] += 1;
      }
    }
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t k = 0; k < 3; ++k) sum[3 * i + k] /= std::max(1.0, count[i]);
    return sum;
  }

 private:
  struct Point {
    std::array<double, 9> dx, dy;  // gradients of the shape functions in the reference sheet
    double weight;
  };

  [[nodiscard]] Index dof(const std::array<std::int32_t, 9>& cell, Index i) const noexcept {
    return 2 * cell[static_cast<std::size_t>(i / 2)] + i % 2;
  }
  [[nodiscard]] static Eigen::Matrix2d gradient(const Eigen::VectorXd& u,
                                                const std::array<std::int32_t, 9>& cell,
                                                const Point& p) noexcept {
    Eigen::Matrix2d F = Eigen::Matrix2d::Identity();
    for (std::size_t a = 0; a < 9; ++a) {
      const Eigen::Vector2d v = u.segment<2>(2 * cell[a]);
      F.col(0) += p.dx[a] * v;
      F.col(1) += p.dy[a] * v;
    }
    return F;
  }
  [[nodiscard]] Point point(const std::array<std::int32_t, 9>& cell, double x, double y,
                            double w) const noexcept {
    const Q2Shape s(x, y);
    Eigen::Matrix2d jac = Eigen::Matrix2d::Zero();  // d(X, Y) / d(xi, eta)
    for (std::size_t a = 0; a < 9; ++a) {
      const Eigen::Vector2d at(mesh_.points[2 * static_cast<std::size_t>(cell[a])],
                               mesh_.points[2 * static_cast<std::size_t>(cell[a]) + 1]);
      jac.col(0) += s.nx[a] * at;
      jac.col(1) += s.ny[a] * at;
    }
    Point p{};
    const double det = jac.determinant();
    p.weight = w * det;
    for (std::size_t a = 0; a < 9; ++a) {
      p.dx[a] = (s.nx[a] * jac(1, 1) - s.ny[a] * jac(1, 0)) / det;
      p.dy[a] = (-s.nx[a] * jac(0, 1) + s.ny[a] * jac(0, 0)) / det;
    }
    return p;
  }
  [[nodiscard]] Eigen::Vector3d cauchy(const Eigen::VectorXd& u,
                                       const std::array<std::int32_t, 9>& cell, double x,
                                       double y) const noexcept {
    const Eigen::Matrix2d F = gradient(u, cell, point(cell, x, y, 1));
    const auto r =
        material_(F.col(0).squaredNorm(), F.col(1).squaredNorm(), F.col(0).dot(F.col(1)));
    Eigen::Matrix2d S;
    S << r.stress(0), r.stress(2), r.stress(2), r.stress(1);
    const Eigen::Matrix2d sigma = F * S * F.transpose();  // the volume ratio is one
    return {sigma(0, 0), sigma(1, 1), sigma(0, 1)};
  }

  void prepare_geometry() {
    const double g = std::sqrt(0.6);
    const double at[3] = {-g, 0, g}, w[3] = {5.0 / 9, 8.0 / 9, 5.0 / 9};
    for (std::size_t c = 0; c < mesh_.cells.size(); ++c) {
      for (int j = 0; j < 3; ++j) {
        for (int i = 0; i < 3; ++i) {
          gauss_.push_back(point(mesh_.cells[c], at[i], at[j], w[i] * w[j]));
          if (!(gauss_.back().weight > 0)) {
            throw Error("HyperelasticSheet", "cells that are not folded",
                        "cell " + std::to_string(c) + " with a Jacobian <= 0",
                        "Order the nodes counter-clockwise, or smooth the mesh.");
          }
        }
      }
    }
  }

  // The pattern never changes, so every element entry knows its place among the values.
  void prepare_pattern() {
    std::vector<Eigen::Triplet<double, int>> entries;
    for (const auto& cell : mesh_.cells) {
      for (Index i = 0; i < 18; ++i) {
        for (Index j = 0; j < 18; ++j) {
          const int r = free_[static_cast<std::size_t>(dof(cell, i))];
          const int s = free_[static_cast<std::size_t>(dof(cell, j))];
          if (s >= 0 && r >= s) entries.emplace_back(r, s, 1.0);
        }
      }
    }
    tangent_.resize(n_free_, n_free_);
    tangent_.setFromTriplets(entries.begin(), entries.end());
    tangent_.makeCompressed();
    slots_.assign(mesh_.cells.size() * 324, -1);
    for (std::size_t c = 0; c < mesh_.cells.size(); ++c) {
      for (Index i = 0; i < 18; ++i) {
        for (Index j = 0; j < 18; ++j) {
          const int r = free_[static_cast<std::size_t>(dof(mesh_.cells[c], i))];
          const int s = free_[static_cast<std::size_t>(dof(mesh_.cells[c], j))];
          if (s < 0 || r < s) continue;
          const int* begin = tangent_.innerIndexPtr() + tangent_.outerIndexPtr()[s];
          const int* end = tangent_.innerIndexPtr() + tangent_.outerIndexPtr()[s + 1];
          slots_[c * 324 + static_cast<std::size_t>(18 * i + j)] =
              static_cast<std::int32_t>(std::lower_bound(begin, end, r) - tangent_.innerIndexPtr());
        }
      }
    }
    if (n_free_ > 0) ldlt_.analyzePattern(tangent_);
  }

  [[nodiscard]] Eigen::VectorXd gather(const Eigen::VectorXd& all) const {
    Eigen::VectorXd out(n_free_);
    for (std::size_t i = 0; i < free_.size(); ++i)
      if (free_[i] >= 0) out(free_[i]) = all(static_cast<Index>(i));
    return out;
  }

  bool newton(Eigen::VectorXd& u, const Eigen::VectorXd& load, double lambda,
              const NewtonOptions& options, NewtonReport& report) {
    Eigen::VectorXd force;
    double potential = energy(u, &force, &tangent_) - lambda * load.dot(u);
    Eigen::VectorXd residual = gather(lambda * load - force);
    const double scale = std::max(gather(load).norm(), residual.norm());
    for (int it = 0; it < options.max_iterations; ++it) {
      if (!std::isfinite(potential)) return false;
      if (residual.norm() <= options.tolerance * scale) return true;
      ++report.iterations;
      ldlt_.factorize(tangent_);
      if (ldlt_.info() != Eigen::Success) return false;
      const Eigen::VectorXd direction = ldlt_.solve(residual);
      const double slope = -residual.dot(direction);
      bool accepted = false;
      for (double alpha = 1; alpha > 1e-3; alpha /= 2) {
        Eigen::VectorXd next = u;
        for (std::size_t i = 0; i < free_.size(); ++i)
          if (free_[i] >= 0) next(static_cast<Index>(i)) += alpha * direction(free_[i]);
        const double e = energy(next, &force, &tangent_) - lambda * load.dot(next);
        const Eigen::VectorXd r = gather(lambda * load - force);
        // Near the solution the energy differs by less than its rounding: the residual decides.
        if (std::isfinite(e) && ((slope < 0 && e <= potential + 1e-4 * alpha * slope) ||
                                 r.norm() <= (1 - 1e-4 * alpha) * residual.norm())) {
          u = next;
          potential = e;
          residual = r;
          accepted = true;
          break;
        }
        ++report.line_searches;
      }
      // Rounding may stall the last digit: good enough if the tolerance is missed by little.
      if (!accepted) return residual.norm() <= 1e3 * options.tolerance * scale;
    }
    return residual.norm() <= options.tolerance * scale;
  }

  Q2Mesh mesh_;
  RivlinSaunders material_;
  std::vector<int> free_;  // (2 node) number among the free unknowns, or -1
  int n_free_ = 0;
  std::vector<Point> gauss_;         // (cell, 9)
  std::vector<std::int32_t> slots_;  // (cell, 18, 18)
  SparseMatrix tangent_;
  SparseLdlt ldlt_;
};

}  // namespace amq::lab
