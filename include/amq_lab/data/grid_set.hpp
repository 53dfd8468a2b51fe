#pragma once
/// @file
/// Public data on regular grids, from the arrays of a .mat or .npz file to the layout of GridSet;
/// and GridSets kept as .npz of our own. PDEBench's HDF5 files: io/grid_set_hdf5.hpp.
///
// clang-format off
/// | file                              | arrays                                | function            |
/// |-----------------------------------|---------------------------------------|---------------------|
/// | FNO piececonst_r421_N1024_*.mat   | coeff, sol (N, n, n)                  | fno_darcy           |
/// | FNO burgers_data_R10.mat          | a, u (N, n)                           | fno_burgers         |
/// | FNO NavierStokes_V*_N*_T*.mat     | u (N, n, n, T), maybe a (N, n, n)     | fno_navier_stokes   |
/// | neuraloperator's darcy_*.npz      | x_train (N, n, n), y_train, x_test .. | neuraloperator_darcy|
// clang-format on

#include <amq/core/error.hpp>
#include <amq/io/array.hpp>
#include <amq/mesh/grid.hpp>
#include <amq_lab/data/npz.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace amq::lab {

/// Which part of a file becomes a set.
struct GridPart {
  Index first = 0;   ///< sample
  Index count = -1;  ///< samples; -1: all there are
  Index stride = 1;  ///< in each direction of space; must meet the last node of a grid of nodes
};

namespace detail {
[[nodiscard]] inline Index part_count(const GridPart& part, Index n, const std::string& where) {
  const Index count = part.count < 0 ? n - part.first : part.count;
  if (part.first < 0 || count < 0 || part.first + count > n)
    throw Error(where, "samples within 0 to " + std::to_string(n),
                std::to_string(part.first) + " to " + std::to_string(part.first + count),
                "Ask for fewer.");
  return count;
}
[[nodiscard]] inline std::vector<double> grid_axis(Index n, GridPoints layout) {
  std::vector<double> x;
  for (Index i = 0; i < n; ++i) {
    const auto k = static_cast<double>(i), m = static_cast<double>(n);
    x.push_back(layout == GridPoints::centres ? (k + 0.5) / m
                : layout == GridPoints::nodes ? (n > 1 ? k / (m - 1) : 0)
                                              : k / m);
  }
  return x;
}
[[nodiscard]] inline Index strided(Index n, Index stride, GridPoints layout,
                                   const std::string& where) {
  const Index steps = layout == GridPoints::nodes ? n - 1 : n;
  if (stride < 1 || steps % stride != 0)
    throw Error(where, "a stride that divides " + std::to_string(steps), std::to_string(stride),
                "421 nodes take 5 and give 85.");
  return steps / stride + (layout == GridPoints::nodes ? 1 : 0);
}
/// (N, point...) or (N, point..., time) -> (sample, time, point..., 1); square grids.
[[nodiscard]] inline GridField field_of(const Array& a, Index dim, bool with_time,
                                        const GridPart& part, GridPoints layout,
                                        const std::string& where) {
  if (a.rank() != 1 + dim + (with_time ? 1 : 0) || (dim == 2 && a.shape[1] != a.shape[2]))
    throw Error(
        where,
        std::string(dim == 1 ? "shape (N, n" : "shape (N, n, n") + (with_time ? ", T)" : ")"),
        text_of(a.shape), "Check that this is the array that was meant.");
  const Index n = a.shape[1], times = with_time ? a.shape.back() : 1;
  const Index kept = strided(n, part.stride, layout, where);
  GridField f(part_count(part, a.shape[0], where), times,
              std::vector<Index>(static_cast<std::size_t>(dim), kept));
  const auto values = finite<float>(a, where);
  const Index rows = dim == 2 ? n : 1, kept_rows = dim == 2 ? kept : 1;
  std::size_t out = 0;
  for (Index s = part.first; s < part.first + f.n_samples; ++s)
    for (Index t = 0; t < times; ++t)
      for (Index i = 0; i < kept_rows; ++i)
        for (Index j = 0; j < kept; ++j) {
          const Index from = ((s * rows + i * part.stride) * n + j * part.stride) * times + t;
          f.values[out++] = values[static_cast<std::size_t>(from)];
        }
  return f;
}
inline void complete(GridSet& set, GridPoints layout, const std::string& where) {
  set.layout = layout;
  for (const Index n : set.u.points) set.axes.push_back(grid_axis(n, layout));
  if (!set.input.empty() &&
      (set.input.n_samples != set.u.n_samples || set.input.points != set.u.points))
    throw Error(where, "input and solution on one grid, one for one",
                std::to_string(set.input.n_samples) + " and " + std::to_string(set.u.n_samples) +
                    " samples",
                "Check that both arrays belong together.");
}
}  // namespace detail

/// Coefficient -> pressure on (n, n) nodes, boundary included.
[[nodiscard]] inline GridSet fno_darcy(const npz::Arrays& arrays, const GridPart& part = {}) {
  GridSet set;
  const auto layout = GridPoints::nodes;
  set.input = detail::field_of(npz::at(arrays, "coeff", "fno_darcy"), 2, false, part, layout,
                               "fno_darcy: coeff");
  set.u = detail::field_of(npz::at(arrays, "sol", "fno_darcy"), 2, false, part, layout,
                           "fno_darcy: sol");
  detail::complete(set, layout, "fno_darcy");
  return set;
}

