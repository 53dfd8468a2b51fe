#pragma once
/// @file
/// What reference inference and deployment do alike: rows of floats between products, in one fixed
/// order of operations.

#include <amq/arithmetic/grid_concept.hpp>
#include <amq/core/buffer_pool.hpp>
#include <amq/core/executor.hpp>
#include <amq/ops/masked_attention.hpp>
#include <amq/ops/rows.hpp>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <span>
#include <vector>

namespace amq {

/// The operations that need no codes, the same bits for any number of threads. Buffers are kept
/// between passes; layout and parameters are read as long as this object lives.
class FloatRows {
 public:
  struct Tensor {
    BufferPool<float>::Handle data;
    RowKind kind = RowKind::node;

    [[nodiscard]] MatrixView<const float> view() const noexcept { return data.read(); }
    [[nodiscard]] Index rows() const noexcept { return data.view().rows; }
    [[nodiscard]] Index cols() const noexcept { return data.view().cols; }
  };

  Tensor input(MatrixView<const float> x, RowKind kind) {
    Tensor t = make(x.rows, x.cols, kind);
    const auto out = t.data.view();
    for (Index i = 0; i < x.rows; ++i) std::copy_n(x.row(i), x.cols, out.row(i));
    return t;
  }
  /// A temporary's memory takes the result.
  Tensor activate(Activation f, Tensor x) {
    if (f == Activation::none) return x;
    Tensor y = in_place_of(x);
    const auto in = x.view();
    const auto out = y.data.view();
    runs(in.rows, in.contiguous() && out.contiguous(),
         [&](Index i, Index n) { kernels::activate(f, in.row(i), out.row(i), n * in.cols); });
    return y;
  }
  Tensor activate_sum(Activation f, Tensor x, Tensor y) {
    return combine(x, y, [f](const float* a, const float* b, float* to, Index n) {
      kernels::activate_sum(f, a, b, to, n);
    });
  }
  Tensor add(Tensor x, Tensor y) {
    return combine(x, y, [](const float* a, const float* b, float* to, Index n) {
      for (Index c = 0; c < n; ++c) to[c] = a[c] + b[c];
    });
  }
  Tensor subtract(Tensor x, Tensor y) {
    return combine(x, y, [](const float* a, const float* b, float* to, Index n) {
      for (Index c = 0; c < n; ++c) to[c] = a[c] - b[c];
    });
  }
  Tensor scale_columns(const Tensor& x, std::span<const float> f) {
    Tensor y = make(x.rows(), x.cols(), x.kind);
    const auto in = x.view();
    const auto out = y.data.view();
    rows(in.rows, [&](Index i) {
      for (Index c = 0; c < in.cols; ++c) out(i, c) = in(i, c) * f[static_cast<std::size_t>(c)];
    });
    return y;
  }
  Tensor columns(const Tensor& x, Index first, Index n) {
    return {x.data.columns(first, n), x.kind};
  }
  Tensor concat(std::initializer_list<Tensor> xs) {
    Index cols = 0;
    for (const Tensor& x : xs) cols += x.cols();
    Tensor y = make(xs.begin()->rows(), cols, xs.begin()->kind);
    const auto out = y.data.view();
    Index first = 0;
    for (const Tensor& x : xs) {
      const auto in = x.view();
      for (Index i = 0; i < in.rows; ++i) std::copy_n(in.row(i), in.cols, out.row(i) + first);
      first += in.cols;
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
    const auto a = at_receiver.view(), b = at_sender.view();
    const auto out = y.data.view();
    rows(g.n_edges(), [&](Index e) {
      const float* r = a.row(g.receiver[static_cast<std::size_t>(e)]);
      const float* s = b.row(g.sender[static_cast<std::size_t>(e)]);
      float* o = out.row(e);
      for (Index c = 0; c < out.cols; ++c) o[c] = r[c] + s[c];
    });
    return y;
  }
  Tensor segment_mean(const Tensor& x, const Graph& g) { return reduce(x, g, true); }
  Tensor segment_sum(const Tensor& x, const Graph& g) { return reduce(x, g, false); }
  Tensor instance_norm(const Tensor& x) {
    Tensor y = make(x.rows(), x.cols(), x.kind);
    scratch_.resize(static_cast<std::size_t>(x.cols()));
    ops::instance_norm(x.view(), norm_eps, y.data.view(), scratch_.data(), *executor_);
    return y;
  }
  Tensor layer_norm(const Tensor& x, ParameterId gamma, ParameterId beta) {
    Tensor y = make(x.rows(), x.cols(), x.kind);
    scratch_.resize(static_cast<std::size_t>(x.rows()));
    ops::layer_norm(x.view(), norm_eps, y.data.view(), scratch_.data());
    const auto out = y.data.view();
    const float* scale = gamma == no_parameter ? nullptr : value(gamma);
    const float* shift = beta == no_parameter ? nullptr : value(beta);
    if (scale || shift)
      rows(out.rows, [&](Index i) {
        for (Index c = 0; c < out.cols; ++c)
          out(i, c) = std::fma(out(i, c), scale ? scale[c] : 1.0f, shift ? shift[c] : 0.0f);
      });
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
  Tensor gate(Tensor x, Tensor y) {
    return combine(x, y, [](const float* a, const float* b, float* to, Index n) {
      for (Index c = 0; c < n; ++c) to[c] = a[c] * b[c];
    });
  }
  Tensor choose_rows(std::span<const std::uint8_t> first, const Tensor& x, const Tensor& y) {
    Tensor z = make(x.rows(), x.cols(), x.kind);
    const auto a = x.view(), b = y.view();
    const auto out = z.data.view();
    rows(a.rows, [&](Index i) {
      std::copy_n((first[static_cast<std::size_t>(i)] ? a : b).row(i), a.cols, out.row(i));
    });
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
    const Tensor c = takes_columns<Op> || x.view().contiguous() ? x : input(x.view(), x.kind);
    const auto s = op.shape({c.rows(), c.cols()});
    Tensor y = make(s.rows, s.cols, x.kind);
    op.forward(c.view(), y.data.view(), *executor_);
    return y;
  }
  Tensor affine(const Tensor& x, ParameterId scale, ParameterId shift) {
    Tensor y = make(x.rows(), x.cols(), x.kind);
    const float *a = value(scale), *b = value(shift);
    const auto in = x.view();
    const auto out = y.data.view();
    rows(in.rows, [&](Index i) {
      for (Index c = 0; c < in.cols; ++c) out(i, c) = std::fma(in(i, c), a[c], b[c]);
    });
    return y;
  }

  [[nodiscard]] Executor& executor() const noexcept { return *executor_; }

 protected:
  FloatRows(const ParameterLayout& layout, const Parameters& parameters, Executor& executor)
      : layout_(&layout), parameters_(&parameters), executor_(&executor) {}

  [[nodiscard]] const float* value(ParameterId p) const {
    return parameters_->view(layout_->entry(p)).data;
  }

  Tensor make(Index n_rows, Index cols, RowKind kind) {
    return {pool_.acquire(n_rows, cols), kind};
  }
  /// The memory of x if nobody else holds it, else new memory of its shape.
  Tensor in_place_of(const Tensor& x) {
    return x.data.sole_user() && x.view().contiguous() ? x : make(x.rows(), x.cols(), x.kind);
  }

  const ParameterLayout* layout_;
  const Parameters* parameters_;
  Executor* executor_;
  BufferPool<float> pool_;

 private:
  template <typename Row>
  void rows(Index n, const Row& row) {
    executor_->parallel_for(
        static_cast<std::size_t>(n), 256, [&](std::size_t begin, std::size_t end) {
          for (auto i = static_cast<Index>(begin); i < static_cast<Index>(end); ++i) row(i);
        });
  }
  /// run(first row, rows) for a number at a time; one if they do not lie one after the other.
  template <typename Run>
  void runs(Index n, bool contiguous, const Run& run) {
    executor_->parallel_for(static_cast<std::size_t>(n), 256,
                            [&](std::size_t begin, std::size_t end) {
                              const auto first = static_cast<Index>(begin);
                              const Index count = static_cast<Index>(end) - first;
                              if (contiguous) return run(first, count);
                              for (Index i = first; i < first + count; ++i) run(i, 1);
                            });
  }
  /// f(x's numbers, y's numbers, those of the result, how many)
  template <typename F>
  Tensor combine(const Tensor& x, const Tensor& y, const F& f) {
    Tensor z = in_place_of(y.data.sole_user() ? y : x);
    const auto a = x.view(), b = y.view();
    const auto out = z.data.view();
    runs(a.rows, a.contiguous() && b.contiguous() && out.contiguous(),
         [&](Index i, Index n) { f(a.row(i), b.row(i), out.row(i), n * a.cols); });
    return z;
  }
  Tensor reduce(const Tensor& x, const Graph& g, bool mean) {
    Tensor y = make(g.n_nodes(), x.cols(), RowKind::node);
    ops::segment_reduce(x.view(), g.first, mean, y.data.view());
    return y;
  }

  std::vector<float> scratch_;
};

}  // namespace amq
