#pragma once
/// @file
/// A mesh cut into parts, one a rank, as hosts hold it: own nodes, and copies of nodes that other
/// ranks own ("ghosts"), by the rank they are copied from.

#include <amq/mesh/edges.hpp>
#include <amq/mesh/mesh.hpp>
#include <amq/mesh/node_order.hpp>
#include <amq/parallel/communicator.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace amq::parallel {

/// Nodes that a rank owns, and others have copies of.
struct GhostNodes {
  int rank = 0;
  std::vector<std::int64_t> nodes;  ///< global ids
};

/// What one rank has. Local numbers count own nodes first, in the host's order, then ghosts, in the
/// order of `ghosts`. Whoever owns the receiver of an edge has the edge; its sender may be a ghost.
struct PartitionedMesh {
  int dim = 2;
  std::int64_t nodes_in_all = 0;    ///< of the whole mesh; global ids are 0 .. nodes_in_all - 1
  std::vector<std::int64_t> owned;  ///< (own node) global ids; may be none
  std::vector<GhostNodes> ghosts;   ///< each rank once
  std::vector<double> points;       ///< (local node, dim)
  std::vector<NodeType> node_type;  ///< (local node)
  int nodes_per_cell = 3, cell_dim = 0;  ///< as in Mesh
  /// (cell, corner) local nodes: every cell that has an own node. Its sides are the edges.
  std::vector<std::int32_t> cells;
  /// (edge) sender, receiver: instead of cells, where a network's edges are not their sides.
  std::vector<Side> edges;
  /// (local node) whose place in the order of sums this is; empty: that of the global id. Set where
  /// one rank alone would solve in another order than the mesh's: see cut().
  std::vector<std::int64_t> place;

  [[nodiscard]] Index n_owned() const noexcept { return static_cast<Index>(owned.size()); }
  [[nodiscard]] Index n_ghosts() const noexcept {
    Index n = 0;
    for (const GhostNodes& g : ghosts) n += static_cast<Index>(g.nodes.size());
    return n;
  }
  [[nodiscard]] Index n_local() const noexcept { return n_owned() + n_ghosts(); }
};

/// The part of one rank, from a mesh that every rank has whole.
/// @param graph  of the mesh, in the order of `order`
/// @param order  see PartitionedMesh::place; empty: the mesh's own
/// @param owner  (node) rank
/// @throws Error for another number of owners or nodes, or owners below 0
[[nodiscard]] inline PartitionedMesh cut(const Mesh& mesh, const Graph& graph,
                                         const NodeOrder& order, std::span<const int> owner,
                                         int rank) {
  const auto n = static_cast<std::size_t>(mesh.n_nodes());
  if (owner.size() != n || static_cast<std::size_t>(graph.n_nodes()) != n ||
      (!order.empty() && order.size() != n))
    throw Error("cut", "an owner for each of " + std::to_string(n) + " nodes, and their graph",
                std::to_string(owner.size()) + " owners, a graph of " +
                    std::to_string(graph.n_nodes()) + " nodes",
                "Give the rank of every node.");
  for (std::size_t i = 0; i < n; ++i)
    if (owner[i] < 0)
      throw Error("cut, node " + std::to_string(i), "a rank of 0 or more", std::to_string(owner[i]),
                  "Give the rank of every node.");
  const auto user = [&](std::int32_t i) {
    return order.empty() ? i : order[static_cast<std::size_t>(i)];
  };
  const auto owner_of = [&](std::int32_t node) { return owner[static_cast<std::size_t>(node)]; };
  PartitionedMesh p;
  p.dim = mesh.dim;
  p.nodes_in_all = static_cast<std::int64_t>(n);
  std::vector<std::int32_t> local(n, -1);
  for (std::size_t i = 0; i < n; ++i)
    if (owner[i] == rank) {
      local[i] = static_cast<std::int32_t>(p.owned.size());
      p.owned.push_back(static_cast<std::int64_t>(i));
    }
  std::vector<std::pair<int, std::int32_t>> away;  // (rank, node)
  for (Index e = 0; e < graph.n_edges(); ++e) {
    const auto k = static_cast<std::size_t>(e);
    const std::int32_t from = user(graph.sender[k]);
    if (owner_of(user(graph.receiver[k])) == rank && owner_of(from) != rank)
      away.emplace_back(owner_of(from), from);
  }
  std::sort(away.begin(), away.end());
  away.erase(std::unique(away.begin(), away.end()), away.end());
  auto next = static_cast<std::int32_t>(p.owned.size());
  for (const auto& [from, node] : away) {
    if (p.ghosts.empty() || p.ghosts.back().rank != from) p.ghosts.push_back({from, {}});
    p.ghosts.back().nodes.push_back(node);
    local[static_cast<std::size_t>(node)] = next++;
  }
  const auto each_local = [&](const auto& f) {
    for (const auto i : p.owned) f(static_cast<std::size_t>(i));
    for (const auto& entry : away) f(static_cast<std::size_t>(entry.second));
  };
  each_local([&](std::size_t i) {
    const double* x = mesh.point(static_cast<Index>(i));
    p.points.insert(p.points.end(), x, x + mesh.dim);
    if (!mesh.node_type.empty()) p.node_type.push_back(mesh.node_type[i]);
  });
  if (!order.empty()) {
    const NodeOrder back = inverse(order);
    each_local([&](std::size_t i) { p.place.push_back(back[i]); });
  }
  for (Index e = 0; e < graph.n_edges(); ++e) {
    const auto k = static_cast<std::size_t>(e);
    const std::int32_t to = user(graph.receiver[k]);
    if (owner_of(to) == rank)
      p.edges.push_back({local[static_cast<std::size_t>(user(graph.sender[k]))],
                         local[static_cast<std::size_t>(to)]});
  }
  return p;
}

