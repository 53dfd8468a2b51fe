#include <amq/mesh/indicators.hpp>

#include <amq/mesh/neighbours.hpp>
#include <amq/mesh/random_square.hpp>

#include "shapes.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace test_indicators {

namespace {

template <typename F>
std::vector<double> field(const amq::Mesh& mesh, F f) {
  std::vector<double> u;
  for (amq::Index i = 0; i < mesh.n_nodes(); ++i) u.push_back(f(mesh.point(i)));
  return u;
}
amq::Mesh some_square(amq::Index n = 400) {
  amq::core::Random random(2);
  return amq::mesh::random_refined_square(random, n);
}
double norm(const std::vector<double>& x) {
  return std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0));
}

}  // namespace

TEST_CASE("node measures add up to the domain, in the plane and in space") {
  for (const auto& mesh :
       {some_square(), shapes::square(3, 4), shapes::cube(3, 4), shapes::cube(3, 8)}) {
    const auto w = amq::mesh::node_measures(mesh);
    CHECK(std::accumulate(w.begin(), w.end(), 0.0) == doctest::Approx(1));
    CHECK(*std::min_element(w.begin(), w.end()) > 0);
  }
}

TEST_CASE("gradients of linear fields are exact, on cells, recovered, and by stars of edges") {
  const auto plane = some_square();
  const auto u = field(plane, [](const double* p) { return 3 + 2 * p[0] - 5 * p[1]; });
  const auto cell = amq::mesh::triangle_gradient(plane, u);
  for (const auto& g :
       {cell, amq::mesh::cells_to_nodes(plane, cell, 2),
        amq::mesh::star_gradient(amq::mesh::cell_edges(plane), plane.points, 2, u)}) {
    for (std::size_t i = 0; i < g.size(); i += 2) {
      REQUIRE(g[i] == doctest::Approx(2));
      REQUIRE(g[i + 1] == doctest::Approx(-5));
    }
  }
  const auto space = shapes::cube(3, 8);
  const auto v = field(space, [](const double* p) { return p[0] - 2 * p[1] + 4 * p[2]; });
  for (const auto& graph :
       {amq::mesh::cell_edges(space), amq::mesh::knn_edges(space.points, 3, 12)}) {
    const auto g = amq::mesh::star_gradient(graph, space.points, 3, v);
    for (std::size_t i = 0; i < g.size(); i += 3) {
      REQUIRE(g[i] == doctest::Approx(1));
      REQUIRE(g[i + 1] == doctest::Approx(-2));
      REQUIRE(g[i + 2] == doctest::Approx(4));
    }
  }
}

TEST_CASE("a star whose edges lie on a line gives the slope along it and nothing across") {
  const std::vector<double> points{0, 0, 1, 2, 2, 4};  // slope 3 along (1, 2)
  const std::vector<amq::mesh::Side> edges{{0, 1}, {2, 1}, {1, 1}};
  const auto g = amq::mesh::edge_list(3, edges, amq::mesh::SelfLoops::keep);
  const auto x = amq::mesh::star_gradient(g, points, 2, std::vector<double>{0, 15, 30});
  CHECK(x[2] == doctest::Approx(3));
  CHECK(x[3] == doctest::Approx(6));
  for (const std::size_t none : {0u, 1u, 4u, 5u}) CHECK(x[none] == 0);  // nobody sends to them
}

TEST_CASE("the star gradient of a smooth field converges") {
  const auto error = [](int n) {
    const auto mesh = shapes::square(n);
    const auto u = field(mesh, [](const double* p) { return std::sin(3 * p[0]) * p[1]; });
    const auto g = amq::mesh::star_gradient(amq::mesh::cell_edges(mesh), mesh.points, 2, u);
    double worst = 0;
    for (amq::Index i = 0; i < mesh.n_nodes(); ++i) {
      const double x = mesh.point(i)[0], y = mesh.point(i)[1];
      const auto k = static_cast<std::size_t>(2 * i);
      worst = std::max(
          {worst, std::abs(g[k] - 3 * std::cos(3 * x) * y), std::abs(g[k + 1] - std::sin(3 * x))});
    }
    return worst;
  };
  CHECK(error(32) < 0.6 * error(16));
}

