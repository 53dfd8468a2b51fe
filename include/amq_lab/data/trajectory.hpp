#pragma once
/// @file
/// Fields in time on a mesh, whatever the data set: what the loaders of unsteady problems return.

#include <amq/core/error.hpp>
#include <amq/mesh/sample.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace amq::lab {

/// Frames of fields at the nodes. What does not change in time is kept once, in `mesh`.
struct MeshTrajectory {
  Mesh mesh;  ///< of the first frame
  Index n_frames = 0;
  double dt = 0;                    ///< between frames, the user's time unit; 0: not known
  MeshSample::Fields node;          ///< name -> (frame, node, channel)
  std::vector<double> points;       ///< (frame, node, dim) of a moving mesh, else empty
  std::vector<std::int32_t> cells;  ///< (frame, cell, corner) when they change, else empty
  std::vector<NodeType> node_type;  ///< (frame, node) when they change, else empty

  [[nodiscard]] Index channels(const std::string& name) const {
    const auto n = n_frames * mesh.n_nodes();
    return n == 0 ? 0 : static_cast<Index>(field(name).size()) / n;
  }
  /// @throws Error  listing the names there are
  [[nodiscard]] const std::vector<float>& field(const std::string& name) const {
    const auto it = node.find(name);
    if (it != node.end()) return it->second;
    std::string all;
    for (const auto& [n, values] : node) all += (all.empty() ? "" : ", ") + n;
    throw Error("MeshTrajectory", "a field '" + name + "'", "only: " + all, "Check the data set.");
  }
  /// Mesh and fields of one frame. @throws Error for a frame that is not there
  [[nodiscard]] MeshSample frame(Index k) const {
    if (k < 0 || k >= n_frames) {
      throw Error("MeshTrajectory", "a frame of 0 to " + std::to_string(n_frames - 1),
                  std::to_string(k), "Count from 0.");
    }
    const auto cut = [&](const auto& all, auto& out) {
      const auto n = static_cast<Index>(all.size()) / n_frames;
      if (n > 0) out.assign(all.begin() + k * n, all.begin() + (k + 1) * n);
    };
    MeshSample s;
    s.mesh = mesh;
    cut(points, s.mesh.points);
    cut(cells, s.mesh.cells);
    cut(node_type, s.mesh.node_type);
    for (const auto& [name, values] : node) cut(values, s.node[name]);
    return s;
  }
};

namespace detail {

/// Takes (frame, ...) values: the first frame's go to `still`, all of them to `moving`, but only if
/// any frame differs from the first.
template <typename T>
void keep_changes(std::vector<T> all, Index n_frames, std::vector<T>& still,
                  std::vector<T>& moving) {
  const auto n = static_cast<Index>(all.size()) / std::max<Index>(n_frames, 1);
  still.assign(all.begin(), all.begin() + n);
  bool changes = false;
  for (Index k = 1; k < n_frames && !changes; ++k) {
    changes = !std::equal(still.begin(), still.end(), all.begin() + k * n);
  }
  if (changes)
    moving = std::move(all);
  else
    moving.clear();
}

/// Throws unless every id names one of n nodes.
inline void require_ids(const std::vector<std::int32_t>& ids, Index n, const std::string& where) {
  for (const auto id : ids) {
    if (id < 0 || id >= n) {
      throw Error(where, "node ids of 0 to " + std::to_string(n - 1), std::to_string(id),
                  "The file is damaged, or its cells belong to another mesh.");
    }
  }
}
/// Numbers of NodeType, or an Error for one that has no name.
template <typename T>
std::vector<NodeType> node_types(const std::vector<T>& numbers, const std::string& where) {
  std::vector<NodeType> out;
  out.reserve(numbers.size());
  for (const auto t : numbers) {
    if (t < 0 || t >= n_node_types) {
      throw Error(where, "node types of 0 to " + std::to_string(n_node_types - 1),
                  std::to_string(t), "The file is damaged, or numbers its nodes in another way.");
    }
    out.push_back(static_cast<NodeType>(t));
  }
  return out;
}

}  // namespace detail

}  // namespace amq::lab
