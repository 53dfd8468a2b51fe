#include <amq/models/modern_unet.hpp>

#include "../nn/grid_laws.hpp"

#include <amq/models/network.hpp>

#include "golden.hpp"

namespace test_modern_unet {

using namespace amq;
using namespace amq::models;

namespace {

ModernUnetConfig small(int dims) {
  ModernUnetConfig c;
  c.dims = dims;
  c.inputs = 3;
  c.outputs = 2;
  c.features = 16;
  c.multipliers = {1, 2, 2};
  if (dims == 1) {
    c.blocks = 1;
    c.attention = {false, false, true};
    c.middle_attention = true;
  }
  return c;
}

struct Setting {
  GridShape grid;
  Network<ModernUnet> net;
  Matrix u;

  Setting(int dims, const SchemeInfo& info)
      : grid(dims == 1 ? GridShape(2, {16}) : GridShape(2, {8, 12})),
        net(small(dims), info, 1),
        u(golden::tensor("u", grid.rows(), 3)) {
    golden::fill(net.layout, net.parameters, net.quantizers.first_entry());
    net.reset_quantizers();
  }
  template <typename A>
  auto operator()(A& a) const {
    return net.model(a, grid, view(u));
  }
};

}  // namespace

TEST_CASE("the modern UNet computes what PyTorch computes with the same weights") {
  for (const int dims : {1, 2}) {
    CAPTURE(dims);
    const Setting s(dims, {8, RowRule::affine, {8}});
    golden::check(s.net, golden::File("modern_unet_" + std::to_string(dims) + "d.npz"), s);
  }
}

TEST_CASE("the modern UNet has as many parameters as PDEArena's") {
  CHECK(golden::parameter_count<ModernUnet>({}) == 144'257'921);
}

TEST_CASE("the modern UNet in integers is its simulated quantization, bit for bit") {
  for (const int dims : {1, 2}) {
    const Setting s(dims, {dims == 1 ? 4 : 8, RowRule::affine, {4, 8}});
    test::check_agreement(s.net.layout, s.net.quantizers, s.net.parameters, s);
  }
}

TEST_CASE("the modern UNet refuses grids it cannot halve, NaN and senseless sizes") {
  const Network<ModernUnet> net(small(2), {8, RowRule::affine, {8}}, 1);
  Float32 a(net.layout, net.parameters);
  Matrix u = test::random_matrix(48, 3, 1);
  const auto run = [&](const GridShape& g) { net.model(a, g, view(std::as_const(u))); };
  run({1, {4, 12}});
  CHECK_THROWS_WITH_AS(run({1, {6, 8}}),
                       doctest::Contains("a multiple of 4 points, to be halved 2"), Error);
  u(0, 0) = std::nanf("");
  CHECK_THROWS_WITH_AS(run({1, {4, 12}}), doctest::Contains("found nan in row 0"), Error);
  auto c = small(2);
  c.multipliers = {1, 0};
  ParameterLayout layout, other;
  CHECK_THROWS_WITH_AS(ModernUnet(layout, c), doctest::Contains("multipliers 1 0"), Error);
  c = small(2);
  c.features = 12;
  CHECK_THROWS_WITH_AS(ModernUnet(other, c), doctest::Contains("groups that divide 12"), Error);
}

}  // namespace test_modern_unet
