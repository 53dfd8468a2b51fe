#pragma once
/// @file
/// Weights of a linear layer as the dot products read them.

#include <amq/core/aligned.hpp>
#include <amq/core/error.hpp>
#include <amq/core/matrix_view.hpp>
#include <amq/quant/weights.hpp>

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::kernels {

/// The longest K whose sum of products cannot leave 32 bits, rows of `bits_a` bits (codes down to
/// -2^(b-1)) against symmetric weights of `bits_w`. 132,104 at w8a8, 516 at w8a16.
[[nodiscard]] constexpr Index largest_k(int bits_w, int bits_a) noexcept {
  const std::int64_t product = static_cast<std::int64_t>(highest_code(bits_w)) *
                               -static_cast<std::int64_t>(lowest_code(bits_a));
  return product == 0 ? std::numeric_limits<Index>::max()
                      : static_cast<Index>(std::numeric_limits<std::int32_t>::max() / product);
}
/// The longest K of linear(): a 16-bit row is two digit rows, each summed in 32 bits, and the sum
/// of both is exact in double. A low digit is at most 255.
[[nodiscard]] constexpr Index largest_linear_k(int bits_w) noexcept {
  return static_cast<Index>(std::numeric_limits<std::int32_t>::max() /
                            (static_cast<std::int64_t>(highest_code(bits_w)) * 255));
}

/// A weight as products read it: the tensor, the sums of its channels' codes, which carry the
/// offsets of rows, and a bias. All arrays are padded with zeros to whole blocks of channels.
class PackedWeights {
 public:
  static constexpr Index block = layout::Blocked::block, quad = layout::Blocked::quad,
                         tile_k = layout::Blocked::tile;

  PackedWeights() = default;
  /// @param tensor  (out, in), codes within -highest .. highest of `bits`; a step may be negative
  ///                where a batch norm has been folded into it
  /// @param bits    2, 4 or 8: of the codes
  /// @param bias    (out), or empty for zeros
  /// @throws Error for other bits, a length that differs, a code out of range, or an `in` beyond
  ///         largest_linear_k(bits)
  PackedWeights(WeightTensor tensor, int bits, std::span<const float> bias,
                const std::string& name = "PackedWeights") {
    assign(tensor, bits, bias, name);
  }
  /// The same again, in the memory that was there: `tensor` and the one before change places.
  void assign(WeightTensor& tensor, int bits, std::span<const float> bias,
              const std::string& name = "PackedWeights") {
    std::swap(tensor_, tensor);
    bits_ = bits;
    if (bits != 2 && bits != 4 && bits != 8)
      throw Error(name, "weights of 2, 4 or 8 bits", std::to_string(bits) + " bits",
                  "Quantize the weights to one of these.");
    auto& steps = tensor_.quantizer().scale.value;
    const auto n = static_cast<std::size_t>(out());
    if (steps.size() != n || (!bias.empty() && bias.size() != n))
      throw Error(name, std::to_string(out()) + " steps and as many biases or none",
                  std::to_string(steps.size()) + " and " + std::to_string(bias.size()),
                  "Give one of each per output channel.");
    if (in() > largest_linear_k(bits))
      throw Error(name,
                  "at most " + std::to_string(largest_linear_k(bits)) + " inputs at " +
                      std::to_string(bits) + "-bit weights",
                  std::to_string(in()), "Split the layer's inputs in two layers and add them.");
    const auto padded = static_cast<std::size_t>(blocks() * block);
    for (auto* v : {&lowered_, &raised_, &lowered_narrow_, &lowered_six_}) v->assign(padded, 0);
    for (auto* v : {&sum_, &bias_}) v->assign(padded, 0.0f);
    steps.resize(padded, 0.0f);
    const int highest = highest_code(bits);
    for (Index i = 0; i < out(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      std::int32_t sum = 0;
      for (Index k = 0; k < in(); ++k) {
        const int q = tensor_.code(i, k);
        if (q < -highest || q > highest)
          throw Error(name, "weight codes within +-" + std::to_string(highest), std::to_string(q),
                      "Weights are symmetric: the lowest code of the bit-width is not used.");
        sum += q;
      }
      sum_[at] = static_cast<float>(sum);
      lowered_[at] = -128 * sum;
      raised_[at] = 128 * sum;
      lowered_narrow_[at] = -8 * sum;
      lowered_six_[at] = -32 * sum;
      bias_[at] = bias.empty() ? 0.0f : bias[at];
    }
  }
  /// From codes that lie row by row.
  /// @param codes  (out, in)
  /// @param step   (out)
  PackedWeights(MatrixView<const std::int8_t> codes, int bits, std::span<const float> step,
                std::span<const float> bias, const std::string& name = "PackedWeights")
      : PackedWeights(blocked(codes, step), bits, bias, name) {}

  /// Some of the outputs, in the order given, as a weight of their own.
  [[nodiscard]] PackedWeights outputs(std::span<const Index> which) const {
    PerRow steps;
    std::vector<float> bias;
    for (const Index i : which) {
      steps.value.push_back(tensor_.quantizer().step(i, 0));
      bias.push_back(bias_[static_cast<std::size_t>(i)]);
    }
    WeightTensor part({std::move(steps)}, which.size(), in());
    for (Index i = 0; i < part.rows(); ++i)
      for (Index k = 0; k < in(); ++k)
        part.set_code(i, k, tensor_.code(which[static_cast<std::size_t>(i)], k));
    return {std::move(part), bits_, bias};
  }

  [[nodiscard]] const WeightTensor& tensor() const noexcept { return tensor_; }
  [[nodiscard]] Index out() const noexcept { return tensor_.rows(); }
  [[nodiscard]] Index in() const noexcept { return tensor_.cols(); }
  [[nodiscard]] int bits() const noexcept { return bits_; }
  [[nodiscard]] Index blocks() const noexcept { return layout::Blocked::blocks(out()); }
  [[nodiscard]] Index quads() const noexcept { return (in() + quad - 1) / quad; }

  /// The codes of block b.
  [[nodiscard]] const std::int8_t* codes(Index b) const noexcept { return tensor_.block(b); }
  [[nodiscard]] Index block_bytes() const noexcept { return layout::Blocked::block_bytes(in()); }
  /// -128 and 128 times the sums: what takes a bias of the digits off again.
  [[nodiscard]] const std::int32_t* lowered(Index b) const noexcept {
    return lowered_.data() + b * block;
  }
  [[nodiscard]] const std::int32_t* raised(Index b) const noexcept {
    return raised_.data() + b * block;
  }
  /// -8 times the sums, for digits of narrow codes (kernels/dot.hpp).
  [[nodiscard]] const std::int32_t* lowered_narrow(Index b) const noexcept {
    return lowered_narrow_.data() + b * block;
  }
  /// -32 times, for digits of codes of 5 and 6 bits.
  [[nodiscard]] const std::int32_t* lowered_six(Index b) const noexcept {
    return lowered_six_.data() + b * block;
  }
  /// Sums of the codes of each channel.
  [[nodiscard]] const float* sums() const noexcept { return sum_.data(); }
  [[nodiscard]] const float* steps() const noexcept {
    return tensor_.quantizer().scale.value.data();
  }
  [[nodiscard]] const float* biases() const noexcept { return bias_.data(); }

 private:
  [[nodiscard]] static WeightTensor blocked(MatrixView<const std::int8_t> codes,
                                            std::span<const float> step) {
    WeightTensor t({{{step.begin(), step.end()}}}, codes.rows, codes.cols);
    for (Index i = 0; i < codes.rows; ++i)
      for (Index k = 0; k < codes.cols; ++k)
        t.words()[static_cast<std::size_t>(layout::Blocked::place(i, k, codes.cols))] = codes(i, k);
    return t;
  }
  WeightTensor tensor_;
  int bits_ = 8;
  AlignedVector<std::int32_t> lowered_, raised_, lowered_narrow_, lowered_six_;
  AlignedVector<float> sum_, bias_;
};

/// A weight on its way to products: one tensor a group, or two, of the high and the low digits,
/// where codes have 16 bits.
class WeightGroups {
 public:
  /// One output channel: its codes are put in any order, those left out are 0.
  class Channel {
   public:
    Channel() = default;  ///< of no weight
    /// @pre |code| <= highest_weight_code(bits)
    void put(Index k, int code) const noexcept {
      if (!low_) {
        high_->set_code(row_, k, static_cast<std::int8_t>(code));
        return;
      }
      const WeightDigits digits = weight_digits(code);
      high_->set_code(row_, k, digits.high);
      low_->set_code(row_, k, digits.low);
    }

   private:
    friend class WeightGroups;
    Channel(WeightTensor* high, WeightTensor* low, Index row) noexcept
        : high_(high), low_(low), row_(row) {}
    WeightTensor *high_ = nullptr, *low_ = nullptr;
    Index row_ = 0;
  };

  /// @param out   of all groups
  /// @param bits  2, 4, 8 or 16
  WeightGroups(Index out, Index in, Index groups, int bits) { begin(out, in, groups, bits); }
  WeightGroups() = default;
  /// As constructed, in the memory that was there.
  void begin(Index out, Index in, Index groups, int bits) {
    bits_ = bits;
    out_ = out / groups;
    high_.resize(static_cast<std::size_t>(groups));
    low_.resize(bits == 16 ? high_.size() : 0);
    for (auto* digits : {&high_, &low_})
      for (WeightTensor& t : *digits) t.reset(out_, in);
  }
  /// @pre 0 <= i < out
  [[nodiscard]] Channel channel(Index i) noexcept {
    const auto g = static_cast<std::size_t>(i / out_);
    return {&high_[g], low_.empty() ? nullptr : &low_[g], i % out_};
  }
  /// One PackedWeights a group is added to `to`; the low digits, which have no bias, to `to_low`:
  /// what the two give is added.
  /// @param step, bias  (out)
  /// @throws what PackedWeights throws
  void pack(const float* step, const float* bias, const std::string& where,
            std::vector<PackedWeights>& to, std::vector<PackedWeights>& to_low) && {
    const std::size_t first = to.size(), first_low = to_low.size();
    to.resize(first + high_.size());
    to_low.resize(first_low + low_.size());
    pack_into(step, bias, where, std::span(to).subspan(first),
              std::span(to_low).subspan(first_low));
  }
  /// The same into weights that were there before: as many as there are groups. What is put in
  /// after the next begin() goes to the memory that they had.
  void pack_into(const float* step, const float* bias, const std::string& where,
                 std::span<PackedWeights> to, std::span<PackedWeights> to_low) {
    const auto n = static_cast<std::size_t>(out_);
    for (std::size_t g = 0; g < high_.size(); ++g, step += out_, bias += out_) {
      auto& high = high_[g].quantizer().scale.value;
      high.assign(step, step + out_);
      if (!low_.empty()) {
        low_[g].quantizer().scale.value = high;
        for (float& s : high) s *= static_cast<float>(weight_digit);
        to_low[g].assign(low_[g], 8, std::span<const float>(), where);
      }
      to[g].assign(high_[g], low_.empty() ? bits_ : 8, std::span<const float>(bias, n), where);
    }
  }

 private:
  int bits_ = 8;
  Index out_ = 0;
  std::vector<WeightTensor> high_, low_;  // (group)
};

}  // namespace amq::kernels
