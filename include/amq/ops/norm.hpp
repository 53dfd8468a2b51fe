#pragma once
/// @file
/// Instance norm and layer norm, without scale and shift: Affine has these.

#include <amq/core/eigen.hpp>
#include <amq/core/everyone.hpp>
#include <amq/kernels/moments.hpp>
#include <amq/ops/column_moments.hpp>
#include <amq/ops/operation.hpp>

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>
#include <vector>

namespace amq::ops {

/// The eps of torch_geometric's InstanceNorm and torch's LayerNorm.
inline constexpr double norm_eps = 1e-5;

/// Per channel over all rows: out = (x - mean) / sqrt(variance + eps), biased variance, no affine
/// part (torch_geometric's InstanceNorm of one graph). `inverse_deviation` (cols) is kept for the
/// gradient. Sums have no order, see ColumnMoments: the same bits for any number of threads, and
/// for rows that lie with several ranks.
/// Each thread keeps its memory: the same shape again allocates nothing. While a norm runs the
/// memory is its own: an executor may let a thread that waits run another.
/// @param x    own rows; none where others have them all
/// @param all  who has the other rows
template <typename T, everyone All = const Alone>
void instance_norm(MatrixView<const T> x, double eps, MatrixView<T> out, T* inverse_deviation,
                   Executor& executor, All& all) {
  if (all.nodes(x.rows) == 0) return;
  struct Memory {
    ColumnMoments<T> moments;
    std::vector<T> centres;
  };
  thread_local Memory kept;
  Memory mine = std::exchange(kept, {});
  auto& [moments, centres] = mine;
  moments.measure(x, executor, all);
  const auto cols = static_cast<std::size_t>(x.cols), rows = static_cast<std::size_t>(x.rows);
  centres.resize(cols);
  T* const centre = centres.data();
  for (std::size_t c = 0; c < cols; ++c) {
    const auto k = static_cast<Index>(c);
    inverse_deviation[c] = static_cast<T>(1.0 / std::sqrt(moments.variance(k) + eps));
    centre[c] = static_cast<T>(moments.mean(k));
  }
  executor.parallel_for(rows, 256, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      const T* r = x.row(static_cast<Index>(i));
      T* o = out.row(static_cast<Index>(i));
      for (std::size_t c = 0; c < cols; ++c) {
        const T d = r[c] - centre[c];
        o[c] = d * inverse_deviation[c];
      }
    }
  });
  kept = std::move(mine);
}
/// The same where all rows are here.
template <typename T>
void instance_norm(MatrixView<const T> x, double eps, MatrixView<T> out, T* inverse_deviation,
                   Executor& executor = serial_executor()) {
  const Alone all;
  instance_norm(x, eps, out, inverse_deviation, executor, all);
}

namespace detail {
/// sum of f(x[k]) in sixteen partial sums of doubles, folded as +8, +4, +2, +1.
template <typename T, typename F>
[[nodiscard]] double lane_sum(const T* x, Index n, const F& add) noexcept {
  constexpr Index lanes = 16;
  double sum[lanes] = {};
  Index k = 0;
  for (; k + lanes <= n; k += lanes)
    for (Index l = 0; l < lanes; ++l) sum[l] = add(sum[l], static_cast<double>(x[k + l]));
  for (Index l = 0; k + l < n; ++l) sum[l] = add(sum[l], static_cast<double>(x[k + l]));
  for (Index width = lanes / 2; width > 0; width /= 2)
    for (Index l = 0; l < width; ++l) sum[l] += sum[l + width];
  return sum[0];
}
}  // namespace detail

namespace detail {
template <typename T>
struct RowNorm {
  T mean, inverse;  ///< of the deviation
};
template <typename T>
[[nodiscard]] RowNorm<T> row_norm(const T* r, Index cols, double eps) noexcept {
  const auto n = static_cast<double>(cols);
  double mean, squares;
  if constexpr (std::is_same_v<T, float>) {
    const kernels::DoubleMoments m = kernels::double_moments(r, cols);
    mean = m.mean;
    squares = m.squares;
  } else {
    mean = lane_sum(r, cols, [](double sum, double v) { return sum + v; }) / n;
    squares = lane_sum(r, cols, [mean](double sum, double v) {
      const double d = v - mean;
      return std::fma(d, d, sum);
    });
  }
  return {static_cast<T>(mean), static_cast<T>(1.0 / std::sqrt(squares / n + eps))};
}
}  // namespace detail

