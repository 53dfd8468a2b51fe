#include <amq_lab/problems/channel_mesh.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <utility>

namespace test_channel_mesh {

namespace {
amq::lab::Channel two_obstacles() {
  amq::lab::Channel c;
  c.obstacles.push_back({0.3, 0.15, 0.05, 0.03, 0.4, 0});
  c.obstacles.push_back({0.6, 0.25, 0.05, 0.05, 0.2, 4});
  return c;
}
}  // namespace

TEST_CASE("a channel with an ellipse and a square is filled, with sound angles and full borders") {
  const auto c = two_obstacles();
  const auto m = amq::lab::channel_mesh(c);
  CHECK(m.smallest_angle > 20);
  double area = 0, holes[2] = {0, 0};
  std::set<std::pair<int, int>> directed;
  for (amq::Index k = 0; k < m.mesh.n_cells(); ++k) {
    const auto* v = m.mesh.cell(k);
    const double *p = m.mesh.point(v[0]), *q = m.mesh.point(v[1]), *r = m.mesh.point(v[2]);
    area += ((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])) / 2;
    for (int j = 0; j < 3; ++j) CHECK(directed.emplace(v[j], v[(j + 1) % 3]).second);
  }
  // The sides without a twin are the border; around each obstacle they run clockwise.
  int border = 0, inflow = 0, outflow = 0;
  for (const auto& [a, b] : directed) {
    if (directed.contains({b, a})) continue;
    ++border;
    const double *p = m.mesh.point(a), *q = m.mesh.point(b);
    const auto i = static_cast<std::size_t>(a), j = static_cast<std::size_t>(b);
    CHECK(m.mesh.node_type[i] != amq::NodeType::normal);
    CHECK(m.obstacle[i] == m.obstacle[j]);
    if (m.obstacle[i] >= 0) holes[m.obstacle[i]] -= (p[0] * q[1] - p[1] * q[0]) / 2;
  }
  const auto n = m.mesh.n_nodes();
  // Euler with two holes: nodes - sides + cells = -1, and 3 cells = 2 sides - border.
  CHECK(m.mesh.n_cells() == 2 * n - border + 2);
  CHECK(area + holes[0] + holes[1] == doctest::Approx(1.6 * 0.41).epsilon(1e-10));
  CHECK(holes[0] == doctest::Approx(3.14159 * 0.05 * 0.03).epsilon(0.01));
  CHECK(holes[1] == doctest::Approx(0.005).epsilon(1e-6));
  for (amq::Index k = 0; k < n; ++k) {
    const auto t = m.mesh.node_type[static_cast<std::size_t>(k)];
    inflow += t == amq::NodeType::inflow;
    outflow += t == amq::NodeType::outflow;
    if (t == amq::NodeType::inflow) CHECK(m.mesh.point(k)[0] == 0);
    if (t == amq::NodeType::outflow) CHECK(m.mesh.point(k)[0] == doctest::Approx(1.6));
  }
  CHECK(inflow >= 5);
  CHECK(outflow >= 5);
}

TEST_CASE("the same arguments give the same mesh, another seed another") {
  const auto c = two_obstacles();
  const auto a = amq::lab::channel_mesh(c, {}, 1), b = amq::lab::channel_mesh(c, {}, 1),
             d = amq::lab::channel_mesh(c, {}, 2);
  CHECK(a.mesh.points == b.mesh.points);
  CHECK(a.mesh.cells == b.mesh.cells);
  CHECK(a.mesh.points != d.mesh.points);
}

TEST_CASE("obstacles at a wall, on each other or without area are refused") {
  for (const amq::lab::Obstacle bad : {amq::lab::Obstacle{0.3, 0.04, 0.05, 0.05, 0, 0},
                                       amq::lab::Obstacle{0.62, 0.2, 0.05, 0.05, 0, 0},
                                       amq::lab::Obstacle{0.3, 0.2, 0.05, 0, 0, 0},
                                       amq::lab::Obstacle{0.3, 0.2, 0.05, 0.05, 0, 2}}) {
    auto c = two_obstacles();
    c.obstacles[0] = bad;
    CHECK_THROWS_AS(static_cast<void>(amq::lab::channel_mesh(c)), amq::Error);
  }
  amq::lab::ChannelResolution r;
  r.grade = 0;
  CHECK_THROWS_AS(static_cast<void>(amq::lab::channel_mesh(two_obstacles(), r)), amq::Error);
}

}  // namespace test_channel_mesh
