#pragma once
/// @file
/// What reference inference and deployment do alike: rows of floats between products, in one fixed
/// order of operations.

#include <amq/arithmetic/concept.hpp>
#include <amq/core/buffer_pool.hpp>
#include <amq/core/executor.hpp>
#include <amq/ops/elementwise.hpp>
#include <amq/ops/norm.hpp>

#include <algorithm>
#include <initializer_list>
#include <type_traits>
#include <utility>
#include <vector>

namespace amq::arithmetics {

/// The operations that need no codes, the same bits for any number of threads. Buffers are kept
/// between passes; layout and parameters are read as long as this object lives.
class FloatRows {
 public:
  struct Tensor {
    BufferPool<float>::Handle data;
    RowKind kind = RowKind::node;
    /// Over ranks: rows of ghosts, the nodes of other ranks, follow those of own nodes. Operations
    /// here know own rows alone, and say nothing of it.
    bool with_ghosts = false;

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
  /// f(x + y) in one step.
  Tensor activate_sum(Activation f, Tensor x, Tensor y) {
    const auto a = x.view(), b = y.view();
    ops::detail::expect_shape("activate_sum", {a.rows, a.cols}, {b.rows, b.cols});
    Tensor z = memory_for({a.rows, a.cols}, x.kind, x, y);
    const auto out = z.data.view();
    ops::detail::runs(a.rows, a.contiguous() && b.contiguous() && out.contiguous(), *executor_,
                      [&](Index i, Index n) {
                        kernels::activate_sum(f, a.row(i), b.row(i), out.row(i), n * a.cols);
                      });
    return z;
  }
  /// LayerNorm and Affine of a row while it is near.
  Tensor layer_norm(Tensor x, ParameterId gamma, ParameterId beta) {
    const auto in = x.view();
    for (const ParameterId p : {gamma, beta})
      ops::detail::expect_shape("layer_norm", {1, in.cols}, {1, layout_->entry(p).size()});
    Tensor y = memory_for({in.rows, in.cols}, x.kind, x);
    ops::affine_layer_norm(in, norm_eps, value(gamma), value(beta), y.data.view(), *executor_);
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
  /// The memory of a temporary takes the result where the operation allows it.
  /// @param in  tensors and parameters, as many as the operation takes, a tensor first
  template <ops::operation Op, typename... In>
  Tensor apply(const Op& op, In... in) {
    using Run = ops::Run<Op>;
    static_assert(sizeof...(In) == Run::n, "apply: give as many inputs as the operation takes");
    if constexpr (!ops::takes_columns<Op>) ((in = whole_rows(std::move(in))), ...);
    const typename Run::template Inputs<float> x{numbers(in)...};
    const auto shapes = Run::template shapes<float>(x);
    const MatrixShape s = Run::shape(op, shapes);
    const RowKind kind = Run::kind(op, kind_of_first(in...));
    Tensor y;
    if constexpr (ops::in_place<Op>)
      y = memory_for(s, kind, in...);
    else
      y = make(s.rows, s.cols, kind);
    scratch_.resize(static_cast<std::size_t>(Run::kept(op, shapes)));
    Run::template forward<float>(op, x, y.data.view(), scratch_.data(), *executor_);
    return y;
  }
  /// The result of a pass: (row, channel), valid while the tensor lives.
  [[nodiscard]] static MatrixView<const float> result(const Tensor& x) noexcept { return x.view(); }

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

  Tensor activated(Activation f, Tensor x) {
    return f == Activation::none ? x : apply(ops::Activate{f}, std::move(x));
  }

  const ParameterLayout* layout_;
  const Parameters* parameters_;
  Executor* executor_;
  BufferPool<float> pool_;

 private:
  [[nodiscard]] MatrixView<const float> numbers(const Tensor& x) const noexcept { return x.view(); }
  [[nodiscard]] MatrixView<const float> numbers(ParameterId p) const {
    return numbers(ParameterRow(*layout_, p));
  }
  [[nodiscard]] MatrixView<const float> numbers(ParameterRow r) const {
    return {value(r.first), 1, r.size};
  }
  Tensor whole_rows(Tensor x) { return x.view().contiguous() ? x : input(x.view(), x.kind); }
  static ParameterId whole_rows(ParameterId p) noexcept { return p; }
  static ParameterRow whole_rows(ParameterRow r) noexcept { return r; }
  template <typename... Rest>
  static RowKind kind_of_first(const Tensor& x, const Rest&...) noexcept {
    return x.kind;
  }
  /// The memory of the last input of this shape that nobody else holds, else new memory.
  template <typename... In>
  Tensor memory_for(MatrixShape s, RowKind kind, const In&... in) {
    const Tensor* found = nullptr;
    const auto look = [&](const auto& x) {
      if constexpr (std::is_same_v<std::decay_t<decltype(x)>, Tensor>)
        if (x.data.sole_user() && x.view().contiguous() && x.rows() == s.rows && x.cols() == s.cols)
          found = &x;
    };
    (look(in), ...);
    return found ? Tensor{found->data, kind} : make(s.rows, s.cols, kind);
  }

  std::vector<float> scratch_;
};

}  // namespace amq::arithmetics
