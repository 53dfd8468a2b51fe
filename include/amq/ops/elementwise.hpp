#pragma once
/// @file
/// Operations on numbers one by one: activations, sums, products, scales and shifts. No product is
/// followed by a sum in one expression, so results do not depend on vector width.

#include <amq/core/activation.hpp>
#include <amq/kernels/activation.hpp>
#include <amq/ops/operation.hpp>

#include <cmath>
#include <span>
#include <type_traits>

namespace amq::ops {

namespace detail {
/// f(x) and f'(x) by libm: for doubles, where gradients are checked.
template <typename T>
struct Activated {
  T value, slope;

  Activated(Activation f, T x) noexcept : value(x), slope(1) {
    const auto sigmoid = [](T v) { return T(1) / (T(1) + std::exp(-v)); };
    switch (f) {
      case Activation::none:
        break;
      case Activation::relu:
        value = x > T(0) ? x : T(0);
        slope = x > T(0) ? T(1) : T(0);
        break;
      case Activation::sigmoid:
        value = sigmoid(x);
        slope = value * (T(1) - value);
        break;
      case Activation::swish: {
        const T s = sigmoid(x);
        value = x * s;
        slope = s * (T(1) + x * (T(1) - s));
        break;
      }
      case Activation::tanh:
        value = std::tanh(x);
        slope = T(1) - value * value;
        break;
      case Activation::gelu_tanh: {
        const T a = T(1.5957691216057308), b = T(0.07135481627260025);
        const T s = sigmoid(x * (a + b * x * x));
        value = x * s;
        slope = s + x * s * (T(1) - s) * (a + T(3) * b * x * x);
        break;
      }
      case Activation::gelu: {
        const T s = T(0.5) * std::erfc(-x * T(0.70710678118654752440));
        value = x * s;
        slope = s + x * std::exp(T(-0.5) * x * x) * T(0.39894228040143267794);
        break;
      }
    }
  }
};
}  // namespace detail

/// f(x); floats by the kernels' polynomials, the same on every machine.
struct Activate {
  static constexpr bool in_place = true, takes_columns = true;

  Activation f = Activation::none;

  [[nodiscard]] MatrixShape shape(MatrixShape s) const noexcept { return s; }
  [[nodiscard]] double cost(MatrixShape s) const noexcept { return 8 * s.size(); }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor& executor) const {
    detail::runs(x.rows, x.contiguous() && out.contiguous(), executor, [&](Index i, Index rows) {
      const Index n = rows * x.cols;
      const T* from = x.row(i);
      T* to = out.row(i);
      if constexpr (std::is_same_v<T, float>)
        kernels::activate(f, from, to, n);
      else
        for (Index c = 0; c < n; ++c) to[c] = detail::Activated<T>(f, from[c]).value;
    });
  }
  template <typename T>
  void backward(MatrixView<const T> x, MatrixView<const T>, MatrixView<const T> dy,
                GradientSlot<T> dx) const noexcept {
    if (!dx) return;
    for (Index i = 0; i < x.rows; ++i) {
      const T *v = x.row(i), *g = dy.row(i);
      T* d = dx.grad.row(i);
      if constexpr (std::is_same_v<T, float>)
        kernels::activation_gradient(f, v, g, d, x.cols, !dx.fresh);
      else
        for (Index c = 0; c < x.cols; ++c)
          d[c] = (dx.fresh ? T(0) : d[c]) + g[c] * detail::Activated<T>(f, v[c]).slope;
    }
  }
};

namespace detail {
/// What operations on two matrices of one shape have in common.
struct OfTwo {
  static constexpr int inputs = 2;
  static constexpr bool in_place = true, takes_columns = true;

  [[nodiscard]] MatrixShape shape(MatrixShape x, MatrixShape y) const {
    expect_shape("sum, difference or product of two", x, y);
    return x;
  }
  [[nodiscard]] double cost(MatrixShape x, MatrixShape) const noexcept { return x.size(); }

 protected:
  template <typename T, typename F>
  static void combine(MatrixView<const T> x, MatrixView<const T> y, MatrixView<T> out,
                      Executor& executor, const F& f) {
    runs(x.rows, x.contiguous() && y.contiguous() && out.contiguous(), executor,
         [&](Index i, Index rows) {
           const T *a = x.row(i), *b = y.row(i);
           T* to = out.row(i);
           for (Index c = 0; c < rows * x.cols; ++c) to[c] = f(a[c], b[c]);
         });
  }
};
/// d (+)= g y
template <typename T>
void carry_product(MatrixView<const T> g, MatrixView<const T> y, const GradientSlot<T>& d) {
  if (!d) return;
  for (Index i = 0; i < g.rows; ++i) {
    const T *a = g.row(i), *b = y.row(i);
    T* to = d.grad.row(i);
    if (d.fresh)
      for (Index c = 0; c < g.cols; ++c) to[c] = a[c] * b[c];
    else
      for (Index c = 0; c < g.cols; ++c) to[c] += a[c] * b[c];
  }
}
}  // namespace detail

/// x + y
struct Add : detail::OfTwo {
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<const T> y, MatrixView<T> out,
               Executor& executor) const {
    combine(x, y, out, executor, [](T a, T b) { return a + b; });
  }
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T>,
                MatrixView<const T> d, GradientSlot<T> dx, GradientSlot<T> dy) const noexcept {
    detail::carry(d, T(1), dx);
    detail::carry(d, T(1), dy);
  }
};

