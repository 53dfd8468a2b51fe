#include <amq/quant/histogram.hpp>

#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace test_histogram {

using amq::quant::Histogram;

TEST_CASE("quantiles from a stream are those of the sorted values, to within a bin") {
  amq::core::Random random(1);
  std::vector<float> all;
  Histogram h;
  for (int batch = 0; batch < 40; ++batch) {  // batches drift and grow: the range has to follow
    std::vector<float> x(500);
    for (auto& v : x)
      v = static_cast<float>((batch - 30) * 3 + std::exp(0.1 * batch) * random.normal());
    h.add(x);
    all.insert(all.end(), x.begin(), x.end());
  }
  std::sort(all.begin(), all.end());
  CHECK(h.count() == all.size());
  CHECK(h.range().low == all.front());
  CHECK(h.range().high == all.back());
  CHECK(h.bin_width() * Histogram::n_bins < 8 * (all.back() - all.front()));
  for (double p : {0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 1.0}) {
    const auto k = static_cast<std::size_t>(p * static_cast<double>(all.size() - 1));
    const double gap = std::fabs(all[std::min(k + 1, all.size() - 1)] - all[k]);
    CHECK(std::fabs(h.quantile(p) - all[k]) <= 1.01 * h.bin_width() + gap);
  }
}

TEST_CASE("no value is lost when the range grows in either direction") {
  Histogram h;
  for (float v : {1.0f, -1e6f, 3e7f, 1.5f, -2.0f}) h.add({&v, 1});
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < Histogram::n_bins; ++i) sum += h.in_bin(i);
  CHECK(sum == 5);
  CHECK(h.range().low == -1e6f);
  CHECK(h.range().high == 3e7f);
}

TEST_CASE("constant values have a range of no width; values that are not finite are refused") {
  Histogram h;
  const std::vector<float> same(10, 2.5f), bad{1, NAN}, infinite{INFINITY};
  h.add(same);
  CHECK(h.quantile(0.3) == 2.5f);
  CHECK_THROWS_AS(h.add(bad), amq::Error);
  CHECK_THROWS_AS(h.add(infinite), amq::Error);
  CHECK(h.count() == 10);
  CHECK(Histogram().quantile(0.5) == 0.0f);
}

}  // namespace test_histogram
