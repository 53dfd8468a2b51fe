#include <amq/quant/row_order.hpp>

#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace test_row_order {

TEST_CASE("sorting rows by bits is the stable sort") {
  amq::core::Random random(4);
  for (std::size_t n : {0u, 1u, 5u, 1000u}) {
    std::vector<std::uint8_t> bits(n);
    for (auto& b : bits) b = static_cast<std::uint8_t>(random.index(17));
    std::vector<std::int32_t> expected(n);
    std::iota(expected.begin(), expected.end(), 0);
    std::stable_sort(expected.begin(), expected.end(), [&](auto a, auto b) {
      return bits[static_cast<std::size_t>(a)] < bits[static_cast<std::size_t>(b)];
    });
    const auto order = amq::quant::sort_rows(bits);
    CHECK(order.row == expected);
    for (int b = 0; b <= 16; ++b) CHECK(order.count(b) == std::count(bits.begin(), bits.end(), b));
  }
}

TEST_CASE("a row of more than sixteen bits cannot be sorted") {
  const std::vector<std::uint8_t> bits{2, 17};
  CHECK_THROWS_AS(static_cast<void>(amq::quant::sort_rows(bits)), amq::Error);
}

TEST_CASE("a shared order is made again in place, unless a tensor still has the one before") {
  amq::quant::SharedRowOrder shared;
  const std::vector<std::uint8_t> some{8, 2, 4}, others{1, 1, 0};
  const amq::quant::RowOrder* first = shared.sort(some).get();
  CHECK(shared.sort(others).get() == first);
  CHECK(first->row == std::vector<std::int32_t>{2, 0, 1});
  const auto kept = shared.get();
  CHECK(shared.sort(some).get() != first);
  CHECK(kept->row == std::vector<std::int32_t>{2, 0, 1});
  CHECK(shared.get()->row == std::vector<std::int32_t>{1, 2, 0});
}

}  // namespace test_row_order
