#pragma once
/// @file
/// What makes a convolution on a grid a product: patches before it, sub-points spread after it; and
/// pooling.

#include <amq/kernels/patches.hpp>
#include <amq/ops/grid_shape.hpp>
#include <amq/ops/operation.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <vector>

namespace amq::ops {

/// What a convolution reads beyond the ends of an axis.
enum class Padding : std::uint8_t { zero, circular };

/// The points a kernel sees, side by side: (sample x point, channel) -> (sample x output point,
/// tap x channel), the last axis of the kernel fastest. Output point o sees the points
/// stride o - padding + tap of each axis.
struct Patches {
  GridShape from, to;
  std::array<Index, 3> kernel{1, 1, 1}, padding{0, 0, 0};
  Index stride = 1;
  Padding beyond = Padding::zero;

  /// Every axis of `from` with the same kernel, stride and padding at both ends.
  /// @throws Error where the kernel is longer than the padded grid, or circular padding than the
  /// grid
  Patches(const GridShape& grid, Index size, Index step, Index pad, Padding outside = Padding::zero)
      : from(grid), to(grid), stride(step), beyond(outside) {
    for (int a = 0; a < grid.dims; ++a) {
      const Index left = grid[a] + 2 * pad - size;
      if (size < 1 || step < 1 || pad < 0 || left < 0 ||
          (beyond == Padding::circular && pad > grid[a]))
        throw Error("convolution",
                    "at least " + std::to_string(std::max<Index>(1, size - 2 * pad)) +
                        " points along axis " + std::to_string(a),
                    grid.text(), "Take a finer grid or a smaller kernel.");
      kernel[static_cast<std::size_t>(a)] = size;
      padding[static_cast<std::size_t>(a)] = pad;
      to[a] = left / step + 1;
    }
  }
  [[nodiscard]] Index taps() const noexcept { return kernel[0] * kernel[1] * kernel[2]; }
  [[nodiscard]] MatrixShape shape(MatrixShape s) const noexcept {
    return {to.rows(), s.cols * taps()};
  }
  [[nodiscard]] double cost(MatrixShape) const noexcept { return 0; }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor& executor) const {
    executor.parallel_for(static_cast<std::size_t>(to.rows()), 256,
                          [&](std::size_t begin, std::size_t end) {
                            gather(x, static_cast<Index>(begin), static_cast<Index>(end),
                                   out.row(static_cast<Index>(begin)), out.stride);
                          });
  }
  /// The patches of output rows begin .. end - 1, `stride_out` numbers apart; beyond the ends lies
  /// `outside`.
  template <typename T>
  void gather(MatrixView<const T> x, Index begin, Index end, T* out, Index stride_out,
              T outside = T(0)) const noexcept {
    for (Index row = begin; row < end; ++row, out += stride_out) {
      T* o = out;
      each_tap(row, [&](Index point) {
        if (point < 0)
          std::fill_n(o, x.cols, outside);
        else
          std::copy_n(x.row(point), x.cols, o);
        o += x.cols;
      });
    }
  }
  /// The product of the patches, rows on grids by their smallest and largest number.
  /// @pre zeros lie beyond the ends, and 1 to 8 bits
  template <typename Rule>
  void multiply(MatrixView<const float> x, const BasicRowCoder<Rule>& coder,
                const kernels::PackedWeights& w, Activation f, MatrixView<float> out,
                Executor& executor) const {
    static thread_local AlignedVector<float> ranges;
    float* smallest = at_least(ranges, 2 * x.rows);
    kernels::row_ranges(x, smallest, smallest + x.rows, executor);
    executor.parallel_for(
        static_cast<std::size_t>(out.rows), 480, [&](std::size_t begin, std::size_t end) {
          static thread_local AlignedVector<std::int32_t> points;
          const auto first = static_cast<Index>(begin), n = static_cast<Index>(end) - first;
          std::int32_t* point = at_least(points, n * taps());
          for (Index row = first; row < first + n; ++row)
            each_tap(row, [&](Index p) { *point++ = static_cast<std::int32_t>(p); });
          kernels::linear_patches({x, smallest, smallest + x.rows, points.data(), taps()}, coder, w,
                                  f, {out.row(first), n, out.cols, out.stride});
        });
  }
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T> dy,
                MatrixView<T> dx) const noexcept {
    for (Index row = 0; row < dy.rows; ++row) {
      const T* d = dy.row(row);
      each_tap(row, [&](Index point) {
        if (point >= 0) {
          T* to_add = dx.row(point);
          for (Index c = 0; c < dx.cols; ++c) to_add[c] += d[c];
        }
        d += dx.cols;
      });
    }
  }

 private:
  /// f(row of the point under the tap, or -1 for a zero), tap by tap.
  template <typename F>
  void each_tap(Index row, const F& f) const noexcept {
    std::array<Index, 3> first;
    Index left = row;
    for (int a = 2; a >= 0; --a) {
      const auto k = static_cast<std::size_t>(a);
      first[k] = left % to[a] * stride - padding[k];
      left /= to[a];
    }
    const Index sample = left * from.points();
    for (Index i = 0; i < kernel[0]; ++i) {
      const Index p = place(first[0] + i, from[0]);
      for (Index j = 0; j < kernel[1]; ++j) {
        const Index q = place(first[1] + j, from[1]);
        for (Index k = 0; k < kernel[2]; ++k) {
          const Index r = place(first[2] + k, from[2]);
          f(p < 0 || q < 0 || r < 0 ? Index{-1} : sample + (p * from[1] + q) * from[2] + r);
        }
      }
    }
  }
  /// At most one period beyond the ends.
  [[nodiscard]] Index place(Index at, Index n) const noexcept {
    if (at >= 0 && at < n) return at;
    if (beyond == Padding::zero) return -1;
    return at < 0 ? at + n : at - n;
  }
};

