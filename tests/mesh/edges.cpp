#include <amq/mesh/edges.hpp>
#include <amq/mesh/sides.hpp>
#include <amq/mesh/validate.hpp>

#include "shapes.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <set>
#include <vector>

namespace test_edges {

using amq::mesh::Side;

TEST_CASE("a cell graph holds every side of every cell once in each direction") {
  // Hand counts: sides of an n x n square are 2n(n+1), plus n^2 diagonals for triangles; of a cube
  // 3n(n+1)^2, and Kuhn's tetrahedra add a diagonal per face, 3n^2(n+1), and per cube, n^3.
  const int n = 4;
  const std::array meshes{shapes::square(n, 3), shapes::square(n, 4), shapes::cube(n, 8),
                          shapes::cube(n, 4)};
  const std::array undirected{2 * n * (n + 1) + n * n, 2 * n * (n + 1), 3 * n * (n + 1) * (n + 1),
                              3 * n * (n + 1) * (n + 1) + 3 * n * n * (n + 1) + n * n * n};
  for (std::size_t k = 0; k < meshes.size(); ++k) {
    const auto& mesh = meshes[k];
    const auto g = amq::mesh::cell_edges(mesh);
    amq::mesh::validate(g);  // rows ascending, no duplicates, nobody isolated
    CHECK(g.n_edges() == 2 * undirected[k]);
    std::set<std::pair<int, int>> want, have;
    for (amq::Index c = 0; c < mesh.n_cells(); ++c) {
      for (const auto& s : amq::mesh::cell_sides(mesh)) {
        want.emplace(mesh.cell(c)[s[0]], mesh.cell(c)[s[1]]);
        want.emplace(mesh.cell(c)[s[1]], mesh.cell(c)[s[0]]);
      }
    }
    for (std::size_t e = 0; e < g.sender.size(); ++e) have.emplace(g.sender[e], g.receiver[e]);
    CHECK(have == want);
  }
}

TEST_CASE("the sides of quads and hexahedra are axis-parallel on a grid, so none is a diagonal") {
  for (const auto& mesh : {shapes::square(2, 4), shapes::cube(2, 8)}) {
    const auto g = amq::mesh::cell_edges(mesh);
    for (std::size_t e = 0; e < g.sender.size(); ++e) {
      int moved = 0;
      for (int d = 0; d < mesh.dim; ++d) {
        moved += mesh.point(g.sender[e])[d] != mesh.point(g.receiver[e])[d];
      }
      CHECK(moved == 1);
    }
  }
}

TEST_CASE("quads on a surface in space have four sides, not a tetrahedron's six") {
  auto mesh = shapes::square(1, 4);
  mesh.dim = 3;
  mesh.points = {0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1};
  mesh.cell_dim = 2;
  CHECK(amq::mesh::cell_edges(mesh).n_edges() == 8);
  mesh.cell_dim = 0;
  CHECK(amq::mesh::cell_edges(mesh).n_edges() == 12);
}

TEST_CASE("cells of two nodes are the edges themselves, in the plane, in space and on a line") {
  const auto triangles = shapes::square(3, 3);
  const auto g = amq::mesh::cell_edges(triangles);
  for (const int dim : {1, 2, 3}) {
    amq::Mesh mesh;
    mesh.dim = dim;
    mesh.nodes_per_cell = 2;
    for (amq::Index i = 0; i < triangles.n_nodes(); ++i)
      for (int d = 0; d < dim; ++d)
        mesh.points.push_back(d < 2 ? triangles.point(i)[d] + (dim == 1 ? double(i) : 0) : 0.5);
    for (std::size_t e = 0; e < g.sender.size(); ++e)
      if (g.sender[e] < g.receiver[e])
        mesh.cells.insert(mesh.cells.end(), {g.receiver[e], g.sender[e]});
    if (dim > 1) amq::mesh::validate(mesh);
    const auto same = amq::mesh::cell_edges(mesh);
    CHECK(same.sender == g.sender);
    CHECK(same.first == g.first);
    CHECK(amq::mesh::cell_measure(mesh, 0) > 0);
    CHECK_THROWS_WITH_AS(static_cast<void>(amq::mesh::find_sides(mesh)),
                         doctest::Contains("of dimension 1"), amq::Error);
  }
}

TEST_CASE("an edge list is sorted by receiver and then by sender, whatever its order") {
  const std::vector<Side> edges{{3, 0}, {1, 2}, {1, 0}, {0, 1}, {2, 0}};
  const auto g = amq::mesh::edge_list(4, edges);
  CHECK(g.first == std::vector<std::int32_t>{0, 3, 4, 5, 5});
  CHECK(g.sender == std::vector<std::int32_t>{1, 2, 3, 0, 1});
  CHECK(g.receiver == std::vector<std::int32_t>{0, 0, 0, 1, 2});
}

TEST_CASE("an edge list refuses duplicates, unknown nodes and self loops, and says which") {
  const auto refused = [](std::vector<Side> edges, const char* word) {
    try {
      static_cast<void>(amq::mesh::edge_list(3, edges));
      FAIL("accepted");
    } catch (const amq::Error& e) {
      CHECK(std::string(e.what()).find(word) != std::string::npos);
    }
  };
  refused({{0, 1}, {1, 2}, {0, 1}}, "0 -> 1 more than once");
  refused({{0, 1}, {1, 3}}, "edge 1");
  refused({{-1, 1}}, "-1 -> 1");
  refused({{0, 1}, {2, 2}}, "2 -> 2");
  CHECK(amq::mesh::edge_list(3, std::vector<Side>{{2, 2}}, amq::mesh::SelfLoops::keep).n_edges() ==
        1);
}

TEST_CASE("cells that are empty, out of range, collapsed or of unknown kind make no graph") {
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::cell_edges(amq::Mesh{})), amq::Error);
  auto far = shapes::square(2);
  far.cells[4] = 9;
  CHECK_THROWS_WITH_AS(static_cast<void>(amq::mesh::cell_edges(far)), doctest::Contains("cell 1"),
                       amq::Error);
  auto collapsed = shapes::square(2);
  collapsed.cells[4] = collapsed.cells[3];
  CHECK_THROWS_WITH_AS(static_cast<void>(amq::mesh::cell_edges(collapsed)),
                       doctest::Contains("twice"), amq::Error);
  auto odd = shapes::square(2);
  odd.nodes_per_cell = 6;
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::cell_edges(odd)), amq::Error);
}

}  // namespace test_edges