/// Who sends what to whom. Own nodes of a part are renumbered: those whose senders are all own come
/// first, since they need not wait for others.
struct Halo {
  struct Neighbour {
    int rank = 0;
    std::vector<std::int32_t> send;  ///< part's numbers of own nodes, in the order of their ghosts
    Index first_ghost = 0, n_ghosts = 0;
  };
  std::vector<Neighbour> neighbours;  ///< ascending ranks
  Index own = 0, interior = 0, ghosts = 0;
  std::vector<std::int32_t> sent;  ///< own nodes that somebody has a copy of, ascending

  [[nodiscard]] Index local() const noexcept { return own + ghosts; }
};

/// A part, checked and ready: what solving needs of it.
struct MeshPart {
  NodeOrder order;                  ///< own node i is the host's own node order[i]
  std::vector<std::int64_t> place;  ///< (own node) in the order of sums, which is one of all nodes
  std::vector<std::int64_t> ghost_place;  ///< (ghost) likewise
  std::int64_t nodes_in_all = 0, edges_in_all = 0;
  Graph graph;  ///< of own receivers; senders are own nodes, then ghosts, by ascending place
  Halo halo;
  Mesh nodes;  ///< own nodes in this order, then ghosts; no cells
};

namespace detail {

/// to[r] goes to rank r, and what came from each is returned. All ranks call it.
[[nodiscard]] inline std::vector<std::vector<std::int64_t>> exchange_lists(
    Communicator& c, std::vector<std::vector<std::int64_t>> to) {
  const auto size = static_cast<std::size_t>(c.size()), me = static_cast<std::size_t>(c.rank());
  std::vector<std::int64_t> sends(size, 0), comes(size, 0);
  std::vector<std::vector<std::int64_t>> from(size);
  const auto bytes = [](std::span<std::int64_t> x) { return std::as_writable_bytes(x); };
  std::vector<Communicator::Message> out, in;
  for (std::size_t r = 0; r < size; ++r) sends[r] = static_cast<std::int64_t>(to[r].size());
  for (std::size_t r = 0; r < size; ++r)
    if (r != me) {
      out.push_back({static_cast<int>(r), bytes({&sends[r], 1})});
      in.push_back({static_cast<int>(r), bytes({&comes[r], 1})});
    }
  c.begin(out, in);
  c.finish();
  out.clear(), in.clear();
  for (std::size_t r = 0; r < size; ++r) {
    if (r == me) continue;
    from[r].resize(static_cast<std::size_t>(comes[r]));
    if (!to[r].empty()) out.push_back({static_cast<int>(r), bytes(to[r])});
    if (!from[r].empty()) in.push_back({static_cast<int>(r), bytes(from[r])});
  }
  c.begin(out, in);
  c.finish();
  from[me] = std::move(to[me]);
  return from;
}

/// What one rank can see of its part alone.
inline void check_part(const PartitionedMesh& m, int rank, int size) {
  const std::string where = "mesh of rank " + std::to_string(rank);
  const auto text = [](auto x) { return std::to_string(x); };
  const auto want = [&](bool good, const std::string& expected, const std::string& found,
                        const char* mend) {
    if (!good) throw Error(where, expected, found, mend);
  };
  want(m.dim >= 1 && m.dim <= 3, "1 to 3 dimensions", text(m.dim), "Set PartitionedMesh::dim.");
  constexpr std::int64_t most = std::int64_t{1} << 62;  // sums of numbers stay within 64 bits
  want(m.nodes_in_all >= 1 && m.nodes_in_all <= most, "1 or more nodes in all, up to 2^62",
       text(m.nodes_in_all), "Set PartitionedMesh::nodes_in_all.");
  const auto n = static_cast<std::size_t>(m.n_local());
  const auto of_local = [&](std::size_t k) {
    return text(n) + " for as many local nodes, not " + text(k);
  };
  want(m.points.size() == n * static_cast<std::size_t>(m.dim), "points (local node, dim)",
       text(m.points.size()) + " coordinates for " + text(n) + " nodes",
       "Give points of own nodes, then of ghosts.");
  want(m.node_type.empty() || m.node_type.size() == n, "a type for every local node",
       of_local(m.node_type.size()), "Give types of own nodes, then of ghosts.");
  want(m.place.empty() || m.place.size() == n, "a place for every local node",
       of_local(m.place.size()), "Give places of own nodes, then of ghosts.");
  for (const double x : m.points)
    want(std::isfinite(x), "finite coordinates", text(x), "Repair the mesh.");
  for (const NodeType t : m.node_type)
    want(static_cast<int>(t) < n_node_types, "types from 0 to " + text(n_node_types - 1),
         text(static_cast<int>(t)), "See NodeType for their meaning.");
  std::unordered_map<std::int64_t, int> seen;
  const auto take = [&](std::int64_t id, int of) {
    want(id >= 0 && id < m.nodes_in_all, "global ids from 0 to " + text(m.nodes_in_all - 1),
         text(id), "Are the ids counted from 1?");
    want(seen.emplace(id, of).second, "every local node once", "node " + text(id) + " twice",
         "A node is owned, or a ghost of one rank.");
  };
  for (const auto id : m.owned) take(id, rank);
  std::vector<char> known(static_cast<std::size_t>(size), 0);
  for (const GhostNodes& g : m.ghosts) {
    want(g.rank >= 0 && g.rank < size && g.rank != rank,
         "ghosts of another of " + text(size) + " ranks", text(g.rank),
         "Cut the mesh for as many ranks as there are.");
    want(!known[static_cast<std::size_t>(g.rank)], "the ghosts of a rank in one list",
         "two of rank " + text(g.rank), "Join them.");
    known[static_cast<std::size_t>(g.rank)] = 1;
    for (const auto id : g.nodes) take(id, g.rank);
  }
  const auto inside = [&](std::int32_t v) {
    want(v >= 0 && static_cast<std::size_t>(v) < n,
         "local nodes from 0 to " + text(static_cast<std::int64_t>(n) - 1), text(v),
         "Cells and edges name local nodes: own ones, then ghosts.");
  };
  for (const auto& [from, to] : m.edges) {
    inside(from), inside(to);
    want(to < m.n_owned(), "edges whose receivers are own nodes",
         "an edge to local node " + text(to) + ", a ghost",
         "Its owner has that edge: give those of own receivers.");
  }
  for (const auto v : m.cells) inside(v);
  want(m.cells.empty() || (m.nodes_per_cell > 0 &&
                           m.cells.size() % static_cast<std::size_t>(m.nodes_per_cell) == 0),
       "whole cells",
       text(m.cells.size()) + " corners of cells of " + text(m.nodes_per_cell) + " nodes",
       "Set nodes_per_cell.");
  for (const auto at : m.place)
    want(at >= 0 && at < m.nodes_in_all, "places from 0 to " + text(m.nodes_in_all - 1), text(at),
         "Places are an order of all nodes.");
}

/// The sides of all cells that a host gives, in both directions.
inline std::vector<Side> sides_of_cells(const PartitionedMesh& m) {
  std::vector<Side> sides;
  if (m.cells.empty()) return sides;
  Mesh local;
  local.dim = m.dim;
  local.nodes_per_cell = m.nodes_per_cell;
  local.cell_dim = m.cell_dim;
  local.points = m.points;
  local.cells = m.cells;
  const Graph g = cell_edges(local);
  for (std::size_t e = 0; e < g.sender.size(); ++e) sides.push_back({g.sender[e], g.receiver[e]});
  return sides;
}

/// The edges that a host gives, or else the sides of its cells, of own receivers.
inline std::vector<Side> side_edges(const PartitionedMesh& m) {
  if (!m.edges.empty()) return m.edges;
  std::vector<Side> edges = sides_of_cells(m);
  std::erase_if(edges, [&](const Side& e) { return e[1] >= m.n_owned(); });
  return edges;
}

/// Sums of neighbours run by ascending place, whatever the local numbers are.
inline Graph graph_of_part(const PartitionedMesh& m, std::span<const std::int32_t> number,
                           std::span<const std::int64_t> place) {
  std::vector<Side> edges = side_edges(m);
  const auto at = [&](std::int32_t v) { return static_cast<std::size_t>(v); };
  std::sort(edges.begin(), edges.end(), [&](const Side& a, const Side& b) {
    return a[1] != b[1] ? number[at(a[1])] < number[at(b[1])] : place[at(a[0])] < place[at(b[0])];
  });
  for (std::size_t e = 1; e < edges.size(); ++e)
    if (edges[e] == edges[e - 1])
      throw Error("mesh, edges", "every edge once",
                  "from local node " + std::to_string(edges[e][0]) + " to " +
                      std::to_string(edges[e][1]) + " twice",
                  "Remove duplicates.");
  Graph g;
  g.first.assign(m.owned.size() + 1, 0);
  for (const auto& [from, to] : edges) {
    g.sender.push_back(number[at(from)]);
    g.receiver.push_back(number[at(to)]);
    ++g.first[at(number[at(to)]) + 1];
  }
  for (std::size_t i = 1; i < g.first.size(); ++i) g.first[i] += g.first[i - 1];
  return g;
}

}  // namespace detail

