#pragma once
/// @file
/// Weights of latent attention as unsigned codes of 8 bits or fewer: exponentials from a table,
/// integer sums. The same codes on every machine and for any order of nodes.

#include <amq/core/everyone.hpp>
#include <amq/core/matrix_view.hpp>
#include <amq/core/portable_math.hpp>
#include <amq/kernels/activation.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace amq::ops::detail {

/// e^(-i / per_unit) for 256 distances i below the largest logit: one less would be half a code of
/// 8 bits beside it, or nothing.
struct ExponentialTable {
  static constexpr float per_unit = 40;
  static constexpr int last = 255, one = 65'535;  ///< one: what e^0 is

  std::array<std::int32_t, last + 1> wide;

  ExponentialTable() noexcept {
    for (int i = 0; i <= last; ++i) {
      const double e = portable::exp(-i / static_cast<double>(per_unit));
      wide[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(std::floor(one * e + 0.5));
    }
  }
  [[nodiscard]] static const ExponentialTable& get() noexcept {
    static const ExponentialTable table;
    return table;
  }
  /// Rounded to codes 0 .. highest.
  [[nodiscard]] std::array<std::uint8_t, last + 1> codes(int highest) const noexcept {
    std::array<std::uint8_t, last + 1> c;
    for (std::size_t i = 0; i < c.size(); ++i)
      c[i] = static_cast<std::uint8_t>((2 * std::int64_t{highest} * wide[i] + one) / (2 * one));
    return c;
  }
  /// place[k] = how far x[k] lies below top[k], or below the largest where top is null: a place of
  /// the table. @param scratch  n floats
  static void places(const float* x, float scale, const float* top, Index n, float* scratch,
                     std::uint8_t* place) noexcept {
    kernels::map_floats(
        x, scratch, n, [scale](auto v) AMQ_INLINE_LAMBDA { return v * decltype(v)::splat(scale); });
    const auto below = [](auto high, auto v) AMQ_INLINE_LAMBDA {
      using F = decltype(v);
      // Adding 1.5 * 2^23 rounds, and leaves the place in the low byte.
      return fma(min(high - v, F::splat(last / per_unit)), F::splat(per_unit),
                 F::splat(12'582'912.0f));
    };
    if (top) {
      kernels::map_floats2(top, scratch, scratch, n, below);
    } else {
      float largest = scratch[0];
      for (Index k = 1; k < n; ++k) largest = scratch[k] > largest ? scratch[k] : largest;
      kernels::map_floats(scratch, scratch, n, [=](auto v) AMQ_INLINE_LAMBDA {
        return below(decltype(v)::splat(largest), v);
      });
    }
    for (Index k = 0; k < n; ++k)
      place[k] = static_cast<std::uint8_t>(std::bit_cast<std::uint32_t>(scratch[k]) & 255u);
  }
};

/// Codes of one head's weights for pooling: of all nodes, so that their sums over nodes have one
/// step.
class PoolingCodes {
 public:
  /// What begin() needs to know of all nodes: own ones first. begin() follows.
  /// @param logits  (node, token) of the head
  /// @param scale   1 / temperature
  /// @param over_tokens  codes of shares, the largest share of all nodes the highest; else of
  ///                     e^(logit - the token's largest)
  void measure(MatrixView<const float> logits, float scale, bool over_tokens) {
    const ExponentialTable& table = ExponentialTable::get();
    const Index nodes = logits.rows, n = logits.cols;
    tokens_ = n;
    scale_ = scale;
    over_tokens_ = over_tokens;
    scratch_.resize(at(n));
    place_.resize(at(nodes * n));
    if (over_tokens) {
      sum_.resize(at(nodes));
      least_ = std::numeric_limits<std::int64_t>::max();
      for (Index i = 0; i < nodes; ++i) {
        std::uint8_t* p = place_.data() + i * n;
        ExponentialTable::places(logits.row(i), scale, nullptr, n, scratch_.data(), p);
        std::int64_t sum = 0;
        for (Index g = 0; g < n; ++g) sum += table.wide[p[g]];
        sum_[at(i)] = sum;
        least_ = std::min(least_, sum);
      }
      return;
    }
    top_.assign(at(n), -std::numeric_limits<float>::infinity());
    for (Index i = 0; i < nodes; ++i)
      for (Index g = 0; g < n; ++g) {
        const float z = logits(i, g) * scale;
        top_[at(g)] = i == 0 || z > top_[at(g)] ? z : top_[at(g)];
      }
  }
  /// What measure() has found, for a maximum over all ranks.
  void give(std::vector<std::int64_t>& to) const {
    if (over_tokens_)
      to.push_back(-least_);
    else
      for (const float t : top_) to.push_back(ordered_bits(static_cast<double>(t)));
  }
  /// Takes that maximum back. @returns what follows
  const std::int64_t* take(const std::int64_t* from) noexcept {
    if (over_tokens_)
      least_ = -*from++;
    else
      for (float& t : top_) t = static_cast<float>(from_ordered_bits(*from++));
    return from;
  }
  /// @param logits   as measured
  /// @param highest  code
  void begin(MatrixView<const float> logits, int highest) {
    highest_ = highest;
    code_ = ExponentialTable::get().codes(highest);
    if (over_tokens_) return;
    for (Index i = 0; i < logits.rows; ++i)
      ExponentialTable::places(logits.row(i), scale_, top_.data(), tokens_, scratch_.data(),
                               place_.data() + i * tokens_);
  }
  /// A weight is so many times its code. @pre there are nodes
  [[nodiscard]] double step() const noexcept {
    const double largest = over_tokens_ ? ExponentialTable::one / static_cast<double>(least_) : 1.0;
    return largest / highest_;
  }
  /// Of a node's weights. @param to  (token)
  void of(Index node, std::uint8_t* to) const noexcept {
    const std::uint8_t* p = place_.data() + node * tokens_;
    if (!over_tokens_) {
      for (Index g = 0; g < tokens_; ++g) to[g] = code_[p[g]];
      return;
    }
    const ExponentialTable& table = ExponentialTable::get();
    const auto by =
        static_cast<float>(highest_ * static_cast<double>(least_) /
                           (ExponentialTable::one * static_cast<double>(sum_[at(node)])));
    for (Index g = 0; g < tokens_; ++g)
      to[g] = static_cast<std::uint8_t>(std::fma(static_cast<float>(table.wide[p[g]]), by, 0.5f));
  }

