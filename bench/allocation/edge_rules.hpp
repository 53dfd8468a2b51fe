#pragma once
/// @file
/// The bits of an edge, and budgets that count edges.
///
/// Bits of the edge j -> i under each rule:
/// - receiver: those of i. The default: one width per row of the CSR.
/// - max: the more of i and j. Safe, costs most.
/// - mean: the lowest level >= the mean bits of i and j. A compromise, rounded up to a level.
///
/// An edge with a score of its own is an element like any other: see edge_scores(), and
/// allocation::PerEdge for plans with bits per quantization point.

#include "baselines.hpp"

#include <amq/mesh/graph.hpp>
#include <amq/quant/row_bits.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace baselines {

enum class EdgeRule : std::uint8_t { receiver, max, mean };

namespace detail {
inline void check_rows(const char* where, Index expected, Index found) {
  if (expected != found)
    throw Error(where, std::to_string(expected) + " nodes, as in the graph", std::to_string(found),
                "Pass what belongs to this graph.");
}
/// Index of the edge's level, from those of its two ends.
[[nodiscard]] inline std::vector<std::uint8_t> edge_table(std::span<const int> bits,
                                                          EdgeRule rule) {
  const std::size_t K = bits.size();
  std::vector<std::uint8_t> table(K * K);
  for (std::size_t i = 0; i < K; ++i)
    for (std::size_t j = 0; j < K; ++j) {
      std::size_t k = i;
      if (rule == EdgeRule::max) k = std::max(i, j);
      if (rule == EdgeRule::mean)
        for (k = 0; 2 * bits[k] < bits[i] + bits[j];) ++k;
      table[i * K + j] = static_cast<std::uint8_t>(k);
    }
  return table;
}
}  // namespace detail

/// Bits of every edge, in the graph's order.
/// @throws Error when the numbers of nodes differ, or a node's bits are not among `levels`
[[nodiscard]] inline RowBits edge_bits(const Graph& graph, const RowBits& nodes,
                                       std::span<const int> levels,
                                       EdgeRule rule = EdgeRule::receiver) {
  detail::check_rows("edge_bits", graph.n_nodes(), nodes.rows());
  const auto table = detail::edge_table(levels, rule);
  std::vector<std::uint8_t> level(static_cast<std::size_t>(nodes.rows()));
  for (std::size_t i = 0; i < level.size(); ++i) {
    const int b = nodes[static_cast<Index>(i)];
    const auto at = std::find(levels.begin(), levels.end(), b);
    if (at == levels.end())
      throw Error("edge_bits", "nodes at the listed levels", std::to_string(b) + " bits",
                  "Pass the levels the nodes were allocated over.");
    level[i] = static_cast<std::uint8_t>(at - levels.begin());
  }
  std::vector<std::uint8_t> bits(static_cast<std::size_t>(graph.n_edges()));
  for (std::size_t e = 0; e < bits.size(); ++e) {
    const std::size_t i = level[static_cast<std::size_t>(graph.receiver[e])],
                      j = level[static_cast<std::size_t>(graph.sender[e])];
    bits[e] = static_cast<std::uint8_t>(levels[table[i * levels.size() + j]]);
  }
  return RowBits(std::move(bits));
}

/// Work of a node when its incoming edges share its bits: node_macs + in_degree * edge_macs.
[[nodiscard]] inline std::vector<Cost> receiver_macs(const Graph& graph, Cost node_macs,
                                                     Cost edge_macs) {
  std::vector<Cost> macs(static_cast<std::size_t>(graph.n_nodes()));
  for (Index i = 0; i < graph.n_nodes(); ++i)
    macs[static_cast<std::size_t>(i)] = node_macs + graph.in_degree(i) * edge_macs;
  return macs;
}

/// A score of each edge's own: the mean of its ends'.
[[nodiscard]] inline std::vector<float> edge_scores(const Graph& graph,
                                                    std::span<const float> node_scores) {
  detail::check_rows("edge_scores", graph.n_nodes(), static_cast<Index>(node_scores.size()));
  std::vector<float> score(static_cast<std::size_t>(graph.n_edges()));
  for (std::size_t e = 0; e < score.size(); ++e)
    score[e] = 0.5f * node_scores[static_cast<std::size_t>(graph.receiver[e])] +
               0.5f * node_scores[static_cast<std::size_t>(graph.sender[e])];
  return score;
}

/// What a message-passing model pays per node and per edge at each level, and how much error is
/// left.
struct GraphWork {
  std::vector<int> bits;  ///< (level), ascending
  Cost node_macs = 0, edge_macs = 0;
  std::vector<Cost> price;         ///< (level), ascending, per multiply-accumulate
  std::vector<double> distortion;  ///< (level)
  Cost budget = 0, overhead = 0;
};

/// Exact cost of levels (index per node) under a rule.
[[nodiscard]] inline Cost graph_cost(const Graph& graph, const GraphWork& w,
                                     std::span<const std::uint8_t> level, EdgeRule rule) {
  const auto table = detail::edge_table(w.bits, rule);
  const std::size_t K = w.bits.size();
  Cost node_units = 0, edge_units = 0;
  for (const auto k : level) node_units += w.price[k];
  for (std::size_t e = 0; e < graph.sender.size(); ++e)
    edge_units += w.price[table[level[static_cast<std::size_t>(graph.receiver[e])] * K +
                                level[static_cast<std::size_t>(graph.sender[e])]]];
  return w.overhead + node_units * w.node_macs + edge_units * w.edge_macs;
}

