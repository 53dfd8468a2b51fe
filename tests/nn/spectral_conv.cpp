#include <amq/nn/spectral_conv.hpp>

#include "grid_laws.hpp"

#include <amq/nn/linear.hpp>

namespace test_spectral_conv {

using namespace amq;
using namespace amq::arithmetics;
using namespace amq::test;

namespace {

const std::string data = AMQ_NN_DATA;

struct Net {
  ParameterLayout layout;
  nn::SpectralConv conv;
  Quantizers quantizers;
  Parameters parameters;

  Net(Index in, Index out, const SpectralModes& m,
      const SchemeInfo& info = {8, RowRule::affine, {4, 8}}, ProductBits transforms = {})
      : conv(layout, "conv", in, out, m, 0, transforms), quantizers(layout, info) {
    initialize(layout, parameters, 3);
    quantizers.reset_points(layout, parameters);
    quantizers.fit_weights(layout, parameters);
  }
  template <typename A>
  auto run(A& a, const GridShape& g, const Matrix& x) const {
    return conv(a, g, a.input(view(x), RowKind::grid));
  }
  [[nodiscard]] Matrix reference(const GridShape& g, const Matrix& x) const {
    Float32 a(layout, parameters);
    return map(run(a, g, x).view());
  }
};

template <typename Op>
Matrix transform(const Op& op, const Matrix& x) {
  const MatrixShape s = op.shape({x.rows(), x.cols()});
  Matrix y(s.rows, s.cols);
  op.forward(view(x), MatrixView<float>(y.data(), y.rows(), y.cols()), serial_executor());
  return y;
}

}  // namespace

TEST_CASE(
    "spectral convolution is rfft, product, irfft of PyTorch to 1e-5, on even, odd, prime sizes") {
  struct Case {
    const char* name;
    GridShape grid;
    SpectralModes modes;
  };
  const Case cases[] = {
      {"421", {2, {421}}, {1, {16, 1, 1}}}, {"85", {2, {85}}, {1, {12, 1, 1}}},
      {"8", {2, {8}}, {1, {5, 1, 1}}},      {"85x13", {2, {85, 13}}, {2, {12, 6, 1}}},
      {"8x6", {2, {8, 6}}, {2, {4, 4, 1}}}, {"5x7x6", {2, {5, 7, 6}}, {3, {2, 3, 4}}}};
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const Golden golden(data + "/spectral_" + c.name + ".safetensors");
    Net net(3, 2, c.modes);
    for (int k = 0; k < 1 << (c.modes.dims - 1); ++k)
      net.conv.assign_torch(net.layout, net.parameters, k,
                            golden.values("weights" + std::to_string(k + 1)));
    CHECK(relative(net.reference(c.grid, golden.matrix("x")), golden.matrix("y")) < 1e-5);
  }
}

TEST_CASE("a shift of the field on a periodic grid shifts the result") {
  const GridShape g(1, {15, 7});
  const Net net(3, 4, {2, {4, 3, 1}});
  const Matrix x = random_matrix(g.rows(), 3, 1);
  const Matrix y = net.reference(g, x);
  for (const auto& [di, dj] : {std::pair<Index, Index>{1, 0}, {0, 1}, {6, 4}}) {
    Matrix shifted(x.rows(), 3), expected(y.rows(), 4);
    for (Index i = 0; i < g[0]; ++i)
      for (Index j = 0; j < g[1]; ++j) {
        const Index to = (i + di) % g[0] * g[1] + (j + dj) % g[1];
        shifted.row(to) = x.row(i * g[1] + j);
        expected.row(to) = y.row(i * g[1] + j);
      }
    CHECK(relative(net.reference(g, shifted), expected) < 2e-6);
  }
}

TEST_CASE("samples do not see each other") {
  const GridShape two(2, {9, 6}), one(1, {9, 6});
  const Net net(2, 3, {2, {3, 2, 1}});
  const Matrix x = random_matrix(two.rows(), 2, 2);
  const Matrix y = net.reference(two, x);
  CHECK(relative(net.reference(one, x.bottomRows(one.rows())), y.bottomRows(one.rows())) < 1e-6);
}

