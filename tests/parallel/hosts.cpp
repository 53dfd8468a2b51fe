// What hosts that fill PartitionedMesh themselves do differently, and what they get wrong.

#include "host.hpp"

#include "../solver/fingerprints.hpp"

#include <amq/mesh/multi_mesh.hpp>
#include <amq/parallel/local_communicator.hpp>
#include <amq/parallel/part_hubs.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace test_hosts {

using namespace amq;
using namespace amq::parallel;

namespace {

const Mesh& whole() {
  static const Mesh mesh = fingerprints::square(7, 4);
  return mesh;
}
/// Strips; of several ranks the last has no nodes.
std::vector<int> owners(int ranks) {
  std::vector<int> owner;
  const int with = std::max(1, ranks - 1);
  const auto n = static_cast<int>(whole().n_nodes());
  for (int i = 0; i < n; ++i) owner.push_back(i * with / n);
  return owner;
}
PartitionedMesh host(const Communicator& c) {
  return cases::host_of_cells(whole(), owners(c.size()), c.rank(), c.size());
}
std::int64_t id_of(const PartitionedMesh& m, std::int32_t local) {
  auto k = static_cast<std::size_t>(local);
  if (k < m.owned.size()) return m.owned[k];
  k -= m.owned.size();
  for (const auto& g : m.ghosts) {
    if (k < g.nodes.size()) return g.nodes[k];
    k -= g.nodes.size();
  }
  return -1;
}

using Edges = std::set<std::pair<std::int64_t, std::int64_t>>;
/// The edges of all parts, by global ids. @param spoil  what the host does to its part
Edges edges_of_parts(int ranks, bool hubs,
                     const std::function<void(PartitionedMesh&, int)>& spoil) {
  Edges all;
  std::mutex mutex;
  LocalRanks(ranks).run([&](Communicator& c) {
    PartitionedMesh m = host(c);
    spoil(m, c.rank());
    if (hubs) {
      const std::vector<int> lattices{2, 3};
      m = with_hubs(m, lattices, c);
    }
    const MeshPart part = make_part(m, c);
    const std::lock_guard lock(mutex);
    const auto place = [&](std::int32_t v) {
      const auto i = static_cast<std::size_t>(v);
      return i < part.place.size() ? part.place[i] : part.ghost_place[i - part.place.size()];
    };
    for (std::size_t e = 0; e < part.graph.sender.size(); ++e)
      all.emplace(place(part.graph.sender[e]), place(part.graph.receiver[e]));
  });
  return all;
}
Edges edges_of(const Graph& g) {
  Edges all;
  for (std::size_t e = 0; e < g.sender.size(); ++e) all.emplace(g.sender[e], g.receiver[e]);
  return all;
}
void add_ghost(PartitionedMesh& m, int of, std::int64_t id) {
  if (m.ghosts.empty() || m.ghosts.back().rank != of) m.ghosts.push_back({of, {}});
  m.ghosts.back().nodes.push_back(id);
  const auto i = static_cast<std::size_t>(id);
  m.points.insert(m.points.end(), &whole().points[2 * i], &whole().points[2 * i] + 2);
  m.node_type.push_back(whole().node_type[i]);
}
/// Leaves cells with so many own corners.
void keep_cells(PartitionedMesh& m, int own) {
  std::vector<std::int32_t> kept;
  for (std::size_t k = 0; k < m.cells.size(); k += 3) {
    const auto corners = std::span(m.cells).subspan(k, 3);
    if (std::count_if(corners.begin(), corners.end(), [&](auto v) { return v < m.n_owned(); }) >=
        own)
      kept.insert(kept.end(), corners.begin(), corners.end());
  }
  m.cells = std::move(kept);
}

struct Mistake {
  const char *what, *words;
  std::function<void(PartitionedMesh&, int)> make;  ///< on rank 1 of 4, which has neighbours
};
const std::vector<Mistake>& mistakes() {
  using M = PartitionedMesh;
  static const std::vector<Mistake> all{
      {"a ghost listed twice", "expected every local node once",
       [](M& m, int) { add_ghost(m, m.ghosts.back().rank, m.ghosts.back().nodes.front()); }},
      {"a ghost that is an own node", "expected every local node once",
       [](M& m, int) { add_ghost(m, m.ghosts.back().rank, m.owned.front()); }},
      {"ghosts of the rank itself", "ghosts of another of 4 ranks",
       [](M& m, int r) { m.ghosts.back().rank = r; }},
      {"ghosts of a rank that is not there", "ghosts of another of 4 ranks",
       [](M& m, int) { m.ghosts.back().rank = 4; }},
      {"two lists of a rank", "the ghosts of a rank in one list",
       [](M& m, int) {
         m.ghosts.push_back({m.ghosts.front().rank, {}});
       }},
      {"an own node listed twice", "expected every local node once",
       [](M& m, int) { m.owned.back() = m.owned.front(); }},
      {"an id below 0", "global ids from 0 to 48", [](M& m, int) { m.owned.back() = -1; }},
      {"ids counted from 1", "global ids from 0 to 48",
       [](M& m, int) { m.ghosts.front().nodes.front() = 49; }},
      {"an id as if 32 bits wrapped", "global ids from 0 to 48",
       [](M& m, int) { m.owned.back() = std::int64_t{1} << 40; }},
      {"points in three dimensions", "points (local node, dim)", [](M& m, int) { m.dim = 3; }},
      {"another dimension", "the same number of dimensions on all",
       [](M& m, int) {
         m.dim = 1;
         m.points.resize(m.points.size() / 2);
       }},
      {"a dimension that is none", "1 to 3 dimensions", [](M& m, int) { m.dim = 4; }},
      {"points of own nodes alone", "points (local node, dim)",
       [](M& m, int) { m.points.resize(2 * m.owned.size()); }},
      {"types of own nodes alone", "a type for every local node",
       [](M& m, int) { m.node_type.resize(m.owned.size()); }},
      {"no types, where others have them", "the place, type and coordinates",
       [](M& m, int) { m.node_type.clear(); }},
      {"a type of the host's own", "types from 0 to",
       [](M& m, int) { m.node_type.front() = static_cast<NodeType>(200); }},
      {"a point that is not finite", "finite coordinates",
       [](M& m, int) { m.points.front() = std::numeric_limits<double>::infinity(); }},
      {"a ghost where its periodic image lies", "the place, type and coordinates",
       [](M& m, int) { m.points.back() += 1; }},
      {"a cell of a node that is not there", "expected local nodes from 0 to",
       [](M& m, int) { m.cells.back() = static_cast<std::int32_t>(m.n_local()); }},
      {"a cell that names a node twice", "different nodes at its corners",
       [](M& m, int) { m.cells[1] = m.cells[0]; }},
      {"cells of another number of corners", "expected whole cells",
       [](M& m, int) { m.cells.pop_back(); }},
      {"cells of no corners", "expected whole cells", [](M& m, int) { m.nodes_per_cell = 0; }},
      {"cells of a kind that has no sides", "triangles, quads",
       [](M& m, int) {
         m.nodes_per_cell = 5;
         m.cells.resize(m.cells.size() / 5 * 5);
       }},
      {"cells dealt to ranks, each to one", "every cell that has an own node",
       [](M& m, int) { keep_cells(m, 2); }},
      {"cells of own nodes alone", "every cell that has an own node",
       [](M& m, int) { keep_cells(m, 3); }},
      {"no cells", "every cell that has an own node", [](M& m, int) { m.cells.clear(); }},
      {"edges, where others give cells", "edges on all ranks, or cells on all",
       [](M& m, int) { m.edges = parallel::detail::side_edges(m); }},
      {"too many nodes in all", "the same number of nodes in all",
       [](M& m, int) { m.nodes_in_all += 1; }},
      {"no nodes in all", "nodes in all", [](M& m, int) { m.nodes_in_all = 0; }},
      {"places for own nodes alone", "a place for every local node",
       [](M& m, int) { m.place = m.owned; }},
      {"a place that is none", "places from 0 to 48",
       [](M& m, int) { m.place.assign(static_cast<std::size_t>(m.n_local()), 49); }},
      {"one place for all nodes", "one node that has it",
       [](M& m, int) { m.place.assign(static_cast<std::size_t>(m.n_local()), 3); }},
  };
  return all;
}

}  // namespace

