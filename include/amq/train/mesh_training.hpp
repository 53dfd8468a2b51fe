#pragma once
/// @file
/// Training of a steady model on meshes: in float, quantized at one width, or adaptively, together
/// with the auxiliary model that decides the bits.

#include <amq/allocation/allocator.hpp>
#include <amq/allocation/auxiliary.hpp>
#include <amq/allocation/sensitivity.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/models/graph_sample.hpp>
#include <amq/train/network_training.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amq::training {

/// What the auxiliary model learns to say of a row. Those below, or a user's own.
struct ScoreTarget {
  std::string_view name;
  /// Whether it is read after a pass of its own, whose output's gradient is random signs; else
  /// after the training pass.
  bool probed = false;
  bool one_column = false;  ///< a node has one number for all points
  /// Adds to scores, so many times, what the pass says that the arithmetic has just carried
  /// backwards.
  std::function<void(BasicTraining<float>&, const GraphSample&, PointScores&, double times)> read;

  /// Of the auxiliary model.
  /// @param by_layer  layers choose, not points
  [[nodiscard]] Index columns(const ParameterLayout& layout, bool by_layer = false) const {
    if (one_column) return 1;
    return by_layer ? static_cast<Index>(allocation::PointBlocks(layout).count())
                    : PointScores(layout).columns();
  }
  /// Squared Jacobian of the output times row power, per point.
  [[nodiscard]] static ScoreTarget sensitivity() {
    return {"sensitivity", true, false,
            [](BasicTraining<float>& a, const GraphSample& s, PointScores& scores, double times) {
              add_sensitivity(a, a.tape(), s, scores, times);
            }};
  }
  /// The same with the gradient of the training loss: no extra pass.
  [[nodiscard]] static ScoreTarget gradient() {
    return {"gradient", false, false,
            [](BasicTraining<float>& a, const GraphSample& s, PointScores& scores, double times) {
              const auto n = static_cast<double>(s.y.size());
              add_sensitivity(a, a.tape(), s, scores, times * n * n);
            }};
  }
  /// Squared error of the node.
  [[nodiscard]] static ScoreTarget loss() {
    return {"loss", false, true,
            [](BasicTraining<float>& a, const GraphSample& s, PointScores& scores, double times) {
              const auto y = a.output();
              const auto v = scores.view();
              for (Index i = 0; i < v.rows; ++i) {
                float sum = 0;
                for (Index c = 0; c < y.cols; ++c)
                  sum += (y(i, c) - s.y(i, c)) * (y(i, c) - s.y(i, c));
                for (Index c = 0; c < v.cols; ++c) v(i, c) += static_cast<float>(times) * sum;
              }
            }};
  }
};

struct MeshTrainingOptions : NetworkTrainingOptions {
  double auxiliary_lr = 3e-3;
  double random_share = 0.1;  ///< adaptive: share of passes whose scores are random
  double probe_share = 0.25;  ///< adaptive, sensitivity: share of passes followed by a probe
};

template <typename Model>
class MeshTraining : public NetworkTraining<Model, GraphSample> {
  using Base = NetworkTraining<Model, GraphSample>;

 public:
  MeshTraining(Network<Model>& net, std::span<const GraphSample> samples,
               const MeshTrainingOptions& options)
      : Base(net, samples, options), options_(options) {}

  /// Squared Jacobian of the output times row power, by `probes` random sign vectors.
  [[nodiscard]] PointScores probe(BasicTraining<float>& a, std::size_t sample, const BitPlan* plan,
                                  Random& random, int probes) {
    return probe(a, this->samples()[sample], plan, random, probes);
  }
  [[nodiscard]] PointScores probe(BasicTraining<float>& a, const GraphSample& s,
                                  const BitPlan* plan, Random& random, int probes) {
    return sensitivity_of(this->net(), a, s, plan, random, probes);
  }
  [[nodiscard]] const MeshTrainingOptions& options() const noexcept { return options_; }

 private:
  MeshTrainingOptions options_;
};

