#pragma once
/// @file
/// From a float network to a quantized one: calibrated, trained on at uniform bits, or adaptively.

#include <amq/core/float_environment.hpp>
#include <amq/train/calibrate.hpp>
#include <amq/train/measure_curves.hpp>
#include <amq/train/train_options.hpp>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::training {

/// The float network's weights under a scheme, steps fitted to some samples.
/// @param weight_bits  of weights that have others than the scheme's
/// @param row_bits     of points whose rows have these in every plan
template <typename Model, typename Samples>
[[nodiscard]] std::unique_ptr<Network<Model>> calibrated_network(
    const Network<Model>& from, SchemeInfo scheme, const Samples& few,
    RangeRule ranges = RangeRule::least_squares, std::uint64_t seed = 0,
    const std::map<std::string, int>& weight_bits = {},
    const std::map<std::string, int>& row_bits = {}) {
  auto net =
      std::make_unique<Network<Model>>(from.model.config(), std::move(scheme), seed, row_bits);
  for (const auto& [name, bits] : weight_bits) net->layout.fix_weight_bits(name, bits);
  net->take_weights(from.layout, from.parameters);
  calibrate(*net, few, ranges);
  return net;
}
/// The same for a solver of this scheme.
/// @param scheme  where the type is AnyScheme, which does not say it
/// @throws amq::Error  16 bits of a weight that such a solver has no kernels for
template <typename Scheme, typename Model, typename Samples>
[[nodiscard]] std::unique_ptr<Network<Model>> calibrated_for(
    const Network<Model>& from, const Samples& few, RangeRule ranges, std::uint64_t seed,
    const std::map<std::string, int>& weight_bits,
    const SchemeInfo& scheme = SchemeInfo::of<Scheme>()) {
  for (const auto& [name, bits] : weight_bits)
    if (bits == 16 && !has_wide_weights<Scheme>())
      throw Error("TrainOptions::weight_bits", "weights of at most 8 bits, as the scheme's",
                  name + " of 16", "Add 16 to the scheme: Weights<8, 16>.");
  return calibrated_network(from, scheme, few, ranges, seed, weight_bits);
}

/// Bits chosen by an auxiliary model: what a solver of them is made of.
template <typename Model>
struct AdaptiveNetwork {
  std::unique_ptr<Network<Model>> net;
  std::unique_ptr<Auxiliary> auxiliary;
  PointCurves curves;
  LearningCurve curve;
};

namespace detail {
/// What is measured before an adaptive training begins, as a checkpoint keeps it.
inline TrainingState prepared_state(const PointCurves& c, const Auxiliary& aux) {
  const auto wide = [](const std::vector<float>& v) {
    return std::vector<double>(v.begin(), v.end());
  };
  TrainingState s{{"mean_score", c.mean_score},
                  {"score_power", {c.score_power}},
                  {"centre", wide(aux.centre)},
                  {"scale", wide(aux.scale)},
                  {"lift", wide(aux.lift)}};
  for (std::size_t k = 0; k < c.error.size(); ++k) s["error." + number_text(k)] = c.error[k];
  return s;
}
inline void take_prepared(TrainingState s, PointCurves& c, Auxiliary& aux) {
  const auto narrow = [](const std::vector<double>& v, std::vector<float>& to) {
    to.clear();
    for (const double x : v) to.push_back(static_cast<float>(x));
  };
  c.mean_score = s["mean_score"];
  c.score_power = s["score_power"].at(0);
  c.error.clear();
  for (std::size_t k = 0; k < c.mean_score.size(); ++k)
    c.error.push_back(s["error." + number_text(k)]);
  narrow(s["centre"], aux.centre);
  narrow(s["scale"], aux.scale);
  narrow(s["lift"], aux.lift);
}
}  // namespace detail

