#pragma once
/// @file
/// What every part of Training works on: the tape, the parameters, and where gradients go.

#include <amq/arithmetic/bit_plan.hpp>
#include <amq/arithmetic/parameter.hpp>
#include <amq/arithmetic/quantizers.hpp>
#include <amq/arithmetic/tape.hpp>

#include <optional>
#include <type_traits>
#include <vector>

namespace amq::arithmetics {

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
  /// Rows stay floats at this point: so it is learnt what its bits spoil. Not for the points of
  /// message_mean().
  std::optional<PointId> float_point{};
};

/// A tape with parameters.
template <typename T>
struct TrainingContext {
  using Ref = typename Tape<T>::Ref;
  /// Floats are computed as deployment does, to the bit; doubles are for checking gradients.
  static constexpr bool exact = std::is_same_v<T, float>;

  const ParameterLayout* layout = nullptr;
  const Quantizers* quantizers = nullptr;
  Tape<T> tape{};
  TrainingPass<T> pass{};

  [[nodiscard]] const T* value(ParameterId p) const {
    return pass.parameters->values.data() + layout->entry(p).offset;
  }
  /// Where the gradient of a parameter is summed; null if gradients are not wanted.
  [[nodiscard]] T* gradient(ParameterId p) const {
    return pass.gradients ? pass.gradients->data() + layout->entry(p).offset : nullptr;
  }
  [[nodiscard]] bool quantizes_rows() const noexcept {
    return pass.plan && pass.plan->uniform_bits != BitPlan::float_rows;
  }
  /// d (n) += the sums of columns first .. first + n - 1 of the gradient of r, or -= them. In plain
  /// loops, since the destination is not ours to align: the order in which Eigen reduces depends
  /// on alignment, and a gradient must not.
  void sum_columns(T* d, Ref r, Index first, Index n, bool minus = false) {
    if (d)
      tape.record([=](Tape<T>& t) {
        if (const auto g = t.grad(r); g.data)
          for (Index i = 0; i < g.rows; ++i)
            for (Index c = 0; c < n; ++c) d[c] += minus ? -g(i, first + c) : g(i, first + c);
      });
  }
};

namespace detail {
template <typename U>
[[nodiscard]] MatrixView<U> rows_of(MatrixView<U> x, Index first, Index n) noexcept {
  return {x.data + first * x.stride, n, x.cols, x.stride};
}
}  // namespace detail

}  // namespace amq::arithmetics
