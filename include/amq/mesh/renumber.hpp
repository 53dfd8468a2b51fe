#pragma once
/// @file
/// Renumbering of graphs and cells, and reverse Cuthill-McKee: breadth first, reversed, for narrow
/// bands; it needs only a graph. node_order.hpp has the space-filling curve.

#include <amq/mesh/node_order.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace amq::mesh {

/// @param edge_from  if given, (new edge): the old edge it was, to carry edge features along
[[nodiscard]] inline Graph renumber(const Graph& g, const NodeOrder& order,
                                    std::vector<std::int32_t>* edge_from = nullptr) {
  detail::require_order_size(order, g.n_nodes());
  const auto to_new = inverse(order);
  Graph out;
  out.first.reserve(g.first.size());
  out.first.push_back(0);
  std::vector<std::pair<std::int32_t, std::int32_t>> row;  // (new sender, old edge)
  if (edge_from) edge_from->clear();
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto old = static_cast<std::size_t>(order[i]);
    row.clear();
    for (auto e = g.first[old]; e < g.first[old + 1]; ++e) {
      const auto s = static_cast<std::size_t>(g.sender[static_cast<std::size_t>(e)]);
      row.emplace_back(to_new[s], e);
    }
    std::sort(row.begin(), row.end());
    for (const auto& [sender, e] : row) {
      out.sender.push_back(sender);
      out.receiver.push_back(static_cast<std::int32_t>(i));
      if (edge_from) edge_from->push_back(e);
    }
    out.first.push_back(static_cast<std::int32_t>(out.sender.size()));
  }
  return out;
}

/// Sorts cells by their smallest node, so that a loop over cells walks through memory too.
inline void sort_cells(Mesh& mesh) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(mesh.n_cells()));
  std::iota(order.begin(), order.end(), 0);
  const auto smallest = [&](std::int32_t c) {
    return *std::min_element(mesh.cell(c), mesh.cell(c) + mesh.nodes_per_cell);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int32_t a, std::int32_t b) { return smallest(a) < smallest(b); });
  mesh.cells = renumber(std::span<const std::int32_t>(mesh.cells), order,
                        static_cast<std::size_t>(mesh.nodes_per_cell));
  if (!mesh.cell_tag.empty()) {
    mesh.cell_tag = renumber(std::span<const std::int32_t>(mesh.cell_tag), order);
  }
}

/// Reverse Cuthill-McKee, each component from a node found by two breadth-first walks to the rim.
[[nodiscard]] inline NodeOrder rcm_order(const Graph& g) {
  const auto n = static_cast<std::size_t>(g.n_nodes());
  NodeOrder order;
  order.reserve(n);
  std::vector<std::int32_t> seen(n, -1), beside;
  // Appends to `walk` all nodes reached from `start`, by distance and then by degree.
  const auto walk_from = [&](std::int32_t start, std::int32_t mark, NodeOrder& walk) {
    std::size_t at = walk.size();
    walk.push_back(start);
    seen[static_cast<std::size_t>(start)] = mark;
    for (; at < walk.size(); ++at) {
      const auto i = static_cast<std::size_t>(walk[at]);
      beside.clear();
      for (auto e = g.first[i]; e < g.first[i + 1]; ++e) {
        const auto s = g.sender[static_cast<std::size_t>(e)];
        if (std::exchange(seen[static_cast<std::size_t>(s)], mark) != mark) beside.push_back(s);
      }
      std::sort(beside.begin(), beside.end(), [&](std::int32_t a, std::int32_t b) {
        return std::pair(g.in_degree(a), a) < std::pair(g.in_degree(b), b);
      });
      walk.insert(walk.end(), beside.begin(), beside.end());
    }
  };
  std::vector<char> done(n, 0);
  std::int32_t mark = 0;
  NodeOrder walk;
  for (std::size_t i = 0; i < n; ++i) {
    if (done[i]) continue;
    auto start = static_cast<std::int32_t>(i);
    for (int pass = 0; pass < 2; ++pass) {
      walk.clear();
      walk_from(start, mark++, walk);
      start = walk.back();
    }
    const auto begin = order.size();
    walk_from(start, mark++, order);
    for (auto k = begin; k < order.size();) {
      auto& placed = done[static_cast<std::size_t>(order[k])];
      // A one-way edge may lead into a component already placed.
      if (placed) {
        order.erase(order.begin() + static_cast<std::ptrdiff_t>(k));
      } else {
        placed = 1;
        ++k;
      }
    }
    if (!done[i]) {  // not reachable from the far end, over one-way edges
      order.push_back(static_cast<std::int32_t>(i));
      done[i] = 1;
    }
  }
  std::reverse(order.begin(), order.end());
  return order;
}

/// Largest |sender - receiver|.
[[nodiscard]] inline Index bandwidth(const Graph& g) noexcept {
  Index widest = 0;
  for (std::size_t e = 0; e < g.sender.size(); ++e) {
    widest = std::max<Index>(widest, std::abs(g.sender[e] - g.receiver[e]));
  }
  return widest;
}

}  // namespace amq::mesh
