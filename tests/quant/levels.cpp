#include <amq/quant/levels.hpp>

#include <doctest/doctest.h>

namespace test_levels {

using amq::quant::Levels;

static_assert(Levels<2, 4, 8>::count == 3 && Levels<2, 4, 8>::lowest == 2);
static_assert(Levels<2, 4, 8>::index_of(4) == 1 && Levels<2, 4, 8>::index_of(3) == -1);
static_assert(Levels<0, 1, 3, 16>::contains(0) && Levels<0, 1, 3, 16>::highest == 16);
static_assert(sizeof(amq::core::int_for<8>) == 1 && sizeof(amq::core::int_for<9>) == 2);

TEST_CASE("a code fits its container, and the container is the smallest of 0, 2, 4, 8, 16") {
  for (int b = 0; b <= amq::core::max_bits; ++b) {
    const int c = amq::core::container_bits(b);
    CHECK(c >= b);
    CHECK((c == 0 || c == 2 || c == 4 || c == 8 || c == 16));
    CHECK(c < 2 * b + 1 + (b == 0));  // half of it would not do
    CHECK(amq::core::highest_code(b) - amq::core::lowest_code(b) + 1 == (1 << b));
  }
  CHECK(amq::core::container_bits(1) == 2);
  CHECK(amq::core::container_bits(3) == 4);
  CHECK(amq::core::container_bits(5) == 8);
}

}  // namespace test_levels
