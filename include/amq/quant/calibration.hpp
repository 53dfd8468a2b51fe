#pragma once
/// @file
/// From samples to coders, a rule's numbers at a level, and to the distortion that remains.
///
// clang-format off
/// | method                        | for       | when to take it                                    |
/// |-------------------------------|-----------|----------------------------------------------------|
/// | static_coder(range())         | Static    | nothing may be clipped; 8 bits and more            |
/// | static_coder(percentile_range)| Static    | the usual baseline: outliers are cut               |
/// | best_static_coder             | Static    | least squared error; few bits                      |
/// | best_coder<Rule>              | row rules | least squared error, relative to each row's power  |
/// | distortion_curve              | all       | D(b) for the allocator: measured, not 4^-b         |
// clang-format on

#include <amq/core/error.hpp>
#include <amq/core/matrix_view.hpp>
#include <amq/quant/any_rule.hpp>
#include <amq/quant/histogram.hpp>
#include <amq/quant/levels.hpp>
#include <amq/quant/row_rule.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace amq::quant {

/// The grid of 2^bits codes whose ends are those of the range. A range of no width keeps its value:
/// step 1, every code 0. 0 bits keep the middle.
/// @throws Error for a range that is not finite or upside down
[[nodiscard]] inline BasicRowCoder<Static> static_coder(Range r, int bits) {
  if (!std::isfinite(r.low) || !std::isfinite(r.high) || r.low > r.high)
    throw Error("static_coder", "a finite range, low <= high",
                std::to_string(r.low) + " to " + std::to_string(r.high), "Collect samples first.");
  const float middle = 0.5f * r.low + 0.5f * r.high;
  if (bits == 0) return {{}, bits, 1.0f, middle};
  const float step = (r.high - r.low) / static_cast<float>((1 << bits) - 1);
  if (!(step > smallest_step)) return {{}, bits, 1.0f, middle};
  return {{}, bits, step, std::fma(0.5f, step, middle)};
}

/// Mean squared error of the values in a histogram under a static grid, bin centres standing for
/// their values.
[[nodiscard]] inline double static_error(const Histogram& h, const BasicRowCoder<Static>& s) {
  const double low = s.lowest(), high = s.highest(), step = static_cast<double>(s.a),
               offset = static_cast<double>(s.offset);
  double sum = 0;
  for (std::size_t i = 0; i < Histogram::n_bins; ++i) {
    if (h.in_bin(i) == 0) continue;
    const double x = h.centre(i);
    const double q = std::nearbyint(std::clamp((x - offset) / step, low, high));
    const double e = x - (step * q + offset);
    sum += static_cast<double>(h.in_bin(i)) * e * e;
  }
  return h.count() ? sum / static_cast<double>(h.count()) : 0.0;
}

/// The static grid of least squared error: from ranges cut at either end by several tails, each
/// improved by regression of the values on their codes. Never worse than the full range.
/// @throws Error when nothing was collected
[[nodiscard]] inline BasicRowCoder<Static> best_static_coder(const Histogram& h, int bits) {
  if (h.count() == 0)
    throw Error("best_static_coder", "collected values", "none", "Add batches first.");
  BasicRowCoder<Static> best = static_coder(h.range(), bits);
  if (bits == 0 || !(h.range().low < h.range().high)) return best;
  double least = static_error(h, best);
  const auto regress =
      [&](const BasicRowCoder<Static>& s) {  // x ~ step * q + offset for the codes q of s
        const double low = lowest_code(bits), high = highest_code(bits);
        double n = 0, q1 = 0, q2 = 0, x1 = 0, xq = 0;
        for (std::size_t i = 0; i < Histogram::n_bins; ++i) {
          if (h.in_bin(i) == 0) continue;
          const double w = static_cast<double>(h.in_bin(i)), x = h.centre(i);
          const double q = std::nearbyint(std::clamp(
              (x - static_cast<double>(s.offset)) / static_cast<double>(s.a), low, high));
          n += w, q1 += w * q, q2 += w * q * q, x1 += w * x, xq += w * x * q;
        }
        const double spread = q2 - q1 * q1 / n;
        if (!(spread > 0)) return s;
        const double step = (xq - q1 * x1 / n) / spread;
        if (!(step > static_cast<double>(smallest_step))) return s;
        return BasicRowCoder<Static>{
            {}, bits, static_cast<float>(step), static_cast<float>((x1 - step * q1) / n)};
      };
  constexpr std::array<double, 9> tails{0, 1e-5, 1e-4, 1e-3, 5e-3, 0.02, 0.05, 0.1, 0.2};
  for (const double below : tails)
    for (const double above : tails) {
      BasicRowCoder<Static> s = static_coder({h.quantile(below), h.quantile(1 - above)}, bits);
      for (int pass = 0; pass < 4; ++pass) {
        const double error = static_error(h, s);
        if (error < least) least = error, best = s;
        s = regress(s);
      }
    }
  return best;
}

