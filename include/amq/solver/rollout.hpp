#pragma once
/// @file
/// A state on a mesh, carried from step to step by a solver that predicts its change.

#include <amq/solver/mesh_solver.hpp>

#include <string>
#include <utility>

namespace amq {

/// next = state + predicted change, in the user's units. The network's given channels are the
/// state's; bits are allocated anew at every step, from the state of that step, or at every n-th.
template <typename Model>
class Rollout {
 public:
  /// @param solver  outlives the rollout
  /// @param start   (node, state channel)
  /// @throws amq::Error for a solver whose given channels are not its solution's, and for what
  ///         MeshEncoding::encode() refuses
  Rollout(BasicMeshSolver<Model>& solver, const Mesh& mesh, Field start)
      : solver_(&solver), state_(std::move(start)) {
    const auto& e = solver.encoding();
    if (e.input_mean.size() != e.output_mean.size())
      throw Error("Rollout", "a solver whose given channels are those of its solution",
                  std::to_string(e.input_mean.size()) + " given and " +
                      std::to_string(e.output_mean.size()) + " of the solution",
                  "Train a network that returns the change of the state.");
    sample_ = e.encode(mesh, view(std::as_const(state_)));
    prepare_sample(solver.net().model, sample_);
    work_ = solver.prepare(sample_);
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

  /// One step. @param given  sets what the boundary prescribes: given(next), (node, channel)
  /// @throws amq::Error where the state is no longer finite
  template <typename Given>
  const Field& step(const Given& given) {
    solver_->encoding().encode_given(view(std::as_const(state_)), sample_);
    if (since_ == 0) {
      plan_ = solver_->plan(sample_, work_);
      report_ = solver_->report();
    } else {  // without the auxiliary model
      report_.bops -= report_.auxiliary_bops;
      report_.auxiliary_bops = 0;
    }
    since_ = (since_ + 1) % every_;
    state_ += solver_->solve(sample_, plan_);
    given(state_);
    ++steps_;
    return state_;
  }
  const Field& step() {
    return step([](Field&) {});
  }

  [[nodiscard]] const Field& state() const noexcept { return state_; }
  [[nodiscard]] Index steps() const noexcept { return steps_; }
  /// Of the last step: what it cost, and the bits of every node.
  [[nodiscard]] const SolveReport& report() const noexcept { return report_; }

 private:
  BasicMeshSolver<Model>* solver_;
  Field state_;
  GraphSample sample_;
  PassWork work_;  ///< of the mesh, counted once
  BitPlan plan_;
  SolveReport report_;
  Index steps_ = 0, every_ = 1, since_ = 0;
};

}  // namespace amq
