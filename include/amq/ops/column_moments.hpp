#pragma once
/// @file
/// Mean and variance of every column over all rows, in sums that have no order: the same bits for
/// any number of threads, for rows in any order, and for rows that lie with several ranks.

#include <amq/config.hpp>
#include <amq/core/everyone.hpp>
#include <amq/core/executor.hpp>
#include <amq/core/matrix_view.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace amq::ops {

/// Two readings of the rows. The first finds the lowest and the highest number of each column. They
/// give an origin, and a step so fine that the sum of as many distances to the origin as there are
/// rows just fits into a double: distances are rounded to whole steps, and so are their squares, to
/// steps of their own. Sums of whole steps are exact, therefore without order, and are handed
/// around as int64. A distance keeps 52 - log2(rows) binary digits below the widest one; what
/// rounding takes from their sum is of the size of what a sum of doubles loses.
///
/// Memory is kept: rows of the same shape, measured again, allocate nothing.
/// @tparam T  of the rows
template <typename T>
class ColumnMoments {
 public:
  /// @param x    (row, column) own rows, maybe none
  /// @param all  who has the other rows
  template <everyone All>
  void measure(MatrixView<const T> x, Executor& executor, All& all) {
    cols_ = static_cast<std::size_t>(x.cols);
    rows_ = all.nodes(x.rows);
    range_.assign(2 * cols_, lowest);
    sums_.assign(2 * cols_, 0);
    columns_.assign(cols_, {});
    find_range(x, executor);
    all.max(range_);
    place_steps();
    add_up(x, executor);
    all.sum(sums_);
  }
  /// NaN where a number of the column is not finite.
  [[nodiscard]] double mean(Index c) const noexcept {
    const Column& k = columns_[static_cast<std::size_t>(c)];
    return k.origin + distance(static_cast<std::size_t>(c));
  }
  /// At least 0; NaN like the mean.
  [[nodiscard]] double variance(Index c) const noexcept {
    const auto i = static_cast<std::size_t>(c);
    const double d = distance(i), square = static_cast<double>(sums_[cols_ + i]) *
                                           columns_[i].step_of_squares / static_cast<double>(rows_);
    const double v = std::fma(-d, d, square);
    return v < 0 ? 0 : v;  // NaN stays
  }

 private:
  static constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  static constexpr std::size_t block = 256;
  /// Rows read at once, so that what is kept of a column is fetched once for all of them.
  static constexpr Index together = 4;
  struct Column {
    double origin = 0, step = 1, step_of_squares = 1;
    double round = 0, round_squares = 0;  ///< added and taken away again, they leave whole steps
  };

