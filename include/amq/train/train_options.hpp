#pragma once
/// @file
/// Everything that can be said about a training, with what is usually right.

#include <amq/core/random.hpp>
#include <amq/solver/encoding.hpp>
#include <amq/train/calibrate.hpp>
#include <amq/train/mesh_training.hpp>

#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace amq {

/// A solved problem on a mesh, in the user's units.
struct Sample {
  Mesh mesh;
  Field given;     ///< (node, given channel)
  Field solution;  ///< (node, solution channel); to march in time: the change in a step
  /// Time and parameters of the equation, in the user's units, for quantization after training:
  /// networks that read them are not trained from samples.
  std::vector<double> variables{};
};

}  // namespace amq

namespace amq::training {

/// Another sample that is as true: a mirrored one, where the problem has the symmetry. It may move
/// points and change fields and types of nodes; edges stay those of the sample as it was given.
struct Augmentation {
  std::string name;  ///< what a checkpoint calls it
  std::function<void(Sample&, Random&)> change;
};

/// How bits are given to rows, by train_adaptive().
struct AdaptiveOptions {
  std::vector<double> mean_bits{3};                ///< budgets; of several each pass draws one
  ScoreTarget score = ScoreTarget::sensitivity();  ///< what the auxiliary model learns to say
  /// Whether it says one score for all points of a layer, which is chosen by faster; under PerBlock
  /// it always does.
  bool score_by_layer = false;
  allocation::AnySharing sharing{};  ///< which rows have one width
  ClusterScore clusters = ClusterScore::sum;
  std::optional<double> score_power = 0.25;  ///< see PointCurves; none: the best of some, measured
  AuxiliaryConfig auxiliary;
  double auxiliary_lr = 3e-3;
  double random_share = 0.1;  ///< of passes whose scores are random
  double probe_share = 0.25;  ///< of passes followed by a probe of the sensitivity

  /// How many the auxiliary model of a network says.
  [[nodiscard]] Index scores_in(const ParameterLayout& layout) const {
    return score.columns(layout, sharing.by_block || score_by_layer);
  }
};

}  // namespace amq::training

namespace amq {

/// One struct for train(), quantize(), train_uniform() and train_adaptive().
struct TrainOptions {
  // How long, and how fast.
  std::int64_t epochs = 40, quantized_epochs = 10;
  std::size_t batch = 2;                  ///< samples per update
  double lr = 2e-3, quantized_lr = 5e-4;  ///< at their peak
  double lr_end = 1e-6;
  training::RateShape rate = training::RateShape::cosine;
  std::optional<double> warm_up;  ///< share of the updates; none: 0.05, of one cycle 0.3
  double clip = 1;                ///< largest norm of a gradient; 0: any
  double weight_decay = 1e-5;
  double average = 0;  ///< decay of a running mean of the parameters, as 0.999; 0: none

  // What counts. In the user's units but for mse, which is of normalized values.
  training::Loss loss = training::Loss::mse;
  training::OwnLoss own_loss;  ///< where it has a function, instead: of prediction and solution as
                               ///< the user knows them
  training::Augmentation augmentation;

  // Which parameters are kept.
  double validation = 0.1;    ///< share of the samples that are not trained on, from 0 to below 1
  bool keep_best = true;      ///< of the epoch of the least validation loss, else of the last
  std::int64_t patience = 0;  ///< epochs without a better validation before it stops; 0: never

  // What is kept and told.
  /// A folder for checkpoints and learning curves. A run that was stopped goes on where it was, one
  /// that was finished is read. Empty: none.
  std::string folder;
  std::int64_t checkpoint_every = 0;    ///< in updates; 0: after every epoch
  std::string curve;                    ///< CSV of the learning curve; empty: in the folder, if any
  training::ProgressCallback progress;  ///< may throw, to stop
  std::int64_t report_every = 20;       ///< in updates
  Executor* executor = nullptr;         ///< null: the caller's thread. Any gives the same bits
  std::uint64_t seed = 0;

