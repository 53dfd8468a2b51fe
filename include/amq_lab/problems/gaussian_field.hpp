#pragma once
/// @file
/// Gaussian random fields on the unit interval and square, as series with random coefficients.

#include <amq/core/eigen.hpp>
#include <amq/core/error.hpp>
#include <amq/core/random.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <string>
#include <vector>

namespace amq::lab {

/// The functions a field is a sum of; each has mean square 1 over the unit interval.
enum class FieldBasis {
  cosine,    ///< 1, sqrt2 cos(pi k x): zero slope at the ends (Neumann), as MATLAB's idct2
  periodic,  ///< 1, sqrt2 cos(2 pi k x), sqrt2 sin(2 pi k x)
};

/// The covariance amplitude^2 (-laplacian + tau^2)^(-alpha).
struct GaussianLaw {
  double amplitude = 1;
  double alpha = 2;
  double tau = 3;
  bool with_mean = false;  ///< keep the constant mode; the published samplers drop it
};

namespace detail {
[[nodiscard]] inline double field_frequency(FieldBasis basis, Index j) noexcept {
  return std::numbers::pi * static_cast<double>(basis == FieldBasis::cosine ? j : (j + 1) / 2 * 2);
}
/// (mode, point): every basis function at every point.
[[nodiscard]] inline MatrixOf<double> field_basis(FieldBasis basis, Index n_functions,
                                                  std::span<const double> x) {
  MatrixOf<double> b(n_functions, static_cast<Index>(x.size()));
  const auto n = static_cast<Index>(x.size());
  // Each wave is the one before turned by the first: two libm calls a point, not one an entry.
  std::vector<double> c1, s1, c(x.size(), std::numbers::sqrt2), s(x.size(), 0.0);
  const double w = field_frequency(basis, 1);
  for (const double p : x) c1.push_back(std::cos(w * p)), s1.push_back(std::sin(w * p));
  b.row(0).setOnes();
  for (Index j = 1; j < n_functions; ++j) {
    double* row = b.data() + j * n;
    if (basis == FieldBasis::periodic && j % 2 == 0) {
      std::copy(s.begin(), s.end(), row);
      continue;
    }
    for (std::size_t p = 0; p < x.size(); ++p) {
      const double turned = c[p] * c1[p] - s[p] * s1[p];
      s[p] = s[p] * c1[p] + c[p] * s1[p];
      row[p] = c[p] = turned;
    }
  }
  return b;
}
[[nodiscard]] inline Index field_functions(FieldBasis basis, Index n_modes) {
  if (n_modes < 1)
    throw Error("GaussianField", "at least 1 mode", std::to_string(n_modes),
                "Pass the number of wave numbers to keep, e.g. 32.");
  return basis == FieldBasis::cosine ? n_modes : 2 * n_modes - 1;
}
[[nodiscard]] inline double field_deviation(const GaussianLaw& law, double wx, double wy) noexcept {
  return law.amplitude * std::pow(wx * wx + wy * wy + law.tau * law.tau, -law.alpha / 2);
}
}  // namespace detail

/// One draw of a field on (0, 1).
class GaussianField1 {
 public:
  /// @param n_modes  wave numbers 0 .. n_modes-1. A larger n_modes adds modes and changes none of
  ///                 the former, so one stream gives the same function at every resolution.
  GaussianField1(FieldBasis basis, const GaussianLaw& law, Index n_modes, Random& random)
      : basis_(basis), c_(1, detail::field_functions(basis, n_modes)) {
    for (Index j = 0; j < c_.cols(); ++j)
      c_(0, j) =
          detail::field_deviation(law, detail::field_frequency(basis, j), 0) * random.normal();
    if (!law.with_mean) c_(0, 0) = 0;
  }
  /// (point) -> (point)
  [[nodiscard]] std::vector<double> operator()(std::span<const double> x) const {
    const MatrixOf<double> f = c_ * detail::field_basis(basis_, c_.cols(), x);
    return {f.data(), f.data() + f.size()};
  }
  [[nodiscard]] double operator()(double x) const { return (*this)(std::span(&x, 1))[0]; }

