#pragma once
/// @file
/// BiCGSTAB (van der Vorst 1992) with an incomplete factorisation, for systems that change in every
/// time step while some unknowns are held.

#include <amq/core/eigen_sparse.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace amq::lab {

using RowMatrix = Eigen::SparseMatrix<double, Eigen::RowMajor, int>;

/// ILU(0) of the free rows and columns of a matrix whose pattern never changes.
class IncompleteLu {
 public:
  /// @pre every row holds its diagonal, columns ascending
  /// @param free  (row) zero where the unknown is held
  void prepare(const RowMatrix& a, std::vector<char> free) {
    free_ = std::move(free);
    value_.resize(static_cast<std::size_t>(a.nonZeros()));
    diagonal_.resize(static_cast<std::size_t>(a.rows()));
    place_.assign(static_cast<std::size_t>(a.rows()), -1);
    first_.assign(a.outerIndexPtr(), a.outerIndexPtr() + a.rows() + 1);
    column_.assign(a.innerIndexPtr(), a.innerIndexPtr() + a.nonZeros());
    n_ = static_cast<int>(a.rows());
    for (int i = 0; i < n_; ++i) {
      const auto row = column_.begin() + first_[at(i)], end = column_.begin() + first_[at(i + 1)];
      diagonal_[at(i)] = static_cast<int>(std::lower_bound(row, end, i) - column_.begin());
    }
  }
  void factorise(const RowMatrix& a) {
    const double* source = a.valuePtr();
    for (int i = 0; i < n_; ++i) {
      const int begin = first_[at(i)], end = first_[at(i + 1)], mid = diagonal_[at(i)];
      if (!free_[at(i)]) continue;
      for (int k = begin; k < end; ++k) {
        value_[at(k)] = free_[at(column_[at(k)])] ? source[k] : 0;
        place_[at(column_[at(k)])] = k;
      }
      for (int k = begin; k < mid; ++k) {
        const int j = column_[at(k)];
        if (!free_[at(j)]) continue;
        const double f = value_[at(k)] *= value_[at(diagonal_[at(j)])];
        for (int m = diagonal_[at(j)] + 1; m < first_[at(j + 1)]; ++m) {
          const int p = place_[at(column_[at(m)])];
          if (p >= 0) value_[at(p)] -= f * value_[at(m)];
        }
      }
      value_[at(mid)] = 1 / value_[at(mid)];  // the diagonal is kept inverted
      for (int k = begin; k < end; ++k) place_[at(column_[at(k)])] = -1;
    }
  }
  /// x = (L U)^-1 b; held entries become zero.
  void apply(const Eigen::VectorXd& b, Eigen::VectorXd& x) const {
    x.resize(n_);
    for (int i = 0; i < n_; ++i) {
      double s = free_[at(i)] ? b(i) : 0;
      if (free_[at(i)])
        for (int k = first_[at(i)]; k < diagonal_[at(i)]; ++k)
          s -= value_[at(k)] * x(column_[at(k)]);
      x(i) = s;
    }
    for (int i = n_ - 1; i >= 0; --i) {
      if (!free_[at(i)]) continue;
      double s = x(i);
      for (int k = diagonal_[at(i)] + 1; k < first_[at(i + 1)]; ++k)
        s -= value_[at(k)] * x(column_[at(k)]);
      x(i) = s * value_[at(diagonal_[at(i)])];
    }
  }
  [[nodiscard]] bool is_free(Index i) const noexcept {
    return free_[static_cast<std::size_t>(i)] != 0;
  }
  /// y = A x with held rows zero.
  void multiply(const RowMatrix& a, const Eigen::VectorXd& x, Eigen::VectorXd& y) const {
    y.resize(n_);
    const double* v = a.valuePtr();
    for (int i = 0; i < n_; ++i) {
      double s = 0;
      if (free_[at(i)])
        for (int k = first_[at(i)]; k < first_[at(i + 1)]; ++k) s += v[k] * x(column_[at(k)]);
      y(i) = s;
    }
  }

 private:
  static std::size_t at(int i) noexcept { return static_cast<std::size_t>(i); }
  int n_ = 0;
  std::vector<int> first_, column_;  // the pattern
  std::vector<char> free_;
  std::vector<double> value_;
  std::vector<int> diagonal_, place_;
};

/// Solves the free rows of A x = b, from x, whose held entries stay. The preconditioner is that of
/// A or of a matrix near it.
/// @return iterations, or -1 where the residual did not fall to tolerance times the larger of |b|
/// and the first residual within the limit
inline int bicgstab(const RowMatrix& a, const IncompleteLu& ilu, const Eigen::VectorXd& b,
                    Eigen::VectorXd& x, double tolerance, int limit = 100) {
  Eigen::VectorXd r, p, v, s, t, y, z;
  ilu.multiply(a, x, v);
  double scale = 0;
  r.setZero(b.size());
  for (Index i = 0; i < b.size(); ++i) {
    if (!ilu.is_free(i)) continue;
    r(i) = b(i) - v(i);
    scale += b(i) * b(i);
  }
  // A flow that starts from rest has b = 0: held entries alone drive it.
  const double enough = tolerance * std::max(std::sqrt(scale), r.norm());
  if (!(r.norm() > enough)) return std::isfinite(r.norm()) ? 0 : -1;
  const Eigen::VectorXd shadow = r;
  double rho = 1, alpha = 1, omega = 1;
  p = v = Eigen::VectorXd::Zero(b.size());
  for (int it = 1; it <= limit; ++it) {
    const double next = shadow.dot(r), beta = next / rho * alpha / omega;
    rho = next;
    p = r + beta * (p - omega * v);
    ilu.apply(p, y);
    ilu.multiply(a, y, v);
    alpha = rho / shadow.dot(v);
    s = r - alpha * v;
    if (s.norm() <= enough) {
      x += alpha * y;
      return it;
    }
    ilu.apply(s, z);
    ilu.multiply(a, z, t);
    omega = t.dot(s) / t.squaredNorm();
    x += alpha * y + omega * z;
    r = s - omega * t;
    if (!std::isfinite(r.norm())) return -1;
    if (r.norm() <= enough) return it;
  }
  return -1;
}

}  // namespace amq::lab
