#pragma once
/// @file
/// Normalization of groups of channels over all points of a sample (Wu and He 2018, "Group
/// normalization", eq. 7), without its scale and shift.

#include <amq/ops/norm.hpp>
#include <amq/ops/operation.hpp>

#include <cmath>
#include <string>
#include <vector>

namespace amq::ops {

/// (x - mean) / sqrt(variance + eps) over the points and the channels / groups channels of a group,
/// sample by sample; biased variance, sums in double.
struct GroupNorm {
  Index samples = 1, groups = 1;
  double eps = norm_eps;

  [[nodiscard]] MatrixShape shape(MatrixShape s) const noexcept { return s; }
  [[nodiscard]] double cost(MatrixShape s) const noexcept {
    return 5.0 * static_cast<double>(s.rows) * static_cast<double>(s.cols);
  }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor& executor) const {
    const Index points = x.rows / samples, width = x.cols / groups;
    executor.parallel_for(static_cast<std::size_t>(samples), 1, [&](std::size_t b, std::size_t e) {
      std::vector<Moments> moments(static_cast<std::size_t>(groups));
      for (auto s = static_cast<Index>(b); s < static_cast<Index>(e); ++s) {
        measure(x, s, moments);
        for (Index i = s * points; i < (s + 1) * points; ++i)
          for (Index g = 0; g < groups; ++g) {
            const Moments& m = moments[static_cast<std::size_t>(g)];
            const auto mean = static_cast<T>(m.mean), inverse = static_cast<T>(m.inverse);
            const T* r = x.row(i) + g * width;
            T* o = out.row(i) + g * width;
            for (Index c = 0; c < width; ++c) {
              const T d = r[c] - mean;
              o[c] = d * inverse;
            }
          }
      }
    });
  }
  /// d x = inverse (d y - mean(d y) - y mean(y d y)), per group.
  template <typename T>
  void backward(MatrixView<const T> x, MatrixView<const T> y, MatrixView<const T> dy,
                MatrixView<T> dx) const {
    const Index points = x.rows / samples, width = x.cols / groups;
    std::vector<Moments> moments(static_cast<std::size_t>(groups));
    for (Index s = 0; s < samples; ++s) {
      measure(x, s, moments);
      for (Index g = 0; g < groups; ++g) {
        double mean = 0, along = 0;
        for (Index i = s * points; i < (s + 1) * points; ++i)
          for (Index c = g * width; c < (g + 1) * width; ++c) {
            mean += static_cast<double>(dy(i, c));
            along += static_cast<double>(dy(i, c)) * static_cast<double>(y(i, c));
          }
        const auto n = static_cast<double>(points * width);
        const auto a = static_cast<T>(mean / n), b = static_cast<T>(along / n),
                   inverse = static_cast<T>(moments[static_cast<std::size_t>(g)].inverse);
        for (Index i = s * points; i < (s + 1) * points; ++i)
          for (Index c = g * width; c < (g + 1) * width; ++c)
            dx(i, c) += inverse * (dy(i, c) - a - y(i, c) * b);
      }
    }
  }

 private:
  struct Moments {
    double mean = 0, inverse = 0;
  };
  /// Channel by channel down the rows, then the channels of a group in their order.
  template <typename T>
  void measure(MatrixView<const T> x, Index sample, std::vector<Moments>& moments) const {
    const Index points = x.rows / samples, width = x.cols / groups, first = sample * points;
    std::vector<double> sum(static_cast<std::size_t>(x.cols), 0.0), square(sum);
    for (Index i = first; i < first + points; ++i) {
      const T* r = x.row(i);
      for (Index c = 0; c < x.cols; ++c)
        sum[static_cast<std::size_t>(c)] += static_cast<double>(r[c]);
    }
    const auto n = static_cast<double>(points * width);
    for (Index g = 0; g < groups; ++g) {
      double total = 0;
      for (Index c = g * width; c < (g + 1) * width; ++c) total += sum[static_cast<std::size_t>(c)];
      for (Index c = g * width; c < (g + 1) * width; ++c)
        sum[static_cast<std::size_t>(c)] = total / n;
      moments[static_cast<std::size_t>(g)].mean = total / n;
    }
    for (Index i = first; i < first + points; ++i) {
      const T* r = x.row(i);
      for (Index c = 0; c < x.cols; ++c) {
        const auto k = static_cast<std::size_t>(c);
        const double d = static_cast<double>(r[c]) - sum[k];
        square[k] = std::fma(d, d, square[k]);
      }
    }
    for (Index g = 0; g < groups; ++g) {
      double total = 0;
      for (Index c = g * width; c < (g + 1) * width; ++c)
        total += square[static_cast<std::size_t>(c)];
      moments[static_cast<std::size_t>(g)].inverse = 1.0 / std::sqrt(total / n + eps);
    }
  }
};

}  // namespace amq::ops

namespace amq::ops {
static_assert(ops::operation<ops::GroupNorm>);
}  // namespace amq::ops
