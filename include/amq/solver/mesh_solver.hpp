#pragma once
/// @file
/// The assembled solver: a field on a mesh in, a field on the mesh out, in integers, with the bits
/// of every row chosen within a budget.

#include <amq/allocation/allocator.hpp>
#include <amq/allocation/auxiliary.hpp>
#include <amq/allocation/row_times.hpp>
#include <amq/arithmetic/fixed.hpp>
#include <amq/core/eigen_size.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/mesh/node_order.hpp>
#include <amq/models/mesh_model.hpp>
#include <amq/solver/encoding.hpp>
#include <amq/solver/examine.hpp>
#include <amq/solver/workspaces.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace amq::solver {

/// The bits of every row of a pass, and what they cost.
struct ChosenBits {
  BitPlan plan;
  SolveReport report;
};

namespace detail {

/// A number that no other mesh of this process has, nor had.
[[nodiscard]] inline std::uint64_t next_mesh() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

/// What a solver does once a mesh.
struct OnMesh {
  std::uint64_t number = next_mesh();
  Mesh mesh;        ///< as it was given: whether another is the same is asked of its numbers
  NodeOrder order;  ///< empty: solved in the user's
  NodeOrder back;
  GraphSample sample;  ///< without given channels and variables
  MeshFindings findings;
  std::optional<PassWork> work;
  Cost auxiliary_bops = 0;

  [[nodiscard]] bool is(const Mesh& m) const noexcept {
    return mesh.dim == m.dim && mesh.nodes_per_cell == m.nodes_per_cell &&
           mesh.cell_dim == m.cell_dim && mesh.points == m.points && mesh.cells == m.cells &&
           mesh.node_type == m.node_type;
  }
};

template <typename T, typename U>
void in_order(MatrixView<const T> a, const NodeOrder& order, MatrixView<U> out) noexcept {
  for (Index i = 0; i < a.rows; ++i)
    std::copy_n(a.row(order[static_cast<std::size_t>(i)]), a.cols, out.row(i));
}

}  // namespace detail

template <typename Model, typename Scheme = AnyScheme>
class PreparedMesh;

}  // namespace amq::solver

namespace amq {

/// A trained model, its auxiliary model (if it was trained adaptively) and how fields are encoded.
/// All const functions may be called by several threads at once, and give the same bits as one
/// after another; every solve that runs at the same time has its own buffers, which are kept.
/// @tparam Scheme  only its levels and its rule are compiled; AnyScheme: what the network says at
///                 run time, and the same bits
template <typename Model, typename Scheme = AnyScheme>
class MeshSolver {
  static_assert(models::require_mesh_model<Model>());

 public:
  using scheme = Scheme;
  /// Of one level there is nothing to choose: neither an allocator's contests nor an auxiliary
  /// model is compiled.
  static constexpr bool can_choose = quant::any_scheme<Scheme> || Scheme::levels::bits.size() > 1;

  /// @param net, auxiliary  trained; kept. No auxiliary: every row has the budget's bits, which
  ///                        must then be a level of the scheme.
  /// @throws amq::Error for an encoding or an auxiliary model of other channels, a network of
  ///         another scheme, and an auxiliary model where the scheme has one level
  MeshSolver(std::unique_ptr<Network<Model>> net, std::unique_ptr<allocation::Auxiliary> auxiliary,
             solver::MeshEncoding encoding, allocation::AnySharing sharing = {},
             allocation::PointCurves curves = {}, Executor& executor = core::serial_executor())
      : parts_(make_parts(std::move(net), std::move(auxiliary), std::move(encoding), sharing,
                          std::move(curves), executor)) {
    budget_.mean_bits = parts_->net->quantizers.info().levels.back();
  }

  /// Of solves that name none. Not while others solve.
  /// @throws amq::Error below the lowest level or above the highest, or between levels without an
  ///         auxiliary model
  void budget(Budget b) {
    check(b);
    budget_ = b;
  }
  /// Whether a solve could have it. @throws amq::Error as budget()
  void check(Budget b) const { check(b, allocator()); }
  [[nodiscard]] Budget budget() const noexcept { return budget_; }
  /// What training saw, which files keep. Not while others solve.
  void trained_on(solver::TrainedOn seen) { parts_->seen = std::move(seen); }
  [[nodiscard]] const solver::TrainedOn& trained_on() const noexcept { return parts_->seen; }
  /// The smallest budget at which answers to samples held out of training erred no more, as the
  /// file has it: measured, not predicted. What a user's own problems err may be more.
  /// @param relative_l2  mean over samples
  /// @throws amq::Error where no budget is as good, or nothing was held out
  [[nodiscard]] Budget budget_within(double relative_l2) const {
    const auto& errors = parts_->seen.errors;
    if (errors.empty())
      throw Error("budget_within", "errors on samples held out of training", "none in this solver",
                  "Train with a validation share, or name a budget.");
    const solver::HeldOutError* best = &errors.front();
    for (const solver::HeldOutError& e : errors) {
      if (e.relative_l2 <= relative_l2) return mean_bits(e.mean_bits);
      if (e.relative_l2 < best->relative_l2) best = &e;
    }
    throw Error("budget_within",
                std::to_string(best->relative_l2) + " or more, the least that was measured, at " +
                    std::to_string(best->mean_bits) + " bits",
                std::to_string(relative_l2), "Ask for less, or train a more accurate solver.");
  }
  /// What is done about inputs outside of it. Not while others solve.
  /// @param tolerance  see Outside: refused beyond
  void out_of_range(solver::OutOfRange policy, double tolerance = 0) noexcept {
    policy_ = policy;
    tolerance_ = tolerance;
  }
  [[nodiscard]] solver::OutOfRange out_of_range() const noexcept { return policy_; }

