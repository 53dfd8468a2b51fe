#include <amq/allocation/clusters.hpp>

#include <doctest/doctest.h>

#include <vector>

using namespace amq;

TEST_CASE("a cluster's score is the sum or the largest of its members'") {
  const std::vector<std::int32_t> of{0, 2, 0, 2, 2};
  const std::vector<float> score{1, 2, 3, 4, 0.5f};
  CHECK(cluster_scores(of, score, 4) == std::vector<float>{4, 0, 6.5f, 0});
  CHECK(cluster_scores(of, score, 4, ClusterScore::max) == std::vector<float>{3, 0, 4, 0});
  CHECK_THROWS_AS(static_cast<void>(cluster_scores(of, score, 2)), Error);
  CHECK_THROWS_AS(static_cast<void>(cluster_scores(of, std::vector<float>{1}, 4)), Error);
}
