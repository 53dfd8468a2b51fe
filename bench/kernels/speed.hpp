#pragma once
// What programs that append to docs/results/speed.csv have in common: their arguments, and its
// rows.

#include "timing.hpp"

#include <cstdlib>
#include <cstring>
#include <optional>
#include <thread>

namespace timing {

/// [speed.csv] [--machine=name] [--nodes=n] [--rounds=n] [--core=n]
struct SpeedArguments {
  std::string path, machine = "unnamed";
  int nodes = 10'000, rounds = 15, core = 1;

  /// Reads them, and pins this thread to the core.
  /// @param own  own(text) of an argument of the program's own: whether it is one
  template <typename Own>
  void read(int argc, char** argv, const Own& own) {
    for (int i = 1; i < argc; ++i) {
      if (!std::strncmp(argv[i], "--machine=", 10))
        machine = argv[i] + 10;
      else if (!std::strncmp(argv[i], "--nodes=", 8))
        nodes = std::atoi(argv[i] + 8);
      else if (!std::strncmp(argv[i], "--rounds=", 9))
        rounds = std::atoi(argv[i] + 9);
      else if (!std::strncmp(argv[i], "--core=", 7))
        core = std::atoi(argv[i] + 7);
      else if (!own(argv[i]))
        path = table_path(argv[i]);
    }
    pin(core % std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
  }
};

/// machine,level,bench,shape,bits,contender,threads,ms,ratio_to_best_rival,ratio_to_roof: rows of
/// one thread, appended. Without a path nothing is written.
class SpeedRows {
 public:
  explicit SpeedRows(const SpeedArguments& a) : machine_(a.machine) {
    if (a.path.empty()) return;
    const bool empty = !std::ifstream(a.path).good();
    out_.open(a.path, std::ios::app);
    if (empty)
      out_ << "machine,level,bench,shape,bits,contender,threads,ms,ratio_to_best_rival,"
              "ratio_to_roof\n";
  }
  void add(const std::string& level, const char* bench, const std::string& shape,
           const Contender& c, double seconds, double of_rival,
           std::optional<double> of_roof = {}) {
    char line[256];
    std::snprintf(line, sizeof line, "%s,%s,%s,%s,%d,%s,1,%.4f,%.3f,", machine_.c_str(),
                  level.c_str(), bench, shape.c_str(), c.bits, c.name.c_str(), 1e3 * seconds,
                  of_rival);
    std::string row = line;
    if (of_roof) {
      std::snprintf(line, sizeof line, "%.3f", *of_roof);
      row += line;
    }
    if (out_.is_open()) out_ << row << '\n';
  }

 private:
  std::string machine_;
  std::ofstream out_;
};

}  // namespace timing
