#pragma once
/// @file
/// Tables that grow by rows: a study that was stopped skips what is there.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace accuracy {

inline constexpr const char* front_head =
    "network,problem,scheme,budget,seed,rel_l2,mse,bops,bytes,ms";

[[nodiscard]] inline bool has_row(const std::string& csv, const std::string& start) {
  std::ifstream in(csv);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(start)) return true;
  return false;
}

inline void add_row(const std::string& csv, const char* head, const std::string& row) {
  const bool fresh = !std::filesystem::exists(csv);
  std::ofstream out(csv, std::ios::app);
  if (fresh) out << head << '\n';
  out << row << '\n';
  out.flush();
  std::printf("%s\n", row.c_str());
  std::fflush(stdout);
}

}  // namespace accuracy
