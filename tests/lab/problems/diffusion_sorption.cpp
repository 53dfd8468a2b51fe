#include <amq_lab/problems/diffusion_sorption.hpp>

#include <amq_lab/problems/generate.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <vector>

namespace test_diffusion_sorption {

using namespace amq;
using namespace amq::lab;
using Boundary = DiffusionSorption::Boundary;
static_assert(stiff_system<DiffusionSorption::System>);
static_assert(sampler<DiffusionSorption>);

namespace {
struct Golden {
  Index frame, cell;
  double value;
};
}  // namespace

TEST_CASE("both boundaries give the numbers of independent solvers") {
  // Spectral elements with Radau's method (accurate) and 1024 ghost-cell volumes with BDF
  // (published), both in Python, for the initial state 0.0237769...
  DiffusionSorption p;
  const auto check = [&](const std::vector<Golden>& golden, double tolerance) {
    const auto s = p.solve(0.023776905561836537);
    REQUIRE(s.u.size() == 101 * 1024);
    CHECK(s.u[0] == doctest::Approx(0.023776905561836537));
    for (const auto& g : golden)
      CHECK(std::abs(static_cast<double>(s.u[static_cast<std::size_t>(g.frame * 1024 + g.cell)]) -
                     g.value) < tolerance);
  };
  check({{1, 50, 0.194157824},
         {10, 200, 0.108647279},
         {50, 400, 0.149575397},
         {100, 511, 0.188678607},
         {100, 900, 0.0175233409},
         {100, 1023, 0.000192785446}},
        2e-6);
  p.boundary = Boundary::accurate;
  check({{1, 50, 0.198493034},
         {10, 200, 0.109462},
         {50, 400, 0.15006423},
         {100, 511, 0.189094633},
         {100, 900, 0.0175291728},
         {100, 1023, 0.000129666922}},
        1e-5);
}

TEST_CASE("the Jacobian is the derivative of the slope") {
  for (const auto boundary : {Boundary::published, Boundary::accurate}) {
    DiffusionSorption p;
    p.n = 8;
    p.boundary = boundary;
    const DiffusionSorption::System system(p);
    std::vector<double> u{0.9, 0.7, 0.5, 0.35, 0.2, 0.15, 0.1, 0.05}, f0(8), f1(8);
    Tridiagonal j(8);
    system.jacobian(u, j);
    for (std::size_t c = 0; c < 8; ++c) {
      const double h = 1e-6, middle = u[c];
      u[c] = middle + h;
      system.slope(u, f1);
      u[c] = middle - h;
      system.slope(u, f0);
      u[c] = middle;
      for (std::size_t r = 0; r < 8; ++r) {
        const double entry = r == c       ? j.diagonal[r]
                             : r == c + 1 ? j.lower[r]
                             : r + 1 == c ? j.upper[r]
                                          : 0;
        CHECK(std::abs((f1[r] - f0[r]) / (2 * h) - entry) < 1e-8);
      }
    }
  }
}

TEST_CASE("the error falls with the cells: second order at faces, first order with ghost cells") {
  const auto error = [](Boundary boundary, Index n, const std::vector<float>& exact) {
    DiffusionSorption p;
    p.n = n;
    p.end = 50;
    p.n_frames = 3;
    p.boundary = boundary;
    p.tolerance = {1e-8, 1e-10, 1e-6};
    const auto u = p.solve(0.1).u;
    double e = 0;
    const Index r = 1215 / n;
    for (Index i = 0; i < n; ++i)
      e += std::pow(u[static_cast<std::size_t>(2 * n + i)] -
                        exact[static_cast<std::size_t>(2 * 1215 + i * r + r / 2)],
                    2);
    return std::sqrt(e / static_cast<double>(n));
  };
  DiffusionSorption fine;
  fine.n = 1215;
  fine.end = 50;
  fine.n_frames = 3;
  fine.boundary = Boundary::accurate;
  fine.tolerance = {1e-8, 1e-10, 1e-6};
  const auto exact = fine.solve(0.1).u;
  const double a1 = error(Boundary::accurate, 45, exact),
               a2 = error(Boundary::accurate, 135, exact);
  CHECK(std::log(a1 / a2) / std::log(3.0) > 1.8);
  const double p1 = error(Boundary::published, 135, exact),
               p2 = error(Boundary::published, 405, exact);
  CHECK(std::log(p1 / p2) / std::log(3.0) == doctest::Approx(1.0).epsilon(0.15));
}

TEST_CASE("refined cells have the centres of the returned ones") {
  DiffusionSorption p;
  p.n = 81;
  p.boundary = Boundary::accurate;
  p.n_frames = 5;
  auto finer = p;
  finer.refine = 3;
  const auto a = p.solve(0.05).u, b = finer.solve(0.05).u;
  REQUIRE(a.size() == b.size());
  for (std::size_t k = 81; k < a.size(); ++k) CHECK(std::abs(a[k] - b[k]) < 3e-3);
}

TEST_CASE(
    "samples start from a constant in (0, 0.2) and keep between it and the boundary's value") {
  DiffusionSorption p;
  p.n = 64;
  p.n_frames = 11;
  const auto made = generate(p, 3, 5, 4);
  REQUIRE(made.samples.size() == 4);
  for (std::size_t k = 0; k < 4; ++k) {
    const auto& u = made.samples[k].u;
    CHECK(u[0] == doctest::Approx(p.initial(3, 5 + k)));
    CHECK(u[0] > 0);
    CHECK(u[0] < 0.2f);
    for (const float x : u) {
      CHECK(x > -1e-4f);
      CHECK(x < 1.0001f);
    }
    CHECK(made.samples[k].u == p.sample(3, 5 + k).u);
  }
  auto set = p.describe();
  set.assign(made.samples);
  CHECK(set.u.n_samples == 4);
  CHECK(set.t[1] == 50);
}

TEST_CASE("sizes that make no sense are refused") {
  DiffusionSorption p;
  p.refine = 2;
  CHECK_THROWS_AS(static_cast<void>(p.solve(0.1)), Error);
  p.refine = 1;
  p.n = 2;
  CHECK_THROWS_AS(static_cast<void>(p.describe()), Error);
}

}  // namespace test_diffusion_sorption
