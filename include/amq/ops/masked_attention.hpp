#pragma once
/// @file
/// Attention over whole rows with masked keys. Sums run in one fixed order, with explicit std::fma.

#include <amq/core/matrix_view.hpp>
#include <amq/core/portable_math.hpp>
#include <amq/kernels/float_product.hpp>
#include <amq/ops/operation.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

namespace amq::ops {

/// Whether row i attends to key j: masked keys are seen by themselves alone, so that no row is
/// left without a key.
[[nodiscard]] inline bool attends(std::span<const std::uint8_t> masked, Index i, Index j) noexcept {
  return masked.empty() || i == j || !masked[static_cast<std::size_t>(j)];
}

namespace detail {
/// c = a b, every sum by fma in the order of its index: in registers for floats.
template <typename T>
void ordered_product(MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    kernels::multiply(a, b, c, false);
  } else {
    for (Index i = 0; i < c.rows; ++i) {
      std::fill_n(c.row(i), c.cols, T(0));
      for (Index k = 0; k < a.cols; ++k)
        for (Index j = 0; j < c.cols; ++j) c(i, j) = std::fma(a(i, k), b(k, j), c(i, j));
    }
  }
}
/// Scores of row i to its shares: p = softmax(scale p) over the keys that it attends to.
template <typename T>
void masked_softmax(std::span<const std::uint8_t> masked, Index i, T scale, std::span<T> p,
                    std::span<double> scratch) noexcept {
  T top = p[static_cast<std::size_t>(i)] * scale, sum = 0;
  for (std::size_t j = 0; j < p.size(); ++j) {
    p[j] *= scale;
    if (attends(masked, i, static_cast<Index>(j))) top = std::max(top, p[j]);
  }
  for (std::size_t j = 0; j < p.size(); ++j) {
    const T below = p[j] - top;
    scratch[j] = static_cast<double>(below);
  }
  portable::exp(scratch);
  for (std::size_t j = 0; j < p.size(); ++j) {
    p[j] = attends(masked, i, static_cast<Index>(j)) ? static_cast<T>(scratch[j]) : T(0);
    sum += p[j];
  }
  const T inverse = T(1) / sum;
  for (T& share : p) share *= inverse;
}
}  // namespace detail

