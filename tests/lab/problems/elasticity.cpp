#include <amq_lab/problems/elasticity.hpp>

#include <amq/core/thread_pool.hpp>

#include "npy.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace test_elasticity {

namespace {

amq::lab::Hole some_hole() {
  amq::core::Random random = amq::core::Random::stream(7, 0);
  return amq::lab::Hole::random(random);
}

double relative_l2(const std::vector<float>& a, const std::vector<float>& b,
                   const std::vector<char>& skip) {
  double d = 0, s = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (skip[i]) continue;
    d += (a[i] - b[i]) * (a[i] - b[i]);
    s += b[i] * b[i];
  }
  return std::sqrt(d / s);
}

// Nodes close to the two clamped corners, where the stress is singular.
std::vector<char> near_corners(const amq::Mesh& mesh, double radius) {
  std::vector<char> skip;
  for (amq::Index i = 0; i < mesh.n_nodes(); ++i) {
    const double x = mesh.point(i)[0], y = mesh.point(i)[1];
    skip.push_back(std::min(std::hypot(x, y), std::hypot(1 - x, y)) < radius);
  }
  return skip;
}

}  // namespace

TEST_CASE("the material's stress and tangent are the derivatives of its energy") {
  const amq::lab::RivlinSaunders law;
  const double x[3] = {1.3, 0.9, 0.2}, h = 1e-5;
  const auto mid = law(x[0], x[1], x[2]);
  const double per_strain[3] = {2, 2, 1};
  for (int k = 0; k < 3; ++k) {
    double p[3] = {x[0], x[1], x[2]}, m[3] = {x[0], x[1], x[2]};
    p[k] += h;
    m[k] -= h;
    const auto plus = law(p[0], p[1], p[2]), minus = law(m[0], m[1], m[2]);
    CHECK(per_strain[k] * (plus.energy - minus.energy) / (2 * h) ==
          doctest::Approx(mid.stress(k)).epsilon(1e-7));
    for (int j = 0; j < 3; ++j)
      CHECK(per_strain[k] * (plus.stress(j) - minus.stress(j)) / (2 * h) ==
            doctest::Approx(mid.tangent(j, k)).epsilon(1e-6));
  }
  const auto rest = law(1, 1, 0);
  CHECK(rest.energy == doctest::Approx(0));
  CHECK(rest.stress.norm() < 1e-9);
}

TEST_CASE("a pulled strip follows the analytic uniaxial law on a distorted mesh") {
  // Four distorted cells on [0,1]^2: held in x on the left, in y below, pulled to the right.
  amq::lab::Q2Mesh mesh;
  for (int j = 0; j < 5; ++j) {
    for (int i = 0; i < 5; ++i) {
      const double bump = (i % 4 != 0 && j % 4 != 0) ? 0.05 * ((i + 2 * j) % 3 - 1) : 0.0;
      mesh.points.push_back(i / 4.0 + bump);
      mesh.points.push_back(j / 4.0 - bump);
    }
  }
  for (int c = 0; c < 4; ++c) {
    std::array<std::int32_t, 9> cell{};
    for (int k = 0; k < 9; ++k)
      cell[static_cast<std::size_t>(k)] = 2 * (c % 2) + k % 3 + 5 * (2 * (c / 2) + k / 3);
    mesh.cells.push_back(cell);
  }
  std::vector<char> fixed(50, 0);
  for (std::size_t k = 0; k < 5; ++k) fixed[2 * (5 * k)] = fixed[2 * k + 1] = 1;
  // Nominal stress of incompressible Rivlin-Saunders at stretch s (Rivlin and Saunders 1951).
  const amq::lab::RivlinSaunders law;
  const double s = 1.7, nominal = 2 * (s - 1 / (s * s)) * (law.c1 + law.c2 / s);
  Eigen::VectorXd load = Eigen::VectorXd::Zero(50);
  const double share[5] = {1, 4, 2, 4, 1};
  for (int j = 0; j < 5; ++j) load(2 * (5 * j + 4)) = nominal * share[j] / 12;
  amq::lab::HyperelasticSheet sheet(mesh, law, fixed);
  Eigen::VectorXd u = Eigen::VectorXd::Zero(50);
  sheet.solve(u, load);
  for (int j = 0; j < 5; ++j) {
    for (int i = 0; i < 5; ++i) {
      const auto k = static_cast<std::size_t>(5 * j + i);
      CHECK(u(static_cast<int>(2 * k)) == doctest::Approx((s - 1) * mesh.points[2 * k]));
      CHECK(u(static_cast<int>(2 * k + 1)) ==
            doctest::Approx((1 / std::sqrt(s) - 1) * mesh.points[2 * k + 1]));
    }
  }
  const auto stress = sheet.corner_stress(u);
  for (const std::size_t corner : {0u, 2u, 4u, 10u, 12u, 24u}) {
    CHECK(stress[3 * corner] == doctest::Approx(s * nominal).epsilon(1e-9));
    CHECK(std::abs(stress[3 * corner + 1]) < 1e-6 * nominal);
  }
}

