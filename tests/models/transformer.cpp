#include <amq/models/transformer.hpp>

#include "../nn/grid_laws.hpp"

#include <amq/models/network.hpp>

#include "golden.hpp"

namespace test_transformer {

using namespace amq;
using namespace amq::models;

namespace {

template <typename Model>
struct Setting {
  GridShape grid;
  Network<Model> net;
  Matrix u, x;

  Setting(const GridShape& g, const typename Model::Config& c, const SchemeInfo& info)
      : grid(g),
        net(c, info, 1),
        u(golden::tensor("u", g.rows(), 3)),
        x(golden::tensor("x", g.rows(), g.dims)) {
    golden::fill(net.layout, net.parameters, net.quantizers.first_entry());
    net.reset_quantizers();
  }
  template <typename A>
  auto operator()(A& a) const {
    return net.model(a, grid, view(u), view(x));
  }
};

PatchTransformerConfig patches(int dims) {
  PatchTransformerConfig c;
  c.dims = dims;
  c.inputs = 3;
  c.outputs = 2;
  c.width = 12;
  c.layers = 2;
  c.heads = 3;
  c.mlp_ratio = 2;
  return c;
}
GalerkinTransformerConfig galerkin(int dims, Index coarsen = 1) {
  GalerkinTransformerConfig c =
      dims == 1 ? GalerkinTransformerConfig::burgers() : GalerkinTransformerConfig{};
  c.dims = dims;
  c.inputs = 3;
  c.outputs = 2;
  c.width = 12;
  c.layers = 2;
  c.heads = dims == 1 ? 1 : 3;
  c.hidden = 16;
  c.norm_eps = 1e-5;
  c.coarsen = coarsen;
  c.modes = 3;
  c.spectral_width = 6;
  c.projection = 10;
  return c;
}
const GridShape line(2, {24}), plane(2, {12, 8});

template <typename Model>
void check_agreement(const GridShape& g, const typename Model::Config& c, int weight_bits,
                     RowRule rule) {
  const Setting<Model> s(g, c, {weight_bits, rule, {4, 8}});
  test::check_agreement(s.net.layout, s.net.quantizers, s.net.parameters, s);
}

}  // namespace

TEST_CASE("the patch transformer computes what PyTorch computes with the same weights") {
  for (const int dims : {1, 2}) {
    CAPTURE(dims);
    const Setting<PatchTransformer> s(dims == 1 ? line : GridShape(2, {16, 12}), patches(dims),
                                      {8, RowRule::affine, {8}});
    golden::check(s.net, golden::File("patch_transformer_" + std::to_string(dims) + "d.npz"), s);
  }
}

TEST_CASE("the Galerkin and the Fourier transformer compute what PyTorch computes") {
  const SchemeInfo info{8, RowRule::affine, {8}};
  const auto check = [](const auto& s, const char* file) {
    golden::check(s.net, golden::File(file), s);
  };
  check(Setting<GalerkinTransformer>(line, galerkin(1), info), "galerkin_transformer_1d.npz");
  check(Setting<GalerkinTransformer>(plane, galerkin(2), info), "galerkin_transformer_2d.npz");
  check(Setting<GalerkinTransformer>(plane, galerkin(2, 2), info),
        "galerkin_transformer_coarse.npz");
}

// Not of the others: a ReLU's corner lies within any difference of a whole network. Theirs are
// compared with PyTorch's above.
TEST_CASE("gradients of the patch transformer agree with differences") {
  const GridShape g(2, {8, 8});
  ParameterLayout layout;
  const PatchTransformer model(layout, patches(2));
  const Matrix u = test::random_matrix(g.rows(), 3, 1), x = test::random_matrix(g.rows(), 2, 2);
  test::check_gradients(
      layout, [&](auto& a) { return model(a, g, view(u), view(x)); }, 1e-5);
}

TEST_CASE("the transformers in integers are their simulated quantization, bit for bit") {
  check_agreement<PatchTransformer>(line, patches(1), 4, RowRule::affine);
  check_agreement<PatchTransformer>({2, {16, 12}}, patches(2), 8, RowRule::fixed);
  check_agreement<GalerkinTransformer>(line, galerkin(1), 8, RowRule::affine);
  check_agreement<GalerkinTransformer>(plane, galerkin(2, 2), 4, RowRule::symmetric);
  check_agreement<PatchTransformer>({2, {16, 12}}, patches(2), 16, RowRule::min_max);
  PatchTransformerConfig whole = patches(2);
  whole.attention_bits = {8, 8};
  check_agreement<PatchTransformer>({2, {16, 12}}, whole, 8, RowRule::min_max);
}

TEST_CASE("one set of weights runs on any grid") {
  for (const Index n : {12, 24}) {
    const Setting<PatchTransformer> p({1, {n}}, patches(1), {8, RowRule::affine, {8}});
    const Setting<GalerkinTransformer> g({1, {n}}, galerkin(1), {8, RowRule::affine, {8}});
    Float32 a(p.net.layout, p.net.parameters), b(g.net.layout, g.net.parameters);
    CHECK(p(a).rows() == n);
    CHECK(g(b).rows() == n);
  }
}

TEST_CASE("heads that do not divide, broken patches, other channels and NaN are refused") {
  ParameterLayout layout;
  auto c = patches(2);
  c.heads = 5;
  CHECK_THROWS_WITH_AS(PatchTransformer(layout, c), doctest::Contains("width 12, heads 5"), Error);
  c.heads = 3;
  c.patch = 0;
  CHECK_THROWS_WITH_AS(PatchTransformer(layout, c), doctest::Contains("patch 0"), Error);
  auto d = galerkin(2);
  d.heads = 0;
  CHECK_THROWS_WITH_AS(GalerkinTransformer(layout, d), doctest::Contains("heads 0"), Error);
  d.heads = 3;
  d.modes = 0;
  CHECK_THROWS_WITH_AS(GalerkinTransformer(layout, d), doctest::Contains("modes 0"), Error);

  const SchemeInfo info{8, RowRule::affine, {8}};
  Setting<PatchTransformer> p({1, {8, 8}}, patches(2), info);
  Setting<GalerkinTransformer> g({1, {8, 8}}, galerkin(2, 2), info);
  const auto both = [&](const char* said) {
    Float32 a(p.net.layout, p.net.parameters), b(g.net.layout, g.net.parameters);
    CHECK_THROWS_WITH_AS(p(a), doctest::Contains(said), Error);
    CHECK_THROWS_WITH_AS(g(b), doctest::Contains(said), Error);
  };
  p.u(5, 1) = g.u(5, 1) = std::nanf("");
  both("input u: expected finite numbers, found nan in row 5");
  p.u = g.u = test::random_matrix(64, 2, 1);
  both("expected (64, 3), found (64, 2)");
  p.grid = GridShape(1, {64, 1});
  g.grid = GridShape(1, {64, 1});
  both("2 axes of a multiple of");
}

}  // namespace test_transformer
