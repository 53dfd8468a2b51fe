#include <amq/quant/affine.hpp>

#include "quantizer_laws.hpp"

#include <doctest/doctest.h>

namespace test_affine {

using namespace amq;
using namespace amq::quant;

static_assert(quantizer<Affine<8>> && quantizer<Affine<1>>);

TEST_CASE_TEMPLATE("an affine quantizer keeps the quantizer laws", Q, Affine<1>, Affine<2>,
                   Affine<3>, Affine<8>, Affine<16>) {
  check_quantizer_laws(Q{});
  check_quantizer_laws(Q{{0.125f, 0}});
  check_quantizer_laws(Q{{1, -3.3f}});
}

TEST_CASE("a grid between two values has them as its ends") {
  const auto q = Affine<4>::between(-1.0f, 6.5f);
  CHECK(q.decode(-8) == doctest::Approx(-1.0));
  CHECK(q.decode(7) == doctest::Approx(6.5));
  CHECK(q.step() == doctest::Approx(0.5));
}

TEST_CASE("an affine tensor encodes as a row of the same grid does") {
  const RowGrid grid{0.37f, 1.3f};
  const Affine<4> q{grid};
  for (int k = -400; k < 400; ++k) {
    const float x = 0.013f * static_cast<float>(k);
    REQUIRE(q.encode(x) == grid.encode(x, -8, 7));
    REQUIRE(q.decode(q.encode(x)) == grid.decode(grid.encode(x, -8, 7)));
  }
}

}  // namespace test_affine
