#pragma once
/// @file
/// ShapeNet-Car (Umetani and Bickel 2018): flow round 889 cars at 20 m/s, in the published layout
/// (one folder a car: quadpress_smpl.vtk, press.npy, hexvelo_smpl.vtk) and as Transolver's code
/// preprocesses it (pos, x, y, surf, edge_index .npy).

#include <amq_lab/data/npy.hpp>
#include <amq_lab/data/vtk_legacy.hpp>

#include <filesystem>

namespace amq::lab::shapenet_car {

/// Constants of the surface task, as published with UPT and Erwin: for normalisation.
inline constexpr double pressure_mean = -36.3099, pressure_std = 48.5743;

/// The surface of a car: the quads, the points they use (the files have more) and node["pressure"],
/// from press.npy where it is there, else from the .vtk.
/// Throws Error naming the file when counts disagree, values are NaN, or cells are no quads.
[[nodiscard]] inline MeshSample surface(const std::string& folder) {
  const std::string path = folder + "/quadpress_smpl.vtk", press = folder + "/press.npy";
  MeshSample out = vtk_legacy::read_as_stored(path);
  const Mesh& m = out.mesh;
  if (m.dim != 3 || m.nodes_per_cell != 4 || m.cell_dimension() != 2 || m.n_cells() == 0) {
    throw Error(path, "quads in space", std::to_string(m.nodes_per_cell) + " nodes per cell",
                "This is no ShapeNet-Car surface.");
  }
  std::vector<float> pressure;
  if (std::filesystem::exists(press)) {
    const Array a = npy::read(press);
    pressure = finite<float>(a, press);
  } else if (!out.node.empty()) {
    pressure = out.node.contains("point_scalars") ? out.node.at("point_scalars")
                                                  : out.node.begin()->second;
  }
  if (static_cast<Index>(pressure.size()) != m.n_nodes()) {
    throw Error(folder, std::to_string(m.n_nodes()) + " pressures, as the .vtk has points",
                std::to_string(pressure.size()), "Check press.npy.");
  }
  out.node = {{"pressure", std::move(pressure)}};
  out.cell.clear();
  drop_orphans(out);
  return out;
}

/// The air round a car: hexahedra with node["velocity"] (node, 3).
[[nodiscard]] inline MeshSample volume(const std::string& folder) {
  const std::string path = folder + "/hexvelo_smpl.vtk";
  MeshSample s = vtk_legacy::read(path);
  const auto it = s.node.contains("point_vectors") ? s.node.find("point_vectors") : s.node.begin();
  if (s.mesh.nodes_per_cell != 8 || it == s.node.end() ||
      static_cast<Index>(it->second.size()) != 3 * s.mesh.n_nodes()) {
    throw Error(path, "hexahedra with a vector field", "something else",
                "This is no ShapeNet-Car volume.");
  }
  MeshSample::Fields velocity;
  velocity["velocity"] = std::move(it->second);
  s.node = std::move(velocity);
  return s;
}

/// A car as Transolver's code stores it: surface and air in one cloud of points, and its edges.
struct Preprocessed {
  MeshSample sample;  ///< no cells; sdf (node, 1), normal (node, 3), velocity (node, 3), pressure
                      ///< (node, 1), surface (node, 1): 1 on the car
  std::vector<std::int32_t> sender, receiver;  ///< (edge)
};

/// Throws Error naming the file when counts disagree, ids are out of range, or values NaN.
[[nodiscard]] inline Preprocessed preprocessed(const std::string& folder) {
  const auto read = [&](const std::string& name, const Extents& shape) {
    const std::string path = folder + "/" + name + ".npy";
    Array a = npy::read(path);
    expect_shape(a, shape, path);
    return a;
  };
  const auto numbers = [&](const std::string& name, const Extents& shape) {
    return finite<float>(read(name, shape), folder + "/" + name + ".npy");
  };
  Preprocessed out;
  Mesh& m = out.sample.mesh;
  m.dim = 3;
  const Array pos = read("pos", {-1, 3});
  const Index n = pos.shape[0];
  m.points = finite<double>(pos, folder + "/pos.npy");
  const auto columns = [n](const std::vector<float>& a, Index width, Index from, Index count) {
    std::vector<float> part;
    part.reserve(static_cast<std::size_t>(n * count));
    for (Index i = 0; i < n; ++i) {
      for (Index k = 0; k < count; ++k)
        part.push_back(a[static_cast<std::size_t>(i * width + from + k)]);
    }
    return part;
  };
  const auto x = numbers("x", {n, 7}), y = numbers("y", {n, 4});
  auto& node = out.sample.node;
  node["sdf"] = columns(x, 7, 3, 1);
  node["normal"] = columns(x, 7, 4, 3);
  node["velocity"] = columns(y, 4, 0, 3);
  node["pressure"] = columns(y, 4, 3, 1);
  node["surface"] = numbers("surf", {n});
  const auto edges = read("edge_index", {2, -1}).as<std::int32_t>(folder + "/edge_index.npy");
  for (const auto id : edges) {
    if (id < 0 || id >= n) {
      throw Error(folder + "/edge_index.npy", "node ids of 0 to " + std::to_string(n - 1),
                  std::to_string(id), "The file belongs to another car.");
    }
  }
  const auto half = edges.begin() + static_cast<Index>(edges.size() / 2);
  out.sender.assign(edges.begin(), half);
  out.receiver.assign(half, edges.end());
  return out;
}

}  // namespace amq::lab::shapenet_car
