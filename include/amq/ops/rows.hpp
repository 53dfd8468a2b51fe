#pragma once
/// @file
/// The forward mathematics of every operation that is not a quantized product, once, for all
/// arithmetics that keep numbers as floats. Shapes are (row, channel). Sums run in one fixed order
/// and no product is followed by a sum in one expression, so results do not depend on vector width.

#include <amq/core/activation.hpp>
#include <amq/core/eigen.hpp>
#include <amq/core/executor.hpp>
#include <amq/kernels/activation.hpp>
#include <amq/mesh/graph.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

namespace amq {

/// The eps of torch_geometric's InstanceNorm and torch's LayerNorm.
inline constexpr double norm_eps = 1e-5;

namespace ops {

/// out(r) = x(rows[r])
template <typename T>
void gather(MatrixView<const T> x, std::span<const std::int32_t> rows, MatrixView<T> out) noexcept {
  for (std::size_t r = 0; r < rows.size(); ++r)
    std::copy_n(x.row(rows[r]), x.cols, out.row(static_cast<Index>(r)));
}

/// out(e) = at_receiver(receiver of e) + at_sender(sender of e): what is left of an edge network's
/// first layer after it has been split.
template <typename T>
void edge_sum(MatrixView<const T> at_receiver, MatrixView<const T> at_sender, const Graph& g,
              MatrixView<T> out) noexcept {
  for (Index e = 0; e < g.n_edges(); ++e) {
    const T* a = at_receiver.row(g.receiver[static_cast<std::size_t>(e)]);
    const T* b = at_sender.row(g.sender[static_cast<std::size_t>(e)]);
    T* o = out.row(e);
    for (Index c = 0; c < out.cols; ++c) o[c] = a[c] + b[c];
  }
}

/// out(i) = sum over the edges that arrive at i, in their order; divided by their number if `mean`.
/// A node without edges gets 0.
template <typename T>
void segment_reduce(MatrixView<const T> x, std::span<const std::int32_t> first, bool mean,
                    MatrixView<T> out) noexcept {
  for (Index i = 0; i < out.rows; ++i) {
    T* o = out.row(i);
    std::fill_n(o, out.cols, T(0));
    const Index begin = first[static_cast<std::size_t>(i)],
                end = first[static_cast<std::size_t>(i) + 1];
    for (Index e = begin; e < end; ++e) {
      const T* m = x.row(e);
      for (Index c = 0; c < out.cols; ++c) o[c] += m[c];
    }
    if (mean && end > begin) {
      const T share = T(1) / static_cast<T>(end - begin);
      for (Index c = 0; c < out.cols; ++c) o[c] *= share;
    }
  }
}

/// Per channel over all rows: out = (x - mean) / sqrt(variance + eps), biased variance, no affine
/// part (torch_geometric's InstanceNorm of one graph). `inverse_deviation` (cols) is kept for the
/// gradient. Sums of distances to the first row and of their squares, in double, of 256 rows and
/// then of these in their order: one reading, the same bits for any number of threads.
template <typename T>
void instance_norm(MatrixView<const T> x, double eps, MatrixView<T> out, T* inverse_deviation,
                   Executor& executor = serial_executor()) {
  constexpr std::size_t block = 256;
  const auto cols = static_cast<std::size_t>(x.cols), rows = static_cast<std::size_t>(x.rows);
  const std::size_t blocks = (rows + block - 1) / block;
  if (rows == 0) return;
  std::vector<double> sums(blocks * 2 * cols, 0.0);
  executor.parallel_for(blocks, 1, [&](std::size_t first, std::size_t last) {
    for (std::size_t b = first; b < last; ++b) {
      double *sum = sums.data() + 2 * b * cols, *square = sum + cols;
      const T* origin = x.row(0);
      for (std::size_t i = b * block; i < std::min(rows, (b + 1) * block); ++i) {
        const T* r = x.row(static_cast<Index>(i));
        for (std::size_t c = 0; c < cols; ++c) {
          const double d = static_cast<double>(r[c]) - static_cast<double>(origin[c]);
          sum[c] += d;
          square[c] = std::fma(d, d, square[c]);
        }
      }
    }
  });
  for (std::size_t b = 1; b < blocks; ++b)
    for (std::size_t c = 0; c < 2 * cols; ++c) sums[c] += sums[2 * b * cols + c];
  std::vector<T> centre(cols);
  const auto n = static_cast<double>(rows);
  for (std::size_t c = 0; c < cols; ++c) {
    const double distance = sums[c] / n;
    const double var = std::fma(-distance, distance, sums[cols + c] / n);
    inverse_deviation[c] = static_cast<T>(1.0 / std::sqrt(std::max(var, 0.0) + eps));
    centre[c] = static_cast<T>(static_cast<double>(x.row(0)[c]) + distance);
  }
  executor.parallel_for(rows, block, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      const T* r = x.row(static_cast<Index>(i));
      T* o = out.row(static_cast<Index>(i));
      for (std::size_t c = 0; c < cols; ++c) {
        const T d = r[c] - centre[c];
        o[c] = d * inverse_deviation[c];
      }
    }
  });
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

/// Per row over its channels: normalized = (x - mean) / sqrt(variance + eps); `inverse_deviation`
/// (rows) is kept for the gradient.
template <typename T>
void layer_norm(MatrixView<const T> x, double eps, MatrixView<T> normalized,
                T* inverse_deviation) noexcept {
  const auto n = static_cast<double>(x.cols);
  for (Index i = 0; i < x.rows; ++i) {
    const T* r = x.row(i);
    const double mean =
        detail::lane_sum(r, x.cols, [](double sum, double v) { return sum + v; }) / n;
    const double var = detail::lane_sum(r, x.cols, [mean](double sum, double v) {
      const double d = v - mean;
      return std::fma(d, d, sum);
    });
    const T m = static_cast<T>(mean),
            inverse = inverse_deviation[i] = static_cast<T>(1.0 / std::sqrt(var / n + eps));
    T* o = normalized.row(i);
    for (Index c = 0; c < x.cols; ++c) {
      const T d = r[c] - m;
      o[c] = d * inverse;
    }
  }
}

/// Rows of `channels` x `length` numbers, channel-major as PyTorch has them, become windows:
/// out(row * n_windows + p, channel * kernel + k) = x(row, channel * length + p * stride + k),
/// zero where the padding reaches over the end. A convolution is then a product with PyTorch's own
/// (out, channels * kernel) weight.
struct Windows {
  Index channels = 1, length = 0, kernel = 1, stride = 1, padding = 0;
  [[nodiscard]] constexpr Index count() const noexcept {
    return (length + 2 * padding - kernel) / stride + 1;
  }
};
template <typename T>
void windows(MatrixView<const T> x, const Windows& w, MatrixView<T> out) noexcept {
  const Index n = w.count();
  for (Index i = 0; i < x.rows; ++i)
    for (Index p = 0; p < n; ++p) {
      T* o = out.row(i * n + p);
      for (Index c = 0; c < w.channels; ++c)
        for (Index k = 0; k < w.kernel; ++k) {
          const Index at = p * w.stride + k - w.padding;
          *o++ = at < 0 || at >= w.length ? T(0) : x(i, c * w.length + at);
        }
    }
}

/// (row * n + p, channel) -> (row, channel * n + p): the windows' outputs become a signal again.
template <typename T>
void fold_windows(MatrixView<const T> x, Index n, MatrixView<T> out) noexcept {
  for (Index i = 0; i < out.rows; ++i)
    for (Index p = 0; p < n; ++p)
      for (Index c = 0; c < x.cols; ++c) out(i, c * n + p) = x(i * n + p, c);
}

/// out = f(x); floats by the kernels' polynomials, the same on every machine. `derivative`, if
/// wanted, is f'(x).
template <typename T>
void activate(Activation f, MatrixView<const T> x, MatrixView<T> out, T* derivative = nullptr) {
  using Row = Eigen::Array<T, 1, Eigen::Dynamic>;
  if constexpr (std::is_same_v<T, float>) {
    if (!derivative) return kernels::activate(f, x.data, out.data, x.size());
  }
  // A few kilobytes at a time, so that what Eigen computes in several sweeps stays in L1.
  constexpr Index block = 512;
  Row s(block);
  AMQ_ASSERT(x.contiguous() && out.contiguous(), "activate reads whole blocks");
  for (Index begin = 0; begin < x.size(); begin += block) {
    const Index n = std::min(block, x.size() - begin);
    Eigen::Map<const Row> v(x.data + begin, n);
    Eigen::Map<Row> y(out.data + begin, n);
    T* d = derivative == nullptr ? nullptr : derivative + begin;
    Eigen::Map<Row> dy(d, d == nullptr ? 0 : n);
    auto t = s.head(n);
    switch (f) {
      case Activation::none:
        y = v;
        if (d) dy.setOnes();
        break;
      case Activation::relu:
        y = v.max(T(0));
        if (d) dy = (v > T(0)).template cast<T>();
        break;
      case Activation::sigmoid:
        t = T(1) / (T(1) + (-v).exp());
        if (d) dy = t * (T(1) - t);
        y = t;
        break;
      case Activation::swish:
        t = T(1) / (T(1) + (-v).exp());
        if (d) dy = t * (T(1) + v * (T(1) - t));
        y = v * t;
        break;
      case Activation::tanh:
        t = v.tanh();
        if (d) dy = T(1) - t * t;
        y = t;
        break;
      case Activation::gelu:
        t = v.unaryExpr([](T a) { return T(0.5) * std::erfc(-a * T(0.70710678118654752440)); });
        if (d) dy = t + v * (T(-0.5) * v * v).exp() * T(0.39894228040143267794);
        y = v * t;
        break;
    }
    if constexpr (std::is_same_v<T, float>) kernels::activate(f, v.data(), y.data(), n);
  }
}

}  // namespace ops
}  // namespace amq