  /// From now on a budget is time, milliseconds() or what a uniform pass of so many bits takes by
  /// these measurements. Empty times: BOPs again. Not while others solve.
  /// @throws amq::Error for times of another network, scheme or instruction set
  void price_by(RowTimes times) {
    ++parts_->allocator_number;
    if (times.empty()) {
      if (budget_.milliseconds > 0) budget_ = mean_bits(scheme_levels().back());
      parts_->allocator.price_by(allocation::Bops());
      return;
    }
    if (!times.machine.empty() && times.machine != simd::Native::name)
      throw Error("price_by", std::string("times of this machine, ") + simd::Native::name,
                  "of " + times.machine, "Measure here: measure_times().");
    parts_->allocator.price_by(allocation::MeasuredTimes{std::move(times)});
  }
  /// From now on bits are chosen by this allocator: a score of the user's own, curves measured with
  /// it, prices, sharing. Without a score of its own it asks the auxiliary model, as before. Not
  /// while others solve; where they share the solver, the score is asked by several threads at
  /// once.
  /// @throws amq::Error for an allocator of another network or other levels
  void allocate_by(const Allocator<>& a) {
    ++parts_->allocator_number;
    parts_->allocator = Allocator<>(net().layout, net().quantizers.info().levels, a.curves(),
                                    a.score(), a.price(), a.sharing());
  }
  /// Measures this network's rows on this machine, in a fraction of a second, and then passes over
  /// this mesh at every level and the choice of bits, some of each: a plan's time is a pass's.
  [[nodiscard]] RowTimes measure_times(const models::GraphSample& s,
                                       const allocation::RowTimesOptions& options = {}) const {
    const arithmetics::BitPlan any = arithmetics::BitPlan::uniform(scheme_levels().back());
    RowTimes times =
        allocation::measure_row_times(net().layout, net().quantizers, count(s, any), options);
    const Allocator<> by(net().layout, scheme_levels(), allocator().curves(), allocator().score(),
                         allocation::MeasuredTimes{times}, allocator().sharing());
    const allocation::PassWork work = prepare(s);
    const std::size_t n = by.levels().size();
    std::vector<double> rows, passes(n, std::numeric_limits<double>::infinity());
    for (const int b : by.levels())
      rows.push_back(static_cast<double>(by.uniform_cost(s, work, b)));
    double choosing = passes.front();
    const auto fastest = [&](double& best, const auto& f) {
      const double start = options.now();
      f();
      best = std::min(best, 1e12 * (options.now() - start));
    };
    for (int round = 0; round <= options.rounds; ++round) {
      if (round == 1) passes.assign(n, choosing = std::numeric_limits<double>::infinity());
      for (std::size_t k = 0; k < n; ++k) {
        arithmetics::BitPlan plan = arithmetics::BitPlan::uniform(by.levels()[k]);
        plan.zero_skips = by.sharing().by_block;
        fastest(passes[k], [&] { pass(s, plan, [](MatrixView<const float>) {}); });
      }
      if constexpr (can_choose)
        if (chooses(by))
          fastest(choosing, [&] {
            static_cast<void>(choose(by, s, work, work.score_bops, mean_bits(by.levels()[n / 2]),
                                     *borrow(), [&]() -> const models::GraphSample& { return s; }));
          });
    }
    times.fit_to_passes(rows, passes, chooses(by) ? choosing : 0.0, work.float_bops);
    return times;
  }
  [[nodiscard]] RowTimes measure_times(const Mesh& mesh,
                                       const allocation::RowTimesOptions& options = {}) const {
    return measure_times(kept(mesh)->sample, options);
  }

