#pragma once
/// @file
/// Mean air flow around car-like bodies at coarse resolution: shape -> pressure on points of the
/// surface, the task of ShapeNet-Car (Umetani and Bickel 2018). A large-eddy lattice Boltzmann
/// solution is averaged over time; the flow is symmetric in the mean, so half of it is computed.
///
/// At eight cells a metre the boundary layers of a real car at 20 m/s (Re 5e6) lie far below a
/// cell. The pressure is that of a body at the stated, much lower Reynolds number.

#include <amq/core/error.hpp>
#include <amq/core/random.hpp>
#include <amq/mesh/neighbours.hpp>
#include <amq_lab/problems/car_shape.hpp>
#include <amq_lab/problems/generate.hpp>
#include <amq_lab/problems/lattice.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <string>
#include <vector>

namespace amq::lab {

struct CarFlowOptions {
  double speed = 20;       ///< m/s, only a unit: the flow has the Reynolds number below
  double density = 1.2;    ///< kg/m^3
  double reynolds = 2000;  ///< with the car's length and the laminar viscosity
  double cells_per_metre = 8;
  double lattice_speed = 0.1;  ///< cells a step
  double smagorinsky = 0.14;
  double magic = 0;                                                ///< of the lattice
  double upstream = 2.4, downstream = 4, half_width = 3, top = 4;  ///< m around the car
  double spin_up = 1.8, average = 2;  ///< in times the stream needs for the box
  int n_points = 3586;                ///< on the surface, as in the public set
};

struct CarSample {
  CarShape shape;
  std::vector<double> points;   ///< (point, 3) m; x from bow to tail, z up
  std::vector<float> normal;    ///< (point, 3) outward
  std::vector<float> pressure;  ///< (point) Pa, against the mean over the inflow
  double drag_coefficient = 0;  ///< drag over dynamic pressure and frontal area
  double noise = 0;  ///< relative L2 difference of the means over the first and second half
  double seconds = 0;

  /// The k nearest points send, and each point to itself: the graph of the public loaders.
  [[nodiscard]] Graph graph(int k = 8) const {
    return knn_edges(points, 3, k - 1, SelfLoops::keep);
  }
};

namespace detail {

/// Fluid cells around points just off a surface, with weights that sum to one.
class SurfaceProbe {
 public:
  /// @param off  (point, 3) in cells; y is folded to the half that is computed
  SurfaceProbe(const Lattice& lattice, const std::vector<double>& surface,
               const std::vector<double>& outward) {
    const auto& o = lattice.options();
    const int n[3] = {o.nx, o.ny, o.nz};
    for (std::size_t p = 0; p < surface.size(); p += 3) {
      first_.push_back(cells_.size());
      double total = 0;
      // Nearer points see the surface better; further ones always find fluid.
      for (double off = 0.75; off < 3 && total < 0.2; off += 0.5) {
        cells_.resize(first_.back());
        total = 0;
        double x[3];
        for (std::size_t d = 0; d < 3; ++d) x[d] = surface[p + d] + off * outward[p + d];
        x[1] = std::abs(x[1]);
        for (int corner = 0; corner < 8; ++corner) {
          double weight = 1;
          std::array<int, 3> at{};
          for (std::size_t d = 0; d < 3; ++d) {
            const double s = x[d] - 0.5, low = std::floor(s);
            const bool up = (corner >> d & 1) != 0;
            at[d] = std::clamp(static_cast<int>(low) + (up ? 1 : 0), 0, n[d] - 1);
            weight *= up ? s - low : 1 - (s - low);
          }
          if (weight <= 0 || lattice.solid(at[0], at[1], at[2])) continue;
          cells_.push_back({at, weight});
          total += weight;
        }
      }
      if (!(total > 0)) {
        // In a cleft, as where tyres meet the road: the nearest fluid there is.
        cells_.push_back({nearest_fluid(lattice, surface.data() + p), 1});
        total = 1;
      }
      for (std::size_t k = first_.back(); k < cells_.size(); ++k) cells_[k].weight /= total;
    }
    first_.push_back(cells_.size());
  }
  void add_pressure(const Lattice& lattice, std::vector<double>& sum) const {
    for (std::size_t p = 0; p + 1 < first_.size(); ++p)
      for (std::size_t k = first_[p]; k < first_[p + 1]; ++k) {
        const auto& c = cells_[k];
        sum[p] +=
            c.weight * static_cast<double>(lattice.macroscopic(c.at[0], c.at[1], c.at[2])[0]) / 3;
      }
  }

 private:
  struct Part {
    std::array<int, 3> at;
    double weight;
  };
  [[nodiscard]] static std::array<int, 3> nearest_fluid(const Lattice& lattice, const double* p) {
    const auto& o = lattice.options();
    std::array<int, 3> best{};
    double least = 1e300;
    for (int z = 0; z < o.nz; ++z) {
      for (int y = 0; y < o.ny; ++y) {
        for (int x = 0; x < o.nx; ++x) {
          const double d = std::hypot(x + 0.5 - p[0], y + 0.5 - p[1], z + 0.5 - p[2]);
          if (d >= least || lattice.solid(x, y, z)) continue;
          least = d;
          best = {x, y, z};
        }
      }
    }
    return best;
  }