/// out = softmax(q k^T / sqrt(width of a head)) v, head by head; heads lie side by side in the
/// columns (torch.nn.MultiheadAttention between its projections).
/// @param qkv     (row, 3 * channels): queries, keys, values
/// @param masked  (row) keys to hide, or empty
/// @param out     (row, channels), or some rows alone, of which the first is row `first`
/// @param shares  heads * rows of out * rows numbers, kept for the gradient
template <typename T>
void masked_attention(MatrixView<const T> qkv, Index heads, std::span<const std::uint8_t> masked,
                      MatrixView<T> out, T* shares, Index first = 0) {
  const Index n = qkv.rows, asked = out.rows, channels = out.cols, width = channels / heads;
  const auto rows = static_cast<std::size_t>(n);
  const T scale = T(1) / std::sqrt(static_cast<T>(width));
  thread_local std::vector<T> keys;  // (channel, row)
  thread_local std::vector<double> scratch;
  if (keys.size() < static_cast<std::size_t>(width * n))
    keys.resize(static_cast<std::size_t>(width * n));
  if (scratch.size() < rows) scratch.resize(rows);
  const MatrixView<T> transposed(keys.data(), width, n);
  for (Index h = 0; h < heads; ++h) {
    for (Index j = 0; j < n; ++j)
      for (Index c = 0; c < width; ++c) transposed(c, j) = qkv(j, channels + h * width + c);
    const MatrixView<const T> queries(qkv.row(first) + h * width, asked, width, qkv.stride),
        values(qkv.data + 2 * channels + h * width, n, width, qkv.stride);
    const MatrixView<T> p(shares + h * asked * n, asked, n);
    detail::ordered_product<T>(queries, transposed, p);
    for (Index i = 0; i < asked; ++i)
      detail::masked_softmax(masked, first + i, scale, std::span(p.row(i), rows),
                             std::span(scratch).first(rows));
    detail::ordered_product<T>(p, values, {out.data + h * width, asked, width, out.stride});
  }
}
/// @param d_qkv  (row, 3 * channels), added to
template <typename T>
void masked_attention_backward(MatrixView<const T> qkv, Index heads, const T* shares,
                               MatrixView<const T> d_out, MatrixView<T> d_qkv) {
  const Index n = qkv.rows, channels = d_out.cols, width = channels / heads;
  const T scale = T(1) / std::sqrt(static_cast<T>(width));
  std::vector<T> dp(static_cast<std::size_t>(n));
  for (Index h = 0; h < heads; ++h)
    for (Index i = 0; i < n; ++i) {
      const T* p = shares + (h * n + i) * n;
      const T* d_o = d_out.row(i) + h * width;
      const T* q = qkv.row(i) + h * width;
      T* dq = d_qkv.row(i) + h * width;
      T mean = 0;
      for (Index j = 0; j < n; ++j) {
        const T* v = qkv.row(j) + 2 * channels + h * width;
        T* dv = d_qkv.row(j) + 2 * channels + h * width;
        T sum = 0;
        for (Index c = 0; c < width; ++c) {
          sum = std::fma(d_o[c], v[c], sum);
          dv[c] = std::fma(p[j], d_o[c], dv[c]);
        }
        dp[static_cast<std::size_t>(j)] = sum;
        mean = std::fma(p[j], sum, mean);
      }
      for (Index j = 0; j < n; ++j) {
        const T ds = p[j] * (dp[static_cast<std::size_t>(j)] - mean) * scale;
        const T* k = qkv.row(j) + channels + h * width;
        T* dk = d_qkv.row(j) + channels + h * width;
        for (Index c = 0; c < width; ++c) {
          dq[c] = std::fma(ds, k[c], dq[c]);
          dk[c] = std::fma(ds, q[c], dk[c]);
        }
      }
    }
}

/// softmax(q k^T / sqrt(width of a head)) v among all rows, head by head, some keys hidden:
/// (row, {q, k, v} x channel) -> (row, channel).
struct MaskedAttention {
  static constexpr bool takes_columns = true;
  static constexpr const char* name = "attention";

  Index heads = 1;
  std::span<const std::uint8_t> masked{};  ///< (row) keys to hide, or empty

  [[nodiscard]] MatrixShape shape(MatrixShape s) const {
    detail::expect_shape("MaskedAttention", {s.rows, s.cols / 3 / heads * heads * 3}, s);
    if (!masked.empty())
      detail::expect_shape("MaskedAttention, keys to hide", {s.rows, 1},
                           {static_cast<Index>(masked.size()), 1});
    return {s.rows, s.cols / 3};
  }
  [[nodiscard]] double cost(MatrixShape s) const noexcept {
    return 8 * MatrixShape{s.rows, s.rows * heads}.size();
  }
  [[nodiscard]] double macs(MatrixShape s) const noexcept {
    return MatrixShape{s.rows, s.rows}.size() * static_cast<double>(2 * s.cols / 3);
  }
  /// The shares.
  [[nodiscard]] Index kept(MatrixShape s) const noexcept { return heads * s.rows * s.rows; }
  template <typename T>
  void forward(MatrixView<const T> qkv, MatrixView<T> out, T* shares, Executor&) const {
    masked_attention(qkv, heads, masked, out, shares);
  }
  template <typename T>
  void backward(MatrixView<const T> qkv, MatrixView<const T>, const T* shares,
                MatrixView<const T> dy, MatrixView<T> dx) const {
    masked_attention_backward(qkv, heads, shares, dy, dx);
  }
};

static_assert(operation<MaskedAttention>);

}  // namespace amq::ops