  /// A large mesh whose neighbours lie far apart in memory is solved along Hilbert's curve, where
  /// their rows stay in cache: from so many nodes on, with edges that reach over an eighth of them.
  static constexpr Index renumbered_from = 16'384;
  /// That order; empty: the mesh's own.
  [[nodiscard]] static mesh::NodeOrder solving_order(const Mesh& mesh, const Graph& graph) {
    if (mesh.n_nodes() < renumbered_from || mesh.dim < 2 ||
        mesh::mean_edge_length(graph) <= static_cast<double>(mesh.n_nodes()) / 8)
      return {};
    return mesh::hilbert_order(mesh.points, mesh.dim);
  }

  /// What belongs to the mesh, done once: examined, edges, order, what the network reads of it,
  /// cost. It refers to this solver, and may be shared by threads like it.
  /// @throws amq::Error for meshes that examine() or the encoding refuses
  [[nodiscard]] solver::PreparedMesh<Model, Scheme> prepare(const Mesh& mesh) const {
    return solver::PreparedMesh<Model, Scheme>(*this, make(mesh));
  }

  /// The last mesh is kept prepared, and asked for by its numbers.
  /// @param a  (node, given channel) in the user's units
  /// @returns  field (node, solution channel), and what it cost
  /// @throws amq::Error for meshes and fields that are refused, or a budget that the lowest level
  ///         already exceeds on this mesh
  Solution operator()(const Mesh& mesh, MatrixView<const float> a,
                      const solver::SolveOptions& options = {}) const {
    return solver::PreparedMesh<Model, Scheme>(*this, kept(mesh))(a, options);
  }
  Solution operator()(const Mesh& mesh, const Field& a,
                      const solver::SolveOptions& options = {}) const {
    return (*this)(mesh, view(a), options);
  }
  /// The same for a field of one channel.
  Solution operator()(const Mesh& mesh, std::span<const float> a,
                      const solver::SolveOptions& options = {}) const {
    return (*this)(mesh, MatrixView<const float>(a.data(), static_cast<Index>(a.size()), 1),
                   options);
  }

  /// An encoded and prepared sample; its y is not read.
  [[nodiscard]] Field solve(const models::GraphSample& s) const { return solve(s, plan(s).plan); }
  /// With bits that were chosen before, e.g. for an earlier state on the same mesh.
  /// @throws amq::Error for a plan of a graph of another size
  [[nodiscard]] Field solve(const models::GraphSample& s, const arithmetics::BitPlan& plan) const {
    Field u;
    pass(s, plan, [&](MatrixView<const float> y) { encoding().decode(y, view(s.u), u); });
    return u;
  }
  /// The network's own output, normalized. (node, output)
  [[nodiscard]] core::Matrix normalized(const models::GraphSample& s) const {
    return normalized(s, plan(s).plan);
  }
  [[nodiscard]] core::Matrix normalized(const models::GraphSample& s,
                                        const arithmetics::BitPlan& plan) const {
    core::Matrix out;
    pass(s, plan, [&](MatrixView<const float> y) { out = map(y); });
    return out;
  }
  /// Chooses the bits of a sample's rows: what a solve does first.
  [[nodiscard]] solver::ChosenBits plan(const models::GraphSample& s) const {
    return plan(s, prepare(s));
  }
  /// @param work  of this mesh, prepared
  [[nodiscard]] solver::ChosenBits plan(const models::GraphSample& s,
                                        const allocation::PassWork& work) const {
    return choose(allocator(), s, work, work.score_bops, budget_, *borrow(),
                  [&]() -> const models::GraphSample& { return s; });
  }
  /// What a pass over a sample's mesh costs, as far as it is known before bits are chosen; once a
  /// mesh.
  [[nodiscard]] allocation::PassWork prepare(const models::GraphSample& s) const {
    const arithmetics::BitPlan any = arithmetics::BitPlan::uniform(allocator().levels().back());
    allocation::PassWork work(net().layout, count(s, any));
    work.score_bops = auxiliary_bops(s);
    return work;
  }
  /// What the allocator is told: by its own score, or by the auxiliary model, in integers.
  /// @pre there is one of them
  [[nodiscard]] allocation::PointScores predict(const models::GraphSample& s) const
      requires(can_choose) {
    return predict(allocator(), s, *borrow(), [&]() -> const models::GraphSample& { return s; });
  }
  [[nodiscard]] const solver::MeshEncoding& encoding() const noexcept { return parts_->encoding; }
  [[nodiscard]] const Network<Model>& net() const noexcept { return *parts_->net; }
  [[nodiscard]] const allocation::Auxiliary* auxiliary() const noexcept {
    return parts_->auxiliary.get();
  }
  [[nodiscard]] const Allocator<>& allocator() const noexcept { return parts_->allocator; }
  /// Which of the auxiliary model's outputs says a point's score.
  [[nodiscard]] const allocation::ScoreColumns& score_columns() const noexcept {
    return parts_->score_columns;
  }

