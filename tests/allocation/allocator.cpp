#include <amq/allocation/allocator.hpp>

#include <amq/allocation/sensitivity.hpp>
#include <amq/arithmetic/fixed.hpp>
#include <amq/arithmetic/training.hpp>
#include <amq/mesh/edges.hpp>
#include <amq/mesh/random_square.hpp>
#include <amq/models/graph_vit.hpp>
#include <amq/models/mp_pde.hpp>
#include <amq/models/network.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace test_allocator {

using namespace amq;
using namespace amq::training;
using namespace amq::allocation;

namespace {

std::vector<AnySharing> every_sharing() {
  return {PerNodeAndPoint(), PerEdge(), PerBlock(), PerNode(), PerPoint()};
}

struct Clustered {
  GraphVitConfig config;
  GraphSample sample;
  std::unique_ptr<Network<GraphVit>> net;
  std::vector<int> levels{0, 1, 2, 3, 4, 8};

  Clustered() {
    Random random(5);
    const Mesh mesh = random_refined_square(random, 120);
    config.hidden = 16;
    config.width = 32;
    config.layers = 1;
    config.blocks = 1;
    config.inputs = 2;
    config.outputs = 1;
    config.cluster_size = 10;
    net = std::make_unique<Network<GraphVit>>(config, SchemeInfo{8, RowRule::affine, levels}, 1);
    sample.graph = cell_edges(mesh);
    sample.u = Matrix::Random(mesh.n_nodes(), 2);
    sample.x.resize(mesh.n_nodes(), 2);
    for (Index i = 0; i < mesh.n_nodes(); ++i)
      for (Index k = 0; k < 2; ++k) sample.x(i, k) = static_cast<float>(mesh.point(i)[k]);
    prepare_sample(net->model, sample);
  }
  [[nodiscard]] PassCost count(const BitPlan& plan) const {
    BasicCounting a(net->layout, net->quantizers, plan);
    forward(net->model, a, sample);
    return a.cost();
  }
};

}  // namespace

TEST_CASE("nodes, edges and clusters share one budget, and the pass costs what the plan says") {
  Clustered c;
  const RowOwners owners(c.sample);
  const PassWork work(c.net->layout, c.count(BitPlan::uniform(8)));
  PointScores scores(c.net->layout, owners.n_nodes());
  Random random(6);
  for (float& s : scores.values) s = static_cast<float>(std::exp(2 * random.normal()));
  const Allocator<> finest(c.net->layout, c.levels);
  CHECK(static_cast<double>(finest.uniform_cost(c.sample, work, 3)) ==
        c.count(BitPlan::uniform(3)).bops());
  for (const AnySharing& sharing : every_sharing()) {
    const Allocator<> allocator(c.net->layout, c.levels, {}, {}, {}, sharing);
    const Cost budget = allocator.uniform_cost(c.sample, work, 2.7), overhead = 4321;
    const Planned p = allocator.plan(c.sample, work, scores, budget, overhead);
    CHECK(p.cost <= budget);
    CHECK(static_cast<double>(p.cost - overhead) == c.count(p.plan).bops());
    CHECK(p.node_bits.size() == static_cast<std::size_t>(owners.n_nodes()));
    bool clusters = false;
    const auto& points = c.net->layout.points();
    for (std::size_t k = 0; k < points.size(); ++k)
      if (points[k].fixed_bits == 0) {
        REQUIRE(static_cast<Index>(p.plan.by_point[k].size()) == owners.rows(points[k].kind));
        clusters |= points[k].kind == RowKind::cluster;
      }
    CHECK(clusters);
    // The plan runs, in integers.
    BasicFixed a(c.net->layout, c.net->quantizers, c.net->parameters);
    a.begin(p.plan);
    const auto y = forward(c.net->model, a, c.sample);
    CHECK(map(y.view()).allFinite());
  }
  CHECK_THROWS_WITH_AS(
      static_cast<void>(finest.plan(RowOwners(c.sample.graph), work, scores, work.float_bops)),
      doctest::Contains("expected clusters"), Error);
}

