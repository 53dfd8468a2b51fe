#pragma once
/// @file
/// Reference inference: every operation on floats, at once.

#include <amq/arithmetic/concept.hpp>
#include <amq/arithmetic/float_rows.hpp>
#include <amq/core/eigen.hpp>
#include <amq/kernels/float_product.hpp>

#include <functional>
#include <utility>

namespace amq {

/// Runs a model's text in float. quantize() changes nothing, but shows each row to `observe`, which
/// is how calibration sees the activations.
class Float32 : public FloatRows {
 public:
  using Quantized = Tensor;
  using Observer = std::function<void(PointId, MatrixView<const float>)>;

  /// @param layout, parameters  are read as long as this object lives
  Float32(const ParameterLayout& layout, const Parameters& parameters)
      : FloatRows(layout, parameters, serial_executor()) {}
  /// Called with the rows that arrive at each quantization point.
  void observe(Observer o) { observer_ = std::move(o); }

  Quantized quantize(PointId point, const Tensor& x) {
    if (observer_) observer_(point, x.view());
    return x;
  }
  Tensor linear(WeightId id, const Quantized& x) {
    const WeightEntry& w = layout_->weight(id);
    Tensor y = make(x.rows(), w.columns_out(), x.kind);
    if (w.groups > 1) {
      grouped_product(w, x, y);
      return y;
    }
    if (w.parts.size() == 1 && w.parts[0].mapped()) {
      mapped_product(w, x, y);
      return y;
    }
    Index first = 0;
    for (const WeightPart& part : w.parts) {
      const auto m = parameters_->view(layout_->entry(part.weight));
      const auto block =
          map(MatrixView<const float>(m.data + part.first_col, m.rows, part.cols, m.stride));
      auto out = map(y.data.columns(first, m.rows).view());
      out.noalias() = map(x.view()) * block.transpose();
      if (part.bias != no_parameter)
        out.rowwise() += Eigen::Map<const Eigen::RowVectorXf>(value(part.bias), m.rows);
      first += m.rows;
    }
    if (w.norm) normalize(w, y);
    return y;
  }
  [[nodiscard]] static ProductBits product_bits(ProductBits) noexcept { return {}; }

 private:
  void grouped_product(const WeightEntry& w, const Tensor& x, const Tensor& y) const {
    const auto m = parameters_->view(layout_->entry(w.parts[0].weight));
    const Index n = x.rows() / w.groups, out = w.columns_out();
    for (Index g = 0; g < w.groups; ++g) {
      const MatrixView<const float> in(x.view().row(g * n), n, x.cols(), x.view().stride),
          weights(m.row(g * out), out, m.cols, m.stride);
      const MatrixView<float> to(y.data.view().row(g * n), n, out);
      // Eigen copies the weights to begin with: here they are all the work there is.
      if (n <= 4)
        kernels::multiply_few_rows(in, weights, to);
      else
        map(to).noalias() = map(in) * map(weights).transpose();
    }
  }
  void mapped_product(const WeightEntry& w, const Tensor& x, const Tensor& y) const {
    const WeightPart& part = w.parts[0];
    const float* m = value(part.weight);
    Matrix matrix(w.out, w.in);
    for (Index n = 0; n < w.out; ++n)
      for (Index k = 0; k < w.in; ++k)
        matrix(n, k) =
            m[part.row[static_cast<std::size_t>(n)] + part.column[static_cast<std::size_t>(k)]];
    auto out = map(y.data.view());
    out.noalias() = map(x.view()) * matrix.transpose();
    if (part.bias != no_parameter) {
      const Index biases = layout_->entry(part.bias).size();
      const Eigen::Map<const Eigen::RowVectorXf> b(value(part.bias), biases);
      for (Index n = 0; n < w.out; n += biases) out.middleCols(n, biases).rowwise() += b;
    }
    if (w.norm) normalize(w, y);
  }
  void normalize(const WeightEntry& w, const Tensor& y) const {
    const float *gamma = value(w.norm.gamma), *beta = value(w.norm.beta),
                *mean = value(w.norm.mean), *variance = value(w.norm.variance);
    const auto out = y.data.view();
    for (Index c = 0; c < out.cols; ++c) {
      const FoldedNorm<float> f(gamma[c], beta[c], mean[c], variance[c]);
      for (Index i = 0; i < out.rows; ++i) out(i, c) = std::fma(out(i, c), f.scale, f.shift);
    }
  }

  Observer observer_;
};

static_assert(arithmetic<Float32>);

}  // namespace amq
