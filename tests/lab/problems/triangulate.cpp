#include <amq_lab/problems/triangulate.hpp>

#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <set>
#include <vector>

namespace test_triangulate {

namespace {

double area(const std::vector<double>& p, const std::vector<std::int32_t>& t, std::size_t c) {
  const auto at = [&](std::size_t k, std::size_t d) {
    return p[2 * static_cast<std::size_t>(t[c + k]) + d];
  };
  return ((at(1, 0) - at(0, 0)) * (at(2, 1) - at(0, 1)) -
          (at(1, 1) - at(0, 1)) * (at(2, 0) - at(0, 0))) /
         2;
}

// How deep, relative to the radius, the deepest point lies in the circle of a triangle.
double deepest(const std::vector<double>& p, const std::vector<std::int32_t>& t) {
  double worst = 0;
  for (std::size_t c = 0; c < t.size(); c += 3) {
    const double* a = &p[2 * static_cast<std::size_t>(t[c])];
    const double* b = &p[2 * static_cast<std::size_t>(t[c + 1])];
    const double* d = &p[2 * static_cast<std::size_t>(t[c + 2])];
    const double bx = b[0] - a[0], by = b[1] - a[1], dx = d[0] - a[0], dy = d[1] - a[1];
    const double det = 2 * (bx * dy - by * dx), bb = bx * bx + by * by, dd = dx * dx + dy * dy;
    const double x = (dy * bb - by * dd) / det, y = (bx * dd - dx * bb) / det, r = std::hypot(x, y);
    for (std::size_t i = 0; i < p.size(); i += 2)
      worst = std::max(worst, 1 - std::hypot(p[i] - a[0] - x, p[i + 1] - a[1] - y) / r);
  }
  return worst;
}

}  // namespace

TEST_CASE("no point lies inside the circle of a triangle, and the triangles fill the square") {
  amq::core::Random random(11);
  std::vector<double> p{0, 0, 1, 0, 1, 1, 0, 1};
  for (int i = 0; i < 600; ++i) p.push_back(random.uniform(0.001, 0.999));
  const auto t = amq::lab::delaunay(p);
  double sum = 0;
  for (std::size_t c = 0; c < t.size(); c += 3) {
    REQUIRE(area(p, t, c) > 0);
    sum += area(p, t, c);
  }
  CHECK(sum == doctest::Approx(1).epsilon(1e-12));
  CHECK(t.size() / 3 == 2 * 304 - 2 - 4);  // Euler, four points on the hull
  CHECK(deepest(p, t) < 1e-9);
}

TEST_CASE("a lattice, where every circle holds four points and every wall is one line") {
  std::vector<double> p;
  for (int j = 0; j < 12; ++j)
    for (int i = 0; i < 17; ++i) p.insert(p.end(), {0.1 * i, 0.1 * j});
  const auto t = amq::lab::delaunay(p);
  CHECK(t.size() / 3 == 2 * 16 * 11);
  for (std::size_t c = 0; c < t.size(); c += 3)
    CHECK(area(p, t, c) == doctest::Approx(0.005).epsilon(1e-9));
}

TEST_CASE("points that coincide, are too few or not finite are refused") {
  CHECK_THROWS_AS(static_cast<void>(amq::lab::delaunay({0, 0, 1, 0, 0, 1, 1, 0})), amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::lab::delaunay({0, 0, 1, 0})), amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::lab::delaunay(
                      {0, 0, 1, 0, 0, 1, std::numeric_limits<double>::quiet_NaN(), 0.5})),
                  amq::Error);
}

}  // namespace test_triangulate
