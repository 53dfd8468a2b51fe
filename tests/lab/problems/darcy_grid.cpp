#include <amq_lab/problems/darcy_grid.hpp>

#include <amq/core/thread_pool.hpp>
#include <amq_lab/problems/generate.hpp>
#include <amq_lab/problems/resample.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace test_darcy_grid {

using namespace amq;
using namespace amq::lab;
static_assert(sampler<PdebenchDarcy> && sampler<FnoDarcy>);

namespace {
constexpr double pi = std::numbers::pi;

template <typename F>
std::vector<double> at_cells(Index n, F f) {
  std::vector<double> v;
  for (const double x : cell_centres(n))
    for (const double y : cell_centres(n)) v.push_back(f(x, y));
  return v;
}
template <typename F>
std::vector<double> at_nodes(Index n, F f) {
  std::vector<double> v;
  for (const double x : grid_nodes(n + 1))
    for (const double y : grid_nodes(n + 1)) v.push_back(f(x, y));
  return v;
}
template <typename A, typename B>
double relative_error(const A& a, const B& b) {
  double e = 0, m = 0;
  for (std::size_t k = 0; k < b.size(); ++k) {
    e += std::pow(static_cast<double>(a[k]) - static_cast<double>(b[k]), 2);
    m += std::pow(static_cast<double>(b[k]), 2);
  }
  return std::sqrt(e / m);
}
}  // namespace

TEST_CASE("a manufactured solution is met with second order, on even and odd grids") {
  const auto a = [](double x, double y) { return 2 + std::sin(3 * x) * std::cos(2 * y); };
  const auto u = [](double x, double y) { return std::sin(pi * x) * std::sin(2 * pi * y); };
  const auto f = [&](double x, double y) {
    const double ux = pi * std::cos(pi * x) * std::sin(2 * pi * y);
    const double uy = 2 * pi * std::sin(pi * x) * std::cos(2 * pi * y);
    const double ax = 3 * std::cos(3 * x) * std::cos(2 * y);
    const double ay = -2 * std::sin(3 * x) * std::sin(2 * y);
    return 5 * pi * pi * a(x, y) * u(x, y) - ax * ux - ay * uy;
  };
  const auto error = [&](Index n) {
    GridDarcySolver solver(n);
    return relative_error(solver.solve(at_cells(n, a), at_nodes(n, f)), at_nodes(n, u));
  };
  CHECK(error(40) < 4e-3);
  CHECK(error(40) / error(80) == doctest::Approx(4).epsilon(0.05));
  CHECK(error(37) < 5e-3);
}

TEST_CASE("flow across a jump of a hundred between two layers meets its closed solution") {
  // a = l for x < 1/2, r beyond; f = sin(pi y). u = X(x) sin(pi y) with a (X'' - pi^2 X) = -1, so
  // X = 1 / (a pi^2) + A cosh pi x + B sinh pi x in each layer.
  const double l = 1, r = 0.01, c = std::cosh(pi / 2), s = std::sinh(pi / 2);
  const double p = 1 / (l * pi * pi), q = 1 / (r * pi * pi);
  // Unknown B on the left, D on the right (in 1 - x); A = -p and C = -q by the walls.
  // p + A c + B s = q + C c + D s,  l (A s + B c) = -r (C s + D c).
  const double rhs1 = q - q * c - p + p * c, rhs2 = l * p * s + r * q * s;
  const double det = s * r * c + s * l * c;
  const double b = (rhs1 * r * c + s * rhs2) / det, d = (s * rhs2 - l * c * rhs1) / det;
  const auto exact = [&](double x, double y) {
    const double X = x <= 0.5 ? p - p * std::cosh(pi * x) + b * std::sinh(pi * x)
                              : q - q * std::cosh(pi * (1 - x)) + d * std::sinh(pi * (1 - x));
    return X * std::sin(pi * y);
  };
  const auto error = [&](Index n) {
    GridDarcySolver solver(n);
    const auto u = solver.solve(at_cells(n, [&](double x, double) { return x < 0.5 ? l : r; }),
                                at_nodes(n, [](double, double y) { return std::sin(pi * y); }));
    CHECK(solver.n_iterations() < 20);
    return relative_error(u, at_nodes(n, exact));
  };
  const double e1 = error(32), e2 = error(64);
  CHECK(e1 < 5e-3);
  CHECK(e1 / e2 == doctest::Approx(4).epsilon(0.1));
}

TEST_CASE("the iterations do not grow with the grid, and hardly with the contrast") {
  const PdebenchDarcy p{32};
  const auto pattern = p.coefficient(1, 0);
  for (const double contrast : {10.0, 1000.0})
    for (const Index r : {2, 4, 8}) {
      const Index n = 32 * r;
      std::vector<double> a;
      for (Index x = 0; x < n; ++x)
        for (Index y = 0; y < n; ++y)
          a.push_back(pattern[static_cast<std::size_t>(x / r * 32 + y / r)] > 0.5 ? 1
                                                                                  : 1 / contrast);
      GridDarcySolver solver(n);
      static_cast<void>(solver.solve(a));
      CHECK(solver.n_iterations() > 2);
      CHECK(solver.n_iterations() < (contrast < 100 ? 14 : 22));
    }
}

