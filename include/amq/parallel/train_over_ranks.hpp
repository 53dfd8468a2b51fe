#pragma once
/// @file
/// Training by several ranks: samples of a batch are dealt to them, gradients are summed in the
/// order of the batch. The same weights on any number of ranks and threads.
///
///     amq::training::MeshTrainingOptions o;
///     o.trainer.ranks = amq::parallel::training_ranks(communicator);
///     amq::parallel::or_abort(communicator, [&] { training.run(executor, ...); });

#include <amq/parallel/communicator.hpp>
#include <amq/train/trainer.hpp>

#include <cstdint>
#include <span>

namespace amq::parallel {

/// For TrainerOptions::ranks; the communicator outlives the training. All ranks run the same
/// training on the same samples. It begins when all are there, so that none reads a checkpoint
/// while the first still writes it.
[[nodiscard]] inline TrainingRanks training_ranks(Communicator& c) {
  std::int64_t here = 1;
  c.sum({&here, 1});
  return {c.rank(), c.size(), [&c](std::span<std::int64_t> x) { c.sum(x); }};
}

}  // namespace amq::parallel