  /// Packed codes of both models, steps and biases: what a deployed file would hold.
  [[nodiscard]] double model_bytes() const {
    return arithmetics::deployed_bytes(net().layout, net().quantizers) +
           (auxiliary() ? arithmetics::deployed_bytes(auxiliary()->net().layout,
                                                      auxiliary()->net().quantizers)
                        : 0.0);
  }

 private:
  friend class solver::PreparedMesh<Model, Scheme>;
  using Main = arithmetics::Fixed<Scheme>;
  /// The auxiliary model's, whose scheme is its own.
  using Light = arithmetics::Fixed<std::conditional_t<can_choose && !quant::any_scheme<Scheme>,
                                                      allocation::AuxiliaryScheme, Scheme>>;

  /// What a contest for bits was made for.
  struct ContestKey {
    std::uint64_t mesh = 0, allocator = 0;  ///< their numbers
    allocation::Cost overhead = 0;
    bool operator==(const ContestKey&) const = default;
  };
  /// What one solve writes to.
  struct Workspace {
    Main main;
    std::optional<Light> light;
    std::optional<allocation::Contest> contest;  // kept from solve to solve on one mesh
    ContestKey contest_of;
    core::Matrix u, v,
        in_order;  // (node, channel) of the pass; the given field along the mesh's order
    Field out;     // (node, solution channel) along the mesh's order
  };
  /// They stay where they are when the solver moves: arithmetics keep addresses.
  struct Parts {
    std::unique_ptr<Network<Model>> net;
    std::unique_ptr<allocation::Auxiliary> auxiliary;
    solver::MeshEncoding encoding;
    solver::TrainedOn seen;
    Allocator<> allocator;
    std::uint64_t allocator_number = 0;      // another whenever it changes
    allocation::ScoreColumns score_columns;  // of the auxiliary model
    core::FloatExecutor executor;  // the host's threads, in amq's floating-point environment
    Main main;                     // whose packed weights all passes read
    std::optional<Light> light;
    solver::Workspaces<Workspace> workspaces;
    std::mutex mutex;  // of `last`
    std::shared_ptr<const solver::detail::OnMesh> last;

    Parts(std::unique_ptr<Network<Model>> n, std::unique_ptr<allocation::Auxiliary> a,
          solver::MeshEncoding e, const allocation::AnySharing& sharing,
          allocation::PointCurves curves, Executor& hosts)
        : net(std::move(n)),
          auxiliary(std::move(a)),
          encoding(std::move(e)),
          allocator(net->layout, net->quantizers.info().levels, std::move(curves), {}, {}, sharing),
          executor(hosts),
          main(net->layout, net->quantizers, net->parameters, executor) {
      encoding.check();
      const models::MeshChannels c = net->model.config().channels();
      const auto want = [](const char* what, Index wanted, Index found) {
        if (found != wanted)
          throw Error("MeshSolver", std::to_string(wanted) + std::string(what),
                      std::to_string(found), "Encode what the network was built for.");
      };
      want(" given channels, marks and types included", c.given, encoding.inputs());
      want(" channels of the solution", c.outputs, encoding.outputs());
      want(" dimensions", c.dim, static_cast<Index>(encoding.centre.size()));
      want(" variables", c.variables, static_cast<Index>(encoding.variable_scale.size()));
      if (auxiliary) {
        want(" given channels of the auxiliary model", c.given,
             auxiliary->net().model.config().inputs);
        want(" dimensions of the auxiliary model", c.dim, auxiliary->net().model.config().dim);
        if (net->quantizers.info().levels.size() == 1)
          throw Error("MeshSolver", "no auxiliary model where the scheme has one level",
                      "an auxiliary model", "Give none, or a scheme of several levels.");
        if constexpr (can_choose) {
          score_columns = allocation::ScoreColumns(net->layout, auxiliary->columns());
          light.emplace(auxiliary->net().layout, auxiliary->net().quantizers,
                        auxiliary->net().parameters, executor);
        }
      }
    }
  };

