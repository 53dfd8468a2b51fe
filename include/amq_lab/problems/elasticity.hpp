#pragma once
/// @file
/// The unit cell with a random hole (Geo-FNO's elasticity set, Li et al. 2022, section 4.1): a
/// rubber sheet [0, 1]^2 clamped below, pulled above; geometry -> von Mises stress at the nodes.

#include <amq/core/error.hpp>
#include <amq/core/random.hpp>
#include <amq/mesh/mesh.hpp>
#include <amq_lab/problems/generate.hpp>
#include <amq_lab/problems/hyperelastic.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

namespace amq::lab {

/// A hole around (0.5, 0.5): r = 0.2 + 0.2 / (1 + exp(g)) in (0.2, 0.4), g periodic in the angle.
struct Hole {
  static constexpr int n_angles = 42, n_modes = 5;
  std::array<double, n_angles> radius{};  ///< at angles 2 pi k / 42, as in Random_UnitCell_rr

  /// g ~ N(0, 4^2 (-Laplace + 3^2)^-1) on the circle, without mean, cut after five waves: the
  /// coefficients of the reference data, in the order cos 1, sin 1, cos 2, ...
  [[nodiscard]] static Hole from_coefficients(const std::array<double, 2 * n_modes>& xi) {
    Hole h;
    for (int k = 0; k < n_angles; ++k) {
      const double angle = 2 * std::numbers::pi * k / n_angles;
      double g = 0;
      for (int m = 1; m <= n_modes; ++m) {
        const double s = 4 / std::sqrt((m * m + 9) * std::numbers::pi);
        const auto j = static_cast<std::size_t>(2 * (m - 1));
        g += s * (xi[j] * std::cos(m * angle) + xi[j + 1] * std::sin(m * angle));
      }
      h.radius[static_cast<std::size_t>(k)] = 0.2 + 0.2 / (1 + std::exp(g));
    }
    return h;
  }
  [[nodiscard]] static Hole random(Random& random) {
    std::array<double, 2 * n_modes> xi{};
    for (double& x : xi) x = random.normal();
    return from_coefficients(xi);
  }
};

/// The radius between the 42 angles: trigonometric interpolation of g, exact for its five waves.
class HoleRadius {
 public:
  /// @throws Error where a radius lies outside (0.2, 0.4)
  explicit HoleRadius(const Hole& hole) {
    constexpr int n = Hole::n_angles;
    std::array<double, n> g{};
    for (std::size_t k = 0; k < n; ++k) {
      const double r = hole.radius[k];
      if (!(r > 0.2 && r < 0.4)) {
        throw Error("HoleRadius", "radii in (0.2, 0.4)", std::to_string(r),
                    "Check units and order of the 42 values.");
      }
      g[k] = std::log(0.2 / (r - 0.2) - 1);
    }
    for (std::size_t m = 0; m <= n / 2; ++m) {
      for (std::size_t k = 0; k < n; ++k) {
        const double a = 2 * std::numbers::pi * static_cast<double>(m * k) / n;
        const double w = (m == 0 || 2 * m == n ? 1.0 : 2.0) / n;
        cos_[m] += w * g[k] * std::cos(a);
        sin_[m] += w * g[k] * std::sin(a);
      }
    }
  }
  [[nodiscard]] double operator()(double angle) const noexcept {
    double g = cos_[0];
    for (std::size_t m = 1; m < cos_.size(); ++m) {
      const double a = static_cast<double>(m) * angle;
      g += cos_[m] * std::cos(a) + sin_[m] * std::sin(a);
    }
    return 0.2 + 0.2 / (1 + std::exp(g));
  }

