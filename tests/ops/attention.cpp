#include <amq/ops/attention.hpp>

#include "../nn/grid_laws.hpp"

#include <amq/nn/grid_attention.hpp>
#include <amq/nn/linear.hpp>
#include <amq/ops/masked_attention.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace test_attention {

using namespace amq;
using namespace amq::arithmetics;
using namespace amq::test;

namespace {

template <typename Op>
Matrix apply(const Op& op, const Matrix& x, Executor& executor = serial_executor()) {
  const auto s = op.shape({x.rows(), x.cols()});
  Matrix y(s.rows, s.cols);
  op.forward(view(x), view(y), executor);
  return y;
}
template <typename Op>
void check_samples(const Op& two, const Op& one, const Matrix& x) {
  const Matrix y = apply(two, x);
  const Index n = x.rows() / 2;
  CHECK((apply(one, x.topRows(n)).array() == y.topRows(n).array()).all());
  CHECK((apply(one, x.bottomRows(n)).array() == y.bottomRows(n).array()).all());
  ThreadPool pool(3);
  CHECK((apply(two, x, pool).array() == y.array()).all());
}
template <typename Op>
void check_permutation(const Op& op, const Matrix& x) {
  Matrix turned(x.rows(), x.cols());
  const auto to = [&](Index i) { return (i * 7 + 3) % x.rows(); };
  for (Index i = 0; i < x.rows(); ++i) turned.row(to(i)) = x.row(i);
  const Matrix y = apply(op, x), z = apply(op, turned);
  Matrix expected(y.rows(), y.cols());
  for (Index i = 0; i < x.rows(); ++i) expected.row(to(i)) = y.row(i);
  CHECK(relative(z, expected) < 1e-5);
}

}  // namespace

TEST_CASE("softmax attention is that of the formula, more points than a block as well") {
  for (const Index n : {1, 5, 48, 131}) {
    const Index heads = 3, width = 5, c = heads * width;
    const Matrix x = random_matrix(n, 3 * c, 1);
    MatrixOf<double> y(n, c);
    for (Index h = 0; h < heads; ++h) {
      const MatrixOf<double> q = x.middleCols(h * width, width).cast<double>(),
                             k = x.middleCols(c + h * width, width).cast<double>(),
                             v = x.middleCols(2 * c + h * width, width).cast<double>();
      MatrixOf<double> p = (q * k.transpose() / std::sqrt(5.0)).array().exp().matrix();
      for (Index i = 0; i < n; ++i) p.row(i) /= p.row(i).sum();
      y.middleCols(h * width, width) = p * v;
    }
    CHECK(relative(apply(ops::SoftmaxAttention{1, heads}, x), y.cast<float>()) < 1e-6);
  }
}

TEST_CASE("masked attention has the bits of its sums in the order of their index") {
  for (const Index n : {1, 3, 50, 131})
    for (const Index width : {1, 5, 68}) {
      const Index heads = 2, c = heads * width;
      const Matrix x = random_matrix(n, 3 * c, 1);
      std::vector<std::uint8_t> masked;
      for (Index i = 0; i < n; ++i) masked.push_back(i % 3 == 1);
      Matrix y = Matrix::Zero(n, c), out(n, c);
      for (Index h = 0; h < heads; ++h)
        for (Index i = 0; i < n; ++i) {
          std::vector<float> p;
          for (Index j = 0; j < n; ++j) {
            float sum = 0;
            for (Index k = 0; k < width; ++k)
              sum = std::fma(x(i, h * width + k), x(j, c + h * width + k), sum);
            p.push_back(sum * (1 / std::sqrt(static_cast<float>(width))));
          }
          float top = p[static_cast<std::size_t>(i)], total = 0;
          for (Index j = 0; j < n; ++j)
            if (ops::attends(masked, i, j)) top = std::max(top, p[static_cast<std::size_t>(j)]);
          for (Index j = 0; j < n; ++j) {
            float& share = p[static_cast<std::size_t>(j)];
            const float below = share - top;
            share = ops::attends(masked, i, j)
                        ? static_cast<float>(portable::exp(static_cast<double>(below)))
                        : 0.0f;
            total += share;
          }
          for (Index j = 0; j < n; ++j)
            for (Index k = 0; k < width; ++k)
              y(i, h * width + k) = std::fma(p[static_cast<std::size_t>(j)] * (1 / total),
                                             x(j, 2 * c + h * width + k), y(i, h * width + k));
        }
      std::vector<float> shares(static_cast<std::size_t>(heads * n * n));
      ops::MaskedAttention{heads, masked}.forward(view(x), view(out), shares.data(),
                                                  serial_executor());
      CHECK((out.array() == y.array()).all());
      // Some rows alone have the same bits.
      for (const Index first : {Index{0}, n / 3, n}) {
        const Index some = (n - first + 1) / 2;
        Matrix part(some, y.cols());
        ops::masked_attention(view(x), heads, masked, view(part), shares.data(), first);
        CHECK((part.array() == y.middleRows(first, some).array()).all());
      }
    }
}

