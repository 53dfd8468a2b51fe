#pragma once
/// @file
/// Packed rows somebody else owns.

#include <amq/core/matrix_view.hpp>
#include <amq/quant/packing.hpp>
#include <amq/quant/row_grid.hpp>

#include <cstdint>

namespace amq::quant {

/// Which containers rows may have, where that is known when a product is compiled: bit c stands
/// for containers of c bits. Code for others is not made.
using Containers = std::uint32_t;
inline constexpr Containers any_container = 1u | 1u << 2 | 1u << 4 | 1u << 8 | 1u << 16;
[[nodiscard]] constexpr bool holds(Containers c, int bits) noexcept {
  return (c >> bits & 1u) != 0;
}
/// Those of the levels of a list.
template <typename Levels>
[[nodiscard]] constexpr Containers containers_of() noexcept {
  Containers c = 0;
  for (const int b : Levels::bits) c |= 1u << container_bits(b);
  return c;
}

/// Rows of one container and their grids. Row i's codes begin at codes + i * stride, its grid at
/// grid + i * grid_stride: both may lie in one record.
struct RowsView {
  const void* codes = nullptr;
  Index rows = 0, cols = 0;
  Index stride = 0;   ///< bytes
  int container = 8;  ///< bits: 0, 2, 4, 8, 16
  const RowGrid* grid = nullptr;
  Index grid_stride = sizeof(RowGrid);  ///< bytes
  /// Row i of this view is row order[i] of the whole; null: row i.
  const std::int32_t* order = nullptr;
  int bits = 0;  ///< that codes need, where it is known; 0: all that the container has

  /// What products may take them for: in containers of 16 bits all are read as such.
  [[nodiscard]] int code_bits() const noexcept {
    return bits > 0 && container <= 8 ? bits : container;
  }
  [[nodiscard]] const std::uint8_t* row(Index i) const noexcept {
    return static_cast<const std::uint8_t*>(codes) + i * stride;
  }
  [[nodiscard]] const RowGrid& grid_of(Index i) const noexcept {
    return *reinterpret_cast<const RowGrid*>(reinterpret_cast<const std::uint8_t*>(grid) +
                                             i * grid_stride);
  }
  [[nodiscard]] Index target(Index i) const noexcept { return order ? order[i] : i; }
};

/// The same to write.
struct RowsSpan {
  void* codes = nullptr;
  Index rows = 0, cols = 0;
  Index stride = 0;
  int container = 8;
  RowGrid* grid = nullptr;
  Index grid_stride = sizeof(RowGrid);
  const std::int32_t* order = nullptr;

  [[nodiscard]] std::uint8_t* row(Index i) const noexcept {
    return static_cast<std::uint8_t*>(codes) + i * stride;
  }
  [[nodiscard]] RowGrid& grid_of(Index i) const noexcept {
    return *reinterpret_cast<RowGrid*>(reinterpret_cast<std::uint8_t*>(grid) + i * grid_stride);
  }
  [[nodiscard]] Index target(Index i) const noexcept { return order ? order[i] : i; }
  operator RowsView() const noexcept {  // NOLINT: like span, meant to convert
    return {codes, rows, cols, stride, container, grid, grid_stride, order, 0};
  }
};

}  // namespace amq::quant
