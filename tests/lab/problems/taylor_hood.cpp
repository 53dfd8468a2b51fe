#include <amq_lab/problems/taylor_hood.hpp>

#include <amq/core/random.hpp>
#include <amq_lab/problems/channel_mesh.hpp>

#include <doctest/doctest.h>

#include <cmath>

namespace test_taylor_hood {

namespace {
struct Space {
  amq::Mesh mesh;
  amq::lab::TaylorHood space;
  std::vector<double> at;
  std::vector<char> border;
  explicit Space(const amq::lab::Channel& c = {1, 1, {}})
      : mesh(coarse(c)), space(mesh), at(mesh.points) {
    for (const auto t : mesh.node_type) border.push_back(t != amq::NodeType::normal);
    for (amq::Index s = 0; s < space.n_sides(); ++s) {
      const auto [a, b] = space.side(s);
      for (std::size_t d = 0; d < 2; ++d)
        at.push_back(
            (at[2 * static_cast<std::size_t>(a) + d] + at[2 * static_cast<std::size_t>(b) + d]) /
            2);
      border.push_back(space.on_border(s));
    }
  }
  static amq::Mesh coarse(const amq::lab::Channel& c) {
    amq::lab::ChannelResolution r;
    r.outside = 0.2;
    return amq::lab::channel_mesh(c, r).mesh;
  }
  template <typename F>
  Eigen::VectorXd fill(F f) const {
    Eigen::VectorXd v(space.n_velocity());
    for (amq::Index i = 0; i < v.size(); ++i)
      v(i) = f(at[static_cast<std::size_t>(2 * i)], at[static_cast<std::size_t>(2 * i + 1)]);
    return v;
  }
};
}  // namespace

TEST_CASE("mass and stiffness integrate quadratics exactly") {
  const Space s;
  const auto [m, k] = s.space.mass_and_stiffness();
  const auto one = s.fill([](double, double) { return 1.0; });
  const auto xx = s.fill([](double x, double) { return x * x; });
  const auto xy = s.fill([](double x, double y) { return x * y; });
  CHECK(one.dot(m * one) == doctest::Approx(1).epsilon(1e-12));
  CHECK(xx.dot(m * xy) == doctest::Approx(1.0 / 8).epsilon(1e-12));  // x^3 y
  CHECK((k * one).norm() < 1e-12);
  CHECK(xx.dot(k * xx) == doctest::Approx(4.0 / 3).epsilon(1e-12));
  CHECK(xx.dot(k * xy) == doctest::Approx(1.0 / 2).epsilon(1e-12));  // 2 x y
}

TEST_CASE("the divergence of a quadratic field is exact") {
  const Space s;
  const auto [dx, dy] = s.space.divergence();
  const auto u = s.fill([](double x, double y) { return x * x + y; });
  const auto v = s.fill([](double x, double y) { return x * y; });
  // The integral of div = 3 x over the square; against the pressure y, of 3 x y.
  const Eigen::VectorXd d = dx * u + dy * v;
  double against_y = 0;
  for (amq::Index i = 0; i < s.space.n_nodes(); ++i) against_y += d(i) * s.mesh.point(i)[1];
  CHECK(d.sum() == doctest::Approx(1.5).epsilon(1e-12));
  CHECK(against_y == doctest::Approx(0.75).epsilon(1e-12));
}

TEST_CASE("convection by a field that rests on the border makes no energy, even with divergence") {
  Space s({1, 1, {{0.5, 0.5, 0.2, 0.2, 0, 0}}});
  amq::core::Random random(2);
  amq::lab::Velocity w = amq::lab::Velocity::Zero(s.space.n_velocity(), 2);
  Eigen::VectorXd u(s.space.n_velocity());
  for (amq::Index i = 0; i < u.size(); ++i) {
    u(i) = random.normal();
    if (s.border[static_cast<std::size_t>(i)]) continue;
    w(i, 0) = random.normal();
    w(i, 1) = random.normal();
  }
  auto a = s.space.mass_and_stiffness().first;
  const double before = u.dot(a * u);
  s.space.add_convection(w, a);
  CHECK(std::abs(u.dot(a * u) - before) < 1e-10 * before);
  const Eigen::VectorXd other = s.fill([](double x, double y) { return x - y; });
  CHECK(std::abs(other.dot(a * u) - other.dot(s.space.mass_and_stiffness().first * u)) > 1e-3);
}

TEST_CASE("convection of a linear field by a constant wind is its slope") {
  Space s;
  auto a = s.space.mass_and_stiffness().first;
  const auto mass = a;
  amq::lab::Velocity w(s.space.n_velocity(), 2);
  w.col(0).setConstant(2);
  w.col(1).setConstant(-1);
  s.space.add_convection(w, a);
  const auto u = s.fill([](double x, double y) { return 3 * x + 5 * y; });
  const auto one = s.fill([](double, double) { return 1.0; });
  CHECK(((a - mass) * u - mass * one).norm() < 1e-12);  // 2 * 3 - 1 * 5
  CHECK(s.space.crossing_rate(w) > 2 / 0.3);
}

TEST_CASE("clockwise cells and quadrilaterals are refused") {
  amq::Mesh mesh;
  mesh.points = {0, 0, 1, 0, 0, 1};
  mesh.cells = {0, 2, 1};
  CHECK_THROWS_AS(amq::lab::TaylorHood{mesh}, amq::Error);
  mesh.nodes_per_cell = 4;
  mesh.cells = {0, 1, 2, 0};
  CHECK_THROWS_AS(amq::lab::TaylorHood{mesh}, amq::Error);
}

}  // namespace test_taylor_hood
