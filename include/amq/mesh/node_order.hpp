#pragma once
/// @file
/// Orders of a mesh's nodes. Along Hilbert's curve neighbours lie close in memory, so that rows of
/// senders stay in cache in message passing; it needs only points.

#include <amq/core/error.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/mesh/edges.hpp>
#include <amq/mesh/graph.hpp>
#include <amq/mesh/mesh.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::mesh {

/// A permutation: the new node i is the old node order[i].
using NodeOrder = std::vector<std::int32_t>;

/// @throws Error  unless `order` holds every id from 0 to n - 1 once
[[nodiscard]] inline NodeOrder inverse(const NodeOrder& order) {
  NodeOrder back(order.size(), -1);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto old = order[i];
    if (old < 0 || static_cast<std::size_t>(old) >= order.size() ||
        back[static_cast<std::size_t>(old)] >= 0) {
      throw Error("NodeOrder, entry " + std::to_string(i),
                  "every id from 0 to " + std::to_string(order.size()) + " - 1 once",
                  std::to_string(old), "Use hilbert_order or rcm_order.");
    }
    back[static_cast<std::size_t>(old)] = static_cast<std::int32_t>(i);
  }
  return back;
}

namespace detail {

inline void require_order_size(const NodeOrder& order, Index n) {
  if (static_cast<Index>(order.size()) != n) {
    throw Error("renumber", "an order of " + std::to_string(n) + " nodes",
                std::to_string(order.size()), "Compute the order from this mesh or graph.");
  }
}

/// Distance along Hilbert's curve (J. Skilling, Programming the Hilbert curve, 2004).
template <std::size_t Dim>
[[nodiscard]] constexpr std::uint64_t hilbert_index(std::array<std::uint32_t, Dim> x,
                                                    int bits) noexcept {
  const std::uint32_t top = 1u << (bits - 1);
  for (std::uint32_t q = top; q > 1; q >>= 1) {
    const std::uint32_t p = q - 1;
    for (std::size_t i = 0; i < Dim; ++i) {
      if (x[i] & q) {
        x[0] ^= p;
      } else {
        const std::uint32_t t = (x[0] ^ x[i]) & p;
        x[0] ^= t;
        x[i] ^= t;
      }
    }
  }
  for (std::size_t i = 1; i < Dim; ++i) x[i] ^= x[i - 1];
  std::uint32_t t = 0;
  for (std::uint32_t q = top; q > 1; q >>= 1) {
    if (x[Dim - 1] & q) t ^= q - 1;
  }
  for (auto& xi : x) xi ^= t;
  std::uint64_t index = 0;
  for (int b = bits - 1; b >= 0; --b) {
    for (std::size_t i = 0; i < Dim; ++i) index = (index << 1) | ((x[i] >> b) & 1u);
  }
  return index;
}

}  // namespace detail

/// @param values  (node, width), row-major, e.g. a field
template <typename T>
[[nodiscard]] std::vector<T> renumber(std::span<const T> values, const NodeOrder& order,
                                      std::size_t width = 1) {
  detail::require_order_size(order,
                             static_cast<Index>(values.size() / std::max(width, std::size_t{1})));
  std::vector<T> out;
  out.reserve(values.size());
  for (const auto i : order) {
    const auto row = values.subspan(static_cast<std::size_t>(i) * width, width);
    out.insert(out.end(), row.begin(), row.end());
  }
  return out;
}

/// Nodes in the new order; cells keep their places and the order of their corners.
[[nodiscard]] inline Mesh renumber(const Mesh& mesh, const NodeOrder& order) {
  const auto to_new = inverse(order);
  detail::require_ids(mesh, "renumber");
  Mesh out = mesh;
  out.points =
      renumber(std::span<const double>(mesh.points), order, static_cast<std::size_t>(mesh.dim));
  if (!mesh.node_type.empty()) {
    out.node_type = renumber(std::span<const NodeType>(mesh.node_type), order);
  }
  for (auto& v : out.cells) v = to_new[static_cast<std::size_t>(v)];
  return out;
}

/// @param points  (node, dim), dim 2 or 3, finite
[[nodiscard]] inline NodeOrder hilbert_order(std::span<const double> points, int dim) {
  const FloatEnvironment own;
  const auto d = static_cast<std::size_t>(dim);
  if (dim < 2 || dim > 3 || points.size() % d != 0) {
    throw Error("hilbert_order", "points (node, 2) or (node, 3)",
                std::to_string(points.size()) + " numbers and dim " + std::to_string(dim),
                "Check the shape of the array of points.");
  }
  const std::size_t n = points.size() / d;
  std::array<double, 3> low{};
  double extent = 0;
  for (std::size_t k = 0; k < d && n > 0; ++k) {
    double high = points[k];
    low[k] = high;
    for (std::size_t i = 0; i < n; ++i) {
      low[k] = std::min(low[k], points[i * d + k]);
      high = std::max(high, points[i * d + k]);
    }
    extent = std::max(extent, high - low[k]);
  }
  constexpr int bits = 20;
  std::vector<std::pair<std::uint64_t, std::int32_t>> keyed(n);
  for (std::size_t i = 0; i < n; ++i) {
    std::array<std::uint32_t, 3> x{};
    for (std::size_t k = 0; k < d; ++k) {
      const double t = (points[i * d + k] - low[k]) / extent;
      if (t > 0) x[k] = static_cast<std::uint32_t>(std::min(t, 1.0) * ((1 << bits) - 1));
    }
    keyed[i] = {
        dim == 2 ? detail::hilbert_index<2>({x[0], x[1]}, bits) : detail::hilbert_index<3>(x, bits),
        static_cast<std::int32_t>(i)};
  }
  std::sort(keyed.begin(), keyed.end());
  NodeOrder order(n);
  for (std::size_t i = 0; i < n; ++i) order[i] = keyed[i].second;
  return order;
}

/// Mean |sender - receiver|: how far apart, on average, the rows are that a message joins.
[[nodiscard]] inline double mean_edge_length(const Graph& g) noexcept {
  double sum = 0;
  for (std::size_t e = 0; e < g.sender.size(); ++e) {
    sum += std::abs(g.sender[e] - g.receiver[e]);
  }
  return g.sender.empty() ? 0 : sum / static_cast<double>(g.sender.size());
}

}  // namespace amq::mesh
