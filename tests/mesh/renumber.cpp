#include <amq/mesh/renumber.hpp>
#include <amq/mesh/validate.hpp>

#include <amq/core/random.hpp>

#include "shapes.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <span>

namespace test_renumber {

namespace {

amq::mesh::NodeOrder shuffled(amq::Index n) {
  amq::mesh::NodeOrder order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  amq::core::Random random(3);
  random.shuffle(order);
  return order;
}

bool same(const amq::Graph& a, const amq::Graph& b) {
  return a.first == b.first && a.sender == b.sender && a.receiver == b.receiver;
}

}  // namespace

TEST_CASE("renumbering and renumbering back changes nothing") {
  for (const auto& mesh : {shapes::square(7), shapes::cube(3, 8)}) {
    const auto order = shuffled(mesh.n_nodes()), back = amq::mesh::inverse(order);
    const auto moved = amq::mesh::renumber(mesh, order);
    CHECK(moved.points != mesh.points);
    const auto again = amq::mesh::renumber(moved, back);
    CHECK(again.points == mesh.points);
    CHECK(again.cells == mesh.cells);
    CHECK(again.node_type == mesh.node_type);
    const auto g = amq::mesh::cell_edges(mesh);
    CHECK(same(amq::mesh::renumber(amq::mesh::renumber(g, order), back), g));
  }
}

TEST_CASE("the graph of a renumbered mesh is the renumbered graph, and edges know who they were") {
  const auto mesh = shapes::square(6);
  const auto g = amq::mesh::cell_edges(mesh);
  const auto order = shuffled(mesh.n_nodes());
  std::vector<std::int32_t> from;
  const auto moved = amq::mesh::renumber(g, order, &from);
  amq::mesh::validate(moved);
  CHECK(same(moved, amq::mesh::cell_edges(amq::mesh::renumber(mesh, order))));
  for (std::size_t e = 0; e < from.size(); ++e) {
    const auto old = static_cast<std::size_t>(from[e]);
    CHECK(order[static_cast<std::size_t>(moved.sender[e])] == g.sender[old]);
    CHECK(order[static_cast<std::size_t>(moved.receiver[e])] == g.receiver[old]);
  }
}

TEST_CASE("Hilbert's curve visits every square of a lattice by steps to a neighbour") {
  const int n = 16;
  for (const int dim : {2, 3}) {
    std::vector<double> points;
    for (int i = 0; i < (dim == 2 ? n * n : n * n * n); ++i) {
      for (int d = 0, r = i; d < dim; ++d, r /= n) points.push_back(r % n);
    }
    const auto order = amq::mesh::hilbert_order(points, dim);
    static_cast<void>(amq::mesh::inverse(order));  // a permutation
    for (std::size_t k = 1; k < order.size(); ++k) {
      double steps = 0;
      for (std::size_t d = 0; d < static_cast<std::size_t>(dim); ++d) {
        const auto a = static_cast<std::size_t>(order[k - 1] * dim),
                   b = static_cast<std::size_t>(order[k] * dim);
        steps += std::abs(points[a + d] - points[b + d]);
      }
      REQUIRE(steps == 1);
    }
  }
}

TEST_CASE("both orders bring the neighbours of a shuffled grid closer, Cuthill-McKee to a band") {
  const int n = 40;
  const auto mesh = amq::mesh::renumber(shapes::square(n), shuffled((n + 1) * (n + 1)));
  const auto g = amq::mesh::cell_edges(mesh);
  const auto rcm = amq::mesh::renumber(g, amq::mesh::rcm_order(g));
  const auto hilbert = amq::mesh::renumber(g, amq::mesh::hilbert_order(mesh.points, 2));
  CHECK(amq::mesh::bandwidth(g) > 1500);
  CHECK(amq::mesh::bandwidth(rcm) <= 2 * (n + 1));
  CHECK(amq::mesh::mean_edge_length(g) > 400);
  CHECK(amq::mesh::mean_edge_length(rcm) < 50);
  CHECK(amq::mesh::mean_edge_length(hilbert) < 50);
}

TEST_CASE("Cuthill-McKee orders every node once, over components and one-way edges") {
  const std::vector<amq::mesh::Side> edges{{0, 4}, {4, 5}, {1, 3}, {3, 1}, {5, 2}, {1, 2}};
  const auto g = amq::mesh::edge_list(7, edges);
  const auto order = amq::mesh::rcm_order(g);
  REQUIRE(order.size() == 7);
  CHECK_NOTHROW(static_cast<void>(amq::mesh::inverse(order)));
}

TEST_CASE("sorting cells keeps cells and tags together") {
  auto mesh = amq::mesh::renumber(shapes::square(4), shuffled(25));
  for (std::int32_t c = 0; c < mesh.n_cells(); ++c)
    mesh.cell_tag.push_back(mesh.cells[static_cast<std::size_t>(3 * c + 1)]);
  amq::mesh::sort_cells(mesh);
  amq::mesh::validate(mesh);
  std::int32_t before = -1;
  for (amq::Index c = 0; c < mesh.n_cells(); ++c) {
    CHECK(mesh.cell_tag[static_cast<std::size_t>(c)] == mesh.cell(c)[1]);
    const auto least = *std::min_element(mesh.cell(c), mesh.cell(c) + 3);
    CHECK(least >= before);
    before = least;
  }
}

TEST_CASE("orders that are no permutation or of another size are refused") {
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::inverse({0, 0, 1})), amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::inverse({0, 3, 1})), amq::Error);
  CHECK_THROWS_AS(
      static_cast<void>(amq::mesh::renumber(shapes::square(2), amq::mesh::NodeOrder{0, 1})),
      amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::renumber(amq::mesh::cell_edges(shapes::square(2)),
                                                        amq::mesh::NodeOrder{0, 1})),
                  amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::hilbert_order(std::vector<double>(7), 2)),
                  amq::Error);
}

}  // namespace test_renumber
