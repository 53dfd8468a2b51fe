#pragma once
/// @file
/// Activations and the exponential by our own polynomials: the same bits on every rung and every
/// machine, which libm does not promise. tests/kernels/activation.cpp sweeps the errors:
///
// clang-format off
/// | function  | error against exact arithmetic below                  | at -infinity, infinity |
/// |-----------|-------------------------------------------------------|------------------------|
/// | exp       | 5e-7 relative for |x| <= 87, where it is cut off       | e^-87, e^87            |
/// | sigmoid   | 2e-7                                                  | 0, 1                   |
/// | tanh      | 4e-7                                                  | -1, 1                  |
/// | swish     | 2e-7 max(1, |x|); x / (1 + e^-x)                      | 0, infinity            |
/// | gelu      | 3e-7 max(1, |x|); x Phi(x), Phi by erf                | 0, infinity            |
/// | gelu_tanh | 3e-7 max(1, |x|); x sigmoid(1.59577 x + 0.0713548 x^3) | 0, infinity            |
/// | relu      | exact                                                 | 0, infinity            |
// clang-format on
/// "0" and "1" may be off by 1e-35. NaN counts as -infinity.

#include <amq/config.hpp>
#include <amq/core/activation.hpp>
#include <amq/core/matrix_view.hpp>
#include <amq/simd/batch.hpp>

#include <cstdint>
#include <type_traits>

