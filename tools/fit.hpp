#pragma once
/// @file
/// amq fit: from a folder of solved problems to a model file; and folders of problems to quantize
/// on.

#include "arguments.hpp"

#include <amq/mesh/sample.hpp>
#include <amq/train/train_options.hpp>

#include <string>
#include <vector>

namespace amq::tool {

using namespace mesh;

[[nodiscard]] std::vector<std::string> fit_options();
/// A mesh with its fields from a .vtk or a .vtu.
/// @throws amq::Error naming a file that cannot be used
[[nodiscard]] MeshSample read_fields(const std::string& path);
/// Meshes with given fields, from a folder that fit() would read; solutions are not read.
/// @param mark  nodes on the boundary of plane meshes without types become walls, as in fit()
/// @throws amq::Error naming the file that cannot be used
[[nodiscard]] std::vector<Sample> given_samples(const Arguments& a, const std::string& folder,
                                                bool mark);
/// @throws amq::Error naming the file that cannot be used, and as any::train()
int fit(const Arguments& a);

}  // namespace amq::tool