/// State at t = 0 -> state at t = 1, at x = i / n.
[[nodiscard]] inline GridSet fno_burgers(const npz::Arrays& arrays, const GridPart& part = {}) {
  GridSet set;
  const auto layout = GridPoints::periodic;
  set.input = detail::field_of(npz::at(arrays, "a", "fno_burgers"), 1, false, part, layout,
                               "fno_burgers: a");
  set.u = detail::field_of(npz::at(arrays, "u", "fno_burgers"), 1, false, part, layout,
                           "fno_burgers: u");
  set.t = {1};
  detail::complete(set, layout, "fno_burgers");
  return set;
}

/// Vorticity at t = 1, 2, ..., T; the state at t = 0 where the file has it.
[[nodiscard]] inline GridSet fno_navier_stokes(const npz::Arrays& arrays,
                                               const GridPart& part = {}) {
  GridSet set;
  const auto layout = GridPoints::periodic;
  set.u = detail::field_of(npz::at(arrays, "u", "fno_navier_stokes"), 2, true, part, layout,
                           "fno_navier_stokes: u");
  if (arrays.contains("a"))
    set.input = detail::field_of(arrays.at("a"), 2, false, part, layout, "fno_navier_stokes: a");
  for (Index k = 1; k <= set.u.n_times; ++k) set.t.push_back(static_cast<double>(k));
  detail::complete(set, layout, "fno_navier_stokes");
  return set;
}

/// The neuraloperator project's Darcy sets. Its coefficient is kept as true (high) and false (low).
/// @param split  "train" or "test"
[[nodiscard]] inline GridSet neuraloperator_darcy(const npz::Arrays& arrays,
                                                  const std::string& split,
                                                  const GridPart& part = {}) {
  GridSet set;
  // Its points are n of linspace(0, 1, n + 1): spaced as a periodic grid, the last node not stored.
  const auto layout = GridPoints::periodic;
  const std::string where = "neuraloperator_darcy";
  set.input = detail::field_of(npz::at(arrays, "x_" + split, where), 2, false, part, layout,
                               where + ": x_" + split);
  set.u = detail::field_of(npz::at(arrays, "y_" + split, where), 2, false, part, layout,
                           where + ": y_" + split);
  detail::complete(set, layout, where);
  return set;
}

/// Writes a set as .npz: input, u (sample, time, point..., channel), t, axis0 ..., layout.
inline void write_grid_set(const std::string& path, const GridSet& set) {
  npz::Arrays out;
  const auto add = [&](const std::string& name, const GridField& f) {
    Extents shape{f.n_samples, f.n_times};
    shape.insert(shape.end(), f.points.begin(), f.points.end());
    shape.push_back(f.n_channels);
    out.emplace(name, Array::of(f.values, shape));
  };
  add("input", set.input);
  add("u", set.u);
  out.emplace("t", Array::of(set.t));
  for (std::size_t d = 0; d < set.axes.size(); ++d)
    out.emplace("axis" + std::to_string(d), Array::of(set.axes[d]));
  out.emplace("layout", Array::scalar(static_cast<std::int32_t>(set.layout)));
  npz::write(path, out);
}
/// @throws Error for a file that is no such set, or whose parts do not fit together
[[nodiscard]] inline GridSet read_grid_set(const std::string& path) {
  const auto arrays = npz::read(path);
  GridSet set;
  const auto take = [&](const std::string& name) {
    const Array& a = npz::at(arrays, name, path);
    if (a.rank() < 4 || a.rank() > 6)
      throw Error(path + ": " + name, "shape (sample, time, point..., channel)", text_of(a.shape),
                  "Write it with write_grid_set.");
    GridField f;
    f.n_samples = a.shape[0];
    f.n_times = a.shape[1];
    f.points.assign(a.shape.begin() + 2, a.shape.end() - 1);
    f.n_channels = a.shape.back();
    f.values = finite<float>(a, path + ": " + name);
    return f;
  };
  set.input = take("input");
  set.u = take("u");
  set.t = finite<double>(npz::at(arrays, "t", path), path + ": t");
  if (!set.t.empty() && static_cast<Index>(set.t.size()) != set.u.n_times)
    throw Error(path + ": t", std::to_string(set.u.n_times) + " times, as u has frames, or none",
                std::to_string(set.t.size()), "The file is damaged.");
  for (std::size_t d = 0; d < set.u.points.size(); ++d)
    set.axes.push_back(
        finite<double>(npz::at(arrays, "axis" + std::to_string(d), path), path + ": axis"));
  const auto layout = npz::at(arrays, "layout", path).as<std::int32_t>();
  if (layout.size() != 1 || layout[0] < 0 || layout[0] > 2)
    throw Error(path + ": layout", "0 (centres), 1 (nodes) or 2 (periodic)",
                layout.empty() ? "nothing" : std::to_string(layout[0]),
                "Write it with write_grid_set.");
  set.layout = static_cast<GridPoints>(layout[0]);
  for (std::size_t d = 0; d < set.axes.size(); ++d)
    if (static_cast<Index>(set.axes[d].size()) != set.u.points[d])
      throw Error(path + ": axis" + std::to_string(d),
                  std::to_string(set.u.points[d]) + " coordinates",
                  std::to_string(set.axes[d].size()), "The file is damaged.");
  if (!set.input.empty() && set.input.n_samples != set.u.n_samples)
    throw Error(path, std::to_string(set.u.n_samples) + " inputs",
                std::to_string(set.input.n_samples), "The file is damaged.");
  if (!set.input.empty() && (set.input.points != set.u.points || set.input.n_times != 1))
    throw Error(path + ": input", "one frame on the points of u",
                text_of(npz::at(arrays, "input", path).shape), "The file is damaged.");
  return set;
}

}  // namespace amq::lab
