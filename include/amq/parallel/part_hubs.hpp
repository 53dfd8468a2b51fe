#pragma once
/// @file
/// Edges among hubs (mesh/multi_mesh.hpp) of a mesh that lies with several ranks: the nodes that
/// multi_mesh_edges() finds on the whole mesh, and no rank needs to have it whole.

#include <amq/core/everyone.hpp>
#include <amq/mesh/multi_mesh.hpp>
#include <amq/parallel/partitioned_mesh.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace amq::parallel {

namespace detail {

/// What all ranks know of a hub; numbers are sums over ranks, of which one has it.
struct Hub {
  std::int64_t found = 0, id = 0, place = 0, rank = 0, type = 0;
  double point[3] = {0, 0, 0};
};

/// The hubs of one lattice, the same list on every rank. @param place  (own node)
inline std::vector<Hub> find_hubs(const PartitionedMesh& m, std::span<const std::int64_t> place,
                                  const mesh::detail::HubLattice& lattice, Communicator& c) {
  constexpr std::int64_t none = std::numeric_limits<std::int64_t>::min();
  const auto d = static_cast<std::size_t>(m.dim);
  // The nearest to a cell's centre; of several the one that comes first in the order of sums.
  std::vector<std::int64_t> nearest(lattice.size(), none), first(lattice.size(), none), who(first);
  const auto each_own = [&](const auto& f) {
    for (std::size_t i = 0; i < m.owned.size(); ++i) {
      const auto [cell, distance] = lattice.cell_of(&m.points[i * d]);
      f(i, cell, -ordered_bits(distance));
    }
  };
  each_own([&](std::size_t, std::size_t cell, std::int64_t close) {
    nearest[cell] = std::max(nearest[cell], close);
  });
  c.max(nearest);
  each_own([&](std::size_t i, std::size_t cell, std::int64_t close) {
    if (close != nearest[cell] || -place[i] <= first[cell]) return;
    first[cell] = -place[i];
    who[cell] = static_cast<std::int64_t>(i);
  });
  const std::vector<std::int64_t> own = first;
  c.max(first);
  for (std::size_t k = 0; k < own.size(); ++k)
    if (own[k] != first[k]) who[k] = none;
  const std::size_t words = 5 + d;
  std::vector<std::int64_t> all(words * who.size(), 0);
  for (std::size_t k = 0; k < who.size(); ++k) {
    if (who[k] < 0) continue;
    const auto i = static_cast<std::size_t>(who[k]);
    std::int64_t* w = &all[words * k];
    w[0] = 1, w[1] = m.owned[i], w[2] = place[i], w[3] = c.rank();
    w[4] = m.node_type.empty() ? 0 : static_cast<std::int64_t>(m.node_type[i]);
    for (std::size_t j = 0; j < d; ++j) w[5 + j] = ordered_bits(m.points[i * d + j]);
  }
  c.sum(all);
  std::vector<Hub> hubs(who.size());
  for (std::size_t k = 0; k < hubs.size(); ++k) {
    const std::int64_t* w = &all[words * k];
    hubs[k] = {w[0], w[1], w[2], w[3], w[4], {0, 0, 0}};
    for (std::size_t j = 0; j < d; ++j) hubs[k].point[j] = from_ordered_bits(w[5 + j]);
  }
  return hubs;
}

/// A mesh with more ghosts. @param local  global id to local number: those before, and -1 for the
/// fresh ones; then those after
inline PartitionedMesh with_ghosts(const PartitionedMesh& m, std::span<const Hub* const> fresh,
                                   std::unordered_map<std::int64_t, std::int32_t>& local) {
  PartitionedMesh to;
  to.dim = m.dim, to.nodes_in_all = m.nodes_in_all;
  to.owned = m.owned;
  to.ghosts = m.ghosts;
  std::unordered_map<std::int64_t, const Hub*> hub_of;
  for (const Hub* h : fresh) {
    hub_of[h->id] = h;
    auto of = std::find_if(to.ghosts.begin(), to.ghosts.end(),
                           [&](const GhostNodes& g) { return g.rank == h->rank; });
    if (of == to.ghosts.end()) of = to.ghosts.insert(of, GhostNodes{static_cast<int>(h->rank), {}});
    of->nodes.push_back(h->id);
  }
  const auto d = static_cast<std::size_t>(m.dim);
  std::vector<std::int32_t> number(static_cast<std::size_t>(m.n_local()), 0);
  std::int32_t next = 0;
  const auto put = [&](std::int64_t id) {
    const std::int32_t before = std::exchange(local[id], next);
    const auto from = static_cast<std::size_t>(before);
    const Hub* h = before < 0 ? hub_of[id] : nullptr;
    if (!h) number[from] = next;
    ++next;
    const double* x = h ? h->point : &m.points[from * d];
    to.points.insert(to.points.end(), x, x + d);
    if (!m.place.empty()) to.place.push_back(h ? h->place : m.place[from]);
    if (!m.node_type.empty())
      to.node_type.push_back(h ? static_cast<NodeType>(h->type) : m.node_type[from]);
  };
  for (const auto id : to.owned) put(id);
  for (const GhostNodes& g : to.ghosts)
    for (const auto id : g.nodes) put(id);
  for (const auto& [from, at] : m.edges)
    to.edges.push_back(
        {number[static_cast<std::size_t>(from)], number[static_cast<std::size_t>(at)]});
  return to;
}

}  // namespace detail

