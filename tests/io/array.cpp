#include <amq/io/array.hpp>

#include "scratch.hpp"

#include <limits>

namespace test_array {

using namespace amq;
using namespace amq::io;

TEST_CASE("an array gives back the numbers it was made of") {
  const std::vector<double> x{1.5, -2, 3, 4, 5, 6};
  const Array a = Array::of(x, {2, 3});
  CHECK(a.size() == 6);
  CHECK(a.as<double>() == x);
  CHECK(a.span<double>()[4] == 5);
  CHECK(a.as<float>()[0] == 1.5f);
  CHECK(a.reshaped({3, 2}).shape == Extents{3, 2});
  CHECK(Array::scalar(7).as<long>() == std::vector<long>{7});
  CHECK(Array::scalar(7).shape.empty());
}

TEST_CASE("a strided view is packed") {
  const std::vector<int> x{1, 2, 3, 4, 5, 6};
  const Array a = Array::of(MatrixView<const int>(x.data(), 2, 2, 3));
  CHECK(a.as<int>() == std::vector<int>{1, 2, 4, 5});
}

TEST_CASE("a conversion to integers loses nothing or is refused") {
  CHECK(Array::of(std::vector<float>{-3, 7}).as<std::int8_t>() == std::vector<std::int8_t>{-3, 7});
  AMQ_REFUSES(Array::scalar(2.5).as<int>(), "2.5");
  AMQ_REFUSES(Array::scalar(2147483648.0).as<int>(), "int32");
  CHECK(Array::scalar(-2147483648.0).as<int>()[0] == std::numeric_limits<int>::min());
  AMQ_REFUSES(Array::scalar(18446744073709551616.0).as<std::uint64_t>(), "uint64");
  AMQ_REFUSES(Array::scalar(9223372036854775808.0).as<std::int64_t>(), "int64");
  AMQ_REFUSES(Array::scalar(-1).as<std::uint32_t>(), "-1");
  AMQ_REFUSES(Array::scalar(std::numeric_limits<float>::quiet_NaN()).as<int>(), "nan");
  AMQ_REFUSES(Array::scalar(300).as<std::uint8_t>(), "300");
  Array b(DType::boolean, {2});
  b.bytes[1] = std::byte{7};
  CHECK(b.as<int>() == std::vector<int>{0, 1});
}

TEST_CASE("complex numbers come as pairs and not as their real part") {
  Array c(DType::c64, {2});
  c.bytes = Array::of(std::vector<float>{1, 2, 3, 4}).bytes;
  AMQ_REFUSES(c.as<float>(), "complex64");
  CHECK(c.real_pairs().shape == Extents{2, 2});
  CHECK(c.real_pairs().as<float>() == std::vector<float>{1, 2, 3, 4});
}

TEST_CASE("shapes that cannot be are refused before memory is asked for") {
  const Index big = Index{1} << 40;
  AMQ_REFUSES(Array(DType::f64, {big, big}), "can exist");
  AMQ_REFUSES(Array(DType::f64, {-1, 2}), "0 or more");
  CHECK(Array(DType::f64, {big, big, 0}).size() == 0);
  AMQ_REFUSES(Array::of(std::vector<int>(5), {2, 3}), "6 values for (2, 3)");
  AMQ_REFUSES(expect_shape(Array(DType::f32, {4, 2}), {-1, 3}, "u"), "(-1, 3)");
  expect_shape(Array(DType::f32, {4, 3}), {-1, 3}, "u");
  AMQ_REFUSES(Array(DType::f32, {4}).span<double>(), "float32");
}

TEST_CASE("NaN and infinity are found, also in halves and complex numbers") {
  Array h(DType::f16, {3});
  expect_finite(h, "h");
  h.bytes[5] = std::byte{0x7c};
  AMQ_REFUSES(expect_finite(h, "field h"), "field h");
  Array c(DType::c128, {1});
  c.bytes[15] = std::byte{0x7f};
  c.bytes[14] = std::byte{0xf8};
  AMQ_REFUSES(expect_finite(c, "c"), "element 1");
}

TEST_CASE("a transposed array has its axes and elements reversed") {
  const Array a = Array::of(std::vector<int>{1, 2, 3, 4, 5, 6}, {2, 3});
  CHECK(transposed(a).shape == Extents{3, 2});
  CHECK(transposed(a).as<int>() == std::vector<int>{1, 4, 2, 5, 3, 6});
  Array b(DType::u16, {2, 3, 4});
  for (std::size_t k = 0; k < b.bytes.size(); ++k) b.bytes[k] = std::byte(k);
  CHECK(transposed(transposed(b)) == b);
  CHECK(transposed(b).as<int>()[(3 * 3 + 2) * 2 + 1] == b.as<int>()[(1 * 3 + 2) * 4 + 3]);
}

TEST_CASE("a finite double that no float holds is refused; the largest float is not") {
  const double largest = std::numeric_limits<float>::max();
  CHECK(Array::of(std::vector<double>{largest, -largest}).as<float>()[0] ==
        std::numeric_limits<float>::max());
  for (const double x : {1e300, -1e39, 3.5e38}) {
    AMQ_REFUSES(Array::of(std::vector<double>{0, x}).as<float>("u"), "at element 1");
    AMQ_REFUSES(finite<float>(Array::of(std::vector<double>{0, x}), "u"), "float32 holds");
  }
  // What is infinite is told from what becomes so.
  const double infinite = std::numeric_limits<double>::infinity();
  CHECK(Array::of(std::vector<double>{infinite}).as<float>()[0] > 0);
  AMQ_REFUSES(finite<float>(Array::of(std::vector<double>{infinite}), "u"),
              "finite numbers, found inf");
}

}  // namespace test_array
