#pragma once
/// @file
/// Newest-vertex bisection of triangles: refinement that stays conforming and keeps angles.
///
/// Throughout, corner 2 of a cell is its newest, and the side between corners 0 and 1 is the next
/// to be cut. All descendants of a triangle fall into four classes of similar triangles, so angles
/// cannot degenerate (Mitchell 1991); the closure below ends for any choice of first sides.

#include <amq/core/error.hpp>
#include <amq/mesh/mesh.hpp>
#include <amq/mesh/sides.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::mesh {

namespace detail {

inline void require_triangles(const Mesh& mesh, const char* where) {
  if (mesh.nodes_per_cell != 3) {
    throw Error(where, "triangles", std::to_string(mesh.nodes_per_cell) + " nodes per cell",
                "Split quads into triangles first.");
  }
  require_ids(mesh, where);
}

[[nodiscard]] inline double triangle_area(const Mesh& mesh, Index c) noexcept {
  const auto* v = mesh.cell(c);
  const double *a = mesh.point(v[0]), *b = mesh.point(v[1]), *d = mesh.point(v[2]);
  return ((b[0] - a[0]) * (d[1] - a[1]) - (b[1] - a[1]) * (d[0] - a[0])) / 2;
}

}  // namespace detail

/// Turns every triangle so that its longest side is the next to be cut: the start for a mesh that
/// does not come from bisection.
inline void cut_longest_sides_first(Mesh& mesh) {
  detail::require_triangles(mesh, "cut_longest_sides_first");
  for (Index c = 0; c < mesh.n_cells(); ++c) {
    auto* v = mesh.cells.data() + 3 * c;
    std::array<std::pair<double, int>, 3> length;
    for (int k = 0; k < 3; ++k) {
      double l2 = 0;
      for (int d = 0; d < mesh.dim; ++d) {
        const double x = mesh.point(v[k])[d] - mesh.point(v[(k + 1) % 3])[d];
        l2 += x * x;
      }
      length[static_cast<std::size_t>(k)] = {l2, -k};
    }
    std::rotate(v, v - std::max_element(length.begin(), length.end())->second, v + 3);
  }
}

/// Cuts every marked triangle at least once, and as many others as conformity asks for. Old nodes
/// keep their ids, so a field on the result restricts to its first rows; new nodes follow. The
/// middle of a boundary side takes the type of its ends (where they differ, that of the end that is
/// not normal, or the smaller id's); tags are inherited.
/// @param marked  (cell), non-zero: cut
/// @param twice   cut marked triangles in four, halving all their sides
[[nodiscard]] inline Mesh bisect(const Mesh& mesh, std::span<const char> marked,
                                 bool twice = false) {
  detail::require_triangles(mesh, "bisect");
  if (static_cast<Index>(marked.size()) != mesh.n_cells()) {
    throw Error("bisect", std::to_string(mesh.n_cells()) + " marks, one for each cell",
                std::to_string(marked.size()), "Mark the cells of this mesh.");
  }
  const auto sides = find_sides(mesh);
  const auto side = [&](std::size_t c, std::size_t k) {
    return static_cast<std::size_t>(sides.of_cell[3 * c + k]);
  };
  // The middle of each cut side: a new node's id, -1 where none.
  std::vector<std::int32_t> middle(sides.nodes.size(), -1);
  std::vector<std::size_t> cut;
  const auto cut_side = [&](std::size_t s) {
    if (middle[s] < 0) {
      middle[s] = 0;
      cut.push_back(s);
    }
  };
  for (std::size_t c = 0; c < marked.size(); ++c) {
    for (std::size_t k = 0; marked[c] && k < (twice ? 3u : 1u); ++k) cut_side(side(c, k));
  }
  // A triangle any of whose sides is cut must be cut at its own first side, too.
  for (std::size_t i = 0; i < cut.size(); ++i) {
    for (const auto c : sides.cells[cut[i]]) {
      if (c >= 0) cut_side(side(static_cast<std::size_t>(c), 0));
    }
  }

  Mesh out;
  out.dim = mesh.dim;
  out.cell_dim = mesh.cell_dim;
  out.points = mesh.points;
  out.node_type = mesh.node_type;
  for (const auto s : cut) {
    middle[s] = static_cast<std::int32_t>(out.n_nodes());
    const auto [a, b] = sides.nodes[s];
    for (int d = 0; d < mesh.dim; ++d) {
      out.points.push_back((mesh.point(a)[d] + mesh.point(b)[d]) / 2);
    }
    if (!mesh.node_type.empty()) {
      auto type = NodeType::normal;
      if (sides.on_boundary(static_cast<Index>(s))) {
        type = mesh.node_type[static_cast<std::size_t>(a)];
        if (type == NodeType::normal) type = mesh.node_type[static_cast<std::size_t>(b)];
      }
      out.node_type.push_back(type);
    }
  }
  out.cells.reserve(mesh.cells.size() + 6 * cut.size());
  const auto add = [&](std::int32_t a, std::int32_t b, std::int32_t newest, std::size_t parent) {
    out.cells.insert(out.cells.end(), {a, b, newest});
    if (!mesh.cell_tag.empty()) out.cell_tag.push_back(mesh.cell_tag[parent]);
  };
  for (std::size_t c = 0; c < marked.size(); ++c) {
    const auto* v = mesh.cell(static_cast<Index>(c));
    const auto m = middle[side(c, 0)];
    if (m < 0) {
      add(v[0], v[1], v[2], c);
      continue;
    }
    for (const auto& [a, b, k] : {std::tuple(v[2], v[0], 2u), std::tuple(v[1], v[2], 1u)}) {
      if (const auto p = middle[side(c, k)]; p >= 0) {
        add(m, a, p, c);
        add(b, m, p, c);
      } else {
        add(a, b, m, c);
      }
    }
  }
  return out;
}

