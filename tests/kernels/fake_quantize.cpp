#include <amq/kernels/fake_quantize.hpp>

#include "rungs.hpp"

#include <doctest/doctest.h>

namespace test_fake_quantize {

using namespace amq;
using namespace amq::quant;

namespace {

template <typename Arch>
kernels::BlockGrids grids_of(const float* x, Index n, const RowCoder& c) {
  const kernels::RowLevel level(c);
  const kernels::RowLevel* levels[kernels::block_rows];
  const float* rows[kernels::block_rows];
  std::fill_n(levels, kernels::block_rows, &level);
  std::fill_n(rows, kernels::block_rows, x);
  kernels::BlockGrids g;
  kernels::block_grids<Arch>(rows, n, c.rule, levels, g);
  return g;
}
constexpr RowRule rules[] = {RowRule::affine, RowRule::symmetric, RowRule::min_max, RowRule::fixed};

}  // namespace

TEST_CASE_TEMPLATE("fake rows are what the deployed codes decode to, bit for bit", Arch,
                   AMQ_RUNGS) {
  const auto x = rungs::some_rows(1, 200, 7);
  for (const RowRule rule : rules)
    for (int bits = 0; bits <= 16; ++bits)
      for (const Index n : {1, 15, 16, 40, 64, 130}) {
        const RowCoder c{rule, bits, rule == RowRule::fixed ? 0.01f : 0.7f, 0.125f};
        std::vector<std::uint8_t> codes(static_cast<std::size_t>(2 * n));
        const RowGrid grid = kernels::quantize_row<Arch>(x.data(), n, c, codes.data());
        // A guard behind: nothing may be written there.
        std::vector<float> value(static_cast<std::size_t>(n + 1), 77.0f), expected = value;
        kernels::decode_row<Arch>(codes.data(), n, container_bits(bits), grid, expected.data());
        kernels::fake_row<Arch>(x.data(), n, grids_of<Arch>(x.data(), n, c), 3, bits, value.data());
        CAPTURE(bits);
        CAPTURE(n);
        CAPTURE(static_cast<int>(rule));
        REQUIRE(rungs::same_bits(value, expected));
      }
}

TEST_CASE_TEMPLATE("gradients pass inside the range of codes, stop outside, and add up to LSQ's",
                   Arch, AMQ_RUNGS) {
  const auto x = rungs::some_rows(1, 150, 9), g = rungs::some_rows(1, 150, 10);
  for (const RowRule rule : rules)
    for (const int bits : {1, 2, 4, 8})
      for (const Index n : {1, 16, 50, 150})
        for (const bool add : {false, true}) {
          const RowCoder c{rule, bits, 0.4f, 0.125f};
          const auto grid = grids_of<Arch>(x.data(), n, c);
          const float half = rule == RowRule::affine || rule == RowRule::min_max ? 0.5f : 0.0f;
          std::vector<float> dx(static_cast<std::size_t>(n + 1), 3.0f), expected = dx;
          double step = 0, offset = 0, size = 0;
          for (std::size_t k = 0; k < static_cast<std::size_t>(n); ++k) {
            const float t = std::fma(x[k], grid.inv[5], grid.shift[5]);
            const float cut = std::min(std::max(t, grid.low[5]), grid.high[5]);
            const bool inside = cut == t;
            const double h = half, d = g[k];
            step += d * (std::nearbyint(cut) + h - (inside ? t + h : 0.0));
            offset += inside ? 0.0 : d;
            size += std::fabs(d) * (std::fabs(t) + 1.0);
            const float passed = inside ? g[k] : 0.0f;
            expected[k] = add ? expected[k] + passed : passed;
          }
          const auto s =
              kernels::straight_through<Arch>(x.data(), g.data(), n, grid, 5, half, dx.data(), add);
          CAPTURE(bits);
          CAPTURE(n);
          CAPTURE(static_cast<int>(rule));
          REQUIRE(rungs::same_bits(dx, expected));
          REQUIRE(std::fabs(s.step - step) <= 1e-6 * size);
          REQUIRE(std::fabs(s.offset - offset) <= 1e-6 * size);
          const auto blind =
              kernels::straight_through<Arch>(x.data(), g.data(), n, grid, 5, half, nullptr, add);
          REQUIRE(blind.step == s.step);
          REQUIRE(blind.offset == s.offset);
        }
}

}  // namespace test_fake_quantize
