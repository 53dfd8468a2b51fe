#pragma once
/// @file
/// Parameters that are trained.

#include <amq/train/optimizer.hpp>
#include <amq/train/schedule.hpp>

#include <vector>

namespace amq::training {

/// Parameters that are trained, with their optimizer and learning rate.
struct Learner {
  const ParameterLayout* layout = nullptr;
  Parameters* parameters = nullptr;
  AdamW optimizer;
  Schedule schedule;
  /// Running mean of the parameters, and those of the best validation so far. Empty: none.
  std::vector<float> average{}, best{};
};

}  // namespace amq::training
