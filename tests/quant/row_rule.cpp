#include <amq/quant/row_rule.hpp>

#include <amq/core/random.hpp>

#include "own_rule.hpp"
#include "quantizer_laws.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace test_row_rule {

using namespace amq;
using namespace amq::quant;

static_assert(row_rule<RowAffine> && row_rule<RowSymmetric> && row_rule<RowMinMax> &&
              row_rule<Static>);
static_assert(row_rule<ByQuartiles> && !row_rule<int>);
static_assert(quantizer<RowsBy<ByRange, 8>> && quantizer<RowsBy<ByQuartiles, 4>>);

namespace {
std::vector<float> gaussian_row(Index n, std::uint64_t seed, double mean = 0,
                                double deviation = 1) {
  Random random(seed);
  std::vector<float> x(static_cast<std::size_t>(n));
  for (auto& v : x) v = static_cast<float>(mean + deviation * random.normal());
  return x;
}
template <typename Rule>
double error(const std::vector<float>& x, int bits, float a, float o = 0) {
  std::vector<std::int16_t> q(x.size());
  const auto grid = quantize_row(x.data(), static_cast<Index>(x.size()),
                                 BasicRowCoder<Rule>{{}, bits, a, o}, q.data());
  double e = 0;
  for (std::size_t k = 0; k < x.size(); ++k) {
    const double d = grid.decode(q[k]) - x[k];
    e += d * d;
  }
  return e / static_cast<double>(x.size());
}
}  // namespace

TEST_CASE_TEMPLATE("codes stay in their bits and decode within half a step inside the range", Rule,
                   RowAffine, RowSymmetric, RowMinMax, Static) {
  const auto x = gaussian_row(131, 5, 0.3, 2);
  for (int bits = 0; bits <= 16; ++bits)
    for (float scale : {0.2f, 1.0f, 3.0f}) {
      std::vector<std::int16_t> q(x.size());
      const auto grid = quantize_row(
          x.data(), 131, BasicRowCoder<Rule>{{}, bits, scale * Rule::default_a(bits), 0.1f},
          q.data());
      const int low = lowest_of(Rule{}, bits), high = highest_code(bits);
      REQUIRE(grid.step > 0);
      for (std::size_t k = 0; k < x.size(); ++k) {
        REQUIRE((low <= q[k] && q[k] <= high));
        if (bits > 0 && grid.decode(low) <= x[k] && x[k] <= grid.decode(high))
          REQUIRE(std::fabs(grid.decode(q[k]) - x[k]) <= 0.5f * grid.step * (1 + 1e-3f) + 1e-5f);
      }
    }
}

TEST_CASE("the affine rule puts its values symmetrically about the mean, steps in deviations") {
  const auto x = gaussian_row(256, 6, 5, 0.5);
  const auto s = RowAffine::stats(x.data(), 256);
  for (int bits : {1, 2, 3, 8}) {
    const auto g = RowAffine::grid(s, bits, 0.7f);
    CHECK(g.step == 0.7f * s.deviation);
    CHECK(g.decode(lowest_code(bits)) + g.decode(highest_code(bits)) ==
          doctest::Approx(2 * s.mean).epsilon(1e-6));
  }
  CHECK(RowAffine::grid(s, 0, 1).offset == s.mean);
}

TEST_CASE("at a = 1 the extremes of a row are codes: min-max both, symmetric the larger") {
  const auto x = gaussian_row(64, 7, 1, 1);
  const auto mm = min_max(x.data(), 64);
  for (int bits : {1, 2, 4, 8}) {
    const auto g = RowMinMax::grid(mm, bits, 1);
    CHECK(g.decode(lowest_code(bits)) == doctest::Approx(mm.min).epsilon(1e-5));
    CHECK(g.decode(highest_code(bits)) == doctest::Approx(mm.max).epsilon(1e-5));
  }
  for (int bits : {2, 4, 8}) {
    const auto g = RowSymmetric::grid(RowSymmetric::stats(x.data(), 64), bits, 1);
    CHECK(g.decode(highest_code(bits)) == doctest::Approx(abs_max(x.data(), 64)).epsilon(1e-6));
    CHECK(g.offset == 0.0f);
  }
}