TEST_CASE("a contest that is asked again answers as a new one") {
  Clustered c;
  const RowOwners owners(c.sample);
  const PassWork work(c.net->layout, c.count(BitPlan::uniform(8)));
  Random random(16);
  const Alone all;
  const auto alone = [](const auto& f) { f(); };
  for (const AnySharing& sharing : every_sharing()) {
    const Allocator<> by(c.net->layout, c.levels, {}, {}, {}, sharing);
    Contest contest = by.contest(owners, work, 99);
    Planned again;
    for (int round = 0; round < 4; ++round) {
      PointScores scores(c.net->layout, owners.n_nodes());
      for (float& s : scores.values) s = static_cast<float>(std::exp(2 * random.normal()));
      const Cost budget = by.uniform_cost(owners, work, 1.5 + round);
      const Planned fresh = by.plan(owners, work, scores, budget, 99);
      contest.plan(owners, scores, budget, all, alone, again);
      CHECK(again.cost == fresh.cost);
      CHECK(again.plan.by_point == fresh.plan.by_point);
      CHECK(again.plan.zero_skips == fresh.plan.zero_skips);
      CHECK(again.node_bits == fresh.node_bits);
      if (round == 1) contest = Contest(std::move(contest));  // moved, it reads its own memory
    }
  }
}

TEST_CASE(
    "edges that decide for themselves keep the budget, and the more an edge's ends matter the "
    "more bits it has") {
  Clustered c;
  const RowOwners owners(c.sample);
  const Graph& g = c.sample.graph;
  const PassWork work(c.net->layout, c.count(BitPlan::uniform(8)));
  PointScores scores(c.net->layout, owners.n_nodes());
  Random random(8);
  for (Index i = 0; i < owners.n_nodes(); ++i) {
    const auto s = static_cast<float>(std::exp(2 * random.normal()));
    for (Index p = 0; p < scores.columns(); ++p) scores.view()(i, p) = s;
  }
  PointCurves curves = PointCurves::gaussian(static_cast<std::size_t>(scores.columns()), c.levels);
  const Allocator<AnyScore, Bops, PerEdge> allocator(c.net->layout, c.levels, curves);
  const Cost budget = allocator.uniform_cost(c.sample, work, 2.7);
  const Planned p = allocator.plan(c.sample, work, scores, budget);
  CHECK(p.cost <= budget);
  CHECK(static_cast<double>(p.cost) == c.count(p.plan).bops());
  const auto of_one = [&](std::int32_t i) {
    return scores.view()(i, 0) / static_cast<float>(g.in_degree(i));
  };
  bool differ = false;
  for (std::size_t k = 0; k < c.net->layout.points().size(); ++k) {
    const auto& point = c.net->layout.points()[k];
    if (point.fixed_bits != 0 || point.kind != RowKind::edge) continue;
    const auto& bits = p.plan.by_point[k];
    REQUIRE(static_cast<Index>(bits.size()) == g.n_edges());
    for (std::size_t e = 1; e < bits.size(); ++e) {
      const float now = of_one(g.receiver[e]) + of_one(g.sender[e]),
                  before = of_one(g.receiver[e - 1]) + of_one(g.sender[e - 1]);
      if (now > 1.001f * before) CHECK(bits[e] >= bits[e - 1]);
      differ |= g.receiver[e] == g.receiver[e - 1] && bits[e] != bits[e - 1];
    }
  }
  CHECK(differ);
  // Mean bits of nodes weigh what was spent, whoever decided.
  double of_nodes = 0, of_rows = 0, macs = 0;
  for (const float b : p.node_bits) of_nodes += static_cast<double>(b);
  CHECK(of_nodes > 0);
  for (std::size_t k = 0; k < c.net->layout.points().size(); ++k)
    for (const auto b : p.plan.by_point[k]) {
      of_rows += static_cast<double>(work.bops_per_bit[k]) * b;
      macs += static_cast<double>(work.bops_per_bit[k]);
    }
  CHECK(static_cast<double>(p.cost - work.fixed_bops) == of_rows);
  CHECK(of_rows / macs <= 2.7);
  // Simulated as it is deployed, bit for bit, with other bits in edges of one receiver.
  BasicFixed a(c.net->layout, c.net->quantizers, c.net->parameters);
  a.begin(p.plan);
  const auto y = forward(c.net->model, a, c.sample);
  BasicTraining<float> t(c.net->layout, c.net->quantizers);
  t.begin({&c.net->parameters, nullptr, &p.plan});
  const auto z = forward(c.net->model, t, c.sample);
  CHECK((map(y.view()).array() == map(t[z]).array()).all());
}

