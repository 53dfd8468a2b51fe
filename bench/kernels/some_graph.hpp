#pragma once
// The graph of the benches: every node hears as many others, near it as after renumbering, or
// anywhere.

#include <amq/core/random.hpp>
#include <amq/mesh/graph.hpp>

#include <algorithm>
#include <cstdint>

inline amq::Graph some_graph(amq::Index nodes, amq::Index degree, bool near = true) {
  using amq::Index;
  amq::Graph g;
  amq::core::Random random(5);
  g.first.reserve(static_cast<std::size_t>(nodes + 1));
  g.sender.reserve(static_cast<std::size_t>(nodes * degree));
  g.receiver.reserve(static_cast<std::size_t>(nodes * degree));
  g.first.push_back(0);
  for (Index i = 0; i < nodes; ++i) {
    for (Index e = 0; e < degree; ++e) {
      const Index j = near ? i + static_cast<Index>(random.index(400)) - 200
                           : static_cast<Index>(random.index(static_cast<std::uint64_t>(nodes)));
      g.sender.push_back(static_cast<std::int32_t>(std::clamp<Index>(j, 0, nodes - 1)));
      g.receiver.push_back(static_cast<std::int32_t>(i));
    }
    g.first.push_back(static_cast<std::int32_t>(g.sender.size()));
  }
  return g;
}