TEST_CASE("gradients of the spectral convolution agree with differences in 1, 2 and 3 dimensions") {
  struct Case {
    GridShape grid;
    SpectralModes modes;
  };
  for (const Case& c : {Case{{2, {8}}, {1, {5, 1, 1}}}, Case{{2, {7, 5}}, {2, {2, 3, 1}}},
                        Case{{2, {4, 5, 3}}, {3, {2, 1, 2}}}}) {
    ParameterLayout layout;
    const nn::Linear lift(layout, "lift", RowKind::grid, 2, 3);
    const nn::SpectralConv conv(layout, "conv", 3, 2, c.modes);
    const Matrix x = random_matrix(c.grid.rows(), 2, 4);
    check_gradients(
        layout, [&](auto& a) { return conv(a, c.grid, lift(a, a.input(view(x), RowKind::grid))); });
  }
}

TEST_CASE("modes mixed in integers are simulated quantization, bit for bit, at every rule") {
  const GridShape g(3, {9, 10});
  const Matrix x = random_matrix(g.rows(), 20, 5);
  for (const RowRule rule : {RowRule::affine, RowRule::symmetric, RowRule::min_max, RowRule::fixed})
    for (const int weight_bits : {4, 8}) {
      const Net net(20, 12, {2, {3, 4, 1}}, {weight_bits, rule, {4, 8}});
      check_agreement(net.layout, net.quantizers, net.parameters,
                      [&](auto& a) { return net.run(a, g, x); });
    }
}

TEST_CASE("modes of mixed bits are simulated quantization, bit for bit") {
  const GridShape g(2, {12});
  const Net net(16, 8, {1, {6, 1, 1}}, {8, RowRule::affine, {0, 2, 4, 8}});
  const Matrix x = random_matrix(g.rows(), 16, 6);
  BitPlan plan;
  Random random(1);
  const std::uint8_t levels[] = {0, 2, 4, 8};
  plan.by_point.resize(1);
  for (int i = 0; i < 6 * 2 * 2; ++i) plan.by_point[0].push_back(levels[random.index(4)]);
  BasicTraining<float> train(net.layout, net.quantizers);
  train.begin({&net.parameters, nullptr, &plan});
  const Matrix expected = map(train[net.run(train, g, x)]);
  BasicFixed fixed(net.layout, net.quantizers, net.parameters);
  fixed.begin(plan);
  const Matrix y = map(net.run(fixed, g, x).view());
  CHECK((y.array() == expected.array()).all());
}

TEST_CASE("eight-bit modes stay near float") {
  const GridShape g(1, {16, 16});
  const Net net(32, 32, {2, {5, 5, 1}}, {8, RowRule::affine, {8}});
  const Matrix x = random_matrix(g.rows(), 32, 7);
  BasicFixed a(net.layout, net.quantizers, net.parameters);
  const BitPlan plan = BitPlan::uniform(8);
  a.begin(plan);
  CHECK(relative(map(net.run(a, g, x).view()), net.reference(g, x)) < 0.02);
}

TEST_CASE("transforms in integers err by what a code is, on even, odd and prime sizes") {
  for (const auto& [grid, modes] :
       {std::pair<GridShape, SpectralModes>{{2, {421}}, {1, {16, 1, 1}}},
        {{2, {85}}, {1, {12, 1, 1}}},
        {{1, {17, 12}}, {2, {4, 5, 1}}},
        {{2, {5, 7, 6}}, {3, {2, 3, 4}}}}) {
    CAPTURE(grid.text());
    const Matrix x = random_matrix(grid.rows(), 12, 9);
    const Matrix spectrum = transform(ops::SpectralForward{grid, modes}, x);
    const Matrix mixed = random_matrix(spectrum.rows(), 2 * 12, 10);
    const Matrix field = transform(ops::SpectralInverse{grid, modes}, mixed);
    double before = 1;
    for (const int bits : {4, 6, 8, 12, 16}) {
      const ProductBits t{16, bits};
      const double there = relative(transform(ops::SpectralForward{grid, modes, t}, x), spectrum),
                   back = relative(transform(ops::SpectralInverse{grid, modes, t}, mixed), field);
      CAPTURE(bits);
      // A line's code is its range / (2^b - 1), an error of uniform law; two axes and more add up.
      const double code = 4.0 / ((1 << bits) - 1) + 1e-4;
      CHECK(there < code);
      CHECK(back < code);
      CHECK(there < before);
      before = there;
    }
    const ProductBits bytes{8, 8};
    CHECK(relative(transform(ops::SpectralForward{grid, modes, bytes}, x), spectrum) < 0.02);
  }
}

