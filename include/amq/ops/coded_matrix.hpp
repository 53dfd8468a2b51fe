#pragma once
/// @file
/// Matrices that are no parameters, as integer codes: of transforms, of keys and values.

#include <amq/kernels/gemm.hpp>
#include <amq/quant/mixed_rows.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace amq::ops {

/// (out, in) floats, encoded like a weight: a step a row. Rows of floats meet it in integers. Other
/// floats of the same shape are encoded in the memory of those before.
class CodedMatrix {
 public:
  /// How the step of a row is found.
  enum class Step : std::uint8_t {
    best,     ///< least squared error: for a matrix that is encoded once
    largest,  ///< the largest magnitude has the highest code: for one that is encoded in every pass
  };
  /// @param bits  2, 4, 8 or 16
  /// @throws Error for other bits
  void encode(MatrixView<const float> values, int bits, Step how) {
    step_.resize(static_cast<std::size_t>(values.rows));
    bias_.assign(step_.size(), 0.0f);
    codes_.begin(values.rows, values.cols, 1, bits);
    const int highest = highest_weight_code(bits);
    for (Index i = 0; i < values.rows; ++i) {
      const float* row = values.row(i);
      float& step = step_[static_cast<std::size_t>(i)];
      step = how == Step::best ? best_weight_step(row, values.cols, bits)
                               : largest_weight_step(row, values.cols, bits);
      const float inverse = 1.0f / step;
      const auto channel = codes_.channel(i);
      for (Index k = 0; k < values.cols; ++k)
        channel.put(k, encode_symmetric(row[k], inverse, highest));
    }
    packed_.resize(1);
    low_.resize(bits == 16 ? 1 : 0);
    codes_.pack_into(step_.data(), bias_.data(), "matrix of codes", packed_, low_);
  }
  /// Nothing has been encoded.
  [[nodiscard]] bool empty() const noexcept { return packed_.empty(); }
  /// y(i, n) = sum_k x(i, k) values(n, k), of rows that are quantized by their minimum and maximum.
  /// @param x     (row, in)
  /// @param bits  of a row, 2 to 16
  /// @param y     (row, out)
  /// @throws Error if shapes differ. @pre not empty()
  void multiply(MatrixView<const float> x, int bits, MatrixView<float> y) const {
    const BasicRowCoder<ByRange> coder{{}, bits, ByRange::default_a(bits)};
    if (bits <= 8 && low_.empty())
      return kernels::linear(x, coder, packed_[0], Activation::none, y);
    static thread_local RowMemory memory;
    const MixedRows rows(&memory, x.rows, x.cols, bits);
    if (rows.buckets().empty()) return;
    kernels::quantize_rows(x, coder, rows.span(0));
    kernels::linear(rows, packed_[0], Activation::none, y);
    if (!low_.empty()) kernels::linear_onto(rows, low_[0], false, y, y);
  }
  /// The same of rows that are codes already.
  /// @throws Error if shapes differ. @pre not empty()
  void multiply(const RowsView& x, MatrixView<float> y) const {
    kernels::linear(x, packed_[0], Activation::none, y);
    if (!low_.empty()) kernels::linear_onto(std::span(&x, 1), low_[0], false, y, y);
  }

 private:
  kernels::WeightGroups codes_;
  std::vector<float> step_, bias_;
  std::vector<kernels::PackedWeights> packed_, low_;  // one of each, or none
};

}  // namespace amq::ops
