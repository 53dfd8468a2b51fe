#include <amq/models/fno.hpp>

#include "../nn/grid_laws.hpp"

#include <amq/models/network.hpp>

#include <tuple>

namespace test_fno {

using namespace amq;
using namespace amq::models;
using namespace amq::test;

namespace {

struct Case {
  const char* name;
  GridShape grid;
  std::array<Index, 3> modes;
};
const Case cases[] = {{"1d", {2, {17}}, {4, 1, 1}},
                      {"2d", {2, {9, 11}}, {3, 4, 1}},
                      {"3d", {2, {6, 5, 4}}, {2, 1, 3}}};

FnoConfig config_of(const Case& c) {
  FnoConfig config = FnoConfig::pdebench(c.grid.dims, 1, 5, 3, 2);
  config.modes = c.modes;
  return config;
}

/// All forms of a block, each of neuraloperator's.
std::vector<FnoConfig> forms_of(const Case& c) {
  std::vector<FnoConfig> all{config_of(c)};
  for (const auto& [skip, around, lifting] :
       {std::tuple{FnoSkip::linear, FnoSkip::gate, Index{6}},
        std::tuple{FnoSkip::gate, FnoSkip::linear, Index{0}}}) {
    FnoConfig config = config_of(c);
    config.skip = skip;
    config.channel_skip = around;
    config.lifting = lifting;
    config.channel_mlp = 3;
    config.layers = 2;
    all.push_back(config);
  }
  all.push_back(config_of(c));
  all.back().activates_twice = true;
  all.back().layers = 2;
  return all;
}

Matrix positions(const GridShape& g) {
  Matrix x(g.rows(), g.dims);
  for (Index i = 0; i < g.rows(); ++i) {
    Index left = i;
    for (int a = g.dims - 1; a >= 0; --a) {
      x(i, a) = static_cast<float>(left % g[a]) / static_cast<float>(g[a]);
      left /= g[a];
    }
  }
  return x;
}

}  // namespace

TEST_CASE("the operator computes what PyTorch computes with the same weights") {
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const Golden golden(std::string(AMQ_MODELS_DATA) + "/fno_" + c.name + ".safetensors");
    Network<Fno> net(config_of(c), {8, RowRule::affine, {4, 8}}, 1);
    CHECK(golden.assign(net.layout, net.parameters) == 6 + 4 * 2);
    for (Index l = 0; l < 4; ++l)
      for (int k = 0; k < 1 << (c.grid.dims - 1); ++k)
        net.model.spectral(l).assign_torch(
            net.layout, net.parameters, k,
            golden.values("conv" + std::to_string(l) + ".weights" + std::to_string(k + 1)));
    Float32 a(net.layout, net.parameters);
    const Matrix u = golden.matrix("u"), x = golden.matrix("x");
    const Matrix y = map(net.model(a, c.grid, view(u), view(x)).view());
    CHECK(relative(y, golden.matrix("y")) < 1e-5);
    // Without quantization the tape computes the same.
    BasicTraining<float> t(net.layout, net.quantizers);
    t.begin({&net.parameters, nullptr, nullptr});
    CHECK(relative(map(t[net.model(t, c.grid, view(u), view(x))]), y) < 1e-5);
  }
}

TEST_CASE("its gradients agree with differences") {
  for (const Case& c : cases) {
    CAPTURE(c.name);
    for (FnoConfig config : forms_of(c)) {
      ParameterLayout layout;
      config.projection = 7;
      const Fno model(layout, config);
      const Matrix u = random_matrix(c.grid.rows(), 3, 1), x = positions(c.grid);
      check_gradients(layout, [&](auto& a) { return model(a, c.grid, view(u), view(x)); });
    }
  }
}

