#pragma once
/// @file
/// How values are distributed, collected batch by batch: a data set need not be stored to be
/// calibrated on.

#include <amq/core/error.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace amq::quant {

/// An interval of reals.
struct Range {
  float low = 0, high = 0;
};

/// Counts in 4096 equal bins whose range grows by doubling, so that it always holds every value
/// seen. Which batches come first changes the bins, not the counts.
class Histogram {
 public:
  static constexpr std::size_t n_bins = 4096;

  /// @throws Error for values that are not finite; nothing of the batch is then counted
  void add(std::span<const float> x) {
    if (x.empty()) return;
    float low = x[0], high = x[0];
    for (const float v : x) {
      if (!std::isfinite(v))
        throw Error("Histogram", "finite values", std::to_string(v),
                    "Look for the layer or sample where they first appear.");
      low = std::min(low, v);
      high = std::max(high, v);
    }
    if (count_ == 0) {
      min_ = low;
      max_ = high;
      origin_ = low;
      // A constant batch still needs bins of some width.
      width_ = std::max((static_cast<double>(high) - static_cast<double>(low)) / (n_bins - 1),
                        1e-9 * std::max(std::fabs(static_cast<double>(low)), 1e-30));
    }
    min_ = std::min(min_, low);
    max_ = std::max(max_, high);
    while (low < origin_) widen(true);
    while (static_cast<double>(high) >= origin_ + width_ * n_bins) widen(false);
    for (const float v : x) ++bins_[bin_of(v)];
    count_ += x.size();
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// Extremes, exact. Zeros before the first value.
  [[nodiscard]] Range range() const noexcept { return {min_, max_}; }
  [[nodiscard]] std::uint64_t in_bin(std::size_t i) const noexcept { return bins_[i]; }
  [[nodiscard]] double centre(std::size_t i) const noexcept {
    return origin_ + width_ * (static_cast<double>(i) + 0.5);
  }
  [[nodiscard]] double bin_width() const noexcept { return width_; }

  /// The value below which a share p of the values lies, to within a bin. @pre 0 <= p <= 1
  [[nodiscard]] float quantile(double p) const noexcept {
    if (count_ == 0) return 0;
    const double wanted = p * static_cast<double>(count_);
    double below = 0;
    for (std::size_t i = 0; i < n_bins; ++i) {
      const auto here = static_cast<double>(bins_[i]);
      if (below + here >= wanted && here > 0) {
        const double x = origin_ + width_ * (static_cast<double>(i) + (wanted - below) / here);
        return std::clamp(static_cast<float>(x), min_, max_);
      }
      below += here;
    }
    return max_;
  }
  /// What is left when a share `tail` is cut off at either end.
  [[nodiscard]] Range percentile_range(double tail) const noexcept {
    return {quantile(tail), quantile(1 - tail)};
  }

 private:
  [[nodiscard]] std::size_t bin_of(float v) const noexcept {
    const double i = (static_cast<double>(v) - origin_) / width_;
    return std::min(static_cast<std::size_t>(std::max(i, 0.0)), n_bins - 1);
  }
  /// Twice the width, the old range being the upper or the lower half.
  void widen(bool downwards) noexcept {
    std::array<std::uint64_t, n_bins> wide{};
    const std::size_t shift = downwards ? n_bins / 2 : 0;
    for (std::size_t i = 0; i < n_bins; ++i) wide[shift + i / 2] += bins_[i];
    if (downwards) origin_ -= width_ * n_bins;
    width_ *= 2;
    bins_ = wide;
  }
  std::array<std::uint64_t, n_bins> bins_{};
  std::uint64_t count_ = 0;
  double origin_ = 0, width_ = 0;
  float min_ = 0, max_ = 0;
};

}  // namespace amq::quant
