#include <amq/mesh/multi_mesh.hpp>

#include <amq/core/random.hpp>
#include <amq/mesh/random_square.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <queue>
#include <vector>

namespace test_multi_mesh {

using namespace amq;
using namespace amq::mesh;

namespace {

int diameter_from(const Graph& g, std::int32_t start) {
  std::vector<int> far(static_cast<std::size_t>(g.n_nodes()), -1);
  std::queue<std::int32_t> next;
  next.push(start);
  far[static_cast<std::size_t>(start)] = 0;
  int most = 0;
  while (!next.empty()) {
    const auto i = static_cast<std::size_t>(next.front());
    next.pop();
    for (auto e = g.first[i]; e < g.first[i + 1]; ++e) {
      const auto j = static_cast<std::size_t>(g.sender[static_cast<std::size_t>(e)]);
      if (far[j] < 0) {
        most = far[j] = far[i] + 1;
        next.push(static_cast<std::int32_t>(j));
      }
    }
  }
  return most;
}

}  // namespace

TEST_CASE("long edges keep the mesh's own, come in both directions, and shorten the way across") {
  Random random(1);
  const Mesh mesh = random_refined_square(random, 900);
  const Graph sides = cell_edges(mesh);
  const std::vector<int> lattices{4, 8};
  const Graph g = multi_mesh_edges(sides, mesh.points, 2, lattices);
  CHECK(g.n_nodes() == sides.n_nodes());
  CHECK(g.n_edges() > sides.n_edges());
  CHECK(g.n_edges() < sides.n_edges() + 2 * (4 * 16 + 4 * 64));
  const auto has = [](const Graph& graph, std::int32_t to, std::int32_t from) {
    const auto i = static_cast<std::size_t>(to);
    const auto begin = graph.sender.begin() + graph.first[i],
               end = graph.sender.begin() + graph.first[i + 1];
    return std::binary_search(begin, end, from);
  };
  for (std::size_t e = 0; e < sides.sender.size(); ++e)
    REQUIRE(has(g, sides.receiver[e], sides.sender[e]));
  for (std::size_t e = 0; e < g.sender.size(); ++e) REQUIRE(has(g, g.sender[e], g.receiver[e]));
  CHECK(diameter_from(g, 0) < diameter_from(sides, 0));
}

TEST_CASE("no lattice changes nothing, and bad ones are refused") {
  Random random(2);
  const Mesh mesh = random_refined_square(random, 100);
  const Graph sides = cell_edges(mesh), same = multi_mesh_edges(sides, mesh.points, 2, {});
  CHECK(same.sender == sides.sender);
  CHECK(same.first == sides.first);
  const std::vector<int> none{0};
  CHECK_THROWS_AS(static_cast<void>(multi_mesh_edges(sides, mesh.points, 2, none)), Error);
  CHECK_THROWS_AS(
      static_cast<void>(multi_mesh_edges(sides, std::span(mesh.points).first(4), 2, {})), Error);
}

}  // namespace test_multi_mesh
