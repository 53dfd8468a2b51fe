#include <amq/quant/mixed_qtensor.hpp>

#include <amq/core/random.hpp>
#include <amq/core/thread_pool.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <vector>

using namespace amq;

namespace {
std::vector<float> field(Index n, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> x(static_cast<std::size_t>(n));
  for (auto& v : x) v = static_cast<float>(0.5 + random.normal());
  return x;
}
RowBits random_bits(Index rows, const std::vector<int>& levels, std::uint64_t seed) {
  Random random(seed);
  RowBits bits(rows, levels[0]);
  for (Index i = 0; i < rows; ++i)
    bits.set(i, levels[static_cast<std::size_t>(random.index(levels.size()))]);
  return bits;
}
}  // namespace

TEST_CASE_TEMPLATE("mixed rows decode to what each row alone gives, in the original order", Rule,
                   RowAffine, RowSymmetric, RowMinMax, Static) {
  using L = Levels<0, 2, 3, 4, 6, 8, 16>;
  for (Index cols : {1, 5, 48, 67}) {
    const Index rows = 97;
    const auto x = field(rows * cols, 3);
    const auto bits = random_bits(rows, {0, 2, 3, 4, 6, 8, 16}, 5);
    const MixedQTensor<L, Rule> t({x.data(), rows, cols}, bits);
    std::vector<float> y(x.size());
    t.decode({y.data(), rows, cols});
    std::vector<std::int16_t> q(static_cast<std::size_t>(cols));
    for (Index i = 0; i < rows; ++i) {
      const auto g = quantize_row<Rule>(x.data() + i * cols, cols, bits[i],
                                        Rule::default_a(bits[i]), 0.0f, q.data());
      for (Index j = 0; j < cols; ++j)
        REQUIRE(y[static_cast<std::size_t>(i * cols + j)] ==
                g.decode(q[static_cast<std::size_t>(j)]));
    }
  }
}

TEST_CASE("buckets hold the rows of their level, ascending, one after the other") {
  const auto x = field(40 * 12, 7);
  const auto bits = random_bits(40, {2, 4, 8}, 8);
  const MixedQTensor<Levels<2, 4, 8>> t({x.data(), 40, 12}, bits);
  Index place = 0;
  for (int k = 0; k < 3; ++k) {
    const auto b = t.bucket(k);
    CHECK(b.first == place);
    CHECK(b.count == bits.histogram()[static_cast<std::size_t>(b.bits)]);
    CHECK(b.row_bytes == 12 * b.bits / 8);
    if (b.count > 0) CHECK(reinterpret_cast<std::uintptr_t>(b.data) % cache_line == 0);
    for (Index r = 0; r < b.count; ++r, ++place) {
      const auto row = t.order()[static_cast<std::size_t>(place)];
      CHECK(bits[row] == b.bits);
      if (r > 0) CHECK(t.order()[static_cast<std::size_t>(place - 1)] < row);
    }
  }
  CHECK(place == 40);
}

TEST_CASE("threads do not change a mixed tensor") {
  const auto x = field(500 * 20, 9);
  const auto bits = random_bits(500, {2, 4, 8}, 10);
  ThreadPool pool(3);
  using T = MixedQTensor<Levels<2, 4, 8>>;
  const T one({x.data(), 500, 20}, bits);
  const T many({x.data(), 500, 20}, bits, default_scales<Levels<2, 4, 8>, RowAffine>(), pool);
  for (int k = 0; k < 3; ++k) {
    const auto a = one.bucket(k), b = many.bucket(k);
    CHECK(std::memcmp(a.data, b.data, static_cast<std::size_t>(a.count * a.row_bytes)) == 0);
  }
}

TEST_CASE("bits for another mesh, or outside the levels, are refused") {
  const auto x = field(40, 7);
  using T = MixedQTensor<Levels<2, 4>>;
  CHECK_THROWS_WITH_AS(T({x.data(), 10, 4}, RowBits(9, 2)), doctest::Contains("10 rows"), Error);
  CHECK_THROWS_WITH_AS(T({x.data(), 10, 4}, RowBits(10, 8)), doctest::Contains("8 bits"), Error);
  std::vector<float> y(40);
  const T t({x.data(), 10, 4}, RowBits(10, 2));
  CHECK_THROWS_AS(t.decode({y.data(), 4, 10}), Error);
  CHECK(T({x.data(), 0, 4}, RowBits()).rows() == 0);
}
