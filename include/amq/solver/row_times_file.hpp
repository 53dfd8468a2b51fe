#pragma once
/// @file
/// Measured row times in a JSON file: calibrate once a machine, read at every start.
///
///     {"machine": "avx512vnni", "levels": [2, 4, 8], "rest": [5210000000, 48200000000],
///      "points": [{"name": "gnn_layers.0.features", "picoseconds": [41200, 41000, 41100]}, ...]}

#include <amq/allocation/price.hpp>
#include <amq/io/file.hpp>
#include <amq/io/json.hpp>

#include <string>

namespace amq::solver {

/// Written under a temporary name and renamed. @throws Error for a failing disk
inline void save_row_times(const std::string& path, const RowTimes& times) {
  json::List levels, points;
  for (const int b : times.levels) levels.emplace_back(b);
  for (std::size_t c = 0; c < times.points.size(); ++c) {
    json::List column;
    for (const Cost t : times.picoseconds[c]) column.emplace_back(t);
    points.emplace_back(json::Object{{"name", times.points[c]}, {"picoseconds", column}});
  }
  write_file(path,
             json::dump(json::Object{{"machine", times.machine},
                                     {"levels", levels},
                                     {"rest", json::List{times.rest_picoseconds, times.rest_bops}},
                                     {"points", points}}) +
                 "\n");
}

/// @throws Error naming the file for what is not such a JSON. Whether the times are this network's,
///         price_by() looks.
[[nodiscard]] inline RowTimes load_row_times(const std::string& path) {
  const Bytes bytes = read_file(path);
  const auto v = json::parse(
      std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), path);
  RowTimes times;
  times.machine = v.at("machine", path).as_string(path);
  for (const auto& b : v.at("levels", path).as_list(path))
    times.levels.push_back(static_cast<int>(b.as_int(path)));
  // Files of before have rows alone.
  if (const auto* rest = v.find("rest")) {
    const auto& both = rest->as_list(path);
    if (both.size() != 2)
      throw Error(path + ": rest", "picoseconds and operations",
                  std::to_string(both.size()) + " numbers", "Measure this network again.");
    times.rest_picoseconds = both[0].as_int(path);
    times.rest_bops = both[1].as_int(path);
  }
  for (const auto& point : v.at("points", path).as_list(path)) {
    times.points.push_back(point.at("name", path).as_string(path));
    auto& column = times.picoseconds.emplace_back();
    for (const auto& t : point.at("picoseconds", path).as_list(path))
      column.push_back(t.as_int(path));
  }
  return times;
}

}  // namespace amq::solver
