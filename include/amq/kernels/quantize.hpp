#pragma once
/// @file
/// Float rows to codes and back, sixteen rows at a time, to the bit what amq::quant::quantize_row
/// does with plain loops.

#include <amq/core/executor.hpp>
#include <amq/kernels/codes.hpp>
#include <amq/kernels/moments.hpp>
#include <amq/quant/any_rule.hpp>
#include <amq/quant/rows.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <type_traits>

namespace amq::kernels {

/// A coder as a kernel wants it, its divisions done.
struct RowLevel {
  float factor = 0;  ///< times the statistic of a row gives its step; 0: the offset alone survives
  float offset = 0;  ///< the rule's o
  float low = 0, high = 0;
  float a = 1;  ///< with `bits`, what a user's rule is asked with
  int bits = 0;
  RowsCut* cut = nullptr;  ///< see BasicRowCoder

  RowLevel() = default;
  template <typename Rule>
  explicit RowLevel(const BasicRowCoder<Rule>& c) noexcept
      : offset(c.offset),
        low(static_cast<float>(c.lowest())),
        high(static_cast<float>(c.highest())),
        a(c.a),
        bits(c.bits),
        cut(c.cut) {
    const RowRule rule = kind_of(c.rule);
    if (c.bits == 0) {
      if (rule == RowRule::affine) offset = 0;  // the mean itself survives
      return;
    }
    switch (rule) {
      case RowRule::symmetric:
        factor = c.bits < 2 ? 0.0f : c.a / static_cast<float>(c.highest());
        break;
      case RowRule::min_max:
        factor = c.a / static_cast<float>((1 << c.bits) - 1);
        break;
      case RowRule::affine:
      case RowRule::fixed:
      case RowRule::own:
        factor = c.a;
    }
  }
};

inline namespace AMQ_LEVEL {

/// Grids of sixteen rows, and what encodes them: q = rne(clamp(fma(x, inv, shift), low, high)).
struct BlockGrids {
  alignas(64) float step[block_rows], offset[block_rows], inv[block_rows], shift[block_rows];
  alignas(64) float low[block_rows], high[block_rows];
};

namespace detail {
/// What the levels of sixteen rows say; their limits go into the grids.
template <typename Arch>
struct BlockLevels {
  simd::Floats<Arch> factor, offset;

  AMQ_INLINE BlockLevels(const RowLevel* const* levels, BlockGrids& g) noexcept {
    alignas(64) float factors[block_rows], offsets[block_rows];
    for (int r = 0; r < block_rows; ++r) {
      factors[r] = levels[r]->factor;
      offsets[r] = levels[r]->offset;
      g.low[r] = levels[r]->low;
      g.high[r] = levels[r]->high;
    }
    factor = simd::Floats<Arch>::load(factors);
    offset = simd::Floats<Arch>::load(offsets);
  }
};
/// Codes as far apart as `width`, the middle between two of them; no width to speak of: the middle
/// alone.
template <typename Arch>
AMQ_INLINE void step_about(simd::Floats<Arch> width, simd::Floats<Arch> middle,
                           simd::Floats<Arch>& step, simd::Floats<Arch>& offset) noexcept {
  using F = simd::Floats<Arch>;
  const F least = F::splat(smallest_step);
  step = select_greater(width, least, width, F::splat(1.0f));
  offset = select_greater(width, least, fma(F::splat(0.5f), width, middle), middle);
}
template <typename Arch>
AMQ_INLINE void store_grids(simd::Floats<Arch> step, simd::Floats<Arch> offset,
                            BlockGrids& g) noexcept {
  using F = simd::Floats<Arch>;
  const F inv = F::splat(1.0f) / step;
  step.store(g.step);
  offset.store(g.offset);
  inv.store(g.inv);
  ((F::splat(0.0f) - offset) * inv).store(g.shift);
}
}  // namespace detail

/// ByRange of rows whose smallest and largest numbers are known.
template <typename Arch>
AMQ_INLINE void range_grids(simd::Floats<Arch> low, simd::Floats<Arch> high,
                            const RowLevel* const* levels, BlockGrids& g) noexcept {
  using F = simd::Floats<Arch>;
  const detail::BlockLevels<Arch> level(levels, g);
  F step, offset;
  detail::step_about<Arch>(level.factor * (high - low), F::splat(0.5f) * (low + high), step,
                           offset);
  detail::store_grids<Arch>(step, offset, g);
}

namespace detail {
/// A user's rule, and any other's rows of no numbers: asked row by row.
template <typename Arch, typename Rule>
void grids_one_by_one(const float* const* x, Index n, const Rule& rule,
                      const RowLevel* const* levels, BlockGrids& g) noexcept {
  using F = simd::Floats<Arch>;
  const BlockLevels<Arch> limits(levels, g);
  alignas(64) float step[block_rows], offset[block_rows];
  for (int r = 0; r < block_rows; ++r) {
    const RowLevel& l = *levels[r];
    const bool again = r > 0 && x[r] == x[r - 1] && levels[r] == levels[r - 1];
    const RowGrid one = again ? RowGrid{step[r - 1], offset[r - 1]}
                              : row_grid(rule, x[r], n, l.bits, l.a, l.offset);
    step[r] = one.step;
    offset[r] = one.offset;
  }
  store_grids<Arch>(F::load(step), F::load(offset), g);
}
}  // namespace detail

namespace detail {
/// The smallest and the largest of a row. @pre n > 0
template <typename Arch>
std::array<float, 2> range_of(const float* x, Index n) noexcept {
  using F = simd::Floats<Arch>;
  alignas(64) float low[simd::lanes], high[simd::lanes];
  if (n < simd::lanes) {
    const auto [a, b] = std::minmax_element(x, x + n);
    return {*a, *b};
  }
  F least = F::load(x), most = least;
  for (Index k = simd::lanes; k < n; k += simd::lanes) {
    const F v = F::load(x + std::min(k, n - simd::lanes));  // the last as far as the row goes
    least = min(v, least);
    most = max(v, most);
  }
  least.store(low);
  most.store(high);
  for (int half = simd::lanes / 2; half > 0; half /= 2)
    for (int l = 0; l < half; ++l) {
      low[l] = std::min(low[l], low[l + half]);
      high[l] = std::max(high[l], high[l + half]);
    }
  return {low[0], high[0]};
}
/// One row in some 64, by the bits of three of its numbers: one alone is often 0 behind a ReLU.
/// Rows of zeros are not in it.
inline bool is_in_sample(const float* x, Index n) noexcept {
  const auto bits = [&](Index k) { return std::bit_cast<std::uint32_t>(x[k]); };
  const std::uint32_t mixed = bits(0) ^ 3u * bits(n / 2) ^ 5u * bits(n - 1);
  return (mixed * 0x9E3779B1u >> 26) == 1;
}
/// Adds the sample of RowsCut among rows of static ranges. A range ends half a step beyond its last
/// code.
template <typename Arch>
void look_for_cut(const float* const* x, Index n, const RowLevel* const* levels,
                  const BlockGrids& g) noexcept {
  RowsCut* const to = levels[0]->cut;
  if (!to || n == 0) return;
  unsigned chosen = 0;
  for (int r = 0; r < block_rows; ++r) chosen |= static_cast<unsigned>(is_in_sample(x[r], n)) << r;
  if (chosen == 0) return;
  int looked = 0, cut = 0;
  for (int r = 0; r < block_rows; ++r) {
    if ((chosen >> r & 1) == 0 || levels[r]->bits == 0 || (r > 0 && x[r] == x[r - 1])) continue;
    const auto [low, high] = range_of<Arch>(x[r], n);
    ++looked;
    cut += std::fma(low, g.inv[r], g.shift[r]) < g.low[r] - 0.5f ||
           std::fma(high, g.inv[r], g.shift[r]) > g.high[r] + 0.5f;
  }
  to->looked.fetch_add(looked, std::memory_order_relaxed);
  if (cut > 0) to->cut.fetch_add(cut, std::memory_order_relaxed);
}
}  // namespace detail

/// Only the code of the rule's own kind is compiled, where the kind is known.
/// @param x       sixteen rows of n floats; where there are fewer, any row again
/// @param rule    a row_rule, or AnyRule
/// @param levels  one per row
template <typename Arch, typename Rule>
AMQ_INLINE void block_grids(const float* const* x, Index n, const Rule& rule,
                            const RowLevel* const* levels, BlockGrids& g) noexcept {
  using F = simd::Floats<Arch>;
  const auto by = [&](auto kind) AMQ_INLINE_LAMBDA {
    constexpr RowRule own = kind();
    if constexpr (own == RowRule::own) {
      detail::grids_one_by_one<Arch>(x, n, rule, levels, g);
    } else if constexpr (own == RowRule::min_max) {
      if (n > 0) {
        const auto range = extremes<Arch>(x, n);
        return range_grids<Arch>(range.smallest, range.largest, levels, g);
      }
      const detail::BlockLevels<Arch> level(levels, g);
      detail::store_grids<Arch>(F::splat(1.0f), F::splat(0.0f), g);
    } else {
      const detail::BlockLevels<Arch> level(levels, g);
      const F one = F::splat(1.0f), least = F::splat(smallest_step);
      F step = one, offset = F::splat(0.0f);
      if constexpr (own == RowRule::affine) {
        if (n > 0) {
          const auto m = mean_deviation<Arch>(x, n);
          detail::step_about<Arch>(level.factor * m.deviation, m.mean, step, offset);
          offset = fma(level.offset, m.deviation, offset);
        }
      } else if constexpr (own == RowRule::symmetric) {
        const F width = level.factor * kernels::abs_max<Arch>(x, n);
        step = select_greater(width, least, width, one);
      } else {
        step = select_greater(level.factor, least, level.factor, one);
        offset = level.offset;
      }
      detail::store_grids<Arch>(step, offset, g);
      if constexpr (own == RowRule::fixed) detail::look_for_cut<Arch>(x, n, levels, g);
    }
  };
  if constexpr (std::same_as<Rule, AnyRule>) {
    switch (rule.kind()) {
      case RowRule::affine:
        return by(std::integral_constant<RowRule, RowRule::affine>());
      case RowRule::symmetric:
        return by(std::integral_constant<RowRule, RowRule::symmetric>());
      case RowRule::min_max:
        return by(std::integral_constant<RowRule, RowRule::min_max>());
      case RowRule::fixed:
        return by(std::integral_constant<RowRule, RowRule::fixed>());
      case RowRule::own:
        return by(std::integral_constant<RowRule, RowRule::own>());
    }
  } else {
    by(std::integral_constant<RowRule, kind_of(Rule{})>());
  }
}

/// Codes of row r of a block, 64 at a time: `take(k, part, codes)` gets `part` bytes of code + bias
/// and may read all 64.
template <typename Arch, typename Take>
AMQ_INLINE void encode_bytes(const float* x, Index n, const BlockGrids& g, int r, int bias,
                             const Take& take) noexcept {
  using F = simd::Floats<Arch>;
  const F inv = F::splat(g.inv[r]), shift = F::splat(g.shift[r]);
  alignas(64) std::uint8_t codes[chunk];
  for (Index k = 0; k < n; k += chunk) {
    F t[4];
    const int part = static_cast<int>(std::min<Index>(chunk, n - k));
    if (part == chunk) {
      for (int j = 0; j < 4; ++j) t[j] = fma(F::load(x + k + 16 * j), inv, shift);
    } else {
      // Registers beyond the row count as the one before: nobody reads their codes.
      for (int j = 0; j < 4; ++j)
        t[j] = j > 0 && 16 * j >= part
                   ? t[j - 1]
                   : fma(F::load_part(x + k + 16 * j, std::min(part - 16 * j, simd::lanes)), inv,
                         shift);
    }
    Codes<Arch>::narrow(t, g.low[r], g.high[r], bias, codes);
    take(k, part, codes);
  }
}
template <typename Arch, typename Take>
AMQ_INLINE void encode_words(const float* x, Index n, const BlockGrids& g, int r,
                             const Take& take) noexcept {
  using F = simd::Floats<Arch>;
  const F inv = F::splat(g.inv[r]), shift = F::splat(g.shift[r]);
  const F low = F::splat(g.low[r]), high = F::splat(g.high[r]);
  alignas(64) std::int16_t codes[simd::lanes];
  for (Index k = 0; k < n; k += simd::lanes) {
    const int part = static_cast<int>(std::min<Index>(simd::lanes, n - k));
    const F v = part == simd::lanes ? F::load(x + k) : F::load_part(x + k, part);
    Codes<Arch>::narrow16(to_ints(min(max(fma(v, inv, shift), low), high)), codes);
    take(k, part, codes);
  }
}

/// Row r of a block into packed fields of so many bits. Fields of none: nothing is written.
template <typename Arch, Containers C = any_container>
AMQ_INLINE void encode_packed(const float* x, Index n, const BlockGrids& g, int r, int fields,
                              std::uint8_t* out) noexcept {
  if constexpr (holds(C, 16))
    if (fields == 16)
      return encode_words<Arch>(x, n, g, r, [&](Index k, int part, const std::int16_t* codes) {
        std::memcpy(out + 2 * k, codes, static_cast<std::size_t>(2 * part));
      });
  if constexpr (holds(C, 8))
    if (fields == 8)
      return encode_bytes<Arch>(x, n, g, r, 0, [&](Index k, int part, const std::uint8_t* codes) {
        if (part == chunk)
          std::memcpy(out + k, codes, chunk);
        else
          std::memcpy(out + k, codes, static_cast<std::size_t>(part));
      });
  if constexpr (holds(C, 2) || holds(C, 4))
    if (fields != 0)
      encode_bytes<Arch>(x, n, g, r, 0, [&](Index k, int part, const std::uint8_t* codes) {
        Codes<Arch>::pack(codes, part, fields, out + k * fields / 8);
      });
}

/// Row order[i] of x becomes row i of `to`. @pre container_bits(coder.bits) <= to.container
template <typename Arch = simd::Native, Containers C = any_container, typename Rule = AnyRule>
void quantize_rows(MatrixView<const float> x, const BasicRowCoder<Rule>& coder, const RowsSpan& to,
                   Executor& executor = serial_executor()) {
  AMQ_ASSERT(x.cols == to.cols && container_bits(coder.bits) <= to.container,
             "rows and codes must agree in length and container");
  const RowLevel level(coder);
  const RowLevel* levels[block_rows];
  std::fill_n(levels, block_rows, &level);
  executor.parallel_for(
      static_cast<std::size_t>(to.rows), 256, [&](std::size_t begin, std::size_t end) {
        const auto last = static_cast<Index>(end);
        for (auto i = static_cast<Index>(begin); i < last; i += block_rows) {
          const float* rows[block_rows];
          for (int r = 0; r < block_rows; ++r)
            rows[r] = x.row(to.target(std::min(i + r, last - 1)));
          BlockGrids g;
          block_grids<Arch>(rows, x.cols, coder.rule, levels, g);
          for (int r = 0; r < block_rows && i + r < last; ++r) {
            to.grid_of(i + r) = {g.step[r], g.offset[r]};
            encode_packed<Arch, C>(rows[r], x.cols, g, r, to.container, to.row(i + r));
          }
        }
      });
}

/// One row. @returns its grid
template <typename Arch = simd::Native, typename Rule = AnyRule>
inline RowGrid quantize_row(const float* x, Index n, const BasicRowCoder<Rule>& c,
                            void* out) noexcept {
  const RowLevel level(c);
  const RowLevel* levels[block_rows];
  const float* rows[block_rows];
  std::fill_n(levels, block_rows, &level);
  std::fill_n(rows, block_rows, x);
  BlockGrids g;
  block_grids<Arch>(rows, n, c.rule, levels, g);
  encode_packed<Arch>(x, n, g, 0, container_bits(c.bits), static_cast<std::uint8_t*>(out));
  return {g.step[0], g.offset[0]};
}

/// x_k = fma(step, q_k, offset); container 0 gives the offset.
template <typename Arch = simd::Native>
inline void decode_row(const void* codes, Index n, int container, const RowGrid& grid,
                       float* x) noexcept {
  using F = simd::Floats<Arch>;
  const F step = F::splat(grid.step), offset = F::splat(grid.offset);
  const auto* p = static_cast<const std::uint8_t*>(codes);
  for (Index k = 0; k < n; k += simd::lanes) {
    const int part = static_cast<int>(std::min<Index>(simd::lanes, n - k));
    std::int32_t q[simd::lanes] = {};
    if (container != 0) unpack_codes(p + k * container / 8, part, container, q);
    fma(step, to_floats(simd::Ints<Arch>::load(q)), offset).store_part(x + k, part);
  }
}

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
