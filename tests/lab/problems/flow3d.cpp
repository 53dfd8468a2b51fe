#include <amq_lab/problems/flow3d.hpp>

#include <doctest/doctest.h>

#include <cmath>

namespace test_flow3d {

TEST_CASE(
    "a coarse car: pressed at the bow, sucked elsewhere, the same for the same seed and index") {
  amq::lab::CarSampler sampler;
  auto& o = sampler.options;
  o.cells_per_metre = 4;
  o.half_width = 2;
  o.top = 2.6;
  o.upstream = 1.5;
  o.downstream = 2;
  o.spin_up = 0.3;
  o.average = 0.3;
  o.n_points = 100;
  const auto a = sampler.sample(1, 0), b = sampler.sample(1, 0), c = sampler.sample(1, 1);
  CHECK(a.points == b.points);
  CHECK(a.pressure == b.pressure);
  CHECK(a.pressure != c.pressure);
  REQUIRE(a.pressure.size() == 100);
  double bow = 0, rest = 0;
  int n_bow = 0, n_rest = 0;
  for (std::size_t p = 0; p < 100; ++p) {
    REQUIRE(std::isfinite(a.pressure[p]));
    const bool front = a.normal[3 * p] < -0.8f;
    (front ? bow : rest) += static_cast<double>(a.pressure[p]);
    ++(front ? n_bow : n_rest);
  }
  CHECK(bow / n_bow > rest / n_rest + 60);  // Pa; the dynamic pressure is 240
  CHECK(a.drag_coefficient > 0.2);
  CHECK(a.drag_coefficient < 3);
  const auto g = a.graph();
  CHECK(g.n_nodes() == 100);
  CHECK(g.n_edges() == 100 * 8);
}

TEST_CASE("boxes smaller than the car and hasty lattices are refused") {
  amq::core::Random random(1);
  amq::lab::CarFlowOptions o;
  o.top = 1;
  CHECK_THROWS_AS(static_cast<void>(amq::lab::solve_car({}, o, random)), amq::Error);
  o = {};
  o.lattice_speed = 0.5;
  CHECK_THROWS_AS(static_cast<void>(amq::lab::solve_car({}, o, random)), amq::Error);
}

}  // namespace test_flow3d
