#pragma once
/// @file
/// Attention over whole rows with masked keys. Sums run in one fixed order, with explicit std::fma.

#include <amq/core/matrix_view.hpp>
#include <amq/core/portable_math.hpp>
#include <amq/ops/operation.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace amq::ops {

/// Whether row i attends to key j: masked keys are seen by themselves alone, so that no row is
/// left without a key.
[[nodiscard]] inline bool attends(std::span<const std::uint8_t> masked, Index i, Index j) noexcept {
  return masked.empty() || i == j || !masked[static_cast<std::size_t>(j)];
}

/// out = softmax(q k^T / sqrt(width of a head)) v, head by head; heads lie side by side in the
/// columns (torch.nn.MultiheadAttention between its projections).
/// @param qkv     (row, 3 * channels): queries, keys, values
/// @param masked  (row) keys to hide, or empty
/// @param out     (row, channels)
/// @param shares  heads * rows * rows numbers, kept for the gradient
template <typename T>
void masked_attention(MatrixView<const T> qkv, Index heads, std::span<const std::uint8_t> masked,
                      MatrixView<T> out, T* shares) {
  const Index n = qkv.rows, channels = out.cols, width = channels / heads;
  const T scale = T(1) / std::sqrt(static_cast<T>(width));
  std::vector<T> keys(static_cast<std::size_t>(width * n));  // (channel, row)
  for (Index h = 0; h < heads; ++h) {
    for (Index j = 0; j < n; ++j)
      for (Index c = 0; c < width; ++c)
        keys[static_cast<std::size_t>(c * n + j)] = qkv(j, channels + h * width + c);
    for (Index i = 0; i < n; ++i) {
      T* p = shares + (h * n + i) * n;
      std::fill_n(p, n, T(0));
      for (Index c = 0; c < width; ++c) {
        const T q = qkv(i, h * width + c);
        const T* k = keys.data() + c * n;
        for (Index j = 0; j < n; ++j) p[j] = std::fma(q, k[j], p[j]);
      }
      T top = p[i] * scale, sum = 0;
      for (Index j = 0; j < n; ++j) {
        p[j] *= scale;
        if (attends(masked, i, j)) top = std::max(top, p[j]);
      }
      for (Index j = 0; j < n; ++j) {
        const T below = p[j] - top;
        p[j] = attends(masked, i, j) ? static_cast<T>(portable::exp(static_cast<double>(below)))
                                     : T(0);
        sum += p[j];
      }
      const T inverse = T(1) / sum;
      T* o = out.row(i) + h * width;
      std::fill_n(o, width, T(0));
      for (Index j = 0; j < n; ++j) {
        p[j] *= inverse;
        const T* v = qkv.row(j) + 2 * channels + h * width;
        for (Index c = 0; c < width; ++c) o[c] = std::fma(p[j], v[c], o[c]);
      }
    }
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
