#pragma once
/// @file
/// The distance from the boundary as a last given channel, which the tool and Python add for the
/// user: networks that read no cells see a boundary by it. A file knows the channel by its name.

#include <amq/core/eigen.hpp>
#include <amq/mesh/boundary_distance.hpp>

#include <string>
#include <vector>

namespace amq::any {

/// What a file calls the channel.
inline constexpr const char* boundary_channel = "boundary_distance";

/// Whether a file's last given channel is this one.
[[nodiscard]] inline bool has_boundary_channel(const std::vector<std::string>& given_names) {
  return !given_names.empty() && given_names.back() == boundary_channel;
}
/// The given field with the channel behind the others.
/// @param given  (node, channel)
/// @throws amq::Error as mesh::boundary_distance, and for a mesh without cells
[[nodiscard]] inline core::Matrix with_boundary_channel(const Mesh& mesh,
                                                        const core::Matrix& given) {
  if (mesh.cells.empty())
    throw Error(boundary_channel, "cells, whose sides make the boundary", "a mesh without cells",
                "Leave this channel out, or give cells.");
  const auto distance = mesh::boundary_distance(mesh);
  core::Matrix all(given.rows(), given.cols() + 1);
  all.leftCols(given.cols()) = given;
  for (Index i = 0; i < all.rows(); ++i)
    all(i, given.cols()) = static_cast<float>(distance[static_cast<std::size_t>(i)]);
  return all;
}

}  // namespace amq::any
