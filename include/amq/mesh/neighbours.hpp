#pragma once
/// @file
/// Edges for clouds of points: k nearest neighbours, or all within a radius.

#include <amq/core/error.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/core/rounded.hpp>
#include <amq/mesh/edges.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::mesh {

/// A k-d tree over points of 1 to 3 dimensions. A grid of bins would be simpler, but graded meshes
/// crowd thousands of nodes into one bin; the tree costs O(n log n) for any density.
class PointTree {
 public:
  /// (squared distance, node); ties go to the smaller id, so results are reproducible.
  using Hit = std::pair<double, std::int32_t>;

  /// @param points  (node, dim), row-major; must outlive the tree
  /// @throws Error  for NaN or infinite coordinates, or a length that is no multiple of dim
  PointTree(std::span<const double> points, int dim) : points_(points), dim_(dim) {
    if (dim < 1 || dim > 3 || points.size() % static_cast<std::size_t>(dim) != 0) {
      throw Error("PointTree", "points (node, dim) with dim 1 to 3",
                  std::to_string(points.size()) + " numbers and dim " + std::to_string(dim),
                  "Check the shape of the array of points.");
    }
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (!std::isfinite(points[i])) {
        throw Error("PointTree, node " + std::to_string(i / static_cast<std::size_t>(dim)),
                    "finite coordinates", std::to_string(points[i]),
                    "Remove the node or repair its coordinates.");
      }
    }
    order_.resize(points.size() / static_cast<std::size_t>(dim));
    std::iota(order_.begin(), order_.end(), 0);
    axis_.assign(order_.size(), 0);
    build(0, order_.size());
  }

  [[nodiscard]] Index size() const noexcept { return static_cast<Index>(order_.size()); }

  /// The k nearest to `query`, nearest first. @param skip  a node to leave out, or -1
  void nearest(const double* query, std::size_t k, std::int32_t skip,
               std::vector<Hit>& found) const {
    found.clear();
    if (k > 0) descend_nearest(0, order_.size(), query, k, skip, found);
    std::sort_heap(found.begin(), found.end());
  }
  /// All within radius (inclusive), in no particular order.
  void within(const double* query, double radius, std::int32_t skip,
              std::vector<Hit>& found) const {
    found.clear();
    descend_within(0, order_.size(), query, radius * radius, skip, found);
  }

 private:
  static constexpr std::size_t leaf = 8;

  [[nodiscard]] const double* point(std::int32_t i) const noexcept {
    return points_.data() + static_cast<std::ptrdiff_t>(i) * dim_;
  }
  [[nodiscard]] double distance2(const double* q, std::int32_t i) const noexcept {
    double s = 0;
    for (int d = 0; d < dim_; ++d) s += rounded_square(q[d] - point(i)[d]);
    return s;
  }
  // The node of a range is its middle element; halves are the children, so no pointers are kept.
  void build(std::size_t lo, std::size_t hi) {
    if (hi - lo <= leaf) return;
    int axis = 0;
    double widest = -1;
    for (int d = 0; d < dim_; ++d) {
      double a = point(order_[lo])[d], b = a;
      for (std::size_t i = lo; i < hi; ++i) {
        a = std::min(a, point(order_[i])[d]);
        b = std::max(b, point(order_[i])[d]);
      }
      if (b - a > widest) widest = b - a, axis = d;
    }
    const std::size_t mid = lo + (hi - lo) / 2;
    const auto at = [&](std::size_t i) { return order_.begin() + static_cast<std::ptrdiff_t>(i); };
    std::nth_element(at(lo), at(mid), at(hi), [&](std::int32_t i, std::int32_t j) {
      return std::pair(point(i)[axis], i) < std::pair(point(j)[axis], j);
    });
    axis_[mid] = static_cast<std::uint8_t>(axis);
    build(lo, mid);
    build(mid + 1, hi);
  }
  void offer(const double* q, std::int32_t i, std::size_t k, std::int32_t skip,
             std::vector<Hit>& heap) const {
    if (i == skip) return;
    const Hit hit(distance2(q, i), i);
    if (heap.size() == k) {
      if (!(hit < heap.front())) return;
      std::pop_heap(heap.begin(), heap.end());
      heap.back() = hit;
    } else {
      heap.push_back(hit);
    }
    std::push_heap(heap.begin(), heap.end());
  }
  void descend_nearest(std::size_t lo, std::size_t hi, const double* q, std::size_t k,
                       std::int32_t skip, std::vector<Hit>& heap) const {
    if (hi - lo <= leaf) {
      for (std::size_t i = lo; i < hi; ++i) offer(q, order_[i], k, skip, heap);
      return;
    }
    const std::size_t mid = lo + (hi - lo) / 2;
    const double gap = q[axis_[mid]] - point(order_[mid])[axis_[mid]];
    offer(q, order_[mid], k, skip, heap);
    const auto nearer = gap < 0 ? std::pair(lo, mid) : std::pair(mid + 1, hi);
    const auto farther = gap < 0 ? std::pair(mid + 1, hi) : std::pair(lo, mid);
    descend_nearest(nearer.first, nearer.second, q, k, skip, heap);
    // <= and not <: an equally distant node of smaller id may live there.
    if (heap.size() < k || gap * gap <= heap.front().first) {
      descend_nearest(farther.first, farther.second, q, k, skip, heap);
    }
  }
  void descend_within(std::size_t lo, std::size_t hi, const double* q, double radius2,
                      std::int32_t skip, std::vector<Hit>& found) const {
    const auto take = [&](std::int32_t i) {
      const double d2 = distance2(q, i);
      if (i != skip && d2 <= radius2) found.emplace_back(d2, i);
    };
    if (hi - lo <= leaf) {
      for (std::size_t i = lo; i < hi; ++i) take(order_[i]);
      return;
    }
    const std::size_t mid = lo + (hi - lo) / 2;
    const double gap = q[axis_[mid]] - point(order_[mid])[axis_[mid]];
    take(order_[mid]);
    if (gap <= 0 || gap * gap <= radius2) descend_within(lo, mid, q, radius2, skip, found);
    if (gap >= 0 || gap * gap <= radius2) descend_within(mid + 1, hi, q, radius2, skip, found);
  }

  std::span<const double> points_;
  int dim_;
  std::vector<std::int32_t> order_;
  std::vector<std::uint8_t> axis_;
};

