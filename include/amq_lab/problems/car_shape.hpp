#pragma once
/// @file
/// Random car-like bodies as level sets, and points spread evenly over their surface.

#include <amq/core/error.hpp>
#include <amq/core/random.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

namespace amq::lab {

/// A rounded hull, a cabin that narrows and leans, four wheels. Metres; x runs from the bow at 0 to
/// the tail, y across with 0 in the middle, z up from the ground. Symmetric in y.
struct CarShape {
  double length = 4.3, width = 1.8, height = 1.45;
  double clearance = 0.18;    ///< under the hull
  double hull = 0.85;         ///< height of the hull's top above the ground
  double roundness = 5;       ///< exponent of the hull's superellipsoid: 2 an egg, 8 a box
  double cabin_at = 0.55;     ///< middle of the cabin over length
  double cabin_length = 0.6;  ///< of its foot, over length
  double cabin_taper = 0.4;   ///< how much shorter the roof is than the foot
  double cabin_rake = 0.05;   ///< how far the roof is moved back, over length
  double cabin_roundness = 4;
  double wheel = 0.32;                         ///< radius
  double axle_front = 0.18, axle_rear = 0.81;  ///< over length

  [[nodiscard]] static CarShape random(Random& random) {
    CarShape c;
    c.length = random.uniform(3.6, 4.9);
    c.width = random.uniform(1.6, 1.95);
    c.height = random.uniform(1.25, 1.75);
    c.clearance = random.uniform(0.15, 0.28);
    c.hull = c.height * random.uniform(0.52, 0.68);
    c.roundness = random.uniform(3, 8);
    c.cabin_at = random.uniform(0.45, 0.66);
    c.cabin_length = random.uniform(0.45, 0.72);
    c.cabin_taper = random.uniform(0.15, 0.5);
    c.cabin_rake = random.uniform(-0.02, 0.08);
    c.cabin_roundness = random.uniform(3, 6);
    c.wheel = random.uniform(0.28, 0.37);
    c.axle_front = random.uniform(0.16, 0.21);
    c.axle_rear = random.uniform(0.78, 0.84);
    return c;
  }

  /// Negative inside; near the surface about the distance to it.
  [[nodiscard]] double level(double x, double y, double z) const noexcept {
    const double body = box(x - length / 2, y, z - (clearance + hull) / 2, length / 2, width / 2,
                            (hull - clearance) / 2, roundness);
    const double rise = height - hull, up = std::clamp((z - hull) / rise, 0.0, 1.0);
    const double shrink = 1 - cabin_taper * up;
    // Below its foot the cabin ends inside the hull, above the hull's bottom.
    const double depth = z > hull ? rise : std::min(rise, 0.7 * (hull - clearance));
    const double cabin = box(x - (cabin_at + cabin_rake * up) * length, y,
                             (z - hull) * rise / depth, cabin_length * length / 2 * shrink,
                             0.47 * width * (1 - 0.5 * cabin_taper * up), rise, cabin_roundness);
    const double k = 0.06, h = std::clamp(0.5 + (cabin - body) / (2 * k), 0.0, 1.0);
    double all = cabin + (body - cabin) * h - k * h * (1 - h);
    for (const double axle : {axle_front, axle_rear}) {
      const double across = std::abs(std::abs(y) - (width / 2 - 0.13)) - 0.11;
      const double round = std::hypot(x - axle * length, z - wheel) - wheel;
      all = std::min(all, std::max(across, round));
    }
    return all;
  }
  /// Outward, of length one.
  [[nodiscard]] std::array<double, 3> normal(double x, double y, double z) const noexcept {
    const double e = 1e-4;
    std::array<double, 3> n{level(x + e, y, z) - level(x - e, y, z),
                            level(x, y + e, z) - level(x, y - e, z),
                            level(x, y, z + e) - level(x, y, z - e)};
    const double size = std::max(1e-300, std::hypot(n[0], n[1], n[2]));
    for (double& v : n) v /= size;
    return n;
  }
  /// Area of the shadow along x, by counting on a grid, m^2.
  [[nodiscard]] double frontal_area(double step = 0.03) const noexcept {
    double area = 0;
    for (double y = -width / 2 - 0.1 + step / 2; y < width / 2 + 0.1; y += step) {
      for (double z = step / 2; z < height + 0.1; z += step) {
        bool hit = false;
        for (double x = 0; x <= length && !hit; x += 0.05) hit = level(x, y, z) < 0;
        if (hit) area += step * step;
      }
    }
    return area;
  }

