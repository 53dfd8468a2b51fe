#pragma once
/// @file
/// Clusters of nodes that lie together, none larger than a capacity: same-size constrained k-means.

#include <amq/core/error.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/core/matrix_view.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace amq::mesh {

/// Every node is in one cluster. Clusters may be empty.
struct Clusters {
  std::vector<std::int32_t> first;  ///< (cluster + 1)
  std::vector<std::int32_t>
      member;  ///< (node) nodes of cluster c: first[c] .. first[c+1]-1, ascending
  std::vector<std::int32_t> of_node;  ///< (node)
  std::vector<double>
      centre;  ///< (cluster, dim): mean of the members; where empty, the last centre
  Index dim = 0;

  [[nodiscard]] Index n_clusters() const noexcept {
    return first.empty() ? 0 : static_cast<Index>(first.size()) - 1;
  }
  [[nodiscard]] Index n_nodes() const noexcept { return static_cast<Index>(of_node.size()); }
  [[nodiscard]] std::span<const std::int32_t> members(Index c) const noexcept {
    const auto k = static_cast<std::size_t>(c);
    return std::span(member).subspan(static_cast<std::size_t>(first[k]),
                                     static_cast<std::size_t>(first[k + 1] - first[k]));
  }
  [[nodiscard]] Index largest() const noexcept {
    Index n = 0;
    for (Index c = 0; c < n_clusters(); ++c) n = std::max(n, static_cast<Index>(members(c).size()));
    return n;
  }
  [[nodiscard]] MatrixView<const double> centres() const noexcept {
    return {centre.data(), n_clusters(), dim};
  }
};

/// Of several who share the work on clusters: each has some that stand side by side.
struct ClusterShare {
  Index first = 0, count = 0;

  /// @param n  clusters in all
  [[nodiscard]] static ClusterShare of(Index n, Index share, Index shares) noexcept {
    const Index first = n * share / shares;
    return {first, n * (share + 1) / shares - first};
  }
};

struct ClusterOptions {
  Index capacity = 20;   ///< most members of a cluster
  Index n_clusters = 0;  ///< 0: ceil(nodes / capacity) + 1, as EAGLE has it, and at most the nodes
  int iterations = 300;  ///< most of Lloyd's, without the capacity
  int improvements = 100;  ///< most passes of moves and exchanges, within the capacity
  MatrixView<const double>
      start{};  ///< (cluster, dim) e.g. the last frame's; none: the first nodes
};

namespace detail {

class ConstrainedKMeans {
 public:
  ConstrainedKMeans(MatrixView<const float> x, Index n_clusters, Index capacity)
      : x_(x),
        capacity_(capacity),
        n_clusters_(n_clusters),
        centre_(static_cast<std::size_t>(n_clusters * x.cols)),
        of_(static_cast<std::size_t>(x.rows), -1) {}

  [[nodiscard]] double* centre(Index c) noexcept { return centre_.data() + c * x_.cols; }