  static std::unique_ptr<Parts> make_parts(std::unique_ptr<Network<Model>> net,
                                           std::unique_ptr<allocation::Auxiliary> auxiliary,
                                           solver::MeshEncoding encoding,
                                           const allocation::AnySharing& sharing,
                                           allocation::PointCurves curves, Executor& executor) {
    const core::FloatEnvironment own;
    return std::make_unique<Parts>(std::move(net), std::move(auxiliary), std::move(encoding),
                                   sharing, std::move(curves), executor);
  }
  /// Whether bits are chosen row by row.
  [[nodiscard]] bool chooses(const Allocator<>& by) const noexcept {
    const auto& points = net().layout.points();
    return can_choose && (auxiliary() || by.score()) &&
           std::any_of(points.begin(), points.end(),
                       [](const auto& p) { return p.fixed_bits == 0; });
  }
  [[nodiscard]] const std::vector<int>& scheme_levels() const noexcept {
    return net().quantizers.info().levels;
  }
  void check(Budget b, const Allocator<>& by) const {
    const auto& levels = by.levels();
    if (b.milliseconds != 0) {
      if (!(b.milliseconds > 0))
        throw Error("budget", "milliseconds above 0", std::to_string(b.milliseconds),
                    "Give the time a solve may take.");
      if (by.unit() == allocation::Bops::unit)
        throw Error("budget", "bits, since nothing was measured yet",
                    std::to_string(b.milliseconds) + " ms",
                    "Measure this machine first: price_by(measure_times(mesh)).");
      return;
    }
    if (!(b.mean_bits >= levels.front() && b.mean_bits <= levels.back()))
      throw Error("budget",
                  "a mean of " + std::to_string(levels.front()) + " to " +
                      std::to_string(levels.back()) + " bits",
                  std::to_string(b.mean_bits), "Choose a budget the scheme's levels can have.");
    if (!chooses(by) && std::find(levels.begin(), levels.end(), b.mean_bits) == levels.end())
      throw Error("budget",
                  "one of the scheme's levels, since the model has neither an auxiliary network "
                  "nor a score",
                  std::to_string(b.mean_bits) + " bits",
                  "Name a level, train the model adaptively, or give a score.");
  }
  [[nodiscard]] auto borrow() const {
    return parts_->workspaces.borrow([this] {
      auto w =
          std::make_unique<Workspace>(Workspace{parts_->main.beside(), {}, {}, {}, {}, {}, {}, {}});
      if (parts_->light) w->light.emplace(parts_->light->beside());
      return w;
    });
  }
  /// @param use  use(y (node, output)), while the pass's buffers stand
  template <typename Use>
  void pass(const models::MeshInputs& in, const arithmetics::BitPlan& plan, const Use& use) const {
    const core::FloatEnvironment own;
    const auto w = borrow();
    w->main.begin(plan);
    use(forward(net().model, w->main, in).view());
  }
  [[nodiscard]] arithmetics::PassCost count(const models::MeshInputs& in,
                                            const arithmetics::BitPlan& plan) const {
    arithmetics::BasicCounting a(net().layout, net().quantizers, plan);
    forward(net().model, a, in);
    return a.cost();
  }
  [[nodiscard]] allocation::Cost auxiliary_bops(const models::MeshInputs& in) const {
    if constexpr (can_choose)
      if (auxiliary()) return auxiliary()->cost(*in.graph, in.u, in.x);
    return 0;
  }
  /// @param whole  whole() is the sample, for a score of the user's own
  template <typename Whole>
  [[nodiscard]] allocation::PointScores predict(const Allocator<>& by, const models::MeshInputs& in,
                                                Workspace& w, const Whole& whole) const {
    const core::FloatEnvironment own;
    if (by.score()) {
      allocation::PointScores scores(net().layout, in.graph->n_nodes());
      by.score()(whole(), scores.view());
      return scores;
    }
    const auto& aux = auxiliary()->net();
    const arithmetics::BitPlan bits = auxiliary()->plan();
    w.light->begin(bits);
    const auto y = forward(aux.model, *w.light, in);
    allocation::PointScores scores(net().layout, in.graph->n_nodes());
    auxiliary()->scores(y.view(), scores.view(), parts_->score_columns);
    return scores;
  }
  /// The highest level at which a uniform pass keeps the time. @throws amq::Error if none does
  [[nodiscard]] static double fastest_within(const Allocator<>& by, const models::MeshInputs& in,
                                             const allocation::PassWork& work,
                                             allocation::Cost picoseconds) {
    std::optional<int> best;
    for (const int b : by.levels())
      if (by.uniform_cost(in, work, b) <= picoseconds) best = b;
    if (!best)
      throw Error("budget",
                  std::to_string(
                      1e-9 * static_cast<double>(by.uniform_cost(in, work, by.levels().front()))) +
                      " ms or more, which the lowest level takes on this mesh",
                  std::to_string(1e-9 * static_cast<double>(picoseconds)) + " ms",
                  "Give more time, or a smaller mesh.");
    return *best;
  }
  template <typename Whole>
  [[nodiscard]] solver::ChosenBits choose(const Allocator<>& by, const models::MeshInputs& in,
                                          const allocation::PassWork& work,
                                          allocation::Cost auxiliary_cost, Budget b, Workspace& w,
                                          const Whole& whole, std::uint64_t mesh = 0) const {
    const core::FloatEnvironment own;
    const bool by_time = by.unit() != allocation::Bops::unit;
    solver::ChosenBits c;
    c.report.float_bops = work.float_bops;
    const auto given = static_cast<allocation::Cost>(std::min(1e9 * b.milliseconds, 9e18));
    if (b.milliseconds > 0 && !chooses(by)) b.mean_bits = fastest_within(by, in, work, given);
    const bool in_bits = b.milliseconds == 0 || !chooses(by);
    const allocation::Cost cost = in_bits ? by.uniform_cost(in, work, b.mean_bits) : 0;
    const allocation::Cost budget = b.milliseconds > 0 ? given : cost;
    (by_time ? c.report.picosecond_budget : c.report.budget) = budget;
    if (!chooses(by)) {
      c.plan = arithmetics::BitPlan::uniform(static_cast<int>(b.mean_bits));
      if (by_time) c.report.picoseconds = cost;
      c.report.bops = by_time ? static_cast<allocation::Cost>(count(in, c.plan).bops()) : budget;
      c.report.node_bits.assign(static_cast<std::size_t>(in.graph->n_nodes()),
                                static_cast<float>(b.mean_bits));
      return c;
    }
    if constexpr (can_choose) choose_rows(by, in, work, auxiliary_cost, budget, w, whole, mesh, c);
    return c;
  }
  /// Row by row, to c.
  template <typename Whole>
  void choose_rows(const Allocator<>& by, const models::MeshInputs& in,
                   const allocation::PassWork& work, allocation::Cost auxiliary_cost,
                   allocation::Cost budget, Workspace& w, const Whole& whole, std::uint64_t mesh,
                   solver::ChosenBits& c) const {
    const bool by_time = by.unit() != allocation::Bops::unit;
    const allocation::PointScores scores = predict(by, in, w, whole);
    const allocation::Cost scoring = by.score() ? by.score().cost(whole()) : auxiliary_cost;
    c.report.auxiliary_bops = scoring;
    allocation::Planned planned = best_plan(
        by, in, work, scores, budget, {mesh, parts_->allocator_number, by_time ? 0 : scoring}, w);
    c.report.node_bits = std::move(planned.node_bits);
    c.plan = std::move(planned.plan);
    c.report.bops = planned.cost;
    if (by_time) {
      c.report.picoseconds = planned.cost;
      c.report.bops = static_cast<allocation::Cost>(count(in, c.plan).bops()) + scoring;
    }
  }

