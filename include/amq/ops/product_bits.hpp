#pragma once
/// @file
/// The bits of products that have no weights.

#include <amq/core/error.hpp>

#include <string>

namespace amq::ops {

/// Bits of products without weights, such as a transform's with its constant matrix or attention's
/// between rows: of what is encoded as weights are, and of the rows that meet it. None: in float.
struct ProductBits {
  int matrix = 0;  ///< 2, 4, 8 or 16: a transform's matrix; keys and values
  int rows = 0;    ///< 2 to 16: lines of points or modes; queries and shares

  template <typename Self, typename Visit>
  static void each(Self& b, const Visit& visit) {
    visit("matrix", b.matrix);
    visit("rows", b.rows);
  }

  [[nodiscard]] explicit operator bool() const noexcept { return rows != 0; }
  bool operator==(const ProductBits&) const = default;
  /// @throws Error unless both are 0, or kernels have both
  void check(const std::string& where) const {
    const bool kernels_have_it =
        (matrix == 2 || matrix == 4 || matrix == 8 || matrix == 16) && rows >= 2 && rows <= 16;
    if ((matrix != 0 || rows != 0) && !kernels_have_it)
      throw Error(where, "a matrix of 2, 4, 8 or 16 bits and rows of 2 to 16, or neither",
                  std::to_string(matrix) + " and " + std::to_string(rows),
                  "Choose bits that a product in integers can have.");
  }
};

}  // namespace amq::ops