  /// Plain k-means, until no node changes or no centre moves by 1e-6.
  void lloyd(int iterations) {
    for (int k = 0; k < iterations; ++k) {
      bool changed = false;
      for (Index i = 0; i < x_.rows; ++i) {
        std::int32_t best = 0;
        double least = std::numeric_limits<double>::infinity();
        for (Index c = 0; c < n_clusters_; ++c)
          if (const double d = distance(i, c); d < least) {
            least = d;
            best = static_cast<std::int32_t>(c);
          }
        changed = changed || at(i) != best;
        at(i) = best;
      }
      if (!changed || move_centres() < 1e-12) return;
    }
  }
  /// Nodes with most to lose choose first; each takes the nearest cluster with room.
  void assign() {
    std::vector<double> stake(of_.size());
    for (Index i = 0; i < x_.rows; ++i) {
      double least = std::numeric_limits<double>::infinity(), most = 0;
      for (Index c = 0; c < n_clusters_; ++c) {
        const double d = distance(i, c);
        least = std::min(least, d);
        most = std::max(most, d);
      }
      stake[static_cast<std::size_t>(i)] = std::sqrt(least) - std::sqrt(most);
    }
    members_.assign(static_cast<std::size_t>(n_clusters_), {});
    for (const auto i : order(stake)) {
      Index best = -1;
      double least = std::numeric_limits<double>::infinity();
      for (Index c = 0; c < n_clusters_; ++c)
        if (static_cast<Index>(members_[static_cast<std::size_t>(c)].size()) < capacity_)
          if (const double d = distance(i, c); best < 0 || d < least) {
            least = d;
            best = c;
          }
      put(i, best);
    }
  }
  /// Moves a node where there is room, exchanges it for another where there is none, whenever the
  /// sum of squared distances falls. @returns whether anything changed
  bool improve() {
    move_centres();
    std::vector<double> gain(of_.size());
    for (Index i = 0; i < x_.rows; ++i) {
      double least = std::numeric_limits<double>::infinity();
      for (Index c = 0; c < n_clusters_; ++c) least = std::min(least, distance(i, c));
      gain[static_cast<std::size_t>(i)] = least - distance(i, at(i));
    }
    bool changed = false;
    for (const auto i : order(gain)) {
      const double own = distance(i, at(i));
      Index target = -1, other = -1;
      double most = 1e-12 * (own + 1e-300);
      for (Index c = 0; c < n_clusters_; ++c) {
        const double here = own - distance(i, c);
        if (here <= 0) continue;
        const auto& m = members_[static_cast<std::size_t>(c)];
        if (static_cast<Index>(m.size()) < capacity_) {
          if (here > most) most = here, target = c, other = -1;
          continue;
        }
        for (const auto j : m)
          if (const double g = here + distance(j, c) - distance(j, at(i)); g > most)
            most = g, target = c, other = j;
      }
      if (target < 0) continue;
      const Index from = at(i);
      take(i);
      if (other >= 0) {
        take(other);
        put(other, from);
      }
      put(i, target);
      changed = true;
    }
    return changed;
  }
  [[nodiscard]] Clusters result() {
    move_centres();
    Clusters out;
    out.dim = x_.cols;
    out.centre = centre_;
    out.of_node = of_;
    out.first.push_back(0);
    for (auto& m : members_) {
      std::sort(m.begin(), m.end());
      out.member.insert(out.member.end(), m.begin(), m.end());
      out.first.push_back(static_cast<std::int32_t>(out.member.size()));
    }
    return out;
  }

 private:
  [[nodiscard]] std::int32_t& at(Index i) noexcept { return of_[static_cast<std::size_t>(i)]; }
  /// Squared.
  [[nodiscard]] double distance(Index i, Index c) const noexcept {
    const double* m = centre_.data() + c * x_.cols;
    double sum = 0;
    for (Index d = 0; d < x_.cols; ++d) {
      const double r = static_cast<double>(x_(i, d)) - m[d];
      sum = std::fma(r, r, sum);
    }
    return sum;
  }
  /// Ascending; equal keys by node.
  [[nodiscard]] static std::vector<std::int32_t> order(const std::vector<double>& key) {
    std::vector<std::int32_t> ids(key.size());
    std::iota(ids.begin(), ids.end(), 0);
    std::stable_sort(ids.begin(), ids.end(), [&](std::int32_t a, std::int32_t b) {
      return key[static_cast<std::size_t>(a)] < key[static_cast<std::size_t>(b)];
    });
    return ids;
  }
  void put(Index i, Index c) {
    at(i) = static_cast<std::int32_t>(c);
    members_[static_cast<std::size_t>(c)].push_back(static_cast<std::int32_t>(i));
  }
  void take(Index i) {
    auto& m = members_[static_cast<std::size_t>(at(i))];
    m.erase(std::find(m.begin(), m.end(), static_cast<std::int32_t>(i)));
  }
  /// To the means. @returns the largest squared shift; a cluster without nodes stays.
  double move_centres() {
    std::vector<double> sum(centre_.size(), 0.0);
    std::vector<Index> n(static_cast<std::size_t>(n_clusters_), 0);
    for (Index i = 0; i < x_.rows; ++i) {
      ++n[static_cast<std::size_t>(at(i))];
      for (Index d = 0; d < x_.cols; ++d)
        sum[static_cast<std::size_t>(at(i) * x_.cols + d)] += static_cast<double>(x_(i, d));
    }
    double largest = 0;
    for (Index c = 0; c < n_clusters_; ++c) {
      const auto k = static_cast<std::size_t>(c);
      if (n[k] == 0) continue;
      double shift = 0;
      for (Index d = 0; d < x_.cols; ++d) {
        const double m = sum[static_cast<std::size_t>(c * x_.cols + d)] / static_cast<double>(n[k]);
        const double r = m - centre(c)[d];
        shift = std::fma(r, r, shift);
        centre(c)[d] = m;
      }
      largest = std::max(largest, shift);
    }
    return largest;
  }

