#include <amq/core/random.hpp>
#include <amq_lab/problems/fft.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <complex>
#include <numbers>

namespace test_fft {

using namespace amq;
using namespace amq::lab;

namespace {
ComplexGrid noise(Index rows, Index cols) {
  Random r(static_cast<std::uint64_t>(rows * 1000 + cols));
  ComplexGrid g(rows, cols);
  for (std::size_t k = 0; k < g.re.size(); ++k) g.re[k] = r.normal(), g.im[k] = r.normal();
  return g;
}
std::complex<double> at(const ComplexGrid& g, Index i, Index j) {
  const auto k = static_cast<std::size_t>(i * g.cols + j);
  return {g.re[k], g.im[k]};
}
double distance(const ComplexGrid& a, const ComplexGrid& b, double scale) {
  double worst = 0;
  for (std::size_t k = 0; k < a.re.size(); ++k)
    worst =
        std::max({worst, std::abs(a.re[k] * scale - b.re[k]), std::abs(a.im[k] * scale - b.im[k])});
  return worst;
}
}  // namespace

TEST_CASE("the column transform equals the sum that defines it, for every size to 40 and a prime") {
  ComplexGrid work;
  for (Index n = 1; n <= 61; n += n < 40 ? 1 : 21) {
    const auto x = noise(n, 3);
    auto y = x;
    ColumnFft fft(n);
    fft(y, work, false);
    double worst = 0;
    for (Index k = 0; k < n; ++k)
      for (Index j = 0; j < 3; ++j) {
        std::complex<double> sum = 0;
        for (Index i = 0; i < n; ++i)
          sum +=
              at(x, i, j) * std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(i * k % n) /
                                                static_cast<double>(n));
        worst = std::max(worst, std::abs(sum - at(y, k, j)));
      }
    CAPTURE(n);
    CHECK(worst < 1e-12 * static_cast<double>(n));
    fft(y, work, true);
    CHECK(distance(y, x, 1.0 / static_cast<double>(n)) < 1e-13 * static_cast<double>(n));
  }
}

TEST_CASE("the transform of a grid finds a plane wave, transposed, and comes back") {
  const Index nx = 12, ny = 20;
  Fft2 fft(nx, ny);
  ComplexGrid g(nx, ny), work;
  for (Index i = 0; i < nx; ++i)
    for (Index j = 0; j < ny; ++j) {
      const double phase = 2 * std::numbers::pi *
                           (3.0 * static_cast<double>(i) / 12 + 7.0 * static_cast<double>(j) / 20);
      g.re[static_cast<std::size_t>(i * ny + j)] = std::cos(phase);
      g.im[static_cast<std::size_t>(i * ny + j)] = std::sin(phase);
    }
  const auto before = g;
  fft.forward(g, work);
  REQUIRE(g.rows == ny);
  for (Index ky = 0; ky < ny; ++ky)
    for (Index kx = 0; kx < nx; ++kx)
      CHECK(std::abs(at(g, ky, kx) - (kx == 3 && ky == 7 ? 240.0 : 0.0)) < 1e-11);
  fft.inverse(g, work);
  CHECK(distance(g, before, 1.0 / 240) < 1e-14);
}

TEST_CASE("a band of waves is transformed as the whole grid is, whatever the other columns hold") {
  for (const Index band : {0, 1, 3, 5, 6}) {
    const Index nx = 12, ny = 9;
    Fft2 whole(nx, ny), some(nx, ny, band);
    auto g = noise(nx, ny), h = g;
    ComplexGrid work;
    whole.forward(g, work);
    some.forward(h, work);
    const auto inside = [&](Index kx) { return kx <= band || nx - kx <= band; };
    for (Index ky = 0; ky < ny; ++ky)
      for (Index kx = 0; kx < nx; ++kx) {
        const auto k = static_cast<std::size_t>(ky * nx + kx);
        if (inside(kx)) CHECK(std::abs(at(g, ky, kx) - at(h, ky, kx)) < 1e-13);
        if (!inside(kx)) g.re[k] = g.im[k] = 0, h.re[k] = 1e9;
      }
    whole.inverse(g, work);
    some.inverse(h, work);
    CHECK(distance(g, h, 1) < 1e-12);
  }
}

TEST_CASE("a transform of no rows, or of a grid of another size, is refused") {
  CHECK_THROWS_AS(ColumnFft(0), Error);
  ComplexGrid g(6, 2), work;
  CHECK_THROWS_AS(ColumnFft(5)(g, work, false), Error);
}

}  // namespace test_fft