TEST_CASE("a host's cells make the edges of the whole mesh, whatever the order of its nodes") {
  const Graph sides = cell_edges(whole());
  const std::vector<int> lattices{2, 3};
  const Graph with = multi_mesh_edges(sides, whole().points, 2, lattices);
  const auto nothing = [](PartitionedMesh&, int) {};
  for (const int ranks : {1, 2, 4, 6}) {
    CAPTURE(ranks);
    CHECK(edges_of_parts(ranks, false, nothing) == edges_of(sides));
    CHECK(edges_of_parts(ranks, true, nothing) == edges_of(with));
  }
}

TEST_CASE("more than is asked for does no harm: far ghosts, their cells, lists without nodes") {
  const Edges expected = edges_of(cell_edges(whole()));
  const auto owner = owners(4);
  const auto more = [&](PartitionedMesh& m, int rank) {
    // Every node is a ghost, and every cell is there.
    PartitionedMesh all;
    all.nodes_in_all = m.nodes_in_all;
    all.owned = m.owned;
    for (int r = 0; r < 4; ++r)
      if (r != rank) all.ghosts.push_back({r, {}});
    for (auto& g : all.ghosts)
      for (std::size_t i = 0; i < owner.size(); ++i)
        if (owner[i] == g.rank) g.nodes.push_back(static_cast<std::int64_t>(i));
    std::map<std::int64_t, std::int32_t> local;
    for (std::int32_t v = 0; v < static_cast<std::int32_t>(all.n_local()); ++v) {
      const std::int64_t id = id_of(all, v);
      local[id] = v;
      const auto i = static_cast<std::size_t>(id);
      all.points.insert(all.points.end(), &whole().points[2 * i], &whole().points[2 * i] + 2);
      all.node_type.push_back(whole().node_type[i]);
    }
    for (const auto v : whole().cells) all.cells.push_back(local[v]);
    m = all;
  };
  CHECK(edges_of_parts(4, false, more) == expected);
  CHECK(edges_of_parts(4, false, [&](PartitionedMesh& m, int rank) {
          if (rank == 1) more(m, rank);
        }) == expected);
}

