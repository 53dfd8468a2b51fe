#pragma once
/// @file
/// Fake quantization for training: floats forced onto a grid, and the gradients one pretends they
/// have. In float the forward pass gives exactly what encode and decode of the deployed rows give.
///
/// With t = (x - offset) / step and q its code, an element is *inside* if t lies between the lowest
/// and the highest code. Then (Esser et al., LSQ, 2020, with an offset as in LSQ+)
///
///     d/dx = 1 inside, 0 outside                       clipped straight-through
///     d/dstep = q - t inside, q outside                what rounding does is held fixed
///     d/doffset = 0 inside, 1 outside

#include <amq/quant/row_rule.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>

namespace amq {

/// y = step * q + offset, q in lowest .. highest. @invariant step > 0
template <std::floating_point T>
struct FakeGrid {
  T step = 1, offset = 0;
  int lowest = -128, highest = 127;

  [[nodiscard]] bool inside(T t) const noexcept {
    return static_cast<T>(lowest) <= t && t <= static_cast<T>(highest);
  }
};

/// Gradients with respect to step and offset.
template <std::floating_point T>
struct GridGradient {
  T step = 0, offset = 0;
};

/// One element: its real-valued code t and its code q.
template <std::floating_point T>
struct FakeCode {
  T t, q;
};
template <std::floating_point T>
[[nodiscard]] FakeCode<T> fake_code(T x, T inv, T shift, const FakeGrid<T>& g) noexcept {
  const T t = std::fma(x, inv, shift);
  const T low = static_cast<T>(g.lowest), high = static_cast<T>(g.highest);
  const T above = t > low ? t : low;
  return {t, std::nearbyint(above < high ? above : high)};
}

/// y (n) from x (n); y may be x.
template <std::floating_point T>
void fake_quantize(const T* x, Index n, const FakeGrid<T>& g, T* y) noexcept {
  const T inv = T(1) / g.step, shift = -g.offset * inv;
  for (Index k = 0; k < n; ++k) y[k] = std::fma(g.step, fake_code(x[k], inv, shift, g).q, g.offset);
}

/// dx (n) += dy where inside; the sums over n of the gradients of step and offset are added to d.
template <std::floating_point T>
void fake_quantize_backward(const T* x, const T* dy, Index n, const FakeGrid<T>& g, T* dx,
                            GridGradient<T>& d) noexcept {
  const T inv = T(1) / g.step, shift = -g.offset * inv;
  T step = 0, offset = 0;
  for (Index k = 0; k < n; ++k) {
    const auto c = fake_code(x[k], inv, shift, g);
    if (g.inside(c.t)) {
      dx[k] += dy[k];
      step += dy[k] * (c.q - c.t);
    } else {
      step += dy[k] * c.q;
      offset += dy[k];
    }
  }
  d.step += step;
  d.offset += offset;
}

/// The factor LSQ multiplies a step's gradient by, for a step shared by n elements.
[[nodiscard]] inline double lsq_gradient_scale(Index n, int highest) noexcept {
  return 1.0 / std::sqrt(static_cast<double>(std::max<Index>(n, 1)) * std::max(highest, 1));
}
/// LSQ's first step for a tensor of this mean magnitude.
[[nodiscard]] inline double lsq_initial_step(double mean_magnitude, int highest) noexcept {
  return 2.0 * mean_magnitude / std::sqrt(static_cast<double>(std::max(highest, 1)));
}

/// The grid of a row under a rule. In float, RowGrid's; in double (for gradient checks) the same
/// formulas.
template <row_rule Rule, std::floating_point T>
[[nodiscard]] FakeGrid<T> fake_row_grid(const T* x, Index n, int bits, T a, T o) noexcept {
  FakeGrid<T> g{1, 0, Rule::lowest(bits), highest_code(bits)};
  if constexpr (std::same_as<T, float>) {
    const RowGrid row = Rule::grid(Rule::stats(x, n), bits, a, o);
    g.step = row.step;
    g.offset = row.offset;
  } else {
    const T width = [&]() -> T {
      if constexpr (Rule::rule == RowRule::affine) {
        T sum = 0, square = 0;
        for (Index k = 0; k < n; ++k) sum += x[k];
        g.offset = sum / static_cast<T>(n);
        for (Index k = 0; k < n; ++k) square += (x[k] - g.offset) * (x[k] - g.offset);
        return a * std::sqrt(square / static_cast<T>(n));
      } else if constexpr (Rule::rule == RowRule::symmetric) {
        T m = 0;
        for (Index k = 0; k < n; ++k) m = std::max(m, std::fabs(x[k]));
        return g.highest > 0 ? a * m / static_cast<T>(g.highest) : T(0);
      } else if constexpr (Rule::rule == RowRule::min_max) {
        const T low = *std::min_element(x, x + n), high = *std::max_element(x, x + n);
        g.offset = (low + high) / 2;
        return a * (high - low) / static_cast<T>((1 << bits) - 1);
      } else {
        g.offset = o;
        return a;
      }
    }();
    if (bits > 0 && width > T(smallest_step)) {
      g.step = width;
      if constexpr (Rule::rule == RowRule::affine || Rule::rule == RowRule::min_max)
        g.offset += width / 2;
    }
  }
  return g;
}

/// A row through the grid of its rule. y may be x. @returns the grid, which backward wants.
template <row_rule Rule, std::floating_point T>
FakeGrid<T> fake_quantize_row(const T* x, Index n, int bits, T a, T o, T* y) noexcept {
  const auto g = fake_row_grid<Rule>(x, n, bits, a, o);
  if (bits == 0)
    std::fill(y, y + n, g.offset);
  else
    fake_quantize(x, n, g, y);
  return g;
}

/// What a row's statistics count as in the backward pass.
enum class Statistics : std::uint8_t {
  constant,        ///< cheap; the usual choice
  differentiated,  ///< the true gradient of the surrogate, through mean, deviation or extremes
};

/// Adds to dx (n), da and d_o the gradients of fake_quantize_row; g is what that returned.
/// A row of 0 bits passes nothing back, unless its mean (or middle) is differentiated.
template <row_rule Rule, std::floating_point T>
void fake_quantize_row_backward(const T* x, const T* dy, Index n, int bits, T a,
                                const FakeGrid<T>& g, Statistics statistics, T* dx, T& da,
                                T& d_o) noexcept {
  constexpr bool affine = Rule::rule == RowRule::affine,
                 symmetric = Rule::rule == RowRule::symmetric,
                 min_max = Rule::rule == RowRule::min_max;
  GridGradient<T> d;
  if (bits == 0)
    for (Index k = 0; k < n; ++k) d.offset += dy[k];
  else
    fake_quantize_backward(x, dy, n, g, dx, d);
  if constexpr (Rule::rule == RowRule::fixed) {
    if (bits > 0) da += d.step;
    d_o += d.offset;
    return;
  } else {
    const T middle = g.offset - (bits > 0 && !symmetric ? g.step / 2 : T(0));
    // offset = middle + step / 2: the step moves the offset too.
    const T dstep = d.step + (symmetric ? T(0) : d.offset / 2);
    // A constant row has the step 1, whatever a is.
    const bool constant = bits == 0 || std::all_of(x, x + n, [&](T v) { return v == x[0]; });
    if (!constant) da += dstep * g.step / a;
    if (statistics == Statistics::constant) return;
    const T count = static_cast<T>(n);
    if constexpr (affine) {
      const T sigma = g.step / a;
      for (Index k = 0; k < n; ++k) {
        dx[k] += d.offset / count;
        if (!constant) dx[k] += dstep * a * (x[k] - middle) / (count * sigma);
      }
    } else if constexpr (symmetric) {
      if (constant && (n == 0 || x[0] == 0 || bits == 0)) return;
      const auto k =
          std::max_element(x, x + n, [](T u, T v) { return std::fabs(u) < std::fabs(v); }) - x;
      if (g.highest > 0) dx[k] += dstep * a / static_cast<T>(g.highest) * (x[k] < 0 ? T(-1) : T(1));
    } else if constexpr (min_max) {
      if (n == 0) return;
      const auto low = std::min_element(x, x + n) - x, high = std::max_element(x, x + n) - x;
      const T factor = constant ? T(0) : a / static_cast<T>((1 << bits) - 1);
      dx[low] += d.offset / 2 - dstep * factor;
      dx[high] += d.offset / 2 + dstep * factor;
    }
  }
}

}  // namespace amq
