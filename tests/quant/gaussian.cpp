#include <amq/quant/gaussian.hpp>

#include <doctest/doctest.h>

#include <cmath>

namespace test_gaussian {

namespace {
/// Golden-section search: the minimum of a unimodal function.
template <typename F>
double argmin(F f, double a, double b) {
  const double g = (std::sqrt(5.0) - 1) / 2;
  double c = b - g * (b - a), d = a + g * (b - a), fc = f(c), fd = f(d);
  for (int i = 0; i < 60; ++i) {
    if (fc < fd) {
      b = d, d = c, fd = fc, c = b - g * (b - a), fc = f(c);
    } else {
      a = c, c = d, fc = fd, d = a + g * (b - a), fd = f(d);
    }
  }
  return 0.5 * (a + b);
}
}  // namespace

TEST_CASE("the Gaussian steps and distortions are those Max published") {
  // Max 1960, table II (uniform spacing), 2, 4, 8 and 16 output levels.
  const double step[] = {1.596, 0.9957, 0.5860, 0.3352};
  const double distortion[] = {0.3634, 0.1188, 0.03744, 0.01154};
  for (int b = 1; b <= 4; ++b) {
    CHECK(amq::quant::gaussian_step(b) == doctest::Approx(step[b - 1]).epsilon(2e-4));
    CHECK(amq::quant::gaussian_distortion(b) == doctest::Approx(distortion[b - 1]).epsilon(5e-4));
  }
}

TEST_CASE("no other step has less distortion than the tabulated one") {
  for (int b = 1; b <= 12; ++b) {
    const double s = amq::quant::gaussian_step(b);
    const auto f = [b](double d) { return amq::quant::gaussian_distortion(b, d); };
    CHECK(argmin(f, 0.5 * s, 2 * s) == doctest::Approx(s).epsilon(1e-4));
    CHECK(f(s) == doctest::Approx(amq::quant::gaussian_distortion(b)).epsilon(1e-6));
  }
  for (int b : {13, 16})
    for (double off : {0.98, 1.02})
      CHECK(amq::quant::gaussian_distortion(b, off * amq::quant::gaussian_step(b)) >
            amq::quant::gaussian_distortion(b));
}

TEST_CASE("a bit more never costs distortion, and never wins more than fourfold") {
  CHECK(amq::quant::gaussian_distortion(0) == 1.0);
  for (int b = 1; b <= amq::core::max_bits; ++b) {
    CHECK(amq::quant::gaussian_distortion(b) < amq::quant::gaussian_distortion(b - 1));
    CHECK(4 * amq::quant::gaussian_distortion(b) > amq::quant::gaussian_distortion(b - 1));
  }
}

}  // namespace test_gaussian
