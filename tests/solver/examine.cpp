// What a solver looks at in a mesh before it solves on it.
#include <amq/solver/examine.hpp>

#include <amq/solver/encoding.hpp>

#include <doctest/doctest.h>

namespace test_examine {

using namespace amq;
using namespace amq::solver;

namespace {

/// Two squares of two triangles each, `gap` apart; without one they touch, and share no node.
Mesh two_squares(double gap) {
  Mesh m;
  for (const double left : {0.0, 1 + gap})
    for (const auto& [x, y] : {std::pair{0.0, 0.0}, {1.0, 0.0}, {1.0, 1.0}, {0.0, 1.0}})
      m.points.insert(m.points.end(), {left + x, y});
  m.cells = {0, 1, 2, 0, 2, 3, 4, 5, 6, 4, 6, 7};
  m.node_type.assign(8, NodeType::wall);
  return m;
}
MeshFindings found(const Mesh& m, const Graph& g) {
  const bool has_cells = !m.cells.empty();
  MeshFindings f = examine(m, has_cells);
  examine(m, g, has_cells, true, f);
  return f;
}

}  // namespace

TEST_CASE("bodies are told apart by cells, though a lattice joins them") {
  MeshEncoding e;
  e.centre = {1.5, 0.5};
  e.half_width = 1.5f;
  e.lattices = {2};
  for (const double gap : {0.0, 0.25, 3.0}) {
    CAPTURE(gap);
    const Mesh m = two_squares(gap);
    const Graph g = e.graph(m);
    if (gap > 0) CHECK(count_components(g) == 1);
    CHECK(found(m, g).bodies == 2);
  }
  Mesh one = two_squares(0);
  one.cells.resize(6);
  one.points.resize(8);
  one.node_type.resize(4);
  CHECK(found(one, e.graph(one)).bodies == 1);
  // A cloud has its edges alone.
  Mesh cloud = two_squares(9);
  cloud.cells.clear();
  CHECK(found(cloud, knn_edges(cloud.points, 2, 2)).bodies == 2);
}

TEST_CASE("coordinates that no float can place in the domain are refused as coordinates") {
  MeshEncoding e;
  Mesh m = two_squares(0);
  m.points[4] = 1e200;
  CHECK_THROWS_WITH_AS(static_cast<void>(e.nodes_of(m)),
                       doctest::Contains("mesh, node 2: expected coordinates within reach"), Error);
}

}  // namespace test_examine
