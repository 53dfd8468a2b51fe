#pragma once
/// @file
/// How far each node is from the boundary: what networks that read no cells need to know of it.

#include <amq/core/error.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/core/rounded.hpp>
#include <amq/mesh/mesh.hpp>
#include <amq/mesh/neighbours.hpp>
#include <amq/mesh/sides.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace amq::mesh {

namespace detail {

/// Squared distance of p to the line from a to b, in `dim` dimensions. Of the same bits in every
/// build.
[[nodiscard]] inline double squared_distance_to_line(const double* p, const double* a,
                                                     const double* b, int dim) noexcept {
  double length2 = 0, along = 0;
  for (int d = 0; d < dim; ++d) {
    length2 += rounded_square(b[d] - a[d]);
    along += rounded((p[d] - a[d]) * (b[d] - a[d]));
  }
  const double t = length2 > 0 ? std::clamp(along / length2, 0.0, 1.0) : 0.0;
  double s = 0;
  for (int d = 0; d < dim; ++d) s += rounded_square(p[d] - (a[d] + rounded(t * (b[d] - a[d]))));
  return s;
}

}  // namespace detail

/// (node) the distance to the nearest side of the boundary, in the unit of the points; 0 on it.
/// Latent attention reads no cells, and sees a boundary better by this channel than by marks.
/// O(n log n) where sides of the boundary are of similar length.
/// @throws Error  for cells of dimension 3, a side at which three cells meet, coordinates that are
///                not finite, and a closed surface, which has no boundary
[[nodiscard]] inline std::vector<double> boundary_distance(const Mesh& mesh) {
  const FloatEnvironment own;
  const Sides sides = find_sides(mesh);
  std::vector<Side> boundary;
  std::vector<double> middles;  // (side of the boundary, dim)
  double longest2 = 0;
  for (Index s = 0; s < sides.size(); ++s) {
    if (!sides.on_boundary(s)) continue;
    boundary.push_back(sides.nodes[static_cast<std::size_t>(s)]);
    const double *a = mesh.point(boundary.back()[0]), *b = mesh.point(boundary.back()[1]);
    double length2 = 0;
    for (int d = 0; d < mesh.dim; ++d) {
      middles.push_back(a[d] + (b[d] - a[d]) / 2);
      length2 += (b[d] - a[d]) * (b[d] - a[d]);
    }
    longest2 = std::max(longest2, length2);
  }
  if (boundary.empty()) {
    throw Error("boundary_distance", "a side at which one cell ends", "a closed surface",
                "Leave this channel out.");
  }
  const PointTree tree(middles, mesh.dim);
  // The nearest side has its middle no further away than the nearest middle and half a side, and a
  // little for rounding.
  const double half = std::sqrt(longest2) / 2;
  std::vector<double> all(static_cast<std::size_t>(mesh.n_nodes()));
  std::vector<PointTree::Hit> found;
  for (Index i = 0; i < mesh.n_nodes(); ++i) {
    const double* p = mesh.point(i);
    tree.nearest(p, 1, -1, found);
    tree.within(p, (std::sqrt(found.front().first) + half) * (1 + 1e-9), -1, found);
    double least2 = found.front().first;
    for (const auto& [ignored, s] : found) {
      const auto [a, b] = boundary[static_cast<std::size_t>(s)];
      least2 = std::min(
          least2, detail::squared_distance_to_line(p, mesh.point(a), mesh.point(b), mesh.dim));
    }
    all[static_cast<std::size_t>(i)] = std::sqrt(least2);
  }
  return all;
}

}  // namespace amq::mesh
