// Weights that a training ends with: in float, then at chosen bits, with an auxiliary model.
#include "parts.hpp"

#include "../train/learnable.hpp"

#include <amq/allocation/allocator.hpp>
#include <amq/parallel/local_communicator.hpp>
#include <amq/parallel/train_over_ranks.hpp>

#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include <unistd.h>

using namespace amq;
using namespace amq::training;
using fingerprints::Hash;

namespace equal_bits {
namespace {

const std::vector<GraphSample>& samples() {
  static const auto all = learning::learnable(4);
  return all;
}
struct Stopped {};

/// Runs one stage, on every rank, stopped after its third update and resumed where that is asked
/// for. @param stage  (options, progress, hash of all that it ends with)
template <typename Stage>
Hash run(const Setting& s, const char* name, const Stage& stage) {
  const auto file = std::filesystem::temp_directory_path() /
                    ("amq_equal_bits_" + std::to_string(::getpid()) + name);
  std::filesystem::remove(file);
  Hash hash;
  std::mutex mutex;
  for (const bool stop : {true, false}) {
    if (stop && !s.stopped) continue;
    const auto on = [&](const TrainingRanks& ranks) {
      MeshTrainingOptions o = learning::options(2);
      o.trainer.batch = 2;
      o.trainer.ranks = ranks;
      o.trainer.report_every = 1;
      if (s.stopped) {
        o.trainer.checkpoint = file.string();
        o.trainer.checkpoint_every = 1;
      }
      o.refit_weights_every = 2;
      Hash found;
      try {
        stage(
            *s.executor, o,
            [stop](const Progress& p) {
              if (stop && p.done == 3) throw Stopped();
            },
            found);
      } catch (const Stopped&) {
      }
      const std::lock_guard lock(mutex);
      hash = found;
    };
    if (s.ranks == 1)
      on({});
    else
      parallel::LocalRanks(s.ranks).run(
          [&](parallel::Communicator& c) { on(parallel::training_ranks(c)); });
  }
  std::filesystem::remove(file);
  std::filesystem::remove(file.string() + ".lock");
  return hash;
}

Hash in_float(const Setting& s) {
  return run(s, "float",
             [](Executor& executor, const MeshTrainingOptions& o, const ProgressCallback& progress,
                Hash& hash) {
               Network<MpPde> net(learning::small(), learning::scheme, 1);
               MeshTraining<MpPde> t(net, samples(), o);
               t.run(executor, nullptr, progress);
               hash(net.parameters.values);
             });
}
Hash at_bits(const Setting& s) {
  return run(s, "bits",
             [](Executor& executor, const MeshTrainingOptions& o, const ProgressCallback& progress,
                Hash& hash) {
               Network<MpPde> net(learning::small(), learning::scheme, 1);
               const BitPlan plan = BitPlan::uniform(3);
               MeshTraining<MpPde> t(net, samples(), o);
               t.run(executor, &plan, progress);
               hash(net.parameters.values);
             });
}
Hash adaptive(const Setting& s) {
  return run(s, "adaptive",
             [](Executor& executor, const MeshTrainingOptions& o, const ProgressCallback& progress,
                Hash& hash) {
               Network<MpPde> net(learning::small(), learning::scheme, 1);
               Auxiliary aux({8, 1, 4}, 2, 2, PointScores(net.layout).columns(), 9);
               AdaptiveTraining<MpPde> t(net, aux, samples(), ScoreTarget::sensitivity(), o);
               t.prepare(executor, 2, 1, 1);
               t.run(executor, Allocator<>(net.layout, learning::scheme.levels),
                     std::vector<double>{2, 3, 6}, progress);
               hash(net.parameters.values)(aux.net().parameters.values);
             });
}

const Part parts[] = {{"training in float", in_float, true, true},
                      {"training at 3 bits", at_bits, true, true},
                      {"adaptive training", adaptive, true, true}};

}  // namespace

std::span<const Part> training_parts() {
  return parts;
}

}  // namespace equal_bits