TEST_CASE("what a host gets wrong on one rank is one error on all, which says what was expected") {
  for (const bool hubs : {false, true})
    for (const Mistake& mistake : mistakes()) {
      CAPTURE(hubs);
      const std::string what = mistake.what;
      CAPTURE(what);
      std::mutex mutex;
      std::multiset<std::string> met;
      CHECK_THROWS_WITH_AS(LocalRanks(4).run([&](Communicator& c) {
        PartitionedMesh m = host(c);
        if (c.rank() == 1) mistake.make(m, 1);
        try {
          const std::vector<int> lattices{2};
          static_cast<void>(make_part(hubs ? with_hubs(m, lattices, c) : m, c));
        } catch (const Error& e) {
          const std::lock_guard lock(mutex);
          met.insert(e.what());
          throw;
        }
      }),
                           doctest::Contains(mistake.words), Error);
      CHECK(met.size() == 4);
      CHECK(met.count(*met.begin()) == 4);
    }
}

TEST_CASE("an edge to a ghost is refused, since its owner has it") {
  CHECK_THROWS_WITH_AS(LocalRanks(3).run([&](Communicator& c) {
    PartitionedMesh m = host(c);
    m.edges = parallel::detail::sides_of_cells(m);
    static_cast<void>(make_part(m, c));
  }),
                       doctest::Contains("edges whose receivers are own nodes"), Error);
}

TEST_CASE("ids beyond 32 bits with gaps name the first that is missing, and take no memory") {
  for (const std::int64_t first : {std::int64_t{1} << 31, std::int64_t{1} << 40}) {
    const auto run = [&] {
      LocalRanks(3).run([&](Communicator& c) {
        PartitionedMesh m = host(c);
        m.nodes_in_all += first;
        for (auto& id : m.owned) id += first;
        for (auto& g : m.ghosts)
          for (auto& id : g.nodes) id += first;
        static_cast<void>(make_part(m, c));
      });
    };
    CHECK_THROWS_WITH_AS(run(), doctest::Contains("mesh, node 0: expected one rank"), Error);
  }
}

TEST_CASE("an exception that is no std::exception ends all ranks, too") {
  std::atomic<int> met = 0;
  CHECK_THROWS_WITH_AS(LocalRanks(3).run([&](Communicator& c) {
    try {
      or_abort(c, [&] {
        if (c.rank() == 1) throw 7;
        std::int64_t one = 1;
        c.sum({&one, 1});
      });
    } catch (...) {
      ++met;
      throw;
    }
  }),
                       doctest::Contains("one without a message"), Error);
  CHECK(met == 3);
}

}  // namespace test_hosts