/// Per row over its channels: normalized = (x - mean) / sqrt(variance + eps); `inverse_deviation`
/// (rows) is kept for the gradient.
template <typename T>
void layer_norm(MatrixView<const T> x, double eps, MatrixView<T> normalized, T* inverse_deviation,
                Executor& executor = serial_executor()) {
  executor.parallel_for(
      static_cast<std::size_t>(x.rows), 256, [&](std::size_t first, std::size_t last) {
        for (auto i = static_cast<Index>(first); i < static_cast<Index>(last); ++i) {
          const T* r = x.row(i);
          const auto [m, inverse] = detail::row_norm(r, x.cols, eps);
          inverse_deviation[i] = inverse;
          T* o = normalized.row(i);
          for (Index c = 0; c < x.cols; ++c) {
            const T d = r[c] - m;
            o[c] = d * inverse;
          }
        }
      });
}

/// layer_norm(), times gamma, plus beta, to the bit what two steps give.
/// @param gamma, beta  (cols)
inline void affine_layer_norm(MatrixView<const float> x, double eps, const float* gamma,
                              const float* beta, MatrixView<float> out, Executor& executor) {
  executor.parallel_for(
      static_cast<std::size_t>(x.rows), 256, [&](std::size_t first, std::size_t last) {
        for (auto i = static_cast<Index>(first); i < static_cast<Index>(last); ++i) {
          const float* r = x.row(i);
          const auto [mean, inverse] = detail::row_norm(r, x.cols, eps);
          kernels::affine_normalized(r, mean, inverse, gamma, beta, out.row(i), x.cols);
        }
      });
}

/// See instance_norm().
struct InstanceNorm {
  static constexpr bool takes_columns = true;

  double eps = norm_eps;

  [[nodiscard]] MatrixShape shape(MatrixShape s) const noexcept { return s; }
  [[nodiscard]] double cost(MatrixShape s) const noexcept { return 5 * s.size(); }
  [[nodiscard]] Index kept(MatrixShape s) const noexcept { return s.cols; }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, T* inverse, Executor& executor) const {
    instance_norm(x, eps, out, inverse, executor);
  }
  /// d x = inverse (d y - mean(d y) - y mean(y d y)), per channel.
  template <typename T>
  void backward(MatrixView<const T> x, MatrixView<const T> out, const T* inverse,
                MatrixView<const T> g, MatrixView<T> d) const {
    const auto y = map(out);
    const auto n = static_cast<T>(x.rows);
    const Eigen::Matrix<T, 1, Eigen::Dynamic> mean = map(g).colwise().sum() / n,
                                              along = map(g).cwiseProduct(y).colwise().sum() / n;
    for (Index i = 0; i < x.rows; ++i)
      for (Index c = 0; c < x.cols; ++c)
        d(i, c) += inverse[c] * (g(i, c) - mean[c] - y(i, c) * along[c]);
  }
};

/// See layer_norm().
struct LayerNorm {
  static constexpr bool takes_columns = true;

  double eps = norm_eps;

  [[nodiscard]] MatrixShape shape(MatrixShape s) const noexcept { return s; }
  [[nodiscard]] double cost(MatrixShape s) const noexcept { return 5 * s.size(); }
  [[nodiscard]] Index kept(MatrixShape s) const noexcept { return s.rows; }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, T* inverse, Executor& executor) const {
    layer_norm(x, eps, out, inverse, executor);
  }
  template <typename T>
  void backward(MatrixView<const T> x, MatrixView<const T> y, const T* inverse,
                MatrixView<const T> g, MatrixView<T> d) const {
    for (Index i = 0; i < x.rows; ++i) {
      const auto gi = map(g).row(i), yi = map(y).row(i);
      const T mean = gi.mean(), along = gi.dot(yi) / static_cast<T>(x.cols);
      for (Index c = 0; c < x.cols; ++c) d(i, c) += inverse[i] * (gi[c] - mean - yi[c] * along);
    }
  }
};

static_assert(operation<InstanceNorm> && operation<LayerNorm>);

}  // namespace amq::ops
