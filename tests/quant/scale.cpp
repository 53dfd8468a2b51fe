#include <amq/quant/scale.hpp>

#include <doctest/doctest.h>

#include <cmath>

using namespace amq;

static_assert(uniform_scale<PerTensor> && uniform_scale<Pow2<-7>>);
static_assert(scale_policy<PerRow> && scale_policy<PerColumn> && scale_policy<Group<32>>);
static_assert(!uniform_scale<PerRow>);
static_assert(Pow2<-7>::step() == 1.0f / 128 && Pow2<3>::step() == 8.0f);
static_assert(Pow2<-126>::step() == 0x1p-126f && Pow2<127>::step() == 0x1p127f);

TEST_CASE("a step is looked up where its policy says") {
  const PerRow row{{1, 2, 3}};
  const PerColumn column{{1, 2, 3}};
  const Group<4> group{{1, 2, 3, 4, 5, 6}, Group<4>::groups_of(9)};  // 9 columns: 4 + 4 + 1
  CHECK(Group<4>::groups_of(9) == 3);
  CHECK(row.step(2, 0) == 3.0f);
  CHECK(column.step(2, 0) == 1.0f);
  CHECK(column.step(0, 2) == 3.0f);
  CHECK(group.step(0, 3) == 1.0f);
  CHECK(group.step(0, 4) == 2.0f);
  CHECK(group.step(1, 8) == 6.0f);
}
