#pragma once
/// @file
/// Products of numbers that lie in rows, for operations written once for float and double: of
/// floats by the kernels, with the same bits on every rung.

#include <amq/kernels/float_product.hpp>

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace amq::ops::detail {

/// c(i, j) (+)= sum over k of a[i a_row + k a_col] b(k, j), k ascending, one fma each.
template <typename T>
void product(const T* a, Index a_row, Index a_col, Index rows, Index inner, const T* b,
             Index b_stride, Index cols, T* c, Index c_stride, bool add) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    kernels::strided_product(a, a_row, a_col, rows, inner, b, b_stride, c, c_stride, cols, add);
  } else {
    for (Index i = 0; i < rows; ++i) {
      T* to = c + i * c_stride;
      if (!add) std::fill_n(to, cols, T(0));
      for (Index k = 0; k < inner; ++k) {
        const T w = a[i * a_row + k * a_col];
        for (Index j = 0; j < cols; ++j) to[j] = std::fma(w, b[k * b_stride + j], to[j]);
      }
    }
  }
}

}  // namespace amq::ops::detail
