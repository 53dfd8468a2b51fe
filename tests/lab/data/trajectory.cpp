#include <amq_lab/data/trajectory.hpp>

#include "../../io/scratch.hpp"

namespace test_trajectory {

using namespace amq;
using namespace amq::lab;

TEST_CASE("a trajectory keeps what stands still once and cuts frames of the rest") {
  MeshTrajectory t;
  t.mesh.points = {0, 0, 1, 0, 0, 1};
  t.mesh.cells = {0, 1, 2};
  t.n_frames = 2;
  t.node["u"] = {1, 2, 3, 4, 5, 6};
  t.node["v"] = std::vector<float>(12, 7);
  CHECK(t.channels("u") == 1);
  CHECK(t.channels("v") == 2);
  CHECK(t.frame(1).node.at("u") == std::vector<float>{4, 5, 6});
  CHECK(t.frame(1).mesh.points == t.mesh.points);
  t.points = {0, 0, 1, 0, 0, 1, 0, 0, 2, 0, 0, 2};
  CHECK(t.frame(0).mesh.points == t.mesh.points);
  CHECK(t.frame(1).mesh.points == std::vector<double>{0, 0, 2, 0, 0, 2});
  AMQ_REFUSES(t.frame(2), "0 to 1");
  AMQ_REFUSES(t.field("w"), "only: u, v");
  std::vector<int> still, moving;
  amq::lab::detail::keep_changes(std::vector<int>{1, 2, 1, 2}, 2, still, moving);
  CHECK(still == std::vector<int>{1, 2});
  CHECK(moving.empty());
  amq::lab::detail::keep_changes(std::vector<int>{1, 2, 1, 3}, 2, still, moving);
  CHECK(moving == std::vector<int>{1, 2, 1, 3});
}

}  // namespace test_trajectory
