#pragma once
/// @file
/// any_solver.hpp over one network on grids. Included by the file of that network alone.

#include "network.hpp"

#include <amq/solver/grid_file.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace amq::any {

using namespace solver;

template <typename Model>
class OnGrid final : public Solver {
  using Loaded = decltype(amq::load<Model, AnyScheme>(std::declval<safetensors::File>(),
                                                      std::declval<Executor&>()));

 public:
  OnGrid(safetensors::File file, Executor& executor)
      : solver_(amq::load<Model, AnyScheme>(std::move(file), executor)) {}

  [[nodiscard]] Facts facts() const override {
    Facts f = facts_of(solver_.net());
    const GridFieldEncoding& e = solver_.encoding();
    f.on_grid = true;
    f.dim = static_cast<int>(e.low.size());
    f.given = e.inputs();
    f.solution = e.outputs();
    f.rolls_out = f.given % f.solution == 0;
    f.bytes = solver_.model_bytes();
    f.budget = solver_.budget().mean_bits;
    f.seen = solver_.trained_on();
    return f;
  }
  void out_of_range(OutOfRange policy, double tolerance) override {
    solver_.out_of_range(policy, tolerance);
  }
  [[nodiscard]] std::unique_ptr<Place> on(const Mesh&) override {
    throw Error("mesh", "a grid: " + std::string(Model::name) + " solves on grids", "a mesh",
                "Give the coordinates of every axis.");
  }
  [[nodiscard]] std::unique_ptr<Place> on(const std::vector<std::vector<double>>& axes) override {
    return std::make_unique<There>(solver_, RegularGrid{axes});
  }

 private:
  /// The last frames are given again: the oldest goes, the solution comes.
  class Stepped final : public Steps {
   public:
    Stepped(const Loaded& solver, const RegularGrid& grid, Field start, double bits)
        : solver_(&solver), grid_(grid), state_(std::move(start)), bits_(bits) {}
    void allocate_every(Index n) override {
      if (n < 1)
        throw Error("rollout", "1 or more steps", std::to_string(n), "1 allocates at every step.");
    }
    void step(const std::function<void(Field&)>& given) override {
      solver_->solve(grid_, view(std::as_const(state_)), next_, amq::mean_bits(bits_));
      // Made beside the state, which stays where `given` throws.
      const Index frame = next_.field.cols(), kept = state_.cols() - frame;
      after_.resize(state_.rows(), state_.cols());
      for (Index i = 0; i < state_.rows(); ++i) {
        const float* row = state_.data() + i * state_.cols();
        float* to = after_.data() + i * state_.cols();
        std::copy(row + frame, row + state_.cols(), to);
        std::copy_n(next_.field.data() + i * frame, frame, to + kept);
      }
      core::as_host([&] { given(after_); });
      state_.swap(after_);
    }
    [[nodiscard]] const Field& state() const override { return state_; }
    [[nodiscard]] const SolveReport& report() const override { return next_.report; }
    [[nodiscard]] double mean_bits() const override { return bits_; }

   private:
    const Loaded* solver_;
    RegularGrid grid_;
    Field state_, after_;
    Solution next_;
    double bits_;
  };
  class There final : public Place {
   public:
    There(const Loaded& solver, RegularGrid grid)
        : solver_(&solver), grid_(std::move(grid)), shape_(grid_.shape()) {
      const int dims = solver.net().model.config().channels().dims;
      if (shape_.dims != dims)
        throw Error("grid", std::to_string(dims) + " axes", std::to_string(shape_.dims),
                    "Give the coordinates of every axis.");
    }
    [[nodiscard]] Index rows() const override { return shape_.points(); }
    double solve(MatrixView<const float> a, const Wishes& w, Solution& into) const override {
      const double bits = bits_of(w);
      solver_->solve(grid_, a, into, {amq::mean_bits(bits), w.variables});
      return bits;
    }
    [[nodiscard]] std::unique_ptr<Steps> roll_out(Field start, const Wishes& w) const override {
      const Index given = solver_->encoding().inputs(), out = solver_->encoding().outputs();
      if (given % out != 0)
        throw Error(
            "rollout", "a solver whose given channels are frames of its solution",
            std::to_string(given) + " given and " + std::to_string(out) + " of the solution",
            "Train a network whose solution is the next frame.");
      // What a step would refuse is refused now.
      Matrix u;
      solver_->encoding().encode(view(std::as_const(start)), shape_, u);
      return std::make_unique<Stepped>(*solver_, grid_, std::move(start), bits_of(w));
    }
    void measure() override {
      throw Error("measure", "a network on meshes, which shares out time", std::string(Model::name),
                  "All points of a grid have the same bits: give a budget of bits or BOPs.");
    }
    [[nodiscard]] LayerTimes layer_times(int rounds) const override {
      const auto& net = solver_->net();
      const Inputs i = inputs();
      return layer_times_of(net, rounds, [&](auto& a) {
        static_cast<void>(net.model(a, shape_, view(i.u), view(i.x)));
      });
    }

   private:
    /// Of no field: costs and times do not depend on it.
    struct Inputs {
      Matrix u, x;
    };
    [[nodiscard]] Inputs inputs() const {
      Inputs i{Matrix::Zero(shape_.points(), solver_->encoding().inputs()), {}};
      solver_->encoding().positions(grid_, shape_, i.x);
      return i;
    }
    [[nodiscard]] double bits_of(const Wishes& w) const {
      if (w.unit == Unit::own) return solver_->budget().mean_bits;
      if (w.unit == Unit::mean_bits) return w.budget;
      if (w.unit == Unit::milliseconds)
        throw Error("budget", "bits or BOPs", "milliseconds",
                    "All points of a grid have the same bits: time what each level takes.");
      if (w.unit == Unit::relative_l2)
        throw Error("budget", "bits or BOPs", "a tolerance",
                    "Files of networks on grids keep no errors: compare the levels.");
      const auto& net = solver_->net();
      const Inputs i = inputs();
      return bits_within(net.quantizers.info().levels, false, w.budget, "BOPs", [&](double bits) {
        const BitPlan plan = BitPlan::uniform(static_cast<int>(bits));
        BasicCounting count(net.layout, net.quantizers, plan);
        net.model(count, shape_, view(i.u), view(i.x));
        return static_cast<double>(count.cost().bops());
      });
    }
    const Loaded* solver_;
    RegularGrid grid_;
    GridShape shape_;
  };
  Loaded solver_;
};

template <typename Model>
std::unique_ptr<Solver> load_one(safetensors::File file, Executor& executor) {
  return std::make_unique<OnGrid<Model>>(std::move(file), executor);
}

}  // namespace amq::any