/// Error left in a sample of rows, in units of their power: for row rules the mean over rows of
/// (mean squared error / variance), rows of no variance left out; for Static the sum of errors over
/// the sum of variances, since a fixed step serves large rows and starves small ones.
/// @throws Error when no row varies, or a value is not finite
/// @tparam Rule  a row_rule, or AnyRule
template <typename Rule>
[[nodiscard]] double row_distortion(MatrixView<const float> rows,
                                    const BasicRowCoder<Rule>& coder) {
  std::vector<std::int32_t> codes(static_cast<std::size_t>(rows.cols));
  double ratios = 0, errors = 0, powers = 0;
  Index counted = 0;
  for (Index i = 0; i < rows.rows; ++i) {
    const float* x = rows.row(i);
    const auto stats = mean_deviation(x, rows.cols);
    const double power =
        static_cast<double>(stats.deviation) * static_cast<double>(stats.deviation);
    if (!std::isfinite(power))
      throw Error("row_distortion", "finite rows", "row " + std::to_string(i) + " is not",
                  "Look for the layer or sample where it first appears.");
    if (!(power > 0)) continue;
    const RowGrid g = quantize_row(x, rows.cols, coder, codes.data());
    double error = 0;
    for (Index k = 0; k < rows.cols; ++k) {
      const double e = static_cast<double>(g.decode(codes[static_cast<std::size_t>(k)])) -
                       static_cast<double>(x[k]);
      error += e * e;
    }
    error /= static_cast<double>(rows.cols);
    ratios += error / power;
    errors += error;
    powers += power;
    ++counted;
  }
  if (counted == 0)
    throw Error("row_distortion", "at least one row that varies", "none", "Collect more rows.");
  return facts_of(coder.rule).dynamic ? ratios / static_cast<double>(counted) : errors / powers;
}

/// The a of a dynamic rule that leaves least distortion in a sample: a scan around the rule's
/// default, then golden section. For Static see best_static_coder.
/// @throws Error as row_distortion
/// @tparam Rule  a row_rule, or AnyRule
template <typename Rule>
[[nodiscard]] BasicRowCoder<Rule> best_coder(MatrixView<const float> rows, int bits,
                                             const Rule& rule = {}) {
  AMQ_ASSERT(kind_of(rule) != RowRule::fixed, "a rule of fixed steps has best_static_coder");
  const double start = static_cast<double>(rule.default_a(bits));
  const auto coder = [&](double a) {
    return BasicRowCoder<Rule>{rule, bits, static_cast<float>(a), 0};
  };
  if (bits == 0) return coder(start);
  const auto error = [&](double a) { return row_distortion(rows, coder(a)); };
  double best = start, least = error(start);
  // Fine, since rows off zero or with outliers have several local minima.
  const double ratio = std::pow(2.0, 1.0 / 16);
  for (int i = -32; i <= 26; ++i) {
    const double a = start * std::pow(ratio, i), e = error(a);
    if (e < least) least = e, best = a;
  }
  double low = best / ratio, high = best * ratio;
  const double golden = 0.5 * (std::sqrt(5.0) - 1);
  double c = high - golden * (high - low), d = low + golden * (high - low);
  double fc = error(c), fd = error(d);
  for (int i = 0; i < 10; ++i) {
    if (fc < least) least = fc, best = c;
    if (fd < least) least = fd, best = d;
    if (fc < fd) {
      high = d, d = c, fd = fc;
      c = high - golden * (high - low), fc = error(c);
    } else {
      low = c, c = d, fc = fd;
      d = low + golden * (high - low), fd = error(d);
    }
  }
  return coder(best);
}

/// Factor and shift of the affine rule that leave least distortion in a sample: a coarse scan
/// around the best unshifted factor, then a fine one around its winner. Rows behind a swish lean to
/// one side; there the shift is worth about a bit.
/// @throws Error as row_distortion
[[nodiscard]] inline BasicRowCoder<ByDeviation> best_shifted_coder(MatrixView<const float> rows,
                                                                   int bits) {
  const auto plain = best_coder<ByDeviation>(rows, bits);
  auto best = plain;
  double least = row_distortion(rows, best);
  const auto scan = [&](float a0, float a_step, int a_count, float o0, float o_step, int o_count) {
    for (int i = -a_count; i <= a_count; ++i)
      for (int j = -o_count; j <= o_count; ++j) {
        const BasicRowCoder<ByDeviation> t{
            {}, bits, a0 + a_step * static_cast<float>(i), o0 + o_step * static_cast<float>(j)};
        if (!(t.a > 0)) continue;
        const double error = row_distortion(rows, t);
        if (error < least) least = error, best = t;
      }
  };
  scan(0.8f * plain.a, 0.12f * plain.a, 3, 0.6f, 0.3f, 5);
  scan(best.a, 0.03f * plain.a, 2, best.offset, 0.08f, 2);
  return best;
}

/// Coders of every level of a list from a sample of rows at one quantization point.
/// @throws Error as best_coder
template <typename List, row_rule Rule>
[[nodiscard]] std::array<BasicRowCoder<Rule>, List::bits.size()> calibrate(
    MatrixView<const float> rows) {
  std::array<BasicRowCoder<Rule>, List::bits.size()> coders;
  if constexpr (facts_of(Rule{}).dynamic) {
    for (std::size_t k = 0; k < coders.size(); ++k)
      coders[k] = best_coder<Rule>(rows, List::bits[k]);
  } else {
    Histogram h;
    for (Index i = 0; i < rows.rows; ++i) h.add(rows.row_span(i));
    for (std::size_t k = 0; k < coders.size(); ++k) coders[k] = best_static_coder(h, List::bits[k]);
  }
  return coders;
}

/// D(b) of a sample for each level: what the allocator weighs scores with.
/// @throws Error as row_distortion
template <typename Coders>
[[nodiscard]] std::vector<double> distortion_curve(MatrixView<const float> rows,
                                                   const Coders& coders) {
  std::vector<double> d;
  for (const auto& coder : coders) d.push_back(row_distortion(rows, coder));
  return d;
}

}  // namespace amq::quant
