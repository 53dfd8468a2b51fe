#include <amq/models/unet.hpp>

#include "../nn/grid_laws.hpp"

#include <amq/models/network.hpp>

#include "golden.hpp"

namespace test_unet {

using namespace amq;
using namespace amq::models;

namespace {

UnetConfig small(int dims) {
  UnetConfig c;
  c.dims = dims;
  c.inputs = 3;
  c.outputs = 2;
  c.features = 4;
  return c;
}

struct Setting {
  GridShape grid;
  Network<Unet> net;
  Matrix u;

  Setting(int dims, const SchemeInfo& info)
      : grid(dims == 1 ? GridShape(2, {32}) : GridShape(2, {32, 16})),
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

TEST_CASE("the UNet computes what PyTorch computes with the same weights") {
  for (const int dims : {1, 2}) {
    CAPTURE(dims);
    const Setting s(dims, {8, RowRule::affine, {8}});
    golden::check(s.net, golden::File("unet_" + std::to_string(dims) + "d.npz"), s);
  }
}

TEST_CASE("the UNet has as many parameters as PDEBench's") {
  UnetConfig c;
  c.dims = 1;
  CHECK(golden::parameter_count<Unet>(c) == 2'708'673);
  c.dims = 2;
  CHECK(golden::parameter_count<Unet>(c) == 7'765'057);
  c.inputs = 1;
  CHECK(golden::parameter_count<Unet>(c) == 7'762'465);
}

TEST_CASE("its gradients agree with differences, by running estimates and by the rows") {
  for (const bool batch_statistics : {false, true}) {
    UnetConfig c = small(1);
    c.levels = 2;
    ParameterLayout layout;
    const Unet model(layout, c);
    const GridShape grid(3, {8});
    const Matrix u = test::random_matrix(grid.rows(), 3, 1);
    test::check_gradients(
        layout, [&](auto& a) { return model(a, grid, view(u)); }, 1e-5, batch_statistics);
  }
}

TEST_CASE("the UNet in integers is its simulated quantization, bit for bit") {
  for (const int dims : {1, 2})
    for (const RowRule rule : {RowRule::affine, RowRule::fixed}) {
      const Setting s(dims, {dims == 1 ? 4 : 8, rule, {4, 8}});
      test::check_agreement(s.net.layout, s.net.quantizers, s.net.parameters, s);
    }
  // Two digits of a weight, and a norm folded into both.
  const Setting s(2, {16, RowRule::min_max, {4, 8}});
  test::check_agreement(s.net.layout, s.net.quantizers, s.net.parameters, s);
}

TEST_CASE("a UNet soon has all the buffers it needs for a grid") {
  const Setting s(2, {8, RowRule::affine, {8}});
  BasicFixed a(s.net.layout, s.net.quantizers, s.net.parameters);
  const BitPlan plan = BitPlan::uniform(8);
  a.begin(plan);
  for (int pass = 0; pass < 3; ++pass) s(a);
  const std::size_t bytes = a.buffer_bytes();
  for (int pass = 0; pass < 3; ++pass) s(a);
  CHECK(a.buffer_bytes() == bytes);
}

TEST_CASE("grids that cannot be halved, other channels, NaN and senseless sizes are refused") {
  const Network<Unet> net(small(2), {8, RowRule::affine, {8}}, 1);
  Float32 a(net.layout, net.parameters);
  Matrix u = test::random_matrix(32 * 16, 3, 1);
  const auto run = [&](const GridShape& g) { net.model(a, g, view(std::as_const(u))); };
  run({1, {32, 16}});
  CHECK_THROWS_WITH_AS(
      run({1, {64, 8}}),
      doctest::Contains("a multiple of 16 points, to be halved 4 times, found 1 samples of 64 x 8"),
      Error);
  CHECK_THROWS_WITH_AS(run({1, {512}}), doctest::Contains("2 axes"), Error);
  u(7, 2) = std::nanf("");
  CHECK_THROWS_WITH_AS(run({1, {32, 16}}), doctest::Contains("found nan in row 7"), Error);
  u.resize(512, 2);
  CHECK_THROWS_WITH_AS(run({1, {32, 16}}), doctest::Contains("expected (512, 3), found (512, 2)"),
                       Error);
  UnetConfig c = small(2);
  c.levels = 0;
  ParameterLayout layout;
  CHECK_THROWS_WITH_AS(Unet(layout, c), doctest::Contains("levels 0"), Error);
}

}  // namespace test_unet
