#pragma once
/// @file
/// From one's own set on a regular grid to a solver: in float, quantized after training, trained at
/// uniform bits.

#include <amq/arithmetic/float32.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/solver/grid_file.hpp>
#include <amq/train/grid_training.hpp>
#include <amq/train/mesh_samples.hpp>
#include <amq/train/quantized_network.hpp>
#include <amq/train/run_folder.hpp>
#include <amq/train/train_options.hpp>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::training {

/// A network on grids that knows the user's units, in float.
template <typename Model>
struct FloatGridSolver {
  std::unique_ptr<Network<Model>> net;
  GridEncoding encoding;
  GridMapping mapping;
  LearningCurve curve;

  /// @returns (point, channel) what window w of sample i leads to, in the user's units; the set's
  ///          solution is read where a change is added to its last given frame alone
  [[nodiscard]] Matrix operator()(const GridSet& set, Index i, Index w = 0) const {
    const FloatEnvironment own;
    const GridExample e = encoding.encode_given(set, mapping, i, w);
    Float32 a(net->layout, net->parameters);
    return encoding.decode(set, mapping, i, w, detail::forward_sample(net->model, a, e).view());
  }
};

/// A solver that was made from a set, how it reads that set, and a window of it as the self-test of
/// its file.
template <typename Model, typename Scheme>
struct TrainedGrid {
  GridSolver<Model, Scheme> solver;
  GridMapping mapping;
  GridSelfTest test;
  TrainingReport report;

  /// As FloatGridSolver's, in integers.
  [[nodiscard]] Matrix operator()(const GridSet& set, Index i, Index w = 0) const {
    return solver(RegularGrid{set.axes}, GridEncoding::given_in_units(set, mapping, i, w)).field;
  }
};

}  // namespace amq::training

namespace amq {

template <typename Model, typename Scheme>
void save(const std::string& path, const training::TrainedGrid<Model, Scheme>& trained) {
  save(path, trained.solver, trained.test);
}

}  // namespace amq

namespace amq::training {

namespace detail {

/// Windows of some samples of a set.
inline std::vector<GridExample> windows_of(const GridSet& set, const GridMapping& mapping,
                                           const GridEncoding& e,
                                           const std::vector<std::size_t>& samples) {
  std::vector<GridExample> all;
  for (const std::size_t i : samples)
    for (Index w = 0; w < mapping.count(set); ++w)
      all.push_back(e.encode(set, mapping, static_cast<Index>(i), w));
  return all;
}
inline NetworkTrainingOptions grid_stage(const TrainOptions& o, const GridEncoding& e,
                                         const GridMapping& m, std::string what,
                                         const std::string& file, bool quantized) {
  if (o.augmentation.change)
    throw Error("training on a grid", "no augmentation", '"' + o.augmentation.name + '"',
                "Put the mirrored samples into the set.");
  NetworkTrainingOptions t = o.stage(std::move(what), file, quantized);
  t.loss = o.loss;  // an output keeps its mean: a relative error is the same in both units
  if (o.own_loss.function) {
    TrainOptions own = o;
    own.loss = Loss::mse;
    t.own_loss =
        in_users_units(own, std::vector<float>(64, 0.0f), std::vector<float>(64, e.output_scale));
  }
  t.trainer.recipe["encoding"] = number_text(e.input_mean) + ", " + number_text(e.input_deviation) +
                                 ", " + number_text(e.output_scale);
  t.trainer.recipe["mapping"] = number_text(m.past) + " past, lead " + number_text(m.lead) + ", " +
                                number_text(m.windows) + " windows" + (m.change ? ", change" : "");
  return t;
}
/// The solver of a trained network, at the scheme's lowest level.
/// @param samples  of the set, which it was trained on or calibrated with
template <typename Scheme, typename Model>
TrainedGrid<Model, Scheme> trained_grid(std::unique_ptr<Network<Model>> net,
                                        const FloatGridSolver<Model>& from, const GridSet& set,
                                        const std::vector<std::size_t>& samples,
                                        TrainingReport report) {
  const auto inputs = static_cast<std::size_t>(net->model.config().channels().given),
             outputs = static_cast<std::size_t>(net->model.config().channels().outputs);
  GridFieldEncoding e;
  e.input_mean.assign(inputs, from.encoding.input_mean);
  e.input_deviation.assign(inputs, from.encoding.input_deviation);
  e.output_mean.assign(outputs, 0.0f);
  e.output_deviation.assign(outputs, from.encoding.output_scale);
  e.low.assign(set.axes.size(), 0);  // coordinates are read as the set has them
  e.high.assign(set.axes.size(), 1);
  e.change = from.mapping.change;
  TrainedOn seen;
  for (const auto& axis : set.axes) {
    SeenRange& range = seen.box.emplace_back();
    for (const double x : axis) range.add(x);
  }
  for (const std::size_t i : samples)
    for (Index w = 0; w < from.mapping.count(set); ++w) {
      const auto k = static_cast<Index>(i);
      const Field given = GridEncoding::given_in_units(set, from.mapping, k, w);
      const auto y = GridEncoding::sought(set, from.mapping, k, w);
      seen.add(view(given), {y.data(), given.rows(), static_cast<Index>(outputs)});
    }
  const auto first = static_cast<Index>(samples.front());
  TrainedGrid<Model, Scheme> made{
      GridSolver<Model, Scheme>(std::move(net), std::move(e)), from.mapping,
      GridSelfTest{RegularGrid{set.axes}, GridEncoding::given_in_units(set, from.mapping, first, 0),
                   levels_of<Scheme>()},
      std::move(report)};
  made.solver.budget(mean_bits(made.test.mean_bits.front()));
  made.solver.trained_on(std::move(seen));
  return made;
}
inline SampleSplit grid_split(const GridSet& set, const TrainOptions& o) {
  return SampleSplit::of(static_cast<std::size_t>(set.u.n_samples), o.validation, o.seed);
}

}  // namespace detail

}  // namespace amq::training