/// A mesh whose host gives cells, with the edges of a network that reads edges among hubs, too:
/// sides of cells, and edges between hubs; hubs of other ranks become ghosts. All ranks call it,
/// with the same lattices.
/// @throws Error on every rank for lattices of less than 1 cell, meshes of 1 dimension, and what
///         check_parts() refuses
[[nodiscard]] inline PartitionedMesh with_hubs(PartitionedMesh m, std::span<const int> lattices,
                                               Communicator& c) {
  check_parts(m, c);
  together(c, [&] { mesh::detail::check_lattices(m.dim, lattices); });
  detail::check_sides(m, c);
  together(c, [&] { m.edges = detail::side_edges(m); });
  const auto d = static_cast<std::size_t>(m.dim), n_owned = m.owned.size();
  std::vector<std::int64_t> ids = m.owned, box(2 * d, std::numeric_limits<std::int64_t>::min());
  for (const GhostNodes& g : m.ghosts) ids.insert(ids.end(), g.nodes.begin(), g.nodes.end());
  const std::vector<std::int64_t> place = m.place.empty() ? ids : m.place;
  for (std::size_t i = 0; i < n_owned; ++i)
    for (std::size_t k = 0; k < d; ++k) {  // where -0 is 0
      const std::int64_t x = ordered_bits(m.points[i * d + k] + 0.0);
      box[k] = std::max(box[k], -x);
      box[d + k] = std::max(box[d + k], x);
    }
  c.max(box);
  double low[3], high[3];
  for (std::size_t k = 0; k < d; ++k) {
    low[k] = from_ordered_bits(-box[k]);
    high[k] = from_ordered_bits(box[d + k]);
  }
  std::unordered_map<std::int64_t, std::int32_t> local;
  for (std::size_t i = 0; i < ids.size(); ++i) local[ids[i]] = static_cast<std::int32_t>(i);
  struct Edge {
    const detail::Hub *from, *to;
  };
  std::vector<std::vector<detail::Hub>> hubs;
  std::vector<Edge> among;
  for (const int cells : lattices) {
    const mesh::detail::HubLattice lattice{m.dim, cells, low, high};
    hubs.push_back(detail::find_hubs(m, place, lattice, c));
  }
  std::vector<const detail::Hub*> fresh;
  for (std::size_t l = 0; l < hubs.size(); ++l)
    mesh::detail::HubLattice{m.dim, lattices[l], low, high}.each_pair(
        [&](std::size_t from, std::size_t to) {
          const detail::Hub &a = hubs[l][from], &b = hubs[l][to];
          if (!a.found || !b.found || b.rank != c.rank()) return;
          among.push_back({&a, &b});
          if (local.emplace(a.id, -1).second) fresh.push_back(&a);
        });
  if (!fresh.empty()) m = detail::with_ghosts(m, fresh, local);
  for (const auto& [from, to] : among) m.edges.push_back({local[from->id], local[to->id]});
  m.cells.clear();
  std::sort(m.edges.begin(), m.edges.end());
  m.edges.erase(std::unique(m.edges.begin(), m.edges.end()), m.edges.end());
  return m;
}

}  // namespace amq::parallel