 private:
  static constexpr std::size_t at(Index k) noexcept { return static_cast<std::size_t>(k); }
  std::array<std::uint8_t, 256> code_{};
  std::vector<float> scratch_, top_;
  std::vector<std::uint8_t> place_;  // (node, token)
  std::vector<std::int64_t> sum_;    // (node) of exponentials
  std::int64_t least_ = 0;
  Index tokens_ = 0;
  float scale_ = 1;
  int highest_ = 255;
  bool over_tokens_ = true;
};

/// Codes of one node's weights of tokens, the largest weight the highest, and their sum.
class SpreadingCodes {
 public:
  void begin(int highest, Index tokens) {
    code_ = ExponentialTable::get().codes(highest);
    scratch_.resize(static_cast<std::size_t>(tokens));
  }
  /// @param to  (token) @returns the sum of the codes, at least 1
  std::int32_t of(const float* logits, float scale, std::uint8_t* to) noexcept {
    const auto n = static_cast<Index>(scratch_.size());
    ExponentialTable::places(logits, scale, nullptr, n, scratch_.data(), to);
    std::int32_t sum = 0;
    for (Index g = 0; g < n; ++g) {
      to[g] = code_[to[g]];
      sum += to[g];
    }
    return sum;
  }

 private:
  std::array<std::uint8_t, 256> code_{};
  std::vector<float> scratch_;
};

}  // namespace amq::ops::detail