TEST_CASE("scores that would overflow an exponential are taken from the largest") {
  Matrix x = random_matrix(6, 12, 1);
  x.leftCols(8) *= 100.0f;
  CHECK(apply(ops::SoftmaxAttention{1, 2}, x).allFinite());
}

TEST_CASE("attention sees a sample's points alone, in any order, with any number of threads") {
  const Matrix x = random_matrix(2 * 50, 24, 2), p = random_matrix(2 * 50, 26, 3);
  check_samples(ops::SoftmaxAttention{2, 2}, ops::SoftmaxAttention{1, 2}, x);
  check_samples(ops::LinearAttention{2, 2, 2}, ops::LinearAttention{1, 2, 2}, p);
  check_permutation(ops::SoftmaxAttention{1, 2}, x);
  check_permutation(ops::LinearAttention{1, 2, 2}, p);
  const ProductBits bits{8, 8};
  check_samples(ops::SoftmaxAttention{2, 2, bits}, ops::SoftmaxAttention{1, 2, bits}, x);
  check_permutation(ops::SoftmaxAttention{1, 2, bits}, x);
}

TEST_CASE("attention in integers errs by what a code is") {
  for (const Index n : {2, 48, 131}) {
    const Matrix x = random_matrix(n, 3 * 24, 6);
    const Matrix y = apply(ops::SoftmaxAttention{1, 3}, x);
    double before = 1;
    for (const int bits : {4, 6, 8, 12, 16}) {
      CAPTURE(bits);
      const double error = relative(apply(ops::SoftmaxAttention{1, 3, {16, bits}}, x), y);
      // Queries, which lie within 2.5 deviations, and shares each have steps of range / (2^b - 1).
      CHECK(error < 6.0 / ((1 << bits) - 1) + 2e-4);
      CHECK(error < before);
      before = error;
    }
    CHECK(relative(apply(ops::SoftmaxAttention{1, 3, {8, 8}}, x), y) < 0.03);
  }
}

TEST_CASE("a block with attention in integers is simulated quantization, bit for bit") {
  const GridShape g(3, {6, 5});
  for (const ProductBits bits : {ProductBits{8, 8}, {8, 16}, {16, 16}, {4, 4}}) {
    ParameterLayout layout;
    const nn::SoftmaxBlock block(layout, "block", 24, 3, 32, bits);
    const Quantizers quantizers(layout, {8, RowRule::min_max, {4, 8}});
    Parameters p;
    initialize(layout, p, 3);
    quantizers.reset_points(layout, p);
    quantizers.fit_weights(layout, p);
    const Matrix x = random_matrix(g.rows(), 24, 5);
    check_agreement(layout, quantizers, p,
                    [&](auto& a) { return block(a, g, a.input(view(x), RowKind::grid)); });
    const ProductBits none{5, 8};
    CHECK_THROWS_WITH_AS(nn::SoftmaxBlock(layout, "other", 24, 3, 32, none),
                         doctest::Contains("rows of 2 to 16"), Error);
  }
}

TEST_CASE("attention without softmax is linear in the values") {
  const Matrix x = random_matrix(30, 24, 2);
  Matrix twice = x;
  twice.rightCols(8) *= 2.0f;
  const ops::LinearAttention op{1, 4, 0};
  CHECK(relative(apply(op, twice), 2.0f * apply(op, x)) < 1e-6);
}

TEST_CASE("products between rows are counted as products of floats, or at their bits") {
  ParameterLayout layout;
  const nn::Linear lift(layout, "lift", RowKind::grid, 3, 12);
  const Quantizers quantizers(layout, {8, RowRule::affine, {8}});
  const BitPlan plan = BitPlan::uniform(8);
  const Matrix x = random_matrix(20, 3, 4);
  BasicCounting a(layout, quantizers, plan);
  a.apply(ops::SoftmaxAttention{2, 2}, lift(a, a.input(view(x), RowKind::grid)));
  const ProductCost c = a.cost().products.back();  // the next pass adds to the list
  CHECK(c.macs == 2.0 * 2 * 10 * 10 * 4);
  CHECK(c.bops == c.macs * 32 * 32);
  a.apply(ops::SoftmaxAttention{2, 2, {8, 16}}, lift(a, a.input(view(x), RowKind::grid)));
  CHECK(a.cost().products.back().bops == c.macs * 8 * 16);
}

TEST_CASE("a matrix that is encoded again, of any shape and bits, is as one that is new") {
  CodedMatrix again;
  for (const int bits : {8, 4, 16, 8, 2})
    for (const Index rows : {33, 7}) {
      const Matrix values = Matrix::Random(rows, 40), x = Matrix::Random(5, 40);
      CodedMatrix fresh;
      fresh.encode(view(values), bits, CodedMatrix::Step::largest);
      again.encode(view(values), bits, CodedMatrix::Step::largest);
      Matrix y(5, rows), z(5, rows);
      fresh.multiply(view(x), 8, view(y));
      again.multiply(view(x), 8, view(z));
      CAPTURE(bits);
      CAPTURE(rows);
      CHECK(y == z);
    }
}

}  // namespace test_attention
