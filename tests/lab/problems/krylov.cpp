#include <amq_lab/problems/krylov.hpp>

#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace test_krylov {

namespace {
// Diffusion with wind on a ring of n points.
amq::lab::RowMatrix ring(int n, double wind) {
  std::vector<Eigen::Triplet<double, int>> t;
  for (int i = 0; i < n; ++i) {
    t.emplace_back(i, i, 2.5);
    t.emplace_back(i, (i + 1) % n, -1 + wind);
    t.emplace_back(i, (i + n - 1) % n, -1 - wind);
  }
  amq::lab::RowMatrix a(n, n);
  a.setFromTriplets(t.begin(), t.end());
  return a;
}
}  // namespace

TEST_CASE("free rows are solved to tolerance, held unknowns stay as they are") {
  const int n = 200;
  const auto a = ring(n, 0.8);
  std::vector<char> free(n, 1);
  free[0] = free[77] = 0;
  amq::lab::IncompleteLu ilu;
  ilu.prepare(a, free);
  ilu.factorise(a);
  amq::core::Random random(4);
  Eigen::VectorXd x = Eigen::VectorXd::Zero(n), b(n);
  for (int i = 0; i < n; ++i) b(i) = random.normal();
  x(0) = 2;
  x(77) = -3;
  CHECK(amq::lab::bicgstab(a, ilu, b, x, 1e-11) > 0);
  CHECK(x(0) == 2);
  CHECK(x(77) == -3);
  const Eigen::VectorXd r = a * x - b;
  for (int i = 0; i < n; ++i)
    if (free[static_cast<std::size_t>(i)]) CHECK(std::abs(r(i)) < 1e-9);
  CHECK(amq::lab::bicgstab(a, ilu, b, x, 1e-8) == 0);  // solved already
}

TEST_CASE("a tridiagonal matrix has no fill, so its incomplete factors are exact") {
  const int n = 50;
  const auto a = ring(n, 0.3);
  std::vector<char> free(n, 1);
  free[0] = 0;  // cuts the ring
  amq::lab::IncompleteLu ilu;
  ilu.prepare(a, free);
  ilu.factorise(a);
  Eigen::VectorXd x = Eigen::VectorXd::Zero(n);
  CHECK(amq::lab::bicgstab(a, ilu, Eigen::VectorXd::Ones(n), x, 1e-10) == 1);
}

TEST_CASE("a system without a solution is reported") {
  amq::lab::RowMatrix a(2, 2);
  const std::vector<Eigen::Triplet<double, int>> t{{0, 0, 1.}, {0, 1, 1.}, {1, 0, 1.}, {1, 1, 1.}};
  a.setFromTriplets(t.begin(), t.end());
  amq::lab::IncompleteLu ilu;
  ilu.prepare(a, {1, 1});
  ilu.factorise(a);
  Eigen::VectorXd x = Eigen::VectorXd::Zero(2), b(2);
  b << 1, -1;
  CHECK(amq::lab::bicgstab(a, ilu, b, x, 1e-10) == -1);
}

TEST_CASE(
    "a system that only its held unknowns drive is solved: b = 0 asked for no residual at all") {
  const int n = 300;
  const auto a = ring(n, 0.1);
  std::vector<char> free(n, 1);
  free[10] = 0;
  free[200] = 0;
  amq::lab::IncompleteLu ilu;
  ilu.prepare(a, free);
  ilu.factorise(ring(n, 0.9));  // a preconditioner that is not exact
  Eigen::VectorXd x = Eigen::VectorXd::Zero(n);
  x(10) = x(200) = 1;
  const int steps = amq::lab::bicgstab(a, ilu, Eigen::VectorXd::Zero(n), x, 1e-6);
  CHECK(steps > 0);
  CHECK(steps < 40);
}

}  // namespace test_krylov