  // How the network sees a mesh, and how it is quantized.
  solver::GraphOptions graph;
  std::vector<solver::ImposedValue> imposed;  ///< boundary values that every answer has, on meshes
  std::map<std::string, int> weight_bits;     ///< by weight: of others than the scheme's
  std::size_t calibration = 8;                ///< samples that steps are fitted to
  training::RangeRule ranges = training::RangeRule::least_squares;  ///< of static rules
  bool learn_weight_steps = false;  ///< by their gradient, else fitted now and then; wins at 4 bits
  training::AdaptiveOptions adaptive;

  [[nodiscard]] Executor& runs_on() const noexcept {
    return executor ? *executor : core::serial_executor();
  }

  /// Of one stage. @param file  of its checkpoint in the folder, without an ending
  [[nodiscard]] training::MeshTrainingOptions stage(std::string what, const std::string& file,
                                                    bool quantized) const {
    training::MeshTrainingOptions t;
    t.trainer.what = std::move(what);
    t.trainer.epochs = quantized ? quantized_epochs : epochs;
    t.trainer.batch = batch;
    t.trainer.seed = seed + (quantized ? 1000 : 0);
    t.trainer.report_every = report_every;
    t.trainer.average = average;
    t.trainer.keep_best = keep_best;
    t.trainer.patience = patience;
    t.trainer.curve = curve;
    t.trainer.checkpoint_every = checkpoint_every;
    if (!folder.empty()) {
      t.trainer.checkpoint = folder + "/" + file + ".safetensors";
      if (curve.empty()) t.trainer.curve = folder + "/" + file + ".csv";
    }
    t.lr = quantized ? quantized_lr : lr;
    t.lr_end = lr_end;
    t.rate = rate;
    t.warm_up = warm_up.value_or(rate == training::RateShape::one_cycle ? 0.3 : 0.05);
    t.learn_weight_steps = quantized && learn_weight_steps;
    t.adam.clip = clip;
    t.adam.weight_decay = weight_decay;
    t.auxiliary_lr = adaptive.auxiliary_lr;
    t.random_share = adaptive.random_share;
    t.probe_share = adaptive.probe_share;
    return t;
  }
};

}  // namespace amq

namespace amq::training {

namespace detail {

/// The loss of TrainOptions on a network's normalized values.
/// @param mean, deviation  (channel) of the solution
inline OwnLoss in_users_units(const TrainOptions& o, std::vector<float> mean,
                              std::vector<float> deviation) {
  if (o.own_loss.function)
    return {o.own_loss.name,
            [f = o.own_loss.function, mean, deviation](
                MatrixView<const float> y, MatrixView<const float> t, MatrixView<float> dy) {
              const auto decoded = [&](MatrixView<const float> v) {
                Matrix u(v.rows, v.cols);
                for (Index i = 0; i < v.rows; ++i)
                  for (Index c = 0; c < v.cols; ++c) {
                    const auto k = static_cast<std::size_t>(c);
                    u(i, c) = std::fma(v(i, c), deviation[k], mean[k]);
                  }
                return u;
              };
              const Matrix u = decoded(y), truth = decoded(t);
              const double value = f(view(u), view(truth), dy);
              for (Index i = 0; i < dy.rows; ++i)
                for (Index c = 0; c < dy.cols; ++c)
                  dy(i, c) *= deviation[static_cast<std::size_t>(c)];
              return value;
            }};
  if (o.loss == Loss::mse) return {};
  return {"relative L2 of decoded values",
          [mean, deviation](MatrixView<const float> y, MatrixView<const float> t,
                            MatrixView<float> dy) {
            double error = 0, norm = 0;
            for (Index i = 0; i < y.rows; ++i)
              for (Index c = 0; c < y.cols; ++c) {
                const auto k = static_cast<std::size_t>(c);
                const double s = static_cast<double>(deviation[k]);
                const double d = s * (static_cast<double>(y(i, c)) - static_cast<double>(t(i, c)));
                const double truth =
                    s * static_cast<double>(t(i, c)) + static_cast<double>(mean[k]);
                dy(i, c) = static_cast<float>(s * d);
                error += d * d;
                norm += truth * truth;
              }
            const double value = std::sqrt(error / norm);
            map(dy) *= static_cast<float>(value > 0 ? 1.0 / (norm * value) : 0.0);
            return value;
          }};
}

}  // namespace detail

}  // namespace amq::training