  /// By the contest that the workspace keeps, where the mesh has a number and the allocator is the
  /// solver's own.
  [[nodiscard]] allocation::Planned best_plan(const Allocator<>& by, const models::MeshInputs& in,
                                              const allocation::PassWork& work,
                                              const allocation::PointScores& scores,
                                              allocation::Cost budget, const ContestKey& key,
                                              Workspace& w) const {
    if (key.mesh == 0 || &by != &parts_->allocator)
      return by.plan(in, work, scores, budget, key.overhead);
    if (!w.contest || w.contest_of != key) {
      w.contest.reset();
      w.contest.emplace(by.contest(in, work, key.overhead));
      w.contest_of = key;
    }
    const core::Alone all;
    allocation::Planned out;
    try {
      w.contest->plan(
          in, scores, budget, all, [](const auto& f) { f(); }, out);
    } catch (...) {
      w.contest.reset();
      throw;
    }
    return out;
  }

  /// The mesh's part, which is the same for all fields on it.
  [[nodiscard]] solver::Outside compare(const solver::MeshFindings& f, Index n_nodes) const {
    const solver::TrainedOn& seen = parts_->seen;
    solver::Outside o;
    for (std::size_t d = 0; d < f.low.size(); ++d) {
      // Files of before say what domain they mean by their encoding alone.
      const double c = encoding().centre[d], w = static_cast<double>(encoding().half_width);
      const solver::SeenRange box =
          d < seen.box.size() ? seen.box[d] : solver::SeenRange{c - w, c + w};
      o.box = std::max(o.box, box.beyond({f.low[d], f.high[d]}));
    }
    const auto n = static_cast<double>(n_nodes);
    o.nodes = seen.nodes.factor_beyond({n, n});
    o.edges = seen.edges.factor_beyond({f.shortest_edge, f.longest_edge});
    return o;
  }
  void compare(MatrixView<const float> a, solver::Outside& o) const {
    const auto ranges = solver::TrainedOn::ranges(a);
    for (std::size_t c = 0; c < std::min(ranges.size(), parts_->seen.given.size()); ++c)
      if (const double excess = parts_->seen.given[c].beyond(ranges[c]); excess > o.given) {
        o.given = excess;
        o.given_channel = static_cast<Index>(c);
      }
  }
  void refuse_outside(const solver::Outside& o, const solver::MeshFindings& f) const {
    if (policy_ != solver::OutOfRange::refuse) return;
    const auto outside = [&](double excess, const char* what, const char* unit) {
      if (excess > tolerance_)
        throw Error(std::string("solver, ") + what, "what training saw",
                    std::to_string(excess) + " " + unit + " outside",
                    "Check units and mesh, or allow it with out_of_range(OutOfRange::report).");
    };
    outside(o.box, "bounding box", "widths of it");
    outside(o.nodes, "number of nodes", "times");
    outside(o.edges, "lengths of edges", "times");
    outside(o.given,
            o.given_channel < 0 ? "given field"
                                : ("given channel " + std::to_string(o.given_channel)).c_str(),
            "widths of its range");
    if (parts_->seen.marked_boundary && f.unmarked_boundary_nodes > 0)
      throw Error("solver, boundary", "marks as in training",
                  std::to_string(f.unmarked_boundary_nodes) + " nodes of it that are normal",
                  "Mark the nodes of the boundary, e.g. with NodeType::wall.");
  }

