#pragma once
// What must have one number however amq is built, and whatever runs it: each part is compiled in a
// file of its own, and asked again by other threads, ranks and hosts.

#include "../solver/fingerprints.hpp"

#include <amq/core/executor.hpp>

#include <span>

namespace equal_bits {

/// Who runs a part.
struct Setting {
  amq::Executor* executor = nullptr;
  int ranks = 1;         ///< in this process
  bool stopped = false;  ///< a training is stopped on its way, and goes on from its checkpoint
};

struct Part {
  const char* name;
  fingerprints::Hash (*run)(const Setting&);
  bool ranks = false;     ///< it reads Setting::ranks
  bool training = false;  ///< floats are trained: one number a rung, see docs/reliability.md
};

std::span<const Part> mesh_parts();
std::span<const Part> grid_parts();
std::span<const Part> training_parts();

}  // namespace equal_bits
