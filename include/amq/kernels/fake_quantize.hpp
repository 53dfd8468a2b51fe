#pragma once
/// @file
/// What training does with a row on its grid: the values its codes stand for, and gradients
/// straight through (LSQ; Esser et al. 2020).

#include <amq/kernels/quantize.hpp>

#include <algorithm>

namespace amq::kernels {
inline namespace AMQ_LEVEL {

/// value = fma(step, q, offset) with q the codes that encode_packed() writes of row r of a block;
/// 0 bits: the offset.
template <typename Arch = simd::Native>
inline void fake_row(const float* x, Index n, const BlockGrids& g, int r, int bits,
                     float* value) noexcept {
  using F = simd::Floats<Arch>;
  if (bits == 0) {
    std::fill_n(value, n, g.offset[r]);
    return;
  }
  const F inv = F::splat(g.inv[r]), shift = F::splat(g.shift[r]), low = F::splat(g.low[r]),
          high = F::splat(g.high[r]), step = F::splat(g.step[r]), offset = F::splat(g.offset[r]);
  const auto fake = [&](F v) AMQ_INLINE_LAMBDA {
    return fma(step, to_floats(to_ints(min(max(fma(v, inv, shift), low), high))), offset);
  };
  Index k = 0;
  for (; k + simd::lanes <= n; k += simd::lanes) fake(F::load(x + k)).store(value + k);
  if (const int part = static_cast<int>(n - k); part > 0)
    fake(F::load_part(x + k, part)).store_part(value + k, part);
}

/// Sums over a row that its grid's gradients are made of.
struct GridSlopes {
  float step = 0;    ///< sum of g (q + half - inside (t + half)), t the unrounded code
  float offset = 0;  ///< sum of g outside the range of codes
};

/// dx = g inside the range of codes and 0 outside, written or added; dx may be null, or g.
/// @param half  1/2 where the grid is centred between two codes, else 0
/// @pre the row has at least 1 bit
template <typename Arch = simd::Native>
inline GridSlopes straight_through(const float* x, const float* g, Index n, const BlockGrids& b,
                                   int r, float half, float* dx, bool add) noexcept {
  using F = simd::Floats<Arch>;
  const F inv = F::splat(b.inv[r]), shift = F::splat(b.shift[r]), low = F::splat(b.low[r]),
          high = F::splat(b.high[r]), h = F::splat(half), zero = F::splat(0.0f);
  F by_step = zero, by_offset = zero;
  const auto step = [&](F v, F d) AMQ_INLINE_LAMBDA {
    const F t = fma(v, inv, shift);
    const F q = to_floats(to_ints(min(max(t, low), high)));
    const F inside = select_greater(low, t, zero, select_greater(t, high, zero, d));
    by_step = fma(d, q + h, by_step);
    by_step = fnma(inside, t + h, by_step);
    by_offset = by_offset + (d - inside);
    return inside;
  };
  Index k = 0;
  for (; k + simd::lanes <= n; k += simd::lanes) {
    const F d = step(F::load(x + k), F::load(g + k));
    if (dx) (add ? F::load(dx + k) + d : d).store(dx + k);
  }
  if (const int part = static_cast<int>(n - k); part > 0) {
    const F d = step(F::load_part(x + k, part), F::load_part(g + k, part));
    if (dx) (add ? F::load_part(dx + k, part) + d : d).store_part(dx + k, part);
  }
  return {simd::sum(by_step), simd::sum(by_offset)};
}

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
