#pragma once
/// @file
/// Time as examples and benches measure it.

#include <algorithm>
#include <cstddef>
#include <vector>

#include <time.h>

namespace timing {

/// Seconds since some moment: of the wall, of this process, or of the calling thread, in its own
/// processor time. Other work on the machine disturbs processor time less than the wall's.
enum class Clock { wall, process, thread };
[[nodiscard]] inline double seconds(Clock clock) {
  timespec t;
  clock_gettime(clock == Clock::wall      ? CLOCK_MONOTONIC
                : clock == Clock::process ? CLOCK_PROCESS_CPUTIME_ID
                                          : CLOCK_THREAD_CPUTIME_ID,
                &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}
[[nodiscard]] inline double milliseconds(Clock clock) {
  return 1e3 * seconds(clock);
}

/// The value in the middle; of an even number the upper one. @pre not empty
[[nodiscard]] inline double median(std::vector<double> v) {
  const auto middle = v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2);
  std::nth_element(v.begin(), middle, v.end());
  return *middle;
}

}  // namespace timing
