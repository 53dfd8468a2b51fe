#include <amq/allocation/cost.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

TEST_CASE("a multiplication of w by a bits costs w times a") {
  const std::vector<int> levels{0, 2, 4, 8};
  CHECK(amq::bop_prices(8, levels) == std::vector<amq::Cost>{0, 16, 32, 64});
}

TEST_CASE("measured prices are rounded to their unit, and nonsense is refused") {
  const std::vector<double> ns{0.0312, 0.0299, 0.0625};
  CHECK(amq::measured_prices(ns, 0.001) == std::vector<amq::Cost>{31, 30, 63});
  for (double bad : {-1.0, static_cast<double>(NAN), 1e30})
    CHECK_THROWS_AS(static_cast<void>(amq::measured_prices(std::vector<double>{bad}, 1.0)),
                    amq::Error);
}