TEST_CASE("transforms in integers are simulated quantization, bit for bit") {
  const GridShape g(3, {9, 10});
  const Matrix x = random_matrix(g.rows(), 20, 5);
  for (const ProductBits t : {ProductBits{8, 8}, {8, 16}, {16, 16}, {16, 8}, {4, 4}}) {
    const Net net(20, 12, {2, {3, 4, 1}}, {8, RowRule::min_max, {4, 8}}, t);
    check_agreement(net.layout, net.quantizers, net.parameters,
                    [&](auto& a) { return net.run(a, g, x); });
    const Net floats(20, 12, {2, {3, 4, 1}}, {8, RowRule::min_max, {4, 8}});
    CHECK((net.reference(g, x).array() == floats.reference(g, x).array()).all());
  }
}

TEST_CASE("gradients pass straight through transforms in integers") {
  const GridShape g(2, {7, 6});
  const SpectralModes modes{2, {3, 2, 1}};
  const ops::SpectralForward exact{g, modes}, coded{g, modes, {8, 8}};
  const Matrix x = random_matrix(g.rows(), 5, 11), y = transform(exact, x),
               dy = random_matrix(y.rows(), 5, 12);
  Matrix a = Matrix::Zero(x.rows(), x.cols()), b = a;
  exact.backward(view(x), view(y), view(dy), MatrixView<float>(a.data(), a.rows(), a.cols()));
  coded.backward(view(x), view(y), view(dy), MatrixView<float>(b.data(), b.rows(), b.cols()));
  CHECK((a.array() == b.array()).all());
  CHECK(a.norm() > 0);
}

TEST_CASE("transforms are counted at their bits where anything is quantized") {
  const GridShape g(2, {16, 16});
  const Net net(8, 6, {2, {4, 3, 1}}, {8, RowRule::affine, {4, 8}}, {8, 16});
  const Matrix x = random_matrix(g.rows(), 8, 8);
  for (const int rows : {8, int{BitPlan::float_rows}}) {
    const BitPlan plan = BitPlan::uniform(rows);
    BasicCounting a(net.layout, net.quantizers, plan);
    net.run(a, g, x);
    for (const std::size_t k : {0, 2}) {
      const ProductCost& c = a.cost().products[k];
      CHECK(c.bops == c.macs * (rows == 8 ? 8 * 16 : 32 * 32));
    }
  }
}

TEST_CASE("bits that no product has are refused") {
  for (const ProductBits t : {ProductBits{8, 0}, {0, 8}, {5, 8}, {8, 1}, {8, 17}}) {
    ParameterLayout layout;
    CHECK_THROWS_WITH_AS(nn::SpectralConv(layout, "conv", 2, 2, {1, {3, 1, 1}}, 0, t),
                         doctest::Contains("rows of 2 to 16"), Error);
  }
}

TEST_CASE("mixing is counted as four real products a mode and sample, transforms in float") {
  const GridShape g(2, {16, 16});
  const Net net(8, 6, {2, {4, 3, 1}});
  const Matrix x = random_matrix(g.rows(), 8, 8);
  const BitPlan plan = BitPlan::uniform(4);
  BasicCounting a(net.layout, net.quantizers, plan);
  net.run(a, g, x);
  REQUIRE(a.cost().products.size() == 3);
  const ProductCost &there = a.cost().products[0], &mixing = a.cost().products[1],
                    &back = a.cost().products[2];
  CHECK(mixing.macs == 4.0 * 2 * (8 * 3) * 8 * 6);
  CHECK(mixing.bops == mixing.macs * 4 * 8);
  CHECK(a.cost().weight_bytes() == 2.0 * (8 * 3) * 8 * 6);
  // Lines of 16 real points, as 9 sums and 7 differences, to 3 complex modes; then, for each of
  // these, 16 complex points, folded alike, to 5 frequencies of both signs.
  CHECK(there.macs == 2.0 * (16 * 3 * (9 + 7) + 3 * 5 * (9 + 7) * 2) * 8);
  CHECK(back.macs == there.macs / 8 * 6);
  CHECK(there.bops == there.macs * 32 * 32);
}

TEST_CASE("grids too small for the modes are refused by axis") {
  const Net net(2, 2, {2, {4, 3, 1}});
  CHECK_THROWS_WITH_AS(static_cast<void>(net.reference({1, {7, 8}}, random_matrix(56, 2, 1))),
                       doctest::Contains("at least 8 points along axis 0 for 4 modes"), Error);
  CHECK_THROWS_WITH_AS(static_cast<void>(net.reference({1, {8, 3}}, random_matrix(24, 2, 1))),
                       doctest::Contains("at least 4 points along axis 1 for 3 modes"), Error);
  CHECK_THROWS_AS(static_cast<void>(net.reference({1, {64}}, random_matrix(64, 2, 1))), Error);
}

}  // namespace test_spectral_conv
