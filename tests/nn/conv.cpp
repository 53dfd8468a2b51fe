#include <amq/nn/conv.hpp>

#include "grid_laws.hpp"

#include <amq/nn/linear.hpp>

namespace test_conv {

using namespace amq;
using namespace amq::arithmetics;
using namespace amq::test;

namespace {

const Golden& golden() {
  static const Golden g(std::string(AMQ_NN_DATA) + "/layers.safetensors");
  return g;
}

GridShape grid_of(const std::string& name) {
  const auto& shape = golden().file.at(name).shape;
  GridShape g;
  g.samples = shape[0];
  g.dims = static_cast<int>(shape.size()) - 2;
  for (int a = 0; a < g.dims; ++a) g[a] = shape[static_cast<std::size_t>(a) + 1];
  return g;
}

/// A layer, declared by `make(layout)`, with a point where rows are quantized.
template <typename Layer>
struct Net {
  ParameterLayout layout;
  Layer layer;
  Quantizers quantizers;
  Parameters parameters;

  template <typename Make>
  explicit Net(const Make& make, const SchemeInfo& info = {8, RowRule::affine, {4, 8}})
      : layer(make(layout)), quantizers(layout, info) {
    initialize(layout, parameters, 3);
    refit();
  }
  void refit() {
    quantizers.reset_points(layout, parameters);
    quantizers.fit_weights(layout, parameters);
  }
  template <typename A>
  auto run(A& a, const GridShape& g, const Matrix& x) const {
    return layer(a, g, a.input(view(x), RowKind::grid));
  }
  Matrix reference(const GridShape& g, const Matrix& x) const {
    Float32 a(layout, parameters);
    return map(run(a, g, x).view());
  }
  /// The tape's result without quantization.
  [[nodiscard]] Matrix taped(const GridShape& g, const Matrix& x) const {
    BasicTraining<float> t(layout, quantizers);
    t.begin({&parameters, nullptr, nullptr});
    return map(t[run(t, g, x)]);
  }
};

nn::ConvShape shape(int dims, Index in, Index out, Index kernel, Index stride, Index padding,
                    Padding beyond = Padding::zero) {
  return {dims, in, out, kernel, stride, padding, beyond};
}
nn::ConvShape without_bias(nn::ConvShape s) {
  s.bias = false;
  return s;
}

template <typename Layer>
void check_golden(const std::string& name, const nn::ConvShape& s) {
  CAPTURE(name);
  Net<Layer> net([&](ParameterLayout& l) { return Layer(l, name, s); });
  CHECK(golden().assign(net.layout, net.parameters) == (s.bias ? 2 : 1));
  const GridShape grid = grid_of(name + ".x");
  CHECK(net.layer.grid(grid) == grid_of(name + ".y"));
  const Matrix x = golden().matrix(name + ".x"), y = golden().matrix(name + ".y");
  CHECK(relative(net.reference(grid, x), y) < 1e-6);
  CHECK(relative(net.taped(grid, x), y) < 1e-6);
}

}  // namespace

TEST_CASE("convolutions compute what PyTorch computes, in 1, 2 and 3 dimensions") {
  check_golden<nn::Conv>("plain_1d", shape(1, 3, 4, 3, 1, 1));
  check_golden<nn::Conv>("strided_1d", shape(1, 3, 4, 3, 2, 1));
  check_golden<nn::Conv>("circular_1d", shape(1, 2, 3, 5, 1, 2, Padding::circular));
  check_golden<nn::Conv>("point_2d", shape(2, 3, 2, 1, 1, 0));
  check_golden<nn::Conv>("plain_2d", without_bias(shape(2, 3, 4, 3, 1, 1)));
  check_golden<nn::Conv>("strided_2d", shape(2, 2, 5, 3, 2, 1));
  check_golden<nn::Conv>("circular_2d", shape(2, 3, 2, 3, 1, 1, Padding::circular));
  check_golden<nn::Conv>("patch_2d", shape(2, 3, 7, 4, 4, 0));
  check_golden<nn::Conv>("plain_3d", shape(3, 2, 3, 3, 1, 1));
}

TEST_CASE("transposed convolutions compute what PyTorch computes, overlapping kernels as well") {
  check_golden<nn::TransposedConv>("up_1d", shape(1, 3, 2, 2, 2, 0));
  check_golden<nn::TransposedConv>("up4_1d", shape(1, 3, 2, 4, 2, 1));
  check_golden<nn::TransposedConv>("up_2d", shape(2, 3, 2, 2, 2, 0));
  check_golden<nn::TransposedConv>("up4_2d", shape(2, 3, 4, 4, 2, 1));
  check_golden<nn::TransposedConv>("up_3d", shape(3, 2, 3, 2, 2, 0));
  check_golden<nn::TransposedConv>("up9_2d", shape(2, 2, 3, 9, 3, 4));
}

TEST_CASE("group norm computes what PyTorch computes") {
  for (const Index groups : {1, 3}) {
    const std::string name = "group_" + std::to_string(groups);
    Net<nn::GroupNorm> net([&](ParameterLayout& l) { return nn::GroupNorm(l, name, 6, groups); });
    CHECK(golden().assign(net.layout, net.parameters) == 2);
    const GridShape grid = grid_of(name + ".x");
    const Matrix x = golden().matrix(name + ".x"), y = golden().matrix(name + ".y");
    CHECK(relative(net.reference(grid, x), y) < 1e-6);
    CHECK(relative(net.taped(grid, x), y) < 1e-6);
  }
}

TEST_CASE("a batch norm is PyTorch's: by running estimates, by the rows, and where they move") {
  Net<nn::Conv> net([&](ParameterLayout& l) {
    return nn::Conv(l, "normed", without_bias(shape(2, 3, 4, 3, 1, 1)), "norm");
  });
  CHECK(golden().assign(net.layout, net.parameters) == 5);
  const GridShape grid = grid_of("normed.x");
  const Matrix x = golden().matrix("normed.x");
  CHECK(relative(net.reference(grid, x), golden().matrix("normed.y")) < 1e-6);
  CHECK(relative(net.taped(grid, x), golden().matrix("normed.y")) < 1e-6);
  BasicTraining<float> t(net.layout, net.quantizers);
  t.begin({&net.parameters, nullptr, nullptr, false, true});
  CHECK(relative(map(t[net.run(t, grid, x)]), golden().matrix("normed.y_of_batch")) < 1e-6);
  t.update_running(net.parameters);
  for (const auto& [own, theirs] : {std::pair{"norm.running_mean", "norm.moved_mean"},
                                    {"norm.running_var", "norm.moved_var"}}) {
    const auto& e = net.layout.entry(net.layout.find(own));
    const auto expected = golden().values(theirs);
    for (Index k = 0; k < e.size(); ++k)
      CHECK(net.parameters.view(e).data[k] ==
            doctest::Approx(expected[static_cast<std::size_t>(k)]).epsilon(1e-5));
  }
}

TEST_CASE("running estimates averaged over passes normalize as the rows themselves do") {
  Net<nn::Conv> net([&](ParameterLayout& l) {
    return nn::Conv(l, "c", without_bias(shape(1, 2, 3, 3, 1, 1)), "n");
  });
  const GridShape grid(64, {32});
  const Matrix x = random_matrix(grid.rows(), 2, 9);
  BasicTraining<float> t(net.layout, net.quantizers);
  t.begin({&net.parameters, nullptr, nullptr, false, true});
  const Matrix by_rows = map(t[net.run(t, grid, x)]);
  CHECK(relative(net.reference(grid, x), by_rows) > 0.1);
  t.update_running(net.parameters, 1.0);
  CHECK(relative(net.reference(grid, x), by_rows) < 1e-3);  // its variance is the unbiased one
}

TEST_CASE("gradients of convolutions and norms agree with differences") {
  ParameterLayout layout;
  const nn::Linear lift(layout, "lift", RowKind::grid, 2, 4);
  const auto check = [&](const GridShape& g, const auto& layer, bool batch_statistics = false) {
    const Matrix x = random_matrix(g.rows(), 2, 4);
    check_gradients(
        layout, [&](auto& a) { return layer(a, g, lift(a, a.input(view(x), RowKind::grid))); },
        1e-6, batch_statistics);
  };
  const GridShape two(2, {6, 4});
  SUBCASE("plain") {
    check(two, nn::Conv(layout, "c", shape(2, 4, 3, 3, 1, 1)));
  }
  SUBCASE("strided, circular") {
    check(two, nn::Conv(layout, "c", shape(2, 4, 3, 3, 2, 1, Padding::circular)));
  }
  SUBCASE("in three dimensions") {
    check({1, {3, 4, 2}}, nn::Conv(layout, "c", shape(3, 4, 2, 3, 1, 1)));
  }
  SUBCASE("transposed") {
    check(two, nn::TransposedConv(layout, "c", shape(2, 4, 3, 4, 2, 1)));
  }
  SUBCASE("group norm") {
    check(two, nn::GroupNorm(layout, "n", 4, 2));
  }
  const auto normed = without_bias(shape(2, 4, 3, 3, 1, 1));
  SUBCASE("batch norm by running estimates") {
    check(two, nn::Conv(layout, "c", normed, "n"));
  }
  SUBCASE("batch norm by the rows") {
    check(two, nn::Conv(layout, "c", normed, "n"), true);
  }
}

TEST_CASE("gradients of quantized weights pass the folded norm") {
  // Straight through: at steps fine enough to follow, the gradient is that of the float layer.
  Net<nn::Conv> net([&](ParameterLayout& l) {
    return nn::Conv(l, "c", without_bias(shape(1, 8, 4, 3, 1, 1)), "n", 16);
  });
  for (const auto* name : {"n.weight", "n.running_mean", "n.running_var"}) {
    const auto& e = net.layout.entry(net.layout.find(name));
    for (Index k = 0; k < e.size(); ++k)
      net.parameters.view(e).data[k] = 0.5f + 0.3f * static_cast<float>(k);
  }
  const GridShape grid(2, {16});
  const Matrix x = random_matrix(grid.rows(), 8, 9), seed = random_matrix(grid.rows(), 4, 10);
  const BitPlan plan = BitPlan::uniform(8);
  std::vector<std::vector<float>> gradients;
  for (const BitPlan* p : {static_cast<const BitPlan*>(nullptr), &plan}) {
    std::vector<float> gradient(net.parameters.values.size(), 0.0f);
    BasicTraining<float> t(net.layout, net.quantizers);
    t.begin({&net.parameters, &gradient, p});
    t.tape().backward(net.run(t, grid, x).ref, view(seed));
    gradients.push_back(gradient);
  }
  for (const auto* name : {"c.weight", "n.weight", "n.bias"}) {
    CAPTURE(name);
    const auto& e = net.layout.entry(net.layout.find(name));
    double wrong = 0, size = 0;
    for (Index k = e.offset; k < e.offset + e.size(); ++k) {
      const auto i = static_cast<std::size_t>(k);
      const double a = gradients[0][i], b = gradients[1][i];
      wrong += (a - b) * (a - b);
      size += a * a;
    }
    CHECK(size > 0);
    CHECK(wrong < 0.01 * size);  // a weight that is clipped has none
  }
}

TEST_CASE("convolutions in integers are simulated quantization, bit for bit, at every rule") {
  const GridShape g(2, {8, 6});
  const Matrix x = random_matrix(g.rows(), 5, 5);
  const auto check = [&](const auto& net) {
    check_agreement(net.layout, net.quantizers, net.parameters,
                    [&](auto& a) { return net.run(a, g, x); });
  };
  for (const RowRule rule : {RowRule::affine, RowRule::symmetric, RowRule::min_max, RowRule::fixed})
    for (const int weight_bits : {4, 8}) {
      const SchemeInfo info{weight_bits, rule, {4, 8}};
      check(Net<nn::Conv>(
          [&](ParameterLayout& l) { return nn::Conv(l, "c", shape(2, 5, 18, 3, 1, 1)); }, info));
      check(Net<nn::TransposedConv>(
          [&](ParameterLayout& l) { return nn::TransposedConv(l, "c", shape(2, 5, 7, 4, 2, 1)); },
          info));
      Net<nn::Conv> normed(
          [&](ParameterLayout& l) {
            return nn::Conv(l, "c", without_bias(shape(2, 5, 18, 3, 2, 1)), "n");
          },
          info);
      Random random(4);
      for (const auto* name : {"n.weight", "n.bias", "n.running_mean", "n.running_var"}) {
        const auto& e = normed.layout.entry(normed.layout.find(name));
        for (Index k = 0; k < e.size(); ++k)
          normed.parameters.view(e).data[k] = static_cast<float>(
              e.name.ends_with("var") ? random.uniform(0.1, 2.0) : random.normal());
      }
      check(normed);
    }
}

TEST_CASE("eight-bit patches stay near float, sixteen-bit ones next to it") {
  const GridShape g(1, {16, 16});
  const Matrix x = random_matrix(g.rows(), 12, 7);
  double last = 1;
  for (const int bits : {4, 8, 16}) {
    const Net<nn::Conv> net(
        [&](ParameterLayout& l) { return nn::Conv(l, "c", shape(2, 12, 10, 3, 1, 1), "", bits); });
    BasicFixed a(net.layout, net.quantizers, net.parameters);
    const BitPlan plan = BitPlan::uniform(8);
    a.begin(plan);
    const double error = relative(map(net.run(a, g, x).view()), net.reference(g, x));
    CHECK(error < last);
    last = error;
  }
  CHECK(last < 0.01);  // the weights' 8 bits are left
}

TEST_CASE("a circular shift of the field shifts the result of a circular convolution") {
  const GridShape g(1, {6, 5});
  const Net<nn::Conv> net([](ParameterLayout& l) {
    return nn::Conv(l, "c", shape(2, 2, 3, 3, 1, 1, Padding::circular));
  });
  const Matrix x = random_matrix(g.rows(), 2, 1);
  const Matrix y = net.reference(g, x);
  Matrix shifted(x.rows(), 2), expected(y.rows(), 3);
  for (Index i = 0; i < g[0]; ++i)
    for (Index j = 0; j < g[1]; ++j) {
      const Index to = (i + 4) % g[0] * g[1] + (j + 3) % g[1];
      shifted.row(to) = x.row(i * g[1] + j);
      expected.row(to) = y.row(i * g[1] + j);
    }
  CHECK(relative(net.reference(g, shifted), expected) < 1e-6);
}

TEST_CASE("multiplications of a convolution are counted, of a transposed one without zeros") {
  const GridShape g(2, {8, 4});
  const Matrix x = random_matrix(g.rows(), 5, 8);
  const BitPlan plan = BitPlan::uniform(4);
  const auto macs = [&](const auto& net) {
    BasicCounting a(net.layout, net.quantizers, plan);
    net.run(a, g, x);
    CHECK(a.cost().bops() == a.cost().macs() * 4 * 8);
    return a.cost().macs();
  };
  CHECK(macs(Net<nn::Conv>([](ParameterLayout& l) {
          return nn::Conv(l, "c", shape(2, 5, 7, 3, 1, 1));
        })) == 2.0 * 8 * 4 * 9 * 5 * 7);
  CHECK(macs(Net<nn::TransposedConv>([](ParameterLayout& l) {
          return nn::TransposedConv(l, "c", shape(2, 5, 7, 2, 2, 0));
        })) == 2.0 * 8 * 4 * 4 * 5 * 7);
}

TEST_CASE("layers that cannot be, and grids too small, are refused") {
  ParameterLayout l;
  CHECK_THROWS_WITH_AS(nn::Conv(l, "a", shape(2, 0, 3, 3, 1, 1)),
                       doctest::Contains("positive sizes"), Error);
  CHECK_THROWS_WITH_AS(nn::TransposedConv(l, "b", shape(2, 2, 3, 3, 2, 1)),
                       doctest::Contains("a kernel that the stride divides"), Error);
  CHECK_THROWS_WITH_AS(nn::Conv(l, "c", shape(2, 2, 3, 3, 1, 1), "n"),
                       doctest::Contains("a product of one part without bias"), Error);
  CHECK_THROWS_WITH_AS(nn::GroupNorm(l, "d", 6, 4), doctest::Contains("groups that divide 6"),
                       Error);
  const Net<nn::Conv> net(
      [](ParameterLayout& p) { return nn::Conv(p, "c", shape(2, 2, 3, 5, 1, 1)); });
  CHECK_THROWS_WITH_AS(net.reference({1, {8, 2}}, random_matrix(16, 2, 1)),
                       doctest::Contains("at least 3 points along axis 1"), Error);
  CHECK_THROWS_WITH_AS(net.reference({1, {16}}, random_matrix(16, 2, 1)),
                       doctest::Contains("2 axes"), Error);
}

TEST_CASE("a diverged batch norm is refused when it is folded") {
  Net<nn::Conv> net([&](ParameterLayout& l) {
    return nn::Conv(l, "c", without_bias(shape(1, 2, 3, 3, 1, 1)), "n");
  });
  const auto& e = net.layout.entry(net.layout.find("n.running_var"));
  net.parameters.view(e).data[1] = std::nanf("");
  CHECK_THROWS_WITH_AS(BasicFixed(net.layout, net.quantizers, net.parameters),
                       doctest::Contains("layer c: expected a batch norm of finite scale"), Error);
}

}  // namespace test_conv