TEST_CASE(
    "the patch test: an affine border gives the affine inside, with or without a hole's mesh") {
  const amq::lab::HoleCellMesh cell(some_hole(), 24, 2);
  const auto n = cell.q2.n_nodes();
  std::vector<char> fixed(static_cast<std::size_t>(2 * n), 0);
  Eigen::VectorXd u = Eigen::VectorXd::Zero(2 * n), exact(2 * n);
  for (amq::Index i = 0; i < n; ++i) {
    const double x = cell.q2.points[static_cast<std::size_t>(2 * i)],
                 y = cell.q2.points[static_cast<std::size_t>(2 * i + 1)];
    exact(2 * i) = 0.2 * x + 0.1 * y;
    exact(2 * i + 1) = -0.05 * x - 0.1 * y;
  }
  for (int i = 0; i < 2 * cell.rays(); ++i) {
    for (const int j : {0, 2 * cell.rings()}) {
      const auto k = static_cast<std::size_t>(cell.node(i, j));
      fixed[2 * k] = fixed[2 * k + 1] = 1;
    }
  }
  for (amq::Index i = 0; i < 2 * n; ++i)
    u(i) =
        exact(i) +
        (fixed[static_cast<std::size_t>(i)] ? 0 : 0.002 * std::sin(3.0 * static_cast<double>(i)));
  amq::lab::HyperelasticSheet sheet(cell.q2, {}, fixed);
  sheet.solve(u, Eigen::VectorXd::Zero(2 * n));
  CHECK((u - exact).cwiseAbs().maxCoeff() < 1e-9);
}

TEST_CASE("the hole is drawn from the documented Gaussian process and stays inside (0.2, 0.4)") {
  amq::core::Random random(3);
  double m1 = 0, m2 = 0;
  const int n = 2000;
  for (int i = 0; i < n; ++i) {
    const auto hole = amq::lab::Hole::random(random);
    for (const double r : hole.radius) REQUIRE((r > 0.2 && r < 0.4));
    const double g = std::log(0.2 / (hole.radius[11] - 0.2) - 1);
    m1 += g / n;
    m2 += g * g / n;
  }
  double variance = 0;
  for (int m = 1; m <= 5; ++m) variance += 16.0 / (m * m + 9) / 3.14159265358979;
  CHECK(std::abs(m1) < 0.1);
  CHECK(m2 == doctest::Approx(variance).epsilon(0.08));
  // Between the 42 angles the interpolation is that of the five waves.
  const auto hole = amq::lab::Hole::from_coefficients({0, 0, 0, 0, 1, 0, 0, 0, 0, 0});
  const double pi = 3.14159265358979323846, a = 0.1;
  const double g = 4 / std::sqrt(18 * pi) * std::cos(3 * a);
  CHECK(amq::lab::HoleRadius(hole)(a) ==
        doctest::Approx(0.2 + 0.2 / (1 + std::exp(g))).epsilon(1e-10));
}

TEST_CASE("the stress converges under refinement, and coarse cells are within 3 per cent") {
  amq::lab::ElasticityOptions o;
  o.traction = 1e5;
  o.n_rays = 60;
  o.n_rings = 5;
  const auto hole = some_hole();
  const auto coarse = amq::lab::solve_elasticity(hole, o);
  o.refine = 2;
  const auto fine = amq::lab::solve_elasticity(hole, o);
  o.refine = 3;
  const auto finest = amq::lab::solve_elasticity(hole, o);
  const auto skip = near_corners(coarse.mesh, 0.08);
  const double e1 = relative_l2(coarse.stress, finest.stress, skip);
  const double e2 = relative_l2(fine.stress, finest.stress, skip);
  MESSAGE("own mesh ", e1, ", refined twice ", e2, ", seconds per sample ", coarse.seconds,
          ", Newton steps ", coarse.newton.iterations);
  CHECK(e1 < 0.03);
  CHECK(e2 < 0.5 * e1);
}

