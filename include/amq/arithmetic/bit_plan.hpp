#pragma once
/// @file
/// How many bits every row of a pass is quantized at.

#include <amq/arithmetic/parameter.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace amq::arithmetics {

/// Made once per graph (per step for unsteady problems) by the allocator, and read by every
/// quantization point whose bits are not fixed. A map for one point, e.g. because late layers bear
/// more noise, goes before the map of its row kind, and that before the uniform number.
struct BitPlan {
  /// As uniform_bits: rows stay floats at every point, only weights are quantized. Trained so; run
  /// in Float32 on decoded_weights().
  static constexpr std::uint8_t float_rows = 32;

  std::uint8_t uniform_bits = 8;
  /// Whether a node of 0 bits at the last product of a layer of message passing skips the layer:
  /// its row passes on as it is. Else what 0 bits leave of a row is computed on.
  bool zero_skips = false;
  std::array<std::vector<std::uint8_t>, 4> by_kind;  ///< [RowKind](row) bits; empty: uniform
  std::vector<std::vector<std::uint8_t>> by_point;   ///< [PointId](row) bits; empty: by kind

  [[nodiscard]] static BitPlan uniform(int bits) {
    BitPlan p;
    p.uniform_bits = static_cast<std::uint8_t>(bits);
    return p;
  }
  [[nodiscard]] std::vector<std::uint8_t>& operator[](RowKind k) noexcept {
    return by_kind[static_cast<std::size_t>(k)];
  }
  /// The bits of n rows at a point; empty if they are all uniform_bits.
  /// @throws Error if a map has not n rows.
  [[nodiscard]] std::span<const std::uint8_t> bits(PointId point, RowKind kind, Index n) const {
    const auto p = to_index(point);
    const auto& own = p < by_point.size() && !by_point[p].empty()
                          ? by_point[p]
                          : by_kind[static_cast<std::size_t>(kind)];
    if (!own.empty() && static_cast<Index>(own.size()) != n)
      throw Error("bit plan", "bits for each of " + std::to_string(n) + " rows",
                  std::to_string(own.size()) + " rows",
                  "Make the plan from the graph it is used with.");
    return own;
  }
};

}  // namespace amq::arithmetics
