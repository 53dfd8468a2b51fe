#pragma once
/// @file
/// How a real becomes an integer.
///
/// | policy      | 0.5 | 1.5 | -0.5 | when to take it                                   |
/// |-------------|-----|-----|------|---------------------------------------------------|
/// | NearestEven | 0   | 2   | 0    | default: unbiased at ties, what hardware does     |
/// | HalfAway    | 1   | 2   | -1   | to agree with codes rounded by std::round         |
/// | Floor       | 0   | 1   | -1   | to agree with an arithmetic right shift           |

#include <cmath>
#include <concepts>
#include <type_traits>

namespace amq {

/// to_int(y) for |y| < 2^30.
template <typename R>
concept rounding_policy = requires(float y) {
  { R::to_int(y) }
  noexcept->std::same_as<int>;
};

struct Floor {
  [[nodiscard]] static constexpr int to_int(float y) noexcept {
    const int t = static_cast<int>(y);  // towards zero
    return t - (static_cast<float>(t) > y ? 1 : 0);
  }
};

struct NearestEven {
  [[nodiscard]] static constexpr int to_int(float y) noexcept {
    if (!std::is_constant_evaluated()) return static_cast<int>(std::nearbyint(y));
    const int t = Floor::to_int(y);
    const float rest = y - static_cast<float>(t);  // exact
    return t + (rest > 0.5f || (rest == 0.5f && t % 2 != 0) ? 1 : 0);
  }
};

struct HalfAway {
  [[nodiscard]] static constexpr int to_int(float y) noexcept {
    const int t = static_cast<int>(y);
    const float rest = y - static_cast<float>(t);
    return t + (rest >= 0.5f ? 1 : rest <= -0.5f ? -1 : 0);
  }
};

}  // namespace amq