TEST_CASE("a small traction gives a stress proportional to it") {
  amq::lab::ElasticityOptions o;
  o.traction = 10;
  const auto one = amq::lab::solve_elasticity(some_hole(), o);
  REQUIRE(one.mesh.n_nodes() == 972);
  REQUIRE(one.mesh.n_cells() == 864);
  o.traction = 20;
  const auto two = amq::lab::solve_elasticity(some_hole(), o);
  for (std::size_t i = 0; i < one.stress.size(); i += 37)
    CHECK(two.stress[i] == doctest::Approx(2 * one.stress[i]).epsilon(0.005));
}

TEST_CASE("independent reference solutions are met") {
  const std::string folder = AMQ_SHARED_DATA "/elasticity/Random_UnitCell_";
  const Npy mask = Npy::read(AMQ_SHARED_DATA "/elasticity/corner_mask.npy");
  if (mask.shape.empty()) {
    MESSAGE("skipped: no reference data in " AMQ_SHARED_DATA);
    return;
  }
  for (const bool hard : {false, true}) {
    const std::string end = hard ? "_10_t1e5.npy" : "_10.npy";
    const Npy rr = Npy::read(folder + "rr" + end), xy = Npy::read(folder + "XY" + end),
              sigma = Npy::read(folder + "sigma" + end);
    REQUIRE(rr.shape.size() == 2);
    const std::size_t n = rr.shape[1];
    amq::lab::ElasticityOptions o;
    o.traction = hard ? 1e5 : 100;
    o.refine = 2;
    double worst = 0, worst_own = 0;
    for (std::size_t s = 0; s < (hard ? 1u : 2u); ++s) {
      amq::lab::Hole hole;
      for (std::size_t k = 0; k < 42; ++k) hole.radius[k] = rr.at<float>(k * n + s);
      std::vector<float> expected(972);
      std::vector<char> skip(972);
      for (std::size_t i = 0; i < 972; ++i) {
        expected[i] = sigma.at<float>(i * n + s);
        skip[i] = mask.at<char>(i * mask.shape[1] + s);
      }
      const auto ours = amq::lab::solve_elasticity(hole, o);
      for (std::size_t i = 0; i < 972; ++i)
        for (std::size_t d = 0; d < 2; ++d)
          REQUIRE(std::abs(ours.mesh.points[2 * i + d] - xy.at<float>((i * 2 + d) * n + s)) < 1e-5);
      worst = std::max(worst, relative_l2(ours.stress, expected, skip));
      amq::lab::ElasticityOptions own = o;
      own.refine = 1;
      worst_own = std::max(
          worst_own, relative_l2(amq::lab::solve_elasticity(hole, own).stress, expected, skip));
    }
    MESSAGE("traction ", o.traction, ": worst relative L2, refined ", worst, ", own mesh ",
            worst_own);
    CHECK(worst < 0.01);
    CHECK(worst_own < 0.02);
  }
}

TEST_CASE("samples are the same on one thread and on two") {
  // [generate]
  amq::lab::ElasticitySampler problem;
  problem.options.n_rays = 24;  // 108 x 8 cells are the 972 nodes of the public set
  problem.options.n_rings = 2;
  amq::ThreadPool pool(2);
  const auto made = amq::lab::generate(problem, 1, 0, 4, pool);  // seed 1, samples 0 .. 3
  // [generate]
  REQUIRE(made.samples.size() == 4);
  const auto again = problem.sample(1, 2);
  CHECK(made.samples[2].stress == again.stress);
  CHECK(made.samples[1].stress != again.stress);
}

TEST_CASE("a load no mesh can bear is reported, dropped and counted") {
  amq::lab::ElasticitySampler sampler;
  sampler.options.traction = -1e9;
  sampler.options.n_rays = 24;
  sampler.options.n_rings = 2;
  CHECK_THROWS_AS(static_cast<void>(sampler.sample(1, 0)), amq::Error);
  const auto made = amq::lab::generate(sampler, 1, 0, 2);
  CHECK(made.samples.empty());
  REQUIRE(made.failures.size() == 2);
  CHECK(made.failures[1].index == 1);
  CHECK(made.failures[1].reason.find("load step") != std::string::npos);
}

TEST_CASE("bad shapes are refused with a mend") {
  CHECK_THROWS_AS(amq::lab::HoleCellMesh(some_hole(), 42, 8), amq::Error);
  amq::lab::Hole hole = some_hole();
  hole.radius[3] = 0.45;
  CHECK_THROWS_AS(amq::lab::HoleRadius{hole}, amq::Error);
  CHECK_THROWS_AS(amq::lab::HyperelasticSheet({{0, 0}, {}}, {}, {1}), amq::Error);
}

}  // namespace test_elasticity