  [[nodiscard]] double distance(std::size_t c) const noexcept {
    return static_cast<double>(sums_[c]) * columns_[c].step / static_cast<double>(rows_);
  }
  /// run(block, first row, last row) for blocks of rows.
  template <typename Run>
  static void blocks(Index n, Executor& executor, const Run& run) {
    const auto rows = static_cast<std::size_t>(n), many = (rows + block - 1) / block;
    executor.parallel_for(many, 1, [&](std::size_t first, std::size_t last) {
      for (std::size_t b = first; b < last; ++b)
        run(b, static_cast<Index>(b * block), static_cast<Index>(std::min(rows, (b + 1) * block)));
    });
  }
  [[nodiscard]] static std::size_t block_count(Index rows) noexcept {
    return (static_cast<std::size_t>(rows) + block - 1) / block;
  }
  /// Loops over columns with nothing between them but what is kept of each: compilers make vectors
  /// of these, and of no others that were tried.
  /// @param first, last  rows; `together` of them are read, the last one again where there are less
  static void widen_range(MatrixView<const T> x, Index first, Index last, std::size_t cols,
                          T* AMQ_RESTRICT high, T* AMQ_RESTRICT low, T* AMQ_RESTRICT odd) noexcept {
    const T* AMQ_RESTRICT r[together];
    for (Index k = 0; k < together; ++k) r[k] = x.row(std::min(first + k, last - 1));
    for (std::size_t c = 0; c < cols; ++c) {
      T h = high[c], l = low[c], o = odd[c];
      for (Index k = 0; k < together; ++k) {
        const T v = r[k][c];
        h = h < v ? v : h;
        l = v < l ? v : l;
        o += v - v;  // NaN once a number was not finite
      }
      high[c] = h, low[c] = l, odd[c] = o;
    }
  }
  /// @param steps  (3, column): origin, round, round_squares
  static void add_steps(MatrixView<const T> x, Index first, Index last, std::size_t cols,
                        const double* AMQ_RESTRICT steps, double* AMQ_RESTRICT sum,
                        double* AMQ_RESTRICT square) noexcept {
    const auto add = [&]<Index Rows>(Index from) AMQ_INLINE_LAMBDA {
      const T* AMQ_RESTRICT r[Rows];
      for (Index k = 0; k < Rows; ++k) r[k] = x.row(from + k);
      for (std::size_t c = 0; c < cols; ++c) {
        const double origin = steps[c], round = steps[cols + c], rounds = steps[2 * cols + c];
        double s = sum[c], q = square[c];
        for (Index k = 0; k < Rows; ++k) {
          const double d = static_cast<double>(r[k][c]) - origin;
          s += (d + round) - round;
          q += std::fma(d, d, rounds) - rounds;
        }
        sum[c] = s, square[c] = q;
      }
    };
    if (last - first >= together) return add.template operator()<together>(first);
    for (; first < last; ++first) add.template operator()<1>(first);
  }
  void find_range(MatrixView<const T> x, Executor& executor) {
    const std::size_t many = block_count(x.rows);
    ends_.assign(many * 3 * cols_, T(0));
    blocks(x.rows, executor, [&](std::size_t b, Index first, Index last) {
      T* const high = ends_.data() + 3 * b * cols_;
      T *const low = high + cols_, *const odd = low + cols_;
      std::copy_n(x.row(first), cols_, high);
      std::copy_n(x.row(first), cols_, low);
      for (Index i = first; i < last; i += together) widen_range(x, i, last, cols_, high, low, odd);
      for (std::size_t c = 0; c < cols_; ++c)
        if (!(odd[c] == 0)) {
          high[c] = std::numeric_limits<T>::infinity();
          low[c] = -high[c];
        }
    });
    for (std::size_t b = 0; b < many; ++b)
      for (std::size_t c = 0; c < cols_; ++c) {
        const T *high = ends_.data() + 3 * b * cols_, *low = high + cols_;
        range_[c] = std::max(range_[c], ordered_bits(static_cast<double>(high[c])));
        range_[cols_ + c] = std::max(range_[cols_ + c], ordered_bits(-static_cast<double>(low[c])));
      }
  }
  void place_steps() {
    // 2^digits rows at least, so that a sum of as many stays below 2^52 steps.
    const int digits =
        std::max(1, static_cast<int>(std::bit_width(static_cast<std::uint64_t>(rows_))));
    for (std::size_t c = 0; c < cols_; ++c) {
      if (range_[c] == lowest) continue;  // no rows anywhere
      const double high = from_ordered_bits(range_[c]), low = -from_ordered_bits(range_[cols_ + c]);
      Column& k = columns_[c];
      k.origin = 0.5 * low + 0.5 * high;
      const double farthest = std::max(high - k.origin, k.origin - low);
      if (!(farthest < 0x1p+400)) {
        k.origin = k.step = k.step_of_squares = std::numeric_limits<double>::quiet_NaN();
        continue;
      }
      int width = 0;  // distances are below 2^width
      static_cast<void>(std::frexp(farthest, &width));
      if (farthest == 0 || width < -400) width = -400;
      k.step = std::ldexp(1.0, width + digits - 52);
      k.step_of_squares = std::ldexp(1.0, 2 * width + digits - 52);
      k.round = std::ldexp(1.5, width + digits);
      k.round_squares = std::ldexp(1.5, 2 * width + digits);
    }
  }
  void add_up(MatrixView<const T> x, Executor& executor) {
    const std::size_t many = block_count(x.rows);
    found_.assign(many * 2 * cols_, 0.0);
    steps_.resize(3 * cols_);
    for (std::size_t c = 0; c < cols_; ++c) {
      steps_[c] = columns_[c].origin;
      steps_[cols_ + c] = columns_[c].round;
      steps_[2 * cols_ + c] = columns_[c].round_squares;
    }
    blocks(x.rows, executor, [&](std::size_t b, Index first, Index last) {
      double* const sum = found_.data() + 2 * b * cols_;
      for (Index i = first; i < last; i += together)
        add_steps(x, i, last, cols_, steps_.data(), sum, sum + cols_);
    });
    for (std::size_t c = 0; c < cols_; ++c) {
      const Column& k = columns_[c];
      if (!(k.step > 0)) continue;  // NaN says it all
      for (std::size_t b = 0; b < many; ++b) {
        const double* sum = found_.data() + 2 * b * cols_;
        sums_[c] += static_cast<std::int64_t>(sum[c] / k.step);
        sums_[cols_ + c] += static_cast<std::int64_t>(sum[cols_ + c] / k.step_of_squares);
      }
    }
  }

  std::size_t cols_ = 0;
  std::int64_t rows_ = 0;
  std::vector<T> ends_;              // (block, 3, column) highest, lowest, NaN where not finite
  std::vector<double> steps_;        // (3, column) see add_steps()
  std::vector<double> found_;        // (block, 2, column) sums
  std::vector<std::int64_t> range_;  // ordered bits of (highest, column), then (-lowest, column)
  std::vector<std::int64_t> sums_;   // whole steps of (distance, column), (square, column)
  std::vector<Column> columns_;
};

}  // namespace amq::ops