TEST_CASE("a cluster's score is its members' sum, or its largest times their number") {
  Clustered c;
  const RowOwners owners(c.sample);
  PointScores scores(c.net->layout, owners.n_nodes());
  Random random(9);
  for (float& s : scores.values) s = static_cast<float>(std::exp(random.normal()));
  Choosers d{owners};
  const auto sum = d.weigh(scores.view(), 2, RowKind::cluster);
  d.clusters = ClusterScore::max;
  const auto largest = d.weigh(scores.view(), 2, RowKind::cluster);
  for (Index k = 0; k < owners.n_clusters; ++k) {
    double total = 0, most = 0, members = 0;
    for (Index i = 0; i < owners.n_nodes(); ++i)
      if (owners.cluster_of[static_cast<std::size_t>(i)] == k) {
        total += static_cast<double>(scores.view()(i, 2));
        most = std::max(most, static_cast<double>(scores.view()(i, 2)));
        ++members;
      }
    const auto at = static_cast<std::size_t>(k);
    CHECK(sum.score[at] == doctest::Approx(total));
    CHECK(largest.score[at] == doctest::Approx(members * most));
    CHECK(sum.weight[at] == members);
  }
  // All kinds of rows weigh the same together, and their scores add up to the nodes'.
  d.sharing = PerEdge();
  for (const RowKind kind : {RowKind::node, RowKind::edge, RowKind::cluster}) {
    const auto w = d.weigh(scores.view(), 2, kind);
    CHECK(std::accumulate(w.weight.begin(), w.weight.end(), 0.0) ==
          doctest::Approx(static_cast<double>(owners.n_nodes())));
  }
}

TEST_CASE("a cluster whose members score higher gets no fewer bits") {
  Clustered c;
  const RowOwners owners(c.sample);
  const PassWork work(c.net->layout, c.count(BitPlan::uniform(8)));
  const Allocator<> allocator(c.net->layout, c.levels);
  PointScores scores(c.net->layout, owners.n_nodes());
  // Members of cluster 1 matter a thousand times as much as those of 0. The others are alike.
  for (Index i = 0; i < owners.n_nodes(); ++i) {
    const auto k = owners.cluster_of[static_cast<std::size_t>(i)];
    for (Index p = 0; p < scores.columns(); ++p)
      scores.view()(i, p) = k == 0 ? 0.03f : k == 1 ? 30.0f : 1.0f;
  }
  const Planned p =
      allocator.plan(c.sample, work, scores, allocator.uniform_cost(c.sample, work, 2.5));
  const auto& points = c.net->layout.points();
  bool differ = false;
  for (std::size_t k = 0; k < points.size(); ++k)
    if (points[k].fixed_bits == 0 && points[k].kind == RowKind::cluster) {
      CHECK(p.plan.by_point[k][1] >= p.plan.by_point[k][0]);
      differ |= p.plan.by_point[k][1] > p.plan.by_point[k][0];
    }
  CHECK(differ);
}

TEST_CASE("the sensitivity of a cluster's row is shared by its members, none is lost") {
  Clustered c;
  BasicTraining<float> a(c.net->layout, c.net->quantizers);
  std::vector<float> gradients(c.net->parameters.values.size(), 0.0f);
  a.begin({&c.net->parameters, &gradients, nullptr});
  const auto y = forward(c.net->model, a, c.sample);
  const Matrix seed = Matrix::Ones(c.sample.u.rows(), 1);
  a.tape().backward(y.ref, view(seed));
  const RowOwners owners(c.sample);
  PointScores scores(c.net->layout, owners.n_nodes());
  add_sensitivity(a, a.tape(), owners, scores);
  std::vector<double> whole(static_cast<std::size_t>(scores.columns()), 0.0);
  for (const auto& visit : a.visits()) {
    const int column = scores.column_of_point[to_index(visit.point)];
    const auto g = a.tape().grad(visit.out);
    if (column < 0 || !g.data || a.kind_of(visit.point) != RowKind::cluster) continue;
    const Matrix x = map(std::as_const(a.tape())[visit.in]);
    for (Index r = 0; r < x.rows(); ++r) {
      const double power =
          static_cast<double>((x.row(r).array() - x.row(r).mean()).matrix().squaredNorm());
      double slope = 0;
      for (Index k = 0; k < x.cols(); ++k) slope += std::pow(static_cast<double>(g(r, k)), 2);
      whole[static_cast<std::size_t>(column)] += power * slope / static_cast<double>(x.cols());
    }
  }
  for (std::size_t column = 0; column < whole.size(); ++column) {
    if (c.net->layout.point(scores.points[column]).kind != RowKind::cluster) continue;
    double seen = 0;
    for (Index i = 0; i < owners.n_nodes(); ++i) {
      seen += static_cast<double>(scores.view()(i, static_cast<Index>(column)));
      for (Index j = 0; j < i; ++j)
        if (owners.cluster_of[static_cast<std::size_t>(i)] ==
            owners.cluster_of[static_cast<std::size_t>(j)])
          REQUIRE(scores.view()(i, static_cast<Index>(column)) ==
                  scores.view()(j, static_cast<Index>(column)));
    }
    CHECK(seen > 0);
    CHECK(seen == doctest::Approx(whole[column]).epsilon(1e-4));
  }
  const std::vector<std::int32_t> wrong(static_cast<std::size_t>(owners.n_nodes()), 9);
  CHECK_THROWS_AS(RowOwners(c.sample.graph, wrong, 3), Error);
  CHECK_THROWS_AS(RowOwners(c.sample.graph, std::span(wrong).first(4), 10), Error);
}

