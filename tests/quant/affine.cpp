#include <amq/quant/affine.hpp>

#include "quantizer_laws.hpp"

#include <doctest/doctest.h>

using namespace amq;

static_assert(quantizer<Affine<8>> && quantizer<Affine<1, PerRow>>);

TEST_CASE_TEMPLATE("an affine quantizer keeps the quantizer laws", Q, Affine<1>, Affine<2>,
                   Affine<3, Pow2<-3>>, Affine<8>, Affine<16, Pow2<-10>>) {
  check_quantizer_laws(Q{});
  Q shifted{};
  shifted.offset = -3.3f;
  check_quantizer_laws(shifted);
}

TEST_CASE("a grid between two values has them as its ends") {
  const auto q = Affine<4>::between(-1.0f, 6.5f);
  CHECK(q.decode(-8) == doctest::Approx(-1.0));
  CHECK(q.decode(7) == doctest::Approx(6.5));
  CHECK(q.step() == doctest::Approx(0.5));
}
