#include <amq/mesh/validate.hpp>

#include "shapes.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

namespace test_validate {

namespace {

void refused(const auto& thing, const char* words) {
  CHECK_THROWS_WITH_AS(amq::mesh::validate(thing), doctest::Contains(words), amq::Error);
}

}  // namespace

TEST_CASE("sound meshes of every kind pass, and their measures add up to the domain") {
  for (const auto& mesh :
       {shapes::square(3, 3), shapes::square(3, 4), shapes::cube(2, 4), shapes::cube(2, 8)}) {
    CHECK_NOTHROW(amq::mesh::validate(mesh));
    double sum = 0;
    for (amq::Index c = 0; c < mesh.n_cells(); ++c) sum += amq::mesh::cell_measure(mesh, c);
    CHECK(sum == doctest::Approx(1));
  }
}

TEST_CASE("a mesh that cannot be computed on is refused, naming the culprit") {
  refused(amq::Mesh{}, "0 nodes and 0 cells");
  auto m = shapes::square(2);
  m.points[5] = std::numeric_limits<double>::quiet_NaN();
  refused(m, "node 2");

  m = shapes::square(2);
  m.cells.back() = 9;
  refused(m, "cell 7");
  m = shapes::square(2);
  m.cells[0] = -1;
  refused(m, "cell 0");

  m = shapes::square(2);
  std::swap(m.cells[3], m.cells[4]);
  refused(m, "a negative one");
  m = shapes::square(2);
  m.points[0] = 0.5;
  m.points[1] = 0.5;  // node 0 onto node 4
  refused(m, "cell 0: expected a positive area or volume, found zero");

  m = shapes::square(2);
  m.points.insert(m.points.end(), {3, 3});
  m.node_type.push_back(amq::NodeType::normal);
  refused(m, "node 9: expected a node of at least one cell, found an isolated node");

  m = shapes::square(2);
  m.node_type.pop_back();
  refused(m, "node_type");
  m = shapes::square(2);
  m.cells.pop_back();
  refused(m, "cut short");
  m = shapes::square(2);
  m.cell_tag = {1};
  refused(m, "cell_tag");
}

TEST_CASE("tetrahedra that are inverted or flat are refused") {
  auto m = shapes::cube(1, 4);
  std::swap(m.cells[0], m.cells[1]);
  refused(m, "a negative one");
  m = shapes::cube(1, 4);
  for (std::size_t i = 0; i < 8; ++i) m.points[3 * i + 2] = 0;
  refused(m, "zero");
}

TEST_CASE("a surface in space may face any way, but not collapse") {
  auto m = shapes::square(1);
  m.dim = 3;
  m.points = {0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1};
  CHECK_NOTHROW(amq::mesh::validate(m));
  CHECK(amq::mesh::cell_measure(m, 0) == doctest::Approx(std::sqrt(2.0) / 2));
  std::swap(m.cells[0], m.cells[1]);
  CHECK_NOTHROW(amq::mesh::validate(m));
  m.points = {0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0};
  refused(m, "zero");
}

TEST_CASE("a graph with isolated nodes, duplicates, disorder or foreign ids is refused") {
  const auto good = amq::mesh::cell_edges(shapes::square(2));
  CHECK_NOTHROW(amq::mesh::validate(good));
  refused(amq::Graph{}, "at least one node");
  auto g = good;
  g.first.push_back(g.first.back());
  refused(g, "node 9: expected at least one incoming edge, found an isolated node");
  g = good;
  g.sender[1] = g.sender[0];
  refused(g, "twice");
  g = good;
  std::swap(g.sender[0], g.sender[1]);
  refused(g, "out of order");
  g = good;
  g.sender[0] = 99;
  refused(g, "99 -> 0");
  g = good;
  g.receiver.pop_back();
  refused(g, "rows that cover all edges");
}

TEST_CASE("components are counted, and more than one is refused where one is needed") {
  const auto one = amq::mesh::cell_edges(shapes::square(3));
  CHECK(amq::mesh::count_components(one) == 1);
  CHECK_NOTHROW(amq::mesh::require_connected(one));
  // Two triangles and a loner, interleaved.
  const std::vector<amq::mesh::Side> edges{{0, 2}, {2, 4}, {4, 0}, {1, 3}, {3, 5}, {5, 1}};
  const auto three = amq::mesh::edge_list(7, edges);
  CHECK(amq::mesh::components(three) == std::vector<std::int32_t>{0, 1, 0, 1, 0, 1, 2});
  CHECK(amq::mesh::count_components(three) == 3);
  CHECK_THROWS_WITH_AS(amq::mesh::require_connected(three),
                       doctest::Contains("3 components; node 1"), amq::Error);
  CHECK(amq::mesh::count_components(amq::Graph{}) == 0);
}

TEST_CASE("a mesh that says no dimension, or no corners of a cell, has none and is refused") {
  for (const int nothing : {0, -1}) {
    amq::Mesh m = shapes::square(3);
    m.dim = nothing;
    CHECK(m.n_nodes() == 0);
    refused(m, "2 or 3 dimensions");
    m = shapes::square(3);
    m.nodes_per_cell = nothing;
    CHECK(m.n_cells() == 0);
    CHECK_THROWS_AS(amq::mesh::validate(m), amq::Error);
    CHECK_THROWS_AS(static_cast<void>(amq::mesh::cell_edges(m)), amq::Error);
  }
}

TEST_CASE("a cell that a mesh holds twice is refused, whatever its corners' order") {
  amq::Mesh m;
  m.points = {0, 0, 1, 0, 1, 1, 0, 1};
  m.cells = {0, 1, 2, 0, 2, 3, 2, 3, 0};
  refused(m, "mesh, cell 2: expected every cell once, found the nodes of cell 1");
}

}  // namespace test_validate
