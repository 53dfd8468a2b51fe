#pragma once
/// @file
/// The assembled solver: a field on a mesh in, a field on the mesh out, in integers, with the bits
/// of every row chosen within a budget.

#include <amq/allocation/allocator.hpp>
#include <amq/allocation/auxiliary.hpp>
#include <amq/allocation/row_times.hpp>
#include <amq/arithmetic/fixed.hpp>
#include <amq/mesh/node_order.hpp>
#include <amq/solver/encoding.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq {

/// What a pass may cost.
struct Budget {
  double mean_bits = 8;  ///< BOPs of the pass with every adaptive row at so many bits
};
/// As many operations as a uniform pass of so many bits has, the auxiliary model's included.
[[nodiscard]] constexpr Budget mean_bits(double bits) noexcept {
  return {bits};
}

/// What a solve cost. BOPs are exact.
struct SolveReport {
  Cost bops = 0, budget = 0, auxiliary_bops = 0, float_bops = 0;
  /// Where bits are chosen by measured times: what the rows should take, and what they may. The
  /// budget in BOPs is then 0.
  Cost picoseconds = 0, picosecond_budget = 0;
  std::vector<float> node_bits;  ///< (node) mean bits of the node's rows and incoming edges
};

/// A trained model, its auxiliary model (if it was trained adaptively) and how fields are encoded.
template <typename Model>
class BasicMeshSolver {
 public:
  /// @param net, auxiliary  trained; kept. No auxiliary: every row has the budget's bits, which
  /// must
  ///                        then be a level of the scheme.
  BasicMeshSolver(std::unique_ptr<Network<Model>> net, std::unique_ptr<Auxiliary> auxiliary,
                  MeshEncoding encoding, allocation::AnySharing sharing = {},
                  PointCurves curves = {}, Executor& executor = serial_executor())
      : net_(std::move(net)),
        auxiliary_(std::move(auxiliary)),
        encoding_(std::move(encoding)),
        allocator_(net_->layout, net_->quantizers.info().levels, std::move(curves), {}, {},
                   sharing),
        main_(net_->layout, net_->quantizers, net_->parameters, executor) {
    if (auxiliary_)
      light_.emplace(auxiliary_->net().layout, auxiliary_->net().quantizers,
                     auxiliary_->net().parameters, executor);
    budget_.mean_bits = net_->quantizers.info().levels.back();
  }

  /// @throws amq::Error below the lowest level or above the highest, or between levels without an
  ///         auxiliary model
  void budget(Budget b) {
    const auto& levels = allocator_.levels();
    if (!(b.mean_bits >= levels.front() && b.mean_bits <= levels.back()))
      throw Error("budget",
                  "a mean of " + std::to_string(levels.front()) + " to " +
                      std::to_string(levels.back()) + " bits",
                  std::to_string(b.mean_bits), "Choose a budget the scheme's levels can have.");
    if (!chooses() && std::find(levels.begin(), levels.end(), b.mean_bits) == levels.end())
      throw Error("budget",
                  "one of the scheme's levels, since the model has neither an auxiliary network "
                  "nor a score",
                  std::to_string(b.mean_bits) + " bits",
                  "Name a level, train the model adaptively, or give a score.");
    budget_ = b;
  }
  [[nodiscard]] Budget budget() const noexcept { return budget_; }

  /// From now on a budget is time: what a uniform pass of so many bits takes by these measurements;
  /// the auxiliary model's own time is not counted. Empty times: BOPs again.
  /// @throws amq::Error for times of another network or scheme
  void price_by(RowTimes times) {
    if (times.empty())
      allocator_.price_by(allocation::Bops());
    else
      allocator_.price_by(allocation::MeasuredTimes{std::move(times)});
  }
  /// From now on bits are chosen by this allocator: a score of the user's own, curves measured with
  /// it, prices, sharing. Without a score of its own it asks the auxiliary model, as before.
  /// @throws amq::Error for an allocator of another network or other levels
  void allocate_by(const Allocator<>& a) {
    allocator_ = Allocator<>(net_->layout, net_->quantizers.info().levels, a.curves(), a.score(),
                             a.price(), a.sharing());
  }
  /// Measures this network's rows on this machine, in a fraction of a second.
  [[nodiscard]] RowTimes measure_times(const GraphSample& s,
                                       const RowTimesOptions& options = {}) const {
    const BitPlan any = BitPlan::uniform(allocator_.levels().back());
    return measure_row_times(net_->layout, net_->quantizers, count(s, any), options);
  }

  /// A large mesh whose neighbours lie far apart in memory is solved along Hilbert's curve, where
  /// their rows stay in cache: from so many nodes on, with edges that reach over an eighth of them.
  static constexpr Index renumbered_from = 16'384;

