#pragma once
/// @file
/// A state on a mesh, carried from step to step by a solver that predicts its change.

#include <amq/core/float_environment.hpp>
#include <amq/solver/mesh_solver.hpp>

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq {

/// next = state + predicted change, in the user's units; or, for a solver of windows, the next
/// window of values. The network's given channels are the state's; bits are allocated again at
/// every step, from the state of that step, or at every n-th.
template <typename Model, typename Scheme = AnyScheme>
class Rollout {
 public:
  /// @param solver  outlives the rollout, and may serve others meanwhile
  /// @param start   (node, state channel)
  /// @throws amq::Error for a solver whose given channels are not its solution's, and for meshes
  /// and
  ///         fields that the solver refuses
  Rollout(const MeshSolver<Model, Scheme>& solver, const Mesh& mesh, Field start)
      : mesh_(solver.prepare(checked(solver, mesh))), state_(std::move(start)) {
    solver.encoding().check_given(view(std::as_const(state_)), mesh.n_nodes());
  }

  /// From now on bits are allocated at the next step and at every n-th after it; steps between have
  /// the bits of the last such step, cost no more, and save the time of choosing.
  /// @throws amq::Error for n < 1
  void allocate_every(Index n) {
    if (n < 1)
      throw Error("Rollout::allocate_every", "1 or more steps", std::to_string(n),
                  "1 allocates at every step.");
    every_ = n;
    since_ = 0;
  }
  /// Of the next steps: the budget, none for the solver's, and time and parameters of the equation.
  void options(std::optional<Budget> budget, std::vector<double> variables = {}) {
    budget_ = budget;
    variables_ = std::move(variables);
    since_ = 0;
  }

  /// One step. @param given  sets what the boundary prescribes: given(next), (node, channel);
  ///        what it throws ends the step: a way to cancel
  /// @throws amq::Error where the state is no longer finite, or the solver refuses what it has
  ///         become, and what `given` throws; the state stays as it was, and so does the number of
  ///         steps until bits are chosen again
  template <typename Given>
  const Field& step(const Given& given) {
    {
      const core::FloatEnvironment own;  // what is given is the host's
      const auto state = view(std::as_const(state_));
      if (since_ == 0) {
        solver::SolveOptions o{std::span<const double>(variables_)};
        o.budget = budget_;
        solver::ChosenBits c = mesh_.choose(state, o);
        plan_ = std::move(c.plan);
        report_ = std::move(c.report);
      } else {  // without the auxiliary model
        report_.bops -= report_.auxiliary_bops;
        report_.auxiliary_bops = 0;
      }
      mesh_.count_cut(mesh_.solve(state, plan_, change_, variables_), report_);
      // The next state is made beside this one, which stays where `given` throws.
      if (!(mesh_.solver().encoding().time_step > 0)) change_ += state_;
    }
    core::as_host([&] { given(change_); });
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
  /// Of the last step, or one that was refused since: what it cost, and the bits of every node.
  [[nodiscard]] const solver::SolveReport& report() const noexcept { return report_; }

 private:
  static const Mesh& checked(const MeshSolver<Model, Scheme>& solver, const Mesh& mesh) {
    const auto& e = solver.encoding();
    if (e.input_mean.size() != e.output_mean.size())
      throw Error("Rollout", "a solver whose given channels are those of its solution",
                  std::to_string(e.input_mean.size()) + " given and " +
                      std::to_string(e.output_mean.size()) + " of the solution",
                  "Train a network that returns the change of the state.");
    return mesh;
  }

  solver::PreparedMesh<Model, Scheme> mesh_;
  Field state_, change_;
  arithmetics::BitPlan plan_;
  solver::SolveReport report_;
  std::optional<Budget> budget_;
  std::vector<double> variables_;
  Index steps_ = 0, every_ = 1, since_ = 0;
};

}  // namespace amq