namespace detail {

/// Every number from 0 to n - 1 is one of one rank's. Numbers may be anything below n, and n far
/// more than memory would hold.
/// @param what  the numbers are: "node"
/// @param one   who has one of them
inline void check_dealt(Communicator& c, std::int64_t n, std::span<const std::int64_t> own,
                        const std::string& what, const char* one, const char* twice,
                        const char* none) {
  // Every rank looks after a block of them.
  const auto size = static_cast<std::size_t>(c.size());
  const std::int64_t block = n / c.size() + 1;
  std::vector<std::vector<std::int64_t>> to(size);
  for (const auto k : own) to[static_cast<std::size_t>(k / block)].push_back(k);
  const auto dealt = exchange_lists(c, std::move(to));
  together(c, [&] {
    std::vector<std::pair<std::int64_t, std::size_t>> all;  // (number, rank)
    for (std::size_t r = 0; r < size; ++r)
      for (const auto k : dealt[r]) all.emplace_back(k, r);
    std::sort(all.begin(), all.end());
    const auto where = [&](std::int64_t k) { return "mesh, " + what + " " + std::to_string(k); };
    std::int64_t next = std::min(n, block * c.rank());
    const std::int64_t last = std::min(n, next + block);
    const auto missing = [&] { return Error(where(next), one, "none", none); };
    for (std::size_t i = 0; i < all.size(); ++i, ++next) {
      if (i > 0 && all[i].first == all[i - 1].first)
        throw Error(
            where(all[i].first), one,
            "ranks " + std::to_string(all[i - 1].second) + " and " + std::to_string(all[i].second),
            twice);
      if (all[i].first != next) throw missing();
    }
    if (next < last) throw missing();
  });
}

/// Of hosts that give cells: whoever has a cell knows sides of other ranks' nodes, and their owners
/// must have them, too. All ranks call it.
inline void check_sides(const PartitionedMesh& m, Communicator& c) {
  std::int64_t given = !m.edges.empty();
  c.max({&given, 1});
  if (given) return;
  std::vector<std::int64_t> id = m.owned;
  std::vector<std::size_t> owner(id.size(), 0);
  for (const GhostNodes& g : m.ghosts) {
    id.insert(id.end(), g.nodes.begin(), g.nodes.end());
    owner.resize(id.size(), static_cast<std::size_t>(g.rank));
  }
  std::vector<std::vector<std::int64_t>> to(static_cast<std::size_t>(c.size()));
  std::vector<Side> sides;
  together(c, [&] {
    sides = sides_of_cells(m);
    for (const auto& [from, at] : sides) {
      if (at < m.n_owned()) continue;
      auto& list = to[owner[static_cast<std::size_t>(at)]];
      list.push_back(id[static_cast<std::size_t>(from)]);
      list.push_back(id[static_cast<std::size_t>(at)]);
    }
  });
  const auto told = exchange_lists(c, std::move(to));
  together(c, [&] {
    std::unordered_map<std::int64_t, std::int32_t> local;
    for (std::size_t i = 0; i < id.size(); ++i) local[id[i]] = static_cast<std::int32_t>(i);
    std::sort(sides.begin(), sides.end());
    for (std::size_t r = 0; r < told.size(); ++r)
      for (std::size_t k = 0; k < told[r].size(); k += 2) {
        const auto from = local.find(told[r][k]), at = local.find(told[r][k + 1]);
        // Ghosts of others that are not own nodes here: make_part() says so.
        if (at == local.end() || at->second >= m.n_owned()) continue;
        if (from != local.end() &&
            std::binary_search(sides.begin(), sides.end(), Side{from->second, at->second}))
          continue;
        throw Error(
            "mesh of rank " + std::to_string(c.rank()) + ", node " + std::to_string(told[r][k + 1]),
            "every cell that has an own node",
            "that rank " + std::to_string(r) + " has one with a side to node " +
                std::to_string(told[r][k]) + ", which is not here",
            "Give cells on the border to all ranks that own one of their nodes.");
      }
  });
}

}  // namespace detail

