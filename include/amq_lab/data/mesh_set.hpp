#pragma once
/// @file
/// Data sets on meshes, kept as a folder of .npz shards that numpy reads, too. A set is made shard
/// by shard; a run that was stopped goes on where it was.
///
/// A shard holds index (sample), node_first and cell_first (sample + 1), points (node, dim), cells
/// (cell, corner; ids from 0 within the sample), node_type (node), and for each field node.<name>
/// (node, channel) or cell.<name> (cell, channel), all samples one after the other.

#include <amq/core/error.hpp>
#include <amq/core/executor.hpp>
#include <amq/mesh/sample.hpp>
#include <amq_lab/data/npz.hpp>
#include <amq_lab/data/trajectory.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::lab {

/// Some samples of a set.
struct MeshShard {
  std::vector<MeshSample> samples;
  std::vector<std::uint64_t> index;  ///< (sample) number in the set; those that failed are missing
  std::string recipe;                ///< how the set is made: a shard of another is refused
  std::uint64_t capacity = 0;        ///< samples a full shard of this set has
  std::uint64_t tried = 0;           ///< of which so many were made or failed
};

namespace detail {

[[nodiscard]] inline Array text_array(const std::string& text) {
  return Array::of(std::vector<std::uint8_t>(text.begin(), text.end()));
}
[[nodiscard]] inline std::string array_text(const Array& a) {
  const auto bytes = a.as<std::uint8_t>();
  return {bytes.begin(), bytes.end()};
}

/// Puts one kind of field of all samples together, (row, channel).
inline void add_fields(npz::Arrays& out, const std::string& kind,
                       std::span<const MeshSample> samples, MeshSample::Fields MeshSample::*fields,
                       const std::vector<std::int64_t>& first, const std::string& path) {
  const auto total = static_cast<Index>(first.back());
  for (const auto& [name, sample0] : samples.front().*fields) {
    const auto width = static_cast<Index>(sample0.size()) / std::max<Index>(first[1], 1);
    std::vector<float> all;
    all.reserve(static_cast<std::size_t>(total * width));
    for (std::size_t s = 0; s < samples.size(); ++s) {
      const auto it = (samples[s].*fields).find(name);
      const auto rows = static_cast<Index>(first[s + 1] - first[s]);
      if ((samples[s].*fields).size() != (samples.front().*fields).size() ||
          it == (samples[s].*fields).end() ||
          static_cast<Index>(it->second.size()) != rows * width) {
        throw Error(path + ", sample " + std::to_string(s),
                    "the fields of the first sample, '" + name + "' being (" +
                        std::to_string(rows) + ", " + std::to_string(width) + ")",
                    "others", "Give all samples of a set the same fields.");
      }
      all.insert(all.end(), it->second.begin(), it->second.end());
    }
    out.emplace(kind + "." + name, Array::of(all, {total, width}));
  }
}

inline void require(bool good, const std::string& path, const std::string& expected,
                    const std::string& found) {
  if (!good)
    throw Error(path, expected, found, "The shard is damaged: delete it and make it again.");
}

}  // namespace detail

/// Writes under a temporary name and renames, so that a shard is whole or absent.
/// @throws Error  for no samples, samples of different kinds or fields, or a failing disk
inline void write_mesh_shard(const std::string& path, const MeshShard& shard) {
  const auto& samples = shard.samples;
  if (samples.empty() || samples.size() != shard.index.size()) {
    throw Error(path, "samples, and an index for each",
                std::to_string(samples.size()) + " and " + std::to_string(shard.index.size()),
                "Write a shard when its samples are there.");
  }
  std::vector<std::int64_t> node_first{0}, cell_first{0};
  std::vector<double> points;
  std::vector<std::int32_t> cells;
  std::vector<std::uint8_t> types;
  const auto& kind = samples.front().mesh;
  for (const auto& s : samples) {
    const auto& m = s.mesh;
    if (m.dim != kind.dim || m.nodes_per_cell != kind.nodes_per_cell ||
        m.cell_dim != kind.cell_dim ||
        (!m.node_type.empty() && static_cast<Index>(m.node_type.size()) != m.n_nodes())) {
      throw Error(path, "meshes of one kind, with a type for each node or none", "another",
                  "Keep sets of different meshes in different folders.");
    }
    points.insert(points.end(), m.points.begin(), m.points.end());
    cells.insert(cells.end(), m.cells.begin(), m.cells.end());
    for (Index i = 0; i < m.n_nodes(); ++i) {
      types.push_back(m.node_type.empty()
                          ? std::uint8_t{0}
                          : static_cast<std::uint8_t>(m.node_type[static_cast<std::size_t>(i)]));
    }
    node_first.push_back(node_first.back() + m.n_nodes());
    cell_first.push_back(cell_first.back() + m.n_cells());
  }
  npz::Arrays out;
  out.emplace("index", Array::of(shard.index));
  out.emplace("recipe", detail::text_array(shard.recipe));
  out.emplace("tried", Array::of(std::vector<std::uint64_t>{shard.capacity, shard.tried}));
  out.emplace("cell_dim", Array::scalar(static_cast<std::int32_t>(kind.cell_dim)));
  out.emplace("node_first", Array::of(node_first));
  out.emplace("cell_first", Array::of(cell_first));
  out.emplace("points", Array::of(points, {static_cast<Index>(node_first.back()), kind.dim}));
  out.emplace("cells",
              Array::of(cells, {static_cast<Index>(cell_first.back()), kind.nodes_per_cell}));
  out.emplace("node_type", Array::of(types));
  detail::add_fields(out, "node", samples, &MeshSample::node, node_first, path);
  detail::add_fields(out, "cell", samples, &MeshSample::cell, cell_first, path);
  npz::write(path, out);
}

