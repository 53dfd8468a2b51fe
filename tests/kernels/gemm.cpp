#include <amq/kernels/gemm.hpp>

#include "rungs.hpp"

#include <amq/core/aligned.hpp>
#include <amq/core/thread_pool.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace test_gemm {

using namespace amq;
using namespace amq::arithmetics;
using namespace amq::kernels;

namespace {

struct Layer {
  Index out, in;
  std::vector<std::int8_t> codes;
  std::vector<float> step, bias;
  PackedWeights packed;

  Layer(Index n, Index k, int bits, std::uint64_t seed, bool extreme = false) : out(n), in(k) {
    Random random(seed);
    const int high = highest_code(bits);
    for (Index i = 0; i < n * k; ++i)
      codes.push_back(static_cast<std::int8_t>(
          extreme
              ? high
              : static_cast<int>(random.index(static_cast<std::uint64_t>(2 * high + 1))) - high));
    for (Index i = 0; i < n; ++i) {
      step.push_back(rungs::between(random, 0.001, 0.01));
      bias.push_back(rungs::between(random, -1, 1));
    }
    packed = PackedWeights({codes.data(), n, k}, bits, step, bias);
  }
  std::int64_t dot(const std::vector<std::int32_t>& q, Index n) const {
    std::int64_t sum = 0;
    for (Index k = 0; k < in; ++k)
      sum += std::int64_t{q[static_cast<std::size_t>(k)]} *
             codes[static_cast<std::size_t>(n * in + k)];
    return sum;
  }
};

struct Rows {
  Index rows, cols;
  int container;
  std::vector<std::vector<std::int32_t>> q;
  std::vector<std::uint8_t> bytes;
  std::vector<RowGrid> grid;

