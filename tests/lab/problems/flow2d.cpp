#include <amq_lab/problems/flow2d.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#ifdef AMQ_WITH_ZLIB
#include <amq_lab/data/npz.hpp>
#include <amq_lab/data/npz_zlib.hpp>
#endif

namespace test_flow2d {

TEST_CASE(
    "without obstacles the parabola flows through unchanged and the pressure falls linearly") {
  amq::lab::ChannelResolution r;
  r.outside = 0.1;
  amq::lab::FlowOptions o;
  o.viscosity = 0.05;
  o.dt = 0.05;
  amq::lab::ChannelFlow flow(amq::lab::channel_mesh({1, 0.41, {}}, r), o,
                             amq::lab::parabola(0.3, 0.41));
  flow.advance(10);
  const auto& m = flow.mesh().mesh;
  double u = 0, p = 0;
  for (amq::Index i = 0; i < m.n_nodes(); ++i) {
    const double x = m.point(i)[0], y = m.point(i)[1];
    u = std::max(u, std::abs(flow.velocity()(i, 0) - 1.2 * y * (0.41 - y) / (0.41 * 0.41)));
    u = std::max(u, std::abs(flow.velocity()(i, 1)));
    p = std::max(p, std::abs(flow.pressure()(i) - 0.05 * 2.4 / (0.41 * 0.41) * (1 - x)));
  }
  CHECK(u < 1e-6);
  CHECK(p < 1e-5);
}

TEST_CASE("a potential force moves nothing, a twist turns the fluid") {
  amq::lab::ChannelResolution r;
  r.outside = 0.1;
  amq::lab::FlowOptions o;
  o.viscosity = 0.01;
  o.dt = 0.05;
  const auto still = [](double, double) { return 0.0; };
  amq::lab::ChannelFlow held(amq::lab::channel_mesh({1, 0.41, {}}, r), o, still,
                             [](double x, double, double) {
                               return std::array{1 - x, 0.0};
                             });
  amq::lab::ChannelFlow turned(amq::lab::channel_mesh({1, 0.41, {}}, r), o, still,
                               [](double, double y, double) {
                                 return std::array{y - 0.2, 0.0};
                               });
  held.advance(2);
  turned.advance(2);
  CHECK(held.velocity().norm() < 0.02 * turned.velocity().norm());
}

TEST_CASE("steady flow past a cylinder at Re 20 has the drag of the DFG benchmark 2D-1") {
  amq::lab::FlowOptions o;
  o.dt = 0.04;
  amq::lab::ChannelResolution r;
  r.around = 30;
  r.wake = 0.03;
  r.outside = 0.08;
  amq::lab::ChannelFlow flow(amq::lab::channel_mesh({2.2, 0.41, {amq::lab::Obstacle{}}}, r), o,
                             amq::lab::parabola(0.3, 0.41, 0.5));
  flow.advance(5);
  const double unit = 2 / (0.04 * 0.1);
  const auto f = flow.force(0);
  MESSAGE("drag ", unit * f[0], " (5.5795), lift ", unit * f[1], " (0.0106), ",
          flow.mesh().mesh.n_nodes(), " nodes");
  CHECK(unit * f[0] == doctest::Approx(5.5795).epsilon(0.015));
  CHECK(std::abs(unit * f[1] - 0.0106) < 0.003);
}

TEST_CASE("a step is shortened where the flow crosses cells too fast, and time still fits") {
  amq::lab::FlowOptions o;
  o.dt = 0.1;
  o.max_courant = 2;
  amq::lab::ChannelResolution r;
  r.around = 20;
  r.wake = r.outside = 0.08;
  amq::lab::ChannelFlow flow(amq::lab::channel_mesh({1, 0.41, {amq::lab::Obstacle{}}}, r), o,
                             amq::lab::parabola(0.5, 0.41));
  int steps = 0;
  flow.advance(0.3, [&] { ++steps; });
  CHECK(steps > 6);
  CHECK(flow.time() == 0.3);
  CHECK(flow.step() < 0.05);
}

TEST_CASE("a trajectory depends on seed and index alone, and its shapes fit") {
  amq::lab::FlowSampler sampler;
  auto& o = sampler.options;
  o.resolution.around = 16;
  o.resolution.wake = 0.06;
  o.resolution.outside = 0.1;
  o.min_obstacles = o.max_obstacles = 2;
  o.min_flatness = 0.6;
  o.polygons = 0.5;
  o.flow.dt = 0.02;
  o.flow.max_courant = 8;
  o.start = 0.1;
  o.n_frames = 3;
  const auto a = sampler.sample(3, 1), b = sampler.sample(3, 1), c = sampler.sample(3, 2);
  CHECK(a.velocity == b.velocity);
  CHECK(a.velocity != c.velocity);
  const auto n = static_cast<std::size_t>(a.mesh.n_nodes());
  CHECK(a.velocity.size() == 3 * 2 * n);
  CHECK(a.pressure.size() == 3 * n);
  CHECK(a.force.size() == 3 * 2 * 2);
  for (std::size_t i = 0; i < n; ++i)
    if (a.mesh.node_type[i] == amq::NodeType::wall) REQUIRE(a.velocity[2 * (2 * n + i)] == 0);
  o.min_radius = o.max_radius = 0.15;
  CHECK_THROWS_AS(static_cast<void>(sampler.sample(3, 1)), amq::Error);
}

TEST_CASE("bad options are refused") {
  amq::lab::FlowOptions o;
  o.viscosity = 0;
  amq::lab::ChannelResolution r;
  r.outside = 0.2;
  const auto m = amq::lab::channel_mesh({1, 1, {}}, r);
  CHECK_THROWS_AS(amq::lab::ChannelFlow(m, o, amq::lab::parabola(1, 1)), amq::Error);
  auto bare = m;
  bare.obstacle.clear();
  CHECK_THROWS_AS(amq::lab::ChannelFlow(bare, {}, amq::lab::parabola(1, 1)), amq::Error);
}

TEST_CASE("on its own mesh an independent solver's trajectory is met, one second after the start") {
#ifdef AMQ_WITH_ZLIB
  const std::string path = AMQ_SHARED_DATA "/cylinder_flow/traj_001.npz";
  amq::lab::npz::Arrays z;
  try {
    z = amq::lab::npz::read(path, amq::lab::zlib_inflate);
  } catch (const amq::Error& e) {
    MESSAGE("skipped: ", std::string(e.what()));
    return;
  }
  const auto floats = [&](const char* name) { return amq::lab::npz::at(z, name).as<float>(); };
  amq::lab::ChannelMesh m;
  m.mesh.cells = amq::lab::npz::at(z, "cells").as<std::int32_t>();
  for (const float x : floats("mesh_pos")) m.mesh.points.push_back(x);
  for (const auto t : amq::lab::npz::at(z, "node_type").as<std::int32_t>())
    m.mesh.node_type.push_back(static_cast<amq::NodeType>(t));
  for (amq::Index i = 0; i < m.mesh.n_nodes(); ++i) {
    const double x = m.mesh.point(i)[0], y = m.mesh.point(i)[1];
    const bool border = x < 1e-6 || x > 1.6 - 1e-6 || y < 1e-6 || y > 0.41 - 1e-6;
    const bool wall = m.mesh.node_type[static_cast<std::size_t>(i)] == amq::NodeType::wall;
    m.obstacle.push_back(wall && !border ? 0 : -1);
  }
  amq::lab::FlowOptions o;
  o.dt = 0.005;
  o.max_courant = 100;
  const auto inflow = amq::lab::parabola(floats("u_max")[0], 0.41);
  amq::lab::ChannelFlow flow(m, o, inflow);
  flow.set_velocity([&](double, double y) { return std::array{inflow(y, 0), 0.0}; });
  flow.advance(1);
  const auto velocity = floats("velocity"), pressure = floats("pressure");
  double dv = 0, v = 0, dp = 0, p = 0;
  for (amq::Index i = 0; i < m.mesh.n_nodes(); ++i) {
    for (amq::Index d = 0; d < 2; ++d) {
      const double theirs = velocity[static_cast<std::size_t>(2 * i + d)];
      dv += std::pow(flow.velocity()(i, d) - theirs, 2);
      v += theirs * theirs;
    }
    const double theirs = pressure[static_cast<std::size_t>(i)];
    dp += std::pow(flow.pressure()(i) - theirs, 2);
    p += theirs * theirs;
  }
  const auto forces = floats("forces");
  const double solver_dt = floats("solver_dt")[0];
  const auto row = static_cast<std::size_t>(std::lround(1 / solver_dt)) - 1;
  const auto f = flow.force(0);
  MESSAGE("relative L2 of velocity ", std::sqrt(dv / v), ", pressure ", std::sqrt(dp / p),
          "; drag ", f[0], " (", forces[2 * row], "), lift ", f[1], " (", forces[2 * row + 1], ")");
  CHECK(std::sqrt(dv / v) < 0.005);
  CHECK(std::sqrt(dp / p) < 0.02);
  CHECK(f[0] == doctest::Approx(forces[2 * row]).epsilon(0.02));
#else
  MESSAGE("skipped: built without zlib");
#endif
}

}  // namespace test_flow2d
