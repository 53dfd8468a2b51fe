#include <amq/quant/row_order.hpp>

#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <vector>

TEST_CASE("sorting rows by bits is the stable sort") {
  amq::Random random(4);
  for (std::size_t n : {0u, 1u, 5u, 1000u}) {
    std::vector<std::uint8_t> bits(n);
    for (auto& b : bits) b = static_cast<std::uint8_t>(random.index(17));
    std::vector<std::int32_t> expected(n);
    std::iota(expected.begin(), expected.end(), 0);
    std::stable_sort(expected.begin(), expected.end(), [&](auto a, auto b) {
      return bits[static_cast<std::size_t>(a)] < bits[static_cast<std::size_t>(b)];
    });
    const auto order = amq::sort_rows(bits);
    CHECK(order.row == expected);
    for (int b = 0; b <= 16; ++b) CHECK(order.count(b) == std::count(bits.begin(), bits.end(), b));
  }
}

TEST_CASE("a row of more than sixteen bits cannot be sorted") {
  const std::vector<std::uint8_t> bits{2, 17};
  CHECK_THROWS_AS(static_cast<void>(amq::sort_rows(bits)), amq::Error);
}
