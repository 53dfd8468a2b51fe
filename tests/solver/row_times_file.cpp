#include <amq/solver/row_times_file.hpp>

#include <doctest/doctest.h>

#include <cstdio>
#include <filesystem>

#include <unistd.h>

using namespace amq;

TEST_CASE("row times survive their file, and a damaged file is refused by name") {
  const auto path =
      (std::filesystem::temp_directory_path() / ("amq_row_times_" + std::to_string(getpid())))
          .string();
  RowTimes times;
  times.machine = "a \"machine\"";
  times.levels = {0, 2, 8};
  times.points = {"first", "second"};
  times.picoseconds = {{0, 41'234, 41'000}, {7, 999'999'999'999, 3}};
  save_row_times(path, times);
  const RowTimes back = load_row_times(path);
  CHECK(back.machine == times.machine);
  CHECK(back.levels == times.levels);
  CHECK(back.points == times.points);
  CHECK(back.picoseconds == times.picoseconds);
  write_file(path, std::string_view(R"({"machine": "x", "levels": [2, "4"], "points": []})"));
  CHECK_THROWS_WITH_AS(static_cast<void>(load_row_times(path)), doctest::Contains(path.c_str()),
                       Error);
  std::remove(path.c_str());
  CHECK_THROWS_AS(static_cast<void>(load_row_times(path)), Error);
}
