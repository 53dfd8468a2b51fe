#pragma once
/// @file
/// Affine quantizer: x ~ step * q + offset, for values that are not centred on zero.

#include <amq/config.hpp>
#include <amq/core/integers.hpp>
#include <amq/quant/quantizer.hpp>
#include <amq/quant/row_grid.hpp>

namespace amq::quant {

/// One grid for all, codes -2^(Bits-1) ... 2^(Bits-1) - 1: to the bit what a row that has this grid
/// is encoded to. The offset is a real of the tensor, not an integer zero point: a product carries
/// it through the weights' sums, and needs no rounding of it.
template <int Bits>
struct Affine {
  static_assert(1 <= Bits && Bits <= 16, "amq::quant::Affine<Bits>: Bits must be 1 to 16");
  using Code = int_for<Bits>;
  static constexpr int bits = Bits;
  static constexpr int highest = highest_code(Bits), lowest = lowest_code(Bits);

  RowGrid grid{};

  /// The grid whose ends are `low` and `high`. @pre low < high, both finite
  [[nodiscard]] static constexpr Affine between(float low, float high) noexcept {
    const float step = (high - low) / static_cast<float>(highest - lowest);
    return {{step, low - step * static_cast<float>(lowest)}};
  }

  [[nodiscard]] constexpr float step(Index = 0, Index = 0) const noexcept { return grid.step; }
  /// @pre x is not NaN and the step is positive.
  [[nodiscard]] Code encode(float x, Index = 0, Index = 0) const noexcept {
    AMQ_ASSERT(grid.step > 0, "the step must be positive");
    return static_cast<Code>(grid.encode(x, lowest, highest));
  }
  [[nodiscard]] float decode(Code q, Index = 0, Index = 0) const noexcept { return grid.decode(q); }
};

}  // namespace amq::quant