TEST_CASE("exchanging x and y in the medium exchanges them in the pressure; beta scales it") {
  PdebenchDarcy p{24};
  const auto a = p.coefficient(8, 1);
  auto turned = a;
  for (std::size_t x = 0; x < 24; ++x)
    for (std::size_t y = 0; y < 24; ++y) turned[y * 24 + x] = a[x * 24 + y];
  const auto u = p.solve(a).u, v = p.solve(turned).u;
  for (std::size_t x = 0; x < 24; ++x)
    for (std::size_t y = 0; y < 24; ++y)
      CHECK(v[y * 24 + x] == doctest::Approx(u[x * 24 + y]).epsilon(1e-5));
  p.beta = 10;
  const auto w = p.solve(a).u;
  for (std::size_t k = 0; k < w.size(); ++k)
    CHECK(w[k] == doctest::Approx(10 * u[k]).epsilon(1e-5));
}

TEST_CASE("labels converge when the elements of a cell are refined") {
  PdebenchDarcy p{32};
  const auto a = p.coefficient(3, 2);
  p.refine = 16;
  const auto fine = p.solve(a).u;
  p.refine = 2;
  const double e2 = relative_error(p.solve(a).u, fine);
  p.refine = 4;
  const double e4 = relative_error(p.solve(a).u, fine);
  CHECK(e2 < 4e-3);
  CHECK(e4 < 0.45 * e2);

  FnoDarcy f;
  f.n = 33;
  f.refine = 16;
  const auto fno = f.sample(3, 2).u;
  f.refine = 4;
  CHECK(relative_error(f.sample(3, 2).u, fno) < 6e-3);
}

TEST_CASE("PDEBench's media are 0.1 or 1, and the threshold is the mean of the bumps") {
  PdebenchDarcy p{16};
  double high = 0;
  const int n = 500;
  for (std::uint64_t i = 0; i < n; ++i)
    for (const double a : p.coefficient(5, i)) {
      CHECK((a == 0.1 || a == 1));
      high += a > 0.5 ? 1.0 / (256 * n) : 0;
    }
  CHECK(high == doctest::Approx(0.52).epsilon(0.05));
  Random r(1);
  double mean = 0;
  const int draws = 200000;
  for (int k = 0; k < draws; ++k) {
    const double dx = r.uniform() - r.uniform(), dy = r.uniform() - r.uniform();
    mean += 5 * std::exp(-(dx * dx + dy * dy) / (0.5 * r.uniform())) / draws;
  }
  CHECK(PdebenchDarcy::expected_bumps() == doctest::Approx(mean).epsilon(0.01));
}

TEST_CASE("samples depend on seed and index alone, and vanish where FNO's nodes meet the wall") {
  const PdebenchDarcy p{16};
  CHECK(generate(p, 2, 4, 3).samples[1].u == p.sample(2, 5).u);
  FnoDarcy f;
  f.n = 17;
  const auto made = generate(f, 2, 0, 2);
  CHECK(made.samples[1].u == f.sample(2, 1).u);
  auto set = f.describe();
  set.assign(made.samples);
  for (Index k = 0; k < 17; ++k) {
    CHECK(set.u.sample(0)[static_cast<std::size_t>(k)] == 0);
    CHECK(set.u.sample(0)[static_cast<std::size_t>(k * 17 + 16)] == 0);
  }
  CHECK(set.u.sample(1)[8 * 17 + 8] > 0);
}

TEST_CASE("coefficients and sizes that make no sense are refused") {
  GridDarcySolver solver(4);
  CHECK_THROWS_AS(static_cast<void>(solver.solve(std::vector<double>(15, 1.0))), Error);
  CHECK_THROWS_AS(static_cast<void>(solver.solve(std::vector<double>(16, 0.0))), Error);
  CHECK_THROWS_AS(static_cast<void>(solver.solve(std::vector<double>(16, std::nan("")))), Error);
  CHECK_THROWS_AS(GridDarcySolver(1), Error);
  PdebenchDarcy p;
  CHECK_THROWS_AS(static_cast<void>(p.solve(std::vector<double>(3, 1.0))), Error);
  p.refine = 3;
  CHECK_THROWS_AS(static_cast<void>(p.describe()), Error);
}

TEST_CASE("the chapter's example: a set is generated in parallel and halved") {
  int calls = 0;
  const auto show = [&](std::size_t done, std::size_t) { calls = static_cast<int>(done); };
  // [generate]
  amq::lab::PdebenchDarcy problem;
  problem.n = 64;                                                      // cells a side
  amq::ThreadPool pool(2);                                             // the host owns the threads
  const auto made = amq::lab::generate(problem, 1, 0, 6, pool, show);  // seed 1, samples 0 .. 5

  amq::mesh::GridSet set = problem.describe();  // axes, sizes, no samples yet
  set.assign(made.samples);                     // (sample, time, x, y, channel)
  const amq::mesh::GridSet half = amq::lab::resample(set, {32, 32});  // bilinear, cells
  // [generate]
  CHECK(calls == 6);
  CHECK(made.failures.empty());
  CHECK(half.u.values.size() == 6 * 32 * 32);
  CHECK(half.input.sample(5).size() == 32 * 32);
}

}  // namespace test_darcy_grid
