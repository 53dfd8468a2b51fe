#include <amq/quant/rounding.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstddef>

namespace test_rounding {

using namespace amq;
using namespace amq::quant;

static_assert(nearest_even(0.5f) == 0 && nearest_even(1.5f) == 2 && nearest_even(-0.5f) == 0 &&
              nearest_even(-1.5f) == -2 && nearest_even(-0.75f) == -1 && nearest_even(2.25f) == 2);

TEST_CASE("the compiler rounds as the machine does, ties included") {
  constexpr auto compiled = [] {
    std::array<int, 801> q{};
    for (int k = 0; k <= 800; ++k)
      q[static_cast<std::size_t>(k)] = nearest_even(0.125f * static_cast<float>(k - 400));
    return q;
  }();
  for (int k = 0; k <= 800; ++k) {
    volatile float y = 0.125f * static_cast<float>(k - 400);
    REQUIRE(nearest_even(y) == compiled[static_cast<std::size_t>(k)]);
    REQUIRE(nearest_even(y) == static_cast<int>(std::nearbyint(y)));
  }
}

}  // namespace test_rounding
