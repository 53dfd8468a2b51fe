#include <amq/quant/calibration.hpp>

#include <amq/core/random.hpp>
#include <amq/quant/mixed_qtensor.hpp>
#include <amq/quant/reservoir.hpp>
#include <amq/quant/scheme.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace test_calibration {

using namespace amq;
using namespace amq::training;

namespace {
std::vector<float> gaussian_rows(Index rows, Index cols, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> x;
  for (Index i = 0; i < rows; ++i) {  // rows of very different size and place
    const double scale = std::exp(2 * random.normal()), mean = 3 * random.normal();
    for (Index j = 0; j < cols; ++j)
      x.push_back(static_cast<float>(mean + scale * random.normal()));
  }
  return x;
}
}  // namespace

TEST_CASE("calibrated on Gaussian rows, the affine rule finds Max's steps and his distortion") {
  const auto x = gaussian_rows(60, 1024, 1);
  for (int bits : {1, 2, 3, 4, 6}) {
    const auto s = best_coder<RowAffine>({x.data(), 60, 1024}, bits);
    CHECK(s.a == doctest::Approx(gaussian_step(bits)).epsilon(0.06));
    const double d = row_distortion({x.data(), 60, 1024}, s);
    CHECK(d == doctest::Approx(gaussian_distortion(bits)).epsilon(0.03));
  }
  CHECK(row_distortion({x.data(), 60, 1024}, BasicRowCoder<ByDeviation>{{}, 0}) ==
        doctest::Approx(1).epsilon(1e-4));
}

TEST_CASE_TEMPLATE("no scanned a leaves less distortion than the calibrated one", Rule, RowAffine,
                   RowSymmetric, RowMinMax) {
  const auto x = gaussian_rows(40, 48, 2);
  const MatrixView<const float> rows(x.data(), 40, 48);
  for (int bits : {2, 3, 4, 8}) {
    const auto s = best_coder<Rule>(rows, bits);
    const double found = row_distortion(rows, s);
    for (int i = 1; i <= 60; ++i) {
      const float a = Rule::default_a(bits) * 0.05f * static_cast<float>(i);
      CHECK(found <= 1.03 * row_distortion(rows, BasicRowCoder<Rule>{{}, bits, a}));
    }
  }
}

TEST_CASE("the static grid of a range has the range's ends as its ends") {
  for (int bits : {1, 2, 4, 8}) {
    const auto s = static_coder({-1, 3}, bits);
    const RowGrid g{s.a, s.offset};
    CHECK(g.decode(lowest_code(bits)) == doctest::Approx(-1));
    CHECK(g.decode(highest_code(bits)) == doctest::Approx(3));
  }
  const auto flat = static_coder({2, 2}, 4);
  CHECK(flat.a == 1.0f);
  CHECK(flat.offset == 2.0f);
  CHECK(static_coder({-1, 3}, 0).offset == 1.0f);
  CHECK_THROWS_AS(static_cast<void>(static_coder({1, -1}, 4)), Error);
  CHECK_THROWS_AS(static_cast<void>(static_coder({NAN, 1}, 4)), Error);
}

TEST_CASE(
    "the least-squares static grid beats min-max and percentile, and meets Max on a Gaussian") {
  Random random(3);
  Histogram h, skewed;
  std::vector<float> x(100000), y(100000);
  for (auto& v : x) v = static_cast<float>(5 + 2 * random.normal());
  for (auto& v : y) v = static_cast<float>(std::exp(random.normal()));
  h.add(x);
  skewed.add(y);
  for (int bits : {1, 2, 3, 4, 8}) {
    for (const auto* k : {&h, &skewed}) {
      const double best = static_error(*k, best_static_coder(*k, bits));
      CHECK(best <= static_error(*k, static_coder(k->range(), bits)));
      CHECK(best <= static_error(*k, static_coder(k->percentile_range(1e-3), bits)));
    }
    const double d = static_error(h, best_static_coder(h, bits)) / 4;
    CHECK(d == doctest::Approx(gaussian_distortion(bits)).epsilon(0.04));
  }
  CHECK_THROWS_AS(static_cast<void>(best_static_coder(Histogram{}, 4)), Error);
}

TEST_CASE("a measured curve falls with the bits; static steps starve rows of unlike size") {
  const auto x = gaussian_rows(200, 64, 4);
  RowReservoir sample(100, 1);
  sample.add({x.data(), 200, 64});
  using L = Levels<0, 1, 2, 3, 4, 6, 8>;
  const auto affine = calibrate<L, RowAffine>(sample.view());
  const auto fixed = calibrate<L, Static>(sample.view());
  const auto a = distortion_curve(sample.view(), affine);
  const auto s = distortion_curve(sample.view(), fixed);
  for (std::size_t k = 1; k < a.size(); ++k) {
    CHECK(a[k] < a[k - 1]);
    CHECK(s[k] < s[k - 1]);
  }
  CHECK(a[0] == doctest::Approx(1).epsilon(1e-4));
}

TEST_CASE("rows that do not vary, or are not finite, cannot be calibrated on") {
  const std::vector<float> flat(40, 2.0f), bad{1, NAN, 3, 4};
  CHECK_THROWS_AS(static_cast<void>(best_coder<RowAffine>({flat.data(), 4, 10}, 4)), Error);
  CHECK_THROWS_AS(static_cast<void>(best_coder<RowAffine>({bad.data(), 1, 4}, 4)), Error);
}

TEST_CASE("the chapter's example: calibrate on a stream, quantize rows at bits of their own") {
  const auto values = gaussian_rows(300, 64, 5);
  const MatrixView<const float> x(values.data(), 300, 64);
  RowBits bits(300, 4);
  for (Index i = 0; i < 300; i += 3) bits.set(i, 8);
  std::vector<float> out(values.size());
  const MatrixView<float> y(out.data(), 300, 64);
  // [quant]
  using Scheme = amq::Scheme<amq::Weights<8>, amq::Activations<2, 4, 8>>;  // rows: ByRange
  amq::quant::RowReservoir sample(100);
  sample.add(x);  // (row, channel), as often as there are batches

  const auto coders = amq::quant::calibrate<Scheme::levels, Scheme::rule>(sample.view());
  const auto D = amq::quant::distortion_curve(sample.view(), coders);

  const amq::MixedQTensor<Scheme::levels, Scheme::rule> q(x, bits, coders);
  q.decode(y);  // rows in their original order
  // [quant]
  CHECK(D.size() == 3);
  CHECK(D[2] < 0.001);
  double error = 0, power = 0;
  for (std::size_t k = 0; k < out.size(); ++k) {
    error += std::pow(static_cast<double>(out[k] - values[k]), 2);
    power += std::pow(static_cast<double>(values[k]), 2);
  }
  CHECK(error < 0.02 * power);
  CHECK(q.bytes() < static_cast<Index>(values.size()));  // a quarter of float, grids included
}

}  // namespace test_calibration
