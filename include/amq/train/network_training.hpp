#pragma once
/// @file
/// Training of a steady map by a network, whatever its samples lie on: in float, quantized at one
/// width, or at given plans.

#include <amq/arithmetic/training.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/io/json.hpp>
#include <amq/models/network.hpp>
#include <amq/solver/stored.hpp>
#include <amq/train/loss.hpp>
#include <amq/train/trainer.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace amq::training {

namespace detail {
/// One of several, drawn. One alone takes no random number: training by turns at one plan or
/// budget is training at it.
template <typename T>
[[nodiscard]] const T& drawn(std::span<const T> of, Random& random) {
  return of[of.size() > 1 ? random.index(of.size()) : 0];
}
/// Found by the sample's namespace, also where a member has the same name.
template <typename Model, typename A, typename Sample>
typename A::Tensor forward_sample(const Model& model, A& a, const Sample& s) {
  return forward(model, a, s);
}
}  // namespace detail

/// A solved problem as a network sees it: forward(model, arithmetic, sample) is what the network
/// says, y (row, output) what it should say.
template <typename Sample, typename Model>
concept training_sample = requires(const Sample s, const Model m, BasicTraining<float> a) {
  { forward(m, a, s) } -> std::same_as<BasicTraining<float>::Tensor>;
  { s.y } -> std::convertible_to<const Matrix&>;
};

struct NetworkTrainingOptions {
  TrainerOptions trainer;
  double lr = 1e-3, lr_end = 1e-6;
  double warm_up = 0.05;  ///< share of the updates
  RateShape rate = RateShape::cosine;
  Loss loss = Loss::mse;
  OwnLoss own_loss;  ///< where it has a function, instead of `loss`
  AdamWOptions adam;
  std::int64_t refit_weights_every = 32;  ///< updates between fits of the weight steps
  bool learn_weight_steps = false;  ///< by their gradient instead: from the fit they begin with
};

/// Runs passes of a network over samples, with one tape per lane of the batch.
template <typename Model, typename Sample>
class NetworkTraining {
 public:
  using Net = Network<Model>;

  NetworkTraining(Net& net, std::span<const Sample> samples, NetworkTrainingOptions options)
      : net_(&net), samples_(samples), options_(std::move(options)) {
    static_assert(
        training_sample<Sample, Model>,
        "amq::training::NetworkTraining: forward(model, arithmetic, sample) and sample.y, please");
    for (std::size_t k = 0; k < samples.size(); ++k) check_solution(samples[k], k);
  }

  // A sample without a solution, or of one that a relative loss would divide by.
  void check_solution(const Sample& s, std::size_t k) const {
    const auto refuse = [k](const std::string& expected, const std::string& found) {
      throw Error("training, sample " + number_text(k), expected, found,
                  "Leave the sample out, or give it its solution.");
    };
    if (s.y.rows() != s.u.rows() || s.y.size() == 0)
      refuse("a solution of " + number_text(s.u.rows()) + " rows",
             s.y.size() == 0 ? "none" : number_text(s.y.rows()));
    if (options_.loss == Loss::relative_l2 && !options_.own_loss.function &&
        (s.y.array() == 0).all())
      refuse("a solution to be relative to", "one that is 0 everywhere");
  }

  /// One plan for all passes; null: float. A run goes on where trainer.checkpoint says it was.
  void run(Executor& executor, const BitPlan* plan, const ProgressCallback& progress = {}) {
    run_with(
        executor, [plan](const Turn&) { return plan; },
        plan ? std::span(plan, 1) : std::span<const BitPlan>(), true, plan != nullptr, progress,
        plan ? "one plan" : "float");
  }
  /// Plans of any making, one per sample: layer-wise, by an indicator, by an oracle. There is no
  /// validation: plans belong to training samples.
  /// @throws amq::Error for another number of plans
  void run(Executor& executor, std::span<const BitPlan> plans,
           const ProgressCallback& progress = {}) {
    if (plans.size() != samples_.size())
      throw Error("NetworkTraining::run", "a plan for each of " + number_text(samples_.size()),
                  number_text(plans.size()), "Give one per sample, or run_by_turns().");
    run_with(
        executor, [plans](const Turn& turn) { return &plans[turn.sample]; }, plans, false, true,
        progress, "a plan a sample");
  }

  /// Every pass draws one of these plans, each of which must fit every sample: for a network that
  /// is to run at several widths (any-precision networks, Yu et al. 2021).
  /// @throws amq::Error where there is none
  void run_by_turns(Executor& executor, std::span<const BitPlan> plans,
                    const ProgressCallback& progress = {}) {
    if (plans.empty())
      throw Error("NetworkTraining::run_by_turns", "a plan to train at", "none",
                  "Give one or more plans.");
    run_with(
        executor, [plans](Turn& turn) { return &detail::drawn(plans, turn.random); }, plans, true,
        true, progress, "plans by turns");
  }

