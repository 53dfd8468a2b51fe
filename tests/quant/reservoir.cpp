#include <amq/quant/reservoir.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace test_reservoir {

TEST_CASE("every row of the stream is as likely to be in the sample") {
  std::vector<int> met(40, 0);
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    amq::quant::RowReservoir r(10, seed);
    for (int batch = 0; batch < 8; ++batch) {
      std::vector<float> x;
      for (int i = 0; i < 5; ++i)
        for (int c = 0; c < 3; ++c) x.push_back(static_cast<float>(batch * 5 + i));
      r.add({x.data(), 5, 3});
    }
    REQUIRE(r.rows() == 10);
    REQUIRE(r.seen() == 40);
    for (amq::Index i = 0; i < 10; ++i) {
      REQUIRE(r.view()(i, 0) == r.view()(i, 2));  // rows stay whole
      ++met[static_cast<std::size_t>(r.view()(i, 0))];
    }
  }
  for (int m : met) CHECK(std::abs(m - 1000) < 150);  // five standard deviations
}

TEST_CASE("a short stream is kept whole, and rows of another length are refused") {
  amq::quant::RowReservoir r(10);
  const std::vector<float> x{1, 2, 3, 4, 5, 6};
  r.add({x.data(), 2, 3});
  CHECK(r.rows() == 2);
  CHECK(r.view()(1, 2) == 6.0f);
  CHECK_THROWS_AS(r.add({x.data(), 3, 2}), amq::Error);
}

}  // namespace test_reservoir
