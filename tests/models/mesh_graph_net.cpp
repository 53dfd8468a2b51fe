#include <amq/models/mesh_graph_net.hpp>

#include <amq/models/network.hpp>

#include "agreement.hpp"
#include "golden.hpp"

namespace test_mesh_graph_net {

using namespace amq;
using namespace amq::models;

namespace {

struct Setting {
  Network<MeshGraphNet> net;
  golden::File file;
  Graph graph;
  Matrix u, p, x;

  Setting(const MeshGraphNetConfig& c, const SchemeInfo& info, const std::string& name, Index n)
      : net(c, info, 1),
        file(name),
        graph(file.graph(n)),
        u(golden::tensor("u", n, c.inputs)),
        p(golden::tensor("p", n, c.dim)),
        x(graph.n_edges(), c.dim + 1) {
    golden::fill(net.layout, net.parameters, net.quantizers.first_entry());
    net.reset_quantizers();
    relative_positions(view(std::as_const(p)), graph, view(x));
  }
  template <typename A>
  auto operator()(A& a) const {
    return net.model(a, graph, view(u), view(x));
  }
};

MeshGraphNetConfig small() {
  MeshGraphNetConfig c;
  c.hidden = 24;
  c.layers = 3;
  c.inputs = 5;
  c.dim = 3;
  c.outputs = 4;
  c.block_norm = false;
  return c;
}

}  // namespace

TEST_CASE("MeshGraphNet computes what its rendering in PyTorch computes") {
  const Setting s({}, {8, RowRule::affine, {8}}, "mesh_graph_net.npz", 40);
  golden::check(s.net, s.file, s);
  const Setting t(small(), {8, RowRule::affine, {8}}, "mesh_graph_net_plain.npz", 40);
  golden::check(t.net, t.file, t);
}

TEST_CASE("MeshGraphNet has as many parameters as published") {
  CHECK(golden::parameter_count<MeshGraphNet>({}) == 2'332'930);
  MeshGraphNetConfig eagle;
  eagle.layers = 10;
  eagle.inputs = 13;
  eagle.outputs = 4;
  eagle.block_norm = false;
  CHECK(golden::parameter_count<MeshGraphNet>(eagle) == 1'584'644);
  MeshGraphNetConfig geometric;  // the port to PyTorch Geometric, counted there
  geometric.hidden_layers = 3;
  CHECK(golden::parameter_count<MeshGraphNet>(geometric) == 2'877'826);
  geometric.hidden_layers = 0;
  CHECK_THROWS_AS(static_cast<void>(golden::parameter_count<MeshGraphNet>(geometric)), Error);
}

TEST_CASE("MeshGraphNet in integers is its simulated quantization, bit for bit") {
  for (const bool norm : {true, false})
    for (const RowRule rule : {RowRule::affine, RowRule::symmetric}) {
      MeshGraphNetConfig c = small();
      c.block_norm = norm;
      const Setting s(c, {4, rule, {2, 4, 8}}, "mesh_graph_net_plain.npz", 40);
      agreement::check(s.net, s, {40, s.graph.n_edges(), 0});
    }
}

TEST_CASE("the edge product of MeshGraphNet reads the edges' channels alone") {
  const Setting s(small(), {8, RowRule::affine, {2, 4, 8}}, "mesh_graph_net_plain.npz", 40);
  const BitPlan plan = BitPlan::uniform(4);
  BasicCounting a(s.net.layout, s.net.quantizers, plan);
  s(a);
  double at_edges = 0;
  for (const auto& p : a.cost().products)
    if (p.adaptive && p.kind == RowKind::edge) at_edges += p.macs;
  CHECK(at_edges == 3.0 * static_cast<double>(s.graph.n_edges()) * 3 * 24 * 24);
}

TEST_CASE("MeshGraphNet refuses rows that are not its graph's, and NaN") {
  Setting s(small(), {8, RowRule::affine, {8}}, "mesh_graph_net_plain.npz", 40);
  Float32 a(s.net.layout, s.net.parameters);
  s.x(3, 1) = std::nanf("");
  CHECK_THROWS_WITH_AS(s(a), doctest::Contains("input x: expected finite numbers"), Error);
  s.x.conservativeResize(7, 4);
  CHECK_THROWS_WITH_AS(s(a), doctest::Contains("found (7, 4)"), Error);
  MeshGraphNetConfig none;
  none.layers = 0;
  ParameterLayout layout;
  CHECK_THROWS_AS(MeshGraphNet(layout, none), Error);
}

}  // namespace test_mesh_graph_net