TEST_CASE("a plan's cost is what the pass is counted to cost, under every sharing") {
  Random random(5);
  const Mesh mesh = random_refined_square(random, 120);
  const Graph graph = cell_edges(mesh);
  ParameterLayout layout;
  MpPdeConfig config;
  config.hidden = 16;
  config.layers = 2;
  const MpPde model(layout, config);
  const std::vector<int> levels{0, 1, 2, 3, 4, 8};
  const Quantizers quantizers(layout, {8, RowRule::affine, levels});
  const Matrix u = Matrix::Ones(mesh.n_nodes(), 1), x = Matrix::Zero(mesh.n_nodes(), 2);
  const auto count = [&](const BitPlan& plan) {
    BasicCounting a(layout, quantizers, plan);
    model(a, graph, view(u), view(x));
    return a.cost();
  };
  const PassWork work(layout, count(BitPlan::uniform(8)));
  PointScores scores(layout, graph.n_nodes());
  for (float& s : scores.values) s = static_cast<float>(std::exp(random.normal()));
  const Allocator<> finest(layout, levels);
  CHECK(static_cast<double>(finest.uniform_cost(graph, work, 3)) ==
        count(BitPlan::uniform(3)).bops());
  for (const AnySharing& sharing : every_sharing()) {
    const Allocator<> allocator(layout, levels, {}, {}, {}, sharing);
    const Cost budget = allocator.uniform_cost(graph, work, 2.5), overhead = 12345;
    const Planned p = allocator.plan(graph, work, scores, budget, overhead);
    CHECK(p.cost <= budget);
    CHECK(static_cast<double>(p.cost - overhead) == count(p.plan).bops());
    if (sharing.by_edge) continue;
    // An edge has its receiver's bits.
    const auto& points = layout.points();
    for (std::size_t k = 0; k < points.size(); ++k)
      if (points[k].kind == RowKind::edge)
        for (std::size_t e = 1; e < graph.receiver.size(); ++e)
          if (graph.receiver[e] == graph.receiver[e - 1])
            REQUIRE(p.plan.by_point[k][e] == p.plan.by_point[k][e - 1]);
  }
  CHECK_THROWS_AS(static_cast<void>(finest.plan(graph, work, scores, work.fixed_bops - 1)), Error);
  CHECK_THROWS_AS(
      static_cast<void>(finest.plan(graph, work, PointScores(layout, 3), work.fixed_bops)), Error);
}

