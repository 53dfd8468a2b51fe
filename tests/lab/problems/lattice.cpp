#include <amq_lab/problems/lattice.hpp>

#include <amq/core/thread_pool.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <vector>

namespace test_lattice {

namespace {

amq::lab::LatticeOptions box(int nx, int ny, int nz) {
  amq::lab::LatticeOptions o;
  o.nx = nx;
  o.ny = ny;
  o.nz = nz;
  return o;  // periodic
}

// Largest error over the largest velocity of pushed flow between plates, n cells apart.
double poiseuille(int n, double viscosity, double magic) {
  auto o = box(3, 2, n);
  o.face[4] = o.face[5] = amq::lab::Face::wall;
  o.viscosity = viscosity;
  o.magic = magic;
  const double top = 0.4 / n;  // the same Reynolds number for every n
  o.push[0] = static_cast<float>(8 * viscosity * top / (n * n));
  amq::lab::Lattice l(o);
  for (int s = 0; s < static_cast<int>(1.2 * n * n / viscosity); ++s) l.step();
  double worst = 0;
  for (int k = 0; k < n; ++k) {
    const double z = k + 0.5, exact = 4 * top * z * (n - z) / (n * n);
    worst = std::max(worst, std::abs(l.macroscopic(1, 1, k)[1] - exact));
  }
  return worst / top;
}

amq::lab::Lattice::Level ball(double x0, double y0, double z0, double r) {
  return [=](double x, double y, double z) { return std::hypot(x - x0, y - y0, z - z0) - r; };
}

}  // namespace

static_assert(amq::lab::d3q19::opposite(7) == 8 && amq::lab::d3q19::opposite(8) == 7);
static_assert(amq::lab::d3q19::mirror(7, 1) == 9);

TEST_CASE("the velocities carry the moments of the rest state") {
  double sum = 0, second[3][3] = {};
  for (std::size_t q = 0; q < 19; ++q) {
    sum += amq::lab::d3q19::w(q);
    for (std::size_t a = 0; a < 3; ++a) {
      CHECK(amq::lab::d3q19::velocity[q][a] ==
            -amq::lab::d3q19::velocity[amq::lab::d3q19::opposite(q)][a]);
      for (std::size_t b = 0; b < 3; ++b)
        second[a][b] += static_cast<double>(amq::lab::d3q19::w(q)) *
                        amq::lab::d3q19::velocity[q][a] * amq::lab::d3q19::velocity[q][b];
    }
  }
  CHECK(sum == doctest::Approx(1));
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < 3; ++b) CHECK(second[a][b] == doctest::Approx(a == b ? 1.0 / 3 : 0.0));
}

TEST_CASE("flow between plates converges with the second order without the magic number") {
  const double e8 = poiseuille(8, 0.5, 0), e16 = poiseuille(16, 0.5, 0);
  MESSAGE("relative error with 8 cells ", e8, ", 16 cells ", e16);
  CHECK(e8 < 0.06);
  CHECK(e8 / e16 > 3.5);
}

TEST_CASE("the magic number 3/16 makes flow between plates exact for every viscosity") {
  CHECK(poiseuille(8, 0.02, 3.0 / 16) < 1e-3);
  CHECK(poiseuille(8, 0.3, 3.0 / 16) < 1e-3);
}

TEST_CASE("a moving wall drags the fluid along: Couette's straight line") {
  auto o = box(2, 2, 10);
  o.face[4] = o.face[5] = amq::lab::Face::wall;
  o.face_velocity[5] = {0.1f, 0, 0};
  o.viscosity = 0.3;
  amq::lab::Lattice l(o);
  for (int s = 0; s < 2000; ++s) l.step();
  for (int k = 0; k < 10; ++k)
    CHECK(l.macroscopic(0, 0, k)[1] == doctest::Approx(0.1 * (k + 0.5) / 10).epsilon(1e-3));
}

TEST_CASE("a uniform stream stays as it is") {
  auto s = box(5, 6, 7);
  s.start = {0.08f, 0.03f, -0.02f};
  s.smagorinsky = 0.15;
  amq::lab::Lattice stream(s);
  for (int k = 0; k < 50; ++k) stream.step();
  const auto m = stream.macroscopic(2, 3, 4);
  CHECK(std::abs(m[0]) < 1e-6);
  CHECK(m[1] == doctest::Approx(0.08).epsilon(1e-5));
  CHECK(m[3] == doctest::Approx(-0.02).epsilon(1e-5));
}

TEST_CASE("mass is conserved in a closed box with a body, half-way walls") {
  auto o = box(24, 20, 16);
  o.face = {amq::lab::Face::periodic, amq::lab::Face::periodic, amq::lab::Face::wall,
            amq::lab::Face::wall,     amq::lab::Face::slip,     amq::lab::Face::slip};
  o.push = {1e-4f, 0, 0};
  o.interpolate = false;
  amq::lab::Lattice l(o, ball(12, 9, 8, 4));
  const auto mass = [&] {
    double m = 0;
    for (int z = 0; z < 16; ++z)
      for (int y = 0; y < 20; ++y)
        for (int x = 0; x < 24; ++x)
          if (!l.solid(x, y, z)) m += l.macroscopic(x, y, z)[0];
    return m;
  };
  for (int s = 0; s < 200; ++s) l.step();
  CHECK(std::abs(mass()) < 5e-3);  // of 7,400
  CHECK(l.force()[0] > 0.01);
}

