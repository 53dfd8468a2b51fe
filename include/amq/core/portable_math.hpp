#pragma once
/// @file
/// Exponential, logarithm and circular functions that give the same bits on every machine. Those of
/// <cmath> differ between C libraries, and what decides the bits of a row must not (design
/// decision 8). Only +, *, / and fma of IEEE doubles, in one order; errors of a few ulp.

#include <amq/core/rooms.hpp>

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace amq::core::portable {

namespace detail {
/// Horner's rule, highest coefficient first.
template <std::size_t N>
[[nodiscard]] inline double polynomial(const std::array<double, N>& c, double x) noexcept {
  double y = c[0];
  for (std::size_t k = 1; k < N; ++k) y = std::fma(y, x, c[k]);
  return y;
}
inline constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
inline constexpr double log2_e = 1.44269504088896338700;
/// Taylor: |r| <= 0.35 leaves r^14 / 14! < 5e-18.
inline constexpr std::array<double, 14> exp_taylor{1.0 / 6227020800.0,
                                                   1.0 / 479001600.0,
                                                   1.0 / 39916800.0,
                                                   1.0 / 3628800.0,
                                                   1.0 / 362880.0,
                                                   1.0 / 40320.0,
                                                   1.0 / 5040.0,
                                                   1.0 / 720.0,
                                                   1.0 / 120.0,
                                                   1.0 / 24.0,
                                                   1.0 / 6.0,
                                                   0.5,
                                                   1.0,
                                                   1.0};
/// Of atanh(t) / t in t^2: |t| <= 0.1716 leaves t^22 / 23 < 1e-18.
inline constexpr std::array<double, 11> log_series{1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15,
                                                   1.0 / 13, 1.0 / 11, 1.0 / 9,  1.0 / 7,
                                                   1.0 / 5,  1.0 / 3,  1.0};
inline constexpr double sqrt_half = 0.70710678118654752440;
}  // namespace detail

/// e^x. Below -745 zero, above 709.7 infinity; NaN stays.
[[nodiscard]] inline double exp(double x) noexcept {
  if (!(x > -745.2)) return x != x ? x : 0.0;
  if (x > 709.78) return std::numeric_limits<double>::infinity();
  const double n = std::nearbyint(x * detail::log2_e);
  const double r = std::fma(-n, detail::ln2_low, std::fma(-n, detail::ln2_high, x));
  const double y = detail::polynomial(detail::exp_taylor, r);  // 0.7 .. 1.42
  const auto e = static_cast<std::int64_t>(n);
  // Results that are normal numbers: the power of two by its bits, a third of ldexp's time.
  if (e >= -1021 && e <= 1023) return y * std::bit_cast<double>((e + 1023) << 52);
  return std::ldexp(y, static_cast<int>(e));
}

/// Natural logarithm. Of 0 minus infinity, of negative numbers NaN.
[[nodiscard]] inline double log(double x) noexcept {
  if (!(x > 0))
    return x == 0 ? -std::numeric_limits<double>::infinity()
                  : std::numeric_limits<double>::quiet_NaN();
  if (x == std::numeric_limits<double>::infinity()) return x;
  const bool subnormal = x < std::numeric_limits<double>::min();
  const auto bits = std::bit_cast<std::int64_t>(subnormal ? x * 0x1p54 : x);
  auto e = (bits >> 52) - (subnormal ? 1022 + 54 : 1022);
  // In [1/2, 1).
  double m = std::bit_cast<double>((bits & 0x000fffffffffffff) | 0x3fe0000000000000);
  if (m < detail::sqrt_half) m *= 2, --e;
  // log m = 2 atanh((m - 1) / (m + 1)).
  const double t = (m - 1) / (m + 1), s = t * t;
  const double two_t = 2 * t;
  return std::fma(static_cast<double>(e), detail::ln2_high,
                  std::fma(two_t, detail::polynomial(detail::log_series, s),
                           static_cast<double>(e) * detail::ln2_low));
}

/// x^p for x >= 0.
[[nodiscard]] inline double pow(double x, double p) noexcept {
  if (p == 0) return 1;
  if (x == 0) return p > 0 ? 0.0 : std::numeric_limits<double>::infinity();
  return exp(p * log(x));
}

namespace detail {
/// Loops of a known length over numbers side by side are what compilers turn into vectors, at -O2,
/// too.
inline constexpr std::size_t lanes = 8;

template <std::size_t N>
inline void polynomial(const std::array<double, N>& c, const double* x, double* y) noexcept {
  for (std::size_t i = 0; i < lanes; ++i) y[i] = c[0];
  for (std::size_t k = 1; k < N; ++k)
    for (std::size_t i = 0; i < lanes; ++i) y[i] = std::fma(y[i], x[i], c[k]);
}
/// @pre all within [-707, 709]
inline void exp_usual(double* x) noexcept {
  double n[lanes], r[lanes], y[lanes];
  for (std::size_t i = 0; i < lanes; ++i) n[i] = std::nearbyint(x[i] * log2_e);
  for (std::size_t i = 0; i < lanes; ++i)
    r[i] = std::fma(-n[i], ln2_low, std::fma(-n[i], ln2_high, x[i]));
  polynomial(exp_taylor, r, y);
  for (std::size_t i = 0; i < lanes; ++i) {
    const std::int64_t e = static_cast<std::int32_t>(n[i]);
    x[i] = y[i] * std::bit_cast<double>((e + 1023) << 52);
  }
}
/// @pre all positive normal numbers
inline void log_usual(double* x) noexcept {
  double e[lanes], m[lanes], t[lanes], s[lanes], y[lanes];
  for (std::size_t i = 0; i < lanes; ++i) {
    const auto bits = std::bit_cast<std::int64_t>(x[i]);
    const std::int64_t half = (bits & 0x000fffffffffffff) | 0x3fe0000000000000;
    // 1 below sqrt(1/2), without a branch.
    const auto low = static_cast<std::int64_t>(
        static_cast<std::uint64_t>(half - std::bit_cast<std::int64_t>(sqrt_half)) >> 63);
    m[i] = std::bit_cast<double>(half + (low << 52));
    e[i] = static_cast<double>(static_cast<std::int32_t>((bits >> 52) - low) - 1022);
  }
  for (std::size_t i = 0; i < lanes; ++i) t[i] = (m[i] - 1) / (m[i] + 1);
  for (std::size_t i = 0; i < lanes; ++i) s[i] = t[i] * t[i];
  polynomial(log_series, s, y);
  for (std::size_t i = 0; i < lanes; ++i)
    x[i] = std::fma(e[i], ln2_high, std::fma(2 * t[i], y[i], e[i] * ln2_low));
}
/// Calls block(p) for `lanes` usual numbers in a row, one(x) for all others.
template <typename Usual, typename Block, typename One>
inline void in_lanes(std::span<double> x, const Usual& usual, const Block& block,
                     const One& one) noexcept {
  double* p = x.data();
  std::size_t left = x.size();
  for (; left >= lanes; left -= lanes, p += lanes) {
    bool all = true;
    for (std::size_t i = 0; i < lanes; ++i) all &= usual(p[i]);
    if (all)
      block(p);
    else
      for (std::size_t i = 0; i < lanes; ++i) p[i] = one(p[i]);
  }
  for (; left > 0; --left, ++p) *p = one(*p);
}
}  // namespace detail

/// Replaces every x by e^x, to the same bits as one by one, a third of the time.
inline void exp(std::span<double> x) noexcept {
  detail::in_lanes(
      x, [](double v) { return v > -707.0 && v < 709.0; }, detail::exp_usual,
      [](double v) { return exp(v); });
}
/// Replaces every x by its natural logarithm, to the same bits as one by one.
inline void log(std::span<double> x) noexcept {
  detail::in_lanes(
      x,
      [](double v) {
        return v >= std::numeric_limits<double>::min() &&
               v < std::numeric_limits<double>::infinity();
      },
      detail::log_usual, [](double v) { return log(v); });
}
/// Replaces every x >= 0 by x^p, to the same bits as one by one.
inline void pow(std::span<double> x, double p) noexcept {
  if (p == 0) {
    for (double& v : x) v = 1;
    return;
  }
  // Of zero minus infinity, and back to zero or infinity.
  log(x);
  for (double& v : x) v *= p;
  exp(x);
}

/// sin(pi x) and cos(pi x).
struct SinCos {
  double sin = 0, cos = 1;
};
/// @pre |x| < 2^31
[[nodiscard]] inline SinCos sincospi(double x) noexcept {
  // Quarter turns off: x = n / 2 + r, |r| <= 1/4; both steps are exact.
  const double n = std::nearbyint(2 * x);
  const double a = (x - n / 2) * 3.14159265358979323846, s = a * a;
  static constexpr std::array<double, 9> sin_c{1.0 / 355687428096000.0,
                                               -1.0 / 1307674368000.0,
                                               1.0 / 6227020800.0,
                                               -1.0 / 39916800.0,
                                               1.0 / 362880.0,
                                               -1.0 / 5040.0,
                                               1.0 / 120.0,
                                               -1.0 / 6.0,
                                               1.0};
  static constexpr std::array<double, 9> cos_c{1.0 / 20922789888000.0,
                                               -1.0 / 87178291200.0,
                                               1.0 / 479001600.0,
                                               -1.0 / 3628800.0,
                                               1.0 / 40320.0,
                                               -1.0 / 720.0,
                                               1.0 / 24.0,
                                               -0.5,
                                               1.0};
  const double sine = a * detail::polynomial(sin_c, s), cosine = detail::polynomial(cos_c, s);
  switch (static_cast<long long>(n) & 3) {
    case 0:
      return {sine, cosine};
    case 1:
      return {cosine, -sine};
    case 2:
      return {-sine, -cosine};
    default:
      return {-cosine, sine};
  }
}

}  // namespace amq::core::portable