/// @throws Error  for a file that is not such a shard, or whose parts do not fit together
[[nodiscard]] inline MeshShard read_mesh_shard(const std::string& path) {
  const auto arrays = npz::read(path);
  const auto get = [&](const char* name) -> const Array& { return npz::at(arrays, name, path); };
  MeshShard shard;
  shard.index = get("index").as<std::uint64_t>(path);
  shard.recipe = detail::array_text(get("recipe"));
  const auto tried = get("tried").as<std::uint64_t>(path);
  detail::require(tried.size() == 2, path + ": tried", "capacity and tried",
                  std::to_string(tried.size()) + " numbers");
  shard.capacity = tried[0];
  shard.tried = tried[1];
  const auto &points = get("points"), &cells = get("cells");
  expect_shape(points, {-1, -1}, path + ": points");
  expect_shape(cells, {-1, -1}, path + ": cells");
  expect_shape(get("cell_dim"), {}, path + ": cell_dim");
  const auto xy = finite<double>(points, path + ": points");
  const auto corners = cells.as<std::int32_t>(path);
  const auto types =
      detail::node_types(get("node_type").as<std::int64_t>(path), path + ": node_type");
  const auto node_first = get("node_first").as<std::int64_t>(path);
  const auto cell_first = get("cell_first").as<std::int64_t>(path);
  const auto cell_dim = get("cell_dim").as<std::int32_t>(path).front();
  const auto n = shard.index.size();
  const auto dim = points.shape[1], per_cell = cells.shape[1];
  const auto covers = [&](const std::vector<std::int64_t>& first, Index rows, const char* what) {
    detail::require(first.size() == n + 1 && first.front() == 0 && first.back() == rows &&
                        std::is_sorted(first.begin(), first.end()),
                    path + ": " + what, "rows 0 to " + std::to_string(rows) + " in order",
                    std::to_string(first.size()) + " bounds");
  };
  detail::require(n > 0 && (dim == 2 || dim == 3) && per_cell >= 1 && per_cell <= 64 &&
                      (cell_dim == 0 || cell_dim == 2),
                  path, "samples on meshes of 2 or 3 dimensions",
                  std::to_string(n) + " samples, points " + text_of(points.shape) + ", cells " +
                      text_of(cells.shape));
  covers(node_first, points.shape[0], "node_first");
  covers(cell_first, cells.shape[0], "cell_first");
  detail::require(static_cast<Index>(types.size()) == points.shape[0], path + ": node_type",
                  std::to_string(points.shape[0]), std::to_string(types.size()));
  shard.samples.resize(n);
  for (std::size_t s = 0; s < n; ++s) {
    auto& m = shard.samples[s].mesh;
    m.dim = static_cast<int>(dim);
    m.nodes_per_cell = static_cast<int>(per_cell);
    m.cell_dim = cell_dim;
    const auto rows = node_first[s + 1] - node_first[s];
    m.points.assign(xy.begin() + node_first[s] * dim, xy.begin() + node_first[s + 1] * dim);
    m.cells.assign(corners.begin() + cell_first[s] * per_cell,
                   corners.begin() + cell_first[s + 1] * per_cell);
    for (const auto v : m.cells) {
      detail::require(v >= 0 && v < rows, path + ", sample " + std::to_string(s),
                      "node ids below " + std::to_string(rows), std::to_string(v));
    }
    for (auto i = node_first[s]; i < node_first[s + 1]; ++i) {
      m.node_type.push_back(types[static_cast<std::size_t>(i)]);
    }
  }
  for (const auto& [name, array] : arrays) {
    const bool of_nodes = name.starts_with("node.");
    if (!of_nodes && !name.starts_with("cell.")) continue;
    const auto& first = of_nodes ? node_first : cell_first;
    expect_shape(array, {static_cast<Index>(first.back()), -1}, path + ": " + name);
    const auto values = finite<float>(array, path + ": " + name);
    const auto width = array.shape[1];
    for (std::size_t s = 0; s < n; ++s) {
      auto& fields = of_nodes ? shard.samples[s].node : shard.samples[s].cell;
      fields[name.substr(5)].assign(values.begin() + first[s] * width,
                                    values.begin() + first[s + 1] * width);
    }
  }
  return shard;
}

/// Where a set lies and what it is to hold.
struct MeshSetPlan {
  std::string folder;          ///< made where absent
  std::size_t n_samples = 0;   ///< samples 0 .. n_samples-1; more may be asked for later
  std::size_t per_shard = 64;  ///< samples of a shard: what an interruption loses at most
  std::string recipe;          ///< all that the samples depend on, e.g. darcy_recipe(options, seed)
};