/// Node bits that keep the budget with their edges counted. Under `receiver` this is
/// allocate(). Under `max` and `mean` an edge's cost depends on both its ends: nodes take
/// hull steps by error saved per receiver's cost, the longest run of that order whose exact cost
/// keeps the budget (found by bisection: cost grows along the order); then every node in turn, in
/// the same order, takes the steps that still fit, each priced exactly over its edges.
/// @throws Error as allocate(), and when scores and nodes differ in number
[[nodiscard]] inline Allocation allocate_graph(const Graph& graph, const GraphWork& w,
                                               std::span<const float> score,
                                               EdgeRule rule = EdgeRule::receiver) {
  detail::check_rows("allocate_graph", graph.n_nodes(), static_cast<Index>(score.size()));
  if (w.node_macs < 0 || w.edge_macs < 0)
    throw Error("allocate_graph", "work counts >= 0", "a negative one", "Count the work again.");
  const auto macs = receiver_macs(graph, w.node_macs, w.edge_macs);
  const Problem p{w.bits, {w.price}, {w.distortion}, macs, score, {}, w.budget, w.overhead};
  if (rule == EdgeRule::receiver) return allocation::allocate(p);
  detail::check(p);

  const auto at = [](auto k) { return static_cast<std::size_t>(k); };
  const auto hull = allocation::detail::convex_hull(
      static_cast<int>(p.levels.size()), [&](int k) { return w.price[at(k)]; },
      [&](int k) { return w.distortion[at(k)]; });
  struct Step {
    double worth;
    std::int32_t node, j;
  };
  std::vector<Step> steps;
  for (Index i = 0; i < graph.n_nodes(); ++i)
    for (int j = 0; j + 1 < hull.count; ++j) {
      const auto a = hull.level[at(j)], b = hull.level[at(j + 1)];
      const double saved = static_cast<double>(score[at(i)]) * (w.distortion[a] - w.distortion[b]);
      const auto cost = static_cast<double>(macs[at(i)] * (w.price[b] - w.price[a]));
      const double worth = saved <= 0 ? 0.0
                           : cost > 0 ? saved / cost
                                      : std::numeric_limits<double>::infinity();
      if (worth > 0) steps.push_back({worth, static_cast<std::int32_t>(i), j});
    }
  std::stable_sort(steps.begin(), steps.end(),  // made in order of node and step: ties keep it
                   [](const Step& a, const Step& b) { return a.worth > b.worth; });

  std::vector<std::uint8_t> level(score.size());
  const auto run = [&](std::size_t length) {
    std::fill(level.begin(), level.end(), hull.level[0]);
    for (std::size_t s = 0; s < length; ++s)
      level[at(steps[s].node)] = hull.level[at(steps[s].j + 1)];
    return graph_cost(graph, w, level, rule);
  };
  std::size_t good = 0, bad = steps.size() + 1;
  while (bad - good > 1) {
    const std::size_t middle = good + (bad - good) / 2;
    (run(middle) <= w.budget ? good : bad) = middle;
  }
  Cost cost = run(good);

  // Outgoing edges of a node, which a CSR by receiver does not list.
  std::vector<std::int32_t> first(score.size() + 1, 0), out(graph.sender.size());
  for (const auto j : graph.sender) ++first[at(j) + 1];
  for (std::size_t i = 1; i < first.size(); ++i) first[i] += first[i - 1];
  auto next = first;
  for (std::size_t e = 0; e < graph.sender.size(); ++e)
    out[at(next[at(graph.sender[e])]++)] = graph.receiver[e];

  const auto table = detail::edge_table(w.bits, rule);
  const std::size_t K = w.bits.size();
  const auto price_of = [&](std::size_t receiver, std::size_t sender) {
    return w.price[table[receiver * K + sender]];
  };
  const auto rise = [&](std::size_t i, std::size_t to) {
    const std::size_t from = level[i];
    Cost edges = 0;
    for (auto e = at(graph.first[i]); e < at(graph.first[i + 1]); ++e) {
      const std::size_t j = at(graph.sender[e]), other = j == i ? to : level[j];
      edges += price_of(to, other) - price_of(from, level[j]);
    }
    for (auto e = at(first[i]); e < at(first[i + 1]); ++e)
      if (const std::size_t r = at(out[e]); r != i)  // a loop was counted above
        edges += price_of(level[r], to) - price_of(level[r], from);
    return (w.price[to] - w.price[from]) * w.node_macs + edges * w.edge_macs;
  };
  // One pass is enough. A raise cheapens a neighbour's step by no more than it pays itself for the
  // edges between them, so what did not fit before does not fit after.
  for (std::size_t s = good; s < steps.size(); ++s) {
    const auto i = at(steps[s].node);
    const std::size_t to = hull.level[at(steps[s].j + 1)];
    if (level[i] != hull.level[at(steps[s].j)]) continue;
    const Cost c = rise(i, to);
    if (cost + c > w.budget) continue;
    cost += c;
    level[i] = static_cast<std::uint8_t>(to);
  }

  Allocation a;
  std::vector<std::uint8_t> bits(level.size());
  for (std::size_t i = 0; i < level.size(); ++i) {
    bits[i] = static_cast<std::uint8_t>(w.bits[level[i]]);
    a.distortion += static_cast<double>(score[i]) * w.distortion[level[i]];
  }
  a.bits = RowBits(std::move(bits));
  a.cost = cost;
  a.budget = w.budget;
  a.lambda = good > 0 ? steps[good - 1].worth : 0.0;
  return a;
}

}  // namespace baselines
