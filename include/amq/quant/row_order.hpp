#pragma once
/// @file
/// Rows sorted by their bits, so that rows of one width lie side by side.

#include <amq/core/error.hpp>
#include <amq/core/integers.hpp>
#include <amq/core/matrix_view.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace amq {

/// Bucket b holds the sorted places first[b] .. first[b + 1] - 1; row[place] is the row that stands
/// there. Stable: inside a bucket rows ascend.
struct RowOrder {
  std::vector<std::int32_t> row;            ///< (place)
  std::array<Index, max_bits + 2> first{};  ///< by number of bits

  [[nodiscard]] Index count(int bits) const noexcept {
    const auto b = static_cast<std::size_t>(bits);
    return first[b + 1] - first[b];
  }
};

/// Counting sort, two passes. @throws Error above 2^31 - 1 rows or 16 bits
[[nodiscard]] inline RowOrder sort_rows(std::span<const std::uint8_t> bits) {
  if (bits.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
    throw Error("sort_rows", "at most 2^31 - 1 rows", std::to_string(bits.size()),
                "Split the mesh.");
  RowOrder order;
  for (const auto b : bits) {
    if (b > max_bits)
      throw Error("sort_rows", "0 to 16 bits per row", std::to_string(b),
                  "Choose the levels from 0 to 16.");
    ++order.first[static_cast<std::size_t>(b) + 1];
  }
  for (std::size_t b = 1; b < order.first.size(); ++b) order.first[b] += order.first[b - 1];
  order.row.resize(bits.size());
  auto next = order.first;
  for (std::size_t i = 0; i < bits.size(); ++i)
    order.row[static_cast<std::size_t>(next[bits[i]]++)] = static_cast<std::int32_t>(i);
  return order;
}

}  // namespace amq
