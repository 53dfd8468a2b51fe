#pragma once
/// @file
/// A product of floats whose bits are the same on every rung: what lies between rows that have no
/// codes, as in attention and in truncated Fourier transforms.

#include <amq/config.hpp>
#include <amq/core/matrix_view.hpp>
#include <amq/simd/batch.hpp>

#include <algorithm>

namespace amq::kernels {

/// A matrix read in either order: element (i, k) at data[i * row + k * column].
struct FloatsAt {
  const float* data = nullptr;
  Index row = 0, column = 1;
};

inline namespace AMQ_LEVEL {

namespace detail {
/// Rows x (16 Columns) sums in registers; the last register of a row may be a part.
template <typename Arch, int Rows, int Columns>
AMQ_INLINE void product_tile(FloatsAt a, Index inner, const float* b, Index b_stride, float* c,
                             Index c_stride, int part, bool add) noexcept {
  using F = simd::Floats<Arch>;
  F sum[Rows][Columns];
  for (int r = 0; r < Rows; ++r)
    for (int n = 0; n < Columns; ++n) {
      const float* from = c + r * c_stride + n * simd::lanes;
      sum[r][n] = !add                                     ? F::splat(0.0f)
                  : part < simd::lanes && n + 1 == Columns ? F::load_part(from, part)
                                                           : F::load(from);
    }
  for (Index k = 0; k < inner; ++k) {
    F v[Columns];
    for (int n = 0; n < Columns; ++n) {
      const float* from = b + k * b_stride + n * simd::lanes;
      v[n] = part < simd::lanes && n + 1 == Columns ? F::load_part(from, part) : F::load(from);
    }
    for (int r = 0; r < Rows; ++r) {
      const F w = F::splat(a.data[r * a.row + k * a.column]);
      for (int n = 0; n < Columns; ++n) sum[r][n] = fma(w, v[n], sum[r][n]);
    }
  }
  for (int r = 0; r < Rows; ++r)
    for (int n = 0; n < Columns; ++n) {
      float* to = c + r * c_stride + n * simd::lanes;
      if (part < simd::lanes && n + 1 == Columns)
        sum[r][n].store_part(to, part);
      else
        sum[r][n].store(to);
    }
}
template <typename Arch, int Columns>
void product_columns(FloatsAt a, Index rows, Index inner, const float* b, Index b_stride, float* c,
                     Index c_stride, int part, bool add) noexcept {
  Index i = 0;
  const auto tile = [&]<int Rows> {
    product_tile<Arch, Rows, Columns>({a.data + i * a.row, a.row, a.column}, inner, b, b_stride,
                                      c + i * c_stride, c_stride, part, add);
    i += Rows;
  };
  while (i + 6 <= rows) tile.template operator()<6>();
  while (i + 2 <= rows) tile.template operator()<2>();
  if (i < rows) tile.template operator()<1>();
}
}  // namespace detail

/// c(i, j) = sum over k of a(i, k) b(k, j), or added to c: k ascending, one fma each.
/// @param b  (inner, columns), `b_stride` numbers between rows; c likewise (rows, columns)
template <typename Arch = simd::Native>
void float_product(FloatsAt a, Index rows, Index inner, const float* b, Index b_stride,
                   Index columns, float* c, Index c_stride, bool add = false) noexcept {
  constexpr Index wide = 4 * simd::lanes;
  Index j = 0;
  for (; j + wide <= columns; j += wide)
    detail::product_columns<Arch, 4>(a, rows, inner, b + j, b_stride, c + j, c_stride, simd::lanes,
                                     add);
  for (; j + 2 * simd::lanes <= columns; j += 2 * simd::lanes)
    detail::product_columns<Arch, 2>(a, rows, inner, b + j, b_stride, c + j, c_stride, simd::lanes,
                                     add);
  for (; j < columns; j += simd::lanes)
    detail::product_columns<Arch, 1>(a, rows, inner, b + j, b_stride, c + j, c_stride,
                                     static_cast<int>(std::min<Index>(simd::lanes, columns - j)),
                                     add);
}

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
