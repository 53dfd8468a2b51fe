#pragma once
/// @file
/// Batches over graphs: one thread per graph, gradients summed in the order of the batch, so that
/// any number of threads gives the same bits.

#include <amq/core/executor.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/io/file.hpp>
#include <amq/io/file_lock.hpp>
#include <amq/train/checkpoint.hpp>
#include <amq/train/learner.hpp>
#include <amq/train/learning_curve.hpp>
#include <amq/train/progress.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::training {

/// Who else trains the same network: every rank has all samples, passes over some lanes of each
/// batch, and is told the gradients of the others. See parallel/train_over_ranks.hpp.
struct TrainingRanks {
  int rank = 0, size = 1;
  std::function<void(std::span<std::int64_t>)> sum;  ///< entry by entry, over all ranks
};

struct TrainerOptions {
  std::string what = "training";
  std::int64_t epochs = 1;
  std::size_t batch = 4;  ///< samples per update
  std::uint64_t seed = 0;
  std::int64_t report_every = 10;  ///< in updates; 0: never
  /// A file that the run is kept in and goes on from, where it is there. Empty: none.
  std::string checkpoint;
  std::int64_t checkpoint_every = 0;  ///< in updates; 0: after every epoch
  Recipe recipe;                      ///< what decides the run beside these options and learners
  std::string curve;                  ///< CSV of the learning curve, after every epoch; empty: none
  /// Decay of a running mean of the parameters, which is what the run ends with. 0: none. Begins
  /// slower: (1 + n) / (10 + n) after n updates, where that is less.
  double average = 0;
  /// Where there is a validation: the parameters of its best epoch are what the run ends with.
  bool keep_best = true;
  std::int64_t patience = 0;  ///< epochs without a better validation before it stops; 0: never
  /// Files are written by the first rank; all read the checkpoint. Weights, files and curves are
  /// those of one rank, bit for bit, whatever the number of ranks: a run may go on with another.
  TrainingRanks ranks;
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
  using Validate = std::function<double()>;  ///< loss of the learners' parameters as they are