  Rows(Index m, Index k, int bits, std::uint64_t seed, bool extreme = false)
      : rows(m), cols(k), container(container_bits(bits)) {
    Random random(seed);
    const Index stride = packed_bytes(k, container);
    bytes.resize(static_cast<std::size_t>(m * stride));
    for (Index i = 0; i < m; ++i) {
      std::vector<std::int32_t> row;
      for (Index j = 0; j < k; ++j)
        row.push_back(extreme ? lowest_code(bits)
                              : static_cast<int>(random.index(std::uint64_t{1} << bits)) +
                                    lowest_code(bits));
      pack_codes(row.data(), k, container, bytes.data() + i * stride);
      q.push_back(row);
      grid.push_back({rungs::between(random, 0.01, 0.1), rungs::between(random, -1, 1)});
    }
  }
  RowsView view(const std::int32_t* order = nullptr) const {
    return {bytes.data(),    rows, cols, packed_bytes(cols, container), container, grid.data(),
            sizeof(RowGrid), order};
  }
};

// The contract, spelled out.
float expected(const Rows& x, const Layer& w, Index i, Index n) {
  const auto at = static_cast<std::size_t>(n);
  std::int32_t colsum = 0;
  for (Index k = 0; k < w.in; ++k) colsum += w.codes[static_cast<std::size_t>(n * w.in + k)];
  const RowGrid g = x.grid[static_cast<std::size_t>(i)];
  const float acc =
      x.container == 0 ? 0.0f : static_cast<float>(w.dot(x.q[static_cast<std::size_t>(i)], n));
  const float step = x.container == 0 ? 1.0f : g.step;
  return std::fma(w.step[at], std::fma(step, acc, g.offset * static_cast<float>(colsum)),
                  w.bias[at]);
}

template <typename Arch>
void check_product(Index m, Index n, Index k, int bits_w, int bits_a, bool extreme = false) {
  const auto seed = static_cast<std::uint64_t>(m * 1000003 + n * 1009 + k * 17 + bits_a);
  const Layer w(n, k, bits_w, seed, extreme);
  const Rows x(m, k, bits_a, seed + 1, extreme);
  std::vector<std::int32_t> sums(static_cast<std::size_t>(m * (n + 1)), 77);
  std::vector<float> y(sums.size(), 77);
  if (k <= largest_k(bits_w, x.container)) {
    gemm_i32<Arch>(x.view(), w.packed, {sums.data(), m, n, n + 1});
    for (Index i = 0; i < m; ++i) {
      for (Index j = 0; j < n; ++j)
        if (sums[static_cast<std::size_t>(i * (n + 1) + j)] !=
            w.dot(x.q[static_cast<std::size_t>(i)], j)) {
          CAPTURE(m);
          CAPTURE(n);
          CAPTURE(k);
          CAPTURE(bits_a);
          CAPTURE(i);
          CAPTURE(j);
          REQUIRE(sums[static_cast<std::size_t>(i * (n + 1) + j)] ==
                  w.dot(x.q[static_cast<std::size_t>(i)], j));
        }
      REQUIRE(sums[static_cast<std::size_t>(i * (n + 1) + n)] == 77);  // beyond the row: untouched
    }
  }
  linear<Arch>(x.view(), w.packed, Activation::none, {y.data(), m, n, n + 1});
  for (Index i = 0; i < m; ++i) {
    for (Index j = 0; j < n; ++j)
      if (y[static_cast<std::size_t>(i * (n + 1) + j)] != expected(x, w, i, j)) {
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(k);
        CAPTURE(bits_a);
        CAPTURE(i);
        CAPTURE(j);
        REQUIRE(y[static_cast<std::size_t>(i * (n + 1) + j)] == expected(x, w, i, j));
      }
    REQUIRE(y[static_cast<std::size_t>(i * (n + 1) + n)] == 77);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("products are exact on every remainder of rows, channels and length", Arch,
                   AMQ_RUNGS) {
  for (Index m = 1; m <= 14; ++m)
    for (const int bits : {4, 8, 16}) check_product<Arch>(m, 33, 70, 4, bits);
  for (const int bits : {2, 4, 8, 16}) {
    for (Index m = 1; m <= 14; ++m) check_product<Arch>(m, 80, 24, 8, bits);
    for (Index n = 1; n <= 140; n += n < 70 ? 1 : 13) check_product<Arch>(7, n, 12, 8, bits);
    for (Index k = 1; k <= 140; k += k < 70 ? 1 : 9) check_product<Arch>(7, 33, k, 8, bits);
  }
  check_product<Arch>(101, 128, 128, 8, 8);  // several panels
  check_product<Arch>(55, 128, 128, 4, 4);
  check_product<Arch>(55, 65, 129, 2, 2);
  check_product<Arch>(53, 20, 300, 8, 16);
  check_product<Arch>(5, 3, 5, 8, 6);
  check_product<Arch>(5, 3, 5, 8, 1);
  check_product<Arch>(3, 17, 40, 8, 0);
}

TEST_CASE_TEMPLATE("extreme codes do not overflow up to the largest length", Arch, AMQ_RUNGS) {
  for (const int bits : {2, 4, 8})
    for (const Index k : {4, 130, 1000}) check_product<Arch>(7, 18, k, 8, bits, true);
  check_product<Arch>(2, 2, largest_linear_k(8), 8, 8, true);
  CHECK(largest_k(8, 8) == 132104);
  check_product<Arch>(7, 18, largest_k(8, 16), 8, 16, true);
  // Beyond 516 a 16-bit row's sum leaves 32 bits: linear() adds its two digit sums without loss.
  check_product<Arch>(7, 18, largest_k(8, 16) + 1, 8, 16, true);
  check_product<Arch>(3, 5, 20000, 8, 16, true);
  check_product<Arch>(3, 5, largest_linear_k(8), 8, 16);
}

TEST_CASE_TEMPLATE("every pair of a narrow code and a weight is exact at every number of folds",
                   Arch, AMQ_RUNGS) {
  // Where products are added in 16 bits, eight of the same fill them most: every code of a row
  // against every code of a weight, and lengths on both sides of a fold.
  for (const auto& [bits_a, bits_w] :
       {std::pair{4, 8}, {3, 8}, {2, 8}, {4, 4}, {8, 4}, {8, 2}, {5, 8}, {6, 8}, {7, 8}, {7, 4}}) {
    const int lowest = lowest_code(bits_a), high_w = highest_code(bits_w);
    const Index m = Index{1} << bits_a, n = 2 * high_w + 1;
    for (const Index k : {4, 28, 32, 36, 64, 100}) {
      std::vector<std::int8_t> codes;
      for (Index j = 0; j < n; ++j)
        codes.insert(codes.end(), static_cast<std::size_t>(k),
                     static_cast<std::int8_t>(j - high_w));
      const std::vector<float> step(static_cast<std::size_t>(n), 1.0f);
      const PackedWeights w({codes.data(), n, k}, bits_w, step, {});
      const int container = container_bits(bits_a);
      const Index stride = packed_bytes(k, container);
      std::vector<std::uint8_t> bytes(static_cast<std::size_t>(m * stride));
      const std::vector<RowGrid> grids(static_cast<std::size_t>(m));
      for (Index i = 0; i < m; ++i) {
        const std::vector<std::int32_t> row(static_cast<std::size_t>(k),
                                            static_cast<int>(i) + lowest);
        pack_codes(row.data(), k, container, bytes.data() + i * stride);
      }
      std::vector<std::int32_t> sums(static_cast<std::size_t>(m * n));
      gemm_i32<Arch>(RowsView{bytes.data(), m, k, stride, container, grids.data(), sizeof(RowGrid),
                              nullptr, bits_a},
                     w, {sums.data(), m, n});
      Index wrong = 0;
      for (Index i = 0; i < m; ++i)
        for (Index j = 0; j < n; ++j)
          wrong += sums[static_cast<std::size_t>(i * n + j)] != k * (i + lowest) * (j - high_w);
      CAPTURE(bits_a);
      CAPTURE(bits_w);
      CAPTURE(k);
      REQUIRE(wrong == 0);
    }
  }
}

static_assert(folds_that_fit(15, 127) == 8 && folds_that_fit(255, 7) == 9);
static_assert(folds_that_fit(63, 127) == 2 && folds_that_fit(127, 127) == 1);
static_assert(folds_that_fit(255, 127) == 0);  // 8 bits by 8 bits do not fit once

TEST_CASE_TEMPLATE("a row longer than a panel meets narrow weights", Arch, AMQ_RUNGS) {
  // 133,120 bytes were the panel on the stack, which longer rows overran at 2- and 4-bit weights.
  for (const Index k : {133'120, 140'003})
    for (const int bits_w : {2, 4}) {
      check_product<Arch>(2, 5, k, bits_w, 8);
      check_product<Arch>(1, 3, k / 2 + 1, bits_w, 16);
    }
}

TEST_CASE_TEMPLATE("rows of mixed levels land in their own rows, one call, any number of threads",
                   Arch, AMQ_RUNGS) {
  const Index total = 400, k = 61, n = 50;
  const Layer w(n, k, 8, 5);
  std::vector<std::int32_t> order(static_cast<std::size_t>(total));
  std::iota(order.begin(), order.end(), 0);
  Random(4).shuffle(order);
  const int bits[] = {0, 2, 4, 8, 16};
  const Index count[] = {40, 97, 103, 101, 59};
  std::vector<Rows> rows;
  for (std::size_t b = 0; b < 5; ++b) rows.emplace_back(count[b], k, bits[b], b + 10);
  std::vector<RowsView> buckets;
  Index first = 0;
  for (const auto& r : rows) {
    buckets.push_back(r.view(order.data() + first));
    first += r.rows;
  }
  REQUIRE(first == total);
  for (const Activation a : {Activation::none, Activation::relu, Activation::swish}) {
    std::vector<float> y(static_cast<std::size_t>(total * n), -5), z(y);
    linear<Arch>(buckets, w.packed, a, {y.data(), total, n});
    ThreadPool pool(3);
    linear<Arch>(buckets, w.packed, a, {z.data(), total, n}, pool);
    CHECK(rungs::same_bits(y, z));
    std::vector<float> e(y.size());
    first = 0;
    for (const auto& r : rows)
      for (Index i = 0; i < r.rows; ++i)
        for (Index j = 0; j < n; ++j) {
          if (i + j == 0) first += &r == rows.data() ? 0 : (&r - 1)->rows;
          e[static_cast<std::size_t>(order[static_cast<std::size_t>(first + i)] * n + j)] =
              expected(r, w, i, j);
        }
    activate<simd::Scalar>(a, e.data(), e.data(), static_cast<Index>(e.size()));
    CHECK(rungs::same_bits(y, e));
    if (a != Activation::none) continue;
    // The same onto rows that are there already, in place too.
    const auto base =
        rungs::some_rows(static_cast<std::size_t>(total), static_cast<std::size_t>(n), 6);
    for (const bool minus : {false, true}) {
      std::vector<float> sum(y.size()), onto(y.size(), -5), there = base;
      for (std::size_t i = 0; i < y.size(); ++i) sum[i] = minus ? base[i] - y[i] : base[i] + y[i];
      linear_onto<Arch>(buckets, w.packed, minus, {base.data(), total, n}, {onto.data(), total, n});
      CHECK(rungs::same_bits(onto, sum));
      linear_onto<Arch>(buckets, w.packed, minus, {there.data(), total, n},
                        {there.data(), total, n}, pool);
      CHECK(rungs::same_bits(there, sum));
    }
  }
}

TEST_CASE_TEMPLATE("results that go past the caches are those that do not", Arch, AMQ_RUNGS) {
  const Index m = 20'000, n = 72, k = 4, stride = 80;
  const Layer w(n, k, 8, 5);
  ThreadPool pool(3);
  // The same memory one float further is no multiple of 64 bytes.
  const auto size = static_cast<std::size_t>(m * stride);
  AlignedVector<float> far(size, 7), near(size + 1, 7);
  AlignedVector<std::int32_t> far_sums(size, 7), near_sums(size + 1, 7);
  const MatrixView<float> y(far.data(), m, n, stride), z(near.data() + 1, m, n, stride);
  const MatrixView<std::int32_t> s(far_sums.data(), m, n, stride),
      t(near_sums.data() + 1, m, n, stride);
  REQUIRE(kernels::detail::streams(y));
  REQUIRE(kernels::detail::streams(s));
  REQUIRE_FALSE(kernels::detail::streams(z));
  REQUIRE_FALSE(kernels::detail::streams(t));
  const auto same = [&] { return std::equal(far.begin(), far.end(), near.begin() + 1); };
  for (const int bits : {4, 8, 16}) {
    const Rows x(m, k, bits, 6);
    for (const Activation a : {Activation::none, Activation::relu, Activation::swish}) {
      linear<Arch>(x.view(), w.packed, a, y, pool);
      linear<Arch>(x.view(), w.packed, a, z);
      REQUIRE(same());
    }
    gemm_i32<Arch>(x.view(), w.packed, s);
    gemm_i32<Arch>(x.view(), w.packed, t);
    REQUIRE(std::equal(far_sums.begin(), far_sums.end(), near_sums.begin() + 1));
  }
  const auto x = rungs::some_rows(static_cast<std::size_t>(m), static_cast<std::size_t>(k), 3);
  const RowCoder coder{RowRule::min_max, 8, 1.0f / 255, 0};
  for (const Activation a : {Activation::none, Activation::relu}) {
    linear<Arch>(MatrixView<const float>(x.data(), m, k), coder, w.packed, a, y, pool);
    linear<Arch>(MatrixView<const float>(x.data(), m, k), coder, w.packed, a, z);
    REQUIRE(same());
  }
  CHECK(far[static_cast<std::size_t>(n)] == 7);  // beyond the row: untouched
}

TEST_CASE("a grid may lie in the same record as its codes") {
  const Index m = 9, k = 20, n = 5;
  const Layer w(n, k, 8, 5);
  const Rows x(m, k, 8, 6);
  struct Record {
    RowGrid grid;
    std::int8_t codes[20];
  };
  std::vector<Record> records(static_cast<std::size_t>(m));
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i].grid = x.grid[i];
    std::memcpy(records[i].codes, x.bytes.data() + 20 * i, 20);
  }
  std::vector<float> y(45), z(45);
  linear(x.view(), w.packed, Activation::none, {y.data(), m, n});
  linear(RowsView{records[0].codes, m, k, sizeof(Record), 8, &records[0].grid, sizeof(Record)},
         w.packed, Activation::none, {z.data(), m, n});
  CHECK(rungs::same_bits(y, z));
}

TEST_CASE_TEMPLATE("a layer from floats, and one to codes, equal their pieces", Arch, AMQ_RUNGS) {
  for (const Index m : {1, 5, 16, 48, 101})
    for (const auto& [k, n] :
         {std::pair<Index, Index>{1, 1}, {20, 33}, {64, 64}, {131, 70}, {3000, 17}}) {
      const Layer w(n, k, 8, static_cast<std::uint64_t>(m + n));
      const auto x = rungs::some_rows(static_cast<std::size_t>(m), static_cast<std::size_t>(k), 3);
      for (const RowRule rule :
           {RowRule::affine, RowRule::symmetric, RowRule::min_max, RowRule::fixed})
        for (const int bits : {2, 3, 8}) {
          const RowCoder coder{rule, bits, rule == RowRule::fixed ? 0.02f : 0.9f, 0.1f};
          const int container = container_bits(bits);
          const Index stride = packed_bytes(k, container), stride2 = packed_bytes(n, container);
          std::vector<std::uint8_t> codes(static_cast<std::size_t>(m * stride));
          std::vector<RowGrid> grids(static_cast<std::size_t>(m));
          const RowsSpan rows{codes.data(), m, k, stride, container, grids.data()};
          quantize_rows<Arch>({x.data(), m, k}, coder, rows);
          std::vector<float> y(static_cast<std::size_t>(m * n)), z(y);
          linear<Arch>(rows, w.packed, Activation::swish, {y.data(), m, n});
          linear<Arch>(MatrixView<const float>(x.data(), m, k), coder, w.packed, Activation::swish,
                       {z.data(), m, n});
          REQUIRE(rungs::same_bits(y, z));
          std::vector<std::uint8_t> next(static_cast<std::size_t>(m * stride2)), next2(next);
          std::vector<RowGrid> grids2(grids), grids3(grids);
          const RowsSpan to{next.data(), m, n, stride2, container, grids2.data()};
          const RowsSpan to2{next2.data(), m, n, stride2, container, grids3.data()};
          quantize_rows<Arch>({y.data(), m, n}, coder, to);
          linear<Arch>(rows, w.packed, Activation::swish, coder, to2);
          REQUIRE(next == next2);
          REQUIRE(grids2 == grids3);
        }
    }
}

TEST_CASE("no rows, no channels, no length") {
  const Layer w(3, 8, 8, 5);
  linear(Rows(0, 8, 8, 1).view(), w.packed, Activation::swish, {nullptr, 0, 3});
  const Layer empty(0, 8, 8, 5);
  linear(Rows(4, 8, 8, 1).view(), empty.packed, Activation::none, {nullptr, 4, 0});
  check_product<simd::Native>(4, 5, 0, 8, 8);  // nothing to sum: the bias
}

TEST_CASE("what cannot be computed is refused at the door") {
  const std::vector<std::int8_t> codes{1, 2, 3, -128};
  const std::vector<float> step{1, 1};
  const MatrixView<const std::int8_t> view(codes.data(), 2, 2);
  CHECK_THROWS_WITH_AS(PackedWeights(view, 8, step, {}), doctest::Contains("-128"), Error);
  CHECK_THROWS_AS(PackedWeights(view, 3, step, {}), Error);
  CHECK_THROWS_AS(PackedWeights(view, 8, std::span(step).first(1), {}), Error);
  const std::vector<std::int8_t> many(static_cast<std::size_t>(largest_linear_k(8) + 1));
  CHECK_THROWS_WITH_AS(PackedWeights({many.data(), 1, largest_linear_k(8) + 1}, 8,
                                     std::span(step).first(1), {}, "decoder.0"),
                       doctest::Contains("decoder.0"), Error);
  const Layer w(3, 517, 8, 5);
  std::vector<std::int32_t> out(6);
  CHECK_THROWS_WITH_AS(gemm_i32(Rows(2, 517, 16, 1).view(), w.packed, {out.data(), 2, 3}),
                       doctest::Contains("516"), Error);
  CHECK_THROWS_AS(gemm_i32(Rows(2, 8, 8, 1).view(), w.packed, {out.data(), 2, 3}), Error);
  std::vector<float> y(6);
  CHECK_THROWS_AS(linear(Rows(2, 8, 8, 1).view(), w.packed, Activation::none, {y.data(), 2, 3}),
                  Error);
}

TEST_CASE("layers have the same bits in every build") {
  rungs::Fingerprint f;
  for (const int bits : {2, 4, 8, 16}) {
    const Layer w(70, 131, 8, 5);
    const Rows x(100, 131, bits, 6);
    std::vector<float> y(7000);
    linear(x.view(), w.packed, Activation::swish, {y.data(), 100, 70});
    f.add(y.data(), y.size());
  }
  CHECK(f.value() == 16992040594509875099u);
}

}  // namespace test_gemm