 private:
  [[nodiscard]] static double box(double x, double y, double z, double a, double b, double c,
                                  double exponent) noexcept {
    const double s = std::pow(std::abs(x) / a, exponent) + std::pow(std::abs(y) / b, exponent) +
                     std::pow(std::abs(z) / c, exponent);
    return (std::pow(s, 1 / exponent) - 1) * std::min({a, b, c});
  }
};

/// n points of the surface, spread evenly, (point, 3): those of a crowd that keep furthest apart.
/// No point lies lower than `lowest`, where the tyres meet the ground.
/// @throws Error for n < 1 or a shape without surface in its box
[[nodiscard]] inline std::vector<double> surface_points(const CarShape& car, std::size_t n,
                                                        Random& random, double lowest = 0.03) {
  if (n < 1) throw Error("surface_points", "n >= 1", "0", "Ask for some points.");
  // A thin shell around the surface holds as many random points as it has area.
  std::vector<double> crowd;
  const std::size_t wanted = 6 * n;
  for (std::size_t tries = 0; crowd.size() < 3 * wanted; ++tries) {
    if (tries > 5000 * wanted) {
      throw Error("surface_points", "a surface inside the car's box", "hardly any",
                  "Check the shape's lengths.");
    }
    double p[3] = {random.uniform(-0.1, car.length + 0.1),
                   random.uniform(-car.width / 2 - 0.1, car.width / 2 + 0.1),
                   random.uniform(0, car.height + 0.1)};
    if (std::abs(car.level(p[0], p[1], p[2])) > 0.08) continue;
    const double start[3] = {p[0], p[1], p[2]};
    for (int k = 0; k < 8; ++k) {
      const auto g = car.normal(p[0], p[1], p[2]);
      const double e = 1e-4, v = car.level(p[0], p[1], p[2]);
      const double rate = (car.level(p[0] + e * g[0], p[1] + e * g[1], p[2] + e * g[2]) - v) / e;
      const double step = v / std::max(0.2, rate);
      for (std::size_t d = 0; d < 3; ++d) p[d] -= step * g[d];
    }
    const double moved = std::hypot(p[0] - start[0], p[1] - start[1], p[2] - start[2]);
    if (moved > 0.02 || std::abs(car.level(p[0], p[1], p[2])) > 1e-4 || p[2] < lowest) continue;
    crowd.insert(crowd.end(), p, p + 3);
  }
  const std::size_t m = crowd.size() / 3;
  std::vector<double> distance(m, std::numeric_limits<double>::max()), chosen;
  std::size_t next = 0;
  for (std::size_t k = 0; k < n; ++k) {
    const double* p = crowd.data() + 3 * next;
    chosen.insert(chosen.end(), p, p + 3);
    double most = -1;
    for (std::size_t i = 0; i < m; ++i) {
      const double dx = crowd[3 * i] - chosen[3 * k], dy = crowd[3 * i + 1] - chosen[3 * k + 1],
                   dz = crowd[3 * i + 2] - chosen[3 * k + 2];
      distance[i] = std::min(distance[i], dx * dx + dy * dy + dz * dz);
      if (distance[i] > most) {
        most = distance[i];
        next = i;
      }
    }
  }
  return chosen;
}

}  // namespace amq::lab