/// What make_mesh_set did.
struct MeshSetReport {
  std::size_t made = 0, found = 0;    ///< samples
  std::vector<std::string> failures;  ///< "sample 17: why"; they are left out of the set
};

namespace detail {
[[nodiscard]] inline std::string shard_path(const std::string& folder, std::size_t k) {
  auto digits = std::to_string(k);
  digits.insert(0, digits.size() < 5 ? 5 - digits.size() : 0, '0');
  return (std::filesystem::path(folder) / ("shard_" + digits + ".npz")).string();
}
}  // namespace detail

/// Makes the samples that are not there yet, in parallel, each shard written when it is complete.
/// @param make      sample i, the same on every call; one that throws amq::Error is counted and
/// left out
/// @param progress  (done, total) samples, from one thread at a time; those found count as done
/// @throws Error    where the folder holds shards of another recipe or size
inline MeshSetReport make_mesh_set(
    const MeshSetPlan& plan, const std::function<MeshSample(std::uint64_t i)>& make,
    Executor& executor = serial_executor(),
    const std::function<void(std::size_t, std::size_t)>& progress = {}) {
  if (plan.n_samples == 0 || plan.per_shard == 0) {
    throw Error("make_mesh_set", "n_samples and per_shard of 1 or more",
                std::to_string(plan.n_samples) + " and " + std::to_string(plan.per_shard),
                "Say how many samples the set is to hold.");
  }
  std::error_code error;
  std::filesystem::create_directories(plan.folder, error);
  if (error) {
    throw Error(plan.folder, "a folder that can be made", error.message(),
                "Choose a folder you may write to.");
  }
  MeshSetReport report;
  std::size_t done = 0;
  for (std::size_t k = 0; k * plan.per_shard < plan.n_samples; ++k) {
    const auto path = detail::shard_path(plan.folder, k);
    const std::size_t first = k * plan.per_shard;
    const std::size_t n = std::min(plan.per_shard, plan.n_samples - first);
    MeshShard shard;
    std::size_t tried = 0;
    if (std::filesystem::exists(path)) {
      npz::Reader in(path);
      const auto recipe = detail::array_text(in.read("recipe"));
      const auto size = in.read("tried").as<std::uint64_t>(path);
      if (recipe != plan.recipe || size.size() != 2 || size[0] != plan.per_shard) {
        throw Error(
            path,
            "a shard of " + std::to_string(plan.per_shard) + " samples of '" + plan.recipe + "'",
            "one of '" + recipe + "'", "Choose another folder, or delete this one.");
      }
      tried = static_cast<std::size_t>(size[1]);
      if (tried >= n) {
        report.found += n;
        done += n;
        if (progress) progress(done, plan.n_samples);
        continue;
      }
      // The set was smaller and is to grow: the last shard is filled up.
      shard = read_mesh_shard(path);
      report.found += shard.samples.size();
      done += tried;
    }
    std::vector<std::optional<MeshSample>> made(n - tried);
    std::vector<std::string> why(n - tried);
    std::mutex mutex;
    executor.parallel_for(made.size(), 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t j = begin; j < end; ++j) {
        try {
          made[j].emplace(make(first + tried + j));
        } catch (const Error& e) {
          why[j] = e.what();
        }
        const std::lock_guard lock(mutex);
        ++done;
        if (progress) progress(done, plan.n_samples);
      }
    });
    for (std::size_t j = 0; j < made.size(); ++j) {
      const auto i = first + tried + j;
      if (made[j]) {
        shard.samples.push_back(std::move(*made[j]));
        shard.index.push_back(i);
        ++report.made;
      } else {
        report.failures.push_back("sample " + std::to_string(i) + ": " + why[j]);
      }
    }
    shard.recipe = plan.recipe;
    if (shard.samples.empty()) {
      throw Error(path, "a sample of " + std::to_string(n) + " that can be solved", "none",
                  "The first reason: " + report.failures.back());
    }
    shard.capacity = plan.per_shard;
    shard.tried = n;
    write_mesh_shard(path, shard);
  }
  return report;
}

/// The samples of a set, in order, those that failed left out.
/// @param at_most  stop after this many
/// @throws Error   for a folder without shards
[[nodiscard]] inline std::vector<MeshSample> read_mesh_set(const std::string& folder,
                                                           std::size_t at_most = SIZE_MAX) {
  std::vector<MeshSample> out;
  std::size_t k = 0;
  for (; out.size() < at_most; ++k) {
    const auto path = detail::shard_path(folder, k);
    if (!std::filesystem::exists(path)) break;
    auto shard = read_mesh_shard(path);
    for (auto& s : shard.samples) {
      if (out.size() < at_most) out.push_back(std::move(s));
    }
  }
  if (k == 0 && at_most > 0) {
    throw Error(folder, "shards shard_00000.npz, ...", "none", "Make the set first.");
  }
  return out;
}

}  // namespace amq::lab
