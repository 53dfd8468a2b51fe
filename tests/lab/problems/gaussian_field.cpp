#include <amq_lab/problems/gaussian_field.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

namespace test_gaussian_field {

using namespace amq;
using namespace amq::lab;

namespace {
// Sum over the modes of the law's eigenvalues: the mean square of the field.
double expected_mean_square(FieldBasis basis, const GaussianLaw& law, Index n_modes) {
  double sum = 0;
  const Index n = lab::detail::field_functions(basis, n_modes);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) {
      if (i + j == 0) continue;
      const double d = lab::detail::field_deviation(law, lab::detail::field_frequency(basis, i),
                                                    lab::detail::field_frequency(basis, j));
      sum += d * d;
    }
  return sum;
}
}  // namespace

TEST_CASE("a field has the mean square that its covariance promises") {
  for (const auto basis : {FieldBasis::cosine, FieldBasis::periodic}) {
    const GaussianLaw law{7, 2, 3, false};
    const auto x = basis == FieldBasis::cosine ? cell_centres(32) : periodic_nodes(32);
    double mean_square = 0, mean = 0;
    const int n = 400;
    for (int i = 0; i < n; ++i) {
      auto r = Random::stream(5, static_cast<std::uint64_t>(i));
      const auto f = GaussianField2(basis, law, 12, r).on_grid(x, x);
      for (Index k = 0; k < f.size(); ++k) {
        mean_square += f.data()[k] * f.data()[k] / 1024 / n;
        mean += f.data()[k] / n;
      }
    }
    CHECK(mean_square == doctest::Approx(expected_mean_square(basis, law, 12)).epsilon(0.1));
    CHECK(std::abs(mean) < 1e-9);
  }
}

TEST_CASE("more modes add detail and keep the coarse part of the same field") {
  for (const auto basis : {FieldBasis::cosine, FieldBasis::periodic}) {
    auto r1 = Random::stream(9, 3), r2 = Random::stream(9, 3);
    const GaussianField2 coarse(basis, {1, 2.5, 7, false}, 8, r1);
    const GaussianField2 fine(basis, {1, 2.5, 7, false}, 20, r2);
    const Index n = coarse.coefficients().rows();
    CHECK(MatrixOf<double>(fine.coefficients().topLeftCorner(n, n)) == coarse.coefficients());
    CHECK(fine.coefficients()(n, n) != 0);
  }
}

TEST_CASE("scattered points and grids see the same field") {
  Random r(1);
  const GaussianField2 f(FieldBasis::cosine, {}, 16, r);
  const auto x = cell_centres(23), y = grid_nodes(17);
  const auto g = f.on_grid(x, y);
  MatrixOf<double> points(23 * 17, 2);
  for (Index i = 0; i < 23; ++i)
    for (Index j = 0; j < 17; ++j)
      points.row(i * 17 + j) << x[static_cast<std::size_t>(i)], y[static_cast<std::size_t>(j)];
  const auto s = f.at(view(std::as_const(points)));
  for (std::size_t k = 0; k < s.size(); ++k) CHECK(s[k] == doctest::Approx(g.data()[k]));
}

TEST_CASE("a cosine field has zero slope at the walls, a periodic one repeats") {
  Random r(2);
  const double h = 1e-5;
  const GaussianField1 c(FieldBasis::cosine, {1, 2, 3, false}, 10, r);
  CHECK(std::abs(c(h) - c(0)) < 1e-7);
  CHECK(std::abs(c(1) - c(1 - h)) < 1e-7);
  const GaussianField1 p(FieldBasis::periodic, {1, 2, 3, true}, 10, r);
  CHECK(p(0.3) == doctest::Approx(p(1.3)));
}

TEST_CASE("the one-dimensional law has the published variance of each mode") {
  // FNO's Burgers data: 625 (-laplacian + 25)^-2.
  const GaussianLaw law{25, 2, 5, false};
  const auto x = periodic_nodes(64);
  double power = 0;
  for (int i = 0; i < 2000; ++i) {
    auto r = Random::stream(11, static_cast<std::uint64_t>(i));
    const auto f = GaussianField1(FieldBasis::periodic, law, 8, r)(x);
    double a = 0, b = 0;
    for (std::size_t p = 0; p < f.size(); ++p) {
      a += f[p] * std::cos(2 * std::numbers::pi * x[p]) / 64;
      b += f[p] * std::sin(2 * std::numbers::pi * x[p]) / 64;
    }
    power += (a * a + b * b) / 2000;
  }
  const double k2 = 4 * std::numbers::pi * std::numbers::pi;
  CHECK(power == doctest::Approx(625 / ((k2 + 25) * (k2 + 25))).epsilon(0.06));
}

TEST_CASE("a field of no modes is refused") {
  Random r(1);
  CHECK_THROWS_AS(GaussianField1(FieldBasis::cosine, {}, 0, r), Error);
}

}  // namespace test_gaussian_field