namespace {

/// A score of one's own: one struct, one function. Nodes on the left matter.
struct OnTheLeft {
  void operator()(const GraphSample& s, MatrixView<float> to) const {
    for (Index i = 0; i < to.rows; ++i)
      for (Index c = 0; c < to.cols; ++c) to(i, c) = s.x(i, 0) < 0.5f ? 100.0f : 1.0f;
  }
};
/// One that costs something.
struct Dear : Flat {
  [[nodiscard]] Cost cost(const GraphSample&) const { return 100'000; }
};
/// One that fails.
struct Unfinished {
  void operator()(const GraphSample&, MatrixView<float> to) const { to(1, 0) = std::nanf(""); }
};
static_assert(score<OnTheLeft> && score<Dear> && !score<int>);

}  // namespace

TEST_CASE("a score of one's own decides, by its type or left to run time, to the same bits") {
  Clustered c;
  const Allocator<OnTheLeft, Bops, PerNodeAndPoint> typed(c.net->layout, c.levels);
  const Allocator<> any = typed;
  const PassWork work = typed.prepare(*c.net, c.sample);
  const Planned p = typed(c.sample, work, 2.5), q = any(c.sample, work, 2.5);
  CHECK(p.plan.by_point == q.plan.by_point);
  CHECK(p.cost <= typed.uniform_cost(c.sample, work, 2.5));
  double left = 0, right = 0, n_left = 0, n_right = 0;
  for (Index i = 0; i < c.sample.x.rows(); ++i) {
    const double b = static_cast<double>(p.node_bits[static_cast<std::size_t>(i)]);
    if (c.sample.x(i, 0) < 0.5f)
      left += b, ++n_left;
    else
      right += b, ++n_right;
  }
  CHECK(left / n_left > right / n_right + 0.5);
}

TEST_CASE("what scoring costs is paid from the budget") {
  Clustered c;
  const Allocator<Dear> dear(c.net->layout, c.levels);
  const Allocator<Flat> free(c.net->layout, c.levels);
  const PassWork work = dear.prepare(*c.net, c.sample);
  CHECK(work.score_bops == 100'000);
  const Planned p = dear(c.sample, work, 3), q = free(c.sample, free.prepare(*c.net, c.sample), 3);
  CHECK(p.cost <= p.budget);
  CHECK(static_cast<double>(p.cost) == c.count(p.plan).bops() + 100'000);
  CHECK(c.count(p.plan).bops() < c.count(q.plan).bops());
}

TEST_CASE("no score, a NaN in one, levels that are none or unsorted: one error each") {
  Clustered c;
  const Allocator<> none(c.net->layout, c.levels);
  const PassWork work = none.prepare(*c.net, c.sample);
  CHECK_THROWS_WITH_AS(static_cast<void>(none(c.sample, work, 3)),
                       doctest::Contains("expected a score, found none"), Error);
  const Allocator<Unfinished> unfinished(c.net->layout, c.levels);
  CHECK_THROWS_WITH_AS(static_cast<void>(unfinished(c.sample, work, 3)),
                       doctest::Contains("finite scores"), Error);
  CHECK_THROWS_WITH_AS(Allocator<>(c.net->layout, {}), doctest::Contains("at least one level"),
                       Error);
  CHECK_THROWS_WITH_AS(Allocator<>(c.net->layout, {2, 8, 4}), doctest::Contains("ascending levels"),
                       Error);
  CHECK_THROWS_WITH_AS(Allocator<>(c.net->layout, {2, 4, 17}), doctest::Contains("0 to 16 bits"),
                       Error);
  const Allocator<Flat> flat(c.net->layout, {2, 4});
  CHECK_THROWS_WITH_AS(static_cast<void>(flat.plan(
                           c.sample, work, PointScores(c.net->layout, c.sample.graph.n_nodes()),
                           flat.uniform_cost(c.sample, work, 2) - 1)),
                       doctest::Contains("a budget of at least"), Error);
  PointCurves few = PointCurves::gaussian(2, c.levels);
  CHECK_THROWS_WITH_AS(Allocator<>(c.net->layout, c.levels, few),
                       doctest::Contains("Measure the curves"), Error);
}

TEST_CASE("sharings have the names that files keep, and no other name is one") {
  for (const AnySharing& s : every_sharing()) CHECK(AnySharing::of(s.name).name == s.name);
  CHECK(AnySharing::of("edge").by_edge);
  CHECK(AnySharing::of("block").by_block);
  CHECK_FALSE(AnySharing::of("node").by_block);
  CHECK_FALSE(AnySharing::of("node").over_points);
  CHECK_FALSE(AnySharing::of("point").over_mesh);
  for (const char* bad : {"foo", "", "Node", "node_and_point "})
    CHECK_THROWS_WITH_AS(static_cast<void>(AnySharing::of(bad)),
                         doctest::Contains("expected node_and_point, edge, block, node or point"),
                         Error);
}

TEST_CASE("a layer is a name up to its number, and under PerBlock a node has one width in it") {
  CHECK(block_of("gnn_layers.3.messages") == "gnn_layers.3");
  CHECK(block_of("blocks.12.mlp.0.input") == "blocks.12");
  CHECK(block_of("output_mlp.2") == "output_mlp.2");
  CHECK(block_of("inputs.data") == "inputs.data");
  CHECK(block_of("layer2.x") == "layer2.x");
  CHECK(block_of("") == "");

  MpPdeConfig config;
  config.hidden = 16, config.layers = 3;
  const std::vector<int> levels{0, 2, 4, 8};
  const Network<MpPde> net(config, SchemeInfo{8, RowRule::min_max, levels}, 1);
  const PointBlocks blocks(net.layout);
  CHECK(blocks.count() == 3);
  Random random(3);
  GraphSample s;
  s.graph = cell_edges(random_refined_square(random, 90));
  const Index n = s.graph.n_nodes();
  s.u = Matrix::Random(n, 1), s.x = Matrix::Random(n, 2), s.v = Matrix::Zero(n, 0);
  prepare_sample(net.model, s);
  PointScores scores(net.layout, n);
  for (float& x : scores.values) x = static_cast<float>(std::exp(2 * random.normal()));
  const std::vector<float> before = scores.values;
  blocks.join(scores);
  // The sum over a layer stays, and is shared out alike.
  for (Index i = 0; i < n; ++i)
    for (std::size_t b = 0; b < blocks.count(); ++b) {
      double was = 0, is = 0;
      for (std::size_t c = 0; c < blocks.of.size(); ++c) {
        if (blocks.of[c] != b) continue;
        was += static_cast<double>(before[static_cast<std::size_t>(i * scores.columns()) + c]);
        is += static_cast<double>(scores.view()(i, static_cast<Index>(c)));
        CHECK(scores.view()(i, static_cast<Index>(c)) ==
              scores.view()(i, static_cast<Index>(blocks.first[b])));
      }
      CHECK(is == doctest::Approx(was).epsilon(1e-5));
    }
  const Allocator<> by(net.layout, levels, {}, {}, {}, PerBlock());
  const PassWork work = by.prepare(net, s);
  const Planned p = by.plan(s, work, scores, by.uniform_cost(s, work, 2.5));
  CHECK(p.plan.zero_skips);
  std::vector<std::vector<std::uint8_t>> of_block(blocks.count());
  for (std::size_t c = 0; c < blocks.of.size(); ++c) {
    const PointId id = scores.points[c];
    const auto& map = p.plan.by_point[to_index(id)];
    auto& own = of_block[blocks.of[c]];
    if (net.layout.point(id).kind == RowKind::node) {
      if (own.empty()) own = map;
      CHECK(own == map);
    } else {
      for (std::size_t e = 0; e < map.size(); ++e)
        CHECK(map[e] == of_block[blocks.of[c]][static_cast<std::size_t>(s.graph.receiver[e])]);
    }
  }
  CHECK(of_block[0] != of_block[1]);
}

TEST_CASE("bits do not depend on how nodes are numbered, but for a few that share the rest") {
  Random random(7);
  Clustered c;
  const Index n = c.sample.graph.n_nodes();
  // A graph without edges to sort: every node for itself.
  ParameterLayout layout;
  layout.add_point("a", RowKind::node, 16);
  PassWork work;
  work.bops_per_bit = {1024};
  Graph g;
  g.first.assign(static_cast<std::size_t>(n) + 1, 0);
  PointScores scores(layout, n), turned(layout, n);
  std::vector<Index> place(static_cast<std::size_t>(n));
  std::iota(place.begin(), place.end(), Index{0});
  random.shuffle(place);
  for (Index i = 0; i < n; ++i)
    turned.view()(place[static_cast<std::size_t>(i)], 0) = scores.view()(i, 0) =
        static_cast<float>(std::exp(random.normal()));
  const Allocator<> allocator(layout, {1, 2, 3, 4, 8});
  double last = 0;
  for (const double bits : {1.5, 2.7, 3.0, 5.0, 7.5}) {
    const Cost budget = allocator.uniform_cost(g, work, bits);
    const Planned p = allocator.plan(g, work, scores, budget),
                  q = allocator.plan(g, work, turned, budget);
    int differ = 0;
    for (Index i = 0; i < n; ++i)
      differ += p.plan.by_point[0][static_cast<std::size_t>(i)] !=
                q.plan.by_point[0][static_cast<std::size_t>(place[static_cast<std::size_t>(i)])];
    CHECK(differ <= 2);
    CHECK(static_cast<double>(p.cost) > last);
    last = static_cast<double>(p.cost);
  }
}

}  // namespace test_allocator