/// Adaptive mesh quantization: the auxiliary model scores every node, the allocator turns scores
/// into bits within the budget, the main model trains at these bits, and what its gradients say
/// becomes the auxiliary model's target (gradient stopped; each has its own optimizer).
template <typename Model>
class AdaptiveTraining {
 public:
  AdaptiveTraining(Network<Model>& net, Auxiliary& auxiliary, std::span<const GraphSample> samples,
                   ScoreTarget target, MeshTrainingOptions options)
      : main_(net, samples, options),
        auxiliary_(&auxiliary),
        columns_(net.layout, auxiliary.columns()),
        target_(std::move(target)) {
    for (const auto& s : samples) add_work(s, work_);
  }

  /// Observes `count` samples' scores with the network as it is, fits the columns, and trains the
  /// auxiliary model alone on them for some epochs.
  void prepare(Executor& hosts, std::size_t count, int probes, std::int64_t epochs,
               const ProgressCallback& progress = {}) {
    const FloatEnvironment own;
    FloatExecutor executor(hosts);
    count = std::min(count, main_.samples().size());
    std::vector<PointScores> scores(count, PointScores(main_.net().layout));
    // A tape is tens of megabytes: one per thread.
    const std::size_t lanes = std::min(count, executor.threads());
    main_.make_tapes(lanes);
    executor.parallel_for(lanes, 1, [&](std::size_t b, std::size_t e) {
      for (; b < e; ++b)
        for (std::size_t k = b; k < count; k += lanes) {
          Random random = Random::stream(main_.options().trainer.seed + 0xa11ce, k);
          scores[k] = observe(main_.tape(b), k, random, probes);
        }
    });
    auxiliary_->fit_columns(scores, columns_);
    auto& aux = auxiliary_->net();
    Learner learner{&aux.layout, &aux.parameters, AdamW(aux.layout, main_.options().adam), {}};
    TrainerOptions t = main_.options().trainer;
    t.what = "auxiliary";
    t.epochs = epochs;
    // It begins as it is begun, and is short: not worth a file, a mean or a best of its own.
    t.checkpoint.clear();
    t.curve.clear();
    t.average = 0;
    t.patience = 0;
    Trainer trainer({&learner}, count, t);
    learner.schedule = main_.schedule(trainer, main_.options().auxiliary_lr);
    make_tapes(trainer.lanes());
    const BitPlan plan = auxiliary_->plan();
    trainer.run(
        executor,
        [&](Turn& turn) {
          auto& a = *tapes_[turn.lane];
          const auto y = score_pass(a, main_samples()[turn.sample], plan, &turn.gradients[0]);
          return teach(a, y, scores[turn.sample]);
        },
        progress,
        [&](std::int64_t step) {
          if ((step + 1) % main_.options().refit_weights_every == 0)
            aux.quantizers.fit_weights(aux.layout, aux.parameters);
        });
    aux.quantizers.fit_weights(aux.layout, aux.parameters);
    // Geometric to arithmetic mean, column by column.
    std::vector<double> observed(static_cast<std::size_t>(auxiliary_->columns()), 0.0),
        predicted(observed);
    std::fill(auxiliary_->lift.begin(), auxiliary_->lift.end(), 0.0f);
    for (std::size_t k = 0; k < count; ++k) {
      const PointScores p = predict(*tapes_[0], k);
      for (Index i = 0; i < p.nodes; ++i)
        for (std::size_t c = 0; c < observed.size(); ++c) {
          const auto at = static_cast<Index>(columns_.point[c]);
          observed[c] += static_cast<double>(scores[k].view()(i, at));
          predicted[c] += static_cast<double>(p.view()(i, at));
        }
    }
    for (std::size_t c = 0; c < observed.size(); ++c)
      auxiliary_->lift[c] =
          static_cast<float>(std::log((observed[c] + 1e-30) / (predicted[c] + 1e-30)));
  }

