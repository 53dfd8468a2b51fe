#pragma once
/// @file
/// Reference inference: every operation on floats, at once.

#include <amq/arithmetic/attention_ops.hpp>
#include <amq/arithmetic/concept.hpp>
#include <amq/arithmetic/grid_operation.hpp>
#include <amq/core/buffer_pool.hpp>
#include <amq/kernels/float_product.hpp>

#include <algorithm>
#include <functional>
#include <vector>

namespace amq {

/// Runs a model's text in float. quantize() changes nothing, but shows each row to `observe`, which
/// is how calibration sees the activations.
class Float32 {
 public:
  struct Tensor {
    BufferPool<float>::Handle data;
    RowKind kind = RowKind::node;

    [[nodiscard]] MatrixView<const float> view() const noexcept { return data.read(); }
    [[nodiscard]] Index rows() const noexcept { return data.view().rows; }
    [[nodiscard]] Index cols() const noexcept { return data.view().cols; }
  };
  using Quantized = Tensor;
  using Observer = std::function<void(PointId, MatrixView<const float>)>;

  /// @param layout, parameters  are read as long as this object lives
  Float32(const ParameterLayout& layout, const Parameters& parameters)
      : layout_(&layout), parameters_(&parameters) {}
  /// Called with the rows that arrive at each quantization point.
  void observe(Observer o) { observer_ = std::move(o); }

  Tensor input(MatrixView<const float> x, RowKind kind) {
    Tensor t = make(x.rows, x.cols, kind);
    map(t.data.view()) = map(x);
    return t;
  }
  Quantized quantize(PointId point, const Tensor& x) {
    if (observer_) observer_(point, x.view());
    return x;
  }
  Tensor linear(WeightId id, const Quantized& x) {
    const WeightEntry& w = layout_->weight(id);
    Tensor y = make(x.rows(), w.columns_out(), x.kind);
    if (w.groups > 1) {
      const auto m = parameters_->view(layout_->entry(w.parts[0].weight));
      const Index n = x.rows() / w.groups, out = w.columns_out();
      for (Index g = 0; g < w.groups; ++g) {
        const MatrixView<const float> rows(x.view().row(g * n), n, x.cols(), x.view().stride),
            weights(m.row(g * out), out, m.cols, m.stride);
        const MatrixView<float> to(y.data.view().row(g * n), n, out);
        // Eigen copies the weights to begin with: here they are all the work there is.
        if (n <= 4)
          kernels::multiply_few_rows(rows, weights, to);
        else
          map(to).noalias() = map(rows) * map(weights).transpose();
      }
      return y;
    }
    Index first = 0;
    if (w.parts.size() == 1 && w.parts[0].mapped()) {
      mapped_product(w, x, y);
      return y;
    }
    for (const WeightPart& part : w.parts) {
      const auto m = parameters_->view(layout_->entry(part.weight));
      const auto block =
          map(MatrixView<const float>(m.data + part.first_col, m.rows, part.cols, m.stride));
      auto out = map(y.data.columns(first, m.rows).view());
      out.noalias() = map(x.view()) * block.transpose();
      if (part.bias != no_parameter) {
        const auto& b = layout_->entry(part.bias);
        out.rowwise() += Eigen::Map<const Eigen::RowVectorXf>(parameters_->view(b).data, m.rows);
      }
      first += m.rows;
    }
    if (w.norm) normalize(w, y);
    return y;
  }
  /// A temporary's memory takes the result.
  Tensor activate(Activation f, Tensor x) {
    const Tensor c = contiguous(std::move(x));
    Tensor y = in_place_of(c);
    ops::activate(f, c.view(), y.data.view());
    return y;
  }
  Tensor activate_sum(Activation f, Tensor x, Tensor y) {
    const Tensor a = contiguous(std::move(x)), b = contiguous(std::move(y));
    Tensor z = in_place_of(b.data.sole_user() ? b : a);
    kernels::activate_sum(f, a.view().data, b.view().data, z.data.view().data, a.view().size());
    return z;
  }
  Tensor add(Tensor x, Tensor y) {
    Tensor z = in_place_of(y.data.sole_user() ? y : x);
    map(z.data.view()) = map(x.view()) + map(y.view());
    return z;
  }
  Tensor subtract(Tensor x, Tensor y) {
    Tensor z = in_place_of(y.data.sole_user() ? y : x);
    map(z.data.view()) = map(x.view()) - map(y.view());
    return z;
  }
  Tensor scale_columns(const Tensor& x, std::span<const float> f) {
    Tensor z = make(x.rows(), x.cols(), x.kind);
    map(z.data.view()) =
        map(x.view()) * Eigen::Map<const Eigen::VectorXf>(f.data(), x.cols()).asDiagonal();
    return z;
  }
  Tensor columns(const Tensor& x, Index first, Index n) {
    return {x.data.columns(first, n), x.kind};
  }
  Tensor concat(std::initializer_list<Tensor> xs) {
    Index cols = 0;
    for (const Tensor& x : xs) cols += x.cols();
    Tensor y = make(xs.begin()->rows(), cols, xs.begin()->kind);
    Index first = 0;
    for (const Tensor& x : xs) {
      map(y.data.columns(first, x.cols()).view()) = map(x.view());
      first += x.cols();
    }
    return y;
  }
  Tensor gather(const Tensor& x, std::span<const std::int32_t> ids, RowKind kind) {
    Tensor y = make(static_cast<Index>(ids.size()), x.cols(), kind);
    ops::gather(x.view(), ids, y.data.view());
    return y;
  }
  Tensor edge_sum(const Tensor& at_receiver, const Tensor& at_sender, const Graph& g) {
    Tensor y = make(g.n_edges(), at_receiver.cols(), RowKind::edge);
    ops::edge_sum(at_receiver.view(), at_sender.view(), g, y.data.view());
    return y;
  }
  Tensor segment_mean(const Tensor& x, const Graph& g) { return reduce(x, g, true); }
  Tensor segment_sum(const Tensor& x, const Graph& g) { return reduce(x, g, false); }
  Tensor instance_norm(const Tensor& x) {
    Tensor y = make(x.rows(), x.cols(), x.kind);
    scratch_.resize(static_cast<std::size_t>(x.cols()));
    ops::instance_norm(x.view(), norm_eps, y.data.view(), scratch_.data());
    return y;
  }
  Tensor layer_norm(const Tensor& x, ParameterId gamma, ParameterId beta) {
    Tensor y = make(x.rows(), x.cols(), x.kind);
    scratch_.resize(static_cast<std::size_t>(x.rows()));
    ops::layer_norm(x.view(), norm_eps, y.data.view(), scratch_.data());
    auto m = map(y.data.view());
    const auto row = [&](ParameterId p) {
      return Eigen::Map<const Eigen::RowVectorXf>(parameters_->view(layout_->entry(p)).data,
                                                  x.cols());
    };
    if (gamma != no_parameter) m.array().rowwise() *= row(gamma).array();
    if (beta != no_parameter) m.rowwise() += row(beta);
    return y;
  }
  Tensor windows(const Tensor& x, const ops::Windows& w) {
    Tensor y = make(x.rows() * w.count(), w.channels * w.kernel, x.kind);
    ops::windows(x.view(), w, y.data.view());
    return y;
  }
  Tensor fold_windows(const Tensor& x, Index n) {
    Tensor y = make(x.rows() / n, x.cols() * n, x.kind);
    ops::fold_windows(x.view(), n, y.data.view());
    return y;
  }
  Tensor gate(const Tensor& x, const Tensor& y) {
    Tensor z = make(x.rows(), x.cols(), x.kind);
    map(z.data.view()) = map(x.view()).cwiseProduct(map(y.view()));
    return z;
  }
  Tensor choose_rows(std::span<const std::uint8_t> rows, const Tensor& x, const Tensor& y) {
    Tensor z = make(x.rows(), x.cols(), x.kind);
    for (Index i = 0; i < x.rows(); ++i)
      std::copy_n((rows[static_cast<std::size_t>(i)] ? x : y).view().row(i), x.cols(),
                  z.data.view().row(i));
    return z;
  }
  Tensor masked_attention(const Tensor& qkv, Index heads, std::span<const std::uint8_t> masked) {
    Tensor y = make(qkv.rows(), qkv.cols() / 3, qkv.kind);
    scratch_.resize(static_cast<std::size_t>(heads * qkv.rows() * qkv.rows()));
    ops::masked_attention(qkv.view(), heads, masked, y.data.view(), scratch_.data());
    return y;
  }

