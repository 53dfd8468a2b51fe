#pragma once
// A row rule as a user would write one, in a file of a program of his own: nothing of amq knows it.

#include <amq/quant/row_rule.hpp>

#include <algorithm>
#include <string_view>
#include <vector>

// [own-rule]
/// Codes cover a times the distance between the first and third quartile, about their middle:
/// outliers are clipped, whatever they are. 0 bits keep the middle.
struct ByQuartiles {
  static constexpr std::string_view name = "by_quartiles";
  static constexpr bool centred = true;

  static amq::quant::RowGrid grid(const float* x, amq::Index n, int bits, float a, float) noexcept {
    std::vector<float> sorted(x, x + n);
    std::sort(sorted.begin(), sorted.end());
    const auto at = [&](amq::Index k) { return sorted[static_cast<std::size_t>(k)]; };
    const float low = at(n / 4), high = at(3 * n / 4);
    const float middle = 0.5f * (low + high), width = high - low;
    if (bits == 0) return {1.0f, middle};
    const float step = a * width / static_cast<float>((1 << bits) - 1);
    return {step, middle + 0.5f * step};
  }
  static float default_a(int bits) noexcept { return bits < 3 ? 1.5f : 3.0f; }
};
// [own-rule]
