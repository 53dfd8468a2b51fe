#pragma once
/// @file
/// Scores of clusters from those of their members. Clusters have a slice of the budget of their
/// own: allocate over them as over any elements.

#include <amq/core/error.hpp>
#include <amq/core/matrix_view.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace amq {

enum class ClusterScore : std::uint8_t {
  sum,  ///< what the members lose together: errors add up
  max,  ///< the worst member decides
};

/// @param cluster_of  (node) -> cluster below n_clusters
/// @param score       (node) -> double, not negative
/// @returns (cluster); an empty cluster scores 0. Sums are in node order.
template <typename Score>
std::vector<double> cluster_totals(std::span<const std::int32_t> cluster_of, Index n_clusters,
                                   ClusterScore how, const Score& score) {
  std::vector<double> total(static_cast<std::size_t>(n_clusters), 0.0);
  for (std::size_t i = 0; i < cluster_of.size(); ++i) {
    auto& t = total[static_cast<std::size_t>(cluster_of[i])];
    const double s = score(i);
    t = how == ClusterScore::sum ? t + s : std::max(t, s);
  }
  return total;
}

/// @param cluster_of  (node) -> cluster
/// @returns (cluster); an empty cluster scores 0. Sums are in node order.
/// @throws Error when lengths differ or a node names a cluster that does not exist
[[nodiscard]] inline std::vector<float> cluster_scores(std::span<const std::int32_t> cluster_of,
                                                       std::span<const float> score,
                                                       Index n_clusters,
                                                       ClusterScore how = ClusterScore::sum) {
  if (cluster_of.size() != score.size())
    throw Error("cluster_scores", std::to_string(cluster_of.size()) + " scores",
                std::to_string(score.size()), "Give every node a score.");
  for (std::size_t i = 0; i < score.size(); ++i)
    if (const auto c = cluster_of[i]; c < 0 || c >= n_clusters)
      throw Error("cluster_scores", "clusters 0 to " + std::to_string(n_clusters - 1),
                  std::to_string(c) + " at node " + std::to_string(i),
                  "Number the clusters from 0 without gaps.");
  const auto total = cluster_totals(cluster_of, std::max<Index>(n_clusters, 0), how,
                                    [&](std::size_t i) { return static_cast<double>(score[i]); });
  return {total.begin(), total.end()};
}

}  // namespace amq