  template <grid_operation Op>
  Tensor apply(const Op& op, const Tensor& x) {
    const Tensor c = contiguous(x);
    const auto s = op.shape({c.rows(), c.cols()});
    Tensor y = make(s.rows, s.cols, x.kind);
    op.forward(c.view(), y.data.view(), serial_executor());
    return y;
  }
  Tensor affine(const Tensor& x, ParameterId scale, ParameterId shift) {
    Tensor y = make(x.rows(), x.cols(), x.kind);
    const float* a = parameters_->view(layout_->entry(scale)).data;
    const float* b = parameters_->view(layout_->entry(shift)).data;
    const auto in = x.view();
    const auto out = y.data.view();
    for (Index i = 0; i < in.rows; ++i)
      for (Index c = 0; c < in.cols; ++c) out(i, c) = std::fma(in(i, c), a[c], b[c]);
    return y;
  }

  /// The result of a pass: (row, channel), valid while the tensor lives.
  [[nodiscard]] static MatrixView<const float> result(const Tensor& x) noexcept { return x.view(); }

 private:
  [[nodiscard]] const float* value(ParameterId p) const {
    return parameters_->view(layout_->entry(p)).data;
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
  Tensor make(Index rows, Index cols, RowKind kind) { return {pool_.acquire(rows, cols), kind}; }
  Tensor contiguous(Tensor x) { return x.view().contiguous() ? x : input(x.view(), x.kind); }
  /// The memory of x if nobody else holds it, else new memory of its shape.
  Tensor in_place_of(const Tensor& x) {
    return x.data.sole_user() && x.view().contiguous() ? x : make(x.rows(), x.cols(), x.kind);
  }
  Tensor reduce(const Tensor& x, const Graph& g, bool mean) {
    Tensor y = make(g.n_nodes(), x.cols(), RowKind::node);
    ops::segment_reduce(x.view(), g.first, mean, y.data.view());
    return y;
  }

  const ParameterLayout* layout_;
  const Parameters* parameters_;
  Observer observer_;
  BufferPool<float> pool_;
  std::vector<float> scratch_;
};

static_assert(grid_arithmetic<Float32>);

}  // namespace amq
