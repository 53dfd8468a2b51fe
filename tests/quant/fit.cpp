#include <amq/quant/fit.hpp>

#include <amq/core/random.hpp>
#include <amq/quant/qtensor.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

using namespace amq;

TEST_CASE_TEMPLATE("a fitted scale clips nothing, and wastes no code", S, PerTensor, PerRow,
                   PerColumn, Group<4>) {
  Random random(1);
  std::vector<float> x(6 * 10), y(60);
  for (auto& v : x) v = static_cast<float>(std::exp(2 * random.normal()) * random.normal());
  const MatrixView<const float> view(x.data(), 6, 10);
  QTensor<8, S, 6, 10> t(Symmetric<8, S>{fit<S>(view, 127)});
  t.encode(view);
  int top = 0;
  for (Index i = 0; i < 6; ++i)
    for (Index j = 0; j < 10; ++j) {
      CHECK(std::fabs(t(i, j) - view(i, j)) <= 0.5001f * t.quantizer().step(i, j));
      top = std::max(top, std::abs(static_cast<int>(t.code(i, j))));
    }
  CHECK(top == 127);
}

TEST_CASE("zeros get the step 1, a power of two needs no fit, NaN is refused") {
  std::vector<float> x(8, 0.0f);
  CHECK(fit<PerRow>({x.data(), 2, 4}, 127).value == std::vector<float>{1, 1});
  static_cast<void>(fit<Pow2<-3>>({x.data(), 2, 4}, 127));
  x[5] = NAN;
  CHECK_THROWS_WITH_AS(static_cast<void>(fit<PerRow>({x.data(), 2, 4}, 127)),
                       doctest::Contains("row 1"), Error);
}