/// Checks a mesh over all ranks. All ranks call it.
/// @throws Error on every rank, and the same one, for what a rank's own part has wrong, nodes that
///         two ranks own or none, places that two nodes have, and edges on some ranks where others
///         give cells alone
inline void check_parts(const PartitionedMesh& m, Communicator& c) {
  together(c, [&] { detail::check_part(m, c.rank(), c.size()); });
  require_same(c, "number of nodes in all", static_cast<std::uint64_t>(m.nodes_in_all));
  require_same(c, "number of dimensions", static_cast<std::uint64_t>(m.dim));
  std::array<std::int64_t, 3> has{!m.edges.empty(), m.edges.empty() && !m.cells.empty(),
                                  !m.place.empty()};
  c.max(has);
  if (has[0] && has[1])
    throw CommonError("mesh", "edges on all ranks, or cells on all",
                      "edges on some, and cells alone on others",
                      "A rank that owns nodes gives what the others give.");
  detail::check_dealt(c, m.nodes_in_all, m.owned, "node", "one rank that owns it",
                      "Let one of them have it as a ghost.",
                      "Does the partition leave nodes out, or is nodes_in_all too large? Ids are "
                      "0 to nodes_in_all - 1, without gaps.");
  if (!has[2]) return;
  // Ranks without places of their own have those of their ids.
  const auto own = std::span(m.place.empty() ? m.owned : m.place).first(m.owned.size());
  detail::check_dealt(c, m.nodes_in_all, own, "place", "one node that has it",
                      "Places are an order of all nodes: set them on every rank.",
                      "Places are an order of all nodes: set them on every rank.");
}