  /// How much predicted scores should count: of `powers` (see PointCurves) the one at whose plans
  /// the network as it is, calibrated and not yet trained at few bits, has the least loss on the
  /// first samples. Costs a pass for each of both.
  /// @throws amq::Error where no power or no sample is given
  [[nodiscard]] double best_power(Allocator<> allocator, double mean_bits, std::size_t count = 48,
                                  std::span<const double> powers = score_powers) {
    count = std::min(count, main_.samples().size());
    if (count == 0 || powers.empty())
      throw Error("AdaptiveTraining::best_power", "a power and a sample to try it on", "none",
                  "Give training samples.");
    make_tapes(1);
    main_.make_tapes(1);
    std::vector<double> loss(powers.size(), 0.0);
    for (std::size_t k = 0; k < count; ++k) {
      const PointScores scores = predict(*tapes_[0], k);
      for (std::size_t p = 0; p < powers.size(); ++p) {
        allocator.score_power(powers[p]);
        const Planned planned = make_plan(allocator, k, scores, mean_bits);
        loss[p] += main_.pass(main_.tape(0), k, &planned.plan, nullptr);
      }
    }
    return powers[static_cast<std::size_t>(
        std::distance(loss.begin(), std::min_element(loss.begin(), loss.end())))];
  }
  static constexpr std::array<double, 5> score_powers{0.125, 0.25, 0.5, 0.75, 1};

  /// Joint training at a mean of `mean_bits`, the auxiliary model's pass inside the budget.
  /// @throws amq::Error for an allocator that prices by measured time: the auxiliary model's own
  ///         time is not known, and what a machine says should not shape the weights
  void run(Executor& executor, const Allocator<>& allocator, double mean_bits,
           const ProgressCallback& progress = {}) {
    run(executor, allocator, std::span(&mean_bits, 1), progress);
  }
  /// The same for a solver that is to run at several budgets: every pass draws one of them.
  /// @throws amq::Error, too, where there is none
  void run(Executor& hosts, const Allocator<>& allocator, std::span<const double> mean_bits,
           const ProgressCallback& progress = {}) {
    const FloatEnvironment own;
    FloatExecutor executor(hosts);
    if (allocator.unit() != allocation::Bops::unit)
      throw Error("AdaptiveTraining", "an allocator that prices by BOPs", "one with measured times",
                  "Train by BOPs, then call price_by() on the deployed solver.");
    if (mean_bits.empty())
      throw Error("AdaptiveTraining", "a budget to train at", "none",
                  "Give one or more mean bits.");
    auto& net = main_.net();
    auto& aux = auxiliary_->net();
    Learner main{&net.layout, &net.parameters, AdamW(net.layout, main_.options().adam), {}};
    Learner light{&aux.layout, &aux.parameters, AdamW(aux.layout, main_.options().adam), {}};
    TrainerOptions o = main_.options().trainer;
    if (!o.checkpoint.empty()) {
      o.recipe = main_.recipe();
      o.recipe["mode"] = "adaptive";
      o.recipe["mean bits"] = numbers_text(mean_bits);
      o.recipe["scores"] = std::string(target_.name) + ", random " +
                           number_text(main_.options().random_share) + ", probed " +
                           number_text(main_.options().probe_share);
      o.recipe["allocator"] = fingerprint(allocator);
      o.recipe["auxiliary"] =
          "hidden " + number_text(auxiliary_->config().hidden) + ", layers " +
          number_text(auxiliary_->config().layers) + ", bits " +
          number_text(auxiliary_->config().bits) + ", columns " +
          Fingerprint().add(auxiliary_->centre).add(auxiliary_->scale).add(auxiliary_->lift).text();
    }
    Trainer trainer({&main, &light}, main_.samples().size(), std::move(o));
    main.schedule = main_.schedule(trainer, main_.options().lr);
    light.schedule = main_.schedule(trainer, main_.options().auxiliary_lr * 0.3);
    main_.make_tapes(trainer.lanes());
    make_tapes(trainer.lanes());
    const BitPlan plan = auxiliary_->plan();
    const auto refit = main_.refit(true);
    Trainer::Validate validate;
    if (!main_.validation_samples().empty()) {
      prepare_validation();
      make_tapes(executor.threads());
      validate = [&] { return validation(executor, allocator, mean_bits); };
    }
    trainer.run(
        executor,
        [&](Turn& turn) {
          auto& a = *tapes_[turn.lane];
          auto& m = main_.tape(turn.lane);
          const double bits = detail::drawn(mean_bits, turn.random);
          const GraphSample& s = main_.seen(turn, [&](const GraphSample& at) {
            // Bits are allocated anew at every step, as in a rollout.
            const PointScores scores = as_scores(a[score_pass(a, at, plan, nullptr)]);
            const Planned planned = make_plan(allocator, turn.sample, scores, bits);
            return main_.answer(m, &planned.plan)(at);
          });
          const auto y = score_pass(a, s, plan, &turn.gradients[1]);
          PointScores scores = as_scores(a[y]);
          if (turn.random.uniform() < main_.options().random_share) scramble(scores, turn.random);
          const Planned planned = make_plan(allocator, turn.sample, scores, bits);
          const double value = main_.pass(m, s, &planned.plan, &turn.gradients[0]);
          if (!target_.probed || turn.random.uniform() < main_.options().probe_share) {
            teach(a, y, target_.probed ? probed(m, s, &planned.plan, turn.random, 1) : read(m, s));
          }
          return value;
        },
        progress,
        [&](std::int64_t step) {
          refit(step);
          if ((step + 1) % main_.options().refit_weights_every == 0)
            aux.quantizers.fit_weights(aux.layout, aux.parameters);
        },
        validate);
    curve_ = trainer.curve();
    net.quantizers.fit_weights(net.layout, net.parameters);
    aux.quantizers.fit_weights(aux.layout, aux.parameters);
  }

