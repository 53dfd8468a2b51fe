#pragma once
/// @file
/// EAGLE (Janny et al. 2023): unsteady air flow under a moving drone, one folder a trajectory, with
/// sim.npz and triangles.npy (or .npz). Compressed files need io/npz_zlib.hpp.
///
///     const auto t = amq::lab::eagle::load("Spl/1/1", {.first = 100, .count = 51},
///     amq::lab::zlib_inflate); t.field("velocity");   // (frame, node, 2)     t.field("pressure");
///     // (frame, node, 2): PS, PG

#include <amq_lab/data/npz.hpp>
#include <amq_lab/data/trajectory.hpp>

#include <array>
#include <filesystem>

namespace amq::lab::eagle {

/// Constants of the authors' code, (x, y) and (PS, PG): for normalisation as published.
inline constexpr std::array<double, 2> velocity_mean{-0.0015, 0.2211}, velocity_std{1.7970, 2.0258},
    pressure_mean{-0.8322, 4.6050}, pressure_std{7.4013, 9.7232};
inline constexpr double frame_dt = 1.0 / 30;  // seconds

struct Window {
  Index first = 0;
  Index count = -1;  ///< frames; -1 takes all that are left
};

namespace detail {

/// Frames of an array whose first axis is time, as (frame, rest).
inline Array frames(const Array& a, Index first, Index count) {
  Array out;
  out.dtype = a.dtype;
  out.shape = a.shape;
  out.shape[0] = count;
  const auto n = a.bytes.size() / static_cast<std::size_t>(a.shape[0]);
  const auto begin = a.bytes.begin() + static_cast<Index>(static_cast<std::size_t>(first) * n);
  out.bytes.assign(begin, begin + static_cast<Index>(static_cast<std::size_t>(count) * n));
  return out;
}
inline std::vector<float> interleaved(const Array& a, const Array& b, const std::string& where) {
  const auto x = finite<float>(a, where), y = finite<float>(b, where);
  std::vector<float> out;
  out.reserve(2 * x.size());
  for (std::size_t k = 0; k < x.size(); ++k) {
    out.push_back(x[k]);
    out.push_back(y[k]);
  }
  return out;
}
/// (frame or 1, triangle, 3), from whichever of the two files is there.
inline Array triangles(const std::string& folder, Inflate inflate) {
  Array t;
  std::string path = folder + "/triangles.npy";
  if (std::filesystem::exists(path)) {
    t = npy::read(path);
  } else {
    path = folder + "/triangles.npz";
    npz::Reader in(path, inflate);
    // One array of cells: the authors' is unnamed, others call theirs triangles or
    // triangles_static.
    for (const auto& name : in.names()) {
      if (name.starts_with("triangles") || name == "arr_0") {
        t = in.read(name);
        break;
      }
    }
  }
  if (t.rank() == 2) t.shape.insert(t.shape.begin(), 1);
  expect_shape(t, {-1, -1, 3}, path);
  return t;
}

}  // namespace detail

/// Throws Error naming file and array for what is missing, damaged, NaN, of the wrong shape, or a
/// window beyond the end.
[[nodiscard]] inline MeshTrajectory load(const std::string& folder, Window window = {},
                                         Inflate inflate = nullptr) {
  const std::string path = folder + "/sim.npz";
  npz::Reader in(path, inflate);
  Array points = in.read("pointcloud");
  expect_shape(points, {-1, -1, 2}, path + ": pointcloud");
  const Index total = points.shape[0], n = points.shape[1];
  const Index count = window.count < 0 ? total - window.first : window.count;
  if (window.first < 0 || count < 1 || window.first > total || count > total - window.first) {
    throw Error(path, "frames within 0 to " + std::to_string(total - 1),
                std::to_string(count) + " from " + std::to_string(window.first),
                "Choose another window.");
  }
  const auto read = [&](const std::string& name, const Extents& shape) {
    Array a = in.read(name);
    if (a.rank() == 3 && shape.size() == 2 && a.shape[2] == 1) a.shape.pop_back();
    expect_shape(a, shape, path + ": " + name);
    return detail::frames(a, window.first, count);
  };
  MeshTrajectory t;
  t.n_frames = count;
  t.dt = frame_dt;
  points = detail::frames(points, window.first, count);
  amq::lab::detail::keep_changes(finite<double>(points, path + ": pointcloud"), count,
                                 t.mesh.points, t.points);
  const auto types = read("mask", {total, n}).as<std::int64_t>(path + ": mask");
  amq::lab::detail::keep_changes(amq::lab::detail::node_types(types, path + ": mask"), count,
                                 t.mesh.node_type, t.node_type);
  t.node["velocity"] =
      detail::interleaved(read("VX", {total, n}), read("VY", {total, n}), path + ": VX, VY");
  t.node["pressure"] =
      detail::interleaved(read("PS", {total, n}), read("PG", {total, n}), path + ": PS, PG");
  Array cells = detail::triangles(folder, inflate);
  if (cells.shape[0] != 1) {
    expect_shape(cells, {total, -1, 3}, folder + ": triangles");
    cells = detail::frames(cells, window.first, count);
  }
  amq::lab::detail::keep_changes(cells.as<std::int32_t>(folder + ": triangles"), cells.shape[0],
                                 t.mesh.cells, t.cells);
  amq::lab::detail::require_ids(t.cells.empty() ? t.mesh.cells : t.cells, n,
                                folder + ": triangles");
  return t;
}

}  // namespace amq::lab::eagle