  /// From now on every epoch ends with the mean loss over these samples, at each plan of the run.
  void validate_on(std::span<const Sample> samples) { validation_ = samples; }

  /// What the network says to a sample.
  using Answer = std::function<MatrixView<const float>(const Sample&)>;
  /// (turn, answer, room of the turn's lane) -> what is trained on; see Unrolling.
  using Approach = std::function<const Sample&(Turn&, const Answer&, Sample&)>;
  /// From now on turns train on what `approach` comes to from their sample. Runs at given plans
  /// keep the sample's plan on the way.
  /// @param name  what a checkpoint calls it: a run is resumed with an approach of the same name
  void approach_by(Approach approach, std::string name = "own") {
    approach_ = std::move(approach);
    approach_name_ = std::move(name);
  }
  /// What this turn trains on. @pre make_tapes() has made the turn's lane
  template <typename Said>
  const Sample& seen(Turn& turn, const Said& answer) {
    return approach_ ? approach_(turn, std::cref(answer), rooms_[turn.lane])
                     : samples_[turn.sample];
  }
  /// An Answer on this tape at this plan.
  [[nodiscard]] auto answer(BasicTraining<float>& a, const BitPlan* plan) {
    return [this, &a, plan](const Sample& s) {
      a.begin({&net_->parameters, nullptr, plan, options_.learn_weight_steps});
      return MatrixView<const float>(a[detail::forward_sample(net_->model, a, s)]);
    };
  }

  /// Loss of a sample; with `gradients`, its gradient is added there and the tape holds it.
  double pass(BasicTraining<float>& a, std::size_t sample, const BitPlan* plan,
              std::vector<float>* gradients) {
    return pass(a, samples_[sample], plan, gradients);
  }
  /// @param s  must outlive what the tape is used for
  double pass(BasicTraining<float>& a, const Sample& s, const BitPlan* plan,
              std::vector<float>* gradients) {
    a.begin({&net_->parameters, gradients, plan, options_.learn_weight_steps});
    const auto y = detail::forward_sample(net_->model, a, s);
    const MatrixView<const float> out = a[y];
    if (out.rows != s.y.rows() || out.cols != s.y.cols())
      throw Error("training",
                  "a solution of " + number_text(out.cols) + " channels, as the network has",
                  number_text(s.y.cols()), "Give the network's configuration as many outputs.");
    Matrix dy(out.rows, out.cols);
    const double value = options_.own_loss.function
                             ? options_.own_loss.function(out, view(s.y), view(dy))
                             : loss<float>(options_.loss, out, view(s.y), view(dy));
    if (gradients) a.tape().backward(y.ref, view(std::as_const(dy)));
    return value;
  }
  typename BasicTraining<float>::Tensor forward(BasicTraining<float>& a, const Sample& s) const {
    return detail::forward_sample(net_->model, a, s);
  }

  /// Of the last run.
  [[nodiscard]] const LearningCurve& curve() const noexcept { return curve_; }
  [[nodiscard]] Net& net() noexcept { return *net_; }
  [[nodiscard]] std::span<const Sample> samples() const noexcept { return samples_; }
  [[nodiscard]] const NetworkTrainingOptions& options() const noexcept { return options_; }
  void make_tapes(std::size_t lanes) {
    while (tapes_.size() < lanes)
      tapes_.push_back(std::make_unique<BasicTraining<float>>(net_->layout, net_->quantizers));
    rooms_.resize(std::max(rooms_.size(), approach_ ? lanes : 0));
  }
  [[nodiscard]] BasicTraining<float>& tape(std::size_t lane) { return *tapes_[lane]; }
  [[nodiscard]] Schedule schedule(const Trainer& trainer, double lr) const noexcept {
    return {lr, options_.lr_end, trainer.steps(),
            static_cast<std::int64_t>(options_.warm_up * static_cast<double>(trainer.steps())),
            options_.rate};
  }
  /// Mean loss over the validation samples, each at the plans it is given.
  /// @param plans_of  (sample, lane) -> span of plans
  template <typename PlansOf>
  [[nodiscard]] double validation(Executor& executor, const PlansOf& plans_of) {
    const std::size_t n = validation_.size(), lanes = std::min(n, executor.threads());
    make_tapes(lanes);
    std::vector<double> losses(n, 0.0);
    executor.parallel_for(lanes, 1, [&](std::size_t lane, std::size_t end) {
      for (; lane < end; ++lane)
        for (std::size_t k = lane; k < n; k += lanes) {
          const std::span<const BitPlan> plans = plans_of(k, lane);
          if (plans.empty()) losses[k] = pass(*tapes_[lane], validation_[k], nullptr, nullptr);
          for (const BitPlan& plan : plans)
            losses[k] += pass(*tapes_[lane], validation_[k], &plan, nullptr) /
                         static_cast<double>(plans.size());
        }
    });
    return std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(n);
  }
  [[nodiscard]] std::span<const Sample> validation_samples() const noexcept { return validation_; }
  /// What decides a run of this network on these samples, its plans aside.
  [[nodiscard]] Recipe recipe() const {
    Recipe r = options_.trainer.recipe;
    const auto& info = net_->quantizers.info();
    r["loss"] = options_.own_loss.function   ? "own: " + options_.own_loss.name
                : options_.loss == Loss::mse ? "mse"
                                             : "relative L2";
    r["steps of weights"] = options_.learn_weight_steps
                                ? "learned"
                                : "fitted every " + number_text(options_.refit_weights_every);
    r["scheme"] = info.name();
    Fingerprint points;
    for (const auto& p : net_->layout.points())
      points.add(p.name).add(static_cast<std::uint64_t>(p.fixed_bits));
    r["network"] = points.text();
    // Heads, norms and paddings leave the shapes of parameters as they are.
    if constexpr (solver::stored::with_members<std::remove_cvref_t<decltype(net_->model.config())>>)
      r["configuration"] = json::dump(solver::stored::to_json(net_->model.config()));
    r["data"] = fingerprint(samples_);
    if (!validation_.empty()) r["validation data"] = fingerprint(validation_);
    if (approach_) r["approach"] = approach_name_;
    return r;
  }
  [[nodiscard]] Trainer::After refit(bool quantized) {
    if (!quantized || options_.learn_weight_steps) return {};
    return [this](std::int64_t step) {
      if ((step + 1) % options_.refit_weights_every == 0)
        net_->quantizers.fit_weights(net_->layout, net_->parameters);
    };
  }

