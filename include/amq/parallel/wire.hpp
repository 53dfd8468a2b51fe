#pragma once
/// @file
/// A row of codes as bytes between ranks: its codes, as many bits each as the row has, then its
/// grid. Both sides know length, bits and rule.

#include <amq/quant/packing.hpp>
#include <amq/quant/row_grid.hpp>
#include <amq/quant/row_rule.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace amq::parallel {

/// Somebody's packed row.
struct PackedRow {
  std::uint8_t* codes = nullptr;
  RowGrid* grid = nullptr;
  int bits = 8;       ///< 0 .. 16
  int container = 8;  ///< what a code takes in memory
};

/// How rows of so many codes travel. An offset that is always 0 does not travel, nor a grid that
/// all rows of a point have, which the receiver knows.
class WireRow {
 public:
  WireRow(Index cols, RowRule rule) noexcept
      : cols_(cols),
        grid_(rule == RowRule::fixed       ? 0
              : rule == RowRule::symmetric ? sizeof(float)
                                           : sizeof(RowGrid)) {}

  [[nodiscard]] std::size_t bytes(int bits) const noexcept {
    return static_cast<std::size_t>((cols_ * bits + 7) / 8) + grid_;
  }
  void write(const PackedRow& row, std::vector<std::byte>& to) const {
    const std::size_t begin = to.size();
    to.resize(begin + bytes(row.bits));
    std::byte* out = to.data() + begin;
    const auto codes = static_cast<std::size_t>((cols_ * row.bits + 7) / 8);
    if (row.bits == row.container) {
      std::memcpy(out, row.codes, codes);
    } else {
      std::uint64_t held = 0;
      int n = 0;
      std::size_t byte = 0;
      const std::uint64_t mask = (std::uint64_t{1} << row.bits) - 1;
      for (Index k = 0; k < cols_; ++k) {
        const auto code = static_cast<std::uint64_t>(code_at(row.codes, k, row.container));
        held |= (code & mask) << n;
        for (n += row.bits; n >= 8; n -= 8, held >>= 8) out[byte++] = static_cast<std::byte>(held);
      }
      if (n > 0) out[byte] = static_cast<std::byte>(held);
    }
    std::memcpy(out + codes, row.grid, grid_);  // the step comes first
  }
  /// @param known  what of its grid does not travel
  /// @returns where the next row begins
  const std::byte* read(const std::byte* from, const PackedRow& row, const RowGrid& known) const {
    const auto codes = static_cast<std::size_t>((cols_ * row.bits + 7) / 8);
    if (row.bits == row.container) {
      std::memcpy(row.codes, from, codes);
    } else {
      std::uint64_t held = 0;
      int n = 0;
      std::size_t byte = 0;
      const std::int32_t sign = 1 << (row.bits - 1), mask = (1 << row.bits) - 1;
      // As many codes at a time as fill whole bytes of every container.
      constexpr Index together = 8;
      std::int32_t code[together];
      for (Index k = 0; k < cols_; k += together) {
        const Index many = cols_ - k < together ? cols_ - k : together;
        for (Index j = 0; j < many; ++j) {
          for (; n < row.bits; n += 8)
            held |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(from[byte++])) << n;
          const auto field = static_cast<std::int32_t>(held) & mask;
          code[j] = (field ^ sign) - sign;
          held >>= row.bits;
          n -= row.bits;
        }
        pack_codes(code, many, row.container, row.codes + k * row.container / 8);
      }
    }
    *row.grid = known;
    std::memcpy(row.grid, from + codes, grid_);
    return from + bytes(row.bits);
  }

 private:
  Index cols_;
  std::size_t grid_;  ///< bytes
};

}  // namespace amq::parallel
