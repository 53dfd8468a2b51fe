#pragma once
/// @file
/// From one's own samples on meshes to a solver: in float, quantized after training, trained at
/// uniform bits, trained adaptively.

#include <amq/arithmetic/float32.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/solver/model_file.hpp>
#include <amq/train/layer_errors.hpp>
#include <amq/train/mesh_samples.hpp>
#include <amq/train/quantized_network.hpp>
#include <amq/train/run_folder.hpp>
#include <amq/train/train_options.hpp>

#include <algorithm>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::training {

/// A float network that knows the user's units. Kept: quantize() and its sisters read it.
template <typename Model>
struct FloatSolver {
  std::unique_ptr<Network<Model>> net;
  MeshEncoding encoding;
  LearningCurve curve;

  /// @param a  (node, given channel) in the user's units
  /// @returns  (node, solution channel)
  [[nodiscard]] Field operator()(const Mesh& mesh, const Field& a) const {
    const FloatEnvironment own;
    GraphSample s = encoding.encode(mesh, view(a));
    prepare_sample(net->model, s);
    Float32 arithmetic(net->layout, net->parameters);
    Field u;
    encoding.decode(detail::forward_sample(net->model, arithmetic, s).view(), view(s.u), u);
    return u;
  }
};

/// A solver that was made from samples, and the first of them as the self-test of its file.
template <typename Solver>
struct Trained {
  Solver solver;
  SelfTest test;
  TrainingReport report;

  /// Solves. @param a  (node, given channel) in the user's units
  Solution operator()(const Mesh& mesh, const Field& a) const { return solver(mesh, a); }
};

}  // namespace amq::training

namespace amq {

template <typename Solver>
void save(const std::string& path, const training::Trained<Solver>& trained) {
  save(path, trained.solver, trained.test);
}

}  // namespace amq

namespace amq::training {

namespace detail {

inline MeshTrainingOptions mesh_stage(const TrainOptions& o, const MeshEncoding& e,
                                      std::string what, const std::string& file, bool quantized) {
  MeshTrainingOptions t = o.stage(std::move(what), file, quantized);
  t.own_loss = in_users_units(o, e.output_mean, e.output_deviation);
  Fingerprint f;
  f.add(e.input_mean).add(e.input_deviation).add(e.output_mean).add(e.output_deviation);
  f.add(e.centre).add(std::vector<float>{e.half_width}).add(e.lattices);
  f.add(std::vector<int>{e.neighbours, e.node_types});
  t.trainer.recipe["encoding"] = f.text();
  return t;
}

/// A relative loss divides by the size of each solution.
inline void check_relative(const TrainOptions& o, std::span<const Sample> samples) {
  if (o.loss != Loss::relative_l2 || o.own_loss.function) return;
  for (std::size_t k = 0; k < samples.size(); ++k)
    if (samples[k].solution.size() > 0 && (samples[k].solution.array() == 0).all())
      throw Error("sample " + number_text(k), "a solution to be relative to",
                  "one that is 0 everywhere", "Leave the sample out, or train by Loss::mse.");
}

template <typename Model>
SelfTest self_test(std::span<const Sample> samples, std::vector<double> mean_bits) {
  return {samples.front().mesh, samples.front().given, std::move(mean_bits)};
}

}  // namespace detail

}  // namespace amq::training

namespace amq {

/// A network in float, trained on samples in the user's units. What it sees of them (means,
/// deviations, the domain, types of nodes) is found from those it is trained on.
/// @param sizes  of the network; channels and dimensions are the samples'
/// @throws amq::Error naming the sample that cannot be used, the update that went wrong, or what
///         differs from the run that the folder holds
template <typename Model>
[[nodiscard]] training::FloatSolver<Model> train(std::span<const Sample> samples,
                                                 const TrainOptions& o = {},
                                                 typename Model::Config sizes = {}) {
  using namespace training;
  const core::FloatEnvironment own;
  const training::detail::RunFolder folder(o.folder);
  training::detail::check_relative(o, samples);
  SampleSplit split = SampleSplit::of(samples.size(), o.validation, o.seed);
  std::vector<Sample> part;
  if (!split.validation.empty()) {
    // What is refused is named by its place among the user's samples, not among those of a part.
    static_cast<void>(MeshEncoding::of(samples, o.graph, o.imposed));
    for (const std::size_t k : split.training) part.push_back(samples[k]);
  }
  FloatSolver<Model> made;
  made.encoding = MeshEncoding::of(
      split.validation.empty() ? samples : std::span<const Sample>(part), o.graph, o.imposed);
  part.clear();
  sizes.inputs = made.encoding.inputs();
  sizes.dim = static_cast<Index>(made.encoding.centre.size());
  sizes.outputs = made.encoding.outputs();
  made.net = std::make_unique<Network<Model>>(sizes, SchemeInfo{8, RowRule::min_max, {8}}, o.seed);
  const MeshSamples<Model> data(made.net->model, made.encoding, samples, std::move(split));
  MeshTraining<Model> t(*made.net, data.training,
                        training::detail::mesh_stage(o, made.encoding, "float", "float", false));
  data.set_up(t, o);
  t.run(o.runs_on(), nullptr, o.progress);
  made.curve = t.curve();
  return made;
}

}  // namespace amq

