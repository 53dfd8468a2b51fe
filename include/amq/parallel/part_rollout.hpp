#pragma once
/// @file
/// A state on a mesh that lies with several ranks, carried from step to step: Rollout's bits.

#include <amq/core/float_environment.hpp>
#include <amq/parallel/part_solver.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace amq::parallel {

/// See Rollout. Every rank has the state of its own nodes, and all ranks step together. After two
/// steps, on a part that has solved before, nothing is allocated, but where nodes first skip a
/// layer.
template <typename Model, typename Scheme = AnyScheme>
class PartRollout {
 public:
  /// @param part   outlives the rollout
  /// @param start  (own node, state channel), in the host's order
  /// @throws amq::Error on all ranks for a solver whose given channels are not its solution's
  PartRollout(PartSolver<Model, Scheme>& part, Field start)
      : part_(&part), state_(std::move(start)) {
    together(part.communicator(), [&] {
      const auto& e = part.solver().encoding();
      if (e.input_mean.size() != e.output_mean.size())
        throw Error("Rollout", "a solver whose given channels are those of its solution",
                    std::to_string(e.input_mean.size()) + " given and " +
                        std::to_string(e.output_mean.size()) + " of the solution",
                    "Train a network that returns the change of the state.");
      e.check_given(view(std::as_const(state_)), part.n_owned());
    });
  }
  /// As in Rollout. All ranks call it.
  /// @throws amq::Error on all ranks for n < 1 on one, and for another n than another rank's
  void allocate_every(Index n) {
    together(part_->communicator(), [&] {
      if (n < 1)
        throw Error("Rollout::allocate_every", "1 or more steps", std::to_string(n),
                    "1 allocates at every step.");
    });
    require_same(part_->communicator(), "number of steps between allocations",
                 static_cast<std::uint64_t>(n));
    every_ = n;
    since_ = 0;
  }
  void options(std::optional<Budget> budget, std::vector<double> variables = {}) {
    budget_ = budget;
    variables_ = std::move(variables);
    since_ = 0;
  }
  /// One step. @param given  sets what the boundary prescribes at own nodes: given(next)
  /// @throws amq::Error on all ranks where the state of one is no longer finite, and what `given`
  ///         throws, which all ranks must throw then; the state stays as it was, and so does the
  ///         number of steps until bits are chosen again
  template <typename Given>
  const Field& step(const Given& given) {
    {
      const FloatEnvironment own;  // what is given is the host's
      const auto state = view(std::as_const(state_));
      if (since_ == 0) {
        SolveOptions o{std::span<const double>(variables_)};
        o.budget = budget_;
        part_->choose(state, *chosen_, o);
        begun_ = 0;
      } else {  // without the auxiliary model
        chosen_->report.bops -= chosen_->report.auxiliary_bops;
        chosen_->report.auxiliary_bops = 0;
      }
      const CutRows cut = part_->solve(state, chosen_->plan, change_, variables_, begun_);
      chosen_->report.saturated = cut.saturated;
      chosen_->report.cut_share = cut.share;
      // The next state is made beside this one, which stays where `given` throws.
      if (!(part_->solver().encoding().time_step > 0)) change_ += state_;
    }
    as_host([&] { given(change_); });
    state_.swap(change_);
    since_ = (since_ + 1) % every_;
    ++steps_;
    return state_;
  }
  const Field& step() {
    return step([](Field&) {});
  }
  [[nodiscard]] const Field& state() const noexcept { return state_; }
  [[nodiscard]] Index steps() const noexcept { return steps_; }
  [[nodiscard]] const SolveReport& report() const noexcept { return chosen_->report; }

 private:
  PartSolver<Model, Scheme>* part_;
  Field state_, change_;
  // Its plan stays where it is, wherever the rollout goes.
  std::unique_ptr<ChosenBits> chosen_ = std::make_unique<ChosenBits>();
  std::optional<Budget> budget_;
  std::vector<double> variables_;
  Index steps_ = 0, every_ = 1, since_ = 0;
  std::uint64_t begun_ = 0;  // see PartSolver::solve()
};

}  // namespace amq::parallel
