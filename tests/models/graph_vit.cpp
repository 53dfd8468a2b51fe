#include <amq/models/graph_vit.hpp>

#include <amq/models/network.hpp>

#include "agreement.hpp"
#include "golden.hpp"

namespace test_graph_vit {

using namespace amq;
using namespace amq::models;

namespace {

GraphVitConfig small() {
  GraphVitConfig c;
  c.hidden = 16;
  c.width = 24;
  c.layers = c.blocks = 2;
  return c;
}

struct Setting {
  static constexpr Index n = 40;
  golden::File file{"graph_vit.npz"};
  Network<GraphVit> net;
  Graph graph = file.graph(n);
  Matrix u = golden::tensor("u", n, 13), p = golden::tensor("p", n, 2);
  Clusters clusters = read_clusters();
  GraphVitMesh mesh;

  explicit Setting(const SchemeInfo& info, const GraphVitConfig& c = small())
      : net(c, info, 1), mesh(c, graph, view(std::as_const(p)), clusters) {
    golden::fill(net.layout, net.parameters, net.quantizers.first_entry());
    net.reset_quantizers();
  }
  Clusters read_clusters() const {
    Clusters c;
    c.dim = 2;
    c.of_node = file.integers("cluster_of");
    const auto centres = file.matrix("centres");
    c.centre.assign(centres.data(), centres.data() + centres.size());
    c.first = {0};
    for (Index k = 0; k < centres.rows(); ++k) {
      for (std::size_t i = 0; i < c.of_node.size(); ++i)
        if (c.of_node[i] == k) c.member.push_back(static_cast<std::int32_t>(i));
      c.first.push_back(static_cast<std::int32_t>(c.member.size()));
    }
    return c;
  }
  template <typename A>
  auto operator()(A& a) const {
    return net.model(a, graph, mesh, view(u));
  }
};

}  // namespace

TEST_CASE("GraphViT computes what its rendering in PyTorch computes") {
  const Setting s({8, RowRule::affine, {8}});
  golden::check(s.net, s.file, s);
}

TEST_CASE("GraphViT has as many parameters as published") {
  for (const auto& [width, count] : {std::pair<Index, Index>{512, 10'317'956},
                                     {256, 3'603'332},
                                     {128, 1'769'732},
                                     {64, 1'233'860}}) {
    GraphVitConfig c;
    c.width = width;
    CHECK(golden::parameter_count<GraphVit>(c) == count);
  }
}

TEST_CASE("GraphViT in integers is its simulated quantization, bit for bit") {
  for (const RowRule rule : {RowRule::affine, RowRule::symmetric}) {
    const Setting s({4, rule, {2, 4, 8}});
    agreement::check(s.net, s, {40, s.graph.n_edges(), s.clusters.n_clusters()});
  }
}

TEST_CASE("nodes, edges and clusters of GraphViT each pay for their own bits") {
  const Setting s({8, RowRule::affine, {2, 4, 8}});
  const auto bops = [&](const BitPlan& plan) {
    BasicCounting a(s.net.layout, s.net.quantizers, plan);
    s(a);
    return a.cost().bops();
  };
  const BitPlan uniform = BitPlan::uniform(4);
  BitPlan plan = uniform;
  double last = bops(uniform);
  for (const auto& [kind, rows] : {std::pair<RowKind, Index>{RowKind::node, 40},
                                   {RowKind::edge, s.graph.n_edges()},
                                   {RowKind::cluster, 5}}) {
    plan[kind].assign(static_cast<std::size_t>(rows), 8);
    const double now = bops(plan);
    CHECK(now > last);
    last = now;
  }
  CHECK(last == bops(BitPlan::uniform(8)));
}

TEST_CASE("a cluster without members changes no other: its key is masked") {
  Setting s({8, RowRule::affine, {8}});
  Float32 a(s.net.layout, s.net.parameters);
  const Matrix before = map(s(a).view());
  s.mesh.cluster_codes.row(2).setConstant(0.3f);  // the empty one
  CHECK((map(s(a).view()).array() == before.array()).all());
  s.mesh.cluster_codes.row(1).setConstant(0.3f);
  CHECK_FALSE((map(s(a).view()).array() == before.array()).all());
}

TEST_CASE("a step of a rollout adds the change, and keeps what the boundary gives") {
  const std::vector<float> state{1, 2, 3, 4}, change{10, 20, 30, 40}, truth{7, 8, 9, 10};
  const std::vector<std::uint8_t> given{1, 0};
  std::vector<float> next(4);
  GraphVit::advance({state.data(), 2, 2}, {change.data(), 2, 2}, given, {truth.data(), 2, 2},
                    {next.data(), 2, 2});
  CHECK(next == std::vector<float>{7, 8, 33, 44});
}

TEST_CASE("GraphViT refuses heads that do not divide, and clusters of another mesh") {
  GraphVitConfig c = small();
  c.heads = 3;
  ParameterLayout layout;
  CHECK_THROWS_WITH_AS(GraphVit(layout, c), doctest::Contains("heads 3"), Error);
  Setting s({8, RowRule::affine, {8}});
  s.clusters.of_node.pop_back();
  CHECK_THROWS_WITH_AS(
      GraphVitMesh(small(), s.graph, view(std::as_const(s.p)), s.clusters),
      doctest::Contains("clusters of 40 nodes in 2 dimensions, found 5 clusters of 39 nodes"),
      Error);
  s.u(0, 0) = std::nanf("");
  Float32 a(s.net.layout, s.net.parameters);
  CHECK_THROWS_WITH_AS(s(a), doctest::Contains("input u: expected finite numbers"), Error);
}

}  // namespace test_graph_vit
