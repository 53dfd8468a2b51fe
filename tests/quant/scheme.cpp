#include <amq/quant/scheme.hpp>

#include <doctest/doctest.h>

#include <type_traits>

namespace test_scheme {

using namespace amq;
using namespace amq::quant;

using S = Scheme<Weights<8>, Activations<2, 4, 8>>;
static_assert(S::weight_bits == 8 && S::levels::count == 3);
static_assert(std::is_same_v<S::rule, ByRange>);
static_assert(std::is_empty_v<S>);
static_assert(!has_wide_weights<S>() && has_wide_weights<AnyScheme>());
static_assert(has_wide_weights<Scheme<Weights<4, 16>, Activations<8>>>());
static_assert(has_wide_weights<Scheme<Weights<16>, Activations<8>>>());

TEST_CASE("a scheme's name tells weights, levels and rule") {
  CHECK(S::name() == "w8a2,4,8_by_range");
  CHECK(Scheme<Weights<4, 16>, Activations<8>>::name() == "w4a8_by_range");
  CHECK(Scheme<Weights<4>, Activations<8>, Static>::name() == "w4a8_static");
  CHECK(Scheme<Weights<2>, Activations<0, 16>, ByRange>::name() == "w2a0,16_by_range");
}

}  // namespace test_scheme
