#pragma once
/// @file
/// How the step and the offset of a row arise: x ~ step * q + offset.
///
// clang-format off
/// | rule         | step                        | offset            | codes             | when to take it                 |
/// |--------------|-----------------------------|-------------------|-------------------|---------------------------------|
/// | RowAffine    | a * deviation               | mean + step / 2   | lowest .. highest | default: best error at few bits |
/// | RowSymmetric | a / highest * absmax        | 0                 | -highest..highest | no offset to carry; 8 bits      |
/// | RowMinMax    | a / (2^b - 1) * (max - min) | middle + step / 2 | lowest .. highest | bounded rows, nothing clipped   |
/// | Static       | a                           | o                 | lowest .. highest | learned or calibrated steps     |
// clang-format on
///
/// a > 0 and o are one number per quantization point and level.

#include <amq/core/integers.hpp>
#include <amq/quant/gaussian.hpp>
#include <amq/quant/row_grid.hpp>
#include <amq/quant/row_stats.hpp>

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace amq {

/// The rules as data, for kernels, files and command lines.
enum class RowRule : std::uint8_t { affine, symmetric, min_max, fixed };

namespace detail {
/// Too narrow, or NaN: every code is 0 and decodes to `middle`.
[[nodiscard]] inline RowGrid grid_about(float step, float middle) noexcept {
  if (!(step > smallest_step)) return {1.0f, middle};
  return {step, std::fma(0.5f, step, middle)};
}
}  // namespace detail

struct RowAffine {
  static constexpr RowRule rule = RowRule::affine;
  static constexpr std::string_view name = "row_affine";
  static constexpr bool dynamic = true, has_offset = true;
  using Stats = MeanDeviation;
  [[nodiscard]] static constexpr int lowest(int bits) noexcept { return lowest_code(bits); }
  [[nodiscard]] static Stats stats(const float* x, Index n) noexcept {
    return mean_deviation(x, n);
  }
  /// 0 bits keep the mean.
  /// @param o  shift of the grid, in deviations: rows that have passed a swish lean to one side
  [[nodiscard]] static RowGrid grid(const Stats& s, int bits, float a, float o = 0) noexcept {
    if (bits == 0) return {1.0f, s.mean};
    RowGrid g = detail::grid_about(a * s.deviation, s.mean);
    g.offset = std::fma(o, s.deviation, g.offset);
    return g;
  }
  /// The best a for Gaussian rows.
  [[nodiscard]] static constexpr float default_a(int bits) noexcept {
    return static_cast<float>(gaussian_step(bits));
  }
};

/// Has no use for 1 bit: its only code would be 0.
struct RowSymmetric {
  static constexpr RowRule rule = RowRule::symmetric;
  static constexpr std::string_view name = "row_symmetric";
  static constexpr bool dynamic = true, has_offset = false;
  struct Stats {
    float abs_max = 0;
  };
  [[nodiscard]] static constexpr int lowest(int bits) noexcept { return -highest_code(bits); }
  [[nodiscard]] static Stats stats(const float* x, Index n) noexcept { return {abs_max(x, n)}; }
  [[nodiscard]] static RowGrid grid(const Stats& s, int bits, float a, float = 0) noexcept {
    if (bits < 2) return {};
    // a / highest is the same for every row of a level: a kernel divides once.
    const float step = a / static_cast<float>(highest_code(bits)) * s.abs_max;
    return {step > smallest_step ? step : 1.0f, 0.0f};
  }
  /// The best a for Gaussian rows of 128 channels (longer rows have larger extremes, want less).
  [[nodiscard]] static constexpr float default_a(int bits) noexcept {
    constexpr std::array<float, 7> a{1, 1, 0.44f, 0.7f, 0.88f, 0.96f, 0.98f};
    return bits >= 0 && bits < 7 ? a[static_cast<std::size_t>(bits)] : 1.0f;
  }
};

struct RowMinMax {
  static constexpr RowRule rule = RowRule::min_max;
  static constexpr std::string_view name = "row_min_max";
  static constexpr bool dynamic = true, has_offset = true;
  using Stats = MinMax;
  [[nodiscard]] static constexpr int lowest(int bits) noexcept { return lowest_code(bits); }
  [[nodiscard]] static Stats stats(const float* x, Index n) noexcept { return min_max(x, n); }
  /// 0 bits keep the middle of the range.
  [[nodiscard]] static RowGrid grid(const Stats& s, int bits, float a, float = 0) noexcept {
    const float middle = 0.5f * (s.min + s.max);
    if (bits == 0) return {1.0f, middle};
    const float factor = a / static_cast<float>((1 << bits) - 1);
    return detail::grid_about(factor * (s.max - s.min), middle);
  }
  /// The best a for Gaussian rows of 128 channels.
  [[nodiscard]] static constexpr float default_a(int bits) noexcept {
    constexpr std::array<float, 6> a{1, 0.32f, 0.6f, 0.8f, 0.92f, 0.98f};
    return bits >= 0 && bits < 6 ? a[static_cast<std::size_t>(bits)] : 1.0f;
  }
};

struct Static {
  static constexpr RowRule rule = RowRule::fixed;
  static constexpr std::string_view name = "static";
  static constexpr bool dynamic = false, has_offset = true;
  struct Stats {};
  [[nodiscard]] static constexpr int lowest(int bits) noexcept { return lowest_code(bits); }
  [[nodiscard]] static Stats stats(const float*, Index) noexcept { return {}; }
  /// @pre a > 0
  [[nodiscard]] static RowGrid grid(const Stats&, int bits, float a, float o = 0) noexcept {
    return bits == 0 ? RowGrid{1.0f, o} : RowGrid{a > smallest_step ? a : 1.0f, o};
  }
  /// For values of zero mean and unit variance; calibration.hpp finds better ones.
  [[nodiscard]] static constexpr float default_a(int bits) noexcept {
    return static_cast<float>(gaussian_step(bits));
  }
};

/// `Rule::grid(stats, bits, a, o)` places the codes lowest(bits) .. highest_code(bits).
template <typename R>
concept row_rule = requires(const float* x, Index n, int bits, float a, float o) {
  { R::rule } -> std::convertible_to<RowRule>;
  { R::name } -> std::convertible_to<std::string_view>;
  { R::dynamic } -> std::convertible_to<bool>;
  { R::lowest(bits) } -> std::same_as<int>;
  { R::grid(R::stats(x, n), bits, a, o) } -> std::same_as<RowGrid>;
  { R::default_a(bits) } -> std::same_as<float>;
};

/// Calls f with the rule's type: what is compiled for each rule but chosen at run time.
template <typename F>
decltype(auto) with_row_rule(RowRule rule, F&& f) {
  switch (rule) {
    case RowRule::symmetric:
      return f(RowSymmetric{});
    case RowRule::min_max:
      return f(RowMinMax{});
    case RowRule::fixed:
      return f(Static{});
    case RowRule::affine:
      break;
  }
  return f(RowAffine{});
}

/// The numbers a and o of a row rule at one level.
struct LevelScale {
  float a = 1, offset = 0;
};

/// One LevelScale per level of the list, a being the rule's default.
template <typename List, row_rule Rule>
[[nodiscard]] constexpr std::array<LevelScale, List::bits.size()> default_scales() noexcept {
  std::array<LevelScale, List::bits.size()> s;
  for (std::size_t k = 0; k < s.size(); ++k) s[k].a = Rule::default_a(List::bits[k]);
  return s;
}

/// A rule with its numbers at one (quantization point, level), as data.
struct RowCoder {
  RowRule rule = RowRule::affine;
  int bits = 8;      ///< 0 .. 16; 0 keeps the row's offset only
  float a = 1;       ///< > 0: what the rule's step is multiplied by
  float offset = 0;  ///< of RowRule::fixed only

  [[nodiscard]] constexpr int lowest() const noexcept {
    return rule == RowRule::symmetric ? -highest_code(bits) : lowest_code(bits);
  }
  [[nodiscard]] constexpr int highest() const noexcept { return highest_code(bits); }
};

/// A row to codes and its grid, in the contract's order. `codes` holds n. @returns the grid.
template <row_rule Rule, typename Code>
RowGrid quantize_row(const float* x, Index n, int bits, float a, float o, Code* codes) noexcept {
  const RowGrid grid = Rule::grid(Rule::stats(x, n), bits, a, o);
  const float inv = grid.inverse(), shift = grid.shift(inv);
  const int lowest = Rule::lowest(bits), highest = highest_code(bits);
  for (Index k = 0; k < n; ++k)
    codes[k] = static_cast<Code>(RowGrid::encode(x[k], inv, shift, lowest, highest));
  return grid;
}

/// The same with the rule chosen at run time.
template <typename Code>
RowGrid quantize_row(const float* x, Index n, const RowCoder& c, Code* codes) noexcept {
  return with_row_rule(c.rule, [&](auto rule) {
    return quantize_row<decltype(rule)>(x, n, c.bits, c.a, c.offset, codes);
  });
}

}  // namespace amq
