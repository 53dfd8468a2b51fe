#pragma once
/// @file
/// Products of float matrices as training needs them, every sum in the order of its index: the same
/// bits on every rung, whatever memory the operands lie in. Tiles of accumulators stay in
/// registers; nothing is packed, since the right-hand rows are read as they are.

#include <amq/core/matrix_view.hpp>
#include <amq/simd/batch.hpp>

#include <algorithm>
#include <type_traits>

namespace amq::kernels {
inline namespace AMQ_LEVEL {

namespace detail {

/// Accumulators: Rows x Blocks of sixteen floats.
template <typename Arch>
struct FloatTile {
  static constexpr bool wide =
      simd::Floats<Arch>::count == 1 &&
      !std::is_base_of_v<simd::Registers<simd::Scalar>, simd::Registers<Arch>>;
  static constexpr int blocks = wide ? 4 : 1;
  static constexpr bool pairs = simd::Floats<Arch>::count == 2;
  // Pairs: twelve accumulators, two registers of b, one of a. With eight accumulators AVX2 waits
  // for its loads.
  template <int Blocks>
  static constexpr int rows = wide ? (Blocks == 4   ? 6
                                      : Blocks == 3 ? 8
                                                    : 12)
                                   : (pairs ? 6 : 4);
};

/// acc += a b, rounded once. g++ 12 spills the accumulators of _mm512_fmadd_ps, and reads b from
/// memory again for every _mm256_fmadd_ps; of an instruction it cannot look into it does not.
template <typename Arch>
AMQ_INLINE void accumulate(simd::Floats<Arch>& acc, simd::Floats<Arch> a,
                           simd::Floats<Arch> b) noexcept {
#if AMQ_HAS_AVX512
  if constexpr (FloatTile<Arch>::wide) {
    __m512 sum = acc.r[0];
    asm("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(__m512(a.r[0])), "v"(__m512(b.r[0])));
    acc.r[0] = sum;
    return;
  }
#endif
#if AMQ_HAS_AVX2
  if constexpr (FloatTile<Arch>::pairs &&
                std::is_base_of_v<simd::Registers<simd::Avx2>, simd::Registers<Arch>>) {
    AMQ_UNROLL
    for (int i = 0; i < 2; ++i) {
      __m256 sum = acc.r[i];
      asm("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(__m256(a.r[i])), "x"(__m256(b.r[i])));
      acc.r[i] = sum;
    }
    return;
  }
#endif
  acc = fma(a, b, acc);
}

/// c(r, :) (+)= sum over k < n of a[r * row + k * step] * b(k, :), r < Rows. `part`: lanes of the
/// last block that exist.
template <typename Arch, int Rows, int Blocks, bool Whole>
AMQ_INLINE void float_tile(const float* a, Index row, Index step, Index n, const float* b,
                           Index b_stride, float* c, Index c_stride, bool add, int part) noexcept {
  using F = simd::Floats<Arch>;
  const auto load = [part](const float* p, int j) AMQ_INLINE_LAMBDA {
    return Whole || j + 1 < Blocks ? F::load(p + j * simd::lanes)
                                   : F::load_part(p + j * simd::lanes, part);
  };
  F acc[Rows][Blocks];
  AMQ_UNROLL
  for (int r = 0; r < Rows; ++r) AMQ_UNROLL
  for (int j = 0; j < Blocks; ++j) acc[r][j] = add ? load(c + r * c_stride, j) : F::splat(0.0f);
  for (Index k = 0; k < n; ++k) {
    F v[Blocks];
    AMQ_UNROLL
    for (int j = 0; j < Blocks; ++j) v[j] = load(b + k * b_stride, j);
    AMQ_UNROLL
    for (int r = 0; r < Rows; ++r) {
      const F x = F::splat(a[r * row + k * step]);
      AMQ_UNROLL
      for (int j = 0; j < Blocks; ++j) accumulate<Arch>(acc[r][j], x, v[j]);
    }
  }
  AMQ_UNROLL
  for (int r = 0; r < Rows; ++r) AMQ_UNROLL
  for (int j = 0; j < Blocks; ++j) {
    float* to = c + r * c_stride + j * simd::lanes;
    if (Whole || j + 1 < Blocks)
      acc[r][j].store(to);
    else
      acc[r][j].store_part(to, part);
  }
}

}  // namespace detail

/// c (m, cols) (+)= A b, where A(i, k) = a[i * row + k * step] is (m, n).
template <typename Arch = simd::Native>
void strided_product(const float* a, Index row, Index step, Index m, Index n, const float* b,
                     Index b_stride, float* c, Index c_stride, Index cols, bool add) noexcept {
  using Tile = detail::FloatTile<Arch>;
  const auto strip = [&]<int Blocks, bool Whole>(Index first, int part) {
    constexpr int tall = Tile::template rows<Blocks>;
    Index i = 0;
    for (; i + tall <= m; i += tall)
      detail::float_tile<Arch, tall, Blocks, Whole>(a + i * row, row, step, n, b + first, b_stride,
                                                    c + i * c_stride + first, c_stride, add, part);
    if constexpr (tall > 4)
      for (; i + 4 <= m; i += 4)
        detail::float_tile<Arch, 4, Blocks, Whole>(a + i * row, row, step, n, b + first, b_stride,
                                                   c + i * c_stride + first, c_stride, add, part);
    for (; i < m; ++i)
      detail::float_tile<Arch, 1, Blocks, Whole>(a + i * row, row, step, n, b + first, b_stride,
                                                 c + i * c_stride + first, c_stride, add, part);
  };
  Index first = 0;
  if constexpr (Tile::blocks == 4) {
    for (; first + 64 <= cols; first += 64) strip.template operator()<4, true>(first, 0);
    if (first + 48 <= cols) {
      strip.template operator()<3, true>(first, 0);
      first += 48;
    } else if (first + 32 <= cols) {
      strip.template operator()<2, true>(first, 0);
      first += 32;
    }
  }
  for (; first + simd::lanes <= cols; first += simd::lanes)
    strip.template operator()<1, true>(first, 0);
  if (first < cols) strip.template operator()<1, false>(first, static_cast<int>(cols - first));
}

/// Rows that will be read soon, from memory into L2: strides of a row's length confuse the
/// hardware. A matrix that fits is there already.
inline void fetch_rows(MatrixView<const float> x, Index first, Index last) noexcept {
  if (x.rows * x.stride < Index{1} << 18) return;
  for (Index i = first; i < std::min(last, x.rows); ++i)
    for (Index k = 0; k < x.cols; k += 16) __builtin_prefetch(x.row(i) + k, 0, 2);
}

/// c (+)= a b: (m, n) x (n, cols).
template <typename Arch = simd::Native>
void multiply(MatrixView<const float> a, MatrixView<const float> b, MatrixView<float> c,
              bool add) noexcept {
  // Rows of a stay in L1 and strips of b in L1 or L2.
  constexpr Index depth = 256, tall = 48;
  if (a.cols == 0 && !add)
    for (Index i = 0; i < c.rows; ++i) std::fill_n(c.row(i), c.cols, 0.0f);
  for (Index i = 0; i < a.rows; i += tall) {
    fetch_rows(a, i + tall, i + 2 * tall);
    for (Index k = 0; k < a.cols; k += depth)
      strided_product<Arch>(a.row(i) + k, a.stride, 1, std::min(tall, a.rows - i),
                            std::min(depth, a.cols - k), b.row(k), b.stride, c.row(i), c.stride,
                            c.cols, add || k > 0);
  }
}

/// c += a^T b: (m, n)^T x (m, cols), in blocks of rows that fit into L2.
template <typename Arch = simd::Native>
void add_transposed_product(MatrixView<const float> a, MatrixView<const float> b,
                            MatrixView<float> c) noexcept {
  constexpr Index block = 96;
  for (Index i = 0; i < a.rows; i += block) {
    fetch_rows(a, i + block, i + 2 * block);
    fetch_rows(b, i + block, i + 2 * block);
    strided_product<Arch>(a.row(i), 1, a.stride, a.cols, std::min(block, a.rows - i), b.row(i),
                          b.stride, c.data, c.stride, c.cols, true);
  }
}

/// c = a b^T for few rows of a: every number of b is read once, where it lies. A sum is sixteen, of
/// the indices that are equal modulo 16, folded in the one order: the same bits on every rung.
template <typename Arch = simd::Native>
void multiply_few_rows(MatrixView<const float> a, MatrixView<const float> b,
                       MatrixView<float> c) noexcept {
  using F = simd::Floats<Arch>;
  constexpr int lanes = simd::lanes;
  for (Index j = 0; j < b.rows; j += lanes) {
    const auto n = static_cast<int>(std::min<Index>(lanes, b.rows - j));
    const float* row[lanes];
    for (int l = 0; l < lanes; ++l) row[l] = b.row(j + std::min(l, n - 1));
    for (Index i = 0; i < a.rows; ++i) {
      F sums[lanes];
      AMQ_UNROLL
      for (int l = 0; l < lanes; ++l) sums[l] = F::splat(0.0f);
      Index k = 0;
      for (; k + lanes <= a.cols; k += lanes) {
        const F x = F::load(a.row(i) + k);
        AMQ_UNROLL
        for (int l = 0; l < lanes; ++l) detail::accumulate<Arch>(sums[l], x, F::load(row[l] + k));
      }
      if (const auto rest = static_cast<int>(a.cols - k); rest > 0) {
        const F x = F::load_part(a.row(i) + k, rest);
        AMQ_UNROLL
        for (int l = 0; l < lanes; ++l)
          detail::accumulate<Arch>(sums[l], x, F::load_part(row[l] + k, rest));
      }
      const F y = simd::sum_rows(sums);
      if (n == lanes)
        y.store(c.row(i) + j);
      else
        y.store_part(c.row(i) + j, n);
    }
  }
}

/// c = x b + bias, every sum from its bias on: (m, n) x (n, cols). Sums of some rows stay in L1
/// from the first product to the last.
template <typename Arch = simd::Native>
void affine(MatrixView<const float> x, MatrixView<const float> b, const float* bias,
            MatrixView<float> c) noexcept {
  constexpr Index block = 96;
  for (Index i = 0; i < x.rows; i += block) {
    const Index rows = std::min(block, x.rows - i);
    for (Index r = i; r < i + rows; ++r) std::copy_n(bias, c.cols, c.row(r));
    multiply<Arch>({x.row(i), rows, x.cols, x.stride}, b, {c.row(i), rows, c.cols, c.stride}, true);
  }
}

/// b = a^T, so that a b^T may be written multiply(a, transposed).
inline void transpose(MatrixView<const float> a, MatrixView<float> b) noexcept {
  for (Index i = 0; i < a.rows; i += 16)
    for (Index j = 0; j < a.cols; ++j)
      for (Index r = i; r < std::min(i + 16, a.rows); ++r) b(j, r) = a(r, j);
}

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
