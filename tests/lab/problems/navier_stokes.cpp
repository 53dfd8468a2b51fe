#include <amq_lab/problems/navier_stokes.hpp>

#include <amq/core/thread_pool.hpp>
#include <amq_lab/problems/generate.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

namespace test_navier_stokes {

using namespace amq;
using namespace amq::lab;

namespace {
constexpr double pi = std::numbers::pi;
double no_force(double, double) {
  return 0;
}

double relative_error(std::span<const double> a, std::span<const double> b) {
  double e = 0, n = 0;
  for (std::size_t k = 0; k < b.size(); ++k) {
    e += (a[k] - b[k]) * (a[k] - b[k]);
    n += b[k] * b[k];
  }
  return std::sqrt(e / n);
}
std::vector<double> lively(Index n) {
  VorticitySolver grid(n, 1, no_force);
  return grid.sampled([](double x, double y) {
    return std::sin(2 * pi * x) * std::cos(4 * pi * y) + std::cos(2 * pi * (x + 2 * y)) -
           0.5 * std::sin(6 * pi * x + 1);
  });
}
}  // namespace

TEST_CASE("Taylor-Green vortices decay as the exact solution, whatever the grid") {
  const double nu = 0.01;
  for (const Index n : {8, 15, 32}) {
    VorticitySolver s(n, nu, no_force);
    const auto w0 = s.sampled(
        [](double x, double y) { return 8 * std::sin(2 * pi * x) * std::sin(2 * pi * y); });
    s.start(w0);
    s.advance(0.7);
    auto exact = w0;
    for (double& w : exact) w *= std::exp(-8 * pi * pi * nu * 0.7);
    CHECK(relative_error(s.vorticity(), exact) < 1e-12);
  }
}

TEST_CASE("from rest the published force spins up along its exact solution") {
  const double nu = 0.01, rate = 8 * pi * pi * nu;
  VorticitySolver s(16, nu, VorticitySolver::fno_force);
  s.start(std::vector<double>(256, 0.0));
  s.advance(1);
  auto exact = s.sampled(VorticitySolver::fno_force);
  for (double& w : exact) w *= (1 - std::exp(-rate)) / rate;
  CHECK(relative_error(s.vorticity(), exact) < 1e-7);
}

TEST_CASE("without viscosity and force, enstrophy is kept to the order of the time step") {
  const auto w0 = lively(32);
  double before = 0;
  for (const double w : w0) before += w * w;
  VorticitySolver s(32, 1e-14, no_force, 0.25);
  s.start(w0);
  s.advance(2);
  const auto w1 = s.vorticity();
  double after = 0;
  for (const double w : w1) after += w * w;
  CHECK(std::abs(after / before - 1) < 1e-6);
  CHECK(relative_error(w1, w0) > 0.1);  // and yet the flow has moved
}

TEST_CASE("the error falls with the fourth power of the time step") {
  const auto run = [](double cfl) {
    VorticitySolver s(32, 1e-3, VorticitySolver::fno_force, cfl);
    auto w = lively(32);
    for (double& x : w) x *= 10;  // so fast that the flow, not the force, bounds the step
    s.start(w);
    s.advance(0.4);
    return s.vorticity();
  };
  const auto fine = run(0.1);
  const double e1 = relative_error(run(0.8), fine), e2 = relative_error(run(0.4), fine);
  CHECK(e1 < 1e-4);
  CHECK(e1 / e2 > 10);
  CHECK(e1 / e2 < 40);
}

TEST_CASE("a flow turned by a quarter evolves into the turned flow") {
  constexpr Index n = 24;
  VorticitySolver a(n, 1e-3, no_force), b(n, 1e-3, no_force);
  const auto w0 = lively(n);
  const auto turned = [](const std::vector<double>& w) {
    auto r = w;
    for (Index x = 0; x < n; ++x)
      for (Index y = 0; y < n; ++y)
        r[static_cast<std::size_t>(((n - y) % n) * n + x)] = w[static_cast<std::size_t>(x * n + y)];
    return r;
  };
  a.start(w0);
  b.start(turned(w0));
  a.advance(1);
  b.advance(1);
  CHECK(relative_error(b.vorticity(), turned(a.vorticity())) < 1e-10);
}

TEST_CASE("samples depend on seed and index alone, and a finer solver gives the same flow") {
  NavierStokes p;
  p.n = p.n_solve = 32;
  p.nu = 5e-3;
  p.n_frames = 3;
  ThreadPool pool(3);
  const auto together = generate(p, 7, 0, 4, pool);
  REQUIRE(together.samples.size() == 4);
  const auto alone = p.sample(7, 2);
  CHECK(together.samples[2].u == alone.u);
  CHECK(together.samples[2].input == alone.input);
  CHECK(together.samples[1].u != alone.u);

  auto set = p.describe();
  set.assign(together.samples);
  CHECK(set.u.values.size() == 4 * 3 * 32 * 32);
  CHECK(set.u.frame(2, 1)[5] == alone.u[32 * 32 + 5]);

  auto finer = p;
  finer.n_solve = 64;
  const auto fine = finer.sample(7, 2);
  double e = 0, m = 0;
  for (std::size_t k = 2 * 1024; k < alone.u.size(); ++k) {
    e += std::pow(alone.u[k] - fine.u[k], 2);
    m += std::pow(fine.u[k], 2);
  }
  CHECK(std::sqrt(e / m) < 5e-3);
}

TEST_CASE("sizes that make no sense, and flows that are no numbers, are refused") {
  NavierStokes p;
  p.n_solve = 96;
  CHECK_THROWS_AS(static_cast<void>(p.describe()), Error);
  CHECK_THROWS_AS(VorticitySolver(64, 0, no_force), Error);
  VorticitySolver s(8, 1e-3, no_force);
  CHECK_THROWS_AS(s.start(std::vector<double>(63)), Error);
  s.start(std::vector<double>(64, std::nan("")));
  CHECK_THROWS_AS(s.advance(1), Error);
}

}  // namespace test_navier_stokes
