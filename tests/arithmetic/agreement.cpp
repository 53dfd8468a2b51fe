#include <amq/arithmetic/counting.hpp>
#include <amq/arithmetic/fixed.hpp>
#include <amq/arithmetic/float32.hpp>
#include <amq/arithmetic/training.hpp>
#include <amq/core/thread_pool.hpp>
#include <amq/models/mp_pde.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

namespace test_agreement {

using namespace amq;
using namespace amq::models;

static_assert(arithmetic<BasicTraining<double>>);  // Float32 and the others say so themselves

// What Fixed makes is the tensor of its scheme's types, and QTensor is a name of every solver.
using Typed = Scheme<Weights<8>, Activations<2, 4, 8>, ByRange>;
static_assert(std::is_base_of_v<MixedQTensor<Levels<2, 4, 8>, ByRange>, Fixed<Typed>::Quantized>);
static_assert(std::is_base_of_v<MixedQTensor<AnyLevels, AnyRule>, Fixed<AnyScheme>::Quantized>);
static_assert(std::is_same_v<QTensor<8, PerRow, dynamic, dynamic>,
                             BasicQTensor<Symmetric<8, PerRow>, Shape<dynamic, dynamic>>>);

namespace {

/// Every node hears three to seven others; the last is isolated.
Graph random_graph(Index n, std::uint64_t seed) {
  Random random(seed);
  Graph g;
  g.first = {0};
  for (Index i = 0; i < n; ++i) {
    std::set<std::int32_t> from;
    if (i + 1 < n)
      while (from.size() < 3 + static_cast<std::size_t>(i) % 5)
        if (const auto j = static_cast<std::int32_t>(random.index(static_cast<std::uint64_t>(n)));
            j != i)
          from.insert(j);
    for (const auto j : from) {
      g.sender.push_back(j);
      g.receiver.push_back(static_cast<std::int32_t>(i));
    }
    g.first.push_back(static_cast<std::int32_t>(g.sender.size()));
  }
  return g;
}

struct Setting {
  ParameterLayout layout;
  MpPde model;
  Quantizers quantizers;
  Parameters parameters;
  Graph graph;
  Matrix u, x, v;