 private:
  template <typename PlanOf>
  void run_with(Executor& hosts, const PlanOf& plan_of, std::span<const BitPlan> plans,
                bool validates, bool quantized, const ProgressCallback& progress,
                const char* mode) {
    const FloatEnvironment own;
    FloatExecutor executor(hosts);
    Learner learner{&net_->layout, &net_->parameters, AdamW(net_->layout, options_.adam), {}};
    TrainerOptions o = options_.trainer;
    if (!o.checkpoint.empty()) {
      o.recipe = recipe();
      o.recipe["mode"] = mode;
      Fingerprint of_plans;
      for (const BitPlan& p : plans) {
        of_plans.add(std::uint64_t{p.uniform_bits});
        if (p.zero_skips) of_plans.add("0 bits skip");
        for (const auto& rows : p.by_kind) of_plans.add(rows);
        for (const auto& rows : p.by_point) of_plans.add(rows);
      }
      o.recipe["plans"] = of_plans.text();
    }
    Trainer trainer({&learner}, samples_.size(), std::move(o));
    learner.schedule = schedule(trainer, options_.lr);
    make_tapes(trainer.lanes());
    Trainer::Validate validate;
    if (validates && !validation_.empty())
      validate = [&] {
        return validation(executor, [&](std::size_t, std::size_t) { return plans; });
      };
    trainer.run(
        executor,
        [&](Turn& turn) {
          auto& a = *tapes_[turn.lane];
          const BitPlan* plan = plan_of(turn);
          return pass(a, seen(turn, answer(a, plan)), plan, &turn.gradients[0]);
        },
        progress, refit(quantized), validate);
    curve_ = trainer.curve();
  }
  [[nodiscard]] static std::string fingerprint(std::span<const Sample> samples) {
    Fingerprint f;
    for (const Sample& s : samples) {
      f.add(view(s.u)).add(view(s.x)).add(view(s.y));
      if constexpr (requires { s.graph.sender; }) f.add(s.graph.first).add(s.graph.sender);
      if constexpr (requires { s.v; })
        if (s.v.size() > 0) f.add(view(s.v));
    }
    return f.text();
  }

  Net* net_;
  std::span<const Sample> samples_;
  NetworkTrainingOptions options_;
  Approach approach_;
  std::string approach_name_;
  std::span<const Sample> validation_;
  LearningCurve curve_;
  std::vector<std::unique_ptr<BasicTraining<float>>> tapes_;
  std::vector<Sample> rooms_;
};

/// Gives batch norms the mean moments of their rows over passes of the samples, in float, as the
/// weights stand. A training then sees norms as deployment does, folded into their products: for
/// passes of one sample each, moments of a sample would be another function than the deployed one.
template <typename Model, typename Samples>
void settle_norms(Network<Model>& net, const Samples& samples) {
  const FloatEnvironment own;
  BasicTraining<float> a(net.layout, net.quantizers);
  double k = 0;
  for (const auto& s : samples) {
    a.begin({&net.parameters, nullptr, nullptr, false, true});
    detail::forward_sample(net.model, a, s);
    a.update_running(net.parameters, 1 / ++k);
  }
  net.reset_quantizers();
}

}  // namespace amq::training
