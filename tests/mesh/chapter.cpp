#include <amq/mesh.hpp>

#include <doctest/doctest.h>

TEST_CASE("the code of the chapter on meshes runs and does what it says") {
  // [mesh_graph]
  amq::Random random(42);
  amq::Mesh mesh = amq::random_refined_square(random, 2000);  // graded, conforming, marked
  amq::validate(mesh);                                        // throws and names the culprit
  amq::Graph graph = amq::cell_edges(mesh);  // or knn_edges, radius_edges, edge_list
  amq::require_connected(graph);
  // [mesh_graph]
  CHECK(graph.n_nodes() == mesh.n_nodes());

  // [mesh_order]
  const auto order = amq::rcm_order(graph);  // or hilbert_order(mesh.points, mesh.dim)
  std::vector<std::int32_t> edge_from;       // carries edge features along
  mesh = amq::renumber(mesh, order);
  graph = amq::renumber(graph, order, &edge_from);
  // [mesh_order]
  CHECK(edge_from.size() == static_cast<std::size_t>(graph.n_edges()));

  // [mesh_refine]
  const amq::Mesh fine = amq::bisect_all(mesh);  // every triangle in four; the first rows of a
                                                 // field on `fine` belong to the nodes of `mesh`
  const amq::Mesh corner = amq::refine_to_size(
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
  const auto jump = amq::spread(graph, amq::coefficient_jump(graph, a), 3);  // (node)
  const auto slope = amq::star_gradient(graph, mesh.points, mesh.dim, u);    // (node, dim)
  const auto error = amq::cells_to_nodes(mesh, amq::zz_indicator(mesh, u));  // (node)
  const auto weight = amq::node_measures(mesh);                              // (node), sums to 1
  // [mesh_indicators]
  CHECK(jump.size() == error.size());
  CHECK(slope.size() == 2 * weight.size());
}