/// Rows of `stride`^dims sub-points x channels become points of a finer grid: point o of an axis is
/// sub-point (o + crop) mod stride of row (o + crop) / stride. What follows the product of a
/// transposed convolution.
struct SpreadSubpoints {
  GridShape from, to;
  Index stride = 2, crop = 0;

  [[nodiscard]] Index count() const noexcept {
    Index n = 1;
    for (int a = 0; a < from.dims; ++a) n *= stride;
    return n;
  }
  [[nodiscard]] MatrixShape shape(MatrixShape s) const noexcept {
    return {to.rows(), s.cols / count()};
  }
  [[nodiscard]] double cost(MatrixShape) const noexcept { return 0; }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor& executor) const {
    executor.parallel_for(static_cast<std::size_t>(to.rows()), 256,
                          [&](std::size_t b, std::size_t e) {
                            for (auto i = static_cast<Index>(b); i < static_cast<Index>(e); ++i) {
                              const auto [row, sub] = source(i);
                              std::copy_n(x.row(row) + sub * out.cols, out.cols, out.row(i));
                            }
                          });
  }
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T> dy,
                MatrixView<T> dx) const noexcept {
    for (Index i = 0; i < dy.rows; ++i) {
      const auto [row, sub] = source(i);
      T* d = dx.row(row) + sub * dy.cols;
      for (Index c = 0; c < dy.cols; ++c) d[c] += dy(i, c);
    }
  }

 private:
  struct Source {
    Index row, sub;
  };
  [[nodiscard]] Source source(Index i) const noexcept {
    Source s{0, 0};
    Index left = i, row_stride = 1, sub_stride = 1;
    for (int a = from.dims - 1; a >= 0; --a) {
      const Index at = left % to[a] + crop;
      left /= to[a];
      s.row += at / stride * row_stride;
      s.sub += at % stride * sub_stride;
      row_stride *= from[a];
      sub_stride *= stride;
    }
    s.row += left * row_stride;
    return s;
  }
};