namespace amq::kernels {
inline namespace AMQ_LEVEL {

namespace detail {
/// Four registers in lockstep, where there are registers for that.
template <typename Arch>
inline constexpr int side_by_side =
    std::is_base_of_v<simd::Registers<simd::Scalar>, simd::Registers<Arch>> ? 1
    : simd::Floats<Arch>::count == 1                                        ? 4
                                                                            : 1;
/// e^(Sign x). @pre |x| <= 87
template <int Sign, typename Arch, int N>
AMQ_INLINE simd::Floats<Arch, N> exp_inside(simd::Floats<Arch, N> x) noexcept {
  using F = simd::Floats<Arch, N>;
  // Sign x = n ln 2 + r. Adding 1.5 * 2^23 rounds, and leaves n in the low bits.
  const F magic = F::splat(12582912.0f);
  const F t = fma(x, F::splat(Sign * 1.44269504f), magic);
  const F n = t - magic;
  // q = Sign r; one part of ln 2 is enough, its error is 2e-9 n. The minimax polynomial of degree
  // five with p(0) = p'(0) = 1 is within 1.1e-7 on |r| <= ln 2 / 2.
  const F q = Sign > 0 ? fnma(n, F::splat(0.693147182f), x) : fma(n, F::splat(0.693147182f), x);
  F p = F::splat(Sign * 0.008312520571053028f);
  p = fma(p, q, F::splat(0.04189015552401543f));
  p = fma(p, q, F::splat(Sign * 0.16667114198207855f));
  p = fma(p, q, F::splat(0.499992311000824f));
  p = fma(p, q, F::splat(Sign * 1.0f));
  p = fma(p, q, F::splat(1.0f));
  return from_bits(bits(p) + simd::shift_left<23>(bits(t)));
}
}  // namespace detail

/// e^x, cut off at |x| = 87.
template <typename Arch, int N>
AMQ_INLINE simd::Floats<Arch, N> exp(simd::Floats<Arch, N> x) noexcept {
  using F = simd::Floats<Arch, N>;
  return detail::exp_inside<1>(min(max(x, F::splat(-87.0f)), F::splat(87.0f)));
}

/// 1 / d to 1.2e-7, for 2^-125 < d < 2^125: a guess within 5.1 % from the exponent, a cubic step, a
/// quadratic one. Cheaper than a division, and approximate instructions differ by maker.
template <typename Arch, int N>
AMQ_INLINE simd::Floats<Arch, N> reciprocal(simd::Floats<Arch, N> d) noexcept {
  using F = simd::Floats<Arch, N>;
  const F one = F::splat(1.0f);
  F y = from_bits(simd::Ints<Arch, N>::splat(0x7ef31200) - bits(d));
  F e = fnma(d, y, one);
  y = fma(y, fma(e, e, e), y);
  e = fnma(d, y, one);
  return fma(y, e, y);
}

template <typename Arch, int N>
AMQ_INLINE simd::Floats<Arch, N> relu(simd::Floats<Arch, N> x) noexcept {
  return max(x, simd::Floats<Arch, N>::splat(0.0f));
}
template <typename Arch, int N>
AMQ_INLINE simd::Floats<Arch, N> sigmoid(simd::Floats<Arch, N> x) noexcept {
  using F = simd::Floats<Arch, N>;
  x = min(max(x, F::splat(-87.0f)), F::splat(86.0f));
  return reciprocal(F::splat(1.0f) + detail::exp_inside<-1>(x));
}
template <typename Arch, int N>
AMQ_INLINE simd::Floats<Arch, N> tanh(simd::Floats<Arch, N> x) noexcept {
  using F = simd::Floats<Arch, N>;
  return fma(F::splat(2.0f), sigmoid(x + x), F::splat(-1.0f));
}
template <typename Arch, int N>
AMQ_INLINE simd::Floats<Arch, N> swish(simd::Floats<Arch, N> x) noexcept {
  using F = simd::Floats<Arch, N>;
  const F from_below = max(x, F::splat(-86.0f));  // -infinity times 0 would be NaN
  const F e = detail::exp_inside<-1>(min(from_below, F::splat(86.0f)));
  return from_below * reciprocal(F::splat(1.0f) + e);
}
/// max(x, 0) - a Q(a), a = |x|, Q(a) = erfc(a / sqrt 2) / 2 by Abramowitz and Stegun 7.1.26.
template <typename Arch, int N>
AMQ_INLINE simd::Floats<Arch, N> gelu(simd::Floats<Arch, N> x) noexcept {
  using F = simd::Floats<Arch, N>;
  x = max(x, F::splat(-86.0f));
  const F a = min(abs(x), F::splat(13.0f));  // Q(13) is 6e-39
  const F t = reciprocal(fma(a, F::splat(0.3275911f * 0.70710678f), F::splat(1.0f)));
  F p = F::splat(0.5f * 1.061405429f);
  p = fma(p, t, F::splat(0.5f * -1.453152027f));
  p = fma(p, t, F::splat(0.5f * 1.421413741f));
  p = fma(p, t, F::splat(0.5f * -0.284496736f));
  p = fma(p, t, F::splat(0.5f * 0.254829592f));
  const F q = (p * t) * detail::exp_inside<-1>((a * a) * F::splat(0.5f));
  return fnma(a, q, max(x, F::splat(0.0f)));
}

namespace detail {
/// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 is x sigmoid(x (linear + cubic x^2)).
inline constexpr float gelu_linear = 1.5957691216057308f, gelu_cubic = 0.07135481627260025f;
}  // namespace detail
template <typename Arch, int N>
AMQ_INLINE simd::Floats<Arch, N> gelu_tanh(simd::Floats<Arch, N> x) noexcept {
  using F = simd::Floats<Arch, N>;
  x = max(x, F::splat(-86.0f));  // -infinity times 0 would be NaN
  const F inside = min(x, F::splat(86.0f));
  const F z = fma(inside * inside, F::splat(detail::gelu_cubic), F::splat(detail::gelu_linear));
  return x * sigmoid(inside * z);
}

template <Activation A, typename Arch, int N>
AMQ_INLINE simd::Floats<Arch, N> activate(simd::Floats<Arch, N> x) noexcept {
  if constexpr (A == Activation::relu) return relu(x);
  if constexpr (A == Activation::swish) return swish(x);
  if constexpr (A == Activation::gelu) return gelu(x);
  if constexpr (A == Activation::tanh) return tanh(x);
  if constexpr (A == Activation::sigmoid) return sigmoid(x);
  if constexpr (A == Activation::gelu_tanh) return gelu_tanh(x);
  return x;
}

/// f'(x), to 5e-7 of exact arithmetic; 0 and 1 far out. gelu by the same erf as above.
template <Activation A, typename Arch, int N>
AMQ_INLINE simd::Floats<Arch, N> slope(simd::Floats<Arch, N> x) noexcept {
  using F = simd::Floats<Arch, N>;
  const F one = F::splat(1.0f), zero = F::splat(0.0f);
  if constexpr (A == Activation::relu) return select_greater(x, zero, one, zero);
  if constexpr (A == Activation::swish) {
    x = min(max(x, F::splat(-86.0f)), F::splat(86.0f));
    const F s = reciprocal(one + detail::exp_inside<-1>(x));
    return s * fma(x, one - s, one);
  }
  if constexpr (A == Activation::sigmoid) {
    const F s = sigmoid(x);
    return s * (one - s);
  }
  if constexpr (A == Activation::tanh) {
    const F t = tanh(x);
    return fnma(t, t, one);
  }
  if constexpr (A == Activation::gelu_tanh) {
    x = min(max(x, F::splat(-13.0f)), F::splat(13.0f));
    const F square = x * x, linear = F::splat(detail::gelu_linear);
    const F s = sigmoid(x * fma(square, F::splat(detail::gelu_cubic), linear));
    const F rise = fma(square, F::splat(3 * detail::gelu_cubic), linear);
    return s * fma(x * rise, one - s, one);
  }
  if constexpr (A == Activation::gelu) {
    x = min(max(x, F::splat(-13.0f)), F::splat(13.0f));
    const F t = reciprocal(fma(abs(x), F::splat(0.3275911f * 0.70710678f), one));
    F p = F::splat(0.5f * 1.061405429f);
    p = fma(p, t, F::splat(0.5f * -1.453152027f));
    p = fma(p, t, F::splat(0.5f * 1.421413741f));
    p = fma(p, t, F::splat(0.5f * -0.284496736f));
    p = fma(p, t, F::splat(0.5f * 0.254829592f));
    const F bell = detail::exp_inside<-1>((x * x) * F::splat(0.5f)), q = (p * t) * bell;
    return fma(x * F::splat(0.39894228f), bell, select_greater(x, zero, one - q, q));
  }
  return one;
}

/// Calls f.template operator()<A>() for the run-time a, so that a kernel's inner loop has none.
template <typename Function>
AMQ_INLINE decltype(auto) with_activation(Activation a, Function&& f) {
  switch (a) {
    case Activation::relu:
      return f.template operator()<Activation::relu>();
    case Activation::swish:
      return f.template operator()<Activation::swish>();
    case Activation::gelu:
      return f.template operator()<Activation::gelu>();
    case Activation::tanh:
      return f.template operator()<Activation::tanh>();
    case Activation::sigmoid:
      return f.template operator()<Activation::sigmoid>();
    case Activation::gelu_tanh:
      return f.template operator()<Activation::gelu_tanh>();
    case Activation::none:
      break;
  }
  return f.template operator()<Activation::none>();
}

/// y[k] = f(x[k]) for k < n; x and y may be the same. f takes Floats of any width.
template <typename Arch = simd::Native, typename Function>
inline void map_floats(const float* x, float* y, Index n, Function f) noexcept {
  using F = simd::Floats<Arch>;
  constexpr int side_by_side = detail::side_by_side<Arch>;
  using Wide = simd::Floats<Arch, side_by_side>;
  Index k = 0;
  if constexpr (side_by_side > 1)
    for (; k + side_by_side * simd::lanes <= n; k += side_by_side * simd::lanes)
      f(Wide::load(x + k)).store(y + k);
  for (; k + simd::lanes <= n; k += simd::lanes) f(F::load(x + k)).store(y + k);
  if (k < n)
    f(F::load_part(x + k, static_cast<int>(n - k))).store_part(y + k, static_cast<int>(n - k));
}

/// y[k] = f(a[k], b[k]) for k < n; y may be a or b.
template <typename Arch = simd::Native, typename Function>
inline void map_floats2(const float* a, const float* b, float* y, Index n, Function f) noexcept {
  using F = simd::Floats<Arch>;
  constexpr int side_by_side = detail::side_by_side<Arch>;
  using Wide = simd::Floats<Arch, side_by_side>;
  Index k = 0;
  if constexpr (side_by_side > 1)
    for (; k + side_by_side * simd::lanes <= n; k += side_by_side * simd::lanes)
      f(Wide::load(a + k), Wide::load(b + k)).store(y + k);
  for (; k + simd::lanes <= n; k += simd::lanes) f(F::load(a + k), F::load(b + k)).store(y + k);
  if (const int part = static_cast<int>(n - k); part > 0)
    f(F::load_part(a + k, part), F::load_part(b + k, part)).store_part(y + k, part);
}

/// y[k] += every row's k-th element, one row after the other.
template <typename Arch = simd::Native>
inline void add_rows(const float* x, Index rows, Index n, float* y) noexcept {
  for (Index k = 0; k < n; k += simd::lanes) {
    using F = simd::Floats<Arch>;
    const int part = static_cast<int>(n - k < simd::lanes ? n - k : simd::lanes);
    if (part == simd::lanes) {
      F sum = F::load(y + k);
      for (Index r = 0; r < rows; ++r) sum = sum + F::load(x + r * n + k);
      sum.store(y + k);
    } else {
      F sum = F::load_part(y + k, part);
      for (Index r = 0; r < rows; ++r) sum = sum + F::load_part(x + r * n + k, part);
      sum.store_part(y + k, part);
    }
  }
}
template <typename Arch = simd::Native>
inline void scale_row(float* x, Index n, float by) noexcept {
  map_floats<Arch>(x, x, n, [by](auto v) AMQ_INLINE_LAMBDA { return v * decltype(v)::splat(by); });
}

/// y[k] = a(x[k]); x and y may be the same.
template <typename Arch = simd::Native>
inline void activate(Activation a, const float* x, float* y, Index n) noexcept {
  with_activation(a, [&]<Activation A> {
    map_floats<Arch>(x, y, n, [](auto v) AMQ_INLINE_LAMBDA { return activate<A>(v); });
  });
}

/// y[k] = f(a[k] + b[k]); y may be a or b.
template <typename Arch = simd::Native>
AMQ_INLINE void activate_sum(Activation f, const float* a, const float* b, float* y,
                             Index n) noexcept {
  with_activation(f, [&]<Activation A>() AMQ_INLINE_LAMBDA {
    map_floats2<Arch>(a, b, y, n,
                      [](auto u, auto v) AMQ_INLINE_LAMBDA { return activate<A>(u + v); });
  });
}

/// y[k] = a(x[k]), to the bit what activate() gives, and dy[k] = a'(x[k]); dy may be x.
template <typename Arch = simd::Native>
inline void activate_with_slope(Activation a, const float* x, float* y, float* dy,
                                Index n) noexcept {
  using F = simd::Floats<Arch>;
  with_activation(a, [&]<Activation A> {
    const auto both = [](F v, F& f, F& d) AMQ_INLINE_LAMBDA {
      if constexpr (A == Activation::swish) {
        const F one = F::splat(1.0f), from_below = max(v, F::splat(-86.0f)),
                inside = min(from_below, F::splat(86.0f));
        const F s = reciprocal(one + detail::exp_inside<-1>(inside));
        f = from_below * s;
        d = s * fma(inside, one - s, one);
      } else {
        f = activate<A>(v);
        d = slope<A>(v);
      }
    };
    F f, d;
    Index k = 0;
    for (; k + simd::lanes <= n; k += simd::lanes) {
      both(F::load(x + k), f, d);
      f.store(y + k);
      d.store(dy + k);
    }
    if (const int part = static_cast<int>(n - k); part > 0) {
      both(F::load_part(x + k, part), f, d);
      f.store_part(y + k, part);
      d.store_part(dy + k, part);
    }
  });
}

/// dx[k] = g[k] a'(x[k]), or added to dx[k]; dx may be g.
template <typename Arch = simd::Native>
inline void activation_gradient(Activation a, const float* x, const float* g, float* dx, Index n,
                                bool add) noexcept {
  with_activation(a, [&]<Activation A> {
    if (!add) {
      map_floats2<Arch>(x, g, dx, n,
                        [](auto v, auto d) AMQ_INLINE_LAMBDA { return d * slope<A>(v); });
      return;
    }
    using F = simd::Floats<Arch>;
    for (Index k = 0; k < n; k += simd::lanes) {
      const int part = static_cast<int>(n - k < simd::lanes ? n - k : simd::lanes);
      if (part == simd::lanes)
        fma(F::load(g + k), slope<A>(F::load(x + k)), F::load(dx + k)).store(dx + k);
      else
        fma(F::load_part(g + k, part), slope<A>(F::load_part(x + k, part)),
            F::load_part(dx + k, part))
            .store_part(dx + k, part);
    }
  });
}

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
