#pragma once
/// @file
/// What long work tells whoever watches; the library itself prints nothing.

#include <amq/core/rooms.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace amq::training {

struct Progress {
  std::string what;  ///< "float", "QAT 3 bits"
  std::int64_t done = 0, total = 0;
  double seconds = 0;       ///< since this run began (a resumed run begins anew)
  double seconds_left = 0;  ///< at the rate so far
  double loss = 0;          ///< mean over the steps since the last report
};
using ProgressCallback = std::function<void(const Progress&)>;

/// Rate and time left, counted from where this run began.
class Stopwatch {
 public:
  explicit Stopwatch(std::int64_t begun_at = 0) : begun_at_(begun_at) {}
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  [[nodiscard]] double seconds_left(std::int64_t done, std::int64_t total) const {
    return done > begun_at_ ? seconds() / static_cast<double>(done - begun_at_) *
                                  static_cast<double>(total - done)
                            : 0.0;
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::int64_t begun_at_;
};

}  // namespace amq::training
