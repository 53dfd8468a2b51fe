#pragma once
/// @file
/// How the step and the offset of a row arise: x ~ step * q + offset. A policy: kernels, training
/// and files are told the rule as a type, and a user's own is as good as these.
///
// clang-format off
/// | rule        | step                        | offset            | codes             | when to take it                |
/// |-------------|-----------------------------|-------------------|-------------------|--------------------------------|
/// | ByRange     | a / (2^b - 1) * (max - min) | middle + step / 2 | lowest .. highest | default: nothing is clipped    |
/// | ByDeviation | a * deviation               | mean + step / 2   | lowest .. highest | Gaussian rows at few bits      |
/// | ByMagnitude | a / highest * absmax        | 0                 | -highest..highest | no offset to carry; 8 bits     |
/// | Static      | a                           | o                 | lowest .. highest | learned or calibrated steps    |
// clang-format on
///
/// a > 0 and o are one number per quantization point and level.

#include <amq/core/integers.hpp>
#include <amq/quant/gaussian.hpp>
#include <amq/quant/row_grid.hpp>
#include <amq/quant/row_stats.hpp>

#include <array>
#include <atomic>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace amq::quant {

/// The rules of amq as data, for files and command lines. `own`: a rule of a user's.
enum class RowRule : std::uint8_t { affine, symmetric, min_max, fixed, own };

namespace detail {
/// Too narrow, or NaN: every code is 0 and decodes to `middle`.
[[nodiscard]] inline RowGrid grid_about(float step, float middle) noexcept {
  if (!(step > smallest_step)) return {1.0f, middle};
  return {step, std::fma(0.5f, step, middle)};
}
}  // namespace detail

/// What the number o of a rule counts, if the rule has one that is learned.
enum class OffsetUnit : std::uint8_t {
  none,   ///< o is not read
  real,   ///< the offset is o itself
  widths  ///< o moves the offset by o * step / a
};

/// What training and calibration need to know of a rule. A rule that does not name one of these
/// as a member has what stands here.
struct RuleFacts {
  bool dynamic = true;  ///< every row has its own grid
  /// The offset moves with half the step, so that zero lies between two codes.
  bool centred = false;
  OffsetUnit offset = OffsetUnit::none;
  bool keeps_mean = false;  ///< 0 bits keep the mean of a row
};

/// A row rule is a struct of static members, all of them noexcept:
///
///     name                       how files call it, e.g. "by_range"
///     grid(x, n, bits, a, o)     the grid of the row x of n >= 1 numbers. its step is
///                                proportional to a;
///                                0 bits: the offset alone stands for the row
///     default_a(bits)            > 0: where training begins
///     lowest(bits)               if the codes do not begin at lowest_code(bits)
///
/// and those members of RuleFacts that differ. tests/quant/quantizer_laws.hpp checks what a
/// compiler cannot; check_row_rule() looks at some of it when a network is built.
template <typename R>
concept row_rule = std::default_initializable<R> &&
    requires(const float* x, Index n, int bits, float a, float o) {
  { R::name } -> std::convertible_to<std::string_view>;
  { R::grid(x, n, bits, a, o) }
  noexcept->std::same_as<RowGrid>;
  { R::default_a(bits) }
  noexcept->std::same_as<float>;
};

}  // namespace amq::quant

