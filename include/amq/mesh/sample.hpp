#pragma once
/// @file
/// A mesh with named fields: what data sets on meshes are made of, whatever the problem.

#include <amq/core/error.hpp>
#include <amq/mesh/mesh.hpp>

#include <map>
#include <string>
#include <vector>

namespace amq::mesh {

/// One sample of a problem on a mesh.
struct MeshSample {
  using Fields = std::map<std::string, std::vector<float>>;
  Mesh mesh;
  Fields node;  ///< name -> (node, channel), row-major
  Fields cell;  ///< name -> (cell, channel), row-major
};

/// The node field of that name. @throws Error  listing the names there are
[[nodiscard]] inline const std::vector<float>& node_field(const MeshSample& sample,
                                                          const std::string& name) {
  const auto it = sample.node.find(name);
  if (it != sample.node.end()) return it->second;
  std::string all;
  for (const auto& [n, values] : sample.node) all += (all.empty() ? "" : ", ") + n;
  throw Error("node_field", "a field '" + name + "'", "only: " + all, "Check the data set.");
}

}  // namespace amq::mesh