  /// @param a  (node, given channel) in the user's units
  /// @returns  (node, solution channel)
  /// @throws amq::Error for meshes and fields the encoding refuses, or a budget that the lowest
  ///         level already exceeds on this mesh
  Field operator()(const Mesh& mesh, MatrixView<const float> a) {
    GraphSample s = encoding_.encode(mesh, a);
    NodeOrder order;
    if (mesh.n_nodes() >= renumbered_from &&
        mean_edge_length(s.graph) > static_cast<double>(mesh.n_nodes()) / 8) {
      order = hilbert_order(mesh.points, mesh.dim);
      const Field sorted = in_order(a, order);
      s = encoding_.encode(renumber(mesh, order), view(sorted));
    }
    prepare_sample(net_->model, s);
    Field u = solve(s);
    if (order.empty()) return u;
    const NodeOrder back = inverse(order);
    report_.node_bits = renumber(std::span<const float>(report_.node_bits), back);
    return in_order(view(std::as_const(u)), back);
  }
  Field operator()(const Mesh& mesh, const Field& a) { return (*this)(mesh, view(a)); }
  /// The same for a field of one channel.
  Field operator()(const Mesh& mesh, std::span<const float> a) {
    return (*this)(mesh, MatrixView<const float>(a.data(), static_cast<Index>(a.size()), 1));
  }
  /// An encoded and prepared sample; its y is not read.
  Field solve(const GraphSample& s) { return encoding_.decode(normalized(s)); }
  /// With bits that were chosen before, e.g. for an earlier state on the same mesh: nothing is
  /// predicted and nothing chosen, and report() stays that of the last choice.
  /// @throws amq::Error for a plan of a graph of another size
  Field solve(const GraphSample& s, const BitPlan& plan) {
    return encoding_.decode(normalized(s, plan));
  }
  /// The network's own output, normalized; valid until the next solve.
  MatrixView<const float> normalized(const GraphSample& s) { return normalized(s, plan(s)); }
  MatrixView<const float> normalized(const GraphSample& s, const BitPlan& plan) {
    main_.begin(plan);
    result_ = forward(net_->model, main_, s);
    return result_.view();
  }
  /// What a pass over this mesh costs, as far as it is known before bits are chosen; once a mesh.
  [[nodiscard]] PassWork prepare(const GraphSample& s) const {
    PassWork work = allocator_.prepare(*net_, s);
    if (auxiliary_ && !allocator_.score())
      work.score_bops = auxiliary_->cost(s.graph, view(s.u), view(s.x));
    return work;
  }
  /// Chooses the bits of a sample's rows: what normalized() does first.
  const BitPlan& plan(const GraphSample& s) { return plan(s, prepare(s)); }
  /// @param work  of this mesh, prepared
  const BitPlan& plan(const GraphSample& s, const PassWork& work) {
    const bool by_time = allocator_.unit() != allocation::Bops::unit;
    report_ = {};
    report_.float_bops = work.float_bops;
    const Cost budget = allocator_.uniform_cost(s, work, budget_.mean_bits);
    (by_time ? report_.picosecond_budget : report_.budget) = budget;
    if (!chooses()) {
      plan_ = BitPlan::uniform(static_cast<int>(budget_.mean_bits));
      report_.picoseconds = report_.picosecond_budget;
      report_.bops = by_time ? static_cast<Cost>(count(s, plan_).bops()) : budget;
      report_.node_bits.assign(static_cast<std::size_t>(s.graph.n_nodes()),
                               static_cast<float>(budget_.mean_bits));
      return plan_;
    }
    const PointScores scores = predict(s);
    report_.auxiliary_bops = work.score_bops;
    Planned planned =
        allocator_.plan(s, work, scores, budget, by_time ? 0 : report_.auxiliary_bops);
    report_.node_bits = std::move(planned.node_bits);
    plan_ = std::move(planned.plan);
    report_.bops = planned.cost;
    if (by_time) {
      report_.picoseconds = planned.cost;
      report_.bops = static_cast<Cost>(count(s, plan_).bops()) + report_.auxiliary_bops;
    }
    return plan_;
  }
  /// What the allocator is told: by its own score, or by the auxiliary model, in integers.
  /// @pre there is one of them
  [[nodiscard]] PointScores predict(const GraphSample& s) {
    PointScores scores(net_->layout, s.graph.n_nodes());
    if (allocator_.score())
      allocator_.score()(s, scores.view());
    else
      allocation::LearnedScore<BasicFixed>{auxiliary_.get(), &*light_}(s, scores.view());
    return scores;
  }

  /// Of the last solve.
  [[nodiscard]] const SolveReport& report() const noexcept { return report_; }
  [[nodiscard]] const MeshEncoding& encoding() const noexcept { return encoding_; }
  [[nodiscard]] const Network<Model>& net() const noexcept { return *net_; }
  [[nodiscard]] const Auxiliary* auxiliary() const noexcept { return auxiliary_.get(); }
  [[nodiscard]] const Allocator<>& allocator() const noexcept { return allocator_; }

  /// Packed codes of both models, steps and biases: what a deployed file would hold.
  [[nodiscard]] double model_bytes() const {
    return deployed_bytes(net_->layout, net_->quantizers) +
           (auxiliary_ ? deployed_bytes(auxiliary_->net().layout, auxiliary_->net().quantizers)
                       : 0.0);
  }

 private:
  [[nodiscard]] static Field in_order(MatrixView<const float> a, const NodeOrder& order) {
    Field out(a.rows, a.cols);
    for (Index i = 0; i < a.rows; ++i)
      std::copy_n(a.row(order[static_cast<std::size_t>(i)]), a.cols, view(out).row(i));
    return out;
  }
  /// Whether bits are chosen row by row.
  [[nodiscard]] bool chooses() const noexcept { return auxiliary_ || allocator_.score(); }
  [[nodiscard]] PassCost count(const GraphSample& s, const BitPlan& plan) const {
    BasicCounting a(net_->layout, net_->quantizers, plan);
    forward(net_->model, a, s);
    return a.cost();
  }

  std::unique_ptr<Network<Model>> net_;
  std::unique_ptr<Auxiliary> auxiliary_;
  MeshEncoding encoding_;
  Allocator<> allocator_;
  BasicFixed main_;
  std::optional<BasicFixed> light_;
  Budget budget_;
  BitPlan plan_;
  BasicFixed::Tensor result_;
  SolveReport report_;
};

/// A solver whose scheme is a type: checked when a file is loaded.
template <typename Model, typename Scheme>
class MeshSolver : public BasicMeshSolver<Model> {
 public:
  using scheme = Scheme;
  using BasicMeshSolver<Model>::BasicMeshSolver;
};

}  // namespace amq
