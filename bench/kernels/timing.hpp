#pragma once
// Interleaved timing for benches on a shared machine. Contenders take turns, round after round, so
// that whatever slows the machine slows all of them; a row of the table is a median. One thread is
// timed by its own processor time, which does not count the neighbours'; several by the wall clock.

#include "../../examples/common/timing.hpp"

#include <amq/simd/amx.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <sched.h>

namespace timing {

struct Contender {
  std::string name;
  int bits;  ///< of the rows; 32 for float
  std::function<void()> run;
  bool rival = false;
};

/// An argument that is no option is the table's path; anything but a .csv is a slip, and would
/// become a file of that name.
inline std::string table_path(const char* text) {
  if (std::string_view(text).ends_with(".csv")) return text;
  std::fprintf(stderr, "expected options and a table.csv, got '%s'; the source names the options\n",
               text);
  std::exit(2);
}

inline void pin(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  sched_setaffinity(0, sizeof set, &set);
}

/// The instruction set our kernels run on.
inline std::string level() {
  namespace simd = amq::simd;
  return std::is_same_v<simd::Native, simd::Amx> && !simd::amx_granted() ? simd::Avx512Vnni::name
                                                                         : simd::Native::name;
}

/// Median seconds of one run of each.
inline std::vector<double> medians(const std::vector<Contender>& all, int rounds, Clock clock) {
  std::vector<int> repeat;
  for (const auto& c : all) {
    c.run();
    const double start = seconds(clock);
    c.run();
    repeat.push_back(std::max(1, static_cast<int>(2e-3 / (seconds(clock) - start + 1e-9))));
  }
  std::vector<std::vector<double>> t(all.size());
  for (int r = 0; r < rounds; ++r)
    for (std::size_t k = 0; k < all.size(); ++k) {
      all[k].run();  // its own data in the caches
      const double start = seconds(clock);
      for (int i = 0; i < repeat[k]; ++i) all[k].run();
      t[k].push_back((seconds(clock) - start) / repeat[k]);
    }
  std::vector<double> m;
  for (const auto& v : t) m.push_back(median(v));
  return m;
}

/// bench,shape,bits,contender,threads,ns,gops,ratio_to_best_rival: one line per contender,
/// appended; a shape whose lines are all there is not measured again.
class Table {
 public:
  explicit Table(std::string path) : path_(std::move(path)) {
    std::ifstream in(path_);
    for (std::string line; std::getline(in, line);) {
      std::stringstream fields(line);
      std::string key, field;
      for (int i = 0; i < 5 && std::getline(fields, field, ','); ++i) key += field + ',';
      known_.insert(key);
    }
    if (known_.empty()) write("bench,shape,bits,contender,threads,ns,gops,ratio_to_best_rival\n");
  }

  /// @param operations  multiplications and additions of one run
  /// @returns nanoseconds of each; none if all lines were there
  std::vector<double> measure(const std::string& bench, const std::string& shape, double operations,
                              const std::vector<Contender>& all, int threads = 1, int rounds = 15) {
    const auto key = [&](const Contender& c) {
      return bench + ',' + shape + ',' + std::to_string(c.bits) + ',' + c.name + ',' +
             std::to_string(threads) + ',';
    };
    if (std::all_of(all.begin(), all.end(), [&](const auto& c) { return known_.count(key(c)); }))
      return {};
    auto m = medians(all, rounds, threads > 1 ? Clock::wall : Clock::thread);
    double best = 0;
    for (std::size_t k = 0; k < all.size(); ++k)
      if (all[k].rival && (best == 0 || m[k] < best)) best = m[k];
    std::printf("%s %s\n", bench.c_str(), shape.c_str());
    for (std::size_t k = 0; k < all.size(); ++k) {
      const double ratio = best / m[k];
      std::printf("  %2d bits %-40s %10.1f us %8.0f GOP/s  %5.2f of best rival\n", all[k].bits,
                  all[k].name.c_str(), m[k] * 1e6, 1e-9 * operations / m[k], ratio);
      char line[64];
      std::snprintf(line, sizeof line, "%.0f,%.1f,%.3f\n", m[k] * 1e9, 1e-9 * operations / m[k],
                    ratio);
      if (known_.insert(key(all[k])).second) write(key(all[k]) + line);
    }
    std::fflush(stdout);
    for (double& t : m) t *= 1e9;
    return m;
  }

 private:
  void write(const std::string& text) { std::ofstream(path_, std::ios::app) << text; }
  std::string path_;
  std::set<std::string> known_;
};

}  // namespace timing
