#pragma once
/// @file
/// Random triangulations of the unit square whose local size varies strongly, as those of
/// simulation codes do; no mesh generator is needed.

#include <amq/core/error.hpp>
#include <amq/core/random.hpp>
#include <amq/mesh/bisection.hpp>
#include <amq/mesh/renumber.hpp>
#include <amq/mesh/sides.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

namespace amq::mesh {

struct RandomSquare {
  int coarse = 4;             ///< the first lattice has coarse x coarse quads, each cut in two
  double coarse_shift = 0.2;  ///< nodes of the lattice move by up to this share of its spacing
  double shake = 0.18;        ///< final nodes move by up to this share of their shortest edge
  double size_ratio = 24;     ///< wanted ratio of the largest to the smallest triangle's size
  int most_features = 3;      ///< 1 to this many points, segments and arcs draw nodes
  double least_angle = 18;    ///< degrees; no node moves if an angle would fall below
};

namespace detail {

/// A point, a segment or an arc towards which the mesh is refined.
struct MeshFeature {
  enum class Kind { point, segment, arc } kind;
  double x, y, dx, dy, radius, reach;

  [[nodiscard]] static MeshFeature draw(Random& random) noexcept {
    MeshFeature f{};
    f.kind = static_cast<Kind>(random.index(3));
    f.x = random.uniform(0.05, 0.95);
    f.y = random.uniform(0.05, 0.95);
    const double angle = random.uniform(0, 2 * std::numbers::pi);
    const double length = random.uniform(0.2, 0.7);
    f.dx = length * std::cos(angle);
    f.dy = length * std::sin(angle);
    f.radius = random.uniform(0.08, 0.3);
    f.reach = random.uniform(0.25, 0.7);
    return f;
  }
  [[nodiscard]] double distance(double px, double py) const noexcept {
    const double rx = px - x, ry = py - y;
    if (kind == Kind::point) return std::hypot(rx, ry);
    if (kind == Kind::arc) return std::abs(std::hypot(rx, ry) - radius);
    const double t = std::clamp((rx * dx + ry * dy) / (dx * dx + dy * dy), 0.0, 1.0);
    return std::hypot(rx - t * dx, ry - t * dy);
  }
};

/// A lattice of quads with moved nodes, each cut along a random diagonal, which is the next side
/// to be cut in both halves.
[[nodiscard]] inline Mesh coarse_square(Random& random, int n, double shift) {
  Mesh mesh;
  const double h = 1.0 / n;
  for (int j = 0; j <= n; ++j) {
    for (int i = 0; i <= n; ++i) {
      const bool left_right = i == 0 || i == n, low_high = j == 0 || j == n;
      const double x = h * (i + (left_right ? 0 : random.uniform(-shift, shift)));
      const double y = h * (j + (low_high ? 0 : random.uniform(-shift, shift)));
      mesh.points.insert(mesh.points.end(), {i == n ? 1 : x, j == n ? 1 : y});
      mesh.node_type.push_back(left_right || low_high ? NodeType::wall : NodeType::normal);
    }
  }
  for (std::int32_t j = 0; j < n; ++j) {
    for (std::int32_t i = 0; i < n; ++i) {
      const std::int32_t a = j * (n + 1) + i, b = a + 1, d = a + n + 1, c = d + 1;
      if (random.index(2) == 0) {
        mesh.cells.insert(mesh.cells.end(), {c, a, b, a, c, d});
      } else {
        mesh.cells.insert(mesh.cells.end(), {b, d, a, d, b, c});
      }
    }
  }
  return mesh;
}

/// Smallest angle of a triangle, degrees; negative if it is turned over.
[[nodiscard]] inline double least_angle(const Mesh& mesh, Index c) noexcept {
  double least = 180;
  for (int k = 0; k < 3; ++k) {
    const auto* v = mesh.cell(c);
    const double *p = mesh.point(v[k]), *q = mesh.point(v[(k + 1) % 3]),
                 *r = mesh.point(v[(k + 2) % 3]);
    const double ax = q[0] - p[0], ay = q[1] - p[1], bx = r[0] - p[0], by = r[1] - p[1];
    least = std::min(least, std::atan2(ax * by - ay * bx, ax * bx + ay * by));
  }
  return least * 180 / std::numbers::pi;
}

/// Moves inner nodes at random, unless an angle around them would fall below `bound` (degrees) and
/// below what it was.
inline void shake_nodes(Mesh& mesh, Random& random, double share, double bound) {
  const auto n = static_cast<std::size_t>(mesh.n_nodes());
  std::vector<std::int32_t> first(n + 1, 0), star(mesh.cells.size());
  for (const auto v : mesh.cells) ++first[static_cast<std::size_t>(v) + 1];
  for (std::size_t i = 0; i < n; ++i) first[i + 1] += first[i];
  auto at = first;
  for (std::size_t k = 0; k < mesh.cells.size(); ++k) {
    auto& place = at[static_cast<std::size_t>(mesh.cells[k])];
    star[static_cast<std::size_t>(place++)] = static_cast<std::int32_t>(k / 3);
  }
  for (std::size_t i = 0; i < n; ++i) {
    const double rx = random.uniform(-1, 1), ry = random.uniform(-1, 1);
    if (mesh.node_type[i] != NodeType::normal) continue;
    double* p = mesh.points.data() + 2 * i;
    double shortest = 2;
    const auto star_angle = [&] {
      double least = 180;
      for (auto s = first[i]; s < first[i + 1]; ++s) {
        least = std::min(least, least_angle(mesh, star[static_cast<std::size_t>(s)]));
      }
      return least;
    };
    for (auto s = first[i]; s < first[i + 1]; ++s) {
      const auto* v = mesh.cell(star[static_cast<std::size_t>(s)]);
      for (int k = 0; k < 3; ++k) {
        if (static_cast<std::size_t>(v[k]) == i) continue;
        shortest =
            std::min(shortest, std::hypot(mesh.point(v[k])[0] - p[0], mesh.point(v[k])[1] - p[1]));
      }
    }
    const double before = star_angle(), x = p[0], y = p[1];
    p[0] += share * shortest * rx;
    p[1] += share * shortest * ry;
    if (star_angle() < std::min(bound, before)) p[0] = x, p[1] = y;
  }
}

}  // namespace detail

/// A conforming triangulation of [0, 1]^2, refined by newest-vertex bisection towards random
/// points, segments and arcs; boundary nodes are NodeType::wall; nodes along a Hilbert curve, so
/// neighbours lie close in memory. The same generator state gives the same mesh on any machine
/// whose sin, cos and sqrt agree. Corner 2 of a cell is its newest: bisect may go on.
/// @param target_nodes  the mesh has this many, or a few more
/// @throws Error  for fewer nodes than the coarse lattice, or options out of range
[[nodiscard]] inline Mesh random_refined_square(Random& random, Index target_nodes,
                                                const RandomSquare& options = {}) {
  const auto& o = options;
  if (o.coarse < 1 || !(0 <= o.coarse_shift && o.coarse_shift < 0.3) ||
      !(0 <= o.shake && o.shake < 0.5) || !(o.size_ratio >= 1) || o.most_features < 1) {
    throw Error("random_refined_square",
                "coarse >= 1, coarse_shift in [0, 0.3), shake in [0, 0.5), size_ratio >= 1, "
                "most_features >= 1",
                "coarse " + std::to_string(o.coarse) + ", coarse_shift " +
                    std::to_string(o.coarse_shift) + ", shake " + std::to_string(o.shake) +
                    ", size_ratio " + std::to_string(o.size_ratio) + ", most_features " +
                    std::to_string(o.most_features),
                "Start from the defaults of RandomSquare.");
  }
  if (target_nodes < (o.coarse + 1) * (o.coarse + 1)) {
    throw Error(
        "random_refined_square",
        "at least the lattice's " + std::to_string((o.coarse + 1) * (o.coarse + 1)) + " nodes",
        std::to_string(target_nodes), "Ask for more nodes, or a smaller `coarse`.");
  }
  auto mesh = detail::coarse_square(random, o.coarse, o.coarse_shift);
  std::vector<detail::MeshFeature> features(
      1 + random.index(static_cast<std::uint64_t>(o.most_features)));
  for (auto& f : features) f = detail::MeshFeature::draw(random);
  const auto size = [&](double x, double y) {
    double h = 1;
    for (const auto& f : features) h = std::min(h, f.distance(x, y) / f.reach);
    return std::max(h, 1 / o.size_ratio);
  };
  mesh = refine_to_count(std::move(mesh), size, target_nodes);
  detail::shake_nodes(mesh, random, o.shake, o.least_angle);
  mesh = renumber(mesh, hilbert_order(mesh.points, 2));
  sort_cells(mesh);
  return mesh;
}

}  // namespace amq::mesh
