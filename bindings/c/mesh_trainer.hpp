#pragma once
/// @file
/// any_trainer.hpp over one network on meshes. Included by the file of that network alone.

#include "any_trainer.hpp"

#include <amq/train/train_mesh.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <string>
#include <vector>

namespace amq::any {

using namespace training;

/// Calls visit(name, value) for every setting that is a number and that samples do not decide.
template <typename Config, typename Visit>
void each_size(Config& c, const Visit& visit) {
  Config::each(c, [&](const char* name, auto& value, auto...) {
    using Value = std::remove_cvref_t<decltype(value)>;
    if constexpr (std::integral<Value>) {
      const std::string_view n = name;
      if (n != "inputs" && n != "outputs" && n != "dim" && n != "variables" && n != "window")
        visit(name, value);
    }
  });
}
template <typename Model>
std::vector<std::string> sizes_of() {
  typename Model::Config c;
  std::vector<std::string> all;
  each_size(c, [&](const char* name, auto&) { all.emplace_back(name); });
  return all;
}

/// |a - b| / |b|; 0 for two fields of zeros.
inline double relative_l2(const Field& a, const Field& b) {
  const auto wrong = static_cast<double>((a - b).norm()), size = static_cast<double>(b.norm());
  return wrong == 0 ? 0 : wrong / size;
}

/// Solves on one mesh by an untrained network: sizes and schemes that make none, and budgets that
/// choosing alone would use up, are found before hours of training and not behind them.
/// @throws amq::Error as amq::train and a solver, and for such budgets
template <typename Model>
void rehearse(const Sample& like, const TrainingWishes& w, const typename Model::Config& sizes) {
  Sample one = like;
  for (Index i = 0; i < one.solution.rows(); ++i)  // costs do not depend on it, but it must vary
    one.solution.row(i).setConstant(static_cast<float>(1 + i));
  TrainOptions o;
  o.epochs = 0;
  o.validation = 0;
  o.graph = w.options.graph;
  const FloatSolver<Model> from = amq::train<Model>(std::span<const Sample>(&one, 1), o, sizes);
  std::vector<GraphSample> few{from.encoding.encode(one.mesh, view(one.given))};
  prepare_sample(from.net->model, few.front());
  auto net = calibrated_for<AnyScheme>(*from.net, few, o.ranges, o.seed, {}, w.scheme);
  const bool adaptive = w.kind == Kind::adaptive;
  std::unique_ptr<Auxiliary> auxiliary;
  if (adaptive)
    auxiliary = std::make_unique<Auxiliary>(w.options.adaptive.auxiliary, few.front().u.cols(),
                                            few.front().x.cols(),
                                            w.options.adaptive.scores_in(net->layout), o.seed);
  const MeshSolver<Model, AnyScheme> solver(std::move(net), std::move(auxiliary), from.encoding,
                                            w.options.adaptive.sharing);
  const auto solve = [&](double bits) {
    static_cast<void>(solver(one.mesh, view(one.given), mean_bits(bits)));
  };
  if (!adaptive) return solve(w.scheme.levels.front());
  const auto covers = [&](double bits) {
    try {
      solve(bits);
      return true;
    } catch (const Error&) {
      return false;
    }
  };
  const double highest = w.scheme.levels.back();
  if (!covers(highest))
    throw Error("training, kind", "a network that costs more than choosing its bits",
                "one that costs less", "Take more hidden channels, or the kind uniform.");
  for (const double wanted : w.options.adaptive.mean_bits) {
    if (covers(wanted)) continue;
    double low = wanted, high = highest;
    while (high - low > 0.05) {
      const double middle = 0.5 * (low + high);
      (covers(middle) ? high : low) = middle;
    }
    throw Error("training, budget",
                "mean bits that cover choosing them: with this network and mesh " +
                    number_text(std::min(std::ceil(10 * high) / 10, highest)) + " or more",
                number_text(wanted), "Take a wider network, a larger budget, or the kind uniform.");
  }
}

template <typename Model>
TrainingOutcome train_one(std::span<const Sample> samples, const TrainingWishes& w,
                          const std::string& to) {
  const TrainOptions& o = w.options;
  typename Model::Config sizes;
  each_size(sizes, [&](const char* name, auto& value) {
    const auto found = w.sizes.find(name);
    if (found != w.sizes.end())
      value = static_cast<std::remove_cvref_t<decltype(value)>>(found->second);
  });
  rehearse<Model>(samples.front(), w, sizes);
  const FloatSolver<Model> net = amq::train<Model>(samples, o, sizes);
  auto made = w.kind == Kind::adaptive  ? train_adaptive<AnyScheme>(net, samples, o, w.scheme)
              : w.kind == Kind::uniform ? train_uniform<AnyScheme>(net, samples, o, w.scheme)
                                        : amq::quantize<AnyScheme>(net, samples, o, w.scheme);
  TrainedOn seen = made.solver.trained_on();
  seen.given_names = w.given_names;
  seen.solution_names = w.solution_names;
  made.solver.trained_on(std::move(seen));
  save(to, made);

  const SampleSplit split = SampleSplit::of(samples.size(), o.validation, o.seed);
  TrainingOutcome r;
  r.network = Model::name;
  r.scheme = w.scheme.name();
  for (std::size_t k = 0; k < made.solver.net().quantizers.first_entry(); ++k)
    r.parameters += made.solver.net().layout.entries()[k].size();
  r.bytes = made.solver.model_bytes();
  r.training = split.training.size();
  r.validation = split.validation.size();
  r.float_curve = net.curve;
  r.curve = made.report.curve;
  if (split.validation.empty()) return r;
  // Sums are added in the order of samples, whoever solves them.
  const auto mean_of = [&](auto&& value) {
    std::vector<double> all(split.validation.size());
    o.runs_on().parallel_for(all.size(), 1, [&](std::size_t from, std::size_t end) {
      for (std::size_t k = from; k < end; ++k) all[k] = value(samples[split.validation[k]]);
    });
    double sum = 0;
    for (const double x : all) sum += x;
    return sum / static_cast<double>(all.size());
  };
  r.float_error =
      mean_of([&](const Sample& s) { return relative_l2(net(s.mesh, s.given), s.solution); });
  r.mean_error = mean_of([&](const Sample& s) {
    Field said(s.solution.rows(), s.solution.cols());
    for (Index c = 0; c < said.cols(); ++c)
      said.col(c).setConstant(net.encoding.output_mean[static_cast<std::size_t>(c)]);
    return relative_l2(said, s.solution);
  });
  for (const double bits : made.test.mean_bits) {
    HeldOut at;
    at.mean_bits = bits;
    at.error = mean_of([&](const Sample& s) {
      return relative_l2(made.solver(s.mesh, view(s.given), mean_bits(bits)).field, s.solution);
    });
    const Sample& one = samples[split.validation.front()];
    const SolveReport cost = made.solver(one.mesh, view(one.given), mean_bits(bits)).report;
    at.bops_share = static_cast<double>(cost.bops) / static_cast<double>(cost.float_bops);
    r.budgets.push_back(at);
  }
  return r;
}

}  // namespace amq::any
