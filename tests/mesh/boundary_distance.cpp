#include <amq/mesh/boundary_distance.hpp>

#include <amq/mesh/random_square.hpp>

#include "shapes.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace test_boundary_distance {

namespace {
/// By all sides, and by another formula: the triangle's height where both angles are acute.
double by_all_sides(const amq::Mesh& mesh, const amq::mesh::Sides& sides, amq::Index i) {
  double least = std::numeric_limits<double>::infinity();
  const auto length = [&](const double* a, const double* b) {
    double s = 0;
    for (int d = 0; d < mesh.dim; ++d) s += (a[d] - b[d]) * (a[d] - b[d]);
    return std::sqrt(s);
  };
  for (amq::Index s = 0; s < sides.size(); ++s) {
    if (!sides.on_boundary(s)) continue;
    const auto [a, b] = sides.nodes[static_cast<std::size_t>(s)];
    const double to_a = length(mesh.point(i), mesh.point(a)),
                 to_b = length(mesh.point(i), mesh.point(b)),
                 base = length(mesh.point(a), mesh.point(b));
    if (to_b * to_b >= to_a * to_a + base * base) {
      least = std::min(least, to_a);
    } else if (to_a * to_a >= to_b * to_b + base * base) {
      least = std::min(least, to_b);
    } else {
      const double half = (to_a + to_b + base) / 2;
      const double area2 = half * (half - to_a) * (half - to_b) * (half - base);
      least = std::min(least, 2 * std::sqrt(std::max(area2, 0.0)) / base);
    }
  }
  return least;
}
}  // namespace

TEST_CASE("on the unit square the distance is that to its four sides") {
  for (const int corners : {3, 4}) {
    const amq::Mesh mesh = shapes::square(10, corners);
    const auto distance = amq::mesh::boundary_distance(mesh);
    for (amq::Index i = 0; i < mesh.n_nodes(); ++i) {
      const double x = mesh.point(i)[0], y = mesh.point(i)[1];
      CHECK(distance[static_cast<std::size_t>(i)] ==
            doctest::Approx(std::min({x, y, 1 - x, 1 - y})));
    }
  }
}

TEST_CASE("the nearest side is that of all sides, on graded meshes, moved ones and in space") {
  amq::core::Random random(7);
  amq::Mesh mesh = amq::mesh::random_refined_square(random, 800);
  // A hole of its own, whose sides are short where cells are small.
  mesh.cells.erase(mesh.cells.begin() + 300, mesh.cells.begin() + 330);
  const auto flat = amq::mesh::boundary_distance(mesh);
  const amq::mesh::Sides sides = amq::mesh::find_sides(mesh);
  for (amq::Index i = 0; i < mesh.n_nodes(); ++i)
    CHECK(flat[static_cast<std::size_t>(i)] ==
          doctest::Approx(by_all_sides(mesh, sides, i)).epsilon(1e-6));

  // Turned, shifted and three times as large, as a sheet in space.
  amq::Mesh sheet = mesh;
  sheet.dim = 3, sheet.cell_dim = 2;
  sheet.points.clear();
  for (amq::Index i = 0; i < mesh.n_nodes(); ++i) {
    const double x = 3 * mesh.point(i)[0], y = 3 * mesh.point(i)[1];
    sheet.points.insert(sheet.points.end(), {0.6 * x + 5, y - 2, 0.8 * x});
  }
  const auto curved = amq::mesh::boundary_distance(sheet);
  for (std::size_t i = 0; i < flat.size(); ++i)
    CHECK(curved[i] == doctest::Approx(3 * flat[i]).epsilon(1e-9));
}

TEST_CASE("a surface without a boundary, and cells that have no sides, are refused") {
  amq::Mesh tetrahedron;  // its surface
  tetrahedron.dim = 3;
  tetrahedron.points = {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1};
  tetrahedron.cells = {0, 1, 2, 0, 1, 3, 0, 2, 3, 1, 2, 3};
  tetrahedron.nodes_per_cell = 3;
  CHECK_THROWS_WITH_AS(static_cast<void>(amq::mesh::boundary_distance(tetrahedron)),
                       doctest::Contains("closed"), amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::boundary_distance(shapes::cube(1, 4))), amq::Error);
}

}  // namespace test_boundary_distance
