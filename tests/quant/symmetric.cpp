#include <amq/quant/symmetric.hpp>

#include "quantizer_laws.hpp"

#include <doctest/doctest.h>

#include <type_traits>

namespace test_symmetric {

using namespace amq;
using namespace amq::quant;

static_assert(quantizer<Symmetric<8>>);
static_assert(Symmetric<8, Pow2<-1>>{}.encode(3.25f) == 6);  // ties go to even
static_assert(Symmetric<4>{{0.5f}}.encode(100) == 7 && Symmetric<4>{{0.5f}}.encode(-100) == -7);
static_assert(std::is_empty_v<Symmetric<8, Pow2<-7>>>);

TEST_CASE_TEMPLATE("a symmetric quantizer keeps the quantizer laws", Q, Symmetric<2>, Symmetric<3>,
                   Symmetric<4, Pow2<-3>>, Symmetric<8, Pow2<-7>>, Symmetric<12>,
                   Symmetric<16, Pow2<-15>>) {
  check_quantizer_laws(Q{});
}

TEST_CASE("a step of any size keeps the laws, and each place has its own") {
  for (float step : {1e-20f, 0.1f, 3.7f, 1e20f}) check_quantizer_laws(Symmetric<4>{{step}});
  const Symmetric<8, PerRow> rows{{{0.1f, 20.0f}}};
  check_quantizer_laws(rows, 0, 5);
  check_quantizer_laws(rows, 1, 5);
}

TEST_CASE("the code of -x is minus the code of x") {
  const Symmetric<4> q{{0.3f}};
  for (int k = -300; k < 300; ++k) {
    const float x = 0.011f * static_cast<float>(k);
    REQUIRE(q.encode(-x) == -q.encode(x));
  }
}

}  // namespace test_symmetric