  /// @throws amq::Error for no samples, and options that make no run
  Trainer(std::vector<Learner*> learners, std::size_t n_samples, TrainerOptions options)
      : learners_(std::move(learners)), n_samples_(n_samples), options_(std::move(options)) {
    const TrainerOptions& o = options_;
    if (n_samples == 0 || o.batch == 0 || o.epochs < 0)
      throw Error("Trainer", "samples, a batch of at least 1 and epochs of at least 0",
                  std::to_string(n_samples) + " samples, batch " + std::to_string(o.batch) + ", " +
                      std::to_string(o.epochs) + " epochs",
                  "Check the data set and the options.");
    if (o.report_every < 0 || o.checkpoint_every < 0 || o.patience < 0 ||
        !(o.average >= 0 && o.average < 1))
      throw Error("Trainer",
                  "report_every, checkpoint_every and patience of 0 or more, and an average from 0 "
                  "to below 1",
                  std::to_string(o.report_every) + ", " + std::to_string(o.checkpoint_every) +
                      ", " + std::to_string(o.patience) + " and " + number_text(o.average),
                  "Correct the options.");
    options_.batch = std::min(options_.batch, n_samples);
    if (o.ranks.size < 1 || o.ranks.rank < 0 || o.ranks.rank >= o.ranks.size ||
        (o.ranks.size > 1 && !o.ranks.sum))
      throw Error("Trainer", "a rank of those there are, and how they sum",
                  "rank " + std::to_string(o.ranks.rank) + " of " + std::to_string(o.ranks.size),
                  "Use training_ranks(communicator).");
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
  /// One row an epoch, of earlier parts of a resumed run, too.
  [[nodiscard]] const LearningCurve& curve() const noexcept { return curve_; }

  /// From the checkpoint, or the beginning, to the end. Losses and gradients that are not finite
  /// stop it.
  /// @param progress  may throw: what it throws leaves run() between two updates
  /// @param validate  after every epoch
  /// @throws amq::Error naming the update, with parameters and moments as they were before it; and
  ///         for a checkpoint of another recipe, or one that somebody else works on
  void run(Executor& hosts, const Pass& pass, const ProgressCallback& progress = {},
           const After& after = {}, const Validate& validate = {}) {
    const FloatEnvironment own;
    FloatExecutor executor(hosts);
    if (options_.patience > 0 && !validate)
      throw Error("training \"" + options_.what + '"', "a validation, to stop early by it", "none",
                  "Give a validation share, or no patience.");
    std::optional<FileLock> alone;
    if (!options_.checkpoint.empty() && writes()) alone.emplace(options_.checkpoint + ".lock");
    // What cannot be written is said before the first epoch, and not after it.
    if (!options_.curve.empty() && writes()) io::AtomicFile(options_.curve);
    const Recipe recipe = whole_recipe(bool(validate));
    std::int64_t step = begin(recipe);
    const Stopwatch watch(step);
    const double seconds_before = curve_.empty() ? 0 : curve_.back().seconds;
    double sum = 0;
    std::int64_t counted = 0;
    while (step < steps() && !stopped_) {
      const double loss = update(executor, pass, step);
      sum += loss;
      ++counted;
      epoch_loss_ += loss;
      if (after) after(step);
      take_average(step);
      ++step;
      const bool epoch_ends = step % steps_per_epoch() == 0;
      if (epoch_ends) end_epoch(step, seconds_before + watch.seconds(), validate);
      if (!options_.checkpoint.empty() &&
          (step == steps() || stopped_ ||
           (options_.checkpoint_every > 0 ? step % options_.checkpoint_every == 0 : epoch_ends)) &&
          writes())
        save_checkpoint(options_.checkpoint, step, learners_, recipe, state());
      if (progress && options_.report_every > 0 &&
          (step % options_.report_every == 0 || step == steps() || stopped_)) {
        const Progress now{options_.what,
                           step,
                           steps(),
                           watch.seconds(),
                           watch.seconds_left(step, steps()),
                           sum / static_cast<double>(counted)};
        as_host([&] { progress(now); });
        sum = 0;
        counted = 0;
      }
    }
    // What the run ends with. The checkpoint keeps what it would go on from.
    for (Learner* l : learners_) {
      if (!l->best.empty())
        l->parameters->values = l->best;
      else if (!l->average.empty())
        l->parameters->values = l->average;
    }
  }

 private:
  [[nodiscard]] bool writes() const noexcept { return options_.ranks.rank == 0; }
  [[nodiscard]] bool passes_over(std::size_t lane) const noexcept {
    const TrainingRanks& r = options_.ranks;
    return lane % static_cast<std::size_t>(r.size) == static_cast<std::size_t>(r.rank);
  }
  /// Losses and gradients of all lanes, from the ranks that have them: their bits, which are added
  /// to nothing but zeros.
  void share() {
    if (options_.ranks.size == 1) return;
    constexpr std::size_t pair = 2;  // floats of a word
    words_.assign(options_.batch, 0);
    for (std::size_t lane = 0; lane < options_.batch; ++lane)
      if (passes_over(lane)) words_[lane] = std::bit_cast<std::int64_t>(losses_[lane]);
    options_.ranks.sum(words_);
    for (std::size_t lane = 0; lane < options_.batch; ++lane)
      losses_[lane] = std::bit_cast<double>(words_[lane]);
    for (std::size_t lane = 0; lane < options_.batch; ++lane)
      for (std::vector<float>& g : lanes_[lane]) {
        words_.assign((g.size() + pair - 1) / pair, 0);
        if (passes_over(lane)) std::memcpy(words_.data(), g.data(), g.size() * sizeof(float));
        options_.ranks.sum(words_);
        std::memcpy(g.data(), words_.data(), g.size() * sizeof(float));
      }
  }
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
        if (!passes_over(lane)) continue;
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
    share();
    const double mean =
        std::accumulate(losses_.begin(), losses_.end(), 0.0) / static_cast<double>(options_.batch);
    const auto refuse = [&](const char* expected, const std::string& found) {
      throw Error("training \"" + options_.what + "\", update " + std::to_string(step), expected,
                  found, "Lower the learning rate or resume from an earlier checkpoint.");
    };
    if (!std::isfinite(mean)) refuse("a finite loss", std::to_string(mean));
    const float share = 1.0f / static_cast<float>(options_.batch);
    // No learner moves before the gradients of all are accepted.
    for (std::size_t l = 0; l < learners_.size(); ++l) {
      std::vector<float>& total = lanes_[0][l];
      for (std::size_t lane = 1; lane < options_.batch; ++lane)
        for (std::size_t k = 0; k < total.size(); ++k) total[k] += lanes_[lane][l][k];
      for (float& g : total) g *= share;
      const std::string bad = learners_[l]->optimizer.refusal(*learners_[l]->parameters, total);
      if (!bad.empty()) refuse("a finite gradient", bad);
    }
    for (std::size_t l = 0; l < learners_.size(); ++l) {
      Learner& learner = *learners_[l];
      learner.optimizer.step(*learner.parameters, lanes_[0][l], learner.schedule(step));
    }
    return mean;
  }

