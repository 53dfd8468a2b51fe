#include <amq_lab/problems/burgers.hpp>

#include <amq_lab/problems/generate.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <set>
#include <vector>

namespace test_burgers {

using namespace amq;
using namespace amq::lab;
static_assert(sampler<Burgers> && sampler<FnoBurgers>);

namespace {
constexpr double pi = std::numbers::pi;

template <typename F>
ColeHopf::Function each(F f) {
  return [f](std::span<const double> x) {
    std::vector<double> u;
    for (const double p : x) u.push_back(f(p));
    return u;
  };
}
// theta = 1 + a exp(-4 pi^2 nu t) cos 2 pi x solves the heat equation.
double exact(double nu, double a, double t, double x) {
  const double e = a * std::exp(-4 * pi * pi * nu * t);
  return 4 * pi * nu * e * std::sin(2 * pi * x) / (1 + e * std::cos(2 * pi * x));
}
double distance(std::span<const double> a, std::span<const double> b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst;
}
}  // namespace

TEST_CASE("the solver follows a closed solution to rounding, smooth or steep") {
  for (const double nu : {0.1 / pi, 0.01 / pi, 0.001 / pi})
    for (const double a : {0.5, 0.99}) {
      ColeHopf flow(256, nu, 0.05, each([&](double x) { return exact(nu, a, 0, x); }));
      for (int k = 0; k < 10; ++k) flow.step();
      double worst = 0, largest = 0;
      for (Index i = 0; i < flow.n_points(); ++i) {
        const double x = static_cast<double>(i) / static_cast<double>(flow.n_points());
        const double u = exact(nu, a, 0.5, x);
        worst = std::max(worst, std::abs(flow.u()[static_cast<std::size_t>(i)] - u));
        largest = std::max(largest, std::abs(u));
      }
      CAPTURE(nu);
      CHECK(worst < 1e-7 * largest);
    }
}

TEST_CASE("through a shock, one long step equals many short ones and a finer grid") {
  const auto u0 = each([](double x) { return std::sin(2 * pi * x) + 0.3 * std::cos(4 * pi * x); });
  const double nu = 0.01 / pi;
  const auto run = [&](Index n, int steps) {
    ColeHopf flow(n, nu, 0.4 / steps, u0);
    for (int k = 0; k < steps; ++k) flow.step();
    std::vector<double> u;
    for (Index i = 0; i < flow.n_points(); i += flow.n_points() / 256)
      u.push_back(flow.u()[static_cast<std::size_t>(i)]);
    return u;
  };
  const auto fine = run(1024, 4);
  CHECK(distance(run(512, 8), fine) < 1e-9);
  CHECK(distance(run(1024, 32), fine) < 1e-9);
}

TEST_CASE("a moving observer sees the same flow") {
  const double nu = 0.003, c = 0.75, t = 0.5;
  const auto f = [](double x) { return 0.8 * std::sin(2 * pi * x + 0.4); };
  ColeHopf rest(512, nu, t / 8, each(f)),
      moving(512, nu, t / 8, each([&](double x) { return f(x) + c; }));
  for (int k = 0; k < 8; ++k) rest.step(), moving.step();
  const Index shift = 512 * 3 / 8;  // c t in cells
  double worst = 0;
  REQUIRE(rest.n_points() == 512);
  for (Index i = 0; i < 512; ++i)
    worst = std::max(worst, std::abs(moving.u()[static_cast<std::size_t>((i + shift) % 512)] - c -
                                     rest.u()[static_cast<std::size_t>(i)]));
  CHECK(worst < 1e-8);
}

TEST_CASE("the mean is kept, energy falls, and no wave outgrows its start at the smallest nu") {
  Burgers p;
  p.stride_x = p.stride_t = 1;
  p.n_steps = 40;
  p.end = 0.4;
  for (std::uint64_t i = 0; i < 3; ++i) {
    const auto u = p.sample(4, i).u;
    double mean0 = 0, largest = 0, before = 1e300;
    for (Index k = 0; k <= 40; k += 8) {
      double mean = 0, energy = 0;
      for (Index x = 0; x < 1024; ++x) {
        const double v = u[static_cast<std::size_t>(k * 1024 + x)];
        mean += v / 1024;
        energy += v * v / 1024;
        if (k == 0) largest = std::max(largest, std::abs(v));
        CHECK(std::abs(v) < largest * 1.0001 + 1e-6);
      }
      if (k == 0) mean0 = mean;
      CHECK(std::abs(mean - mean0) < 2e-5);
      CHECK(energy < before);
      before = energy;
    }
  }
}

TEST_CASE("initial waves have the published law, and the coded form has a mean") {
  int folded_or_windowed = 0;
  double mean_square = 0, coded_mean = 0;
  const int n = 600;
  for (std::uint64_t i = 0; i < n; ++i) {
    Burgers p;
    const auto w = p.initial(2, i);
    p.form = BurgersWaves::Form::coded;
    const auto c = p.initial(2, i);
    double mean = 0, m = 0, largest = 0;
    for (int k = 0; k < 64; ++k) {
      const double u = w((k + 0.5) / 64);
      largest = std::max(largest, std::abs(u));
      m += u / 64;
      mean += c((k + 0.5) / 64) / 64;
    }
    CHECK(largest <= 2);
    if (std::abs(m) > 1e-9) ++folded_or_windowed;
    coded_mean += mean * mean / n;
    const double u = w(0.5);
    mean_square += u * u / n;
  }
  CHECK(mean_square == doctest::Approx(2 * (1.0 / 3) / 2).epsilon(0.15));
  CHECK(folded_or_windowed / static_cast<double>(n) == doctest::Approx(0.19).epsilon(0.25));
  CHECK(coded_mean > 0.2);
}

TEST_CASE("samples depend on seed and index alone, coarser output is a part of the finer") {
  Burgers p;
  p.nu = 0.01 / pi;
  p.n = 256;
  p.n_steps = 20;
  p.end = 0.2;
  const auto kept = p.sample(1, 3);
  CHECK(kept.u == generate(p, 1, 2, 2).samples[1].u);
  auto all = p;
  all.stride_x = all.stride_t = 1;
  const auto full = all.sample(1, 3);
  for (Index k = 0; k <= 4; ++k)
    for (Index i = 0; i < 64; ++i)
      CHECK(kept.u[static_cast<std::size_t>(k * 64 + i)] ==
            full.u[static_cast<std::size_t>(k * 5 * 256 + i * 4)]);
  auto set = p.describe();
  set.assign(std::vector{kept});
  CHECK(set.t.back() == doctest::Approx(0.2));
  CHECK(set.axes[0][1] == doctest::Approx(4.5 / 256));
}

TEST_CASE("FNO's Burgers set does not depend on the solver's steps or grid") {
  for (const double nu : {0.1, 0.01}) {
    FnoBurgers p;
    p.nu = nu;
    auto q = p;
    q.n_steps = 10;
    q.n = 2048;
    const auto a = p.sample(6, 1), b = q.sample(6, 1);
    REQUIRE(a.u.size() == 1024);
    REQUIRE(a.input.size() == 1024);
    double worst = 0, largest = 0;
    for (std::size_t k = 0; k < 1024; ++k) {
      worst = std::max(worst, std::abs(static_cast<double>(a.u[k] - b.u[2 * k])));
      largest = std::max(largest, std::abs(static_cast<double>(a.u[k])));
      CHECK(a.input[k] == doctest::Approx(b.input[2 * k]).epsilon(1e-5));
    }
    CHECK(worst < 1e-6 * largest + 1e-9);
  }
}

TEST_CASE("states and sizes that make no sense are refused") {
  const auto sine = each([](double x) { return std::sin(2 * pi * x); });
  CHECK_THROWS_AS(ColeHopf(64, 0, 0.1, sine), Error);
  CHECK_THROWS_AS(ColeHopf(64, 1e-4, 1, sine), Error);  // theta would span more than a double
  CHECK_THROWS_AS(ColeHopf(64, 0.1, 0.1, each([](double) { return std::nan(""); })), Error);
  CHECK_THROWS_AS(ColeHopf(64, 0.1, 0.1, [](auto) { return std::vector<double>(3); }), Error);
  Burgers p;
  p.stride_x = 3;
  CHECK_THROWS_AS(static_cast<void>(p.describe()), Error);
}

}  // namespace test_burgers
