#include <amq/quant/scale.hpp>

#include <doctest/doctest.h>

#include <cmath>

namespace test_scale {

using namespace amq;
using namespace amq::quant;

static_assert(uniform_scale<PerTensor> && uniform_scale<Pow2<-7>>);
static_assert(scale_policy<PerRow>);
static_assert(!uniform_scale<PerRow>);
static_assert(Pow2<-7>::step() == 1.0f / 128 && Pow2<3>::step() == 8.0f);
static_assert(Pow2<-126>::step() == 0x1p-126f && Pow2<127>::step() == 0x1p127f);

TEST_CASE("a step is looked up where its policy says") {
  const PerRow row{{1, 2, 3}};
  CHECK(row.step(2, 0) == 3.0f);
  CHECK(row.step(0, 2) == 1.0f);
  CHECK(PerTensor{0.5f}.step(3, 4) == 0.5f);
}

}  // namespace test_scale