/// Every triangle in four, every side halved.
[[nodiscard]] inline Mesh bisect_all(const Mesh& mesh) {
  return bisect(mesh, std::vector<char>(static_cast<std::size_t>(mesh.n_cells()), 1), true);
}

/// Wanted size of a triangle, the square root of its area, at (x, y).
using SizeField = std::function<double(double x, double y)>;

/// Cuts until no triangle is larger than `size` at its centroid.
/// @param most_nodes  stops, unfinished, beyond this many
[[nodiscard]] inline Mesh refine_to_size(Mesh mesh, const SizeField& size, Index most_nodes) {
  for (;;) {
    std::vector<char> marked(static_cast<std::size_t>(mesh.n_cells()), 0);
    bool any = false;
    for (Index c = 0; c < mesh.n_cells(); ++c) {
      const auto* v = mesh.cell(c);
      const double x = (mesh.point(v[0])[0] + mesh.point(v[1])[0] + mesh.point(v[2])[0]) / 3;
      const double y = (mesh.point(v[0])[1] + mesh.point(v[1])[1] + mesh.point(v[2])[1]) / 3;
      const double h = size(x, y);
      if (detail::triangle_area(mesh, c) > h * h)
        marked[static_cast<std::size_t>(c)] = 1, any = true;
    }
    if (!any || mesh.n_nodes() > most_nodes) return mesh;
    mesh = bisect(mesh, marked);
  }
}

/// Cuts the triangles that are largest in proportion to `size`, until there are target_nodes; the
/// result has a few more at most (conformity brings nodes in chains).
/// @param size  positive; only proportions matter
[[nodiscard]] inline Mesh refine_to_count(Mesh mesh, const SizeField& size, Index target_nodes) {
  std::vector<std::pair<double, Index>> excess;
  while (mesh.n_nodes() < target_nodes) {
    excess.clear();
    for (Index c = 0; c < mesh.n_cells(); ++c) {
      const auto* v = mesh.cell(c);
      const double x = (mesh.point(v[0])[0] + mesh.point(v[1])[0] + mesh.point(v[2])[0]) / 3;
      const double y = (mesh.point(v[0])[1] + mesh.point(v[1])[1] + mesh.point(v[2])[1]) / 3;
      const double h = size(x, y);
      excess.emplace_back(-detail::triangle_area(mesh, c) / (h * h), c);
    }
    // Within a factor 2 of the worst, one cut each cannot overtake; the share of what is missing
    // makes the last steps small, so that the count is met.
    const auto missing = target_nodes - mesh.n_nodes();
    const auto most =
        std::min<std::size_t>(static_cast<std::size_t>(missing / 3 + 1), excess.size());
    std::partial_sort(excess.begin(), excess.begin() + static_cast<std::ptrdiff_t>(most),
                      excess.end());
    std::vector<char> marked(static_cast<std::size_t>(mesh.n_cells()), 0);
    for (std::size_t k = 0; k < most && excess[k].first <= excess[0].first / 2; ++k) {
      marked[static_cast<std::size_t>(excess[k].second)] = 1;
    }
    mesh = bisect(mesh, marked);
  }
  return mesh;
}

}  // namespace amq::mesh
