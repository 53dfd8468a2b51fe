#pragma once
// What every operation promises. check_operation() holds one to it; a user's own passes as well.

#include <amq/core/random.hpp>
#include <amq/core/thread_pool.hpp>
#include <amq/ops/operation.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace amq::test {

using namespace training;

template <typename T>
struct Numbers {
  Index rows = 0, cols = 0;
  std::vector<T> v;

  Numbers() = default;
  Numbers(MatrixShape s, T fill)
      : rows(s.rows), cols(s.cols), v(static_cast<std::size_t>(s.rows * s.cols), fill) {}
  Numbers(MatrixShape s, Random& random) : Numbers(s, T(0)) {
    for (T& x : v) x = static_cast<T>(random.normal());
  }
  [[nodiscard]] MatrixView<T> view() { return {v.data(), rows, cols}; }
  [[nodiscard]] MatrixView<const T> view() const { return {v.data(), rows, cols}; }
};

/// An operation whose type is forgotten, so that the laws are compiled once.
template <typename T>
struct Forgotten {
  using In = std::vector<MatrixView<const T>>;
  std::function<void(const In&, MatrixView<T>, T*, Executor&)> forward;
  std::function<void(const In&, MatrixView<const T> y, const T*, MatrixView<const T> dy,
                     const std::vector<ops::GradientSlot<T>>&)>
      backward;

  template <typename Op>
  explicit Forgotten(const Op& op)
      : forward([op](const In& x, MatrixView<T> y, T* kept, Executor& executor) {
          ops::Run<Op>::template forward<T>(op, array_of<Op>(x), y, kept, executor);
        }),
        backward([op](const In& x, MatrixView<const T> y, const T* kept, MatrixView<const T> dy,
                      const std::vector<ops::GradientSlot<T>>& dx) {
          ops::Run<Op>::template backward<T>(op, array_of<Op>(x), y, kept, dy, array_of<Op>(dx));
        }) {}

 private:
  template <typename Op, typename V>
  static std::array<V, ops::inputs_of<Op>> array_of(const std::vector<V>& x) {
    std::array<V, ops::inputs_of<Op>> all;
    std::copy(x.begin(), x.end(), all.begin());
    return all;
  }
};

struct Tried {
  std::vector<MatrixShape> in;
  MatrixShape out;
  Index kept = 0;
  bool takes_columns = false, in_place = false;
  Forgotten<double> real;
  Forgotten<float> single;

  template <ops::operation Op>
  Tried(const Op& op, const std::array<MatrixShape, ops::inputs_of<Op>>& shapes)
      : in(shapes.begin(), shapes.end()),
        out(ops::Run<Op>::shape(op, shapes)),
        kept(ops::Run<Op>::kept(op, shapes)),
        takes_columns(ops::takes_columns<Op>),
        in_place(ops::in_place<Op>),
        real(op),
        single(op) {}

  template <typename T>
  [[nodiscard]] const Forgotten<T>& of() const {
    if constexpr (std::is_same_v<T, double>)
      return real;
    else
      return single;
  }
};

/// Inputs, a direction for each, weights of the result.
template <typename T>
struct Trial {
  const Tried* op;
  std::vector<Numbers<T>> x;

  Trial(const Tried& o, std::uint64_t seed) : op(&o) {
    Random random(seed);
    for (const MatrixShape s : o.in) x.emplace_back(s, random);
  }
  template <typename U>
  explicit Trial(const Trial<U>& other) : op(other.op) {
    for (const auto& n : other.x) {
      x.emplace_back(MatrixShape{n.rows, n.cols}, T(0));
      std::transform(n.v.begin(), n.v.end(), x.back().v.begin(),
                     [](U u) { return static_cast<T>(u); });
    }
  }
  [[nodiscard]] std::vector<MatrixView<const T>> views() const {
    std::vector<MatrixView<const T>> all;
    for (const auto& n : x) all.push_back(n.view());
    return all;
  }
  /// What memory held before is NaN: the whole result must be written.
  Numbers<T> value(std::vector<T>* kept = nullptr, Executor& executor = serial_executor()) const {
    Numbers<T> y(op->out, std::numeric_limits<T>::quiet_NaN());
    std::vector<T> own(static_cast<std::size_t>(op->kept));
    op->of<T>().forward(views(), y.view(), own.data(), executor);
    if (kept) *kept = own;
    return y;
  }
  /// Gradients of sum(w y), added to what `before` says; NaN: slots are fresh.
  std::vector<Numbers<T>> gradients(const Numbers<T>& w, T before) const {
    std::vector<T> kept;
    const Numbers<T> y = value(&kept);
    std::vector<Numbers<T>> d;
    std::vector<ops::GradientSlot<T>> slots;
    for (const MatrixShape s : op->in) d.emplace_back(s, before);
    for (auto& n : d) slots.push_back({n.view(), std::isnan(before)});
    op->of<T>().backward(views(), y.view(), kept.data(), w.view(), slots);
    return d;
  }
};