namespace detail {

template <typename Query>
[[nodiscard]] Graph neighbour_rows(const PointTree& tree, const Query& query) {
  Graph g;
  const auto n = static_cast<std::size_t>(tree.size());
  g.first.assign(n + 1, 0);
  std::vector<PointTree::Hit> found;
  for (std::size_t i = 0; i < n; ++i) {
    query(static_cast<std::int32_t>(i), found);
    const auto begin = static_cast<std::ptrdiff_t>(g.sender.size());
    for (const auto& hit : found) g.sender.push_back(hit.second);
    std::sort(g.sender.begin() + begin, g.sender.end());
    require_edge_count(g.sender.size());
    g.receiver.resize(g.sender.size(), static_cast<std::int32_t>(i));
    g.first[i + 1] = static_cast<std::int32_t>(g.sender.size());
  }
  return g;
}

}  // namespace detail

/// Every node receives from its k nearest others (and from itself, with SelfLoops::keep: k + 1
/// edges). Equal distances go to the smaller id. Edges need not be symmetric.
/// @param points  (node, dim), dim 1 to 3
/// @throws Error  for k < 1, fewer than k + 1 nodes, or coordinates that are not finite
[[nodiscard]] inline Graph knn_edges(std::span<const double> points, int dim, int k,
                                     SelfLoops loops = SelfLoops::reject) {
  const FloatEnvironment own;
  const PointTree tree(points, dim);
  if (k < 1 || k >= tree.size()) {
    throw Error("knn_edges", "1 <= k < number of nodes (" + std::to_string(tree.size()) + ")",
                "k = " + std::to_string(k), "Ask for fewer neighbours.");
  }
  return detail::neighbour_rows(tree, [&](std::int32_t i, std::vector<PointTree::Hit>& found) {
    tree.nearest(points.data() + static_cast<std::ptrdiff_t>(i) * dim, static_cast<std::size_t>(k),
                 i, found);
    if (loops == SelfLoops::keep) found.emplace_back(0.0, i);
  });
}

/// Every node receives from all others no further away than radius. Symmetric; a lonely node has
/// no edges, which validate(Graph) reports.
/// @param radius  in the unit of the points, positive
/// @throws Error  for a radius that is not positive, no nodes, or coordinates that are not finite
[[nodiscard]] inline Graph radius_edges(std::span<const double> points, int dim, double radius,
                                        SelfLoops loops = SelfLoops::reject) {
  const FloatEnvironment own;
  const PointTree tree(points, dim);
  if (!(radius > 0) || !std::isfinite(radius) || tree.size() == 0) {
    throw Error("radius_edges", "points, and a positive finite radius",
                std::to_string(tree.size()) + " points, radius " + std::to_string(radius),
                "Choose the radius as two or three typical distances of neighbours.");
  }
  return detail::neighbour_rows(tree, [&](std::int32_t i, std::vector<PointTree::Hit>& found) {
    tree.within(points.data() + static_cast<std::ptrdiff_t>(i) * dim, radius,
                loops == SelfLoops::keep ? -1 : i, found);
  });
}

}  // namespace amq::mesh