  [[nodiscard]] Planned make_plan(const Allocator<>& allocator, std::size_t sample,
                                  const PointScores& scores, double mean_bits) const {
    return make_plan(allocator, main_samples()[sample], work_[sample], scores, mean_bits);
  }
  [[nodiscard]] std::span<const GraphSample> main_samples() const noexcept {
    return main_.samples();
  }
  /// Of the last joint training.
  [[nodiscard]] const LearningCurve& curve() const noexcept { return curve_; }
  [[nodiscard]] MeshTraining<Model>& main() noexcept { return main_; }

  /// The scores the auxiliary model predicts, simulated as deployed.
  PointScores predict(BasicTraining<float>& a, std::size_t sample) {
    const auto y = score_pass(a, main_.samples()[sample], auxiliary_->plan(), nullptr);
    return as_scores(a[y]);
  }
  /// True scores of a sample: what an oracle would know.
  PointScores observe(BasicTraining<float>& a, std::size_t sample, Random& random, int probes) {
    if (target_.probed) return probed(a, main_.samples()[sample], nullptr, random, probes);
    std::vector<float> unused(main_.net().parameters.values.size(), 0.0f);
    main_.pass(a, sample, nullptr, &unused);
    return read(a, main_.samples()[sample]);
  }

 private:
  using Tensor = BasicTraining<float>::Tensor;

