#pragma once
/// @file
/// Rows as weighted sums of rows: a small constant matrix times a tensor whose rows lie where a
/// grid has put them. What transforms along an axis consist of.

#include <amq/core/matrix_view.hpp>
#include <amq/simd/batch.hpp>

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

namespace amq::ops {

/// Rows that come in pairs, as real and imaginary part do: row r begins at
/// data + (r / 2) pair + (r % 2) half.
template <typename T>
struct PairedRows {
  T* data;
  Index pair, half;

  [[nodiscard]] T* row(Index r) const noexcept { return data + (r >> 1) * pair + (r & 1) * half; }
};

inline namespace AMQ_LEVEL {
/// The loops of row_products().
struct RowProducts {
  /// f(0), ..., f(N - 1), numbers known to the compiler.
  template <int N, typename F>
  static AMQ_INLINE void each(const F& f) noexcept {
    [&]<int... K>(std::integer_sequence<int, K...>) AMQ_INLINE_LAMBDA {
      (f(std::integral_constant<int, K>()), ...);
    }
    (std::make_integer_sequence<int, N>());
  }
  /// R rows of the result, V blocks of sixteen columns of which the last has `last` columns.
  template <typename Arch, int R, int V>
  static AMQ_INLINE void block(const float* w, Index n, const PairedRows<const float>& x,
                               Index column, int last, const PairedRows<float>& y, Index first,
                               bool add) noexcept {
    using F = simd::Floats<Arch>;
    constexpr Index lanes = simd::lanes;
    F sum[R * V];
    const auto load = [last](const float* p, int v) AMQ_INLINE_LAMBDA {
      return v + 1 < V || last == lanes ? F::load(p + v * lanes)
                                        : F::load_part(p + v * lanes, last);
    };
    // Written out by the compiler's front end: arrays that are indexed in loops do not become
    // registers in time (g++ 12).
    each<R * V>([&](auto k) AMQ_INLINE_LAMBDA {
      sum[k] = add ? load(y.row(first + k / V) + column, k % V) : F::splat(0);
    });
    for (Index j = 0; j < n; ++j) {
      const float* from = x.row(j) + column;
      F value[V];
      each<V>([&](auto v) AMQ_INLINE_LAMBDA { value[v] = load(from, v); });
      const float* factors = w + first * n + j;
      each<R>([&](auto r) AMQ_INLINE_LAMBDA {
        const F factor = F::splat(factors[r * n]);
        each<V>([&](auto v)
                    AMQ_INLINE_LAMBDA { sum[r * V + v] = fma(factor, value[v], sum[r * V + v]); });
      });
    }
    each<R * V>([&](auto k) AMQ_INLINE_LAMBDA {
      constexpr int v = k % V;
      float* to = y.row(first + k / V) + column + v * lanes;
      if (v + 1 < V || last == lanes)
        sum[k].store(to);
      else
        sum[k].store_part(to, last);
    });
  }
  template <typename Arch, int V>
  static void columns(const float* w, Index rows, Index n, const PairedRows<const float>& x,
                      Index column, int last, const PairedRows<float>& y, bool add) noexcept {
    // Sixteen accumulators where there are 32 registers.
    constexpr int height = simd::Registers<Arch>::width == simd::lanes ? 8 : 2;
    Index r = 0;
    for (; r + height <= rows; r += height)
      block<Arch, height, V>(w, n, x, column, last, y, r, add);
    for (; r < rows; ++r) block<Arch, 1, V>(w, n, x, column, last, y, r, add);
  }
};

/// y_r = sum_j w(r, j) x_j, or added to y_r: j ascending, one fma each, so that every rung and
/// every blocking gives the same bits.
/// @param w  (rows, n)
/// @param x, y  n and `rows` rows of `cols` numbers; they do not overlap
template <typename T, typename Arch = simd::Native>
void row_products(const T* w, Index rows, Index n, const PairedRows<const T>& x, Index cols,
                  const PairedRows<T>& y, bool add) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    constexpr Index lanes = simd::lanes;
    Index c = 0;
    for (; c + 2 * lanes <= cols; c += 2 * lanes)
      RowProducts::columns<Arch, 2>(w, rows, n, x, c, lanes, y, add);
    const auto left = static_cast<int>(cols - c);
    if (left > lanes)
      RowProducts::columns<Arch, 2>(w, rows, n, x, c, left - simd::lanes, y, add);
    else if (left > 0)
      RowProducts::columns<Arch, 1>(w, rows, n, x, c, left, y, add);
  } else {
    for (Index r = 0; r < rows; ++r) {
      T* to = y.row(r);
      if (!add) std::fill_n(to, cols, T(0));
      for (Index j = 0; j < n; ++j) {
        const T factor = w[r * n + j];
        const T* from = x.row(j);
        for (Index c = 0; c < cols; ++c) to[c] = std::fma(factor, from[c], to[c]);
      }
    }
  }
}

/// plus = a + b and minus = a - b, or added to both. The results are apart from each other.
template <typename T, typename Arch = simd::Native>
void plus_minus(const T* a, const T* b, Index n, T* plus, T* minus, bool add) noexcept {
  Index c = 0;
  if constexpr (std::is_same_v<T, float>) {
    using F = simd::Floats<Arch>;
    for (; c + simd::lanes <= n; c += simd::lanes) {
      const F x = F::load(a + c), y = F::load(b + c);
      (add ? F::load(plus + c) + (x + y) : x + y).store(plus + c);
      (add ? F::load(minus + c) + (x - y) : x - y).store(minus + c);
    }
  }
  for (; c < n; ++c) {
    const T x = a[c], y = b[c];
    plus[c] = add ? plus[c] + (x + y) : x + y;
    minus[c] = add ? minus[c] + (x - y) : x - y;
  }
}

}  // namespace AMQ_LEVEL
}  // namespace amq::ops