/// x - y
struct Subtract : detail::OfTwo {
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<const T> y, MatrixView<T> out,
               Executor& executor) const {
    combine(x, y, out, executor, [](T a, T b) { return a - b; });
  }
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T>,
                MatrixView<const T> d, GradientSlot<T> dx, GradientSlot<T> dy) const noexcept {
    detail::carry(d, T(1), dx);
    detail::carry(d, T(-1), dy);
  }
};

/// x y, number by number, as gates do.
struct Multiply : detail::OfTwo {
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<const T> y, MatrixView<T> out,
               Executor& executor) const {
    combine(x, y, out, executor, [](T a, T b) { return a * b; });
  }
  template <typename T>
  void backward(MatrixView<const T> x, MatrixView<const T> y, MatrixView<const T>,
                MatrixView<const T> d, GradientSlot<T> dx, GradientSlot<T> dy) const noexcept {
    detail::carry_product(d, y, dx);
    detail::carry_product(d, x, dy);
  }
};

/// Channel c of every row times factors[c]; these are no parameters, and live as long as the tape.
struct ScaleColumns {
  static constexpr bool in_place = true, takes_columns = true;

  std::span<const float> factors;

  [[nodiscard]] MatrixShape shape(MatrixShape s) const {
    detail::expect_shape("ScaleColumns, factors", {1, s.cols},
                         {1, static_cast<Index>(factors.size())});
    return s;
  }
  [[nodiscard]] double cost(MatrixShape s) const noexcept { return s.size(); }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor& executor) const {
    detail::runs(x.rows, false, executor, [&](Index i, Index) {
      for (Index c = 0; c < x.cols; ++c) out(i, c) = x(i, c) * factor<T>(c);
    });
  }
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T> dy,
                MatrixView<T> dx) const noexcept {
    for (Index i = 0; dx.data && i < dy.rows; ++i)
      for (Index c = 0; c < dy.cols; ++c) dx(i, c) += dy(i, c) * factor<T>(c);
  }

 private:
  template <typename T>
  [[nodiscard]] T factor(Index c) const noexcept {
    return static_cast<T>(factors[static_cast<std::size_t>(c)]);
  }
};

/// Channel c of every row: x scale[c] + shift[c], with one rounding; both are parameters.
struct Affine {
  static constexpr int inputs = 3;
  static constexpr bool in_place = true, takes_columns = true;

  [[nodiscard]] MatrixShape shape(MatrixShape s, MatrixShape scale, MatrixShape shift) const {
    detail::expect_shape("Affine, scale", {1, s.cols}, scale);
    detail::expect_shape("Affine, shift", {1, s.cols}, shift);
    return s;
  }
  [[nodiscard]] double cost(MatrixShape s, MatrixShape, MatrixShape) const noexcept {
    return 2 * s.size();
  }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<const T> scale, MatrixView<const T> shift,
               MatrixView<T> out, Executor& executor) const {
    detail::runs(x.rows, false, executor, [&](Index i, Index) {
      for (Index c = 0; c < x.cols; ++c)
        out(i, c) = std::fma(x(i, c), scale.data[c], shift.data[c]);
    });
  }
  template <typename T>
  void backward(MatrixView<const T> x, MatrixView<const T> scale, MatrixView<const T>,
                MatrixView<const T>, MatrixView<const T> dy, MatrixView<T> dx,
                MatrixView<T> d_scale, MatrixView<T> d_shift) const noexcept {
    for (Index i = 0; i < dy.rows; ++i)
      for (Index c = 0; c < dy.cols; ++c) {
        if (dx.data) dx(i, c) += dy(i, c) * scale.data[c];
        if (d_scale.data) d_scale.data[c] += dy(i, c) * x(i, c);
        if (d_shift.data) d_shift.data[c] += dy(i, c);
      }
  }
};

/// Channel c of every row: x gate[c]; the gate is a parameter.
struct Gate {
  static constexpr int inputs = 2;
  static constexpr bool in_place = true, takes_columns = true;

  [[nodiscard]] MatrixShape shape(MatrixShape s, MatrixShape gate) const {
    detail::expect_shape("Gate, gate", {1, s.cols}, gate);
    return s;
  }
  [[nodiscard]] double cost(MatrixShape s, MatrixShape) const noexcept { return s.size(); }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<const T> gate, MatrixView<T> out,
               Executor& executor) const {
    detail::runs(x.rows, false, executor, [&](Index i, Index) {
      for (Index c = 0; c < x.cols; ++c) out(i, c) = x(i, c) * gate.data[c];
    });
  }
  template <typename T>
  void backward(MatrixView<const T> x, MatrixView<const T> gate, MatrixView<const T>,
                MatrixView<const T> dy, MatrixView<T> dx, MatrixView<T> d_gate) const noexcept {
    for (Index i = 0; i < dy.rows; ++i)
      for (Index c = 0; c < dy.cols; ++c) {
        if (dx.data) dx(i, c) += dy(i, c) * gate.data[c];
        if (d_gate.data) d_gate.data[c] += dy(i, c) * x(i, c);
      }
  }
};

static_assert(operation<Activate> && operation<Add> && operation<Subtract> && operation<Multiply> &&
              operation<ScaleColumns> && operation<Affine> && operation<Gate>);

}  // namespace amq::ops
