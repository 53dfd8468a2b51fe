#include <amq/mesh/cluster.hpp>

#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <set>

using namespace amq;
using namespace amq::mesh;

namespace {

struct Cloud {
  std::vector<float> x;
  Index dim;
  Cloud(Index n, Index d, std::uint64_t seed) : dim(d) {
    Random random(seed);
    // Crowded towards a corner, as meshes are near a body.
    for (Index k = 0; k < n * d; ++k)
      x.push_back(static_cast<float>(std::pow(random.uniform(), 3)));
  }
  MatrixView<const float> view() const {
    return {x.data(), static_cast<Index>(x.size()) / dim, dim};
  }
};

double spread(const Clusters& c, MatrixView<const float> x) {
  double sum = 0;
  for (Index i = 0; i < x.rows; ++i)
    for (Index d = 0; d < x.cols; ++d) {
      const double r =
          static_cast<double>(x(i, d)) - c.centres()(c.of_node[static_cast<std::size_t>(i)], d);
      sum += r * r;
    }
  return sum;
}

}  // namespace

TEST_CASE("clusters part the nodes, none is over capacity, centres are means") {
  for (const Index n : {1, 2, 19, 20, 21, 337})
    for (const Index s : {1, 10, 20, 400})
      for (const Index dim : {2, 3}) {
        const Cloud cloud(n, dim, static_cast<std::uint64_t>(n + s));
        ClusterOptions o;
        o.capacity = s;
        const Clusters c = same_size_clusters(cloud.view(), o);
        CAPTURE(n);
        CAPTURE(s);
        CHECK(c.n_clusters() == std::min(n, (n + s - 1) / s + 1));
        CHECK(c.largest() <= s);
        std::set<std::int32_t> seen;
        for (Index k = 0; k < c.n_clusters(); ++k) {
          const auto m = c.members(k);
          CHECK(std::is_sorted(m.begin(), m.end()));
          std::vector<double> mean(static_cast<std::size_t>(dim), 0.0);
          for (const auto i : m) {
            CHECK(c.of_node[static_cast<std::size_t>(i)] == k);
            CHECK(seen.insert(i).second);
            for (Index d = 0; d < dim; ++d)
              mean[static_cast<std::size_t>(d)] += static_cast<double>(cloud.view()(i, d));
          }
          for (Index d = 0; d < dim && !m.empty(); ++d)
            CHECK(c.centres()(k, d) == doctest::Approx(mean[static_cast<std::size_t>(d)] /
                                                       static_cast<double>(m.size())));
        }
        CHECK(static_cast<Index>(seen.size()) == n);
      }
}

TEST_CASE("groups that stand apart are found") {
  Random random(3);
  std::vector<float> x;
  for (int i = 0; i < 60; ++i) {
    x.push_back(static_cast<float>(i % 3) * 10 + static_cast<float>(random.uniform()));
    x.push_back(static_cast<float>(random.uniform()));
  }
  ClusterOptions o;
  o.capacity = 20;
  o.n_clusters = 3;
  const Clusters c = same_size_clusters({x.data(), 60, 2}, o);
  for (std::size_t i = 0; i < 60; ++i) CHECK(c.of_node[i] == c.of_node[i % 3]);
  CHECK(c.largest() == 20);
}

TEST_CASE("moves and exchanges only ever bring nodes nearer to their centres") {
  const Cloud cloud(500, 2, 4);
  ClusterOptions o;
  o.n_clusters = 25;  // every cluster must be full
  double last = 1e9;
  for (const int passes : {0, 1, 3, 100}) {
    o.improvements = passes;
    const Clusters c = same_size_clusters(cloud.view(), o);
    const double now = spread(c, cloud.view());
    CHECK(c.largest() == 20);
    CHECK(now <= last);
    if (passes == 1) CHECK(now < last);
    last = now;
  }
}

TEST_CASE("the same nodes give the same clusters, and a warm start keeps what has not moved") {
  const Cloud cloud(300, 2, 5);
  ClusterOptions o;
  o.capacity = 15;
  o.n_clusters = 24;
  const Clusters a = same_size_clusters(cloud.view(), o), b = same_size_clusters(cloud.view(), o);
  CHECK(a.of_node == b.of_node);
  // Shifted by less than the nodes' distance, started warm: nearly all nodes keep their cluster.
  Cloud moved = cloud;
  for (float& v : moved.x) v += 1e-4f;
  o.start = a.centres();
  const Clusters c = same_size_clusters(moved.view(), o);
  Index kept = 0;
  for (std::size_t i = 0; i < 300; ++i) kept += c.of_node[i] == a.of_node[i];
  CHECK(kept > 200);
}

TEST_CASE("what cannot be clustered is refused") {
  Cloud cloud(10, 2, 6);
  ClusterOptions o;
  o.n_clusters = 11;
  CHECK_THROWS_WITH_AS(static_cast<void>(same_size_clusters(cloud.view(), o)),
                       doctest::Contains("expected 1 to 10 clusters for as many nodes, found 11"),
                       Error);
  o.n_clusters = 3;
  o.capacity = 3;
  CHECK_THROWS_WITH_AS(static_cast<void>(same_size_clusters(cloud.view(), o)),
                       doctest::Contains("room for 10 nodes, found 3 clusters of at most 3"),
                       Error);
  o.capacity = 0;
  CHECK_THROWS_AS(static_cast<void>(same_size_clusters(cloud.view(), o)), Error);
  o.capacity = 20;
  const std::vector<double> start(4);
  o.start = {start.data(), 2, 2};
  CHECK_THROWS_WITH_AS(static_cast<void>(same_size_clusters(cloud.view(), o)),
                       doctest::Contains("expected a start of (3, 2), found (2, 2)"), Error);
  cloud.x[7] = std::nanf("");
  CHECK_THROWS_WITH_AS(static_cast<void>(same_size_clusters(cloud.view(), {})),
                       doctest::Contains("found nan at node 3"), Error);
  CHECK_THROWS_AS(static_cast<void>(same_size_clusters({nullptr, 0, 2}, {})), Error);
}

TEST_CASE("shares of clusters stand one after the other and leave none out, some may be empty") {
  for (const Index n : {1, 5, 26, 1000})
    for (const Index shares : {1, 2, 3, 8}) {
      Index next = 0;
      for (Index k = 0; k < shares; ++k) {
        const ClusterShare s = ClusterShare::of(n, k, shares);
        CHECK(s.first == next);
        CHECK(s.count >= n / shares);
        CHECK(s.count <= n / shares + 1);
        next += s.count;
      }
      CHECK(next == n);
    }
}
