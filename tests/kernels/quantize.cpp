#include <amq/kernels/quantize.hpp>

#include "../quant/own_rule.hpp"
#include "rungs.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace test_quantize {

using namespace amq;
using namespace amq::quant;

namespace {
// By the plain loops of quant/.
RowGrid plain(const float* x, Index n, const RowCoder& c, std::vector<std::uint8_t>& out) {
  std::vector<std::int32_t> q(static_cast<std::size_t>(n));
  const RowGrid g = amq::quant::quantize_row(x, n, c, q.data());
  pack_codes(q.data(), n, container_bits(c.bits), out.data());
  return g;
}
constexpr RowRule rules[] = {RowRule::affine, RowRule::symmetric, RowRule::min_max, RowRule::fixed};
}  // namespace

TEST_CASE_TEMPLATE("rows become the codes of the plain loops, for every rule, width and length",
                   Arch, AMQ_RUNGS) {
  const auto x = rungs::some_rows(1, 200, 7);
  for (const RowRule rule : rules)
    for (int bits = 0; bits <= 16; ++bits)
      for (Index n = 1; n <= 140; n += n < 70 ? 1 : 7) {
        const RowCoder c{rule, bits, rule == RowRule::fixed ? 0.01f : 0.7f, 0.125f};
        const auto bytes = static_cast<std::size_t>(packed_bytes(n, container_bits(bits)));
        // A guard byte behind: nothing may be written there.
        std::vector<std::uint8_t> codes(bytes + 1, 0xa5), expected(bytes + 1, 0xa5);
        const RowGrid g = kernels::quantize_row<Arch>(x.data(), n, c, codes.data());
        const RowGrid e = plain(x.data(), n, c, expected);
        CAPTURE(bits);
        CAPTURE(n);
        CAPTURE(static_cast<int>(rule));
        REQUIRE(std::memcmp(&g, &e, sizeof g) == 0);
        REQUIRE(rungs::same_bits(codes, expected));
        std::vector<float> back(static_cast<std::size_t>(n)), plain_back(back);
        kernels::decode_row<Arch>(codes.data(), n, container_bits(bits), g, back.data());
        for (Index k = 0; k < n; ++k)
          plain_back[static_cast<std::size_t>(k)] =
              e.decode(code_at(expected.data(), k, container_bits(bits)));
        REQUIRE(rungs::same_bits(back, plain_back));
      }
}

TEST_CASE_TEMPLATE("a rule that is a type gives the codes of the same rule by name", Rule, ByRange,
                   ByDeviation, ByMagnitude, Static, ByQuartiles) {
  const auto x = rungs::some_rows(21, 131, 5);
  const MatrixView<const float> rows(x.data(), 21, 131);
  for (const int bits : {0, 2, 5, 8, 16}) {
    const float a = std::is_same_v<Rule, Static> ? 0.01f : 0.7f;
    const int container = container_bits(bits);
    const Index stride = packed_stride(131, container);
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(21 * stride + 64), 9), same = codes;
    std::vector<RowGrid> grids(21), same_grids(21);
    kernels::quantize_rows(rows, BasicRowCoder<Rule>{{}, bits, a, 0.125f},
                           {codes.data(), 21, 131, stride, container, grids.data()});
    kernels::quantize_rows(rows, RowCoder{Rule{}, bits, a, 0.125f},
                           {same.data(), 21, 131, stride, container, same_grids.data()});
    CHECK(rungs::same_bits(codes, same));
    CHECK(grids == same_grids);
    for (std::size_t i = 0; i < 21; ++i) {
      std::vector<std::uint8_t> plain_codes(static_cast<std::size_t>(stride));
      CHECK(plain(x.data() + 131 * i, 131, RowCoder{Rule{}, bits, a, 0.125f}, plain_codes) ==
            grids[i]);
      CHECK(std::memcmp(plain_codes.data(), codes.data() + stride * static_cast<Index>(i),
                        static_cast<std::size_t>(packed_bytes(131, container))) == 0);
    }
  }
}

TEST_CASE_TEMPLATE("constant rows, infinities and NaN give the codes of the plain loops", Arch,
                   AMQ_RUNGS) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> x(70, 2.5f);
  for (int round = 0; round < 4; ++round) {
    if (round == 1) x[3] = infinity, x[40] = -infinity;
    if (round == 2) x[3] = 1e30f, x[40] = -1e30f, x[50] = std::numeric_limits<float>::quiet_NaN();
    if (round == 3) x.assign(70, 0.0f);
    for (const int bits : {1, 2, 3, 4, 6, 8, 12, 16}) {
      const RowCoder c{RowRule::fixed, bits, 0.03f, -0.2f};
      const auto bytes = static_cast<std::size_t>(packed_bytes(70, container_bits(bits)));
      std::vector<std::uint8_t> codes(bytes), expected(bytes);
      kernels::quantize_row<Arch>(x.data(), 70, c, codes.data());
      plain(x.data(), 70, c, expected);
      CHECK(rungs::same_bits(codes, expected));
    }
  }
  x.assign(70, 2.5f);
  std::vector<std::int8_t> codes(70, 9);
  const RowGrid g = kernels::quantize_row<Arch>(x.data(), 70, RowCoder{}, codes.data());
  CHECK(g.step == 1.0f);
  CHECK(g.offset == 2.5f);
  CHECK(codes == std::vector<std::int8_t>(70, 0));
}

TEST_CASE("quantized rows have the same bits in every build") {
  const auto x = rungs::some_rows(64, 131, 11);
  rungs::Fingerprint f;
  for (const RowRule rule : rules)
    for (const int bits : {2, 3, 4, 8, 16})
      for (std::size_t i = 0; i < 64; ++i) {
        std::uint8_t codes[262] = {};
        const RowGrid g = kernels::quantize_row(
            x.data() + 131 * i, 131, {rule, bits, rule == RowRule::fixed ? 0.02f : 1.0f, 0}, codes);
        f.add(&g, 1);
        f.add(codes, 262);
      }
  CHECK(f.value() == 2257110809537381609u);
}

}  // namespace test_quantize
