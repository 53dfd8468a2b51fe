#include <amq/kernels/moments.hpp>

#include "rungs.hpp"

#include <doctest/doctest.h>

namespace test_moments {

using namespace amq;

TEST_CASE_TEMPLATE("moments of sixteen rows have the bits of the plain loops, at every length",
                   Arch, AMQ_RUNGS) {
  const auto x = rungs::some_rows(1, 1100, 3);
  const auto same = [](float a, float b) { return std::memcmp(&a, &b, 4) == 0; };
  for (Index n = 1; n < 300; ++n) {
    const float* rows[16];
    for (int r = 0; r < 16; ++r) rows[r] = x.data() + 7 * (r * r % 16) + r;
    float mean[16], deviation[16], top[16], low[16], high[16];
    const auto m = kernels::mean_deviation<Arch>(rows, n);
    m.mean.store(mean);
    m.deviation.store(deviation);
    kernels::abs_max<Arch>(rows, n).store(top);
    const auto range = kernels::extremes<Arch>(rows, n);
    range.smallest.store(low);
    range.largest.store(high);
    for (int r = 0; r < 16; ++r) {
      CAPTURE(n);
      CAPTURE(r);
      const auto e = amq::quant::mean_deviation(rows[r], n);
      const auto s = amq::quant::min_max(rows[r], n);
      REQUIRE(same(mean[r], e.mean));
      REQUIRE(same(deviation[r], e.deviation));
      REQUIRE(same(top[r], amq::quant::abs_max(rows[r], n)));
      REQUIRE(same(low[r], s.min));
      REQUIRE(same(high[r], s.max));
    }
  }
}

TEST_CASE_TEMPLATE("moments in doubles have the portable rung's bits, at every length", Arch,
                   AMQ_RUNGS) {
  const auto x = rungs::some_rows(1, 300, 8);
  for (Index n = 1; n < 300; ++n) {
    CAPTURE(n);
    const auto m = kernels::double_moments<Arch>(x.data(), n),
               e = kernels::double_moments<simd::Scalar>(x.data(), n);
    REQUIRE(std::memcmp(&m, &e, sizeof m) == 0);
    double sum = 0, squares = 0;
    for (Index k = 0; k < n; ++k) sum += static_cast<double>(x[static_cast<std::size_t>(k)]);
    const double mean = sum / static_cast<double>(n);
    for (Index k = 0; k < n; ++k) {
      const double d = static_cast<double>(x[static_cast<std::size_t>(k)]) - mean;
      squares += d * d;
    }
    REQUIRE(m.mean == doctest::Approx(mean).epsilon(1e-12));
    REQUIRE(m.squares == doctest::Approx(squares).epsilon(1e-12));
  }
}

TEST_CASE("moments have the same bits in every build") {
  const auto x = rungs::some_rows(200, 131, 5);
  rungs::Fingerprint f;
  for (Index i = 0; i < 200; ++i) {
    const float* rows[16];
    for (auto& r : rows) r = x.data() + 131 * i;
    const auto m = kernels::mean_deviation<simd::Native>(rows, 1 + i % 131);
    float mean[16], deviation[16];
    m.mean.store(mean);
    m.deviation.store(deviation);
    f.add(mean, 1);
    f.add(deviation, 1);
  }
  CHECK(f.value() == 18260144411788684666u);
}

}  // namespace test_moments
