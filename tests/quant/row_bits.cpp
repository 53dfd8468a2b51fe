#include <amq/quant/row_bits.hpp>

#include <doctest/doctest.h>

#include <numeric>

namespace test_row_bits {

TEST_CASE("row bits count and average the rows of each level") {
  const amq::quant::RowBits bits(std::vector<std::uint8_t>{2, 4, 8, 2, 0});
  const auto h = bits.histogram();
  CHECK(h[0] == 1);
  CHECK(h[2] == 2);
  CHECK(h[4] == 1);
  CHECK(h[8] == 1);
  CHECK(std::accumulate(h.begin(), h.end(), amq::Index{0}) == bits.rows());
  CHECK(bits.mean() == doctest::Approx(16.0 / 5));
  CHECK_FALSE(bits.uniform());
  CHECK(amq::quant::RowBits(7, 4).uniform());
  CHECK(amq::quant::RowBits(7, 4).mean() == 4.0);
  CHECK(amq::quant::RowBits().mean() == 0.0);
}

TEST_CASE("a row of more than sixteen or fewer than no bits is refused") {
  CHECK_THROWS_AS(amq::quant::RowBits(3, 17), amq::Error);
  CHECK_THROWS_AS(amq::quant::RowBits(3, -1), amq::Error);
  CHECK_THROWS_AS(amq::quant::RowBits(-3, 4), amq::Error);
  CHECK_THROWS_AS(amq::quant::RowBits(std::vector<std::uint8_t>{2, 200}), amq::Error);
  amq::quant::RowBits bits(3, 4);
  CHECK_THROWS_AS(bits.set(1, 33), amq::Error);
  bits.set(1, 16);
  CHECK(bits[1] == 16);
}

}  // namespace test_row_bits
