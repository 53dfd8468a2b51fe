#include <amq_lab/problems/rosenbrock.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace test_rosenbrock {

using namespace amq;
using namespace amq::lab;

namespace {
// u' = u - u^3 / 3 + d (u_left - 2 u + u_right) on a chain with free ends.
struct Chain {
  double d = 3;
  void slope(std::span<const double> u, std::span<double> f) const {
    const std::size_t n = u.size();
    for (std::size_t i = 0; i < n; ++i) {
      const double l = i > 0 ? u[i - 1] : u[0], r = i + 1 < n ? u[i + 1] : u[n - 1];
      f[i] = u[i] - u[i] * u[i] * u[i] / 3 + d * (l - 2 * u[i] + r);
    }
  }
  void jacobian(std::span<const double> u, Tridiagonal& j) const {
    const std::size_t n = u.size();
    for (std::size_t i = 0; i < n; ++i) {
      j.lower[i] = j.upper[i] = d;
      j.diagonal[i] = 1 - u[i] * u[i] - 2 * d + (i == 0 ? d : 0) + (i + 1 == n ? d : 0);
    }
  }
};
static_assert(stiff_system<Chain>);

std::vector<double> start() {
  std::vector<double> u;
  for (int i = 0; i < 7; ++i) u.push_back(std::sin(1.3 * i) + 0.2);
  return u;
}
double distance(std::span<const double> a, std::span<const double> b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst;
}
}  // namespace

TEST_CASE("a tridiagonal system is solved to rounding") {
  Tridiagonal t(5);
  for (std::size_t i = 0; i < 5; ++i) {
    t.lower[i] = -1.0 - 0.1 * static_cast<double>(i);
    t.upper[i] = 0.7;
    t.diagonal[i] = 3;
  }
  const auto a = t;
  const std::vector<double> x{1, -2, 3, 0.5, 4};
  std::vector<double> b(5);
  for (std::size_t i = 0; i < 5; ++i)
    b[i] = (i > 0 ? a.lower[i] * x[i - 1] : 0) + a.diagonal[i] * x[i] +
           (i < 4 ? a.upper[i] * x[i + 1] : 0);
  t.factorize();
  t.solve(b);
  CHECK(distance(b, x) < 1e-14);
}

TEST_CASE("with steps halved the error falls sixteenfold") {
  const Chain chain;
  const auto run = [&](int n) {
    Rosenbrock ode(chain, start());
    for (int i = 0; i < n; ++i) ode.step(2.0 / n);
    return std::vector<double>(ode.state().begin(), ode.state().end());
  };
  const auto exact = run(4000);
  const double e1 = distance(run(80), exact), e2 = distance(run(160), exact);
  CHECK(e1 < 1e-5);
  CHECK(e1 / e2 > 13);
  CHECK(e1 / e2 < 19);
}

TEST_CASE("the step control keeps the error near the tolerance, and stiffness costs no steps") {
  for (const double d : {3.0, 1e6}) {
    const Chain chain{d};
    Rosenbrock tight(chain, start(), {1e-10, 1e-10, 1e-8}), ode(chain, start(), {1e-5, 1e-5, 1e-8});
    tight.advance(1);
    ode.advance(0.3);
    ode.advance(1);
    CHECK(ode.time() == 1);
    CHECK(distance(ode.state(), tight.state()) < 5e-5);
    CHECK(ode.n_steps() < 60);
  }
}

TEST_CASE("a start that is no number is refused by name") {
  const Chain chain;
  Rosenbrock ode(chain, std::vector<double>(3, std::nan("")));
  CHECK_THROWS_AS(ode.advance(1), Error);
  CHECK_THROWS_AS(Rosenbrock(chain, std::vector<double>(1, 0.0)), Error);
}

}  // namespace test_rosenbrock
