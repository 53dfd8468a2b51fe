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
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace amq::quant {

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

/// Counting sort, two passes, into memory that may have been there before.
/// @throws Error above 2^31 - 1 rows or 16 bits
inline void sort_rows(std::span<const std::uint8_t> bits, RowOrder& order) {
  if (bits.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
    throw Error("sort_rows", "at most 2^31 - 1 rows", std::to_string(bits.size()),
                "Split the mesh.");
  order.first.fill(0);
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
}
/// @throws Error above 2^31 - 1 rows or 16 bits
[[nodiscard]] inline RowOrder sort_rows(std::span<const std::uint8_t> bits) {
  RowOrder order;
  sort_rows(bits, order);
  return order;
}

/// An order that tensors share, made again for other bits: in the same memory where no tensor has
/// it any more.
class SharedRowOrder {
 public:
  /// @param room  for so many rows memory is asked for; 0: for as many as there are
  const std::shared_ptr<const RowOrder>& sort(std::span<const std::uint8_t> bits,
                                              std::size_t room = 0) {
    if (!own_ || shared_.use_count() > 2) shared_ = own_ = std::make_shared<RowOrder>();
    own_->row.reserve(room);
    sort_rows(bits, *own_);
    return shared_;
  }
  [[nodiscard]] const std::shared_ptr<const RowOrder>& get() const noexcept { return shared_; }

 private:
  std::shared_ptr<RowOrder> own_;
  std::shared_ptr<const RowOrder> shared_;  // the same
};

}  // namespace amq::quant
