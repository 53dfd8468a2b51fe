#include <amq/kernels/activation.hpp>

#include "rungs.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace test_activation {

using namespace amq;
using namespace amq::core;

namespace {
double exact(Activation a, double x) {
  switch (a) {
    case Activation::relu:
      return std::max(x, 0.0);
    case Activation::swish:
      return x < -700 ? 0 : x / (1 + std::exp(-x));
    case Activation::gelu:
      return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
    case Activation::gelu_tanh: {
      const double z = std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x);
      return x * (z < 0 ? std::exp(2 * z) / (1 + std::exp(2 * z)) : 1 / (1 + std::exp(-2 * z)));
    }
    case Activation::tanh:
      return std::tanh(x);
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::none:
      break;
  }
  return x;
}
double stated(Activation a, double x) {
  switch (a) {
    case Activation::swish:
      return 2e-7 * std::max(1.0, std::fabs(x));
    case Activation::gelu:
    case Activation::gelu_tanh:
      return 3e-7 * std::max(1.0, std::fabs(x));
    case Activation::tanh:
      return 4e-7;
    case Activation::sigmoid:
      return 2e-7;
    default:
      return 0;
  }
}
constexpr Activation all[] = {Activation::none,     Activation::relu, Activation::swish,
                              Activation::gelu,     Activation::tanh, Activation::sigmoid,
                              Activation::gelu_tanh};

// Steps of 1/8192 on -20 .. 20, and every 4099th float of both signs.
std::vector<float> sweep() {
  std::vector<float> x;
  for (int i = -20 * 8192; i <= 20 * 8192; ++i) x.push_back(static_cast<float>(i) / 8192.0f);
  for (std::uint32_t b = 0; b < 0x7f800000u; b += 4099) {
    float f;
    std::memcpy(&f, &b, 4);
    x.push_back(f);
    x.push_back(-f);
  }
  return x;
}
}  // namespace

TEST_CASE("activations stay within their stated errors over a dense sweep") {
  const auto x = sweep();
  std::vector<float> y(x.size());
  for (const Activation a : all) {
    kernels::activate(a, x.data(), y.data(), static_cast<Index>(x.size()));
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double error = std::fabs(y[i] - exact(a, x[i])), allowed = stated(a, x[i]) + 1e-34;
      if (!(error <= allowed)) CAPTURE(x[i]);
      if (!(error <= allowed)) CHECK(error <= allowed);
      worst = std::max(worst, error / std::max(1.0, std::fabs(double(x[i]))));
    }
    MESSAGE("activation " << static_cast<int>(a) << ": largest error / max(1, |x|) " << worst);
  }
}

TEST_CASE("exp is within 5e-7 of the truth up to 87, and cut off there") {
  double worst = 0;
  for (int i = -87 * 4096; i <= 87 * 4096; i += 16) {
    float x[16], y[16];
    for (int l = 0; l < 16; ++l) x[l] = static_cast<float>(std::min(i + l, 87 * 4096)) / 4096.0f;
    kernels::exp(simd::Floats<>::load(x)).store(y);
    for (int l = 0; l < 16; ++l)
      worst = std::max(worst, std::fabs(y[l] / std::exp(double(x[l])) - 1));
  }
  CHECK(worst < 5e-7);
  float y[16];
  kernels::exp(simd::Floats<>::splat(1e30f)).store(y);
  CHECK(y[0] == doctest::Approx(std::exp(87.0)));
  kernels::exp(simd::Floats<>::splat(-1e30f)).store(y);
  CHECK(y[0] == doctest::Approx(std::exp(-87.0)));
}

TEST_CASE("the reciprocal is within 1.2e-7 over its range") {
  double worst = 0;
  for (std::uint32_t b = 0x01000000u; b < 0x7e000000u; b += 1009 * 16) {
    float x[16], y[16];
    for (std::uint32_t l = 0; l < 16; ++l) {
      const std::uint32_t v = b + l * 1009;
      std::memcpy(&x[l], &v, 4);
    }
    kernels::reciprocal(simd::Floats<>::load(x)).store(y);
    for (int l = 0; l < 16; ++l) worst = std::max(worst, std::fabs(double(y[l]) * x[l] - 1));
  }
  CHECK(worst < 1.2e-7);
}

