#pragma once
// A host that never has the whole mesh: what it gives of it.

#include <amq/mesh/edges.hpp>
#include <amq/mesh/mesh.hpp>
#include <amq/parallel/partitioned_mesh.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace cases {

/// It gives cells, its nodes descend, ghosts are those of its cells, ranks of ghosts descend.
/// @param mesh   of triangles in two dimensions
/// @param owner  (node) rank
inline amq::parallel::PartitionedMesh host_of_cells(const amq::Mesh& mesh,
                                                    std::span<const int> owner, int rank,
                                                    int ranks) {
  amq::parallel::PartitionedMesh m;
  m.nodes_in_all = static_cast<std::int64_t>(mesh.n_nodes());
  for (std::int64_t i = m.nodes_in_all; i-- > 0;)
    if (owner[static_cast<std::size_t>(i)] == rank) m.owned.push_back(i);
  std::vector<std::int32_t> local(static_cast<std::size_t>(m.nodes_in_all), -1);
  std::vector<std::vector<std::int32_t>> of_rank(static_cast<std::size_t>(ranks));
  const auto mine = [&](std::int32_t v) { return owner[static_cast<std::size_t>(v)] == rank; };
  std::vector<amq::Index> kept;
  for (amq::Index k = 0; k < mesh.n_cells(); ++k) {
    const auto* v = mesh.cell(k);
    if (mine(v[0]) || mine(v[1]) || mine(v[2])) kept.push_back(k);
  }
  std::int32_t next = 0;
  for (const auto id : m.owned) local[static_cast<std::size_t>(id)] = next++;
  for (const auto k : kept)
    for (int j = 0; j < 3; ++j) {
      const auto v = static_cast<std::size_t>(mesh.cell(k)[j]);
      if (local[v] >= 0 || owner[v] == rank) continue;
      local[v] = 0;  // to be numbered
      of_rank[static_cast<std::size_t>(owner[v])].push_back(static_cast<std::int32_t>(v));
    }
  for (int r = ranks - 1; r >= 0; --r) {
    const auto& nodes = of_rank[static_cast<std::size_t>(r)];
    if (nodes.empty()) continue;
    m.ghosts.push_back({r, {nodes.begin(), nodes.end()}});
    for (const auto v : nodes) local[static_cast<std::size_t>(v)] = next++;
  }
  const auto put = [&](std::int64_t id) {
    const auto i = static_cast<std::size_t>(id);
    m.points.push_back(mesh.points[2 * i]);
    m.points.push_back(mesh.points[2 * i + 1]);
    m.node_type.push_back(mesh.node_type[i]);
  };
  for (const auto id : m.owned) put(id);
  for (const auto& g : m.ghosts)
    for (const auto id : g.nodes) put(id);
  for (const auto k : kept)
    for (int j = 0; j < 3; ++j) m.cells.push_back(local[static_cast<std::size_t>(mesh.cell(k)[j])]);
  return m;
}

}  // namespace cases
