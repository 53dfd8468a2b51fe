#include <amq/mesh/sides.hpp>

#include <amq/mesh/bisection.hpp>
#include <amq/mesh/boundary_distance.hpp>
#include <amq/mesh/indicators.hpp>
#include <amq/mesh/node_order.hpp>

#include "shapes.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

namespace test_sides {

TEST_CASE("the sides of a grid are counted, joined to their cells, and marked on the rim") {
  const int n = 3;
  for (const int corners : {3, 4}) {
    auto mesh = shapes::square(n, corners);
    const auto sides = amq::mesh::find_sides(mesh);
    CHECK(sides.size() == 2 * n * (n + 1) + (corners == 3 ? n * n : 0));
    int rim = 0;
    for (amq::Index s = 0; s < sides.size(); ++s) rim += sides.on_boundary(s);
    CHECK(rim == 4 * n);
    // Every cell finds itself at each of its sides.
    for (std::size_t k = 0; k < sides.of_cell.size(); ++k) {
      const auto c = static_cast<std::int32_t>(k / static_cast<std::size_t>(corners));
      const auto& at = sides.cells[static_cast<std::size_t>(sides.of_cell[k])];
      CHECK((at[0] == c || at[1] == c));
    }
    const auto want = mesh.node_type;
    mesh.node_type.clear();
    amq::mesh::mark_boundary(mesh);
    CHECK(mesh.node_type == want);
  }
}

TEST_CASE("three cells at one side, and cells of dimension 3, are refused") {
  auto mesh = shapes::square(1);
  mesh.cells.insert(mesh.cells.end(), {0, 3, 1});
  CHECK_THROWS_WITH_AS(static_cast<void>(amq::mesh::find_sides(mesh)), doctest::Contains("a third"),
                       amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::find_sides(shapes::cube(1, 4))), amq::Error);
}

// The C interface marked a boundary before it looked at the ids, and wrote beyond the nodes' types.
TEST_CASE("whoever goes to nodes by cells refuses ids that name none, and leaves the mesh") {
  using namespace amq::mesh;
  const auto whole = shapes::square(2);
  const auto n = static_cast<std::int32_t>(whole.n_nodes());
  const std::vector<double> of_nodes(static_cast<std::size_t>(n), 1.0),
      of_cells(static_cast<std::size_t>(whole.n_cells()), 1.0);
  const std::vector<char> marked(of_cells.size(), 1);
  NodeOrder order;
  for (std::int32_t i = 0; i < n; ++i) order.push_back(i);
  const std::vector<std::pair<const char*, std::function<void(amq::Mesh&)>>> all{
      {"cell_edges", [](auto& m) { static_cast<void>(cell_edges(m)); }},
      {"find_sides", [](auto& m) { static_cast<void>(find_sides(m)); }},
      {"mark_boundary", [](auto& m) { mark_boundary(m); }},
      {"boundary_distance", [](auto& m) { static_cast<void>(boundary_distance(m)); }},
      {"node_measures", [](auto& m) { static_cast<void>(node_measures(m)); }},
      {"cells_to_nodes", [&](auto& m) { static_cast<void>(cells_to_nodes(m, of_cells)); }},
      {"triangle_gradient", [&](auto& m) { static_cast<void>(triangle_gradient(m, of_nodes)); }},
      {"coefficient_jump", [&](auto& m) { static_cast<void>(coefficient_jump(m, of_cells)); }},
      {"cut_longest_sides_first", [](auto& m) { cut_longest_sides_first(m); }},
      {"bisect", [&](auto& m) { static_cast<void>(bisect(m, marked)); }},
      {"renumber", [&](auto& m) { static_cast<void>(renumber(m, order)); }}};
  for (const auto& of : all) {
    CAPTURE(of.first);
    const auto& run = of.second;
    auto good = whole;
    CHECK_NOTHROW(run(good));
    for (const std::int32_t id : {-1, n, n + 6, std::numeric_limits<std::int32_t>::max(),
                                  std::numeric_limits<std::int32_t>::min()}) {
      auto bad = whole;
      bad.cells[4] = id;
      const auto types = bad.node_type;
      CHECK_THROWS_WITH_AS(run(bad), doctest::Contains("cell 1: expected node ids from 0 to 8"),
                           amq::Error);
      CHECK(bad.node_type == types);
    }
  }
}

}  // namespace test_sides
