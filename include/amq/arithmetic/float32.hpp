#pragma once
/// @file
/// Reference inference: every operation on floats, at once.

#include <amq/arithmetic/concept.hpp>
#include <amq/arithmetic/float_rows.hpp>
#include <amq/arithmetic/message_passing.hpp>
#include <amq/kernels/float_product.hpp>

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

namespace amq::arithmetics {

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
  /// Of message_mean(): receivers' and senders' parts, rows at the point, messages before their
  /// activation.
  using MessageObserver =
      std::function<void(PointId, MatrixView<const float>, MatrixView<const float>,
                         MatrixView<const float>, MatrixView<const float>)>;
  void observe_messages(MessageObserver o) { message_observer_ = std::move(o); }

  Tensor message_mean(const Graph& g, const Tensor& at_receiver, const Tensor& at_sender,
                      PointId point, WeightId weight) {
    if (!message_observer_)
      return message_mean_in_pieces(*this, g, at_receiver, at_sender, point, weight);
    const auto h =
        activate(*this, Activation::swish, apply(ops::EdgeSum{g}, at_receiver, at_sender));
    const Tensor z = linear(weight, quantize(point, h));
    message_observer_(point, at_receiver.view(), at_sender.view(), h.view(), z.view());
    return apply(ops::SegmentMean{g}, activate(*this, Activation::swish, z));
  }

  Quantized quantize(PointId point, const Tensor& x) {
    if (observer_) observer_(point, x.view());
    return x;
  }
  /// By the products of training: the same bits as its pass without quantization, on every rung.
  Tensor linear(WeightId id, const Quantized& x) {
    const WeightEntry& w = layout_->weight(id);
    const Tensor y = make(x.rows(), w.columns_out(), x.kind);
    if (w.groups > 1) {
      grouped_product(w, x, y);
      return y;
    }
    gather(w);
    kernels::affine<>(x.view(), {matrix_.data(), w.in, w.out}, bias_.data(), y.data.view());
    if (w.norm) normalize(w, y);
    return y;
  }
  [[nodiscard]] static ProductBits product_bits(ProductBits) noexcept { return {}; }

 private:
  /// matrix_ (in, out) and bias_ (out) of a weight, as the parameters are now.
  void gather(const WeightEntry& w) {
    matrix_.resize(static_cast<std::size_t>(w.in * w.out));
    bias_.assign(static_cast<std::size_t>(w.out), 0.0f);
    Index first = 0;
    for (const WeightPart& part : w.parts) {
      const auto m = parameters_->view(layout_->entry(part.weight));
      const Index rows = WeightEntry::outputs(part, m.rows);
      float* to = matrix_.data() + first;
      if (part.mapped()) {
        for (Index n = 0; n < rows; ++n)
          for (Index k = 0; k < w.in; ++k)
            to[k * w.out + n] = m.data[part.row[static_cast<std::size_t>(n)] +
                                       part.column[static_cast<std::size_t>(k)]];
      } else {
        kernels::transpose({m.data + part.first_col, rows, w.in, m.stride},
                           {to, w.in, rows, w.out});
      }
      if (part.bias != no_parameter) {
        const Index biases = layout_->entry(part.bias).size();
        for (Index n = 0; n < rows; n += biases)
          std::copy_n(value(part.bias), biases, bias_.data() + first + n);
      }
      first += rows;
    }
  }
  void grouped_product(const WeightEntry& w, const Tensor& x, const Tensor& y) {
    const auto m = parameters_->view(layout_->entry(w.parts[0].weight));
    const Index n = x.rows() / w.groups, out = w.columns_out();
    matrix_.resize(static_cast<std::size_t>(w.in * out));
    const MatrixView<float> transposed(matrix_.data(), w.in, out);
    for (Index g = 0; g < w.groups; ++g) {
      const MatrixView<const float> in(x.view().row(g * n), n, x.cols(), x.view().stride),
          weights(m.row(g * out), out, m.cols, m.stride);
      const MatrixView<float> to(y.data.view().row(g * n), n, out);
      // Transposing the weights reads them whole: for few rows that is all the work there is.
      if (n <= 4) {
        kernels::multiply_few_rows(in, weights, to);
      } else {
        kernels::transpose(weights, transposed);
        kernels::multiply(in, transposed, to, false);
      }
    }
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
  MessageObserver message_observer_;
  std::vector<float> matrix_, bias_;
};

static_assert(arithmetic<Float32>);

}  // namespace amq::arithmetics