namespace amq::training {

namespace detail {
/// What a solver compares its inputs with.
[[nodiscard]] inline TrainedOn seen_in(std::span<const Sample> samples, const MeshEncoding& e) {
  TrainedOn seen;
  for (const Sample& s : samples) {
    seen.add(s.mesh, e.neighbours > 0 ? knn_edges(s.mesh.points, s.mesh.dim, e.neighbours)
                                      : cell_edges(s.mesh));
    seen.add(view(s.given), view(s.solution));
  }
  return seen;
}
/// Errors of a solver's answers to what was held out, at each of these budgets that covers the
/// choice of bits on all meshes. At most 64 samples are solved.
template <typename Solver>
[[nodiscard]] std::vector<HeldOutError> held_out_errors(const Solver& solver,
                                                        std::span<const Sample> samples,
                                                        const TrainOptions& o,
                                                        std::vector<double> budgets) {
  const SampleSplit split = SampleSplit::of(samples.size(), o.validation, o.seed);
  const std::size_t n = std::min<std::size_t>(split.validation.size(), 64);
  std::vector<HeldOutError> errors;
  if (n == 0) return errors;
  std::sort(budgets.begin(), budgets.end());
  budgets.erase(std::unique(budgets.begin(), budgets.end()), budgets.end());
  FloatExecutor executor(o.runs_on());
  for (const double bits : budgets) {
    std::vector<double> each(n);
    try {
      executor.parallel_for(n, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t k = begin; k < end; ++k) {
          const Sample& s = samples[split.validation[k]];
          const Field u = solver(s.mesh, s.given, mean_bits(bits)).field;
          each[k] =
              static_cast<double>((u - s.solution).norm()) /
              std::max(static_cast<double>(s.solution.norm()), std::numeric_limits<double>::min());
        }
      });
    } catch (const Error&) {
      continue;
    }
    double sum = 0;
    for (const double x : each) sum += x;
    errors.push_back({bits, sum / static_cast<double>(n)});
  }
  return errors;
}
}  // namespace detail

}  // namespace amq::training

namespace amq {

/// Quantizes a float network without further training: steps are fitted to a few samples. The
/// report says what every layer's quantization spoils, at the scheme's lowest level.
/// @param samples  solved or not; the first o.calibration of them are read
/// @param scheme   where the type is AnyScheme, which does not say it
template <typename Scheme, typename Model>
[[nodiscard]] training::Trained<MeshSolver<Model, Scheme>> quantize(
    const training::FloatSolver<Model>& from, std::span<const Sample> samples,
    const TrainOptions& o = {},
    const arithmetics::SchemeInfo& scheme = arithmetics::SchemeInfo::of<Scheme>()) {
  using namespace training;
  const core::FloatEnvironment own;
  if (samples.empty() || o.calibration == 0)
    throw Error("quantize", "samples to fit steps to", "none", "Give a few of the training's.");
  std::vector<GraphSample> few;
  for (const Sample& s : samples.first(std::min(o.calibration, samples.size()))) {
    few.push_back(from.encoding.encode(s.mesh, view(s.given)));
    prepare_sample(from.net->model, few.back());
  }
  auto net = calibrated_for<Scheme>(*from.net, few, o.ranges, o.seed, o.weight_bits, scheme);
  const std::vector<double> levels = training::detail::levels_of(scheme);
  TrainingReport report;
  report.layers = layer_errors(*net, few, static_cast<int>(levels.front()));
  Trained<MeshSolver<Model, Scheme>> made{
      MeshSolver<Model, Scheme>(std::move(net), nullptr, from.encoding),
      training::detail::self_test<Model>(samples, levels), std::move(report)};
  made.solver.trained_on(training::detail::seen_in(samples, from.encoding));
  return made;
}

}  // namespace amq

namespace amq::training {

namespace detail {
/// What a quantization-aware training begins with: the folder, which nobody else has meanwhile, the
/// samples as the network reads them, and the network at the scheme, calibrated.
template <typename Scheme, typename Model>
struct QuantizedStart {
  RunFolder folder;
  MeshSamples<Model> data;
  std::unique_ptr<Network<Model>> net;

  QuantizedStart(const FloatSolver<Model>& from, std::span<const Sample> samples,
                 const TrainOptions& o, const SchemeInfo& scheme)
      : folder(o.folder),
        data(from.net->model, from.encoding, checked(o, samples),
             SampleSplit::of(samples.size(), o.validation, o.seed)),
        net(calibrated_for<Scheme>(*from.net, data.first(o.calibration), o.ranges, o.seed,
                                   o.weight_bits, scheme)) {}

