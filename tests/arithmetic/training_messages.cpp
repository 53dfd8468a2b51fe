#include <amq/arithmetic/training_messages.hpp>

#include <amq/allocation/sensitivity.hpp>
#include <amq/arithmetic/training.hpp>
#include <amq/core/random.hpp>
#include <amq/ops/elementwise.hpp>
#include <amq/ops/graph.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace test_training_messages {

using namespace amq;
using namespace amq::allocation;

namespace {

using Train = BasicTraining<float>;
constexpr Index nodes = 41, hidden = 37, channels = 21;

/// Up to eleven edges a node; every ninth node hears nobody.
Graph ragged_graph() {
  Random random(3);
  Graph g;
  g.first = {0};
  for (Index i = 0; i < nodes; ++i) {
    const auto degree = i % 9 == 4 ? 0u : random.index(12);
    for (std::uint64_t e = 0; e < degree; ++e) {
      g.sender.push_back(static_cast<std::int32_t>(random.index(nodes)));
      g.receiver.push_back(static_cast<std::int32_t>(i));
    }
    g.first.push_back(static_cast<std::int32_t>(g.sender.size()));
  }
  return g;
}

/// An edge layer between two products, so that gradients arrive and leave.
struct Layer {
  ParameterLayout layout;
  WeightId from{}, message{}, to{};
  PointId features{}, messages{};
  Graph graph = ragged_graph();

  Layer() {
    const auto [w, b] = layout.add_linear("from", 2 * hidden, 5);
    from = layout.add_weight("from", {{w, 0, 5, b}});
    // Stacked of two parts, one without a bias.
    const auto [w1, b1] = layout.add_linear("message.1", 8, hidden);
    const auto [w2, b2] = layout.add_linear("message.2", channels - 8, hidden + 3);
    message = layout.add_weight("message", {{w1, 0, hidden, b1}, {w2, 2, hidden, no_parameter}});
    static_cast<void>(b2);
    const auto [w3, b3] = layout.add_linear("to", 2, channels);
    to = layout.add_weight("to", {{w3, 0, channels, b3}});
    features = layout.add_point("features", RowKind::node, 5, 8);
    messages = layout.add_point("messages", RowKind::edge, hidden);
  }
  Train::Tensor operator()(Train& a, MatrixView<const float> x, bool whole) const {
    const auto parts = a.linear(from, a.quantize(features, a.input(x, RowKind::node)));
    const auto p = a.columns(parts, 0, hidden), q = a.columns(parts, hidden, hidden);
    const auto means = [&] {
      if (whole) return a.message_mean(graph, p, q, messages, message);
      const ops::Activate swish{Activation::swish};
      const auto h = a.apply(swish, a.apply(ops::EdgeSum{graph}, p, q));
      return a.apply(ops::SegmentMean{graph},
                     a.apply(swish, a.linear(message, a.quantize(messages, h))));
    }();
    return a.linear(to, Train::unquantized(means));
  }
};

struct Result {
  Matrix y;
  std::vector<float> gradient, scores;
};

Result run(const Layer& layer, const Quantizers& q, const Parameters& p, const BitPlan* plan,
           bool whole) {
  Random random(8);
  Matrix x(nodes, 5), dy(nodes, 2);
  for (Index k = 0; k < x.size(); ++k) x.data()[k] = static_cast<float>(random.normal());
  for (Index k = 0; k < dy.size(); ++k) dy.data()[k] = static_cast<float>(random.normal());
  Train a(layer.layout, q);
  Result r;
  r.gradient.assign(p.values.size(), 0.0f);
  a.begin({&p, &r.gradient, plan, true});
  const auto y = layer(a, view(std::as_const(x)), whole);
  r.y = map(a[y]);
  a.tape().backward(y.ref, view(std::as_const(dy)));
  PointScores scores(layer.layout, nodes);
  add_sensitivity(a, a.tape(), layer.graph, scores);
  r.scores = scores.values;
  return r;
}

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  double wrong = 0, norm = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    wrong += (double(a[k]) - double(b[k])) * (double(a[k]) - double(b[k]));
    norm += double(b[k]) * double(b[k]);
  }
  return std::sqrt(wrong / norm);
}

}  // namespace

TEST_CASE("an edge layer taken whole gives the numbers and gradients of its plain composition") {
  for (const RowRule rule :
       {RowRule::affine, RowRule::symmetric, RowRule::min_max, RowRule::fixed}) {
    Layer layer;
    const std::vector<int> levels =
        rule == RowRule::symmetric ? std::vector{0, 2, 4, 8, 16} : std::vector{0, 1, 2, 4, 8, 16};
    const Quantizers quantizers(layer.layout, {8, rule, levels});
    Parameters p;
    initialize(layer.layout, p, 7);
    quantizers.reset_points(layer.layout, p);
    quantizers.fit_weights(layer.layout, p);
    std::vector<BitPlan> plans;
    for (const int b : levels) plans.push_back(BitPlan::uniform(b));
    Random random(2);
    plans.emplace_back();
    for (Index e = 0; e < layer.graph.n_edges(); ++e)
      plans.back()[RowKind::edge].push_back(
          static_cast<std::uint8_t>(levels[random.index(levels.size())]));
    std::vector<const BitPlan*> all{nullptr};
    for (const BitPlan& plan : plans) all.push_back(&plan);
    for (const BitPlan* plan : all) {
      CAPTURE(static_cast<int>(rule));
      CAPTURE(plan ? static_cast<int>(plan->uniform_bits) : -1);
      const Result whole = run(layer, quantizers, p, plan, true),
                   plain = run(layer, quantizers, p, plan, false);
      if (plan)
        CHECK((whole.y.array() == plain.y.array()).all());
      else
        CHECK((whole.y - plain.y).norm() < 1e-6f * plain.y.norm());
      CHECK(difference(whole.gradient, plain.gradient) < 2e-6);
      CHECK(difference(whole.scores, plain.scores) < 2e-6);
    }
  }
}

TEST_CASE("an edge layer without edges passes nothing and breaks nothing") {
  Layer layer;
  layer.graph = Graph{};
  layer.graph.first.assign(nodes + 1, 0);
  const Quantizers quantizers(layer.layout, {8, RowRule::affine, {8}});
  Parameters p;
  initialize(layer.layout, p, 7);
  quantizers.reset_points(layer.layout, p);
  quantizers.fit_weights(layer.layout, p);
  const BitPlan plan = BitPlan::uniform(8);
  const Result r = run(layer, quantizers, p, &plan, true);
  CHECK(r.y.allFinite());
  CHECK((r.y.rowwise() - r.y.row(0)).isZero());
}

}  // namespace test_training_messages