  void add_work(const GraphSample& s, std::vector<PassWork>& work) {
    auto& net = main_.net();
    const BitPlan any = BitPlan::uniform(net.quantizers.info().levels.back());
    BasicCounting count(net.layout, net.quantizers, any);
    forward(net.model, count, s);
    work.emplace_back(net.layout, count.cost());
    work.back().score_bops = auxiliary_->cost(s.graph, view(s.u), view(s.x));
  }
  [[nodiscard]] Planned make_plan(const Allocator<>& allocator, const GraphSample& s,
                                  const PassWork& work, const PointScores& scores,
                                  double mean_bits) const {
    const Cost budget = allocator.uniform_cost(s, work, mean_bits);
    return allocator.plan(s, work, scores, budget, work.score_bops);
  }
  void prepare_validation() {
    for (std::size_t k = validation_work_.size(); k < main_.validation_samples().size(); ++k)
      add_work(main_.validation_samples()[k], validation_work_);
  }
  /// As deployed: at the plans of predicted scores, at every budget.
  [[nodiscard]] double validation(Executor& executor, const Allocator<>& allocator,
                                  std::span<const double> mean_bits) {
    const std::size_t lanes = std::min(main_.validation_samples().size(), executor.threads());
    std::vector<std::vector<BitPlan>> plans(lanes);
    return main_.validation(executor, [&](std::size_t k, std::size_t lane) {
      const GraphSample& s = main_.validation_samples()[k];
      auto& a = *tapes_[lane];
      const PointScores scores = as_scores(a[score_pass(a, s, auxiliary_->plan(), nullptr)]);
      plans[lane].clear();
      for (const double bits : mean_bits)
        plans[lane].push_back(make_plan(allocator, s, validation_work_[k], scores, bits).plan);
      return std::span<const BitPlan>(plans[lane]);
    });
  }
  [[nodiscard]] static std::string fingerprint(const Allocator<>& allocator) {
    const PointCurves& c = allocator.curves();
    Fingerprint f;
    for (const auto& error : c.error) f.add(error);
    const std::vector<double> more{c.score_power, static_cast<double>(c.clusters)};
    return f.add(c.mean_score).add(more).add(allocator.levels()).text() + ", a " +
           std::string(allocator.sharing().name);
  }
  void make_tapes(std::size_t lanes) {
    auto& aux = auxiliary_->net();
    while (tapes_.size() < lanes)
      tapes_.push_back(std::make_unique<BasicTraining<float>>(aux.layout, aux.quantizers));
  }
  Tensor score_pass(BasicTraining<float>& a, const GraphSample& s, const BitPlan& plan,
                    std::vector<float>* gradients) {
    auto& aux = auxiliary_->net();
    a.begin({&aux.parameters, gradients, &plan});
    return models::forward(aux.model, a, s);
  }
  /// (node, column) outputs to scores of every point.
  [[nodiscard]] PointScores as_scores(MatrixView<const float> y) const {
    PointScores s(main_net().layout, y.rows);
    auxiliary_->scores(y, s.view(), columns_);
    return s;
  }
  [[nodiscard]] const Network<Model>& main_net() const {
    return const_cast<AdaptiveTraining*>(this)->main_.net();
  }
  /// From the backward pass the tape has just made.
  [[nodiscard]] PointScores read(BasicTraining<float>& m, const GraphSample& s) {
    PointScores scores(main_.net().layout, s.graph.n_nodes());
    target_.read(m, s, scores, 1);
    return by_layer(std::move(scores));
  }
  /// The mean of what passes say whose output's gradient is random signs.
  [[nodiscard]] PointScores probed(BasicTraining<float>& m, const GraphSample& s,
                                   const BitPlan* plan, Random& random, int probes) {
    PointScores scores(main_.net().layout, s.graph.n_nodes());
    for (int k = 0; k < probes; ++k) {
      back_from_signs(main_.net(), m, s, plan, random);
      target_.read(m, s, scores, 1.0 / probes);
    }
    return by_layer(std::move(scores));
  }
  /// Where the auxiliary model has one score a layer, it is taught one.
  [[nodiscard]] PointScores by_layer(PointScores s) const {
    if (columns_.by_layer) allocation::PointBlocks(main_net().layout).join(s);
    return s;
  }
  /// Squared distance of the predicted log scores to the observed ones; back through the tape.
  double teach(BasicTraining<float>& a, const Tensor& y, const PointScores& seen) {
    const MatrixView<const float> out = a[y];
    Matrix dy(out.rows, out.cols);
    double sum = 0;
    for (Index i = 0; i < out.rows; ++i)
      for (Index c = 0; c < out.cols; ++c) {
        const auto at = static_cast<Index>(columns_.point[static_cast<std::size_t>(c)]);
        const float d = out(i, c) - auxiliary_->target(seen.view()(i, at), c);
        dy(i, c) = 2.0f * d / static_cast<float>(out.size());
        sum += static_cast<double>(d) * static_cast<double>(d);
      }
    a.tape().backward(y.ref, view(std::as_const(dy)));
    return sum / static_cast<double>(out.size());
  }
  /// The scores of another node for every node: each level is met by each row, now and then.
  static void scramble(PointScores& s, Random& random) {
    std::vector<Index> from(static_cast<std::size_t>(s.nodes));
    for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<Index>(i);
    random.shuffle(from);
    const std::vector<float> kept = s.values;
    const MatrixView<const float> v(kept.data(), s.nodes, s.columns());
    for (Index i = 0; i < s.nodes; ++i)
      std::copy_n(v.row(from[static_cast<std::size_t>(i)]), v.cols, s.view().row(i));
  }

  MeshTraining<Model> main_;
  Auxiliary* auxiliary_;
  ScoreColumns columns_;
  ScoreTarget target_;
  std::vector<PassWork> work_, validation_work_;
  LearningCurve curve_;
  std::vector<std::unique_ptr<BasicTraining<float>>> tapes_;
};

}  // namespace amq::training
