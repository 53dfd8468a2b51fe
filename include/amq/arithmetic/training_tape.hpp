#pragma once
/// @file
/// What every part of Training works on: the tape, the parameters, and where gradients go.

#include <amq/arithmetic/bit_plan.hpp>
#include <amq/arithmetic/parameter.hpp>
#include <amq/arithmetic/quantizers.hpp>
#include <amq/arithmetic/tape.hpp>

#include <type_traits>
#include <vector>

namespace amq {

/// What a pass of Training reads and adds to. The parameters are those of the layout; gradients are
/// summed into `gradients`, of the same size.
template <typename T>
struct TrainingPass {
  const ParametersOf<T>* parameters = nullptr;
  std::vector<T>* gradients = nullptr;
  const BitPlan* plan = nullptr;  ///< null: no quantization at all, plain float training
  bool learn_weight_steps = false;
  /// Batch norms take mean and variance of the rows of this pass, and update_running() moves the
  /// running estimates towards them; else they are what the running estimates make them.
  bool batch_statistics = false;
};

/// A tape with parameters.
template <typename T>
class TrainingTape {
 public:
  using Ref = typename Tape<T>::Ref;
  struct Tensor {
    Ref ref{};
    RowKind kind = RowKind::node;
  };

  [[nodiscard]] Tape<T>& tape() noexcept { return tape_; }
  [[nodiscard]] MatrixView<T> operator[](const Tensor& x) const noexcept { return tape_[x.ref]; }
  /// The value computed last: a model's result, once its text has run.
  [[nodiscard]] MatrixView<T> output() const noexcept { return tape_.last(); }
  [[nodiscard]] RowKind kind_of(PointId p) const { return layout_->point(p).kind; }
  [[nodiscard]] const T* value(ParameterId p) const {
    return pass_.parameters->values.data() + layout_->entry(p).offset;
  }
  /// Where the gradient of a parameter is summed; null if gradients are not wanted.
  [[nodiscard]] T* gradient(ParameterId p) const {
    return pass_.gradients ? pass_.gradients->data() + layout_->entry(p).offset : nullptr;
  }

 protected:
  TrainingTape(const ParameterLayout& layout, const Quantizers& quantizers)
      : layout_(&layout), quantizers_(&quantizers) {}

  static constexpr bool exact = std::is_same_v<T, float>;
  // Plain loops where the destination is not ours to align: the order in which Eigen reduces
  // depends on alignment, and a gradient must not.
  static void add_row(T* to, const T* from, Index n) noexcept {
    for (Index c = 0; c < n; ++c) to[c] += from[c];
  }
  template <typename U>
  static MatrixView<U> rows_of(MatrixView<U> x, Index first, Index n) noexcept {
    return {x.data + first * x.stride, n, x.cols, x.stride};
  }
  Ref contiguous(Ref r) {
    const auto v = tape_[r];
    if (v.contiguous()) return r;
    const Ref copy = tape_.value(v.rows, v.cols, true);
    map(tape_[copy]) = map(v);
    tape_.record([=](Tape<T>& t) {
      if (const auto g = t.grad(copy); g.data) t.add_grad(r, map(g));
    });
    return copy;
  }
  void bias_gradient(T* d, Ref out, Index first, Index n, bool minus = false) {
    if (d)
      tape_.record([=](Tape<T>& t) {
        if (const auto g = t.grad(out); g.data)
          for (Index i = 0; i < g.rows; ++i)
            for (Index c = 0; c < n; ++c) d[c] += minus ? -g(i, first + c) : g(i, first + c);
      });
  }

  const ParameterLayout* layout_;
  const Quantizers* quantizers_;
  Tape<T> tape_;
  TrainingPass<T> pass_;
};

}  // namespace amq
