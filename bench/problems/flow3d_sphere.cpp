// Question: does the lattice meet the drag of a sphere at Re 100, 1.09 (Clift, Grace and Weber
// 1978), within 5 per cent? A quarter of the flow is computed, with mirrors at two sides.
// Usage: flow3d_sphere [cells across the sphere] [width of the box over diameter] [speed] [end
// time]
#include <amq_lab/problems/lattice.hpp>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <numbers>

int main(int argc, char** argv) {
  const auto number = [&](int k, double otherwise) {
    return argc > k ? std::atof(argv[k]) : otherwise;
  };
  const double d = number(1, 18), width = number(2, 10), speed = number(3, 0.1), end = number(4, 8);
  const double centre = 4 * d, pi = std::numbers::pi;
  amq::lab::LatticeOptions o;
  o.nx = static_cast<int>(9 * d);
  o.ny = o.nz = static_cast<int>(width * d / 2 + 0.5);
  o.viscosity = speed * d / 100;
  o.face.fill(amq::lab::Face::slip);
  o.face[3] = o.face[5] = amq::lab::Face::free;
  o.face[0] = amq::lab::Face::inflow;
  o.face[1] = amq::lab::Face::outflow;
  o.face_velocity[0] = o.start = {static_cast<float>(speed), 0, 0};
  amq::lab::Lattice lattice(
      o, [&](double x, double y, double z) { return std::hypot(x - centre, y, z) - d / 2; });
  const int steps = static_cast<int>(end * d / speed);  // times are in diameters over speed
  const double unit = 4 / (0.5 * speed * speed * pi * d * d / 4);
  double sum = 0;
  int counted = 0;
  const auto start = std::clock();
  for (int s = 1; s <= steps; ++s) {
    lattice.step();
    // The sound of the start has left by then: the mean over the last quarter.
    if (s <= steps / 4 * 3) continue;
    sum += unit * lattice.force()[0];
    ++counted;
  }
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  std::printf(
      "%d x %d x %d cells, %d steps: drag %.4f (1.09: %+.1f %%), %.1f s CPU, %.1f M cells/s\n",
      o.nx, o.ny, o.nz, steps, sum / counted, 100 * (sum / counted / 1.09 - 1), seconds,
      1e-6 * static_cast<double>(lattice.n_fluid()) * steps / seconds);
}