TEST_CASE("a jump of the coefficient is seen by the nodes beside it and by no other") {
  const auto mesh = shapes::square(8);
  const auto g = amq::mesh::cell_edges(mesh);
  const auto a = field(mesh, [](const double* p) { return p[0] < 0.45 ? 3.0 : 12.0; });
  const auto jump = amq::mesh::coefficient_jump(g, a);
  std::vector<double> a_cell;
  for (amq::Index c = 0; c < mesh.n_cells(); ++c) {
    double x = 0;
    for (int k = 0; k < 3; ++k) x += mesh.point(mesh.cell(c)[k])[0] / 3;
    a_cell.push_back(x < 0.5 ? 3 : 12);
  }
  const auto jump_cell = amq::mesh::coefficient_jump(mesh, a_cell);
  for (amq::Index i = 0; i < mesh.n_nodes(); ++i) {
    const double x = mesh.point(i)[0];
    const auto k = static_cast<std::size_t>(i);
    CHECK(jump[k] == (x == 0.375 || x == 0.5 ? 9 : 0));
    CHECK(jump_cell[k] == (x == 0.5 ? 9 : 0));
  }
  // Handed on, it halves with each edge.
  const auto graded = amq::mesh::spread(g, jump_cell, 3);
  for (amq::Index i = 0; i < mesh.n_nodes(); ++i) {
    const double hops = std::abs(mesh.point(i)[0] - 0.5) * 8;
    CHECK(graded[static_cast<std::size_t>(i)] == (hops <= 3 ? 9 * std::pow(0.5, hops) : 0));
  }
}

TEST_CASE("error indicators vanish for linear fields and halve with the mesh for smooth ones") {
  auto mesh = some_square();
  const auto linear = field(mesh, [](const double* p) { return 1 + p[0] - p[1]; });
  CHECK(norm(amq::mesh::zz_indicator(mesh, linear)) < 1e-12);
  CHECK(norm(amq::mesh::kelly_indicator(mesh, linear)) < 1e-12);
  const auto bump = [](const double* p) { return std::exp(-10 * (p[0] * p[0] + p[1] * p[1])); };
  const auto finer = amq::mesh::bisect_all(mesh), finest = amq::mesh::bisect_all(finer);
  for (const bool zz : {true, false}) {
    const auto eta = [&](const amq::Mesh& m) {
      const auto u = field(m, bump);
      return zz ? amq::mesh::zz_indicator(m, u) : amq::mesh::kelly_indicator(m, u);
    };
    CHECK(norm(eta(finest)) / norm(eta(finer)) == doctest::Approx(0.5).epsilon(0.15));
  }
}

TEST_CASE("ZZ estimates the true error of the gradient within 20 percent") {
  const auto mesh = shapes::square(32);
  const auto u =
      field(mesh, [](const double* p) { return std::sin(3 * p[0]) * std::cos(2 * p[1]); });
  const auto g = amq::mesh::triangle_gradient(mesh, u);
  double exact = 0;
  for (amq::Index c = 0; c < mesh.n_cells(); ++c) {
    const auto* v = mesh.cell(c);
    for (int k = 0; k < 3; ++k) {
      const double *p = mesh.point(v[k]), *q = mesh.point(v[(k + 1) % 3]);
      const double x = (p[0] + q[0]) / 2, y = (p[1] + q[1]) / 2;
      const auto at = static_cast<std::size_t>(2 * c);
      const double ex = g[at] - 3 * std::cos(3 * x) * std::cos(2 * y);
      const double ey = g[at + 1] + 2 * std::sin(3 * x) * std::sin(2 * y);
      exact += (ex * ex + ey * ey) * amq::mesh::cell_measure(mesh, c) / 3;
    }
  }
  CHECK(norm(amq::mesh::zz_indicator(mesh, u)) == doctest::Approx(std::sqrt(exact)).epsilon(0.2));
}

TEST_CASE("Kelly's indicator counts the flux: none where a grad u is continuous over a kink") {
  const auto mesh = shapes::square(8);
  const auto u = field(mesh, [](const double* p) {
    return p[0] < 0.5 ? 4 * p[0] : 2 + (p[0] - 0.5);  // a u' = 12 on both sides
  });
  std::vector<double> a;
  for (amq::Index c = 0; c < mesh.n_cells(); ++c) {
    double x = 0;
    for (int k = 0; k < 3; ++k) x += mesh.point(mesh.cell(c)[k])[0] / 3;
    a.push_back(x < 0.5 ? 3 : 12);
  }
  CHECK(norm(amq::mesh::kelly_indicator(mesh, u, a)) < 1e-12);
  // Without the coefficient: jump 3 over 8 sides of length 1/8, each with two triangles.
  CHECK(norm(amq::mesh::kelly_indicator(mesh, u)) == doctest::Approx(3 * std::sqrt(8. / 64)));
}

TEST_CASE("fields of another size and meshes of other cells are refused") {
  const auto mesh = shapes::square(3);
  const auto g = amq::mesh::cell_edges(mesh);
  const std::vector<double> few(5, 0.0), u(16, 0.0);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::coefficient_jump(g, few)), amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::coefficient_jump(mesh, few)), amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::cells_to_nodes(mesh, few)), amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::star_gradient(g, mesh.points, 3, u)), amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::star_gradient(g, mesh.points, 2, few)), amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::zz_indicator(mesh, few)), amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::kelly_indicator(mesh, u, few)), amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::triangle_gradient(shapes::square(3, 4), u)),
                  amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::spread(g, few, 1)), amq::Error);
}

}  // namespace test_indicators