  MatrixView<const float> x_;
  Index capacity_, n_clusters_;
  std::vector<double> centre_;
  std::vector<std::int32_t> of_;
  std::vector<std::vector<std::int32_t>> members_;
};

}  // namespace detail

/// Lloyd's k-means, then a greedy assignment within the capacity, then moves and exchanges (the
/// same-size k-means heuristic, as in the EAGLE data set of Janny et al. 2023). Deterministic; ties
/// go to the lower id.
/// @param positions  (node, dim)
/// @throws amq::Error for no nodes, NaN, more clusters than nodes, clusters that cannot hold all
///         nodes, a start of another shape
[[nodiscard]] inline Clusters same_size_clusters(MatrixView<const float> positions,
                                                 const ClusterOptions& options) {
  const FloatEnvironment own;
  const std::string where = "same_size_clusters";
  const Index n = positions.rows, s = options.capacity;
  if (n == 0 || positions.cols == 0)
    throw Error(where, "nodes with coordinates",
                "(" + std::to_string(n) + ", " + std::to_string(positions.cols) + ")",
                "Was the mesh read?");
  for (Index i = 0; i < n; ++i)
    for (Index d = 0; d < positions.cols; ++d)
      if (!std::isfinite(positions(i, d)))
        throw Error(where, "finite positions",
                    std::to_string(positions(i, d)) + " at node " + std::to_string(i),
                    "Repair the mesh before it is passed on.");
  if (s < 1)
    throw Error(where, "a capacity of at least 1", std::to_string(s),
                "Say how many nodes a cluster may hold, usually 10 to 40.");
  const Index c = options.n_clusters ? options.n_clusters : std::min(n, (n + s - 1) / s + 1);
  if (c < 1 || c > n)
    throw Error(where, "1 to " + std::to_string(n) + " clusters for as many nodes",
                std::to_string(c), "Ask for fewer clusters, or leave the number to the capacity.");
  if (c * s < n)
    throw Error(where, "room for " + std::to_string(n) + " nodes",
                std::to_string(c) + " clusters of at most " + std::to_string(s),
                "Raise the capacity or the number of clusters.");
  const auto& start = options.start;
  if (start.data != nullptr && (start.rows != c || start.cols != positions.cols))
    throw Error(where,
                "a start of (" + std::to_string(c) + ", " + std::to_string(positions.cols) + ")",
                "(" + std::to_string(start.rows) + ", " + std::to_string(start.cols) + ")",
                "Start from clusters of the same number, or from none.");
  detail::ConstrainedKMeans k(positions, c, s);
  for (Index i = 0; i < c; ++i)
    for (Index d = 0; d < positions.cols; ++d)
      k.centre(i)[d] = start.data ? start(i, d) : static_cast<double>(positions(i, d));
  k.lloyd(options.iterations);
  k.assign();
  for (int pass = 0; pass < options.improvements && k.improve(); ++pass) {
  }
  return k.result();
}

}  // namespace amq::mesh