 private:
  FieldBasis basis_;
  MatrixOf<double> c_;  // (1, function)
};

/// One draw of a field on the unit square.
class GaussianField2 {
 public:
  /// @param n_modes  wave numbers 0 .. n_modes-1 in each direction, drawn shell by shell: a larger
  ///                 n_modes adds modes and changes none of the former.
  GaussianField2(FieldBasis basis, const GaussianLaw& law, Index n_modes, Random& random)
      : basis_(basis) {
    const Index n = detail::field_functions(basis, n_modes);
    c_.resize(n, n);
    const auto draw = [&](Index i, Index j) {
      c_(i, j) = detail::field_deviation(law, detail::field_frequency(basis, i),
                                         detail::field_frequency(basis, j)) *
                 random.normal();
    };
    for (Index s = 0; s < n; ++s) {
      for (Index j = 0; j <= s; ++j) draw(s, j);
      for (Index i = 0; i < s; ++i) draw(i, s);
    }
    if (!law.with_mean) c_(0, 0) = 0;
  }
  /// A field whose coefficients are known. @param coefficients (function in x, function in y)
  GaussianField2(FieldBasis basis, MatrixOf<double> coefficients)
      : basis_(basis), c_(std::move(coefficients)) {}

  /// On all pairs of coordinates: (x, y).
  [[nodiscard]] MatrixOf<double> on_grid(std::span<const double> x,
                                         std::span<const double> y) const {
    const MatrixOf<double> bx = detail::field_basis(basis_, c_.rows(), x);
    const MatrixOf<double> by = detail::field_basis(basis_, c_.cols(), y);
    return bx.transpose() * (c_ * by);
  }
  /// At scattered points, e.g. the nodes of a mesh. @param points (point, 2)
  [[nodiscard]] std::vector<double> at(MatrixView<const double> points) const {
    std::vector<double> f(static_cast<std::size_t>(points.rows));
    constexpr Index block = 256;  // keeps the (function, point) tables in cache
    std::vector<double> x, y;
    for (Index first = 0; first < points.rows; first += block) {
      const Index n = std::min(block, points.rows - first);
      x.clear(), y.clear();
      for (Index p = first; p < first + n; ++p) {
        x.push_back(points(p, 0));
        y.push_back(points(p, 1));
      }
      const MatrixOf<double> bx = detail::field_basis(basis_, c_.rows(), x);
      const MatrixOf<double> g = c_ * detail::field_basis(basis_, c_.cols(), y);
      for (Index j = 0; j < c_.rows(); ++j)
        for (Index p = 0; p < n; ++p) f[static_cast<std::size_t>(first + p)] += bx(j, p) * g(j, p);
    }
    return f;
  }
  [[nodiscard]] const MatrixOf<double>& coefficients() const noexcept { return c_; }

 private:
  FieldBasis basis_;
  MatrixOf<double> c_;  // (function in x, function in y)
};

/// n points: the centres (i + 1/2) / n of n cells of the unit interval.
[[nodiscard]] inline std::vector<double> cell_centres(Index n) {
  std::vector<double> x(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = (static_cast<double>(i) + 0.5) / static_cast<double>(n);
  return x;
}
/// n points i / (n - 1), both ends included. @pre n > 1
[[nodiscard]] inline std::vector<double> grid_nodes(Index n) {
  std::vector<double> x(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<double>(i) / static_cast<double>(n - 1);
  return x;
}
/// n points i / n; the next would be the first again.
[[nodiscard]] inline std::vector<double> periodic_nodes(Index n) {
  std::vector<double> x(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i) / static_cast<double>(n);
  return x;
}

}  // namespace amq::lab