  [[nodiscard]] std::shared_ptr<const solver::detail::OnMesh> make(const Mesh& mesh) const {
    const core::FloatEnvironment own;
    const solver::MeshEncoding& e = encoding();
    const bool has_cells = e.neighbours == 0;
    auto on = std::make_shared<solver::detail::OnMesh>();
    on->findings = solver::examine(mesh, has_cells);
    on->sample = e.on(mesh);
    solver::examine(mesh, on->sample.graph, has_cells, e.boundary, on->findings);
    on->mesh = mesh;
    on->order = solving_order(mesh, on->sample.graph);
    if (!on->order.empty()) {
      on->back = mesh::inverse(on->order);
      on->sample = e.on(mesh::renumber(mesh, on->order));
    }
    on->sample.v = core::Matrix::Zero(mesh.n_nodes(), static_cast<Index>(e.variable_scale.size()));
    models::prepare_sample(net().model, on->sample);
    const arithmetics::BitPlan any = arithmetics::BitPlan::uniform(allocator().levels().back());
    on->work.emplace(net().layout, count(on->sample, any));
    on->auxiliary_bops = auxiliary_bops(on->sample);
    return on;
  }
  [[nodiscard]] std::shared_ptr<const solver::detail::OnMesh> kept(const Mesh& mesh) const {
    {
      const std::lock_guard lock(parts_->mutex);
      if (parts_->last && parts_->last->is(mesh)) return parts_->last;
    }
    auto made = make(mesh);
    const std::lock_guard lock(parts_->mutex);
    return parts_->last = std::move(made);
  }

  std::unique_ptr<Parts> parts_;
  Budget budget_;
  solver::OutOfRange policy_ = solver::OutOfRange::report;
  double tolerance_ = 0;
};

}  // namespace amq

namespace amq::solver {

/// A mesh that a solver has made ready: solves on it count, examine and encode nothing of the mesh
/// again, and once a first pass has been, a pass at given bits allocates nothing of size.
/// It refers to its solver, which must stay where it is; copies are cheap and share what was made.
template <typename Model, typename Scheme>
class PreparedMesh {
 public:
  PreparedMesh(const MeshSolver<Model, Scheme>& solver, std::shared_ptr<const detail::OnMesh> on)
      : solver_(&solver), on_(std::move(on)) {}

  /// @param a  (node, given channel) in the user's units
  /// @throws amq::Error for fields the encoding refuses, and budgets that cannot be held
  Solution operator()(MatrixView<const float> a, const SolveOptions& options = {}) const {
    Solution s;
    solve(a, s, options);
    return s;
  }
  Solution operator()(const Field& a, const SolveOptions& options = {}) const {
    return (*this)(view(a), options);
  }
  /// The same into memory that was there before.
  void solve(MatrixView<const float> a, Solution& into, const SolveOptions& options = {}) const {
    solve(solver_->allocator(), a, into, options);
  }
  /// As a solver that a file gives back: without a score of the user's own, which is code, and
  /// without measured times, which are a machine's.
  [[nodiscard]] Solution as_loaded(const Field& a, const SolveOptions& options = {}) const {
    const Allocator<>& own = solver_->allocator();
    Solution s;
    solve({own.layout(), own.levels(), own.curves(), {}, {}, own.sharing()}, view(a), s, options);
    return s;
  }
  /// At bits that were chosen before on this mesh.
  /// @throws amq::Error for a plan of another mesh
  solver::CutRows solve(MatrixView<const float> a, const BitPlan& plan, Field& into,
                        std::span<const double> variables = {}) const {
    const FloatEnvironment own;
    const auto w = solver_->borrow();
    pass(encode(a, variables, *w), plan, *w, into);
    return {w->main.saturated(), w->main.cut().share()};
  }
  /// Chooses bits for a field, for several solves. Node bits are in the user's order, the plan in
  /// the order of the passes.
  [[nodiscard]] ChosenBits choose(MatrixView<const float> a,
                                  const SolveOptions& options = {}) const {
    const FloatEnvironment own;
    const auto w = solver_->borrow();
    ChosenBits c = choose(solver_->allocator(), encode(a, options.variables, *w), options, *w);
    c.report.outside = compare(a);
    c.report.mesh = on_->findings;
    if (!on_->back.empty())
      c.report.node_bits = renumber(std::span<const float>(c.report.node_bits), on_->back);
    return c;
  }

