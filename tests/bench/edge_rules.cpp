#include "../../bench/allocation/edge_rules.hpp"

#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

namespace test_edge_rules {

using namespace amq;
using namespace amq::allocation;
using namespace baselines;

namespace {
/// Random directed graph, loops and isolated nodes included; no edge twice.
Graph random_graph(Index n, double density, Random& random) {
  Graph g;
  g.first.push_back(0);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j)
      if (random.uniform() < density) {
        g.sender.push_back(static_cast<std::int32_t>(j));
        g.receiver.push_back(static_cast<std::int32_t>(i));
      }
    g.first.push_back(static_cast<std::int32_t>(g.sender.size()));
  }
  return g;
}
Cost count_again(const Graph& g, const GraphWork& w, const RowBits& nodes, EdgeRule rule) {
  const auto edges = edge_bits(g, nodes, w.bits, rule);
  const auto price = [&](int bits) {
    return w.price[static_cast<std::size_t>(std::find(w.bits.begin(), w.bits.end(), bits) -
                                            w.bits.begin())];
  };
  Cost cost = w.overhead;
  for (Index i = 0; i < g.n_nodes(); ++i) cost += w.node_macs * price(nodes[i]);
  for (Index e = 0; e < g.n_edges(); ++e) cost += w.edge_macs * price(edges[e]);
  return cost;
}
const std::vector<int> levels{2, 4, 8};
}  // namespace

TEST_CASE("an edge has its receiver's bits, the more of its ends', or their mean rounded up") {
  const Graph g{{0, 1, 3, 3}, {1, 0, 2}, {0, 1, 1}};  // 1 -> 0, 0 -> 1, 2 -> 1
  const RowBits nodes(std::vector<std::uint8_t>{2, 4, 8});
  const auto bits = [&](EdgeRule rule) {
    const auto b = edge_bits(g, nodes, levels, rule);
    return std::vector<int>{b[0], b[1], b[2]};
  };
  CHECK(bits(EdgeRule::receiver) == std::vector<int>{2, 4, 4});
  CHECK(bits(EdgeRule::max) == std::vector<int>{4, 4, 8});
  CHECK(bits(EdgeRule::mean) == std::vector<int>{4, 4, 8});  // 3 -> 4, 3 -> 4, 6 -> 8
  CHECK(edge_scores(g, std::vector<float>{1, 3, 7}) == std::vector<float>{2, 2, 5});
  CHECK(receiver_macs(g, 10, 3) == std::vector<Cost>{13, 16, 10});
  CHECK_THROWS_AS(static_cast<void>(edge_bits(g, RowBits(2, 4), levels)), Error);
  CHECK_THROWS_AS(static_cast<void>(edge_bits(g, RowBits(3, 5), levels)), Error);
  CHECK_THROWS_AS(static_cast<void>(edge_scores(g, std::vector<float>{1})), Error);
}

TEST_CASE("under every rule a graph's budget is kept exactly and no node's next step fits") {
  Random random(1);
  for (int round = 0; round < 600; ++round) {
    const auto g = random_graph(static_cast<Index>(random.index(25)), 0.15, random);
    std::vector<float> score(static_cast<std::size_t>(g.n_nodes()));
    for (auto& s : score)
      s = round % 4 == 0 ? 1.0f : static_cast<float>(std::exp(2 * random.normal()));
    GraphWork w{levels, 3, 5, {16, 32, 64}, {0.1, 0.01, 0.001}, 0, 17};
    for (auto rule : {EdgeRule::receiver, EdgeRule::max, EdgeRule::mean}) {
      const std::vector<std::uint8_t> low(score.size(), 0), high(score.size(), 2);
      const Cost least = graph_cost(g, w, low, rule), most = graph_cost(g, w, high, rule);
      w.budget =
          least + static_cast<Cost>(random.index(static_cast<std::uint64_t>(most - least) + 1));
      const auto a = allocate_graph(g, w, score, rule);
      REQUIRE(a.cost == count_again(g, w, a.bits, rule));
      REQUIRE(a.cost <= w.budget);
      for (Index i = 0; i < g.n_nodes(); ++i) {
        if (a.bits[i] == 8) continue;
        auto more = a.bits;
        more.set(i, a.bits[i] == 2 ? 4 : 8);
        REQUIRE(count_again(g, w, more, rule) > w.budget);
      }
      for (Cost bad : {least - 1, most + 1}) {
        auto v = w;
        v.budget = bad;
        CHECK_THROWS_AS(static_cast<void>(allocate_graph(g, v, score, rule)), Error);
      }
    }
  }
}

TEST_CASE("the receiver's rule spends the budget with the edges counted") {
  const Graph g{{0, 3, 3}, {0, 1, 1}, {0, 0, 0}};  // node 0 has three incoming edges, node 1 none
  GraphWork w{levels, 1, 10, {16, 32, 64}, {0.1, 0.01, 0.001}, 0, 0};
  w.budget = 31 * 16 + 64;  // too little to raise node 0, plenty for node 1
  const auto a = allocate_graph(g, w, std::vector<float>{100, 1});
  CHECK(a.bits[0] == 2);
  CHECK(a.bits[1] == 8);
  CHECK_THROWS_AS(static_cast<void>(allocate_graph(g, w, std::vector<float>{1})), Error);
}

}  // namespace test_edge_rules
