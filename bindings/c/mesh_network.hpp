#pragma once
/// @file
/// any_solver.hpp over one network on meshes. Included by the file of that network alone.

#include "network.hpp"

#include <amq/solver/model_file.hpp>
#include <amq/solver/rollout.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace amq::any {

using namespace solver;

template <typename Model>
class OnMesh final : public Solver {
  using Loaded = decltype(amq::load<Model, AnyScheme>(std::declval<safetensors::File>(),
                                                      std::declval<Executor&>()));
  using Prepared = decltype(std::declval<const Loaded&>().prepare(std::declval<const Mesh&>()));
  using Stepping = decltype(Rollout(std::declval<const Loaded&>(), std::declval<const Mesh&>(),
                                    std::declval<Field>()));

 public:
  OnMesh(safetensors::File file, Executor& executor)
      : solver_(amq::load<Model, AnyScheme>(std::move(file), executor)) {}

  [[nodiscard]] Facts facts() const override {
    Facts f = facts_of(solver_.net());
    const MeshEncoding& e = solver_.encoding();
    f.dim = static_cast<int>(e.centre.size());
    f.adaptive = solver_.auxiliary() != nullptr;
    f.marks_boundary = e.boundary || e.node_types > 0;
    f.given = static_cast<Index>(e.input_mean.size());
    f.solution = e.outputs();
    f.rolls_out = f.given == f.solution;
    f.variables = static_cast<Index>(e.variable_scale.size());
    f.bytes = solver_.model_bytes();
    f.budget = solver_.budget().mean_bits;
    f.seen = solver_.trained_on();
    return f;
  }
  void out_of_range(OutOfRange policy, double tolerance) override {
    solver_.out_of_range(policy, tolerance);
  }
  [[nodiscard]] std::unique_ptr<Place> on(const Mesh& mesh) override {
    return std::make_unique<There>(*this, mesh);
  }
  [[nodiscard]] std::unique_ptr<Place> on(const std::vector<std::vector<double>>&) override {
    throw Error("grid", "a mesh: " + std::string(Model::name) + " solves on meshes", "a grid",
                "Give points and cells.");
  }

 private:
  [[nodiscard]] static double bits_of(Budget b, const SolveReport& r) {
    if (b.milliseconds <= 0) return b.mean_bits;
    double sum = 0;
    for (const float bits : r.node_bits) sum += static_cast<double>(bits);
    return r.node_bits.empty() ? 0 : sum / static_cast<double>(r.node_bits.size());
  }
  class Stepped final : public Steps {
   public:
    Stepped(const Loaded& solver, const Mesh& mesh, Field start, Budget budget,
            std::vector<double> variables)
        : rollout_(solver, mesh, std::move(start)), budget_(budget) {
      rollout_.options(budget, std::move(variables));
    }
    void allocate_every(Index n) override { rollout_.allocate_every(n); }
    void step(const std::function<void(Field&)>& given) override { rollout_.step(given); }
    [[nodiscard]] const Field& state() const override { return rollout_.state(); }
    [[nodiscard]] const SolveReport& report() const override { return rollout_.report(); }
    [[nodiscard]] double mean_bits() const override { return bits_of(budget_, report()); }

   private:
    Stepping rollout_;
    Budget budget_;
  };
  class There final : public Place {
   public:
    There(OnMesh& of, const Mesh& mesh)
        : of_(&of), mesh_(mesh), prepared_(of.solver_.prepare(mesh)) {}
    [[nodiscard]] Index rows() const override { return prepared_.n_nodes(); }
    double solve(MatrixView<const float> a, const Wishes& w, Solution& into) const override {
      const Budget budget = budget_of(w);
      prepared_.solve(a, into, {budget, w.variables});
      return bits_of(budget, into.report);
    }
    [[nodiscard]] std::unique_ptr<Steps> roll_out(Field start, const Wishes& w) const override {
      return std::make_unique<Stepped>(of_->solver_, mesh_, std::move(start), budget_of(w),
                                       w.variables);
    }
    void measure() override { of_->solver_.price_by(of_->solver_.measure_times(mesh_)); }
    [[nodiscard]] LayerTimes layer_times(int rounds) const override {
      const auto& net = of_->solver_.net();
      const GraphSample s = sample();
      return layer_times_of(net, rounds,
                            [&](auto& a) { static_cast<void>(forward(net.model, a, s)); });
    }

   private:
    /// Of no field: costs and times do not depend on it.
    [[nodiscard]] GraphSample sample() const {
      const MeshEncoding& e = of_->solver_.encoding();
      GraphSample s = e.on(mesh_);
      s.v = Matrix::Zero(mesh_.n_nodes(), static_cast<Index>(e.variable_scale.size()));
      prepare_sample(of_->solver_.net().model, s);
      return s;
    }
    [[nodiscard]] Budget budget_of(const Wishes& w) const {
      const Loaded& solver = of_->solver_;
      if (w.unit == Unit::own) return solver.budget();
      if (w.unit == Unit::mean_bits) return amq::mean_bits(w.budget);
      if (w.unit == Unit::relative_l2) return solver.budget_within(w.budget);
      const bool by_time = solver.allocator().unit() != allocation::Bops::unit;
      if (by_time != (w.unit == Unit::milliseconds))
        throw Error("budget", by_time ? "bits or milliseconds" : "bits or BOPs",
                    by_time ? "BOPs" : "milliseconds",
                    by_time ? "This solver was measured, and shares out time."
                            : "Measure the mesh first: amq_measure.");
      if (by_time) {
        if (!(w.budget > 0))
          throw Error("budget", "milliseconds above 0", std::to_string(w.budget),
                      "Give the time a solve may take.");
        return amq::milliseconds(w.budget);
      }
      const GraphSample s = sample();
      const PassWork work = solver.prepare(s);
      return amq::mean_bits(bits_within(solver.allocator().levels(), solver.auxiliary() != nullptr,
                                        w.budget, "BOPs", [&](double bits) {
                                          return static_cast<double>(
                                              solver.allocator().uniform_cost(s, work, bits));
                                        }));
    }
    OnMesh* of_;
    Mesh mesh_;
    Prepared prepared_;
  };
  Loaded solver_;
};

template <typename Model>
std::unique_ptr<Solver> load_one(safetensors::File file, Executor& executor) {
  return std::make_unique<OnMesh<Model>>(std::move(file), executor);
}

}  // namespace amq::any
