#pragma once
/// @file
/// How a real becomes an integer, everywhere in amq: the nearest one, the even one of two.

#include <amq/core/rooms.hpp>

#include <cmath>
#include <type_traits>

namespace amq::quant {

/// What the default rounding mode of the hardware does, in constant expressions too.
/// @pre |y| < 2^30
[[nodiscard]] constexpr int nearest_even(float y) noexcept {
  if (!std::is_constant_evaluated()) return static_cast<int>(std::nearbyint(y));
  const int towards_zero = static_cast<int>(y);
  const int floor = towards_zero - (static_cast<float>(towards_zero) > y ? 1 : 0);
  const float rest = y - static_cast<float>(floor);  // exact
  return floor + (rest > 0.5f || (rest == 0.5f && floor % 2 != 0) ? 1 : 0);
}

}  // namespace amq::quant