TEST_CASE("integers are simulated quantization of the operator, bit for bit") {
  for (const Case& c : cases)
    for (const int weight_bits : {4, 8, 16}) {
      CAPTURE(c.name);
      for (FnoConfig config : forms_of(c)) {
        config.width = 20;
        const Network<Fno> net(config, {weight_bits, RowRule::affine, {4, 8}}, 1);
        const Matrix u = random_matrix(c.grid.rows(), 3, 1), x = positions(c.grid);
        check_agreement(net.layout, net.quantizers, net.parameters,
                        [&](auto& a) { return net.model(a, c.grid, view(u), view(x)); });
      }
    }
}

TEST_CASE("with bits for its transforms every product of the operator runs in integers") {
  for (const Case& c : cases) {
    CAPTURE(c.name);
    FnoConfig config = config_of(c);
    config.transform_bits = {8, 8};
    const Network<Fno> net(config, {8, RowRule::min_max, {4, 8}}, 1);
    const Matrix u = random_matrix(c.grid.rows(), 3, 1), x = positions(c.grid);
    const auto run = [&](auto& a) { return net.model(a, c.grid, view(u), view(x)); };
    check_agreement(net.layout, net.quantizers, net.parameters, run);
    const BitPlan plan = BitPlan::uniform(8);
    BasicCounting count(net.layout, net.quantizers, plan);
    run(count);
    for (const ProductCost& p : count.cost().products) {
      CHECK(p.weight_bits <= 16);
      CHECK(p.mean_bits <= 16);
    }
    Float32 floats(net.layout, net.parameters);
    BasicFixed fixed(net.layout, net.quantizers, net.parameters);
    fixed.begin(plan);
    CHECK(relative(map(run(fixed).view()), map(run(floats).view())) < 0.05);
  }
}

TEST_CASE("it has the parameters of PDEBench's, a complex number counted as two") {
  const auto count = [](const FnoConfig& c) {
    ParameterLayout layout;
    const Fno model(layout, c);
    return layout.size();
  };
  CHECK(count(FnoConfig::pdebench(1, 16, 64, 10)) == 550'145);
  CHECK(count(FnoConfig::pdebench(1, 12, 20, 10)) == 43'137);
  CHECK(count(FnoConfig::pdebench(2, 12, 20, 1)) == 926'177);
  CHECK(count(FnoConfig::original(2, 12, 32, 1)) == count(FnoConfig::pdebench(2, 12, 32, 1)));
}

TEST_CASE("neuraloperator's sizes follow from its arguments") {
  const std::vector<Index> n_modes{16, 12};
  for (const auto& [width, mlp] : {std::pair<Index, Index>{64, 32}, {7, 4}, {9, 4}, {10, 5}}) {
    const FnoConfig c = FnoConfig::neuraloperator(n_modes, width, 3, 2);
    CHECK(c.dims == 2);
    CHECK(c.modes == std::array<Index, 3>{8, 7, 1});
    CHECK(c.lifting == 2 * width);
    CHECK(c.projection == 2 * width);
    CHECK(c.channel_mlp == mlp);  // Python's round(width / 2)
    CHECK(c.padding == std::array<Index, 3>{0, 0, 0});
  }
}

TEST_CASE("fields of the wrong shape or with NaN, and configurations without sense, are refused") {
  const Network<Fno> net(config_of(cases[0]), {8, RowRule::affine, {8}}, 1);
  const GridShape g(1, {17});
  Float32 a(net.layout, net.parameters);
  Matrix u = random_matrix(17, 3, 1);
  const Matrix x = positions(g), narrow = random_matrix(17, 2, 1);
  CHECK_THROWS_WITH_AS(net.model(a, g, view(narrow), view(x)),
                       doctest::Contains("expected (17, 3), found (17, 2)"), Error);
  u(4, 1) = std::nanf("");
  CHECK_THROWS_WITH_AS(net.model(a, g, view(std::as_const(u)), view(x)),
                       doctest::Contains("finite numbers, found nan in row 4"), Error);
  ParameterLayout layout;
  FnoConfig c;
  c.modes = {0, 1, 1};
  CHECK_THROWS_AS(Fno(layout, c), Error);
}

}  // namespace test_fno
