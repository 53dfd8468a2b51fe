#include <amq/arithmetic/fake_quantize.hpp>

#include "../quant/own_rule.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace test_fake_quantize {

using namespace amq;
using namespace amq::arithmetics;

namespace {

/// Rows of a point, its one number a (and o), and what is summed of the result.
struct Point {
  Matrix x{5, 24}, weight{5, 24};
  int bits;
  AnyRule rule;

  Point(const AnyRule& r, int b) : bits(b), rule(r) {
    // Nothing lies near the middle of a row, so that a small a leaves nothing inside the codes.
    for (Index k = 0; k < x.size(); ++k) {
      const auto t = static_cast<float>(k);
      x.data()[k] = (k % 2 ? 1.0f : -1.0f) * (2.0f + std::sin(t)) * (1.0f + 0.003f * t);
      weight.data()[k] = std::cos(1.7f * t);
    }
  }
  struct Result {
    double loss = 0;
    float da = 0, d_offset = 0;
    std::vector<float> value, dx;
    std::vector<float> decoded;
  };
  [[nodiscard]] Result run(float a, float o) const {
    Tape<float> tape;
    const auto in = tape.value(x.rows(), x.cols(), true);
    map(tape[in]) = x;
    Result r;
    RowQuantization<float> spec(rule);
    spec.uniform_bits = bits;
    spec.coders[static_cast<std::size_t>(bits)] = {rule, bits, a, o};
    spec.sums[static_cast<std::size_t>(bits)] = {&r.da, &r.d_offset};
    const auto out = fake_quantize(tape, in, spec);
    const auto y = tape[out.value];
    for (Index i = 0; i < y.rows; ++i)
      for (Index k = 0; k < y.cols; ++k) {
        r.loss += static_cast<double>(y(i, k)) * static_cast<double>(weight(i, k));
        r.value.push_back(y(i, k));
        const int container = out.codes.container;
        r.decoded.push_back(
            out.codes.grid_of(i).decode(bits ? code_at(out.codes.row(i), k, container) : 0));
      }
    tape.backward(out.value, view(weight));
    const auto d = tape.grad(in);
    if (d.data) r.dx.assign(d.data, d.data + d.size());
    return r;
  }
};

}  // namespace

TEST_CASE_TEMPLATE("training sees what the codes of deployment decode to, bit for bit", Rule,
                   ByRange, ByDeviation, ByMagnitude, Static, ByQuartiles) {
  for (int bits = 0; bits <= 16; ++bits) {
    const auto r = Point(Rule{}, bits).run(0.8f * Rule::default_a(bits), 0.1f);
    CHECK(r.value == r.decoded);
  }
}

// reference: central differences. Inside the range of codes LSQ's gradient is a surrogate; where
// every number is clipped it is the derivative.
TEST_CASE_TEMPLATE("where everything is clipped, the gradients of a and o are derivatives", Rule,
                   ByRange, ByDeviation, ByMagnitude, Static, ByQuartiles) {
  for (const int bits : {2, 3}) {
    const float a = 0.05f, o = facts_of(Rule{}).offset == OffsetUnit::none ? 0.0f : 0.03f,
                h = 0.01f;
    const Point point(Rule{}, bits);
    const auto r = point.run(a, o);
    for (const float d : r.dx) REQUIRE(d == 0.0f);
    const double by_a =
        (point.run(a + h, o).loss - point.run(a - h, o).loss) / (2 * static_cast<double>(h));
    const double by_o =
        (point.run(a, o + h).loss - point.run(a, o - h).loss) / (2 * static_cast<double>(h));
    CHECK(static_cast<double>(r.da) == doctest::Approx(by_a).epsilon(1e-3));
    if (facts_of(Rule{}).offset != OffsetUnit::none)
      CHECK(static_cast<double>(r.d_offset) == doctest::Approx(by_o).epsilon(1e-3));
    CHECK(std::fabs(by_a) > 1e-3);
  }
}

TEST_CASE_TEMPLATE("inside the range of codes gradients pass as they are", Rule, ByRange,
                   ByDeviation, ByMagnitude, ByQuartiles) {
  const Point point(Rule{}, 8);
  const auto r = point.run(8 * Rule::default_a(8), 0);
  for (Index k = 0; k < point.weight.size(); ++k)
    REQUIRE(r.dx[static_cast<std::size_t>(k)] == point.weight.data()[k]);
}

TEST_CASE("a row of 0 bits spreads its gradient where its mean stands for it, and only there") {
  const auto mean = Point(RowRule::affine, 0).run(1, 0),
             middle = Point(RowRule::min_max, 0).run(1, 0);
  const Point point(RowRule::affine, 0);
  double sum = 0;
  for (Index k = 0; k < 24; ++k) sum += static_cast<double>(point.weight(0, k));
  CHECK(static_cast<double>(mean.dx[0]) == doctest::Approx(sum / 24).epsilon(1e-5));
  for (const float d : middle.dx) CHECK(d == 0.0f);
}

}  // namespace test_fake_quantize