namespace amq {

struct ByDeviation {
  static constexpr std::string_view name = "by_deviation", former_name = "row_affine";
  static constexpr bool centred = true, keeps_mean = true;
  static constexpr quant::OffsetUnit offset = quant::OffsetUnit::widths;
  using Stats = quant::MeanDeviation;
  [[nodiscard]] static Stats stats(const float* x, Index n) noexcept {
    return quant::mean_deviation(x, n);
  }
  /// 0 bits keep the mean.
  /// @param o  shift of the grid, in deviations: rows that have passed a swish lean to one side
  [[nodiscard]] static quant::RowGrid grid(const Stats& s, int bits, float a,
                                           float o = 0) noexcept {
    if (bits == 0) return {1.0f, s.mean};
    quant::RowGrid g = quant::detail::grid_about(a * s.deviation, s.mean);
    g.offset = std::fma(o, s.deviation, g.offset);
    return g;
  }
  [[nodiscard]] static quant::RowGrid grid(const float* x, Index n, int bits, float a,
                                           float o) noexcept {
    return grid(stats(x, n), bits, a, o);
  }
  /// The best a for Gaussian rows.
  [[nodiscard]] static constexpr float default_a(int bits) noexcept {
    return static_cast<float>(quant::gaussian_step(bits));
  }
};

/// Has no use for 1 bit: its only code would be 0.
struct ByMagnitude {
  static constexpr std::string_view name = "by_magnitude", former_name = "row_symmetric";
  struct Stats {
    float abs_max = 0;
  };
  [[nodiscard]] static constexpr int lowest(int bits) noexcept { return -core::highest_code(bits); }
  [[nodiscard]] static Stats stats(const float* x, Index n) noexcept {
    return {quant::abs_max(x, n)};
  }
  [[nodiscard]] static quant::RowGrid grid(const Stats& s, int bits, float a, float = 0) noexcept {
    if (bits < 2) return {};
    // a / highest is the same for every row of a level: a kernel divides once.
    const float step = a / static_cast<float>(core::highest_code(bits)) * s.abs_max;
    return {step > quant::smallest_step ? step : 1.0f, 0.0f};
  }
  [[nodiscard]] static quant::RowGrid grid(const float* x, Index n, int bits, float a,
                                           float o) noexcept {
    return grid(stats(x, n), bits, a, o);
  }
  /// The best a for Gaussian rows of 128 channels (longer rows have larger extremes, want less).
  [[nodiscard]] static constexpr float default_a(int bits) noexcept {
    constexpr std::array<float, 7> a{1, 1, 0.44f, 0.7f, 0.88f, 0.96f, 0.98f};
    return bits >= 0 && bits < 7 ? a[static_cast<std::size_t>(bits)] : 1.0f;
  }
};

struct ByRange {
  static constexpr std::string_view name = "by_range", former_name = "row_min_max";
  static constexpr bool centred = true;
  using Stats = quant::MinMax;
  [[nodiscard]] static Stats stats(const float* x, Index n) noexcept {
    return quant::min_max(x, n);
  }
  /// 0 bits keep the middle of the range.
  [[nodiscard]] static quant::RowGrid grid(const Stats& s, int bits, float a, float = 0) noexcept {
    const float middle = 0.5f * (s.min + s.max);
    if (bits == 0) return {1.0f, middle};
    const float factor = a / static_cast<float>((1 << bits) - 1);
    return quant::detail::grid_about(factor * (s.max - s.min), middle);
  }
  [[nodiscard]] static quant::RowGrid grid(const float* x, Index n, int bits, float a,
                                           float o) noexcept {
    return grid(stats(x, n), bits, a, o);
  }
  /// The best a for Gaussian rows of 128 channels.
  [[nodiscard]] static constexpr float default_a(int bits) noexcept {
    constexpr std::array<float, 6> a{1, 0.32f, 0.6f, 0.8f, 0.92f, 0.98f};
    return bits >= 0 && bits < 6 ? a[static_cast<std::size_t>(bits)] : 1.0f;
  }
};

struct Static {
  static constexpr std::string_view name = "static", former_name = "static";
  static constexpr bool dynamic = false;
  static constexpr quant::OffsetUnit offset = quant::OffsetUnit::real;
  struct Stats {};
  [[nodiscard]] static Stats stats(const float*, Index) noexcept { return {}; }
  /// @pre a > 0
  [[nodiscard]] static quant::RowGrid grid(const Stats&, int bits, float a, float o = 0) noexcept {
    return bits == 0 ? quant::RowGrid{1.0f, o}
                     : quant::RowGrid{a > quant::smallest_step ? a : 1.0f, o};
  }
  [[nodiscard]] static quant::RowGrid grid(const float*, Index, int bits, float a,
                                           float o) noexcept {
    return grid({}, bits, a, o);
  }
  /// For values of zero mean and unit variance; calibration.hpp finds better ones.
  [[nodiscard]] static constexpr float default_a(int bits) noexcept {
    return static_cast<float>(quant::gaussian_step(bits));
  }
};

}  // namespace amq

