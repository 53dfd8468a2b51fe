#pragma once
/// @file
/// Exponential, logarithm and circular functions that give the same bits on every machine. Those of
/// <cmath> differ between C libraries, and what decides the bits of a row must not (design
/// decision 8). Only +, *, / and fma of IEEE doubles, in one order; errors of a few ulp.

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace amq::portable {

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
}  // namespace detail

/// e^x. Below -745 zero, above 709.7 infinity; NaN stays.
[[nodiscard]] inline double exp(double x) noexcept {
  if (!(x > -745.2)) return x != x ? x : 0.0;
  if (x > 709.78) return std::numeric_limits<double>::infinity();
  const double n = std::nearbyint(x * detail::log2_e);
  const double r = std::fma(-n, detail::ln2_low, std::fma(-n, detail::ln2_high, x));
  // Taylor: |r| <= 0.35 leaves r^14 / 14! < 5e-18.
  static constexpr std::array<double, 14> c{1.0 / 6227020800.0,
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
  const double y = detail::polynomial(c, r);  // 0.7 .. 1.42
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
  if (m < 0.70710678118654752440) m *= 2, --e;
  // log m = 2 atanh((m - 1) / (m + 1)); |t| <= 0.1716 leaves t^22 / 23 < 1e-18.
  const double t = (m - 1) / (m + 1), s = t * t;
  static constexpr std::array<double, 11> c{1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15,
                                            1.0 / 13, 1.0 / 11, 1.0 / 9,  1.0 / 7,
                                            1.0 / 5,  1.0 / 3,  1.0};
  const double two_t = 2 * t;
  return std::fma(
      static_cast<double>(e), detail::ln2_high,
      std::fma(two_t, detail::polynomial(c, s), static_cast<double>(e) * detail::ln2_low));
}

/// x^p for x >= 0.
[[nodiscard]] inline double pow(double x, double p) noexcept {
  if (p == 0) return 1;
  if (x == 0) return p > 0 ? 0.0 : std::numeric_limits<double>::infinity();
  return exp(p * log(x));
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

}  // namespace amq::portable