 private:
  std::array<double, Hole::n_angles / 2 + 1> cos_{}, sin_{};
};

struct ElasticityOptions {
  RivlinSaunders material;
  double traction = 100;  ///< Pa on the undeformed top, upwards; 1e5 is truly non-linear
  int n_rays = 108;       ///< cells around, a multiple of 4 so that the corners are nodes
  int n_rings = 8;        ///< cells from hole to border; 108 x (8 + 1) = 972 nodes
  int refine = 1;         ///< cells are split refine x refine for the solution alone
  NewtonOptions newton;
};

/// The solved cell.
struct ElasticitySample {
  Hole hole;
  Mesh mesh;                        ///< quadrilaterals; rays around, on each from hole to border
  std::vector<float> stress;        ///< (node) von Mises of the Cauchy stress, Pa
  std::vector<float> displacement;  ///< (node, 2)
  NewtonReport newton;
  double seconds = 0;  ///< of this thread, mesh to stress
};

/// Quads on straight rays from the centre, rings graded towards the hole.
class HoleCellMesh {
 public:
  /// @throws Error unless n_rays is a positive multiple of 4 and n_rings >= 1
  HoleCellMesh(const Hole& hole, int n_rays, int n_rings) : rays_(n_rays), rings_(n_rings) {
    if (n_rays < 4 || n_rays % 4 != 0 || n_rings < 1) {
      throw Error("HoleCellMesh", "n_rays a multiple of 4 and n_rings >= 1",
                  std::to_string(n_rays) + " and " + std::to_string(n_rings),
                  "The four corners must be nodes.");
    }
    const HoleRadius radius(hole);
    // Corners first, as the data set has them; then the mid nodes only the solver sees.
    id_.assign(static_cast<std::size_t>(2 * rays_ * (2 * rings_ + 1)), -1);
    for (const bool corners : {true, false}) {
      for (int i = 0; i < 2 * rays_; ++i) {
        for (int j = 0; j <= 2 * rings_; ++j) {
          if ((i % 2 == 0 && j % 2 == 0) != corners) continue;
          id_[at(i, j)] = static_cast<std::int32_t>(q2.points.size() / 2);
          const auto [x, y] = border(static_cast<double>(i) / (2 * rays_));
          const double angle = std::atan2(y, x), r = radius(angle);
          const double t = static_cast<double>(j) / (2 * rings_);
          const double s = 0.45 * t + 0.55 * t * t, out = std::hypot(x, y);
          const double scale = (r + s * (out - r)) / out;
          q2.points.push_back(0.5 + scale * x);
          q2.points.push_back(0.5 + scale * y);
        }
      }
    }
    for (int i = 0; i < rays_; ++i) {
      for (int j = 0; j < rings_; ++j) {
        std::array<std::int32_t, 9> cell{};
        for (int b = 0; b < 3; ++b)
          for (int a = 0; a < 3; ++a)  // outwards, then around: counter-clockwise
            cell[static_cast<std::size_t>(a + 3 * b)] = node(2 * i + b, 2 * j + a);
        q2.cells.push_back(cell);
      }
    }
  }
  /// Grid node of half ray i (periodic) and half ring j; both even: a corner of cells.
  [[nodiscard]] std::int32_t node(int i, int j) const noexcept {
    return id_[at(i % (2 * rays_), j)];
  }
  [[nodiscard]] int rays() const noexcept { return rays_; }
  [[nodiscard]] int rings() const noexcept { return rings_; }

  Q2Mesh q2;

 private:
  [[nodiscard]] std::size_t at(int i, int j) const noexcept {
    return static_cast<std::size_t>(i * (2 * rings_ + 1) + j);
  }
  // The border of the cell, from (0, 0) counter-clockwise, about the centre; s in [0, 1).
  [[nodiscard]] static std::pair<double, double> border(double s) noexcept {
    const double f = 4 * s, t = f - std::floor(f) - 0.5;
    if (f < 1) return {t, -0.5};
    if (f < 2) return {0.5, t};
    if (f < 3) return {-t, 0.5};
    return {-0.5, -t};
  }

