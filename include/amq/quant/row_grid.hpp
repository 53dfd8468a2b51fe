#pragma once
/// @file
/// The step and the offset of a row: x ~ step * q + offset.

#include <amq/quant/row_stats.hpp>

#include <cmath>

namespace amq::quant {

/// A row no wider than this counts as constant: its inverse step would leave the range of float.
inline constexpr float smallest_step = 0x1p-100f;

/// Where codes lie on the real line: those of a row, or of a tensor that has one grid for all.
/// @invariant step > 0
struct RowGrid {
  float step = 1, offset = 0;

  [[nodiscard]] float inverse() const noexcept { return 1.0f / step; }
  [[nodiscard]] float shift(float inv) const noexcept { return -offset * inv; }

  /// The deployed encoding: one fma, clamp, nearest even. NaN becomes `lowest`: fields are checked
  /// for it at the door, not here.
  [[nodiscard]] static int encode(float x, float inv, float shift, int lowest,
                                  int highest) noexcept {
    const float t = std::fma(x, inv, shift);
    const float low = static_cast<float>(lowest), high = static_cast<float>(highest);
    return static_cast<int>(std::nearbyint(detail::min_of(detail::max_of(t, low), high)));
  }
  [[nodiscard]] int encode(float x, int lowest, int highest) const noexcept {
    const float inv = inverse();
    return encode(x, inv, shift(inv), lowest, highest);
  }
  [[nodiscard]] float decode(int q) const noexcept {
    return std::fma(step, static_cast<float>(q), offset);
  }
  bool operator==(const RowGrid&) const = default;
};

}  // namespace amq::quant