template <typename T>
double dot(const Numbers<T>& a, const Numbers<T>& b) {
  double sum = 0;
  for (std::size_t k = 0; k < a.v.size(); ++k)
    sum += static_cast<double>(a.v[k]) * static_cast<double>(b.v[k]);
  return sum;
}
/// |a - b| / |b|
template <typename T, typename U>
double apart(const Numbers<T>& a, const Numbers<U>& b) {
  double difference = 0, size = 0;
  for (std::size_t k = 0; k < a.v.size(); ++k) {
    const double x = static_cast<double>(a.v[k]), y = static_cast<double>(b.v[k]);
    difference += (x - y) * (x - y);
    size += y * y;
  }
  return std::sqrt(difference / std::max(size, 1e-30));
}

/// d sum(w y) / d every number, by central differences.
inline std::vector<Numbers<double>> differences(Trial<double> t, const Numbers<double>& w) {
  constexpr double h = 1e-5;
  std::vector<Numbers<double>> d;
  for (std::size_t k = 0; k < t.x.size(); ++k) {
    d.emplace_back(t.op->in[k], 0.0);
    for (std::size_t i = 0; i < t.x[k].v.size(); ++i) {
      double& v = t.x[k].v[i];
      const double kept = v;
      v = kept + h;
      const double up = dot(w, t.value());
      v = kept - h;
      d[k].v[i] = (up - dot(w, t.value())) / (2 * h);
      v = kept;
    }
  }
  return d;
}

inline void check_gradients_of(const Tried& op, double tolerance) {
  const Trial<double> t(op, 1);
  Random random(2);
  const Numbers<double> w(op.out, random);
  const auto exact = t.gradients(w, std::numeric_limits<double>::quiet_NaN());
  const auto numeric = differences(t, w);
  for (std::size_t k = 0; k < exact.size(); ++k) {
    CAPTURE(k);
    CHECK(apart(exact[k], numeric[k]) < tolerance);
  }
  // <J v, w> = <v, J' w> along directions of all inputs together.
  for (int direction = 0; direction < 3; ++direction) {
    double backwards = 0;
    Trial<double> up(t), down(t);
    constexpr double h = 1e-5;
    for (std::size_t k = 0; k < exact.size(); ++k) {
      const Numbers<double> v(op.in[k], random);
      backwards += dot(v, exact[k]);
      for (std::size_t i = 0; i < v.v.size(); ++i) {
        up.x[k].v[i] += h * v.v[i];
        down.x[k].v[i] -= h * v.v[i];
      }
    }
    const double forwards = (dot(w, up.value()) - dot(w, down.value())) / (2 * h);
    CHECK(forwards == doctest::Approx(backwards).epsilon(tolerance * 10));
  }
  // Added to what is there, and an unwanted gradient is left alone without harm to the others.
  const auto added = t.gradients(w, 3.0);
  for (std::size_t k = 0; k < exact.size(); ++k) {
    for (std::size_t i = 0; i < exact[k].v.size(); ++i)
      CHECK(added[k].v[i] - 3.0 == doctest::Approx(exact[k].v[i]).epsilon(1e-9));
    if (exact.size() == 1) continue;
    std::vector<double> kept;
    const auto y = t.value(&kept);
    std::vector<Numbers<double>> d;
    std::vector<ops::GradientSlot<double>> slots;
    for (const MatrixShape s : op.in) d.emplace_back(s, 0.0);
    for (auto& n : d) slots.push_back({n.view(), true});
    slots[k] = {};
    op.real.backward(t.views(), y.view(), kept.data(), w.view(), slots);
    for (std::size_t j = 0; j < d.size(); ++j)
      CHECK(d[j].v == (j == k ? Numbers<double>(op.in[k], 0.0).v : exact[j].v));
  }
}

