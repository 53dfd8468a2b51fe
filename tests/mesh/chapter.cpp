#include <amq/mesh.hpp>

#include <doctest/doctest.h>

namespace test_chapter {

TEST_CASE("the code of the chapter on meshes runs and does what it says") {
  // [mesh_graph]
  amq::core::Random random(42);
  amq::Mesh mesh = amq::mesh::random_refined_square(random, 2000);  // graded, conforming, marked
  amq::mesh::validate(mesh);                                        // throws and names the culprit
  amq::Graph graph = amq::mesh::cell_edges(mesh);  // or knn_edges, radius_edges, edge_list
  amq::mesh::require_connected(graph);
  // [mesh_graph]
  CHECK(graph.n_nodes() == mesh.n_nodes());

  // [mesh_order]
  const auto order = amq::mesh::rcm_order(graph);  // or hilbert_order(mesh.points, mesh.dim)
  std::vector<std::int32_t> edge_from;             // carries edge features along
  mesh = amq::mesh::renumber(mesh, order);
  graph = amq::mesh::renumber(graph, order, &edge_from);
  // [mesh_order]
  CHECK(edge_from.size() == static_cast<std::size_t>(graph.n_edges()));

  // [mesh_refine]
  // Every triangle in four; the first rows of a field on `fine` belong to the nodes of `mesh`.
  const amq::Mesh fine = amq::mesh::bisect_all(mesh);
  const amq::Mesh corner = amq::mesh::refine_to_size(
      mesh, [](double x, double y) { return 0.005 + 0.1 * std::hypot(x, y); }, 100'000);
  // [mesh_refine]
  CHECK(fine.n_cells() == 4 * mesh.n_cells());
  CHECK(corner.n_nodes() > mesh.n_nodes());

  std::vector<double> a, u;
  for (amq::Index i = 0; i < mesh.n_nodes(); ++i) {
    a.push_back(mesh.point(i)[0] < 0.5 ? 3 : 12);
    u.push_back(mesh.point(i)[0] * mesh.point(i)[1]);
  }
  // [mesh_indicators]
  const auto jump = amq::mesh::spread(graph, amq::mesh::coefficient_jump(graph, a), 3);  // (node)
  const auto slope = amq::mesh::star_gradient(graph, mesh.points, mesh.dim, u);  // (node, dim)
  const auto error = amq::mesh::cells_to_nodes(mesh, amq::mesh::zz_indicator(mesh, u));  // (node)
  const auto weight = amq::mesh::node_measures(mesh);  // (node), sums to 1
  // [mesh_indicators]
  CHECK(jump.size() == error.size());
  CHECK(slope.size() == 2 * weight.size());
}

}  // namespace test_chapter
