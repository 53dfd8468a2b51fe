#include <amq/kernels/moments.hpp>

#include "rungs.hpp"

#include <doctest/doctest.h>

using namespace amq;

TEST_CASE_TEMPLATE("moments by vectors have the bits of the plain loops, at every length", Arch,
                   AMQ_RUNGS) {
  const auto x = rungs::some_rows(1, 1100, 3);
  const auto same = [](float a, float b) { return std::memcmp(&a, &b, 4) == 0; };
  for (Index n = 0; n < 300; ++n)
    for (const Index start : {0, 1, 700}) {
      CAPTURE(n);
      const float* p = x.data() + start;
      const auto m = kernels::mean_deviation<Arch>(p, n), e = amq::mean_deviation(p, n);
      CHECK(same(m.mean, e.mean));
      CHECK(same(m.deviation, e.deviation));
      CHECK(same(kernels::abs_max<Arch>(p, n), amq::abs_max(p, n)));
      const auto r = kernels::min_max<Arch>(p, n), s = amq::min_max(p, n);
      CHECK(same(r.min, s.min));
      CHECK(same(r.max, s.max));
    }
}

TEST_CASE("moments have the same bits in every build") {
  const auto x = rungs::some_rows(200, 131, 5);
  rungs::Fingerprint f;
  for (Index i = 0; i < 200; ++i) {
    const auto m = kernels::mean_deviation(x.data() + 131 * i, 1 + i % 131);
    f.add(&m, 1);
  }
  CHECK(f.value() == 18260144411788684666u);
}
