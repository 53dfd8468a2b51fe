#include <amq/quant/mixed_qtensor.hpp>

#include <amq/core/random.hpp>
#include <amq/core/thread_pool.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <vector>

namespace test_mixed_qtensor {

using namespace amq;
using namespace amq::quant;

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
      const auto g =
          quantize_row(x.data() + i * cols, cols,
                       BasicRowCoder<Rule>{{}, bits[i], Rule::default_a(bits[i])}, q.data());
      for (Index j = 0; j < cols; ++j)
        REQUIRE(y[static_cast<std::size_t>(i * cols + j)] ==
                g.decode(q[static_cast<std::size_t>(j)]));
    }
  }
}

TEST_CASE("buckets hold the rows of their bits, ascending, and begin at cache lines") {
  for (const Index cols : {12, 70}) {
    const auto x = field(40 * cols, 7);
    const auto bits = random_bits(40, {2, 4, 8}, 8);
    const MixedQTensor<Levels<2, 4, 6, 8>> t({x.data(), 40, cols}, bits);
    REQUIRE(t.buckets().size() == 3);  // 6 bits do not occur
    Index rows = 0, bytes = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      const RowsView& b = t.buckets()[k];
      CHECK(t.bits(k) == (k == 0 ? 2 : k == 1 ? 4 : 8));
      CHECK(b.container == t.bits(k));
      CHECK(b.rows == bits.histogram()[static_cast<std::size_t>(t.bits(k))]);
      CHECK(b.stride == packed_stride(cols, b.container));
      CHECK(reinterpret_cast<std::uintptr_t>(b.codes) % cache_line == 0);
      for (Index i = 0; i < b.rows; ++i) {
        CHECK(bits[b.target(i)] == t.bits(k));
        if (i > 0) CHECK(b.target(i - 1) < b.target(i));
      }
      rows += b.rows;
      bytes += b.rows * (packed_bytes(cols, b.container) + 8);
    }
    CHECK(rows == 40);
    CHECK(t.bytes() == bytes);
    CHECK(!t.in_order());
  }
}

TEST_CASE("threads do not change a mixed tensor") {
  const auto x = field(500 * 20, 9);
  const auto bits = random_bits(500, {2, 4, 8}, 10);
  ThreadPool pool(3);
  using T = MixedQTensor<Levels<2, 4, 8>>;
  const T one({x.data(), 500, 20}, bits);
  const T many({x.data(), 500, 20}, bits, default_coders<Levels<2, 4, 8>, ByDeviation>(), pool);
  for (std::size_t k = 0; k < 3; ++k) {
    const auto a = one.buckets()[k], b = many.buckets()[k];
    CHECK(std::memcmp(a.codes, b.codes, static_cast<std::size_t>(a.rows * a.stride)) == 0);
  }
}

TEST_CASE("memory goes back to its pool with the last tensor that has it, and is used again") {
  RowMemory memory;
  const auto order = std::make_shared<const RowOrder>(sort_rows(random_bits(30, {2, 8}, 3).span()));
  const void* first = nullptr;
  std::size_t bytes = 0;
  for (int pass = 0; pass < 3; ++pass) {
    MixedQTensor<Levels<2, 8>> t(&memory, order, 100), copy(t);
    t = {};
    const MixedRows other(&memory, 20, 100, 8);
    CHECK(other.in_order());
    CHECK(copy.buckets()[0].codes != other.buckets()[0].codes);
    if (pass == 0) first = copy.buckets()[0].codes, bytes = memory.bytes();
    CHECK(copy.buckets()[0].codes == first);
    CHECK(memory.bytes() == bytes);
  }
}

TEST_CASE("with room for the widest rows, other bits need no other memory") {
  RowMemory memory;
  memory.widest = 8;
  std::size_t bytes = 0;
  for (std::uint64_t pass = 0; pass < 6; ++pass) {
    // From one row of 8 bits to all of them.
    RowBits bits(30, 2);
    for (Index i = 0; i < 1 + static_cast<Index>(pass) * 5; ++i) bits.set(i, 8);
    if (pass == 5) bits = RowBits(30, 8);
    const auto order = std::make_shared<const RowOrder>(sort_rows(bits.span()));
    const MixedQTensor<Levels<2, 8>> t(&memory, order, 100);
    if (pass == 0) bytes = memory.bytes();
    CHECK(memory.bytes() == bytes);
  }
}

TEST_CASE("a tensor that stands alone outlives what it was made from, as do its copies") {
  std::vector<float> y(40), z(40);
  MixedQTensor<AnyLevels, RowMinMax> kept;
  {
    const auto x = field(40, 7);
    const MixedQTensor<AnyLevels, RowMinMax> t({x.data(), 10, 4}, RowBits(10, 5));
    t.decode({y.data(), 10, 4});
    kept = t;
  }
  kept.decode({z.data(), 10, 4});
  CHECK(y == z);
}

TEST_CASE("bits for another mesh, or outside the levels, are refused") {
  const auto x = field(40, 7);
  using T = MixedQTensor<Levels<2, 4>>;
  CHECK_THROWS_WITH_AS(T({x.data(), 10, 4}, RowBits(9, 2)), doctest::Contains("10 rows"), Error);
  CHECK_THROWS_WITH_AS(T({x.data(), 10, 4}, RowBits(10, 8)), doctest::Contains("8 bits"), Error);
  CHECK_THROWS_WITH_AS(MixedRows(nullptr, 10, 4, 17), doctest::Contains("17 bits"), Error);
  CHECK_THROWS_WITH_AS(MixedRows(nullptr, 10, 4, 5, 4), doctest::Contains("5 bits in"), Error);
  CHECK_THROWS_AS(MixedRows(nullptr, 10, 4, 5, 9), Error);
  CHECK(MixedRows(nullptr, 10, 4, 5, 16).buckets()[0].stride == 8);
  std::vector<float> y(40);
  const T t({x.data(), 10, 4}, RowBits(10, 2));
  CHECK_THROWS_AS(t.decode({y.data(), 4, 10}), Error);
  CHECK(T({x.data(), 0, 4}, RowBits()).rows() == 0);
}

}  // namespace test_mixed_qtensor
