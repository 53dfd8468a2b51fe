#pragma once
/// @file
/// Products of patches: rows that are put together from the rows of points. No patch is ever
/// stored as floats: its points become codes where the product reads them.

#include <amq/core/aligned.hpp>
#include <amq/kernels/gemm.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace amq::kernels {
inline namespace AMQ_LEVEL {

/// Smallest and largest number of every row: (row) each.
template <typename Arch = simd::Native>
void row_ranges(MatrixView<const float> x, float* smallest, float* largest,
                Executor& executor = serial_executor()) {
  executor.parallel_for(static_cast<std::size_t>(x.rows), 1024,
                        [&](std::size_t begin, std::size_t end) {
                          const auto last = static_cast<Index>(end);
                          for (auto i = static_cast<Index>(begin); i < last; i += block_rows) {
                            const float* rows[block_rows];
                            for (int r = 0; r < block_rows; ++r)
                              rows[r] = x.row(std::min(i + r, last - 1));
                            const int n = static_cast<int>(std::min<Index>(block_rows, last - i));
                            const auto range = extremes<Arch>(rows, x.cols);
                            range.smallest.store_part(smallest + i, n);
                            range.largest.store_part(largest + i, n);
                          }
                        });
}

/// Patches as dense_range() reads rows, on grids by ByRange: the range of a patch is that
/// of its points' ranges.
struct PatchRows {
  MatrixView<const float> points;   ///< (point, channel)
  const float *smallest, *largest;  ///< (point)
  const std::int32_t* point;        ///< (patch, tap) a point, or -1 for zeros
  Index taps;

  [[nodiscard]] Index cols() const noexcept { return taps * points.cols; }
  template <typename Arch>
  AMQ_INLINE void grids(Index i, Index end, const RowLevel* const* levels,
                        BlockGrids& g) const noexcept {
    alignas(64) float low[block_rows], high[block_rows];
    for (int r = 0; r < block_rows; ++r) {
      const std::int32_t* p = point + std::min(i + r, end - 1) * taps;
      float least = p[0] < 0 ? 0.0f : smallest[p[0]], most = p[0] < 0 ? 0.0f : largest[p[0]];
      for (Index t = 1; t < taps; ++t) {
        least = std::min(least, p[t] < 0 ? 0.0f : smallest[p[t]]);
        most = std::max(most, p[t] < 0 ? 0.0f : largest[p[t]]);
      }
      low[r] = least;
      high[r] = most;
    }
    using F = simd::Floats<Arch>;
    range_grids<Arch>(F::load(low), F::load(high), levels, g);
  }
  template <typename Arch>
  AMQ_INLINE void encode(Index i, const BlockGrids& g, int r, int bias, std::uint8_t* line,
                         Index room) const noexcept {
    const std::int32_t* p = point + i * taps;
    const bool dense = points.stride == points.cols;
    for (Index t = 0; t < taps;) {
      Index n = 1;
      std::uint8_t* to = line + t * points.cols;
      if (p[t] < 0) {
        while (t + n < taps && p[t + n] < 0) ++n;
        const float zero = 0;
        encode_bytes<Arch>(&zero, 1, g, r, bias,
                           [&](Index, int, const std::uint8_t* codes) AMQ_INLINE_LAMBDA {
                             std::memset(to, codes[0], static_cast<std::size_t>(n * points.cols));
                           });
      } else {
        // Neighbours along the last axis lie behind each other.
        while (dense && t + n < taps && p[t + n] == p[t] + n) ++n;
        const Index left = room - t * points.cols;
        encode_bytes<Arch>(points.row(p[t]), n * points.cols, g, r, bias,
                           [&](Index k, int part, const std::uint8_t* codes) AMQ_INLINE_LAMBDA {
                             // What is behind a part is written next, unless the line ends.
                             if (k + chunk <= left)
                               std::memcpy(to + k, codes, chunk);
                             else
                               std::memcpy(to + k, codes, static_cast<std::size_t>(part));
                           });
      }
      t += n;
    }
  }
};

/// linear() of patches, on grids by their smallest and largest number: to the bit what it gives for
/// patches that are stored.
/// @param point  (patch, tap) a row of `points`, or -1 for zeros
/// @param out    (patch, w.out())
/// @throws Error if shapes differ, for more than 8 bits, or another rule
template <typename Arch = simd::Native, typename Rule = AnyRule>
void linear_patches(const PatchRows& x, const BasicRowCoder<Rule>& coder, const PackedWeights& w,
                    Activation activation, MatrixView<float> out) {
  detail::check_shapes("linear_patches", x.cols(), out.cols, w);
  if (coder.bits > 8 || coder.bits < 1 || kind_of(coder.rule) != RowRule::min_max)
    throw Error("linear_patches", "1 to 8 bits, rows by minimum and maximum",
                std::to_string(coder.bits) + " bits", "Store the patches, and use linear().");
  detail::dense_range<Arch>(x, RowLevel(coder), w, activation, {}, out, 0, out.rows);
}

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
