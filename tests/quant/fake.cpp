#include <amq/quant/fake.hpp>

#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

using namespace amq;

namespace {

template <typename T>
std::vector<T> row(std::size_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<T> x(n);
  for (auto& v : x) v = static_cast<T>(0.4 + 1.3 * random.normal());
  return x;
}

/// What the gradients are gradients of: rounding errors and clipped codes stay as they are at x0.
template <typename Rule>
double surrogate(const std::vector<double>& x, const std::vector<double>& x0, int bits, double a,
                 double a0, double o, double o0, const std::vector<double>& dy,
                 bool constant_stats) {
  const auto n = static_cast<Index>(x.size());
  const auto at = fake_row_grid<Rule>(x0.data(), n, bits, a0, o0);
  auto g = fake_row_grid<Rule>(constant_stats ? x0.data() : x.data(), n, bits, a, o);
  double sum = 0;
  for (std::size_t k = 0; k < x.size(); ++k) {
    double y = g.offset;
    if (bits > 0) {
      const double t0 = (x0[k] - at.offset) / at.step;
      const double q0 = fake_code(x0[k], 1 / at.step, -at.offset / at.step, at).q;
      y = at.inside(t0) ? x[k] + (q0 - t0) * g.step : g.step * q0 + g.offset;
    }
    sum += dy[k] * y;
  }
  return sum;
}

}  // namespace

TEST_CASE_TEMPLATE("a fake-quantized row is bit for bit the decoded codes of the deployed row",
                   Rule, RowAffine, RowSymmetric, RowMinMax, Static) {
  for (std::size_t n : {1u, 16u, 131u})
    for (int bits = 0; bits <= 16; ++bits) {
      const auto x = row<float>(n, 3);
      const auto m = static_cast<Index>(n);
      std::vector<float> y(n);
      std::vector<std::int16_t> q(n);
      const float a = Rule::default_a(bits);
      fake_quantize_row<Rule>(x.data(), m, bits, a, 0.1f, y.data());
      const auto g = quantize_row<Rule>(x.data(), m, bits, a, 0.1f, q.data());
      for (std::size_t k = 0; k < n; ++k) REQUIRE(y[k] == g.decode(q[k]));
    }
}

TEST_CASE("the gradient of the step is LSQ's, element by element") {
  // reference: ds = -Qn below, Qp above, round(x/s) - x/s between; dx = 1 between.
  const FakeGrid<double> g{0.5, 0.0, -4, 3};
  for (int i = -60; i <= 60; ++i) {
    const double x = 0.0501 * i, v = x / g.step, one = 1;
    double dx = 0;
    GridGradient<double> d;
    fake_quantize_backward(&x, &one, 1, g, &dx, d);
    const bool in = -4 <= v && v <= 3;
    CHECK(dx == (in ? 1.0 : 0.0));
    CHECK(d.step == doctest::Approx(v <= -4 ? -4.0 : v >= 3 ? 3.0 : std::nearbyint(v) - v));
    CHECK(d.offset == (in ? 0.0 : 1.0));
  }
  CHECK(lsq_gradient_scale(100, 7) == doctest::Approx(1 / std::sqrt(700.0)));
  CHECK(lsq_initial_step(0.8, 127) == doctest::Approx(1.6 / std::sqrt(127.0)));
}

TEST_CASE("where everything is clipped, the step's gradient is the true derivative") {
  const FakeGrid<double> g{0.25, 0.3, -2, 1};
  const std::vector<double> x{5, -7, 9, -3}, dy{1, 0.5, -2, 4};
  const auto loss = [&](double step, double offset) {
    std::vector<double> y(4);
    fake_quantize(x.data(), 4, {step, offset, -2, 1}, y.data());
    double sum = 0;
    for (std::size_t k = 0; k < 4; ++k) sum += dy[k] * y[k];
    return sum;
  };
  std::vector<double> dx(4, 0.0);
  GridGradient<double> d;
  fake_quantize_backward(x.data(), dy.data(), 4, g, dx.data(), d);
  const double h = 1e-6;
  CHECK(d.step == doctest::Approx((loss(0.25 + h, 0.3) - loss(0.25 - h, 0.3)) / (2 * h)));
  CHECK(d.offset == doctest::Approx((loss(0.25, 0.3 + h) - loss(0.25, 0.3 - h)) / (2 * h)));
  CHECK(dx == std::vector<double>(4, 0.0));
}

TEST_CASE_TEMPLATE("row gradients are central differences of the surrogate", Rule, RowAffine,
                   RowSymmetric, RowMinMax, Static) {
  for (int bits : {0, 1, 2, 3, 8})
    for (auto mode : {Statistics::constant, Statistics::differentiated}) {
      const bool constant = mode == Statistics::constant;
      const auto x = row<double>(21, 40 + static_cast<std::uint64_t>(bits)),
                 dy = row<double>(21, 99);
      const double a = 0.7 * static_cast<double>(Rule::default_a(bits)), o = 0.2, h = 1e-6;
      std::vector<double> y(21), dx(21, 0.0);
      double da = 0, d_o = 0;
      const auto g = fake_quantize_row<Rule>(x.data(), 21, bits, a, o, y.data());
      fake_quantize_row_backward<Rule>(x.data(), dy.data(), 21, bits, a, g, mode, dx.data(), da,
                                       d_o);
      const auto f = [&](const std::vector<double>& v, double a1, double o1) {
        return surrogate<Rule>(v, x, bits, a1, a, o1, o, dy, constant);
      };
      INFO("bits ", bits, ", statistics constant ", constant);
      CHECK(da == doctest::Approx((f(x, a + h, o) - f(x, a - h, o)) / (2 * h)).epsilon(1e-5));
      CHECK(d_o == doctest::Approx((f(x, a, o + h) - f(x, a, o - h)) / (2 * h)).epsilon(1e-5));
      for (std::size_t k = 0; k < 21; ++k) {
        auto up = x, down = x;
        up[k] += h;
        down[k] -= h;
        CHECK(dx[k] == doctest::Approx((f(up, a, o) - f(down, a, o)) / (2 * h)).epsilon(1e-5));
      }
    }
}

TEST_CASE_TEMPLATE("a constant row has finite gradients", Rule, RowAffine, RowSymmetric,
                   RowMinMax) {
  for (float value : {0.0f, 2.5f})
    for (int bits : {0, 1, 4})
      for (auto mode : {Statistics::constant, Statistics::differentiated}) {
        const std::vector<float> x(9, value), dy(9, 1.0f);
        std::vector<float> y(9), dx(9, 0.0f);
        float da = 0, d_o = 0;
        const auto g = fake_quantize_row<Rule>(x.data(), 9, bits, 0.5f, 0.0f, y.data());
        fake_quantize_row_backward<Rule>(x.data(), dy.data(), 9, bits, 0.5f, g, mode, dx.data(), da,
                                         d_o);
        CHECK(std::isfinite(da));
        for (float v : dx) CHECK(std::isfinite(v));
      }
}
