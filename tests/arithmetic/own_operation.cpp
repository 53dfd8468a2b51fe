// An operation that amq does not have, written by a user in a file of his own: trained, deployed,
// counted.

#include "../nn/grid_laws.hpp"
#include "../ops/laws.hpp"

#include <amq/arithmetic/fusions.hpp>
#include <amq/core/portable_math.hpp>

namespace test_own_operation {

using namespace amq;
using namespace amq::training;

namespace {

// [own-operation]
/// x e^(-rate t): every channel decays at a rate of its own, for a time that each row brings along.
struct Decay {
  static constexpr int inputs = 3;  // x (row, channel), t (row, 1), rate (1, channel): a parameter
  static constexpr bool in_place = true, takes_columns = true;

  MatrixShape shape(MatrixShape x, MatrixShape t, MatrixShape rate) const {
    if (t != MatrixShape{x.rows, 1} || rate != MatrixShape{1, x.cols})
      throw Error("Decay", "a time for each row and a rate for each channel",
                  t.text() + " and " + rate.text(), "Check the layer's sizes.");
    return x;
  }
  double cost(MatrixShape x, MatrixShape, MatrixShape) const { return 10 * x.size(); }

  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<const T> t, MatrixView<const T> rate,
               MatrixView<T> y, Executor&) const {
    for (Index i = 0; i < x.rows; ++i)
      for (Index c = 0; c < x.cols; ++c) y(i, c) = x(i, c) * left(t(i, 0), rate(0, c));
  }
  /// Adds to the gradients; one that nobody wants has no data.
  template <typename T>
  void backward(MatrixView<const T> x, MatrixView<const T> t, MatrixView<const T> rate,
                MatrixView<const T>, MatrixView<const T> dy, MatrixView<T> dx, MatrixView<T> dt,
                MatrixView<T> d_rate) const {
    for (Index i = 0; i < x.rows; ++i)
      for (Index c = 0; c < x.cols; ++c) {
        const T g = dy(i, c) * left(t(i, 0), rate(0, c));
        if (dx.data) dx(i, c) += g;
        if (dt.data) dt(i, 0) -= g * x(i, c) * rate(0, c);
        if (d_rate.data) d_rate(0, c) -= g * x(i, c) * t(i, 0);
      }
  }

 private:
  template <typename T>
  static T left(T t, T rate) {
    return static_cast<T>(portable::exp(static_cast<double>(-rate * t)));
  }
};

/// A layer around it: one text for training, deployment and counting.
struct DecayLayer {
  ParameterId rate;
  WeightId lift, read;
  PointId given, hidden;

  explicit DecayLayer(ParameterLayout& layout) {
    const auto [w, b] = layout.add_linear("lift", 6, 3);
    lift = layout.add_weight("lift", {{w, 0, 3, b}});
    rate = layout.add("rate", {6}, Init::positive(1), Role::vector);
    const auto [v, c] = layout.add_linear("read", 2, 6);
    read = layout.add_weight("read", {{v, 0, 6, c}});
    given = layout.add_point("given", RowKind::node, 3);
    hidden = layout.add_point("hidden", RowKind::node, 6);
  }
  template <arithmetic A>
  typename A::Tensor operator()(A& a, MatrixView<const float> x, MatrixView<const float> t) const {
    const auto h = dense(a, given, lift, a.input(x, RowKind::node), Activation::tanh);
    const auto later = a.apply(Decay{}, h, a.input(t, RowKind::node), rate);
    return dense(a, hidden, read, later);
  }
};
// [own-operation]

struct Setting {
  ParameterLayout layout;
  DecayLayer layer{layout};
  Matrix x = test::random_matrix(30, 3, 1), t = test::random_matrix(30, 1, 2).cwiseAbs();

  template <typename A>
  auto operator()(A& a) const {
    return layer(a, view(x), view(t));
  }
};

}  // namespace

TEST_CASE("a user's own operation keeps the laws of every operation") {
  test::check_operation(test::Tried(Decay{}, {{{5, 4}, {5, 1}, {1, 4}}}));
}

TEST_CASE("a user's own operation is trained: gradients of all parameters agree with differences") {
  Setting s;
  test::check_gradients(s.layout, [&](auto& a) { return s(a); });
}

TEST_CASE("a user's own operation runs in float and in integers, and what it costs is counted") {
  Setting s;
  const Quantizers quantizers(s.layout, {8, RowRule::min_max, {4, 8}});
  Parameters p;
  initialize(s.layout, p, 3);
  quantizers.reset_points(s.layout, p);
  quantizers.fit_weights(s.layout, p);
  test::check_agreement(s.layout, quantizers, p, s);  // deployed bits are training's

  // [arithmetics]
  Float32 floats(s.layout, p);
  const Matrix exact = map(floats.result(s(floats)));  // s(a) is the model's pass over arithmetic a

  BasicFixed fixed(s.layout, quantizers, p);
  const BitPlan plan = BitPlan::uniform(8);
  fixed.begin(plan);
  const Matrix coded = map(fixed.result(s(fixed)));  // in integers

  BasicCounting count(s.layout, quantizers, plan);
  const auto y = count.result(s(count));  // a shape; count.cost() has the operations
  // [arithmetics]
  const double error = test::relative(coded, exact);
  CHECK(error > 0);
  CHECK(error < 0.03);
  // Rows at time 0 have not decayed, and what decays for long is gone: only the bias is left.
  s.t.setZero();
  const Matrix begin = map(floats.result(s(floats)));
  CHECK(test::relative(exact, begin) > 0.01);
  s.t.setConstant(1e4f);
  const Matrix end = map(floats.result(s(floats)));
  CHECK((end.rowwise() - end.row(0)).cwiseAbs().maxCoeff() < 1e-6);

  CHECK(y == MatrixShape{30, 2});
  CHECK(count.cost().elementwise == 30 * 6 * 8 + 30 * 6 * 10);
}

TEST_CASE("a user's own operation refuses rows without a time, in every arithmetic") {
  Setting s;
  const Quantizers quantizers(s.layout, {8, RowRule::min_max, {8}});
  Parameters p;
  initialize(s.layout, p, 3);
  s.t.conservativeResize(29, 1);
  const auto refused = [&](auto& a) {
    CHECK_THROWS_WITH_AS(s(a), doctest::Contains("found (29, 1) and (1, 6)"), Error);
  };
  const BitPlan plan = BitPlan::uniform(8);
  Float32 floats(s.layout, p);
  refused(floats);
  BasicTraining<float> training(s.layout, quantizers);
  training.begin({&p, nullptr, &plan});
  refused(training);
  BasicCounting count(s.layout, quantizers, plan);
  refused(count);
}

}  // namespace test_own_operation
