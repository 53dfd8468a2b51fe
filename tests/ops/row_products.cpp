#include <amq/ops/row_products.hpp>

#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace test_row_products {

using namespace amq;
using namespace amq::core;

namespace {

std::vector<float> numbers(Index n, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> v(static_cast<std::size_t>(n));
  for (float& x : v) x = static_cast<float>(random.normal());
  return v;
}

}  // namespace

TEST_CASE("weighted sums of rows are chains of fma in the order of the rows, on every rung") {
  for (const Index rows : {1, 2, 7, 8, 19})
    for (const Index n : {1, 5, 12})
      for (const Index cols : {1, 3, 15, 16, 17, 31, 32, 33, 48, 50, 70})
        for (const bool add : {false, true}) {
          CAPTURE(rows);
          CAPTURE(n);
          CAPTURE(cols);
          // Pairs of rows with a gap behind each row and a larger one behind each pair.
          const Index half = cols + 3, pair = 2 * half + 5;
          const auto w = numbers(rows * n, 1), x = numbers((n / 2 + 1) * pair, 2),
                     before = numbers((rows / 2 + 1) * pair, 3);
          const auto at = [&](Index r, Index c) {
            return static_cast<std::size_t>(r / 2 * pair + r % 2 * half + c);
          };
          std::vector<float> expected = before, native = before, scalar = before;
          for (Index r = 0; r < rows; ++r)
            for (Index c = 0; c < cols; ++c) {
              float sum = add ? before[at(r, c)] : 0.0f;
              for (Index j = 0; j < n; ++j)
                sum = std::fma(w[static_cast<std::size_t>(r * n + j)], x[at(j, c)], sum);
              expected[at(r, c)] = sum;
            }
          ops::row_products<float>(w.data(), rows, n, {x.data(), pair, half}, cols,
                                   {native.data(), pair, half}, add);
          ops::row_products<float, simd::Scalar>(w.data(), rows, n, {x.data(), pair, half}, cols,
                                                 {scalar.data(), pair, half}, add);
          CHECK(native == expected);  // and the gaps are as they were
          CHECK(scalar == expected);
        }
}

TEST_CASE("sums and differences are those of floats, on every rung, and touch nothing else") {
  for (const Index n : {1, 15, 16, 17, 40})
    for (const bool add : {false, true}) {
      const auto a = numbers(n, 1), b = numbers(n, 2), before = numbers(n + 3, 3),
                 other = numbers(n + 3, 4);
      auto plus = before, minus = other, scalar_plus = before, scalar_minus = other;
      auto expected_plus = before, expected_minus = other;
      for (std::size_t c = 0; c < a.size(); ++c) {
        expected_plus[c] = add ? before[c] + (a[c] + b[c]) : a[c] + b[c];
        expected_minus[c] = add ? other[c] + (a[c] - b[c]) : a[c] - b[c];
      }
      ops::plus_minus(a.data(), b.data(), n, plus.data(), minus.data(), add);
      ops::plus_minus<float, simd::Scalar>(a.data(), b.data(), n, scalar_plus.data(),
                                           scalar_minus.data(), add);
      CHECK(plus == expected_plus);
      CHECK(minus == expected_minus);
      CHECK(scalar_plus == expected_plus);
      CHECK(scalar_minus == expected_minus);
    }
}

TEST_CASE("in double it is the same sum") {
  const std::vector<double> w{1, 2, 3, 4, 5, 6}, x{1, -1, 0.5, 2, 3, 0.25};  // (2, 3), (3, 2)
  std::vector<double> y(4, 1.0);
  ops::row_products<double>(w.data(), 2, 3, {x.data(), 4, 2}, 2, {y.data(), 4, 2}, true);
  CHECK(y ==
        std::vector<double>{1 + 1 + 1 + 9, 1 - 1 + 4 + 0.75, 1 + 4 + 2.5 + 18, 1 - 4 + 10 + 1.5});
}

}  // namespace test_row_products
