#include <amq/solver/row_times_file.hpp>

#include <doctest/doctest.h>

#include <cstdio>
#include <filesystem>

#include <unistd.h>

namespace test_row_times_file {

using namespace amq;
using namespace amq::solver;

TEST_CASE("row times survive their file, and a damaged file is refused by name") {
  const auto path =
      (std::filesystem::temp_directory_path() / ("amq_row_times_" + std::to_string(getpid())))
          .string();
  RowTimes times;
  times.machine = "a \"machine\"";
  times.levels = {0, 2, 8};
  times.points = {"first", "second"};
  times.picoseconds = {{0, 41'234, 41'000}, {7, 999'999'999'999, 3}};
  times.rest_picoseconds = 5'210'000'000;
  times.rest_bops = 48'200'000'000;
  save_row_times(path, times);
  const RowTimes back = load_row_times(path);
  CHECK(back.machine == times.machine);
  CHECK(back.levels == times.levels);
  CHECK(back.points == times.points);
  CHECK(back.picoseconds == times.picoseconds);
  CHECK(back.rest_picoseconds == times.rest_picoseconds);
  CHECK(back.rest_bops == times.rest_bops);
  // Of before, when rows alone were measured.
  write_file(path, std::string_view(R"({"machine": "x", "levels": [2], "points": []})"));
  CHECK(load_row_times(path).rest_picoseconds == 0);
  write_file(path,
             std::string_view(R"({"machine": "x", "levels": [2], "rest": [1], "points": []})"));
  CHECK_THROWS_WITH_AS(static_cast<void>(load_row_times(path)), doctest::Contains("rest: expected"),
                       Error);
  write_file(path, std::string_view(R"({"machine": "x", "levels": [2, "4"], "points": []})"));
  CHECK_THROWS_WITH_AS(static_cast<void>(load_row_times(path)), doctest::Contains(path.c_str()),
                       Error);
  std::remove(path.c_str());
  CHECK_THROWS_AS(static_cast<void>(load_row_times(path)), Error);
}

}  // namespace test_row_times_file