 private:
  [[nodiscard]] static std::span<const Sample> checked(const TrainOptions& o,
                                                       std::span<const Sample> samples) {
    check_relative(o, samples);
    return samples;
  }
};
}  // namespace detail

}  // namespace amq::training

namespace amq {

/// Trains on at uniform bits, quantization-aware. Of several levels each pass draws one: the solver
/// then runs at any of them.
/// @param scheme  where the type is AnyScheme, which does not say it
template <typename Scheme, typename Model>
[[nodiscard]] training::Trained<MeshSolver<Model, Scheme>> train_uniform(
    const training::FloatSolver<Model>& from, std::span<const Sample> samples,
    const TrainOptions& o = {},
    const arithmetics::SchemeInfo& scheme = arithmetics::SchemeInfo::of<Scheme>()) {
  using namespace training;
  const core::FloatEnvironment own;
  training::detail::QuantizedStart<Scheme, Model> begun(from, samples, o, scheme);
  const MeshSamples<Model>& data = begun.data;
  auto& net = begun.net;
  const SchemeInfo info = net->quantizers.info();
  const std::string bits = numbers_text(info.levels);
  MeshTrainingOptions stage = training::detail::mesh_stage(
      o, from.encoding, "uniform " + bits + " bits", "uniform_" + info.name(), true);
  stage.trainer.recipe["begins as"] = Fingerprint().add(net->parameters.values).text();
  MeshTraining<Model> t(*net, data.training, stage);
  data.set_up(t, o);
  std::vector<BitPlan> plans;
  for (const int b : info.levels) plans.push_back(BitPlan::uniform(b));
  t.run_by_turns(o.runs_on(), plans, o.progress);
  net->quantizers.fit_weights(net->layout, net->parameters);
  TrainingReport report;
  report.curve = t.curve();
  Trained<MeshSolver<Model, Scheme>> made{
      MeshSolver<Model, Scheme>(std::move(net), nullptr, from.encoding),
      training::detail::self_test<Model>(samples, training::detail::levels_of(scheme)),
      std::move(report)};
  made.solver.budget(mean_bits(info.levels.front()));
  TrainedOn seen = training::detail::seen_in(samples, from.encoding);
  seen.errors =
      training::detail::held_out_errors(made.solver, samples, o, training::detail::levels_of(info));
  made.solver.trained_on(std::move(seen));
  return made;
}

/// Trains on with bits that an auxiliary model, trained along, gives to every row within a budget.
/// The scheme's levels are what it chooses from; o.adaptive says the rest.
/// @param scheme  where the type is AnyScheme, which does not say it
template <typename Scheme, typename Model>
[[nodiscard]] training::Trained<MeshSolver<Model, Scheme>> train_adaptive(
    const training::FloatSolver<Model>& from, std::span<const Sample> samples,
    const TrainOptions& o = {},
    const arithmetics::SchemeInfo& scheme = arithmetics::SchemeInfo::of<Scheme>()) {
  using namespace training;
  const core::FloatEnvironment own;
  training::detail::QuantizedStart<Scheme, Model> begun(from, samples, o, scheme);
  const MeshSamples<Model>& data = begun.data;
  auto& net = begun.net;
  const SchemeInfo info = net->quantizers.info();
  const std::string bits = numbers_text(o.adaptive.mean_bits);
  auto made = train_adaptive_network<Model>(
      std::move(net), data.training, data.first(o.calibration), o.adaptive,
      training::detail::mesh_stage(o, from.encoding, "adaptive, mean " + bits + " bits",
                                   "adaptive_" + info.name() + "_mean" + bits, true),
      o.seed, o.runs_on(), o.progress, [&](MeshTraining<Model>& t) { data.set_up(t, o); });
  TrainingReport report;
  report.curve = std::move(made.curve);
  Trained<MeshSolver<Model, Scheme>> all{
      MeshSolver<Model, Scheme>(std::move(made.net), std::move(made.auxiliary), from.encoding,
                                o.adaptive.sharing, std::move(made.curves)),
      training::detail::self_test<Model>(samples, o.adaptive.mean_bits), std::move(report)};
  all.solver.budget(mean_bits(o.adaptive.mean_bits.front()));
  std::vector<double> budgets = training::detail::levels_of(info);
  budgets.insert(budgets.end(), o.adaptive.mean_bits.begin(), o.adaptive.mean_bits.end());
  TrainedOn seen = training::detail::seen_in(samples, from.encoding);
  seen.errors = training::detail::held_out_errors(all.solver, samples, o, std::move(budgets));
  all.solver.trained_on(std::move(seen));
  return all;
}

}  // namespace amq
