#include <amq/io/dtype.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace test_dtype {

using namespace amq;
using namespace amq::io;

static_assert(dtype_of<long>() == DType::i64 && dtype_of<long long>() == DType::i64);
static_assert(dtype_of<bool>() == DType::boolean && dtype_of<const float>() == DType::f32);
static_assert(from_f16(0x3c00) == 1.0f && to_f16(65504.0f) == 0x7bff && to_f16(65520.0f) == 0x7c00);
static_assert(to_bf16(1.0f) == 0x3f80 && from_bf16(0xc000) == -2.0f);

TEST_CASE("all 65536 half floats survive a trip through float") {
  for (std::uint32_t h = 0; h < 65536; ++h) {
    const auto code = static_cast<std::uint16_t>(h);
    const float x = from_f16(code), y = from_bf16(code);
    if (std::isnan(x))
      CHECK(std::isnan(from_f16(to_f16(x))));
    else if (to_f16(x) != code)
      FAIL("half ", h);
    if (std::isnan(y))
      CHECK(std::isnan(from_bf16(to_bf16(y))));
    else if (to_bf16(y) != code)
      FAIL("bfloat ", h);
  }
}

TEST_CASE("halfway between two neighbours rounds to the even one, beside it to the nearer") {
  for (std::uint32_t h = 0; h < 0x7bff; ++h) {
    const auto lo = static_cast<std::uint16_t>(h), hi = static_cast<std::uint16_t>(h + 1);
    const float middle = 0.5f * (from_f16(lo) + from_f16(hi));  // exact: one more bit
    const bool good = to_f16(middle) == (h % 2 ? hi : lo) &&
                      to_f16(std::nextafter(middle, 0.0f)) == lo &&
                      to_f16(std::nextafter(middle, 1e9f)) == hi &&
                      to_f16(-middle) == (0x8000 | (h % 2 ? hi : lo));
    if (!good) FAIL("between half ", h, " and the next");
  }
  for (std::uint32_t h = 0; h < 0x7f7f; ++h) {
    const auto lo = static_cast<std::uint16_t>(h), hi = static_cast<std::uint16_t>(h + 1);
    const float middle = std::bit_cast<float>((h << 16) + 0x8000u);
    const bool good =
        to_bf16(middle) == (h % 2 ? hi : lo) && to_bf16(std::nextafter(middle, 0.0f)) == lo;
    if (!good) FAIL("between bfloat ", h, " and the next");
  }
  CHECK(to_f16(std::numeric_limits<float>::infinity()) == 0x7c00);
  CHECK(to_f16(1e30f) == 0x7c00);
  CHECK(to_f16(std::nextafter(65520.0f, 0.0f)) == 0x7bff);
}

}  // namespace test_dtype
