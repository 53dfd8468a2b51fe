#include <amq/kernels/float_product.hpp>

#include "rungs.hpp"

#include <doctest/doctest.h>

namespace test_float_product {

using namespace amq;

namespace {

struct Floats {
  std::vector<float> v;
  Index rows, cols, stride;
  // Two columns wider than what is used, to see strides.
  Floats(Index r, Index c, std::uint64_t seed)
      : v(rungs::some_rows(static_cast<std::size_t>(r), static_cast<std::size_t>(c + 2), seed)),
        rows(r),
        cols(c),
        stride(c + 2) {}
  MatrixView<float> view() { return {v.data(), rows, cols, stride}; }
  MatrixView<const float> view() const { return {v.data(), rows, cols, stride}; }
  float operator()(Index i, Index j) const { return v[static_cast<std::size_t>(i * stride + j)]; }
  float& operator()(Index i, Index j) { return v[static_cast<std::size_t>(i * stride + j)]; }
};

}  // namespace

TEST_CASE_TEMPLATE("a float product adds in the order of its index, for every shape", Arch,
                   AMQ_RUNGS) {
  for (const Index m : {1, 3, 4, 7, 13, 30})
    for (const Index n : {0, 1, 2, 17, 300})
      for (const Index cols : {1, 15, 16, 33, 48, 64, 70, 115})
        for (const bool add : {false, true}) {
          const Floats a(m, n, 1), b(n, cols, 2);
          Floats c(m, cols, 3), expected = c;
          kernels::multiply<Arch>(a.view(), b.view(), c.view(), add);
          for (Index i = 0; i < m; ++i)
            for (Index j = 0; j < cols; ++j) {
              float sum = add ? expected(i, j) : 0.0f;
              for (Index k = 0; k < n; ++k) sum = std::fma(a(i, k), b(k, j), sum);
              expected(i, j) = sum;
            }
          CAPTURE(m);
          CAPTURE(n);
          CAPTURE(cols);
          REQUIRE(rungs::same_bits(c.v, expected.v));
        }
}

TEST_CASE_TEMPLATE("an affine product adds from the bias on, for every shape", Arch, AMQ_RUNGS) {
  for (const Index m : {0, 1, 95, 96, 97, 200})
    for (const Index n : {0, 1, 17, 70})
      for (const Index cols : {1, 16, 33, 64}) {
        const Floats x(m, n, 1), b(n, cols, 2), bias(1, cols, 4);
        Floats c(m, cols, 3), expected = c;
        kernels::affine<Arch>(x.view(), b.view(), bias.v.data(), c.view());
        for (Index i = 0; i < m; ++i)
          for (Index j = 0; j < cols; ++j) {
            float sum = bias(0, j);
            for (Index k = 0; k < n; ++k) sum = std::fma(x(i, k), b(k, j), sum);
            expected(i, j) = sum;
          }
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(cols);
        REQUIRE(rungs::same_bits(c.v, expected.v));
      }
}

TEST_CASE_TEMPLATE("a transposed product adds row after row, for every shape", Arch, AMQ_RUNGS) {
  for (const Index m : {0, 1, 5, 127, 128, 300})
    for (const Index n : {1, 3, 6, 17, 48})
      for (const Index cols : {1, 16, 40, 48, 64, 81}) {
        const Floats a(m, n, 1), b(m, cols, 2);
        Floats c(n, cols, 3), expected = c;
        kernels::add_transposed_product<Arch>(a.view(), b.view(), c.view());
        for (Index i = 0; i < n; ++i)
          for (Index j = 0; j < cols; ++j)
            for (Index k = 0; k < m; ++k)
              expected(i, j) = std::fma(a(k, i), b(k, j), expected(i, j));
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(cols);
        REQUIRE(rungs::same_bits(c.v, expected.v));
      }
}

TEST_CASE_TEMPLATE("products of few rows are sixteen sums, folded, for every shape", Arch,
                   AMQ_RUNGS) {
  for (const Index m : {1, 2, 5})
    for (const Index n : {1, 3, 15, 16, 17, 40})
      for (const Index inner : {0, 1, 15, 16, 31, 64, 100}) {
        const Floats a(m, inner, 1), b(n, inner, 2);
        Floats c(m, n, 3), expected = c;
        kernels::multiply_few_rows<Arch>(a.view(), b.view(), c.view());
        for (Index i = 0; i < m; ++i)
          for (Index j = 0; j < n; ++j) {
            float sums[16] = {};
            for (Index k = 0; k < inner; ++k)
              sums[k % 16] = std::fma(a(i, k), b(j, k), sums[k % 16]);
            for (int width = 8; width > 0; width /= 2)
              for (int l = 0; l < width; ++l) sums[l] += sums[l + width];
            expected(i, j) = sums[0];
          }
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(inner);
        REQUIRE(rungs::same_bits(c.v, expected.v));
      }
}

TEST_CASE("a matrix transposed is its mirror image") {
  const Floats a(37, 19, 4);
  Floats b(19, 37, 5);
  kernels::transpose(a.view(), b.view());
  for (Index i = 0; i < 37; ++i)
    for (Index j = 0; j < 19; ++j) REQUIRE(b(j, i) == a(i, j));
}

}  // namespace test_float_product
