#include <amq/arithmetic/message_passing.hpp>

#include <amq/arithmetic/fixed.hpp>
#include <amq/arithmetic/training.hpp>
#include <amq/core/eigen.hpp>
#include <amq/core/thread_pool.hpp>

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

namespace test_message_passing {

using namespace amq;
using namespace amq::arithmetics;

namespace {

constexpr Index hidden = 40, data = 3, variables = 2;

/// A layer of its own over a ragged graph, some of whose nodes hear nobody.
struct Setting {
  ParameterLayout layout;
  MessagePassingIds id;
  PointId at_receiver, at_sender, at_own;
  Quantizers quantizers;
  Parameters parameters;
  Graph graph;
  Matrix f, x;

  Setting(Index n, RowRule rule, int given_bits)
      : id(ids(layout)),
        at_receiver(layout.add_point("u, x, v", RowKind::node, data + variables, given_bits)),
        at_sender(layout.add_point("u, x", RowKind::node, data, given_bits)),
        at_own(layout.add_point("v", RowKind::node, variables, given_bits)),
        quantizers(layout, {8, rule, {0, 2, 4, 8}}),
        f(n, hidden),
        x(n, data + variables) {
    initialize(layout, parameters, 7);
    quantizers.reset_points(layout, parameters);
    quantizers.fit_weights(layout, parameters);
    Random random(9);
    for (Matrix* m : {&f, &x})
      for (Index k = 0; k < m->size(); ++k) m->data()[k] = static_cast<float>(random.normal());
    graph.first = {0};
    for (Index i = 0; i < n; ++i) {
      for (Index e = 0; e < i * i % 11; ++e) {
        graph.sender.push_back(
            static_cast<std::int32_t>(random.index(static_cast<std::uint64_t>(n))));
        graph.receiver.push_back(static_cast<std::int32_t>(i));
      }
      graph.first.push_back(static_cast<std::int32_t>(graph.sender.size()));
    }
  }
  static MessagePassingIds ids(ParameterLayout& l) {
    const auto [w1, b1] = l.add_linear("w1", hidden, 2 * hidden + data + variables);
    const auto [w2, b2] = l.add_linear("w2", hidden, hidden);
    const auto [w3, b3] = l.add_linear("w3", hidden, 2 * hidden + variables);
    const auto [w4, b4] = l.add_linear("w4", hidden, hidden);
    MessagePassingIds id;
    id.features = l.add_point("features", RowKind::node, hidden);
    id.messages = l.add_point("messages", RowKind::edge, hidden);
    id.means = l.add_point("means", RowKind::node, hidden);
    id.updates = l.add_point("updates", RowKind::node, hidden);
    id.from_features = l.add_weight(
        "from_features",
        {{w1, 0, hidden, b1}, {w1, hidden, hidden, no_parameter}, {w3, 0, hidden, b3}});
    id.at_receiver =
        l.add_weight("at_receiver", {{w1, 2 * hidden, data + variables, no_parameter}});
    id.at_sender = l.add_weight("at_sender", {{w1, 2 * hidden, data, no_parameter}});
    id.message = l.add_weight("message", {{w2, 0, hidden, b2}});
    id.from_means = l.add_weight("from_means", {{w3, hidden, hidden, no_parameter}});
    id.from_variables = l.add_weight("from_variables", {{w3, 2 * hidden, variables, no_parameter}});
    id.update = l.add_weight("update", {{w4, 0, hidden, b4}});
    return id;
  }
  Matrix run(const BitPlan& plan, bool whole, bool own_rows,
             Executor& executor = serial_executor()) const {
    BasicFixed a(layout, quantizers, parameters, executor);
    a.begin(plan);
    const auto fi = a.input(view(f), RowKind::node), xi = a.input(view(x), RowKind::node);
    const auto to_receiver = a.quantize(at_receiver, xi),
               to_sender = a.quantize(at_sender, a.columns(xi, 0, data)),
               own = a.quantize(at_own, a.columns(xi, data, variables));
    if (whole)
      return map(
          a.message_passing(graph, fi, {to_receiver, to_sender, own_rows ? &own : nullptr}, id)
              .view());
    const auto parts = a.linear(id.from_features, a.quantize(id.features, fi));
    const auto p = a.linear_onto(a.columns(parts, 0, hidden), false, id.at_receiver, to_receiver);
    const auto q = a.linear_onto(a.columns(parts, hidden, hidden), true, id.at_sender, to_sender);
    auto r = a.columns(parts, 2 * hidden, hidden);
    if (own_rows) r = a.linear_onto(r, false, id.from_variables, own);
    const auto means = a.message_mean(graph, p, q, id.messages, id.message);
    return map(a.node_update(fi, r, means, id.means, id.from_means, id.updates, id.update).view());
  }
  BitPlan mixed() const {
    Random random(4);
    BitPlan plan;
    const auto draw = [&](Index n) {
      std::vector<std::uint8_t> bits(static_cast<std::size_t>(n));
      for (auto& b : bits) b = std::array<std::uint8_t, 4>{0, 2, 4, 8}[random.index(4)];
      return bits;
    };
    plan[RowKind::node] = draw(graph.n_nodes());
    plan[RowKind::edge] = draw(graph.n_edges());
    return plan;
  }
};

bool same_bits(const Matrix& a, const Matrix& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("a layer of message passing taken whole has the bits of its operations") {
  for (const RowRule rule : {RowRule::affine, RowRule::symmetric, RowRule::min_max, RowRule::fixed})
    for (const int given_bits : {16, 0}) {  // 0: by the plan, and where it mixes, in pieces
      const Setting s(230, rule, given_bits);
      ThreadPool pool(3);
      for (const bool own : {false, true})
        for (const BitPlan& plan : {BitPlan::uniform(8), BitPlan::uniform(2), s.mixed()}) {
          CAPTURE(static_cast<int>(rule));
          CAPTURE(given_bits);
          CAPTURE(own);
          const Matrix pieces = s.run(plan, false, own);
          CHECK(pieces.allFinite());
          CHECK(same_bits(s.run(plan, true, own), pieces));
          CHECK(same_bits(s.run(plan, true, own, pool), pieces));
        }
    }
}

TEST_CASE("nodes of 0 bits skip a layer, and the others have the bits they had") {
  for (const int given_bits : {16, 0}) {  // 0: by the plan, so in pieces
    const Setting s(230, RowRule::min_max, given_bits);
    ThreadPool pool(3);
    BitPlan plan = s.mixed();
    const auto of_nodes = plan[RowKind::node];
    for (const bool own : {false, true})
      for (const bool at_updates_alone : {false, true}) {
        if (at_updates_alone) {  // other points give such a node bits; it skips all the same
          plan[RowKind::node].assign(of_nodes.size(), 4);
          plan.by_point.assign(s.layout.points().size(), {});
          plan.by_point[to_index(s.id.updates)] = of_nodes;
        } else {
          plan.by_point.clear();
          plan[RowKind::node] = of_nodes;
        }
        plan.zero_skips = false;
        const Matrix all = s.run(plan, true, own);
        plan.zero_skips = true;
        const Matrix some = s.run(plan, true, own);
        CHECK(same_bits(s.run(plan, true, own, pool), some));
        for (std::size_t i = 0; i < of_nodes.size(); ++i) {
          const auto at = static_cast<Index>(i);
          CHECK((some.row(at).array() == (of_nodes[i] ? all : s.f).row(at).array()).all());
        }
        // What is trained at such a plan is what is deployed.
        BasicTraining<float> t(s.layout, s.quantizers);
        t.begin({&s.parameters, nullptr, &plan});
        const auto f = t.input(view(s.f), RowKind::node), x = t.input(view(s.x), RowKind::node);
        const auto to_receiver = t.quantize(s.at_receiver, x),
                   to_sender = t.quantize(s.at_sender, t.columns(x, 0, data)),
                   of_own = t.quantize(s.at_own, t.columns(x, data, variables));
        const auto y = message_passing(
            t, s.graph, f, {to_receiver, to_sender, own ? &of_own : nullptr}, s.id, hidden);
        CHECK(same_bits(map(t[y]), some));
      }
  }
  // All of them, or nobody.
  const Setting s(50, RowRule::min_max, 16);
  BitPlan plan = BitPlan::uniform(0);
  plan.zero_skips = true;
  CHECK(same_bits(s.run(plan, true, true), s.f));
  plan[RowKind::node].assign(50, 0);
  CHECK(same_bits(s.run(plan, true, true), s.f));
  plan[RowKind::node].assign(50, 2);
  plan[RowKind::edge].assign(s.graph.sender.size(), 2);
  const Matrix awake = s.run(plan, true, true);
  plan.zero_skips = false;
  CHECK(same_bits(s.run(plan, true, true), awake));
}

TEST_CASE("a layer taken whole keeps two rows a node besides its features") {
  const Setting s(4000, RowRule::affine, 16);
  BasicFixed a(s.layout, s.quantizers, s.parameters);
  const BitPlan plan = BitPlan::uniform(8);
  a.begin(plan);
  const auto f = a.input(view(s.f), RowKind::node), x = a.input(view(s.x), RowKind::node);
  const auto to_receiver = a.quantize(s.at_receiver, x),
             to_sender = a.quantize(s.at_sender, a.columns(x, 0, data));
  const std::size_t before = a.buffer_bytes();
  const auto y = a.message_passing(s.graph, f, {to_receiver, to_sender}, s.id);
  CHECK(a.buffer_bytes() - before == 2u * 4000 * hidden * sizeof(float));
}

}  // namespace test_message_passing
