#include <amq/mesh/grid.hpp>

#include <doctest/doctest.h>

#include <vector>

namespace test_grid {

using namespace amq;
using namespace amq::mesh;

TEST_CASE("a grid field is laid out as sample, time, point, channel") {
  GridField f(2, 3, {4, 5}, 2);
  CHECK(f.values.size() == 2 * 3 * 4 * 5 * 2);
  for (std::size_t k = 0; k < f.values.size(); ++k) f.values[k] = static_cast<float>(k);
  CHECK(f.sample(1)[0] == 120);
  CHECK(f.frame(1, 2)[0] == 200);
  CHECK(f.frame(1, 2)[(3 * 5 + 4) * 2 + 1] == 239);
  CHECK(f.frame(1, 2).size() == 40);
  CHECK(GridField(0, 3, {4}).empty());
}

TEST_CASE("a set takes samples of its own size over and refuses others by name") {
  GridSet set;
  set.input = GridField(0, 1, {2});
  set.u = GridField(0, 2, {2});
  std::vector<GridSample> samples{{{1, 2}, {3, 4, 5, 6}}, {{7, 8}, {9, 10, 11, 12}}};
  set.assign(samples);
  CHECK(set.input.values == std::vector<float>{1, 2, 7, 8});
  CHECK(set.u.frame(1, 1)[0] == 11);
  samples[1].u.pop_back();
  CHECK_THROWS_WITH_AS(
      set.assign(samples),
      "amq: GridSet.u: expected 4 numbers a sample, found 3. Take the samples from "
      "the problem that described this set.",
      Error);
}

}  // namespace test_grid
