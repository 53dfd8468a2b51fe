#include <amq/arithmetic/training.hpp>

#include <amq/arithmetic/fusions.hpp>
#include <amq/core/random.hpp>
#include <amq/ops.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <vector>

namespace test_gradients {

using namespace amq;
using namespace amq::training;

namespace {

using Train = BasicTraining<double>;

Graph ragged_graph() {
  // Node 2 is isolated, node 0 has three senders, node 4 hears itself's neighbour twice removed.
  Graph g;
  g.first = {0, 3, 4, 4, 6, 7};
  g.sender = {1, 3, 4, 0, 1, 4, 0};
  g.receiver = {0, 0, 0, 1, 3, 3, 4};
  return g;
}

/// A layout with one input-like parameter "x" (rows, cols) and others; f maps x's tensor to a
/// tensor.
struct Check {
  ParameterLayout layout;
  std::vector<double> weights;  // of the outputs in the loss

  /// Compares the gradient of sum(weights * f(parameters)) with central differences.
  void run(const std::function<Train::Tensor(Train&)>& f, double tolerance = 1e-6) {
    Quantizers quantizers(layout, {8, RowRule::affine, {8}});
    Parameters start;
    initialize(layout, start, 11);
    ParametersOf<double> p;
    p.values.assign(start.values.begin(), start.values.end());
    std::vector<double> gradient(p.values.size(), 0.0);
    Train a(layout, quantizers);
    const auto loss = [&](std::vector<double>* into) {
      a.begin({&p, into, nullptr});
      const auto y = f(a);
      const auto v = a[y];
      if (weights.empty()) {
        Random random(5);
        for (Index k = 0; k < v.size(); ++k) weights.push_back(random.normal());
      }
      double sum = 0;
      for (Index i = 0; i < v.rows; ++i)
        for (Index c = 0; c < v.cols; ++c)
          sum += weights[static_cast<std::size_t>(i * v.cols + c)] * v(i, c);
      if (into) a.tape().backward(y.ref, MatrixView<const double>(weights.data(), v.rows, v.cols));
      return sum;
    };
    loss(&gradient);
    double norm = 0, wrong = 0;
    for (Index k = 0; k < layout.size(); ++k) {
      double& v = p.values[static_cast<std::size_t>(k)];
      const double h = 1e-5, kept = v;
      v = kept + h;
      const double up = loss(nullptr);
      v = kept - h;
      const double down = loss(nullptr);
      v = kept;
      const double numeric = (up - down) / (2 * h), exact = gradient[static_cast<std::size_t>(k)];
      norm += numeric * numeric;
      wrong += (numeric - exact) * (numeric - exact);
    }
    CHECK(norm > 0);
    CHECK(std::sqrt(wrong / norm) < tolerance);
  }
};

/// The rows of a parameter as a tensor: identity times the transposed parameter.
struct Leaf {
  WeightId weight;
  Index rows, cols;
  RowKind kind;
  Leaf(ParameterLayout& layout, const std::string& name, Index r, Index c,
       RowKind k = RowKind::node)
      : rows(r), cols(c), kind(k) {
    const auto p = layout.add(name, {c, r}, Init::uniform(1.5f));
    weight = layout.add_weight(name, {{p, 0, r, no_parameter}});
  }
  Train::Tensor operator()(Train& a) const {
    static const Matrix identity = Matrix::Identity(64, 64);
    return a.linear(weight, Train::unquantized(a.input(
                                MatrixView<const float>(identity.data(), rows, rows, 64), kind)));
  }
};

}  // namespace

TEST_CASE("gradients of products, stacked weights and biases agree with central differences") {
  Check c;
  const Leaf x(c.layout, "x", 5, 6);
  const auto [w1, b1] = c.layout.add_linear("w1", 3, 6);
  const auto [w2, b2] = c.layout.add_linear("w2", 4, 9);
  const auto stacked =
      c.layout.add_weight("stacked", {{w1, 0, 6, b1}, {w2, 2, 6, no_parameter}, {w2, 3, 6, b2}});
  c.run([&](Train& a) { return a.linear(stacked, Train::unquantized(x(a))); });
}

TEST_CASE("gradients pass through slices and joins, and sum where a value is read twice") {
  Check c;
  const Leaf x(c.layout, "x", 5, 6), y(c.layout, "y", 5, 6);
  c.run([&](Train& a) {
    const auto u = x(a), v = y(a);
    return a.concat({a.apply(ops::Add{}, u, v), a.apply(ops::Multiply{}, u, u), a.columns(u, 2, 3),
                     a.apply(ops::Activate{Activation::tanh}, a.columns(v, 1, 2))});
  });
}

TEST_CASE("gradients pass through a chain of operations between nodes and edges") {
  const Graph g = ragged_graph();
  const std::vector<std::int32_t> ids{4, 0, 0, 2};
  Check c;
  const Leaf x(c.layout, "x", 5, 3), y(c.layout, "y", 5, 3), e(c.layout, "e", 7, 3, RowKind::edge);
  c.run([&](Train& a) {
    const auto ends = a.apply(ops::EdgeSum{g}, x(a), y(a));
    const auto messages = activate(a, Activation::swish, a.apply(ops::Add{}, ends, e(a)));
    const auto m =
        a.concat({a.apply(ops::SegmentMean{g}, messages), a.apply(ops::SegmentSum{g}, messages)});
    return a.apply(ops::Gather{ids, RowKind::node}, m);
  });
}

TEST_CASE("gradients reach the parameters that an operation takes") {
  Check c;
  const Leaf x(c.layout, "x", 7, 4);
  const auto gamma = c.layout.add("gamma", {4}, Init::uniform(1)),
             beta = c.layout.add("beta", {4}, Init::uniform(1)),
             first = c.layout.add("first", {2}, Init::uniform(1));
  c.layout.add("second", {2}, Init::uniform(1));
  SUBCASE("each of its own") {
    c.run([&](Train& a) {
      return a.apply(ops::Affine{}, a.apply(ops::LayerNorm{}, x(a)), gamma, beta);
    });
  }
  SUBCASE("several side by side") {
    c.run([&](Train& a) { return a.apply(ops::Affine{}, x(a), ParameterRow(first, 4), beta); });
  }
}

TEST_CASE("a quantized product passes gradients straight through, clipped") {
  ParameterLayout layout;
  const auto p = layout.add("x", {1, 4}, Init::constant(0));  // as one row of four
  const auto id = layout.add_weight("x", {{p, 0, 4, no_parameter}}, 8);
  const auto point = layout.add_point("point", RowKind::node, 1);
  static_cast<void>(id);
  Quantizers q(layout, {8, RowRule::fixed, {2}});
  ParametersOf<float> values;
  Parameters start;
  initialize(layout, start, 1);
  values = start;
  values.values[static_cast<std::size_t>(layout.entry(q.step(point)).offset)] = 1.0f;
  std::vector<float> gradient(values.values.size(), 0.0f);
  BasicTraining<float> a(layout, q);
  const BitPlan plan = BitPlan::uniform(2);
  a.begin({&values, &gradient, &plan});
  // Codes are -2 .. 1 at step 1: 0.4 and -1.8 lie inside, 7 and -9 outside.
  const std::vector<float> rows{0.4f, -1.8f, 7.0f, -9.0f};
  const auto in = a.input(MatrixView<const float>(rows.data(), 4, 1), RowKind::node);
  const auto out = a.quantize(point, in);
  const auto v = a.tape()[out.rows.value];
  CHECK(v(0, 0) == 0.0f);
  CHECK(v(1, 0) == -2.0f);
  CHECK(v(2, 0) == 1.0f);
  CHECK(v(3, 0) == -2.0f);
  const std::vector<float> seed{1, 2, 4, 8};
  a.tape().backward(out.rows.value, MatrixView<const float>(seed.data(), 4, 1));
  // LSQ: inside q - x/s, outside the bound: 1(0 - 0.4) + 2(-2 + 1.8) + 4(1) + 8(-2).
  const auto d_step = gradient[static_cast<std::size_t>(layout.entry(q.step(point)).offset)];
  CHECK(d_step == doctest::Approx(-0.4 - 0.4 + 4 - 16).epsilon(1e-5));
  const auto d_offset = gradient[static_cast<std::size_t>(layout.entry(q.offset(point)).offset)];
  CHECK(d_offset == doctest::Approx(12.0));
}

}  // namespace test_gradients
