#include <amq/models/mp_pde.hpp>

#include <amq/arithmetic/float32.hpp>
#include <amq/models/network.hpp>

#include "golden.hpp"

namespace test_mp_pde {

using namespace amq;
using namespace amq::models;

namespace {

MpPdeConfig temporal(Index window, Index variables, Index layers = 6) {
  MpPdeConfig c;
  c.layers = layers;
  c.window = window;
  c.dim = 1;
  c.variables = variables;
  return c;
}

struct Setting {
  Network<MpPde> net;
  golden::File file;
  Graph graph;
  Matrix u, x, v;

  Setting(const MpPdeConfig& c, const std::string& name, Index n)
      : net(c, {8, RowRule::affine, {8}}, 1),
        file(name),
        graph(file.graph(n)),
        u(golden::tensor("u", n, c.fields())),
        x(golden::tensor("x", n, c.dim)),
        v(golden::tensor("v", n, c.variables)) {
    golden::fill(net.layout, net.parameters, net.quantizers.first_entry());
  }
  template <typename A>
  auto operator()(A& a) const {
    return net.model(a, graph, view(u), view(x), view(v));
  }
};

}  // namespace

TEST_CASE("time-dependent MP-PDE computes what the reference network computes") {
  for (const Index window : {20, 25, 50})
    for (const Index variables : {1, 3}) {
      CAPTURE(window);
      CAPTURE(variables);
      const Setting s(temporal(window, variables, window == 25 && variables == 1 ? 6 : 2),
                      "mp_pde_" + std::to_string(window) + "_" + std::to_string(variables) + ".npz",
                      30);
      golden::check(s.net, s.file, s);
      Float32 a(s.net.layout, s.net.parameters);
      Matrix solution = map(s(a).view());
      MpPde::integrate(view(s.u), 0.25f, view(solution));
      CHECK(golden::relative(solution.cast<double>(), s.file.matrix("solution")) < 1e-5);
    }
}

TEST_CASE("steady MP-PDE computes what its rendering in PyTorch computes") {
  MpPdeConfig c;
  c.hidden = 24;
  c.layers = 3;
  c.inputs = 2;
  c.outputs = 3;
  const Setting s(c, "mp_pde_steady.npz", 40);
  golden::check(s.net, s.file, s);
  c.dim = 3;
  c.variables = 2;
  c.outputs = 1;
  const Setting t(c, "mp_pde_steady_variables.npz", 40);
  golden::check(t.net, t.file, t);
}

TEST_CASE("MP-PDE has as many parameters as published") {
  CHECK(golden::parameter_count<MpPde>(temporal(25, 1)) == 634'745);
  CHECK(golden::parameter_count<MpPde>(temporal(20, 1)) == 630'225);
  CHECK(golden::parameter_count<MpPde>(temporal(50, 1)) == 657'081);
}

TEST_CASE("a temporal decoder that the publication does not have is refused") {
  ParameterLayout layout;
  CHECK_THROWS_WITH_AS(MpPde(layout, temporal(30, 1)),
                       doctest::Contains("found window 30 at 128 channels"), Error);
  auto narrow = temporal(25, 1);
  narrow.hidden = 64;
  ParameterLayout other;
  CHECK_THROWS_WITH_AS(MpPde(other, narrow), doctest::Contains("window 25 at 64 channels"), Error);
}

}  // namespace test_mp_pde
