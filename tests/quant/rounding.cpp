#include <amq/quant/rounding.hpp>

#include <doctest/doctest.h>

#include <cmath>

using namespace amq;

static_assert(rounding_policy<NearestEven> && rounding_policy<HalfAway> && rounding_policy<Floor>);
static_assert(NearestEven::to_int(0.5f) == 0 && NearestEven::to_int(1.5f) == 2 &&
              NearestEven::to_int(-0.5f) == 0 && NearestEven::to_int(-1.5f) == -2 &&
              NearestEven::to_int(-0.75f) == -1 && NearestEven::to_int(2.25f) == 2);

TEST_CASE("each rounding agrees with the C library, ties included") {
  for (int k = -4000; k <= 4000; ++k) {
    const float y = 0.125f * static_cast<float>(k);
    REQUIRE(NearestEven::to_int(y) == static_cast<int>(std::nearbyint(y)));
    REQUIRE(HalfAway::to_int(y) == static_cast<int>(std::round(y)));
    REQUIRE(Floor::to_int(y) == static_cast<int>(std::floor(y)));
  }
}
