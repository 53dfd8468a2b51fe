#pragma once
/// @file
/// The bit-widths a scheme offers, as a type. A row's own width is a run-time byte (row_bits.hpp).

#include <amq/core/integers.hpp>

#include <array>
#include <cstddef>

namespace amq::quant {

/// Levels<2, 4, 8>: ascending numbers of bits, each 0 to 16. 0: the row is not computed.
template <int... Bits>
struct Levels {
  static_assert(sizeof...(Bits) > 0, "amq::quant::Levels<...>: name at least one bit-width");
  static_assert(((0 <= Bits && Bits <= max_bits) && ...),
                "amq::quant::Levels<...>: bit-widths are 0 to 16");
  static constexpr int count = static_cast<int>(sizeof...(Bits));
  static constexpr std::array<int, sizeof...(Bits)> bits{Bits...};
  static_assert(
      [] {
        for (std::size_t k = 1; k < bits.size(); ++k)
          if (bits[k - 1] >= bits[k]) return false;
        return true;
      }(),
      "amq::quant::Levels<...>: list the bit-widths in ascending order, each once");

  static constexpr int lowest = bits.front(), highest = bits.back();

  /// Position of a bit-width in the list, -1 if it is not there.
  [[nodiscard]] static constexpr int index_of(int b) noexcept {
    for (std::size_t k = 0; k < bits.size(); ++k)
      if (bits[k] == b) return static_cast<int>(k);
    return -1;
  }
  [[nodiscard]] static constexpr bool contains(int b) noexcept { return index_of(b) >= 0; }
};

/// All there are: where a file says at run time which of them occur.
using AnyLevels = Levels<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16>;
static_assert(AnyLevels::highest == max_bits && AnyLevels::count == max_bits + 1);

}  // namespace amq::quant
