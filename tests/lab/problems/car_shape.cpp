#include <amq_lab/problems/car_shape.hpp>

#include <doctest/doctest.h>

#include <cmath>

namespace test_car_shape {

TEST_CASE("a random car lies inside its box, is symmetric and stands on four wheels") {
  amq::core::Random random(9);
  for (int i = 0; i < 8; ++i) {
    const auto c = amq::lab::CarShape::random(random);
    CHECK(c.level(c.length / 2, 0, c.hull - 0.1) < 0);
    CHECK(c.level(c.length * c.axle_front, c.width / 2 - 0.1, 0.01) < 0);
    CHECK(c.level(c.length / 2, 0, c.clearance / 2) > 0);  // the road shows below the hull
    for (int k = 0; k < 20; ++k) {
      const double x = random.uniform(0, c.length), y = random.uniform(0, 1),
                   z = random.uniform(0, 2);
      CHECK(c.level(x, y, z) == c.level(x, -y, z));
      CHECK(c.level(-0.15, y, z) > 0);
      CHECK(c.level(x, c.width / 2 + 0.05, z) > 0);
      CHECK(c.level(x, y, c.height + 0.05) > 0);
    }
    const double area = c.frontal_area(0.1);
    CHECK(area < c.width * c.height);
    CHECK(area > 0.5 * c.width * c.height);
  }
}

TEST_CASE("surface points lie on the surface, apart from each other, and normals point outward") {
  amq::core::Random random(4);
  const amq::lab::CarShape c;
  const auto p = amq::lab::surface_points(c, 200, random);
  REQUIRE(p.size() == 600);
  double closest = 9;
  for (std::size_t i = 0; i < p.size(); i += 3) {
    CHECK(std::abs(c.level(p[i], p[i + 1], p[i + 2])) < 2e-4);
    CHECK(p[i + 2] >= 0.03);
    const auto n = c.normal(p[i], p[i + 1], p[i + 2]);
    CHECK(std::hypot(n[0], n[1], n[2]) == doctest::Approx(1));
    CHECK(c.level(p[i] + 0.02 * n[0], p[i + 1] + 0.02 * n[1], p[i + 2] + 0.02 * n[2]) > 0);
    for (std::size_t j = 0; j < i; j += 3)
      closest =
          std::min(closest, std::hypot(p[i] - p[j], p[i + 1] - p[j + 1], p[i + 2] - p[j + 2]));
  }
  // About 25 m^2 for 200 points: a third of a metre between neighbours, no two together.
  CHECK(closest > 0.1);
  CHECK_THROWS_AS(static_cast<void>(amq::lab::surface_points(c, 0, random)), amq::Error);
}

}  // namespace test_car_shape
