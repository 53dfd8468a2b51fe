#include <amq/kernels/float_product.hpp>

#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

using namespace amq;

namespace {

std::vector<float> numbers(Index n, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> v;
  for (Index k = 0; k < n; ++k) v.push_back(static_cast<float>(random.normal()));
  return v;
}

}  // namespace

TEST_CASE("a product of floats is one fma after the other, at every size and stride") {
  for (const Index rows : {1, 2, 5, 6, 9, 13})
    for (const Index columns : {1, 15, 16, 17, 32, 45, 64, 83, 131})
      for (const Index inner : {0, 1, 7})
        for (const bool turned : {false, true})
          for (const bool add : {false, true}) {
            const auto a = numbers(rows * inner, 1), b = numbers(inner * (columns + 3), 2),
                       start = numbers(rows * (columns + 1), 3);
            const kernels::FloatsAt at{a.data(), turned ? 1 : inner, turned ? rows : 1};
            std::vector<float> expected = start, c = start, portable = start;
            for (Index i = 0; i < rows; ++i)
              for (Index j = 0; j < columns; ++j) {
                float& y = expected[static_cast<std::size_t>(i * (columns + 1) + j)];
                if (!add) y = 0;
                for (Index k = 0; k < inner; ++k)
                  y = std::fma(at.data[i * at.row + k * at.column],
                               b[static_cast<std::size_t>(k * (columns + 3) + j)], y);
              }
            kernels::float_product(at, rows, inner, b.data(), columns + 3, columns, c.data(),
                                   columns + 1, add);
            REQUIRE(c == expected);
            kernels::float_product<simd::Scalar>(at, rows, inner, b.data(), columns + 3, columns,
                                                 portable.data(), columns + 1, add);
            REQUIRE(portable == expected);
          }
}
