#include <amq_lab/problems/channel.hpp>

#include <doctest/doctest.h>

#include <cmath>

namespace test_channel {

TEST_CASE("an obstacle's border turns with it and keeps its semi-axes") {
  const double right_angle = 1.5707963267948966;
  const amq::lab::Obstacle o{0.3, 0.2, 0.1, 0.05, right_angle, 0};
  const auto tip = o.at(0), side = o.at(right_angle);
  CHECK(tip[0] == doctest::Approx(0.3));
  CHECK(tip[1] == doctest::Approx(0.3));
  CHECK(side[0] == doctest::Approx(0.25));
  CHECK(side[1] == doctest::Approx(0.2));
  CHECK(o.radius() == 0.1);
}

}  // namespace test_channel