TEST_CASE("activations have their limits at infinity") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const Activation a : all) {
    float x[] = {infinity, -infinity}, y[2];
    kernels::activate(a, x, y, 2);
    CAPTURE(static_cast<int>(a));
    const bool bounded = a == Activation::tanh || a == Activation::sigmoid;
    if (a != Activation::none) {
      CHECK(y[1] == doctest::Approx(a == Activation::tanh ? -1.0 : 0.0).epsilon(1e-30));
      if (bounded)
        CHECK(y[0] == 1.0f);
      else
        CHECK(y[0] == infinity);
    }
  }
}

TEST_CASE_TEMPLATE("every rung gives the portable bits of every activation", Arch, AMQ_RUNGS) {
  auto x = sweep();
  for (const float special :
       {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
        std::numeric_limits<float>::quiet_NaN(), -0.0f})
    x.push_back(special);
  x.resize(x.size() / 3);
  for (std::size_t i = 0; i < 5; ++i) x.push_back(static_cast<float>(i));  // a tail
  std::vector<float> y(x.size()), expected(x.size());
  const auto n = static_cast<Index>(x.size());
  for (const Activation a : all) {
    kernels::activate<Arch>(a, x.data(), y.data(), n);
    kernels::activate<simd::Scalar>(a, x.data(), expected.data(), n);
    CAPTURE(static_cast<int>(a));
    CHECK(rungs::same_bits(y, expected));
  }
}

TEST_CASE("activations have the same bits in every build") {
  const auto x = rungs::some_rows(50, 333, 1);
  std::vector<float> y(x.size());
  rungs::Fingerprint f;
  for (const Activation a : all) {
    kernels::activate(a, x.data(), y.data(), static_cast<Index>(x.size()));
    f.add(y.data(), y.size());
  }
  CHECK(f.value() == 6361424316342863406u);
}

TEST_CASE_TEMPLATE("slopes of activations are their derivatives, and carry gradients", Arch,
                   AMQ_RUNGS) {
  const auto derivative = [](Activation a, double x) {
    const double s = 1 / (1 + std::exp(-x));
    switch (a) {
      case Activation::relu:
        return x > 0 ? 1.0 : 0.0;
      case Activation::swish:
        return s * (1 + x * (1 - s));
      case Activation::gelu:
        return 0.5 * std::erfc(-x / std::sqrt(2.0)) +
               x * std::exp(-0.5 * x * x) * 0.39894228040143267794;
      case Activation::gelu_tanh: {
        const double h = 1e-5 * std::max(1.0, std::fabs(x));
        return (exact(a, x + h) - exact(a, x - h)) / (2 * h);
      }
      case Activation::tanh:
        return 1 - std::tanh(x) * std::tanh(x);
      case Activation::sigmoid:
        return s * (1 - s);
      case Activation::none:
        break;
    }
    return 1.0;
  };
  std::vector<float> x{-1e30f, -200, -87, 87, 200, 1e30f};
  for (int i = -20 * 256; i <= 20 * 256; ++i) x.push_back(static_cast<float>(i) / 256.0f);
  const auto n = static_cast<Index>(x.size());
  const auto g = rungs::some_rows(1, x.size(), 3);
  for (const Activation a : all) {
    std::vector<float> dx(x.size()), sum(x.size(), 2.0f);
    kernels::activation_gradient<Arch>(a, x.data(), g.data(), dx.data(), n, false);
    kernels::activation_gradient<Arch>(a, x.data(), g.data(), sum.data(), n, true);
    // Both at once, the slopes in the place of x.
    std::vector<float> y(x.size()), both(x.size()), slopes = x;
    kernels::activate<Arch>(a, x.data(), y.data(), n);
    kernels::activate_with_slope<Arch>(a, slopes.data(), both.data(), slopes.data(), n);
    CHECK(rungs::same_bits(y, both));
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      worst = std::max(worst, std::fabs(double(dx[i]) - double(g[i]) * double(slopes[i])));
      const double exact_slope =
          std::fabs(x[i]) > 100 ? (x[i] > 0 && a != Activation::tanh && a != Activation::sigmoid) ||
                                      a == Activation::none
                                : derivative(a, x[i]);
      worst = std::max(worst, std::fabs(dx[i] - g[i] * exact_slope));
      worst = std::max(worst, std::fabs(sum[i] - 2.0 - g[i] * exact_slope) - 5e-7);
    }
    CAPTURE(static_cast<int>(a));
    CHECK(worst < 3e-6);
  }
}

}  // namespace test_activation
