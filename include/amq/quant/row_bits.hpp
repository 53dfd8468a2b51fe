#pragma once
/// @file
/// How many bits each row (node, edge, cluster) has: what the allocator hands to every layer.

#include <amq/core/error.hpp>
#include <amq/core/integers.hpp>
#include <amq/core/matrix_view.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::quant {

/// One byte per row: its number of bits, 0 to 16.
class RowBits {
 public:
  using Histogram = std::array<Index, max_bits + 1>;  ///< rows by number of bits

  RowBits() = default;
  /// Every row alike. @throws Error for a bit-width outside 0 to 16 or a negative count.
  RowBits(Index rows, int bits) {
    if (rows < 0)
      throw Error("RowBits", "a number of rows >= 0", std::to_string(rows), "Check the count.");
    check(bits);
    bits_.assign(static_cast<std::size_t>(rows), static_cast<std::uint8_t>(bits));
  }
  /// @throws Error for a bit-width outside 0 to 16.
  explicit RowBits(std::vector<std::uint8_t> bits) : bits_(std::move(bits)) {
    for (const auto b : bits_) check(b);
  }

  [[nodiscard]] Index rows() const noexcept { return static_cast<Index>(bits_.size()); }
  [[nodiscard]] bool empty() const noexcept { return bits_.empty(); }
  [[nodiscard]] int operator[](Index i) const noexcept {
    return bits_[static_cast<std::size_t>(i)];
  }
  [[nodiscard]] std::span<const std::uint8_t> span() const noexcept { return bits_; }
  /// New rows have 0 bits. @pre rows >= 0
  void resize(Index rows) { bits_.resize(static_cast<std::size_t>(rows)); }
  /// @throws Error for a bit-width outside 0 to 16. @pre 0 <= i < rows()
  void set(Index i, int bits) {
    check(bits);
    bits_[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(bits);
  }

  [[nodiscard]] Histogram histogram() const noexcept {
    Histogram h{};
    for (const auto b : bits_) ++h[b];
    return h;
  }
  /// Mean bits of a row; 0 for no rows.
  [[nodiscard]] double mean() const noexcept {
    const auto h = histogram();
    double sum = 0;
    for (std::size_t b = 0; b < h.size(); ++b)
      sum += static_cast<double>(b) * static_cast<double>(h[b]);
    return bits_.empty() ? 0.0 : sum / static_cast<double>(bits_.size());
  }
  [[nodiscard]] bool uniform() const noexcept {
    for (const auto b : bits_)
      if (b != bits_.front()) return false;
    return true;
  }
  bool operator==(const RowBits&) const = default;

 private:
  static void check(int bits) {
    if (bits < 0 || bits > max_bits)
      throw Error("RowBits", "0 to 16 bits per row", std::to_string(bits) + " bits",
                  "Choose the levels from 0 to 16.");
  }
  std::vector<std::uint8_t> bits_;
};

}  // namespace amq::quant
