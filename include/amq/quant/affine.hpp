#pragma once
/// @file
/// Affine quantizer: x ~ step * q + offset, for values that are not centred on zero.

#include <amq/config.hpp>
#include <amq/core/integers.hpp>
#include <amq/quant/quantizer.hpp>
#include <amq/quant/rounding.hpp>
#include <amq/quant/scale.hpp>

#include <cmath>
#include <concepts>
#include <type_traits>

namespace amq {

/// Codes are -2^(Bits-1) ... 2^(Bits-1) - 1. The offset is a real of the tensor, not an integer
/// zero point: a product carries it through the weights' column sums, and needs no rounding of it.
template <int Bits, scale_policy Scale = PerTensor, rounding_policy Round = NearestEven>
struct Affine {
  static_assert(1 <= Bits && Bits <= 16, "amq::Affine<Bits>: Bits must be 1 to 16");
  using Code = int_for<Bits>;
  static constexpr int bits = Bits;
  static constexpr int highest = highest_code(Bits), lowest = lowest_code(Bits);

  [[no_unique_address]] Scale scale{};
  float offset = 0;

  /// The grid whose ends are `low` and `high`. @pre low < high, both finite
  [[nodiscard]] static constexpr Affine between(
      float low, float high) noexcept requires std::same_as<Scale, PerTensor> {
    const float step = (high - low) / static_cast<float>(highest - lowest);
    return {{step}, low - step * static_cast<float>(lowest)};
  }

  [[nodiscard]] constexpr float step(Index i, Index j) const noexcept { return scale.step(i, j); }
  /// @pre x is not NaN and the step is positive.
  [[nodiscard]] constexpr Code encode(float x, Index i, Index j) const noexcept {
    AMQ_ASSERT(step(i, j) > 0, "the step must be positive");
    const float y = (x - offset) / step(i, j), low = lowest, high = highest;
    return static_cast<Code>(Round::to_int(y < low ? low : y > high ? high : y));
  }
  [[nodiscard]] constexpr float decode(Code q, Index i, Index j) const noexcept {
    // Explicitly fused, lest compilers decide for themselves and differ in the last bit.
    if (std::is_constant_evaluated()) return step(i, j) * static_cast<float>(q) + offset;
    return std::fma(step(i, j), static_cast<float>(q), offset);
  }

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

}  // namespace amq
