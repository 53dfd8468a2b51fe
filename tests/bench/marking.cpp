#include "../../bench/allocation/marking.hpp"

#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <vector>

namespace test_marking {

using namespace amq;
using namespace amq::core;
using namespace baselines;
using Marks = std::vector<std::uint8_t>;

TEST_CASE("each strategy marks what its definition says") {
  const std::vector<float> eta{1, 4, 2, 4, 0};
  CHECK(mark_fraction(eta, 0.4) == Marks{0, 1, 0, 1, 0});
  CHECK(mark_fraction(eta, 0.2) == Marks{0, 1, 0, 0, 0});  // ties: the lower number
  CHECK(mark_fraction(eta, 1) == Marks(5, 1));
  CHECK(mark_maximum(eta, 0.4) == Marks{0, 1, 1, 1, 0});
  CHECK(mark_maximum(eta, 0.5) == Marks{0, 1, 0, 1, 0});
  CHECK(mark_doerfler(eta, 0.5) == Marks{0, 1, 0, 1, 0});  // 16 of 37 is not yet half
  CHECK(mark_doerfler(eta, 0) == Marks(5, 0));
  CHECK(mark_doerfler(eta, 1) == Marks{1, 1, 1, 1, 0});
}

TEST_CASE("no smaller set than Doerfler's holds as much") {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<float> eta(9);
    for (auto& e : eta) e = static_cast<float>(std::exp(random.normal()));
    const double theta = random.uniform();
    const auto marked = mark_doerfler(eta, theta);
    const auto held = [&](unsigned set) {
      double sum = 0;
      for (unsigned i = 0; i < 9; ++i)
        if (set >> i & 1) sum += static_cast<double>(eta[i]) * static_cast<double>(eta[i]);
      return sum;
    };
    unsigned mine = 0;
    for (unsigned i = 0; i < 9; ++i) mine |= static_cast<unsigned>(marked[i]) << i;
    const double want = theta * held(511);
    CHECK(held(mine) >= want * (1 - 1e-12));
    for (unsigned set = 0; set < 512; ++set)
      if (std::popcount(set) < std::popcount(mine)) REQUIRE(held(set) < want * (1 + 1e-12));
  }
}

TEST_CASE("marking refuses shares outside 0 to 1 and indicators that are not numbers") {
  const std::vector<float> eta{1, 2}, bad{1, NAN}, negative{-1, 1};
  CHECK_THROWS_AS(static_cast<void>(mark_fraction(eta, 1.1)), Error);
  CHECK_THROWS_AS(static_cast<void>(mark_maximum(eta, -0.1)), Error);
  CHECK_THROWS_AS(static_cast<void>(mark_doerfler(bad, 0.5)), Error);
  CHECK_THROWS_AS(static_cast<void>(mark_doerfler(negative, 0.5)), Error);
  CHECK(mark_doerfler({}, 0.5).empty());
}

}  // namespace test_marking
