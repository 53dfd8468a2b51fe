#pragma once
/// @file
/// The flat tape of reverse-mode differentiation: values in the order they were computed, and for
/// each computation the step that carries gradients back. It is walked backwards in a loop.

#include <amq/core/arena.hpp>
#include <amq/core/eigen.hpp>
#include <amq/ops/operation.hpp>

#include <algorithm>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace amq::arithmetics {

/// T is float for training and double for checking gradients.
template <typename T>
class Tape {
 public:
  using View = MatrixView<T>;
  enum class Ref : int {};

  /// A new value of the given shape, uninitialised. `differentiable` is false for data.
  Ref value(Index rows, Index cols, bool differentiable) {
    T* p = arena_.allocate<T>(static_cast<std::size_t>(rows * cols));
    values_.push_back({View(p, rows, cols), View(), differentiable, Ref{-1}, 0});
    return static_cast<Ref>(values_.size() - 1);
  }
  /// Columns first .. first + n - 1 of r: their value and their gradient lie in r's own.
  Ref columns(Ref r, Index first, Index n) {
    const View v = at(r).value;
    values_.push_back(
        {View(v.data + first, v.rows, n, v.stride), View(), at(r).differentiable, r, first});
    return static_cast<Ref>(values_.size() - 1);
  }
  [[nodiscard]] View operator[](Ref r) const noexcept { return at(r).value; }
  /// @pre something has been computed
  [[nodiscard]] View last() const noexcept { return values_.back().value; }
  [[nodiscard]] bool differentiable(Ref r) const noexcept { return at(r).differentiable; }

  /// Remembers how a value's gradient reaches its inputs. The closure is kept by value in the
  /// arena, so it may hold views, indices and numbers, but nothing that owns memory.
  template <typename Backward>
  void record(Backward backward) {
    static_assert(
        std::is_trivially_destructible_v<Backward>,
        "amq::arithmetics::Tape::record: capture views and numbers, not owners of memory");
    auto* kept = new (arena_.allocate<Backward>(1)) Backward(std::move(backward));
    steps_.push_back({kept, [](Tape& t, const void* f) { (*static_cast<const Backward*>(f))(t); }});
  }

  /// The gradient that has arrived at r so far; nullptr data if none has.
  [[nodiscard]] View grad(Ref r) const noexcept { return at(r).grad; }
  /// The gradient of r for somebody who writes it whole if `fresh`, and adds to it if not.
  using Slot = ops::GradientSlot<T>;
  [[nodiscard]] Slot grad_slot(Ref r) {
    Value& v = at(r);
    if (v.grad.data) return {v.grad, false};
    if (v.whole != Ref{-1}) {
      const View g = grad_to_add(v.whole);
      v.grad = View(g.data + v.first, g.rows, v.value.cols, g.stride);
      return {v.grad, false};
    }
    v.grad = scratch(v.value.rows, v.value.cols);
    return {v.grad, true};
  }
  /// The gradient of r to add to, zero at first.
  [[nodiscard]] View grad_to_add(Ref r) {
    const Slot s = grad_slot(r);
    if (s.fresh) std::fill_n(s.grad.data, s.grad.size(), T(0));
    return s.grad;
  }
  /// grad(r) += expression, an Eigen expression of r's shape.
  template <typename Expression>
  void add_grad(Ref r, const Expression& e) {
    if (!at(r).differentiable) return;
    const Slot s = grad_slot(r);
    if (s.fresh)
      map(s.grad).noalias() = e;
    else
      map(s.grad).noalias() += e;
  }
  /// Room that lives until reset().
  [[nodiscard]] View scratch(Index rows, Index cols) {
    return View(arena_.allocate<T>(static_cast<std::size_t>(rows * cols)), rows, cols);
  }
  template <typename U>
  [[nodiscard]] U* scratch_array(Index n) {
    return arena_.allocate<U>(static_cast<std::size_t>(n));
  }

  /// Carries `seed` = dLoss/d(value r), of r's shape, back to every value it depends on.
  void backward(Ref r, MatrixView<const T> seed) {
    add_grad(r, map(seed));
    for (std::size_t i = steps_.size(); i-- > 0;) steps_[i].run(*this, steps_[i].data);
  }
  /// For a loss of one number.
  void backward(Ref loss) {
    const T one = 1;
    AMQ_ASSERT(at(loss).value.size() == 1, "a loss is one number");
    backward(loss, MatrixView<const T>(&one, 1, 1));
  }
  /// Forgets everything and keeps the memory.
  void reset() {
    values_.clear();
    steps_.clear();
    arena_.reset();
  }
  [[nodiscard]] std::size_t memory() const noexcept { return arena_.capacity(); }

 private:
  struct Value {
    View value, grad;
    bool differentiable;
    Ref whole{-1};    ///< of which this is some columns
    Index first = 0;  ///< of these
  };
  struct Step {
    const void* data;
    void (*run)(Tape&, const void*);
  };
  [[nodiscard]] Value& at(Ref r) noexcept { return values_[static_cast<std::size_t>(r)]; }
  [[nodiscard]] const Value& at(Ref r) const noexcept {
    return values_[static_cast<std::size_t>(r)];
  }

  Arena arena_;
  std::vector<Value> values_;
  std::vector<Step> steps_;
};

}  // namespace amq::arithmetics
