#pragma once
/// @file
/// Who sends messages to whom, stored by receiver.

#include <amq/core/matrix_view.hpp>
#include <amq/core/rooms.hpp>

#include <cstdint>
#include <vector>

namespace amq {

/// Directed edges in compressed rows: the edges that arrive at node i are first[i] .. first[i+1]-1,
/// their senders in ascending order. So a sum over incoming messages reads contiguous rows, needs
/// no atomics and has one order (design decision 5).
struct Graph {
  std::vector<std::int32_t> first;     ///< (node + 1)
  std::vector<std::int32_t> sender;    ///< (edge)
  std::vector<std::int32_t> receiver;  ///< (edge), ascending

  [[nodiscard]] Index n_nodes() const noexcept {
    return first.empty() ? 0 : static_cast<Index>(first.size()) - 1;
  }
  [[nodiscard]] Index n_edges() const noexcept { return static_cast<Index>(sender.size()); }
  [[nodiscard]] Index in_degree(Index i) const noexcept {
    const auto k = static_cast<std::size_t>(i);
    return first[k + 1] - first[k];
  }
};

}  // namespace amq
