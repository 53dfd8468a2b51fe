#pragma once
/// @file
/// Pooling of nodes into tokens in integers, in steps between which ranks may speak to each other.

#include <amq/core/everyone.hpp>
#include <amq/kernels/latent_attention.hpp>
#include <amq/ops/product_bits.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace amq::ops::detail {

/// PoolNodes of some heads in integers: extremes of all nodes, then sums over them, then means.
/// Ranks that have some of the nodes each join the extremes and the sums in between.
class CodedPooling {
 public:
  /// @param x            (node, head x channel) of these heads
  /// @param logits       of each head, (node, token)
  /// @param over_tokens  codes of shares, the largest share of all nodes the highest; else of
  ///                     e^(logit - the token's largest)
  void measure(MatrixView<const float> x, std::span<const kernels::HeadLogits> logits,
               bool over_tokens) {
    over_tokens_ = over_tokens;
    const Index nodes = x.rows, n = logits[0].logits.cols;
    // Rows of sixteen lanes, and sixteen nodes at a time, which may be more than there are.
    wide_ = kernels::detail::to_lanes(over_tokens ? nodes : n);
    step_.assign(at(x.cols), 0.0f);
    top_.assign(logits.size() * at(wide_), -std::numeric_limits<float>::infinity());
    heads_.resize(logits.size());
    least_.assign(over_tokens ? logits.size() : 0, std::numeric_limits<std::int64_t>::max());
    share_.resize(over_tokens ? logits.size() * at(nodes) : 0);
    kernels::largest_of_columns(x, step_.data());
    for (std::size_t h = 0; h < logits.size(); ++h) {
      float* top = top_.data() + h * at(wide_);
      std::int64_t* share = over_tokens ? share_.data() + h * at(nodes) : nullptr;
      heads_[h] = {logits[h], top, share};
      if (!over_tokens) {
        kernels::largest_logits(logits[h], top);
        continue;
      }
      kernels::sums_of_shares(logits[h], top, share);
      for (Index i = 0; i < nodes; ++i) least_[h] = std::min(least_[h], share[i]);
    }
  }
  /// What measure() has found, for a maximum over all ranks.
  void give_extremes(std::vector<std::int64_t>& to) const {
    for (const float s : step_) to.push_back(ordered_bits(static_cast<double>(s)));
    for (const std::int64_t least : least_) to.push_back(-least);
    if (over_tokens_) return;
    for (const auto& h : heads_)
      for (Index g = 0; g < h.logits.cols; ++g)
        to.push_back(ordered_bits(static_cast<double>(h.top[g])));
  }
  /// Takes that maximum back. @returns what follows
  const std::int64_t* take_extremes(const std::int64_t* from) noexcept {
    for (float& s : step_) s = static_cast<float>(from_ordered_bits(*from++));
    for (std::int64_t& least : least_) least = -*from++;
    if (over_tokens_) return from;
    for (std::size_t h = 0; h < heads_.size(); ++h)
      for (Index g = 0; g < heads_[h].logits.cols; ++g)
        top_[h * at(wide_) + at(g)] = static_cast<float>(from_ordered_bits(*from++));
    return from;
  }
  /// @param x  as measured
  void add_up(MatrixView<const float> x, ProductBits bits) {
    inverse_.resize(step_.size());
    for (std::size_t c = 0; c < step_.size(); ++c) {
      step_[c] = largest_weight_step(&step_[c], 1, bits.matrix);
      inverse_[c] = 1.0f / step_[c];
    }
    highest_ = (1 << bits.rows) - 1;
    const Index n = heads_[0].logits.cols;
    sum_.assign(heads_.size() * at(n), 0);
    product_.assign(at(n * x.cols), 0);
    kernels::Pooling(heads_, least_, highest_, memory_)
        .add(x, inverse_.data(), highest_code(bits.matrix), sum_.data(), product_.data());
  }
  void give_sums(std::vector<std::int64_t>& to) const {
    to.insert(to.end(), sum_.begin(), sum_.end());
    to.insert(to.end(), product_.begin(), product_.end());
  }
  const std::int64_t* take_sums(const std::int64_t* from) noexcept {
    for (auto* own : {&sum_, &product_}) {
      std::copy_n(from, own->size(), own->begin());
      from += own->size();
    }
    return from;
  }
  /// @param any   whether there are nodes
  /// @param out   (head x token, channel)
  /// @param sums  (head x token) of weights, eps added
  void means(bool any, double eps, MatrixView<float> out, float* sums) const {
    const Index n = heads_[0].logits.cols;
    for (Index row = 0; row < out.rows; ++row) {
      const auto h = static_cast<std::size_t>(row / n);
      const double step = any ? step_of_weights(h) : 1.0;
      const double all = static_cast<double>(sum_[at(row)]) + eps / step;
      const float* of_channel = step_.data() + h * at(out.cols);
      for (Index c = 0; c < out.cols; ++c)
        out(row, c) = static_cast<float>(static_cast<double>(product_[at(row * out.cols + c)]) *
                                         static_cast<double>(of_channel[c]) / all);
      sums[row] = static_cast<float>(all * step);
    }
  }

 private:
  static constexpr std::size_t at(Index k) noexcept { return static_cast<std::size_t>(k); }
  /// A weight is so many times its code. @pre there are nodes
  [[nodiscard]] double step_of_weights(std::size_t head) const noexcept {
    const double largest =
        over_tokens_ ? kernels::ExponentialTable::one / static_cast<double>(least_[head]) : 1.0;
    return largest / highest_;
  }

  std::vector<kernels::PoolingHead> heads_;
  std::vector<float> step_, inverse_, top_;
  std::vector<std::int64_t> share_;  // (head, node): sums of exponentials
  std::vector<std::int64_t> least_;  // (head): of them; none where weights are no shares
  std::vector<std::int64_t> sum_, product_;
  kernels::PoolingMemory memory_;
  Index wide_ = 0;
  int highest_ = 255;
  bool over_tokens_ = true;
};

/// What pooling with others keeps between passes.
struct SharedPooling {
  std::vector<CodedPooling> of_head;
  std::vector<std::int64_t> words;  ///< extremes, then sums
};

}  // namespace amq::ops::detail