namespace amq {

/// A network in float, trained on a set in the user's units: what is given leads to what is sought,
/// as the mapping says.
/// @param sizes  of the network; channels and dimensions are the set's
/// @throws amq::Error for a set the mapping does not fit, the update that went wrong, or what
///         differs from the run that the folder holds
template <typename Model>
[[nodiscard]] training::FloatGridSolver<Model> train(const mesh::GridSet& set,
                                                     const training::GridMapping& mapping,
                                                     const TrainOptions& o = {},
                                                     typename Model::Config sizes = {}) {
  using namespace training;
  const core::FloatEnvironment own;
  if (!o.imposed.empty())
    throw Error("train, TrainOptions::imposed", "none on grids, whose points have no types",
                std::to_string(o.imposed.size()) + " values", "Set them on the answer.");
  const training::detail::RunFolder folder(o.folder);
  const SampleSplit split = training::detail::grid_split(set, o);
  FloatGridSolver<Model> made;
  made.mapping = mapping;
  if (split.validation.empty()) {
    made.encoding = GridEncoding::of(set, mapping, set.u.n_samples);
  } else {
    made.encoding = GridEncoding::of(
        set, mapping, std::vector<Index>(split.training.begin(), split.training.end()));
  }
  sizes.dims = static_cast<int>(set.u.points.size());
  sizes.inputs = mapping.inputs(set);
  sizes.outputs = set.u.n_channels;
  made.net = std::make_unique<Network<Model>>(sizes, SchemeInfo{8, RowRule::min_max, {8}}, o.seed);
  const auto seen = training::detail::windows_of(set, mapping, made.encoding, split.training),
             unseen = training::detail::windows_of(set, mapping, made.encoding, split.validation);
  settle_norms(*made.net, std::span(seen).first(std::min<std::size_t>(16, seen.size())));
  GridTraining<Model> t(
      *made.net, seen,
      training::detail::grid_stage(o, made.encoding, mapping, "float", "float", false));
  t.validate_on(unseen);
  t.run(o.runs_on(), nullptr, o.progress);
  made.curve = t.curve();
  return made;
}

/// Quantizes a float network without further training: steps are fitted to the first o.calibration
/// samples. The report says what every layer's quantization spoils, at the scheme's lowest level.
template <typename Scheme, typename Model>
[[nodiscard]] training::TrainedGrid<Model, Scheme> quantize(
    const training::FloatGridSolver<Model>& from, const mesh::GridSet& set,
    const TrainOptions& o = {}) {
  const core::FloatEnvironment own;
  std::vector<std::size_t> first;
  for (std::size_t k = 0; k < std::min(o.calibration, static_cast<std::size_t>(set.u.n_samples));
       ++k)
    first.push_back(k);
  if (first.empty())
    throw Error("quantize", "samples to fit steps to", "none", "Give a few of the training's.");
  const auto few = training::detail::windows_of(set, from.mapping, from.encoding, first);
  auto net = training::calibrated_for<Scheme>(*from.net, few, o.ranges, o.seed, o.weight_bits);
  training::TrainingReport report;
  report.layers = training::layer_errors(*net, few, net->quantizers.info().levels.front());
  return training::detail::trained_grid<Scheme>(std::move(net), from, set, first,
                                                std::move(report));
}

/// Trains on at uniform bits, quantization-aware. Of several levels each pass draws one.
template <typename Scheme, typename Model>
[[nodiscard]] training::TrainedGrid<Model, Scheme> train_uniform(
    const training::FloatGridSolver<Model>& from, const mesh::GridSet& set,
    const TrainOptions& o = {}) {
  using namespace training;
  const core::FloatEnvironment own;
  const training::detail::RunFolder folder(o.folder);
  const SampleSplit split = training::detail::grid_split(set, o);
  const auto seen = training::detail::windows_of(set, from.mapping, from.encoding, split.training),
             unseen =
                 training::detail::windows_of(set, from.mapping, from.encoding, split.validation);
  auto net =
      calibrated_for<Scheme>(*from.net, std::span(seen).first(std::min(o.calibration, seen.size())),
                             o.ranges, o.seed, o.weight_bits);
  const SchemeInfo info = net->quantizers.info();
  const std::string bits = numbers_text(info.levels);
  NetworkTrainingOptions stage = training::detail::grid_stage(
      o, from.encoding, from.mapping, "uniform " + bits + " bits", "uniform_" + info.name(), true);
  stage.trainer.recipe["begins as"] = Fingerprint().add(net->parameters.values).text();
  GridTraining<Model> t(*net, seen, stage);
  t.validate_on(unseen);
  std::vector<BitPlan> plans;
  for (const int b : info.levels) plans.push_back(BitPlan::uniform(b));
  t.run_by_turns(o.runs_on(), plans, o.progress);
  if (!o.learn_weight_steps) net->quantizers.fit_weights(net->layout, net->parameters);
  TrainingReport report;
  report.curve = t.curve();
  return training::detail::trained_grid<Scheme>(std::move(net), from, set, split.training,
                                                std::move(report));
}

}  // namespace amq