  std::vector<std::size_t> first_;
  std::vector<Part> cells_;
};

}  // namespace detail

/// @throws Error for options that make no box, and where the flow blows up
[[nodiscard]] inline CarSample solve_car(const CarShape& shape, const CarFlowOptions& options,
                                         Random& random, Executor& executor = serial_executor()) {
  const auto begin = std::chrono::steady_clock::now();
  const double scale = options.cells_per_metre, u = options.lattice_speed;
  if (!(scale > 0 && u > 0 && u <= 0.2 && options.reynolds > 0 && options.average > 0 &&
        options.spin_up >= 0 && options.half_width > shape.width / 2 &&
        options.top > shape.height)) {
    throw Error("solve_car", "cells, times and a box larger than the car", "others",
                "Check CarFlowOptions; lattice_speed is at most 0.2.");
  }
  LatticeOptions o;
  o.nx =
      static_cast<int>(std::lround((options.upstream + shape.length + options.downstream) * scale));
  o.ny = static_cast<int>(std::lround(options.half_width * scale));
  o.nz = static_cast<int>(std::lround(options.top * scale));
  // The plane of symmetry is a mirror, the road, which moves with the stream, holds nothing back,
  // the far sides let sound out.
  o.face = {Face::inflow, Face::outflow, Face::slip, Face::free, Face::slip, Face::free};
  o.start = {static_cast<float>(u), 0, 0};
  o.face_velocity[0] = o.start;
  o.viscosity = u * shape.length * scale / options.reynolds;
  o.smagorinsky = options.smagorinsky;
  o.magic = options.magic;
  Lattice lattice(o, [&](double x, double y, double z) {
    return scale * shape.level(x / scale - options.upstream, y / scale, z / scale);
  });

  CarSample out;
  out.shape = shape;
  out.points = surface_points(shape, static_cast<std::size_t>(options.n_points), random);
  std::vector<double> at, outward;
  for (std::size_t p = 0; p < out.points.size(); p += 3) {
    const double* q = out.points.data() + p;
    auto n = shape.normal(q[0], q[1], q[2]);
    for (const double v : n) out.normal.push_back(static_cast<float>(v));
    if (q[1] < 0) n[1] = -n[1];
    at.insert(at.end(), {(q[0] + options.upstream) * scale, std::abs(q[1]) * scale, q[2] * scale});
    outward.insert(outward.end(), n.begin(), n.end());
  }
  const detail::SurfaceProbe probe(lattice, at, outward);

  const double crossing = o.nx / u;
  const int spin_up = static_cast<int>(options.spin_up * crossing);
  const int steps = std::max(20, static_cast<int>(options.average * crossing));
  const std::size_t n = out.points.size() / 3;
  std::vector<double> half[2] = {std::vector<double>(n, 0.0), std::vector<double>(n, 0.0)};
  int counted[2] = {0, 0};
  double drag = 0, far_field = 0;
  for (int s = 0; s < spin_up + steps; ++s) {
    lattice.step(executor);
    const double now = lattice.force()[0] / (u * u * scale * scale);
    if (s % 50 == 0 && !(std::abs(now) < 1e3)) {
      throw Error("solve_car", "a flow that stays bounded",
                  "a blow-up at step " + std::to_string(s),
                  "Lower reynolds or lattice_speed, or raise smagorinsky.");
    }
    if (s < spin_up) continue;
    drag += now;
    if (s % 5 != 0) continue;
    const std::size_t h = s - spin_up < steps / 2 ? 0 : 1;
    probe.add_pressure(lattice, half[h]);
    ++counted[h];
    double plane = 0;
    for (int z = 0; z < o.nz; ++z)
      for (int y = 0; y < o.ny; ++y) plane += static_cast<double>(lattice.macroscopic(0, y, z)[0]);
    far_field += plane / (3.0 * o.ny * o.nz);
  }
  const double pascal = options.density * options.speed * options.speed / (u * u);
  far_field /= counted[0] + counted[1];
  double difference = 0, size = 0;
  for (std::size_t p = 0; p < n; ++p) {
    const double a = half[0][p] / counted[0], b = half[1][p] / counted[1];
    const double mean = (half[0][p] + half[1][p]) / (counted[0] + counted[1]) - far_field;
    difference += (a - b) * (a - b);
    size += mean * mean;
    out.pressure.push_back(static_cast<float>(pascal * mean));
  }
  out.noise = std::sqrt(difference / size);
  // Half the body was seen; force / (u^2 cells^2) is force / (density speed^2 m^2).
  out.drag_coefficient = 2 * (drag / steps) / (0.5 * shape.frontal_area());
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return out;
}

/// Random cars.
struct CarSampler {
  CarFlowOptions options;
  /// @throws Error where the flow blows up; generate() drops and counts such a sample
  [[nodiscard]] CarSample sample(std::uint64_t seed, std::uint64_t i) const {
    Random random = Random::stream(seed, i);
    const CarShape shape = CarShape::random(random);
    return solve_car(shape, options, random);
  }
};

}  // namespace amq::lab