  Setting(const MpPdeConfig& config, const SchemeInfo& info, Index n)
      : model(layout, config), quantizers(layout, info), graph(random_graph(n, 3)) {
    initialize(layout, parameters, 7);
    quantizers.reset_points(layout, parameters);
    quantizers.fit_weights(layout, parameters);
    Random random(9);
    // Shifted grids, as calibration and training leave them.
    for (std::size_t k = 0; k < layout.points().size(); ++k)
      if (const auto o = quantizers.offset(static_cast<PointId>(k)); o != no_parameter)
        for (Index i = 0; i < layout.entry(o).size(); ++i)
          parameters.view(layout.entry(o)).data[i] = static_cast<float>(0.1 * random.normal());
    const auto fill = [&](Matrix& m, Index cols) {
      m.resize(n, cols);
      for (Index k = 0; k < m.size(); ++k) m.data()[k] = static_cast<float>(random.normal());
    };
    fill(u, config.fields());
    fill(x, config.dim);
    fill(v, config.variables);
  }
  template <typename A>
  auto run(A& a) const {
    return model(a, graph, view(u), view(x), view(v));
  }
  [[nodiscard]] Matrix trained(const BitPlan* plan) const {
    BasicTraining<float> a(layout, quantizers);
    a.begin({&parameters, nullptr, plan});
    return map(a[run(a)]);
  }
  [[nodiscard]] Matrix deployed(const BitPlan& plan, Executor& executor = serial_executor()) const {
    BasicFixed a(layout, quantizers, parameters, executor);
    a.begin(plan);
    return map(run(a).view());
  }
};

double relative(const Matrix& a, const Matrix& b) {
  return (a - b).norm() / b.norm();
}

BitPlan mixed_plan(const Setting& s, const std::vector<int>& levels, std::uint64_t seed) {
  Random random(seed);
  BitPlan plan;
  const auto draw = [&](Index n) {
    std::vector<std::uint8_t> bits(static_cast<std::size_t>(n));
    for (auto& b : bits) b = static_cast<std::uint8_t>(levels[random.index(levels.size())]);
    return bits;
  };
  plan[RowKind::node] = draw(s.graph.n_nodes());
  plan[RowKind::edge] = draw(s.graph.n_edges());
  plan.by_point.resize(s.layout.points().size());
  for (std::size_t p = 0; p < plan.by_point.size(); p += 3)
    if (s.layout.points()[p].fixed_bits == 0)
      plan.by_point[p] =
          draw(s.layout.points()[p].kind == RowKind::edge ? s.graph.n_edges() : s.graph.n_nodes());
  return plan;
}

}  // namespace

TEST_CASE("without quantization, the tape computes what the reference computes, bit for bit") {
  for (const Index window : {0, 25}) {
    MpPdeConfig c;
    c.hidden = window ? 128 : 24;
    c.layers = 2;
    c.window = window;
    c.dim = window ? 1 : 2;
    c.variables = window ? 3 : 0;
    const Setting s(c, {8, RowRule::affine, {8}}, 60);
    Float32 a(s.layout, s.parameters);
    const Matrix y = map(s.run(a).view());
    CHECK(y.allFinite());
    CHECK(s.trained(nullptr) == y);
  }
}

TEST_CASE("integers are simulated quantization, bit for bit, at every scheme") {
  for (const RowRule rule :
       {RowRule::affine, RowRule::symmetric, RowRule::min_max, RowRule::fixed}) {
    for (const int weight_bits : {2, 4, 8}) {
      const std::vector<int> levels = rule == RowRule::symmetric
                                          ? std::vector{0, 2, 3, 4, 6, 8, 16}
                                          : std::vector{0, 1, 2, 3, 4, 5, 6, 8, 16};
      MpPdeConfig c;
      c.hidden = 40;
      c.layers = 3;
      const Setting s(c, {weight_bits, rule, levels}, 150);
      for (const int bits : levels) {
        CAPTURE(static_cast<int>(rule));
        CAPTURE(weight_bits);
        CAPTURE(bits);
        const BitPlan plan = BitPlan::uniform(bits);
        CHECK((s.deployed(plan).array() == s.trained(&plan).array()).all());
      }
      const BitPlan plan = mixed_plan(s, levels, 1);
      CHECK((s.deployed(plan).array() == s.trained(&plan).array()).all());
    }
  }
}

TEST_CASE("eight bits stay near float, and more bits come nearer") {
  MpPdeConfig c;
  c.hidden = 64;
  c.layers = 3;
  const Setting s(c, {8, RowRule::affine, {2, 4, 8}}, 200);
  Float32 a(s.layout, s.parameters);
  const Matrix y = map(s.run(a).view());
  double last = 1e9;
  for (const int bits : {2, 4, 8}) {
    const double error = relative(s.deployed(BitPlan::uniform(bits)), y);
    CHECK(error < last);
    last = error;
  }
  CHECK(last < 0.03);
}

TEST_CASE("integers give the same bits for one and for several threads, pass after pass") {
  MpPdeConfig c;
  c.hidden = 48;
  c.layers = 2;
  const Setting s(c, {8, RowRule::affine, {0, 2, 4, 8}}, 700);
  const BitPlan plan = mixed_plan(s, {0, 2, 4, 8}, 2);
  ThreadPool pool(3);
  const Matrix one = s.deployed(plan), many = s.deployed(plan, pool);
  CHECK((one.array() == many.array()).all());
  BasicFixed a(s.layout, s.quantizers, s.parameters, pool);
  a.begin(plan);
  s.run(a);
  s.run(a);
  const std::size_t bytes = a.buffer_bytes();
  const Matrix again = map(s.run(a).view());
  CHECK((one.array() == again.array()).all());
  CHECK(a.buffer_bytes() == bytes);
}

TEST_CASE("a permutation of the nodes permutes the result") {
  MpPdeConfig c;
  c.hidden = 16;
  c.layers = 2;
  Setting s(c, {8, RowRule::affine, {8}}, 50);
  Float32 a(s.layout, s.parameters);
  const Matrix y = map(s.run(a).view());
  // Node i becomes to[i].
  const Index n = s.graph.n_nodes();
  std::vector<std::int32_t> to(static_cast<std::size_t>(n)), from(to);
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<std::int32_t>(i);
  Random(4).shuffle(to);
  for (std::size_t i = 0; i < to.size(); ++i)
    from[static_cast<std::size_t>(to[i])] = static_cast<std::int32_t>(i);
  Graph g;
  g.first = {0};
  Matrix u = s.u, x = s.x;
  for (Index i = 0; i < n; ++i) {
    const auto old = static_cast<std::size_t>(from[static_cast<std::size_t>(i)]);
    u.row(i) = s.u.row(static_cast<Index>(old));
    x.row(i) = s.x.row(static_cast<Index>(old));
    for (auto e = static_cast<std::size_t>(s.graph.first[old]);
         e < static_cast<std::size_t>(s.graph.first[old + 1]); ++e) {
      g.sender.push_back(to[static_cast<std::size_t>(s.graph.sender[e])]);
      g.receiver.push_back(static_cast<std::int32_t>(i));
    }
    g.first.push_back(static_cast<std::int32_t>(g.sender.size()));
  }
  s.graph = g;
  s.u = u;
  s.x = x;
  const Matrix z = map(s.run(a).view());
  double worst = 0;
  for (Index i = 0; i < n; ++i)
    worst = std::max(
        worst, static_cast<double>(
                   (z.row(to[static_cast<std::size_t>(i)]) - y.row(i)).cwiseAbs().maxCoeff()));
  CHECK(worst < 1e-4);
}

TEST_CASE("counted operations are those of the layers, and bits enter linearly") {
  MpPdeConfig c;
  c.hidden = 128;
  c.layers = 6;
  const Setting s(c, {8, RowRule::affine, {2, 4, 8}}, 100);
  const auto cost = [&](const BitPlan& plan) {
    BasicCounting a(s.layout, s.quantizers, plan);
    s.run(a);
    return a.cost();
  };
  const PassCost c4 = cost(BitPlan::uniform(4)), c8 = cost(BitPlan::uniform(8));
  double adaptive = 0, expected = 0;
  for (const auto& p : c4.products)
    if (p.adaptive) adaptive += p.macs;
  const auto n = static_cast<double>(s.graph.n_nodes()), e = static_cast<double>(s.graph.n_edges());
  expected =
      6 * 128.0 * 128.0 * (5 * n + e);  // per layer: W1, W2, U1, Um, U2 at nodes; W2e at edges
  CHECK(adaptive == expected);
  CHECK(c8.bops() - c4.bops() == doctest::Approx(expected * 8 * 4));
  // Mixed rows cost the sum of their bits.
  const BitPlan plan = mixed_plan(s, {2, 4, 8}, 5);
  double bops = 0;
  const PassCost mixed = cost(plan);
  for (const auto& p : mixed.products) bops += p.macs * p.mean_bits * p.weight_bits;
  CHECK(mixed.bops() == doctest::Approx(bops));
  CHECK(mixed.bops() > cost(BitPlan::uniform(2)).bops());
  CHECK(mixed.bops() < c8.bops());
}

TEST_CASE("bits that the scheme does not offer, and plans of another graph, are refused") {
  MpPdeConfig c;
  c.hidden = 16;
  c.layers = 1;
  const Setting s(c, {8, RowRule::affine, {2, 4, 8}}, 20);
  CHECK_THROWS_WITH_AS(static_cast<void>(s.deployed(BitPlan::uniform(3))),
                       doctest::Contains("one of the scheme's levels 2 4 8, found 3 bits"), Error);
  BitPlan plan;
  plan[RowKind::node].assign(19, 4);
  CHECK_THROWS_WITH_AS(static_cast<void>(s.deployed(plan)),
                       doctest::Contains("20 rows, found 19 rows"), Error);
}

TEST_CASE("fields of the wrong shape or with NaN are refused by name") {
  MpPdeConfig c;
  c.hidden = 16;
  c.layers = 1;
  Setting s(c, {8, RowRule::affine, {8}}, 20);
  Float32 a(s.layout, s.parameters);
  s.u(3, 0) = std::nanf("");
  CHECK_THROWS_WITH_AS(
      s.run(a), doctest::Contains("input u: expected finite numbers, found nan at node 3"), Error);
  s.u.conservativeResize(19, 1);
  CHECK_THROWS_WITH_AS(s.run(a), doctest::Contains("expected (20, 1), found (19, 1)"), Error);
  CHECK_THROWS_AS(s.model(a, Graph{}, view(std::as_const(s.u)), view(std::as_const(s.x))), Error);
}

TEST_CASE("weights of 16 bits pass through layers of messages, trained and deployed alike") {
  MpPdeConfig c;
  c.hidden = 24;
  c.layers = 1;
  const Setting s(c, {16, RowRule::min_max, {8, 16}}, 40);
  for (const int bits : {8, 16}) {
    const BitPlan plan = BitPlan::uniform(bits);
    CHECK(s.deployed(plan) == s.trained(&plan));
  }
}

}  // namespace test_agreement
