#pragma once
/// @file
/// Symmetric quantizer: a real x is kept as a small integer q, with x ~ step * q.

#include <amq/config.hpp>
#include <amq/core/integers.hpp>
#include <amq/quant/quantizer.hpp>
#include <amq/quant/rounding.hpp>
#include <amq/quant/scale.hpp>

namespace amq::quant {

/// The nearest code of x, clamped to -highest .. highest.
/// @param inverse  1 / step: whoever encodes a row divides once
/// @pre x is not NaN
[[nodiscard]] constexpr int encode_symmetric(float x, float inverse, int highest) noexcept {
  const float top = static_cast<float>(highest), t = x * inverse;
  // Clamp first: a float out of range has no defined conversion to int.
  return nearest_even(t < -top ? -top : t > top ? top : t);
}

/// Codes are -highest ... highest. The one code below is left unused, so that -q always exists.
template <int Bits, scale_policy Scale = PerTensor>
struct Symmetric {
  static_assert(2 <= Bits && Bits <= 16, "amq::quant::Symmetric<Bits>: Bits must be 2 to 16");
  using Code = int_for<Bits>;
  static constexpr int bits = Bits;
  static constexpr int highest = highest_code(Bits), lowest = -highest;

  [[no_unique_address]] Scale scale{};

  [[nodiscard]] constexpr float step(Index i, Index j) const noexcept { return scale.step(i, j); }
  /// @pre x is not NaN and the step is positive.
  [[nodiscard]] constexpr Code encode(float x, Index i, Index j) const noexcept {
    AMQ_ASSERT(step(i, j) > 0, "the step must be positive");
    return static_cast<Code>(encode_symmetric(x, 1.0f / step(i, j), highest));
  }
  [[nodiscard]] constexpr float decode(Code q, Index i, Index j) const noexcept {
    return step(i, j) * static_cast<float>(q);
  }

  // One step for all needs no place.
  [[nodiscard]] constexpr float step() const noexcept requires uniform_scale<Scale> {
    return scale.step();
  }
  [[nodiscard]] constexpr Code encode(float x) const noexcept requires uniform_scale<Scale> {
    return encode(x, 0, 0);
  }
  [[nodiscard]] constexpr float decode(Code q) const noexcept requires uniform_scale<Scale> {
    return decode(q, 0, 0);
  }
};

}  // namespace amq::quant
