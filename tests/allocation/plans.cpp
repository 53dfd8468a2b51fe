// Plans, to the bit: whatever is rebuilt in this room, a deployed solver gives the same rows the
// same bits.

#include <amq/allocation/allocator.hpp>

#include <amq/mesh/edges.hpp>
#include <amq/mesh/random_square.hpp>
#include <amq/models/graph_vit.hpp>
#include <amq/models/mp_pde.hpp>
#include <amq/models/network.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace test_plans {

using namespace amq;
using namespace amq::allocation;

namespace {

/// A network, a mesh, and what a plan is made from; all of it random, and nothing by libm.
template <typename Model>
struct Setting {
  Random random;
  GraphSample sample;
  std::unique_ptr<Network<Model>> net;
  std::vector<int> levels;
  PointCurves curves;

  Setting(std::uint64_t seed, const typename Model::Config& config, std::vector<int> ladder)
      : random(seed), levels(std::move(ladder)) {
    const Mesh mesh = random_refined_square(random, 60 + static_cast<Index>(random.index(80)));
    net = std::make_unique<Network<Model>>(config, SchemeInfo{8, RowRule::affine, levels}, 1);
    sample.graph = cell_edges(mesh);
    sample.u = Matrix::Ones(mesh.n_nodes(), config.inputs);
    sample.x.resize(mesh.n_nodes(), 2);
    for (Index i = 0; i < mesh.n_nodes(); ++i)
      for (Index k = 0; k < 2; ++k) sample.x(i, k) = static_cast<float>(mesh.point(i)[k]);
    prepare_sample(net->model, sample);
    const auto columns = static_cast<std::size_t>(PointScores(net->layout).columns());
    curves = PointCurves::gaussian(columns, levels);
    if (random.index(3) == 0) return;
    for (auto& error : curves.error) {
      double last = random.uniform(0.1, 9.0);
      for (double& e : error) e = last *= random.uniform(0.05, 1.0);
    }
    for (double& m : curves.mean_score) m = random.uniform(0.1, 2.0);
    curves.score_power = random.index(2) == 0 ? 0.25 : 0.5;
  }
  [[nodiscard]] PointScores scores(bool ties) {
    PointScores s(net->layout, sample.graph.n_nodes());
    for (float& v : s.values) {
      const double u = random.uniform();
      v = ties ? static_cast<float>(random.index(4)) : static_cast<float>(u * u * u * u * 40);
    }
    return s;
  }
  /// Of each point's own, 4 bits dearer than 8 at some.
  [[nodiscard]] RowTimes times() {
    RowTimes t;
    t.levels = levels;
    for (const PointId p : PointScores(net->layout).points) {
      t.points.push_back(net->layout.point(p).name);
      auto& column = t.picoseconds.emplace_back();
      for (std::size_t k = 0; k < levels.size(); ++k)
        column.push_back(
            static_cast<Cost>(random.index(400) + (levels[k] > 0 ? 40000 + 90 * k : 20)));
    }
    return t;
  }
};

/// FNV-1a of everything a plan says.
struct Fingerprint {
  std::uint64_t value = 0xcbf29ce484222325u;
  void add(std::uint64_t x) {
    for (int k = 0; k < 8; ++k, x >>= 8) value = (value ^ (x & 0xff)) * 0x100000001b3u;
  }
  void add(const Planned& p) {
    for (const auto& rows : p.plan.by_point)
      for (const auto b : rows) add(std::uint64_t{b});
    add(static_cast<std::uint64_t>(p.cost));
    for (const float b : p.node_bits) add(std::uint64_t{std::bit_cast<std::uint32_t>(b)});
  }
};

struct Rules {
  allocation::AnySharing sharing;
  ClusterScore clusters = ClusterScore::sum;
};

template <typename Model>
std::uint64_t fingerprint(const typename Model::Config& config, const Rules& rules, bool by_time) {
  const std::vector<std::vector<int>> ladders{{1, 2, 3, 4, 8},          {0, 2, 4, 8}, {2, 4, 8},
                                              {0, 1, 2, 3, 4, 5, 6, 8}, {4},          {1, 16}};
  Fingerprint f;
  for (std::size_t k = 0; k < ladders.size(); ++k) {
    Setting<Model> s(100 + k, config, ladders[k]);
    s.curves.clusters = rules.clusters;
    allocation::AnyPrice price;
    if (by_time) price = allocation::MeasuredTimes{s.times()};
    const Allocator<> allocator(s.net->layout, s.levels, s.curves, {}, price, rules.sharing);
    const PassWork work = allocator.prepare(*s.net, s.sample);
    const double low = s.levels.front(), high = s.levels.back();
    for (const double share : {0.0, 0.01, 0.15, 0.4, 0.75, 0.99, 1.0}) {
      const PointScores scores = s.scores(share > 0.3 && k % 2 == 1);
      const Cost budget = allocator.uniform_cost(s.sample, work, low + share * (high - low));
      f.add(static_cast<std::uint64_t>(budget));
      const Cost overhead = share > 0 && s.levels.size() > 1 && !by_time ? 1234 : 0;
      try {
        f.add(allocator.plan(s.sample, work, scores, budget, overhead));
      } catch (const Error&) {  // the first level may not be the cheapest in time
        f.add(std::uint64_t{0xdead});
      }
    }
  }
  return f.value;
}

MpPdeConfig mp_pde() {
  MpPdeConfig c;
  c.hidden = 16;
  c.layers = 2;
  return c;
}
GraphVitConfig graph_vit() {
  GraphVitConfig c;
  c.hidden = 16;
  c.width = 32;
  c.layers = 1;
  c.blocks = 1;
  c.inputs = 2;
  c.outputs = 1;
  c.cluster_size = 10;
  return c;
}

}  // namespace

TEST_CASE("plans are those of before the allocator was made of policies, to the bit") {
  const Rules node_and_point{allocation::PerNodeAndPoint()}, node{allocation::PerNode()},
      point{allocation::PerPoint()}, edge{allocation::PerEdge()},
      largest{allocation::PerNodeAndPoint(), ClusterScore::max};
  const auto check = [&](const Rules& rules, bool by_time, std::uint64_t of_mp_pde,
                         std::uint64_t of_graph_vit) {
    CAPTURE(by_time);
    CHECK(fingerprint<MpPde>(mp_pde(), rules, by_time) == of_mp_pde);
    CHECK(fingerprint<GraphVit>(graph_vit(), rules, by_time) == of_graph_vit);
  };
  check(node_and_point, false, 0x811a170711ebde19u, 0x2e801a1b2efd89b2u);
  check(node, false, 0x6890dcc4cabcd176u, 0x1e242184662dd966u);
  check(point, false, 0x606b2e329fceb5b4u, 0x8ebeb5894c2c7837u);
  check(edge, false, 0xd3f7beb5fd50625au, 0xeb7c059626522e59u);
  check(largest, false, 0x811a170711ebde19u, 0x7fa428f488f71fc9u);
  check(node_and_point, true, 0xf520d5a4f53f8418u, 0x0f5953a8f8514c5cu);
  // Of a node that has one width, in time, the last few rows of a budget are other ones: the one
  // engine deals out what is left by number, where there was another by worth.
  check(node, true, 0xe62d4b96633d1ea2u, 0x4372db7ea3ad84f0u);
  check(point, true, 0x9d1c898ce0759e5bu, 0x6d2336497985fb7bu);
  check(edge, true, 0xbd68be4eca4b6dedu, 0x4ece193ad012a927u);
  check(largest, true, 0xf520d5a4f53f8418u, 0x33022a08068f1e59u);
}

}  // namespace test_plans
