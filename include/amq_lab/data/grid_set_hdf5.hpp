#pragma once
/// @file
/// Optional (libhdf5): PDEBench's files and MATLAB 7.3 files, in whole or in part, as GridSets.

#include <amq_lab/data/grid_set.hpp>
#include <amq_lab/data/pdebench.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace amq::lab {

/// Samples of a PDEBench file. Darcy's coefficient becomes the input; sets in time have none.
/// @param stride_t  between the frames that are kept
[[nodiscard]] inline GridSet pdebench_set(const std::string& path, const GridPart& part = {},
                                          Index stride_t = 1) {
  const pdebench::Reader in(path);
  const pdebench::Thinning every{stride_t, part.stride};
  const Index count = detail::part_count(part, in.size(), path);
  if (count == 0)
    throw Error(path, "at least 1 sample", "0 of " + std::to_string(in.size()), "Ask for more.");
  const bool steady = in.file().contains("nu");
  GridSet set;
  for (Index k = 0; k < count; ++k) {
    const Array u = in.solution(part.first + k, every);
    if (k == 0) {
      const std::vector<Index> points(u.shape.begin() + 1, u.shape.end() - 1);
      set.u = GridField(count, u.shape[0], points, u.shape.back());
      set.input = steady ? GridField(count, 1, points) : GridField(0, 0, points);
    }
    const auto copy = [&](const Array& a, std::span<float> to) {
      const auto values = finite<float>(a, path);
      if (values.size() != to.size())
        throw Error(path + ": sample " + std::to_string(part.first + k),
                    std::to_string(to.size()) + " numbers, as the first has",
                    std::to_string(values.size()), "Load samples of one size.");
      std::copy(values.begin(), values.end(), to.begin());
    };
    copy(u, set.u.sample(k));
    if (steady) copy(in.coefficient(part.first + k, every), set.input.sample(k));
  }
  static constexpr const char* names[] = {"x", "y", "z"};
  for (std::size_t d = 0; d < std::min<std::size_t>(set.u.points.size(), 3); ++d)
    set.axes.push_back(in.coordinate(names[d], every));
  if (!steady) set.t = in.coordinate("t", every);
  // Every n-th centre is no centre of a wider cell; it is equally spaced all the same.
  set.layout = part.stride == 1 ? GridPoints::centres : GridPoints::periodic;
  return set;
}

/// The numeric arrays of a MATLAB 7.3 file, with MATLAB's order of axes, for fno_navier_stokes and
/// the like. Whole arrays: for the largest files ask `names` only for what is needed.
/// @throws amq::Error naming file and array for what is missing or no array of numbers
[[nodiscard]] inline npz::Arrays read_mat73(const std::string& path,
                                            const std::vector<std::string>& names) {
  const hdf5::Reader in(path);
  npz::Arrays out;
  for (const auto& name : names) {
    // An empty array is stored as its extents, text as the numbers of its letters.
    if (in.has_attribute(name, "MATLAB_empty"))
      throw Error(path + ": " + name, "numbers", "an empty array of MATLAB", "Leave it out.");
    if (in.has_attribute(name, "MATLAB_class"))
      if (const std::string kind = in.text_attribute(name, "MATLAB_class");
          kind == "char" || kind == "cell" || kind == "struct")
        throw Error(path + ": " + name, "numbers", "MATLAB's class " + kind,
                    "Save the numbers in it as arrays of their own.");
    const Array stored = in.read(name);
    // MATLAB writes columns first, so HDF5 sees the axes reversed.
    const auto values = stored.as<float>(path + ": " + name);
    Extents shape(stored.shape.rbegin(), stored.shape.rend());
    std::vector<float> turned(values.size());
    std::vector<Index> at(shape.size(), 0);
    for (const float v : values) {
      Index to = 0;
      for (std::size_t d = 0; d < shape.size(); ++d) to = to * shape[d] + at[shape.size() - 1 - d];
      turned[static_cast<std::size_t>(to)] = v;
      for (std::size_t d = at.size(); d-- > 0;) {  // odometer over the stored axes
        if (++at[d] < stored.shape[d]) break;
        at[d] = 0;
      }
    }
    out.emplace(name, Array::of(turned, shape));
  }
  return out;
}

}  // namespace amq::lab
