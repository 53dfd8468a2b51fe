#pragma once
/// @file
/// Linear interpolation between grids inside a network, with its gradient. For fields outside a
/// network there is amq_lab/problems/resample.hpp.

#include <amq/mesh/grid.hpp>
#include <amq/ops/grid_shape.hpp>
#include <amq/ops/operation.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace amq::ops {

/// Linear along each axis: centres as torch's interpolate(align_corners=False), nodes as
/// align_corners=True, periodic points at i / n.
struct Interpolate {
  GridShape from, to;
  GridPoints points = GridPoints::centres;

  [[nodiscard]] MatrixShape shape(MatrixShape s) const noexcept { return {to.rows(), s.cols}; }
  [[nodiscard]] double cost(MatrixShape s) const noexcept {
    return 2.0 * static_cast<double>(to.rows()) * static_cast<double>(s.cols << from.dims);
  }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor& executor) const {
    executor.parallel_for(static_cast<std::size_t>(to.rows()), 256,
                          [&](std::size_t b, std::size_t e) {
                            for (auto i = static_cast<Index>(b); i < static_cast<Index>(e); ++i) {
                              T* o = out.row(i);
                              std::fill_n(o, out.cols, T(0));
                              each_corner(i, [&](Index row, double share) {
                                const auto w = static_cast<T>(share);
                                const T* v = x.row(row);
                                for (Index c = 0; c < out.cols; ++c) o[c] = std::fma(w, v[c], o[c]);
                              });
                            }
                          });
  }
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T> dy,
                MatrixView<T> dx) const noexcept {
    for (Index i = 0; i < dy.rows; ++i)
      each_corner(i, [&](Index row, double share) {
        const auto w = static_cast<T>(share);
        for (Index c = 0; c < dy.cols; ++c) dx(row, c) += w * dy(i, c);
      });
  }

 private:
  struct Line {
    std::array<Index, 2> at;
    std::array<double, 2> share;
  };
  [[nodiscard]] Line line(Index k, Index n, Index m) const noexcept {
    const auto o = static_cast<double>(k), in = static_cast<double>(n),
               out = static_cast<double>(m);
    double p = points == GridPoints::centres    ? (o + 0.5) * in / out - 0.5
               : points == GridPoints::periodic ? o * in / out
               : m > 1                          ? o * (in - 1) / (out - 1)
                                                : 0.0;
    if (points != GridPoints::periodic) p = std::clamp(p, 0.0, in - 1);
    const auto base = std::min(static_cast<Index>(p), n - 1);
    const double share = p - static_cast<double>(base);
    const Index next = points == GridPoints::periodic ? (base + 1) % n : std::min(base + 1, n - 1);
    return {{base, next}, {1 - share, share}};
  }
  /// f(row of `from`, its share) for the corners around point i of `to`, in one order.
  template <typename F>
  void each_corner(Index i, const F& f) const noexcept {
    std::array<Line, 3> lines;
    Index left = i;
    for (int a = 2; a >= 0; --a) {
      lines[static_cast<std::size_t>(a)] = line(left % to[a], from[a], to[a]);
      left /= to[a];
    }
    for (std::size_t corner = 0; corner < std::size_t{1} << from.dims; ++corner) {
      Index row = left;
      double share = 1;
      for (int a = 0; a < 3; ++a) {
        const Line& l = lines[static_cast<std::size_t>(a)];
        const std::size_t side = a < from.dims ? corner >> a & 1 : 0;
        row = row * from[a] + l.at[side];
        share *= l.share[side];
      }
      if (share != 0) f(row, share);
    }
  }
};

}  // namespace amq::ops

namespace amq::ops {
static_assert(ops::operation<ops::Interpolate>);
}  // namespace amq::ops