namespace detail {

/// What ranks must agree on of local node i: its place, its type, its coordinates.
inline void describe(const PartitionedMesh& m, std::span<const std::int64_t> place, std::size_t i,
                     std::vector<std::int64_t>& to) {
  to.push_back(place[i]);
  to.push_back(m.node_type.empty() ? 0 : static_cast<std::int64_t>(m.node_type[i]));
  const auto d = static_cast<std::size_t>(m.dim);
  for (std::size_t k = 0; k < d; ++k)  // where -0 is 0
    to.push_back(std::bit_cast<std::int64_t>(m.points[i * d + k] + 0.0));
}

}  // namespace detail

/// Checks a mesh over all ranks, and makes this rank's part ready. All ranks call it.
/// @throws Error as check_parts(), for ghosts that their rank does not own, or has elsewhere, and
///         for a cell that one rank gives and the owner of one of its nodes does not
[[nodiscard]] inline MeshPart make_part(const PartitionedMesh& m, Communicator& c) {
  check_parts(m, c);
  detail::check_sides(m, c);
  const auto size = static_cast<std::size_t>(c.size());
  const auto me = static_cast<std::size_t>(c.rank());
  MeshPart part;
  part.nodes_in_all = m.nodes_in_all;
  // Numbers of the part.
  const auto n_owned = static_cast<std::size_t>(m.n_owned()),
             n_local = static_cast<std::size_t>(m.n_local());
  std::vector<std::int64_t> place = m.place;
  if (place.empty()) {
    place = m.owned;
    for (const GhostNodes& g : m.ghosts) place.insert(place.end(), g.nodes.begin(), g.nodes.end());
  }
  std::vector<std::size_t> by_rank(m.ghosts.size());
  for (std::size_t k = 0; k < by_rank.size(); ++k) by_rank[k] = k;
  std::sort(by_rank.begin(), by_rank.end(),
            [&](std::size_t a, std::size_t b) { return m.ghosts[a].rank < m.ghosts[b].rank; });
  std::vector<std::size_t> begins(m.ghosts.size() + 1, n_owned);
  for (std::size_t k = 0; k < m.ghosts.size(); ++k)
    begins[k + 1] = begins[k] + m.ghosts[k].nodes.size();
  std::vector<std::int32_t> number(n_local, 0), old(n_local, 0);
  auto next = static_cast<std::int32_t>(n_owned);
  std::vector<std::vector<std::int64_t>> wanted(size), described(size);
  for (const std::size_t k : by_rank) {
    const auto owner = static_cast<std::size_t>(m.ghosts[k].rank);
    wanted[owner] = m.ghosts[k].nodes;
    for (std::size_t i = begins[k]; i < begins[k + 1]; ++i)
      detail::describe(m, place, i, described[owner]);
    part.halo.neighbours.push_back({m.ghosts[k].rank,
                                    {},
                                    next - static_cast<Index>(n_owned),
                                    static_cast<Index>(m.ghosts[k].nodes.size())});
    for (std::size_t i = begins[k]; i < begins[k + 1]; ++i) {
      old[static_cast<std::size_t>(next)] = static_cast<std::int32_t>(i);
      number[i] = next++;
    }
  }
  together(c, [&] {
    // Once with numbers as they came, to see who waits for whom.
    std::vector<std::int32_t> same(n_local);
    for (std::size_t i = 0; i < n_local; ++i) same[i] = static_cast<std::int32_t>(i);
    const Graph g = detail::graph_of_part(m, same, place);
    std::vector<char> waits(n_owned, 0);
    for (std::size_t e = 0; e < g.sender.size(); ++e)
      if (static_cast<std::size_t>(g.sender[e]) >= n_owned)
        waits[static_cast<std::size_t>(g.receiver[e])] = 1;
    part.order.resize(n_owned);
    for (std::size_t i = 0; i < n_owned; ++i) part.order[i] = static_cast<std::int32_t>(i);
    std::sort(part.order.begin(), part.order.end(), [&](std::int32_t a, std::int32_t b) {
      const auto x = static_cast<std::size_t>(a), y = static_cast<std::size_t>(b);
      return waits[x] != waits[y] ? waits[x] < waits[y] : place[x] < place[y];
    });
    for (std::size_t i = 0; i < n_owned; ++i) {
      const auto from = static_cast<std::size_t>(part.order[i]);
      number[from] = static_cast<std::int32_t>(i);
      old[i] = part.order[i];
      part.place.push_back(place[from]);
      part.halo.interior += !waits[from];
    }
    part.graph = detail::graph_of_part(m, number, place);
  });
  part.halo.own = static_cast<Index>(n_owned);
  part.halo.ghosts = static_cast<Index>(n_local - n_owned);
  part.edges_in_all = part.graph.n_edges();
  c.sum({&part.edges_in_all, 1});

  part.nodes.dim = m.dim;
  for (std::size_t i = 0; i < n_local; ++i) {
    const auto from = static_cast<std::size_t>(old[i]);
    if (i >= n_owned) part.ghost_place.push_back(place[from]);
    const double* x = m.points.data() + from * static_cast<std::size_t>(m.dim);
    part.nodes.points.insert(part.nodes.points.end(), x, x + m.dim);
    if (!m.node_type.empty()) part.nodes.node_type.push_back(m.node_type[from]);
  }

  // Whoever wants a copy says so to its owner.
  const auto asked = detail::exchange_lists(c, std::move(wanted));
  const auto copies = detail::exchange_lists(c, std::move(described));
  together(c, [&] {
    std::vector<std::int64_t> own;
    std::unordered_map<std::int64_t, std::int32_t> mine;
    for (std::size_t i = 0; i < n_owned; ++i) mine[m.owned[i]] = number[i];
    for (std::size_t r = 0; r < size; ++r) {
      if (r == me || asked[r].empty()) continue;
      auto at = std::find_if(part.halo.neighbours.begin(), part.halo.neighbours.end(),
                             [&](const auto& n) { return n.rank >= static_cast<int>(r); });
      if (at == part.halo.neighbours.end() || at->rank != static_cast<int>(r))
        at = part.halo.neighbours.insert(at, {static_cast<int>(r), {}, 0, 0});
      for (const auto id : asked[r]) {
        const auto found = mine.find(id);
        if (found == mine.end())
          throw Error("mesh, ghost " + std::to_string(id) + " of rank " + std::to_string(r),
                      "a node of rank " + std::to_string(c.rank()) + ", which it is said to be of",
                      "none of its nodes", "List ghosts under the rank that owns them.");
        detail::describe(
            m, place, static_cast<std::size_t>(old[static_cast<std::size_t>(found->second)]), own);
        at->send.push_back(found->second);
        part.halo.sent.push_back(found->second);
      }
      for (std::size_t k = 0; k < own.size(); ++k)
        if (own[k] != copies[r][k])
          throw Error("mesh, ghost " +
                          std::to_string(asked[r][k / (own.size() / asked[r].size())]) +
                          " of rank " + std::to_string(r),
                      "the place, type and coordinates that its owner, rank " +
                          std::to_string(c.rank()) + ", has",
                      "others", "Copy ghosts from the rank that owns them.");
      own.clear();
    }
  });
  std::sort(part.halo.sent.begin(), part.halo.sent.end());
  part.halo.sent.erase(std::unique(part.halo.sent.begin(), part.halo.sent.end()),
                       part.halo.sent.end());
  return part;
}

}  // namespace amq::parallel
