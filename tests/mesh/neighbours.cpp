#include <amq/mesh/neighbours.hpp>
#include <amq/mesh/validate.hpp>

#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace test_neighbours {

namespace {

// Strongly graded, with a lattice part whose distances tie.
std::vector<double> cloud(int dim, int n) {
  amq::core::Random random(7);
  std::vector<double> p;
  for (int i = 0; i < n; ++i) {
    const bool lattice = i % 3 == 0;
    const double shrink = std::pow(10.0, -random.uniform(0, 4));
    for (int d = 0; d < dim; ++d) {
      p.push_back(lattice ? static_cast<double>(random.index(6)) : shrink * random.normal());
    }
  }
  return p;
}

std::vector<std::pair<double, std::int32_t>> by_distance(const std::vector<double>& p, int dim,
                                                         int i) {
  std::vector<std::pair<double, std::int32_t>> all;
  for (int j = 0; j < static_cast<int>(p.size()) / dim; ++j) {
    double s = 0;
    for (int d = 0; d < dim; ++d) {
      const auto a = p[static_cast<std::size_t>(i * dim + d)];
      const auto b = p[static_cast<std::size_t>(j * dim + d)];
      s += (a - b) * (a - b);
    }
    if (j != i) all.emplace_back(s, j);
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

TEST_CASE("nearest neighbours are those of an exhaustive search, ties by smaller id") {
  for (const int dim : {1, 2, 3}) {
    const auto p = cloud(dim, 300);
    for (const int k : {1, 6, 40, 299}) {
      const auto g = amq::mesh::knn_edges(p, dim, k);
      for (int i = 0; i < 300; ++i) {
        auto want = by_distance(p, dim, i);
        want.resize(static_cast<std::size_t>(k));
        std::vector<std::int32_t> ids;
        for (const auto& w : want) ids.push_back(w.second);
        std::sort(ids.begin(), ids.end());
        const auto at = g.sender.begin() + g.first[static_cast<std::size_t>(i)];
        REQUIRE(std::vector<std::int32_t>(at, at + g.in_degree(i)) == ids);
      }
    }
  }
}

TEST_CASE("a radius graph is that of an exhaustive search, and symmetric") {
  for (const int dim : {1, 2, 3}) {
    const auto p = cloud(dim, 300);
    for (const double r : {0.01, 1.0, 2.5}) {
      const auto g = amq::mesh::radius_edges(p, dim, r);
      std::vector<std::pair<int, int>> pairs, mirrored;
      for (std::size_t e = 0; e < g.sender.size(); ++e) {
        pairs.emplace_back(g.sender[e], g.receiver[e]);
        mirrored.emplace_back(g.receiver[e], g.sender[e]);
      }
      std::sort(pairs.begin(), pairs.end());
      std::sort(mirrored.begin(), mirrored.end());
      CHECK(pairs == mirrored);
      std::size_t want = 0;
      for (int i = 0; i < 300; ++i) {
        for (const auto& [d2, j] : by_distance(p, dim, i)) {
          if (d2 > r * r) break;
          REQUIRE(std::binary_search(pairs.begin(), pairs.end(), std::pair(j, i)));
          ++want;
        }
      }
      CHECK(pairs.size() == want);
    }
  }
}

TEST_CASE("self loops appear only when asked for") {
  const auto p = cloud(2, 50);
  const auto k = amq::mesh::knn_edges(p, 2, 4, amq::mesh::SelfLoops::keep);
  const auto r = amq::mesh::radius_edges(p, 2, 1.0, amq::mesh::SelfLoops::keep);
  CHECK(k.n_edges() == 50 * 5);
  CHECK(r.n_edges() == amq::mesh::radius_edges(p, 2, 1.0).n_edges() + 50);
  amq::mesh::validate(k);
  for (amq::Index i = 0; i < 50; ++i) {
    const auto at = k.sender.begin() + k.first[static_cast<std::size_t>(i)];
    CHECK(std::find(at, at + 5, static_cast<std::int32_t>(i)) != at + 5);
  }
}

TEST_CASE("points that are not finite, too many neighbours and bad radii are refused") {
  auto p = cloud(2, 10);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::knn_edges(p, 2, 10)), amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::knn_edges(p, 2, 0)), amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::knn_edges({}, 2, 1)), amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::radius_edges(p, 2, 0)), amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::radius_edges({}, 2, 1)), amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::mesh::knn_edges(p, 3, 1)), amq::Error);
  p[7] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH_AS(static_cast<void>(amq::mesh::knn_edges(p, 2, 3)),
                       doctest::Contains("node 3"), amq::Error);
}

}  // namespace test_neighbours