/// The largest or the mean of blocks of `size` points along each axis; what is left over at the far
/// end is dropped, as in PyTorch. Where several are largest, the gradient goes to the first.
template <bool Max>
struct Pool {
  GridShape from, to;
  Index size = 2;

  /// @throws Error where an axis has fewer points than a block
  explicit Pool(const GridShape& grid, Index block = 2) : from(grid), to(grid), size(block) {
    for (int a = 0; a < grid.dims; ++a) {
      if (block < 1 || grid[a] < block)
        throw Error("pooling", "at least " + std::to_string(block) + " points along each axis",
                    grid.text(), "Take a finer grid.");
      to[a] = grid[a] / block;
    }
  }
  [[nodiscard]] MatrixShape shape(MatrixShape s) const noexcept { return {to.rows(), s.cols}; }
  [[nodiscard]] double cost(MatrixShape s) const noexcept {
    return static_cast<double>(s.rows) * static_cast<double>(s.cols);
  }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor& executor) const {
    const T share = T(1) / static_cast<T>(block_points());
    executor.parallel_for(
        static_cast<std::size_t>(to.rows()), 256, [&](std::size_t b, std::size_t e) {
          for (auto i = static_cast<Index>(b); i < static_cast<Index>(e); ++i) {
            T* o = out.row(i);
            std::fill_n(o, out.cols, Max ? std::numeric_limits<T>::lowest() : T(0));
            each_point(i, [&](Index row) {
              const T* v = x.row(row);
              for (Index c = 0; c < out.cols; ++c)
                o[c] = Max ? (v[c] > o[c] ? v[c] : o[c]) : o[c] + v[c];
            });
            if constexpr (!Max)
              for (Index c = 0; c < out.cols; ++c) o[c] *= share;
          }
        });
  }
  template <typename T>
  void backward(MatrixView<const T> x, MatrixView<const T> y, MatrixView<const T> dy,
                MatrixView<T> dx) const {
    const T share = T(1) / static_cast<T>(block_points());
    std::vector<std::uint8_t> given(static_cast<std::size_t>(dy.cols));
    for (Index i = 0; i < dy.rows; ++i) {
      std::fill(given.begin(), given.end(), std::uint8_t{0});
      each_point(i, [&](Index row) {
        for (Index c = 0; c < dy.cols; ++c) {
          if constexpr (!Max) {
            dx(row, c) += share * dy(i, c);
          } else if (auto& done = given[static_cast<std::size_t>(c)];
                     !done && x(row, c) == y(i, c)) {
            dx(row, c) += dy(i, c);
            done = 1;
          }
        }
      });
    }
  }

 private:
  [[nodiscard]] Index block_points() const noexcept {
    Index n = 1;
    for (int a = 0; a < from.dims; ++a) n *= size;
    return n;
  }
  template <typename F>
  void each_point(Index i, const F& f) const noexcept {
    std::array<Index, 3> at;
    Index left = i;
    for (int a = 2; a >= 0; --a) {
      at[static_cast<std::size_t>(a)] = left % to[a] * (a < from.dims ? size : 1);
      left /= to[a];
    }
    const Index base = left * from.points();
    const Index n1 = from.dims > 1 ? size : 1, n2 = from.dims > 2 ? size : 1;
    for (Index p = at[0]; p < at[0] + size; ++p)
      for (Index q = at[1]; q < at[1] + n1; ++q)
        for (Index r = at[2]; r < at[2] + n2; ++r) f(base + (p * from[1] + q) * from[2] + r);
  }
};
using MaxPool = Pool<true>;
using MeanPool = Pool<false>;

static_assert(ops::operation<ops::Patches> && ops::operation<ops::SpreadSubpoints> &&
              ops::operation<ops::MaxPool> && ops::operation<ops::MeanPool>);

}  // namespace amq::ops