  /// Adds what a pass has seen of its field to the report of its bits.
  /// @throws amq::Error beyond the tolerance, where the solver refuses what is out of range
  void count_cut(const CutRows& cut, SolveReport& into) const {
    into.saturated = cut.saturated;
    into.cut_share = cut.share;
    if (solver_->policy_ == OutOfRange::ignore) return;
    const double a_node = static_cast<double>(cut.saturated) / static_cast<double>(n_nodes());
    into.outside.saturated = a_node;
    if (solver_->policy_ == OutOfRange::refuse && a_node > solver_->tolerance_)
      throw Error("solver, rows in words", "numbers as calibration saw them",
                  std::to_string(cut.saturated) + " rows cut at the largest word",
                  "Check units, calibrate on fields like this one, or allow it with "
                  "out_of_range(OutOfRange::report).");
  }

  [[nodiscard]] const MeshFindings& findings() const noexcept { return on_->findings; }
  [[nodiscard]] Index n_nodes() const noexcept { return on_->sample.graph.n_nodes(); }
  [[nodiscard]] const MeshSolver<Model, Scheme>& solver() const noexcept { return *solver_; }

 private:
  using Workspace = typename MeshSolver<Model, Scheme>::Workspace;

  [[nodiscard]] MeshInputs encode(MatrixView<const float> a, std::span<const double> variables,
                                  Workspace& w) const {
    const MeshEncoding& e = solver_->encoding();
    const GraphSample& s = on_->sample;
    set_size(w.u, s.u.rows(), s.u.cols());
    w.u = s.u;
    set_size(w.v, s.v.rows(), s.v.cols());
    if (!on_->order.empty() && a.rows == s.u.rows()) {
      e.check_given(a, a.rows);  // by the user's numbers, not by the curve's
      set_size(w.in_order, a.rows, a.cols);
      detail::in_order(a, on_->order, view(w.in_order));
      e.encode_given(view(std::as_const(w.in_order)), view(w.u));
    } else {
      e.encode_given(a, view(w.u));
    }
    e.encode_variables(variables, view(w.v));
    return {&s.graph, view(std::as_const(w.u)), view(s.x), view(std::as_const(w.v)), &s.of_mesh};
  }
  [[nodiscard]] Outside compare(MatrixView<const float> a) const {
    if (solver_->policy_ == OutOfRange::ignore) return {};
    Outside o = solver_->compare(on_->findings, n_nodes());
    solver_->compare(a, o);
    solver_->refuse_outside(o, on_->findings);
    return o;
  }
  void solve(const Allocator<>& by, MatrixView<const float> a, Solution& into,
             const SolveOptions& options) const {
    const FloatEnvironment own;
    const auto w = solver_->borrow();
    const MeshInputs in = encode(a, options.variables, *w);
    const Outside outside = compare(a);
    ChosenBits c = choose(by, in, options, *w);
    pass(in, c.plan, *w, into.field);
    into.report = std::move(c.report);
    into.report.outside = outside;
    into.report.mesh = on_->findings;
    count_cut({w->main.saturated(), w->main.cut().share()}, into.report);
    if (!on_->back.empty())
      into.report.node_bits = renumber(std::span<const float>(into.report.node_bits), on_->back);
  }
  [[nodiscard]] ChosenBits choose(const Allocator<>& by, const MeshInputs& in,
                                  const SolveOptions& options, Workspace& w) const {
    const Budget b = options.budget.value_or(solver_->budget_);
    if (options.budget) solver_->check(b, by);
    // A user's score reads a sample; nobody else needs a copy of the mesh.
    const auto whole = [&] {
      GraphSample s = on_->sample;
      s.u = map(in.u);
      s.v = map(in.v);
      return s;
    };
    return solver_->choose(by, in, *on_->work, on_->auxiliary_bops, b, w, whole, on_->number);
  }
  void pass(const MeshInputs& in, const BitPlan& plan, Workspace& w, Field& into) const {
    w.main.look_for_cut(solver_->policy_ != OutOfRange::ignore);
    w.main.begin(plan);
    const auto y = forward(solver_->net().model, w.main, in);
    const MeshEncoding& e = solver_->encoding();
    if (on_->back.empty()) return e.decode(y.view(), in.u, into);
    e.decode(y.view(), in.u, w.out);
    set_size(into, w.out.rows(), w.out.cols());
    detail::in_order(view(std::as_const(w.out)), on_->back, view(into));
  }

  const MeshSolver<Model, Scheme>* solver_;
  std::shared_ptr<const detail::OnMesh> on_;
};

}  // namespace amq::solver