/// Trains a calibrated network and the auxiliary model that decides its bits, jointly. What is
/// measured before (curves, scores, the auxiliary model alone) is kept beside the checkpoint.
/// @param net      calibrated; its scheme's levels are the ladder
/// @param few      samples that curves are measured on
/// @param options  of the joint training
/// @param set_up   (MeshTraining&) validation, augmentation, windows of several steps
template <typename Model>
[[nodiscard]] AdaptiveNetwork<Model> train_adaptive_network(
    std::unique_ptr<Network<Model>> net, std::span<const GraphSample> samples,
    std::span<const GraphSample> few, const AdaptiveOptions& how,
    const MeshTrainingOptions& options, std::uint64_t seed, Executor& executor,
    const ProgressCallback& progress = {},
    const std::function<void(MeshTraining<Model>&)>& set_up = {}) {
  const FloatEnvironment own;
  if (how.mean_bits.empty())
    throw Error("train_adaptive", "a budget to train at", "none", "Give one or more mean bits.");
  const auto& levels = net->quantizers.info().levels;
  if (levels.size() == 1)
    throw Error("train_adaptive", "a scheme of several levels to choose from",
                std::to_string(levels.front()) + " bits alone",
                "Name a ladder of levels, or train it by train_uniform().");
  AdaptiveNetwork<Model> made;
  made.auxiliary =
      std::make_unique<Auxiliary>(how.auxiliary, samples.front().u.cols(), samples.front().x.cols(),
                                  how.scores_in(net->layout), seed + 7);
  AdaptiveTraining<Model> t(*net, *made.auxiliary, samples, how.score, options);
  if (set_up) set_up(t.main());

  auto& aux = made.auxiliary->net();
  Learner light{&aux.layout, &aux.parameters, AdamW(aux.layout, options.adam), {}};
  Learner* const kept[] = {&light};
  const std::string path = options.trainer.checkpoint;
  const std::string beside =
      path.empty()
          ? path
          : std::filesystem::path(path).replace_extension(".prepared.safetensors").string();
  Recipe recipe;
  if (!path.empty()) {
    recipe = t.main().recipe();
    recipe["seed"] = number_text(options.trainer.seed) + " and " + number_text(seed);
    recipe["scores"] = std::string(how.score.name);
    recipe["score power"] = how.score_power ? number_text(*how.score_power) : "measured";
    recipe["budget of the power"] = number_text(how.mean_bits.front());
    recipe["sharing"] =
        std::string(how.sharing.name) + (how.score_by_layer ? ", a score a layer" : "");
    recipe["clusters"] = number_text(static_cast<int>(how.clusters));
    recipe["auxiliary"] = "hidden " + number_text(how.auxiliary.hidden) + ", layers " +
                          number_text(how.auxiliary.layers) + ", bits " +
                          number_text(how.auxiliary.bits);
    recipe["lr of the auxiliary"] =
        number_text(options.auxiliary_lr) + " to " + number_text(options.lr_end) + ", shape " +
        number_text(static_cast<int>(options.rate)) + ", warm-up " + number_text(options.warm_up);
    const AdamWOptions& adam = options.adam;
    recipe["adam"] = numbers_text(std::vector<double>{
        adam.beta1, adam.beta2, adam.eps, adam.weight_decay, adam.step_factor, adam.clip});
    recipe["batch"] = number_text(options.trainer.batch);
    recipe["begins as"] = Fingerprint().add(net->parameters.values).text();
  }
  PointCurves& curves = made.curves;
  if (!beside.empty() && std::filesystem::exists(beside)) {
    TrainingState state;
    static_cast<void>(load_checkpoint(beside, kept, &recipe, &state));
    detail::take_prepared(std::move(state), curves, *made.auxiliary);
    curves.clusters = how.clusters;
  } else {
    // Curves are relative to the mean score of every column.
    std::vector<PointScores> seen;
    BasicTraining<float> a(net->layout, net->quantizers);
    for (std::size_t k = 0; k < std::min<std::size_t>(24, samples.size()); ++k) {
      Random random = Random::stream(seed + 0xbeef, k);
      seen.push_back(t.observe(a, k, random, 4));
    }
    // A ladder without a level near float is measured against its own highest.
    curves = measure_curves(*net, few, levels, levels.back(), mean_scores(seen), executor,
                            how.sharing.by_block);
    curves.clusters = how.clusters;
    if (how.score_power) curves.score_power = *how.score_power;
    t.prepare(executor, std::min<std::size_t>(128, samples.size()), 4, 12, progress);
    if (!how.score_power)
      curves.score_power = t.best_power(
          Allocator<>(net->layout, levels, curves, {}, {}, how.sharing), how.mean_bits.front());
    if (!beside.empty())
      save_checkpoint(beside, 0, kept, recipe, detail::prepared_state(curves, *made.auxiliary));
  }
  const Allocator<> allocator(net->layout, levels, curves, {}, {}, how.sharing);
  t.run(executor, allocator, how.mean_bits, progress);
  made.curve = t.curve();
  made.net = std::move(net);
  return made;
}

}  // namespace amq::training