TEST_CASE_TEMPLATE("a constant row decodes to itself at every level that has an offset", Rule,
                   RowAffine, RowMinMax) {
  for (float value : {0.0f, 3.5f, -1e20f, 1e-30f}) {
    const std::vector<float> x(40, value);
    for (int bits = 0; bits <= 8; ++bits) CHECK(error<Rule>(x, bits, Rule::default_a(bits)) == 0.0);
  }
}

TEST_CASE("a row of zeros under the symmetric rule stays zero, also at 0 and 1 bits") {
  const std::vector<float> zero(40, 0.0f);
  for (int bits = 0; bits <= 8; ++bits) CHECK(error<RowSymmetric>(zero, bits, 1) == 0.0);
  const auto x = gaussian_row(40, 8);
  std::vector<std::int8_t> q(40, 9);
  const auto g = quantize_row(x.data(), 40, BasicRowCoder<RowSymmetric>{{}, 1}, q.data());
  for (auto c : q) CHECK(g.decode(c) == 0.0f);
}

TEST_CASE("denormal, infinite and NaN rows neither trap nor leave the code range") {
  const float tiny = std::numeric_limits<float>::denorm_min();
  const float inf = std::numeric_limits<float>::infinity();
  for (std::vector<float> x : {std::vector<float>{tiny, 0, -tiny}, {inf, 1, 2}, {NAN, 1, 2}}) {
    std::vector<std::int8_t> q(3);
    const auto check = [&](auto rule) {
      using R = decltype(rule);
      const auto g = quantize_row(x.data(), 3, BasicRowCoder<R>{{}, 4, R::default_a(4)}, q.data());
      CHECK(!(g.step <= 0));
      for (auto c : q) CHECK((-8 <= c && c <= 7));
      return g;
    };
    check(RowSymmetric{});
    check(RowMinMax{});
    check(Static{});
    const auto g = check(RowAffine{});
    // What was not finite stays visible in the result; what was merely small does not become NaN.
    CHECK(std::isfinite(g.decode(q[1])) == std::isfinite(x[0]));
  }
}

TEST_CASE("on Gaussian rows the affine rule reaches the distortion of theory") {
  for (int bits = 1; bits <= 8; ++bits) {
    double e = 0;
    for (std::uint64_t r = 0; r < 20; ++r)
      e += error<RowAffine>(gaussian_row(4096, 100 + r, 2, 3), bits, RowAffine::default_a(bits)) /
           20;
    CHECK(e / 9 == doctest::Approx(gaussian_distortion(bits)).epsilon(0.05));
  }
}

TEST_CASE_TEMPLATE("the default a is near the best on Gaussian rows of 128 channels", Rule,
                   RowAffine, RowSymmetric, RowMinMax) {
  for (int bits : {2, 3, 4}) {
    const auto mean_error = [&](float a) {
      double e = 0;
      for (std::uint64_t r = 0; r < 100; ++r) e += error<Rule>(gaussian_row(128, r), bits, a);
      return e;
    };
    const float a = Rule::default_a(bits);
    CHECK(mean_error(a) < mean_error(0.85f * a));
    CHECK(mean_error(a) < mean_error(1.15f * a));
  }
}

TEST_CASE_TEMPLATE("a rule at some bits is a quantizer like any other and keeps its laws", Rule,
                   ByRange, ByDeviation, ByMagnitude, Static, ByQuartiles) {
  const auto check = [](auto bits) {
    constexpr int b = decltype(bits)::value;
    std::vector<RowGrid> grids;
    for (std::uint64_t i = 0; i < 3; ++i)
      grids.push_back(
          row_grid(Rule{}, gaussian_row(61, i, 0.3, 2).data(), 61, b, Rule::default_a(b), 0.1f));
    for (Index i = 0; i < 3; ++i) check_quantizer_laws(RowsBy<Rule, b>{grids.data()}, i, 0);
  };
  check(std::integral_constant<int, 2>());
  check(std::integral_constant<int, 5>());
  check(std::integral_constant<int, 8>());
}

}  // namespace test_row_rule