  int rays_, rings_;
  std::vector<std::int32_t> id_;
};

/// Solves one cell. @throws Error where Newton fails.
[[nodiscard]] inline ElasticitySample solve_elasticity(const Hole& hole,
                                                       const ElasticityOptions& o = {}) {
  const auto start = std::chrono::steady_clock::now();
  if (o.refine < 1) {
    throw Error("solve_elasticity", "refine >= 1", std::to_string(o.refine),
                "1 solves on the sample's own mesh.");
  }
  const HoleCellMesh fine(hole, o.n_rays * o.refine, o.n_rings * o.refine);
  const auto n = fine.q2.n_nodes();
  std::vector<char> fixed(static_cast<std::size_t>(2 * n), 0);
  const int last = 2 * fine.rings(), quarter = fine.rays() / 2;  // half rays along one side
  for (int i = 0; i <= quarter; ++i) {
    const auto k = static_cast<std::size_t>(fine.node(i, last));
    fixed[2 * k] = fixed[2 * k + 1] = 1;
  }
  // A constant traction on a three-node edge of length h: h / 6, 4 h / 6, h / 6 of the force.
  Eigen::VectorXd load = Eigen::VectorXd::Zero(2 * n);
  const double h = 4.0 / fine.rays();
  for (int i = 2 * quarter; i < 3 * quarter; i += 2) {
    const double share[3] = {1, 4, 1};
    for (int k = 0; k < 3; ++k)
      load(2 * fine.node(i + k, last) + 1) += o.traction * h * share[k] / 6;
  }
  HyperelasticSheet sheet(fine.q2, o.material, fixed);
  Eigen::VectorXd u = Eigen::VectorXd::Zero(2 * n);
  ElasticitySample out;
  out.hole = hole;
  out.newton = sheet.solve(u, load, o.newton);
  const auto stress = sheet.corner_stress(u);

  out.mesh.nodes_per_cell = 4;
  const int per_ray = o.n_rings + 1;
  for (int i = 0; i < o.n_rays; ++i) {
    for (int j = 0; j < per_ray; ++j) {
      const auto k = static_cast<std::size_t>(fine.node(2 * o.refine * i, 2 * o.refine * j));
      out.mesh.points.insert(out.mesh.points.end(),
                             {fine.q2.points[2 * k], fine.q2.points[2 * k + 1]});
      const double a = stress[3 * k], b = stress[3 * k + 1], c = stress[3 * k + 2];
      out.stress.push_back(static_cast<float>(std::sqrt(a * a - a * b + b * b + 3 * c * c)));
      for (std::size_t d = 0; d < 2; ++d)
        out.displacement.push_back(static_cast<float>(u(static_cast<Index>(2 * k + d))));
      const bool clamped = fixed[2 * k] != 0;
      out.mesh.node_type.push_back(clamped  ? NodeType::wall
                                   : j == 0 ? NodeType::obstacle
                                            : NodeType::normal);
    }
  }
  for (int i = 0; i < o.n_rays; ++i) {
    for (int j = 0; j < o.n_rings; ++j) {
      const int a = i * per_ray + j, b = (i + 1) % o.n_rays * per_ray + j;
      out.mesh.cells.insert(out.mesh.cells.end(), {a, a + 1, b + 1, b});
    }
  }
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return out;
}

/// Random holes.
struct ElasticitySampler {
  ElasticityOptions options;
  /// @throws Error where Newton fails; generate() drops and counts such a sample
  [[nodiscard]] ElasticitySample sample(std::uint64_t seed, std::uint64_t i) const {
    Random random = Random::stream(seed, i);
    return solve_elasticity(Hole::random(random), options);
  }
};

/// Stress of a coarser mesh at the nodes of a finer one: bilinear in ray and ring, which are the
/// same straight rays and the same grading in both. (node of the finer mesh)
[[nodiscard]] inline std::vector<double> stress_between(const ElasticitySample& coarse, int rays,
                                                        int rings, int to_rays, int to_rings) {
  const auto at = [&](int i, int j) {
    return static_cast<double>(coarse.stress[static_cast<std::size_t>(i % rays * (rings + 1) + j)]);
  };
  std::vector<double> out;
  for (int i = 0; i < to_rays; ++i)
    for (int j = 0; j <= to_rings; ++j) {
      const double x = static_cast<double>(i) * rays / to_rays,
                   y = static_cast<double>(j) * rings / to_rings;
      const int a = static_cast<int>(x), b = std::min(static_cast<int>(y), rings - 1);
      const double s = x - a, t = y - b;
      out.push_back((1 - s) * ((1 - t) * at(a, b) + t * at(a, b + 1)) +
                    s * ((1 - t) * at(a + 1, b) + t * at(a + 1, b + 1)));
    }
  return out;
}

}  // namespace amq::lab
