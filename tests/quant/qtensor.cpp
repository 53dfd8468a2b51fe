#include <amq/quant/qtensor.hpp>

#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace test_qtensor {

using namespace amq;
using namespace amq::quant;

static_assert(sizeof(QTensor<8, Pow2<-7>, 64>) == 64);  // meaning costs no bytes
static_assert(sizeof(QTensor<4, Pow2<-3>, 64>) == 32);
static_assert(sizeof(QTensor<2, Pow2<0>, 8, 64>) == 128);
static_assert(sizeof(QTensor<16, Pow2<0>, 64>) == 128);
static_assert(sizeof(QTensor<8, PerTensor, 64>) == 68);

TEST_CASE_TEMPLATE("every code survives at every place, and no write touches a neighbour", T,
                   QTensor<2, PerTensor, 3, 7>, QTensor<3, PerTensor, 3, 7>,
                   QTensor<4, PerTensor, 3, 7>, QTensor<8, PerTensor, 3, 7>,
                   QTensor<16, PerTensor, 3, 7>, BasicQTensor<Affine<2>, Shape<3, 7>>,
                   BasicQTensor<Affine<1>, Shape<3, 7>>, BasicQTensor<Affine<4>, Shape<3, 7>>) {
  using Q = typename T::Quantizer;
  T t;
  for (Index j = 0; j < 7; ++j)
    for (int c = Q::lowest; c <= Q::highest; ++c) {
      for (Index k = 0; k < 7; ++k) t.set_code(1, k, static_cast<typename T::Code>(k % 2 - 1));
      t.set_code(1, j, static_cast<typename T::Code>(c));
      for (Index k = 0; k < 7; ++k) REQUIRE(t.code(1, k) == (k == j ? c : k % 2 - 1));
      for (Index k = 0; k < 7; ++k) REQUIRE((t.code(0, k) == 0 && t.code(2, k) == 0));
    }
}

TEST_CASE_TEMPLATE("packed rows are those of packing.hpp", T, QTensor<2, PerTensor, 2, 13>,
                   QTensor<4, PerTensor, 2, 13>, QTensor<8, PerTensor, 2, 13>,
                   QTensor<16, PerTensor, 2, 13>) {
  T t;
  Random random(T::bits);
  std::vector<std::int32_t> codes(13);
  for (Index k = 0; k < 13; ++k) {
    const int top = highest_code(T::bits);
    codes[static_cast<std::size_t>(k)] =
        static_cast<int>(random.index(static_cast<std::uint64_t>(2 * top + 1))) - top;
    t.set_code(1, k, static_cast<typename T::Code>(codes[static_cast<std::size_t>(k)]));
  }
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(packed_bytes(13, T::container)));
  pack_codes(codes.data(), 13, T::container, bytes.data());
  CHECK(std::memcmp(bytes.data(), t.row(1), bytes.size()) == 0);
}

TEST_CASE("what decodes encodes to itself, per tensor, per row and in pure fixed point") {
  Random random(2);
  std::vector<float> x(6 * 10), y(60), z(60);
  for (auto& v : x) v = static_cast<float>(random.normal());
  const auto check = [&](auto tensor) {
    tensor.encode({x.data(), 6, 10});
    tensor.decode({y.data(), 6, 10});
    tensor.encode({y.data(), 6, 10});
    tensor.decode({z.data(), 6, 10});
    CHECK(y == z);
    for (Index i = 0; i < 6; ++i)
      for (Index j = 0; j < 10; ++j) {
        const float step = tensor.quantizer().step(i, j);
        const float top = step * static_cast<float>(tensor.quantizer().highest);
        const auto at = static_cast<std::size_t>(i * 10 + j);
        const float clipped = x[at] > top ? top : x[at] < -top ? -top : x[at];
        CHECK(std::fabs(y[at] - clipped) <= 0.5001f * step);
        CHECK(tensor(i, j) == y[at]);
      }
  };
  check(QTensor<4, PerTensor, 6, 10>(Symmetric<4>{{0.3f}}));
  check(QTensor<4, PerRow, 6, 10>(Symmetric<4, PerRow>{{{0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f}}}));
  check(QTensor<16, PerTensor, dynamic, 10>(Symmetric<16>{{1e-4f}}, 6, 10));
  check(QTensor<2, Pow2<-1>, dynamic, dynamic>({}, 6, 10));
  check(QTensor<4, Pow2<-1>, 2, dynamic, 10>({}, 2, 3, 10));
}

TEST_CASE("a tensor refuses extents and views of another shape") {
  using T = QTensor<4, PerTensor, dynamic, 10>;
  CHECK_THROWS_AS(T({}, 6, 11), Error);
  CHECK_THROWS_AS(T({}, -6, 10), Error);
  std::vector<float> x(60);
  T t({}, 6, 10);
  CHECK(t.bytes() == 6 * 5);
  CHECK_THROWS_WITH_AS(t.encode({x.data(), 10, 6}), doctest::Contains("6 x 10"), Error);
  CHECK_THROWS_AS(t.decode({x.data(), 5, 10}), Error);
  T none({}, 0, 10);
  none.encode({x.data(), 0, 10});
  CHECK(none.bytes() == 0);
}

TEST_CASE(
    "a blocked tensor keeps every code, and pads blocks of 16 rows and 64 columns with zeros") {
  for (const Index rows : {1, 16, 17, 40})
    for (const Index cols : {1, 4, 63, 64, 70}) {
      BasicQTensor<Symmetric<8, PerTensor>, Shape<dynamic, dynamic>, layout::Blocked> t({{0.5f}},
                                                                                        rows, cols);
      Index sum = 0;
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < cols; ++j) {
          const auto q = static_cast<std::int8_t>((i * cols + j) % 255 - 127);
          t.set_code(i, j, q);
          sum += q;
        }
      Index all = 0;
      for (const auto q : t.words()) all += q;
      CHECK(all == sum);
      CHECK(t.bytes() == (rows + 15) / 16 * 16 * ((cols + 63) / 64 * 64));
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < cols; ++j) {
          const int q = static_cast<int>((i * cols + j) % 255 - 127);
          REQUIRE(t.code(i, j) == q);
          REQUIRE(t(i, j) == 0.5f * static_cast<float>(q));
          // Sixteen rows stand side by side, four columns each.
          REQUIRE(t.block(i / 16)[(j / 4 * 16 + i % 16) * 4 + j % 4] == q);
        }
    }
}

TEST_CASE("codes move between layouts and containers, unless they do not fit") {
  Random random(4);
  std::vector<float> x(40 * 70), y(x.size()), z(x.size());
  for (auto& v : x) v = static_cast<float>(random.normal());
  using Narrow = QTensor<4, PerTensor, dynamic, dynamic>;
  using Wide = BasicQTensor<Symmetric<8, PerTensor>, Shape<dynamic, dynamic>, layout::Blocked>;
  Narrow rows({{0.3f}}, 40, 70);
  rows.encode({x.data(), 40, 70});
  Wide blocked({{0.3f}}, 40, 70);
  blocked.copy_codes(rows);
  rows.decode({y.data(), 40, 70});
  blocked.decode({z.data(), 40, 70});
  CHECK(y == z);
  Narrow back({{0.3f}}, 40, 70);
  back.copy_codes(blocked);
  CHECK(std::ranges::equal(back.words(), rows.words()));
  blocked.set_code(7, 3, 8);
  CHECK_THROWS_WITH_AS(back.copy_codes(blocked), doctest::Contains("8 in row 7"), Error);
  CHECK_THROWS_AS(Narrow({}, 40, 69).copy_codes(rows), Error);
}

}  // namespace test_qtensor