TEST_CASE("in a steady stream the body carries the whole push") {
  auto o = box(16, 16, 16);
  o.push = {1e-5f, 0, 0};
  o.viscosity = 0.2;
  amq::lab::Lattice l(o, ball(8, 8, 8, 5));
  for (int s = 0; s < 1500; ++s) l.step();
  CHECK(l.force()[0] == doctest::Approx(1e-5 * static_cast<double>(l.n_fluid())).epsilon(0.02));
  CHECK(std::abs(l.force()[1]) < 1e-3 * l.force()[0]);
  CHECK(std::abs(l.force()[2]) < 1e-3 * l.force()[0]);
}

TEST_CASE("mirrors at the sides give a quarter of the whole ball, the same flow and force") {
  const auto make = [](bool quarter) {
    auto o = box(30, quarter ? 8 : 16, quarter ? 8 : 16);
    o.viscosity = 0.05;
    o.face = {amq::lab::Face::inflow, amq::lab::Face::outflow, amq::lab::Face::slip,
              amq::lab::Face::slip,   amq::lab::Face::slip,    amq::lab::Face::slip};
    o.face_velocity[0] = o.start = {0.08f, 0, 0};
    return amq::lab::Lattice(o, quarter ? ball(10, 0, 0, 4) : ball(10, 8, 8, 4));
  };
  auto whole = make(false), part = make(true);
  for (int s = 0; s < 150; ++s) {
    whole.step();
    part.step();
  }
  CHECK(4 * part.force()[0] == doctest::Approx(whole.force()[0]).epsilon(1e-4));
  CHECK(std::abs(whole.force()[1]) < 1e-4 * whole.force()[0]);
  double worst = 0;
  for (int x = 0; x < 30; ++x)
    for (std::size_t k = 0; k < 4; ++k)
      worst = std::max<double>(
          worst, std::abs(whole.macroscopic(x, 13, 10)[k] - part.macroscopic(x, 5, 2)[k]));
  CHECK(worst < 1e-5);
}

TEST_CASE("a uniform stream through open sides stays as it is at the viscosity of the cars") {
  auto o = box(30, 8, 8);
  o.viscosity = 0.0017;
  o.smagorinsky = 0.14;
  o.magic = 0;
  o.face = {amq::lab::Face::inflow, amq::lab::Face::outflow, amq::lab::Face::slip,
            amq::lab::Face::free,   amq::lab::Face::slip,    amq::lab::Face::free};
  o.face_velocity[0] = o.start = {0.1f, 0, 0};
  amq::lab::Lattice l(o);
  for (int s = 0; s < 600; ++s) l.step();
  for (int x = 0; x < 30; x += 3)
    for (int z = 0; z < 8; ++z) CHECK(std::abs(l.macroscopic(x, 3, z)[1] - 0.1f) < 1e-4f);
}

TEST_CASE("threads change nothing") {
  auto o = box(20, 12, 12);
  o.start = {0.05f, 0, 0};
  o.smagorinsky = 0.15;
  amq::lab::Lattice a(o, ball(8, 6, 6, 3)), b(o, ball(8, 6, 6, 3));
  amq::ThreadPool pool(3);
  for (int s = 0; s < 30; ++s) {
    a.step();
    b.step(pool);
  }
  CHECK(a.force() == b.force());
  CHECK(a.macroscopic(15, 5, 5) == b.macroscopic(15, 5, 5));
}

TEST_CASE("empty boxes, lone periodic faces and hasty velocities are refused") {
  CHECK_THROWS_AS(amq::lab::Lattice(box(0, 4, 4)), amq::Error);
  auto o = box(4, 4, 4);
  o.face[2] = amq::lab::Face::wall;
  CHECK_THROWS_AS(amq::lab::Lattice{o}, amq::Error);
  o = box(4, 4, 4);
  o.face_velocity[0][0] = 0.4f;
  CHECK_THROWS_AS(amq::lab::Lattice{o}, amq::Error);
  o = box(4, 4, 4);
  o.face = {amq::lab::Face::inflow, amq::lab::Face::outflow, amq::lab::Face::slip,
            amq::lab::Face::slip,   amq::lab::Face::wall,    amq::lab::Face::wall};
  CHECK_THROWS_AS(amq::lab::Lattice{o}, amq::Error);
  o = box(4, 4, 4);
  o.viscosity = 0;
  CHECK_THROWS_AS(amq::lab::Lattice{o}, amq::Error);
}

}  // namespace test_lattice
