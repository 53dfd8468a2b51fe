#include <amq/mesh/sides.hpp>

#include "shapes.hpp"

#include <doctest/doctest.h>

#include <cmath>

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