  void take_average(std::int64_t step) {
    if (!(options_.average > 0)) return;
    const double n = static_cast<double>(step);
    const auto kept = static_cast<float>(std::min(options_.average, (1 + n) / (10 + n)));
    for (Learner* l : learners_) {
      const std::vector<float>& now = l->parameters->values;
      for (std::size_t k = 0; k < now.size(); ++k)
        l->average[k] = now[k] + kept * (l->average[k] - now[k]);
    }
  }

  void end_epoch(std::int64_t step, double seconds, const Validate& validate) {
    const auto epoch = step / steps_per_epoch();
    LearningCurve::Row row{epoch,
                           step,
                           seconds,
                           learners_[0]->schedule(step - 1),
                           epoch_loss_ / static_cast<double>(steps_per_epoch()),
                           std::numeric_limits<double>::quiet_NaN()};
    epoch_loss_ = 0;
    if (validate) {
      const auto exchange = [&] {
        if (options_.average > 0)
          for (Learner* l : learners_) l->parameters->values.swap(l->average);
      };
      exchange();
      row.validation = validate();
      if (!std::isfinite(row.validation))
        throw Error(
            "training \"" + options_.what + "\", validation of epoch " + std::to_string(epoch),
            "a finite loss", number_text(row.validation),
            "Lower the learning rate or resume from an earlier checkpoint.");
      const bool better = curve_.empty() || row.validation < curve_.best().validation;
      if (better && options_.keep_best)
        for (Learner* l : learners_) l->best = l->parameters->values;
      exchange();
    }
    curve_.add(row);
    if (options_.patience > 0 && epoch - curve_.best().epoch >= options_.patience) stopped_ = true;
    if (!options_.curve.empty() && writes()) curve_.write(options_.curve);
  }

  /// @returns the number of the first update
  std::int64_t begin(const Recipe& recipe) {
    curve_ = {};
    epoch_loss_ = 0;
    stopped_ = false;
    order_epoch_ = -1;
    if (!options_.checkpoint.empty() && std::filesystem::exists(options_.checkpoint)) {
      TrainingState kept;
      const auto step = load_checkpoint(options_.checkpoint, learners_, &recipe, &kept);
      curve_ = LearningCurve::of_numbers(kept["curve"]);
      epoch_loss_ = kept["epoch_loss"].empty() ? 0 : kept["epoch_loss"][0];
      stopped_ = !kept["stopped"].empty();
      if (!options_.curve.empty() && !curve_.empty() && writes()) curve_.write(options_.curve);
      return step;
    }
    for (Learner* l : learners_) {
      l->best.clear();
      l->average = options_.average > 0 ? l->parameters->values : std::vector<float>();
    }
    return 0;
  }
  [[nodiscard]] TrainingState state() const {
    TrainingState s{{"epoch_loss", {epoch_loss_}}, {"curve", curve_.numbers()}};
    if (stopped_) s["stopped"] = {1};
    return s;
  }
  [[nodiscard]] Recipe whole_recipe(bool validates) const {
    const TrainerOptions& o = options_;
    Recipe r = o.recipe;
    r["what"] = o.what;
    r["epochs"] = number_text(o.epochs);
    r["batch"] = number_text(o.batch);
    r["seed"] = number_text(o.seed);
    r["samples"] = number_text(n_samples_);
    r["average"] = number_text(o.average);
    r["validation"] = number_text(validates);
    if (validates) r["keep_best"] = number_text(o.keep_best);
    r["patience"] = number_text(o.patience);
    for (std::size_t l = 0; l < learners_.size(); ++l) {
      const std::string of = l == 0 ? "" : " of learner " + number_text(l);
      const AdamWOptions& a = learners_[l]->optimizer.options();
      const Schedule& s = learners_[l]->schedule;
      r["adam" + of] = numbers_text(
          std::vector<double>{a.beta1, a.beta2, a.eps, a.weight_decay, a.step_factor, a.clip});
      r["lr" + of] = number_text(s.peak) + " to " + number_text(s.end) +
                     (s.shape == RateShape::cosine     ? ""
                      : s.shape == RateShape::constant ? ", constant"
                                                       : ", one cycle");
      r["warm-up" + of] = number_text(s.warm_up);
    }
    return r;
  }

  std::vector<Learner*> learners_;
  std::size_t n_samples_;
  TrainerOptions options_;
  std::vector<std::vector<std::vector<float>>> lanes_;  // [lane][learner](parameter)
  std::vector<double> losses_;
  std::vector<std::int64_t> words_;
  std::vector<std::size_t> order_;
  std::int64_t order_epoch_ = -1;
  LearningCurve curve_;
  double epoch_loss_ = 0;
  bool stopped_ = false;
};

}  // namespace amq::training