namespace amq::quant {

// Names of before.
using RowAffine = ByDeviation;
using RowSymmetric = ByMagnitude;
using RowMinMax = ByRange;

/// Which of amq's rules a rule is.
template <row_rule R>
[[nodiscard]] constexpr RowRule kind_of(R) noexcept {
  if constexpr (std::same_as<R, ByDeviation>)
    return RowRule::affine;
  else if constexpr (std::same_as<R, ByMagnitude>)
    return RowRule::symmetric;
  else if constexpr (std::same_as<R, ByRange>)
    return RowRule::min_max;
  else if constexpr (std::same_as<R, Static>)
    return RowRule::fixed;
  else
    return RowRule::own;
}
template <row_rule R>
[[nodiscard]] constexpr RuleFacts facts_of(R) noexcept {
  RuleFacts f;
  if constexpr (requires { R::dynamic; }) f.dynamic = R::dynamic;
  if constexpr (requires { R::centred; }) f.centred = R::centred;
  if constexpr (requires { R::offset; }) f.offset = R::offset;
  if constexpr (requires { R::keeps_mean; }) f.keeps_mean = R::keeps_mean;
  return f;
}
/// The lowest code of a row of so many bits.
template <row_rule R>
[[nodiscard]] constexpr int lowest_of(R, int bits) noexcept {
  if constexpr (requires { R::lowest(bits); })
    return R::lowest(bits);
  else
    return lowest_code(bits);
}

/// The grid of a row. A user's rule is compiled in one place, whoever asks, so that training and
/// every kernel see the same bits of it; a step that is not positive becomes 1.
template <row_rule R>
#if defined(__GNUC__) || defined(__clang__)
__attribute__((noinline))
#endif
RowGrid
own_row_grid(const float* x, Index n, int bits, float a, float o) noexcept {
  const RowGrid g = R::grid(x, n, bits, a, o);
  return {g.step > smallest_step ? g.step : 1.0f, g.offset};
}
template <row_rule R>
[[nodiscard]] RowGrid row_grid(R, const float* x, Index n, int bits, float a, float o) noexcept {
  if constexpr (kind_of(R{}) == RowRule::own)
    return n > 0 ? own_row_grid<R>(x, n, bits, a, o) : RowGrid{};
  else
    return R::grid(x, n, bits, a, o);
}

/// Rows of static ranges whose numbers lie beyond them, by a sample: one row in some 64, chosen by
/// the bits of three of its numbers, so that threads, tiles and rungs choose the same.
struct RowsCut {
  std::atomic<std::int64_t> looked{0}, cut{0};

  void clear() noexcept {
    looked.store(0, std::memory_order_relaxed);
    cut.store(0, std::memory_order_relaxed);
  }
  /// 0: none was cut.
  [[nodiscard]] double share() const noexcept {
    const auto n = looked.load(std::memory_order_relaxed);
    return n > 0 ? static_cast<double>(cut.load(std::memory_order_relaxed)) / static_cast<double>(n)
                 : 0;
  }
};

/// A rule with its numbers at one quantization point and level: how rows become codes there.
/// @tparam Rule  a row_rule, or AnyRule
template <typename Rule>
struct BasicRowCoder {
  [[no_unique_address]] Rule rule{};
  int bits = 8;            ///< 0 .. 16; 0 keeps the row's offset only
  float a = 1;             ///< > 0: what the rule's step is multiplied by
  float offset = 0;        ///< o, of rules that have one
  RowsCut* cut = nullptr;  ///< where kernels count rows of static ranges, if anywhere

  [[nodiscard]] constexpr int lowest() const noexcept { return lowest_of(rule, bits); }
  [[nodiscard]] constexpr int highest() const noexcept { return highest_code(bits); }
};

/// One coder per level of the list, with the rule's own a.
template <typename List, typename Rule>
[[nodiscard]] constexpr std::array<BasicRowCoder<Rule>, List::bits.size()> default_coders(
    Rule rule = {}) noexcept {
  std::array<BasicRowCoder<Rule>, List::bits.size()> c;
  for (std::size_t k = 0; k < c.size(); ++k)
    c[k] = {rule, List::bits[k], rule.default_a(List::bits[k])};
  return c;
}

/// A row to codes and its grid, in the contract's order. `codes` holds n. @returns the grid.
template <typename Rule, typename Code>
RowGrid quantize_row(const float* x, Index n, const BasicRowCoder<Rule>& c, Code* codes) noexcept {
  const RowGrid grid = row_grid(c.rule, x, n, c.bits, c.a, c.offset);
  const float inv = grid.inverse(), shift = grid.shift(inv);
  for (Index k = 0; k < n; ++k)
    codes[k] = static_cast<Code>(RowGrid::encode(x[k], inv, shift, c.lowest(), c.highest()));
  return grid;
}

/// A rule at a width of the compiler's, of rows whose grids are known: a quantizer like any other
/// (quantizer.hpp), which is how its laws are checked.
template <row_rule Rule, int Bits>
struct RowsBy {
  static_assert(1 <= Bits && Bits <= max_bits,
                "amq::quant::RowsBy<Rule, Bits>: Bits must be 1 to 16");
  using Code = int_for<Bits>;
  static constexpr int bits = Bits;
  static constexpr int lowest = lowest_of(Rule{}, Bits), highest = highest_code(Bits);

  const RowGrid* grids = nullptr;  ///< (row)

  [[nodiscard]] float step(Index i, Index) const noexcept { return grids[i].step; }
  [[nodiscard]] Code encode(float x, Index i, Index) const noexcept {
    return static_cast<Code>(grids[i].encode(x, lowest, highest));
  }
  [[nodiscard]] float decode(Code q, Index i, Index) const noexcept { return grids[i].decode(q); }
};

}  // namespace amq::quant
