#include <amq/quant/row_stats.hpp>

#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace test_row_stats {

TEST_CASE("row statistics agree with double for every remainder of sixteen") {
  amq::core::Random random(1);
  for (amq::Index n = 1; n < 70; ++n) {
    std::vector<float> x(static_cast<std::size_t>(n));
    for (auto& v : x) v = static_cast<float>(3 + 2 * random.normal());
    double sum = 0, square = 0, top = 0, low = x[0], high = x[0];
    for (float v : x) {
      sum += v;
      top = std::fmax(top, std::fabs(v));
      low = std::fmin(low, v);
      high = std::fmax(high, v);
    }
    const double mean = sum / static_cast<double>(n);
    for (float v : x) square += (v - mean) * (v - mean);
    const auto s = amq::quant::mean_deviation(x.data(), n);
    CHECK(s.mean == doctest::Approx(mean).epsilon(1e-5));
    CHECK(s.deviation == doctest::Approx(std::sqrt(square / static_cast<double>(n))).epsilon(1e-5));
    CHECK(amq::quant::abs_max(x.data(), n) == static_cast<float>(top));
    CHECK(amq::quant::min_max(x.data(), n).min == static_cast<float>(low));
    CHECK(amq::quant::min_max(x.data(), n).max == static_cast<float>(high));
  }
}

TEST_CASE("the order of summation is sixteen lanes and a tree") {
  // 2^24 + 1 is not a float: which ones are lost tells the order.
  std::vector<float> x(34, 0.0f);
  x[0] = 0x1p24f;
  x[16] = 1.0f;  // same lane as x[0]: lost
  x[32] = 1.0f;  // lost
  x[1] = 1.0f;   // lanes 1 and 9 meet first (1 + 1 = 2), then 2 joins lane 0: kept
  x[9] = 1.0f;
  CHECK(amq::quant::mean_deviation(x.data(), 34).mean == (0x1p24f + 2.0f) / 34.0f);
}

TEST_CASE("an empty row has zero statistics and NaN reaches the mean") {
  CHECK(amq::quant::mean_deviation(nullptr, 0).mean == 0.0f);
  CHECK(amq::quant::abs_max(nullptr, 0) == 0.0f);
  CHECK(amq::quant::min_max(nullptr, 0).max == 0.0f);
  const float x[] = {1, NAN, 2};
  CHECK(std::isnan(amq::quant::mean_deviation(x, 3).mean));
  CHECK(std::isnan(amq::quant::mean_deviation(x, 3).deviation));
}

}  // namespace test_row_stats
