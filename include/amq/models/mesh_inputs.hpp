#pragma once
/// @file
/// What networks on meshes read besides fields, and the checks of what they are given.

#include <amq/core/error.hpp>
#include <amq/mesh/graph.hpp>

#include <cmath>
#include <string>
#include <string_view>

namespace amq::models {

/// x(e) = [p_i - p_j, |p_i - p_j|] for every edge j -> i.
/// @param positions  (node, dim)
/// @param out        (edge, dim + 1)
inline void relative_positions(MatrixView<const float> positions, const Graph& g,
                               MatrixView<float> out) noexcept {
  for (Index e = 0; e < g.n_edges(); ++e) {
    const float* to = positions.row(g.receiver[static_cast<std::size_t>(e)]);
    const float* from = positions.row(g.sender[static_cast<std::size_t>(e)]);
    double square = 0;
    for (Index d = 0; d < positions.cols; ++d) {
      const float r = to[d] - from[d];
      out(e, d) = r;
      square = std::fma(static_cast<double>(r), static_cast<double>(r), square);
    }
    out(e, positions.cols) = static_cast<float>(std::sqrt(square));
  }
}

namespace detail {

inline void check_graph(std::string_view where, const Graph& g) {
  if (g.first.empty())  // a part of a mesh may have no nodes
    throw Error(std::string(where), "a graph with nodes", "an empty graph",
                "Pass the mesh's graph.");
}
/// @throws amq::Error for another shape, and for what is not finite
inline void check_rows(std::string_view where, MatrixView<const float> m, Index rows, Index cols) {
  if (m.rows != rows || m.cols != cols)
    throw Error(std::string(where), "(" + std::to_string(rows) + ", " + std::to_string(cols) + ")",
                "(" + std::to_string(m.rows) + ", " + std::to_string(m.cols) + ")",
                "Give a row per node, edge or cluster and the channels the model was built for.");
  for (Index i = 0; i < m.rows; ++i)
    for (Index c = 0; c < m.cols; ++c)
      if (!std::isfinite(m(i, c)))
        throw Error(std::string(where), "finite numbers",
                    std::to_string(m(i, c)) + " at row " + std::to_string(i),
                    "Repair the field before it is passed on.");
}

}  // namespace detail
}  // namespace amq::models
