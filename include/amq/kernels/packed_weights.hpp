#pragma once
/// @file
/// Weights of a linear layer as the dot products read them.

#include <amq/core/aligned.hpp>
#include <amq/core/error.hpp>
#include <amq/core/matrix_view.hpp>
#include <amq/quant/row_rule.hpp>
#include <amq/quant/weights.hpp>

#include <cstdint>
#include <limits>
#include <span>
#include <string>
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

/// Codes in blocks of 16 output channels: (N / 16, K / 4, 16, 4), padded with zeros to whole blocks
/// and to 64 inputs. One layout for every rung: an AMX tile is sixteen consecutive quads of a
/// block.
class PackedWeights {
 public:
  static constexpr Index block = 16, quad = 4, tile_k = 64;

  PackedWeights() = default;
  /// @param codes  (out, in), within -highest .. highest of `bits`
  /// @param step   (out), > 0
  /// @param bias   (out), or empty for zeros
  /// @throws Error for bits other than 2, 4, 8, lengths that differ, a code out of range, or an
  ///         `in` beyond largest_linear_k(bits)
  PackedWeights(MatrixView<const std::int8_t> codes, int bits, std::span<const float> step,
                std::span<const float> bias, const std::string& name = "PackedWeights")
      : out_(codes.rows), in_(codes.cols), bits_(bits) {
    if (bits != 2 && bits != 4 && bits != 8)
      throw Error(name, "weights of 2, 4 or 8 bits", std::to_string(bits) + " bits",
                  "Quantize the weights to one of these.");
    const auto n = static_cast<std::size_t>(out_);
    if (step.size() != n || (!bias.empty() && bias.size() != n))
      throw Error(name, std::to_string(out_) + " steps and as many biases or none",
                  std::to_string(step.size()) + " and " + std::to_string(bias.size()),
                  "Give one of each per output channel.");
    if (in_ > largest_linear_k(bits))
      throw Error(name,
                  "at most " + std::to_string(largest_linear_k(bits)) + " inputs at " +
                      std::to_string(bits) + "-bit weights",
                  std::to_string(in_), "Split the layer's inputs in two layers and add them.");
    const Index padded = blocks() * block;
    codes_.assign(static_cast<std::size_t>(blocks() * block_bytes()), 0);
    for (auto* v : {&sum_, &lowered_, &raised_}) v->assign(static_cast<std::size_t>(padded), 0);
    for (auto* v : {&sum_float_, &step_, &bias_}) v->assign(static_cast<std::size_t>(padded), 0.0f);
    const int highest = highest_code(bits);
    for (Index i = 0; i < out_; ++i) {
      const auto at = static_cast<std::size_t>(i);
      for (Index k = 0; k < in_; ++k) {
        const int q = codes(i, k);
        if (q < -highest || q > highest)
          throw Error(name, "weight codes within +-" + std::to_string(highest), std::to_string(q),
                      "Weights are symmetric: the lowest code of the bit-width is not used.");
        codes_[place(i, k)] = static_cast<std::int8_t>(q);
        sum_[at] += q;
      }
      sum_float_[at] = static_cast<float>(sum_[at]);
      lowered_[at] = -128 * sum_[at];
      raised_[at] = 128 * sum_[at];
      step_[at] = step[at];
      bias_[at] = bias.empty() ? 0.0f : bias[at];
    }
  }

  /// Some of the outputs, in the order given, as a weight of their own.
  [[nodiscard]] PackedWeights outputs(std::span<const Index> which) const {
    const auto n = static_cast<Index>(which.size());
    std::vector<std::int8_t> codes;
    std::vector<float> step, bias;
    for (const Index i : which) {
      for (Index k = 0; k < in_; ++k) codes.push_back(codes_[place(i, k)]);
      step.push_back(step_[static_cast<std::size_t>(i)]);
      bias.push_back(bias_[static_cast<std::size_t>(i)]);
    }
    return {{codes.data(), n, in_}, bits_, step, bias};
  }

  [[nodiscard]] Index out() const noexcept { return out_; }
  [[nodiscard]] Index in() const noexcept { return in_; }
  [[nodiscard]] int bits() const noexcept { return bits_; }
  [[nodiscard]] Index blocks() const noexcept { return (out_ + block - 1) / block; }
  [[nodiscard]] Index quads() const noexcept { return (in_ + quad - 1) / quad; }

  /// The packed codes of block b. The arrays below are padded to whole blocks with zeros.
  [[nodiscard]] const std::int8_t* codes(Index b) const noexcept {
    return codes_.data() + b * block_bytes();
  }
  [[nodiscard]] Index block_bytes() const noexcept {
    return (in_ + tile_k - 1) / tile_k * tile_k * block;
  }
  [[nodiscard]] const std::int32_t* sums() const noexcept { return sum_.data(); }
  /// -128 and 128 times the sums: what takes a bias of the digits off again.
  [[nodiscard]] const std::int32_t* lowered(Index b) const noexcept {
    return lowered_.data() + b * block;
  }
  [[nodiscard]] const std::int32_t* raised(Index b) const noexcept {
    return raised_.data() + b * block;
  }
  [[nodiscard]] const float* sums_float() const noexcept { return sum_float_.data(); }
  [[nodiscard]] const float* steps() const noexcept { return step_.data(); }
  [[nodiscard]] const float* biases() const noexcept { return bias_.data(); }

 private:
  [[nodiscard]] std::size_t place(Index i, Index k) const noexcept {
    return static_cast<std::size_t>(i / block * block_bytes() +
                                    (k / quad * block + i % block) * quad + k % quad);
  }
  Index out_ = 0, in_ = 0;
  int bits_ = 8;
  AlignedVector<std::int8_t> codes_;
  AlignedVector<std::int32_t> sum_, lowered_, raised_;
  AlignedVector<float> sum_float_, step_, bias_;
};

/// Grouped weights, one PackedWeights a group, are added to `to`; those of 16 bits as two digits,
/// the low ones, which have no bias, to `to_low`: what the two give is added.
/// @param codes       (group * out, in), high digits where there are low ones
/// @param low         as many, or null: weights of at most 8 bits
/// @param step, bias  (group * out)
/// @throws what PackedWeights throws
inline void pack_groups(MatrixView<const std::int8_t> codes, const std::int8_t* low, Index groups,
                        int bits, const float* step, const float* bias, const std::string& where,
                        std::vector<PackedWeights>& to, std::vector<PackedWeights>& to_low) {
  const Index out = codes.rows / groups;
  const auto n = static_cast<std::size_t>(out);
  std::vector<float> high_step(step, step + codes.rows);
  if (low)
    for (float& s : high_step) s *= static_cast<float>(weight_digit);
  for (Index first = 0; first < codes.rows; first += out) {
    to.emplace_back(MatrixView<const std::int8_t>(codes.row(first), out, codes.cols),
                    low ? 8 : bits,
                    std::span<const float>(high_step).subspan(static_cast<std::size_t>(first), n),
                    std::span<const float>(bias + first, n), where);
    if (low)
      to_low.emplace_back(MatrixView<const std::int8_t>(low + first * codes.cols, out, codes.cols),
                          8, std::span<const float>(step + first, n), std::span<const float>(),
                          where);
  }
}

}  // namespace amq::kernels
