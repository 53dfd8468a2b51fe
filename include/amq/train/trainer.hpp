#pragma once
/// @file
/// Batches over graphs: one thread per graph, gradients summed in the order of the batch, so that
/// any number of threads gives the same bits.

#include <amq/core/executor.hpp>
#include <amq/train/optimizer.hpp>
#include <amq/train/progress.hpp>
#include <amq/train/schedule.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace amq {

/// Parameters that are trained, with their optimizer and learning rate.
struct Learner {
  const ParameterLayout* layout = nullptr;
  Parameters* parameters = nullptr;
  AdamW optimizer;
  Schedule schedule;
};

struct TrainerOptions {
  std::string what = "training";
  std::int64_t epochs = 1;
  std::size_t batch = 4;  ///< samples per update
  std::uint64_t seed = 0;
  std::int64_t report_every = 10, checkpoint_every = 0;  ///< in updates; 0: never
};

/// What one sample's forward and backward pass needs to know.
struct Turn {
  std::size_t sample = 0;
  std::size_t lane = 0;  ///< its place in the batch: workspaces may be kept per lane
  std::int64_t step = 0, steps = 0, epoch = 0;
  Random random;  ///< of this sample at this step, whatever thread runs it
  std::span<std::vector<float>> gradients;  ///< one zeroed vector per learner, to add to
};

/// Updates are numbered from 0; the order of samples and all random numbers follow from (seed,
/// step), so a run resumed at step s repeats exactly what the uninterrupted one would have done.
class Trainer {
 public:
  using Pass = std::function<double(Turn&)>;             ///< returns the sample's loss
  using After = std::function<void(std::int64_t step)>;  ///< e.g. refits the weight steps

  Trainer(std::vector<Learner*> learners, std::size_t n_samples, TrainerOptions options)
      : learners_(std::move(learners)), n_samples_(n_samples), options_(std::move(options)) {
    if (n_samples == 0 || options_.batch == 0 || options_.epochs < 0)
      throw Error("Trainer", "samples, a batch of at least 1 and epochs of at least 0",
                  std::to_string(n_samples) + " samples, batch " + std::to_string(options_.batch) +
                      ", " + std::to_string(options_.epochs) + " epochs",
                  "Check the data set and the options.");
    options_.batch = std::min(options_.batch, n_samples);
    lanes_.resize(options_.batch);
    for (auto& lane : lanes_)
      for (const Learner* l : learners_)
        lane.emplace_back(static_cast<std::size_t>(l->layout->size()), 0.0f);
    losses_.resize(options_.batch);
  }

  [[nodiscard]] std::int64_t steps_per_epoch() const noexcept {
    return static_cast<std::int64_t>(n_samples_ / options_.batch);
  }
  [[nodiscard]] std::int64_t steps() const noexcept { return options_.epochs * steps_per_epoch(); }
  [[nodiscard]] std::size_t lanes() const noexcept { return options_.batch; }

  /// From update `first` to the end. A loss that is not finite stops it.
  /// @throws amq::Error naming the step, with all parameters as they were before it
  void run(Executor& executor, const Pass& pass, std::int64_t first = 0,
           const ProgressCallback& progress = {}, const After& after = {}) {
    const Stopwatch watch(first);
    double sum = 0;
    std::int64_t counted = 0;
    for (std::int64_t step = first; step < steps(); ++step) {
      sum += update(executor, pass, step);
      ++counted;
      if (after) after(step);
      if (progress && ((step + 1) % options_.report_every == 0 || step + 1 == steps())) {
        progress({options_.what, step + 1, steps(), watch.seconds(),
                  watch.seconds_left(step + 1, steps()), sum / static_cast<double>(counted)});
        sum = 0;
        counted = 0;
      }
    }
  }

 private:
  double update(Executor& executor, const Pass& pass, std::int64_t step) {
    const std::int64_t epoch = step / steps_per_epoch();
    if (epoch != order_epoch_) {
      order_.resize(n_samples_);
      std::iota(order_.begin(), order_.end(), std::size_t{0});
      Random::stream(options_.seed, static_cast<std::uint64_t>(epoch)).shuffle(order_);
      order_epoch_ = epoch;
    }
    const auto begin = static_cast<std::size_t>(step % steps_per_epoch()) * options_.batch;
    executor.parallel_for(options_.batch, 1, [&](std::size_t from, std::size_t to) {
      for (std::size_t lane = from; lane < to; ++lane) {
        for (auto& g : lanes_[lane]) std::fill(g.begin(), g.end(), 0.0f);
        Turn turn{order_[begin + lane],
                  lane,
                  step,
                  steps(),
                  epoch,
                  Random::stream(options_.seed + 0x5eed,
                                 static_cast<std::uint64_t>(step) * options_.batch + lane),
                  lanes_[lane]};
        losses_[lane] = pass(turn);
      }
    });
    const double mean =
        std::accumulate(losses_.begin(), losses_.end(), 0.0) / static_cast<double>(options_.batch);
    if (!std::isfinite(mean))
      throw Error("training \"" + options_.what + "\", update " + std::to_string(step),
                  "a finite loss", std::to_string(mean),
                  "Lower the learning rate or resume from an earlier checkpoint.");
    const float share = 1.0f / static_cast<float>(options_.batch);
    for (std::size_t l = 0; l < learners_.size(); ++l) {
      std::vector<float>& total = lanes_[0][l];
      for (std::size_t lane = 1; lane < options_.batch; ++lane)
        for (std::size_t k = 0; k < total.size(); ++k) total[k] += lanes_[lane][l][k];
      for (float& g : total) g *= share;
      Learner& learner = *learners_[l];
      learner.optimizer.step(*learner.parameters, total, learner.schedule(step));
    }
    return mean;
  }

  std::vector<Learner*> learners_;
  std::size_t n_samples_;
  TrainerOptions options_;
  std::vector<std::vector<std::vector<float>>> lanes_;  // [lane][learner](parameter)
  std::vector<double> losses_;
  std::vector<std::size_t> order_;
  std::int64_t order_epoch_ = -1;
};

}  // namespace amq
