#pragma once
/// @file
/// Runs a sampler over a range of indices: in parallel, with progress, and with every sample that
/// failed counted and named instead of silently missing.

#include <amq/core/error.hpp>
#include <amq/core/executor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace amq::lab {

/// A sampler draws and solves problem `i` of a data set `seed`. The result depends on (seed, i)
/// alone, never on threads or on the samples before; a solver that gives up throws amq::Error.
/// tests/pde/generate.cpp checks the promise for every sampler of the room.
template <typename S>
concept sampler = requires(const S s, std::uint64_t seed, std::uint64_t i) {
  s.sample(seed, i);
};

/// What generate() made.
template <typename Sample>
struct Generated {
  struct Failure {
    std::uint64_t index;
    std::string reason;
  };
  std::vector<Sample> samples;       ///< those that were solved, in ascending order of index
  std::vector<std::uint64_t> index;  ///< (sample) the i of each
  std::vector<Failure> failures;     ///< those that were dropped, and why
  double seconds_per_sample = 0;     ///< on one thread, mean over tried samples
};

/// Called after every sample, from any thread but one at a time.
using GenerateProgress = std::function<void(std::size_t done, std::size_t total)>;

/// Samples first .. first + n - 1.
template <sampler S>
[[nodiscard]] auto generate(const S& s, std::uint64_t seed, std::uint64_t first, std::size_t n,
                            Executor& executor = serial_executor(),
                            const GenerateProgress& progress = {}) {
  using Sample = decltype(s.sample(seed, first));
  using Clock = std::chrono::steady_clock;
  std::vector<std::optional<Sample>> made(n);
  std::vector<std::string> reasons(n);
  std::mutex mutex;
  std::size_t done = 0;
  double seconds = 0;
  executor.parallel_for(n, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t k = begin; k < end; ++k) {
      const auto start = Clock::now();
      try {
        made[k].emplace(s.sample(seed, first + k));
      } catch (const Error& e) {
        reasons[k] = e.what();
      }
      const double took = std::chrono::duration<double>(Clock::now() - start).count();
      const std::lock_guard lock(mutex);
      seconds += took;
      ++done;
      if (progress) progress(done, n);
    }
  });
  Generated<Sample> out;
  for (std::size_t k = 0; k < n; ++k) {
    if (made[k]) {
      out.samples.push_back(std::move(*made[k]));
      out.index.push_back(first + k);
    } else {
      out.failures.push_back({first + k, std::move(reasons[k])});
    }
  }
  out.seconds_per_sample = n > 0 ? seconds / static_cast<double>(n) : 0;
  return out;
}

}  // namespace amq::lab