/// Floats are the same function, with the same gradient.
inline void check_single(const Tried& op) {
  const Trial<double> t(op, 1);
  const Trial<float> s(t);
  CHECK(apart(s.value(), t.value()) < 1e-5);
  Random random(2);
  const Numbers<double> w(op.out, random);
  Numbers<float> single(op.out, 0.0f);
  std::transform(w.v.begin(), w.v.end(), single.v.begin(),
                 [](double v) { return static_cast<float>(v); });
  const auto expected = t.gradients(w, std::numeric_limits<double>::quiet_NaN());
  for (const float before : {std::numeric_limits<float>::quiet_NaN(), 0.0f}) {
    const auto d = s.gradients(single, before);
    for (std::size_t k = 0; k < d.size(); ++k) CHECK(apart(d[k], expected[k]) < 1e-4);
  }
}

/// Inputs and gradients may be columns of wider matrices; what lies beside them is left alone.
inline void check_columns(const Tried& op) {
  const Trial<float> t(op, 1);
  Random random(2);
  const Numbers<float> w(op.out, random);
  std::vector<float> kept(static_cast<std::size_t>(op.kept));
  const auto y = t.value(&kept);
  const auto expected = t.gradients(w, 0.0f);
  std::vector<Numbers<float>> wide, d;
  std::vector<MatrixView<const float>> views;
  std::vector<ops::GradientSlot<float>> slots;
  const auto inside = [](Numbers<float>& n) {
    return MatrixView<float>(n.v.data() + 2, n.rows, n.cols - 3, n.cols);
  };
  for (const auto& x : t.x) {
    wide.emplace_back(MatrixShape{x.rows, x.cols + 3}, 7.0f);
    d.emplace_back(MatrixShape{x.rows, x.cols + 3}, 0.0f);
  }
  for (std::size_t k = 0; k < wide.size(); ++k) {
    const auto v = inside(wide[k]);
    for (Index i = 0; i < v.rows; ++i) std::copy_n(t.x[k].view().row(i), v.cols, v.row(i));
    views.push_back(v);
    slots.push_back({inside(d[k]), false});
  }
  Numbers<float> again(op.out, 0.0f);
  op.single.forward(views, again.view(), kept.data(), serial_executor());
  CHECK(again.v == y.v);
  op.single.backward(views, y.view(), kept.data(), w.view(), slots);
  for (std::size_t k = 0; k < d.size(); ++k)
    for (Index i = 0; i < d[k].rows; ++i)
      for (Index c = 0; c < d[k].cols; ++c) {
        const bool beside = c < 2 || c >= d[k].cols - 1;
        const float found = d[k].view()(i, c);
        CHECK(found == (beside ? 0.0f : expected[k].view()(i, c - 2)));
      }
}

/// The result takes the memory of any input of its shape.
inline void check_in_place(const Tried& op) {
  const auto y = Trial<float>(op, 1).value();
  for (std::size_t k = 0; k < op.in.size(); ++k) {
    if (op.in[k] != op.out) continue;
    Trial<float> t(op, 1);
    std::vector<float> kept(static_cast<std::size_t>(op.kept));
    op.single.forward(t.views(), t.x[k].view(), kept.data(), serial_executor());
    CHECK(t.x[k].v == y.v);
  }
}

inline void check_threads(const Tried& op) {
  ThreadPool pool(3);
  const Trial<float> t(op, 1);
  CHECK(t.value(nullptr, pool).v == t.value().v);
}

/// All of them, of shapes small enough for differences.
inline void check_operation(const Tried& op, double tolerance = 1e-6) {
  check_gradients_of(op, tolerance);
  check_single(op);
  check_threads(op);
  if (op.takes_columns) check_columns(op);
  if (op.in_place) check_in_place(op);
}

}  // namespace amq::test
