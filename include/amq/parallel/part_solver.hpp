#pragma once
/// @file
/// A solver on a mesh that lies with several ranks: on any number of them the same bits as on one.
///
///     amq::parallel::PartSolver part(solver, my_part, communicator);   // all ranks
///     const amq::Solution s = part(a, amq::mean_bits(4));    // a, s.field: of own nodes
///
/// What it promises rests on four things. Rows cross as codes at their owner's bits, so that every
/// rank reads the same numbers. Sums over neighbours run in the order of the whole mesh. Sums over
/// all nodes are integers. And bits are chosen by one contest of all nodes, whatever rank has them.

#include <amq/io/json.hpp>
#include <amq/mesh/cluster.hpp>
#include <amq/parallel/part_hubs.hpp>
#include <amq/parallel/rank_fixed.hpp>
#include <amq/solver/mesh_solver.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace amq::parallel {

namespace detail {

/// FNV-1a, to compare what ranks have been given.
class Fnv {
 public:
  Fnv& operator()(std::string_view text) noexcept {
    for (const char c : text) state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return (*this)(static_cast<std::uint64_t>(text.size()));
  }
  Fnv& operator()(std::uint64_t word) noexcept {
    for (int k = 0; k < 8; ++k) state_ = (state_ ^ ((word >> (8 * k)) & 255)) * 0x100000001b3u;
    return *this;
  }
  Fnv& operator()(double x) noexcept { return (*this)(std::bit_cast<std::uint64_t>(x)); }
  template <typename Layout>
  Fnv& operator()(const Layout& layout, std::span<const float> values) noexcept {
    for (const auto& e : layout.entries()) (*this)(std::string_view(e.name));
    for (const float v : values)
      (*this)(static_cast<std::uint64_t>(std::bit_cast<std::uint32_t>(v)));
    return *this;
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return state_; }

 private:
  std::uint64_t state_ = 0xcbf29ce484222325u;
};

}  // namespace detail

/// The part of a mesh where all ranks solve it: encode, graph through cut().
/// @param mesh   whole, on every rank
/// @param owner  (node) rank
/// @throws amq::Error for meshes the encoding refuses
template <typename Model, typename Scheme>
[[nodiscard]] PartitionedMesh cut(const MeshSolver<Model, Scheme>& solver, const Mesh& mesh,
                                  std::span<const int> owner, int rank) {
  const MeshEncoding& e = solver.encoding();
  Graph graph = e.graph(mesh);
  const NodeOrder order = solver.solving_order(mesh, graph);
  if (!order.empty()) graph = e.graph(renumber(mesh, order));
  return cut(mesh, graph, order, owner, rank);
}

/// One rank's share of a solver that all ranks have. It refers to solver and communicator, and is
/// for one thread at a time; all ranks call its functions in the same order. Where one of them
/// throws, all do.
template <typename Model, typename Scheme = AnyScheme>
class PartSolver {
 public:
  /// @param solver    the same on all ranks
  /// @param mesh      by cells, whose sides are the edges, and with them edges among hubs where the
  ///                  network reads those; or by edges of the host's choice, as cut() gives them
  /// @param executor  this rank's threads
  /// @throws amq::Error on all ranks for models, schemes or budgets that differ between them, for
  ///         meshes that make_part() refuses, and for networks that do not run over ranks: those
  ///         with a score of the user's own, edges that choose bits, or one width a point. How bits
  ///         are chosen is the solver's allocator as it stands now
  PartSolver(const MeshSolver<Model, Scheme>& solver, const PartitionedMesh& mesh,
             Communicator& communicator, Executor& executor = serial_executor())
      : solver_(&solver),
        communicator_(&communicator),
        executor_(std::make_unique<FloatExecutor>(executor)),
        scores_(solver.net().layout) {
    or_abort(communicator, [&] {
      const FloatEnvironment own;
      agree();
      together(communicator, [&] { require_able(); });
      part_ = std::make_unique<MeshPart>(part_of(mesh));
      all_.emplace(communicator, *part_);
      if constexpr (clustered) find_clusters();
      std::vector<SendersRead> names;
      together(communicator, [&] { names = prepare(); });
      for (SendersRead& n : names) {
        n.agree(communicator, n_owned() > 0);
        tells_given_ = tells_given_ || n.reads_given();
      }
      const auto arithmetic = [&](const SendersRead& read, const auto& net, auto& a) {
        a.emplace(net.layout, net.quantizers, net.parameters, read, ghost_cluster_, read_here_,
                  *all_, *executor_);
      };
      arithmetic(names.front(), solver.net(), main_);
      if (solver.auxiliary()) arithmetic(names.back(), solver.auxiliary()->net(), light_);
      count();
      if (clusters_) sample_.of_mesh = of_share_;
      know_ghosts();
      together(communicator, [&] {
        const Allocator<>& by = solver.allocator();
        priced_.emplace(by.priced(work_));
        if (!solver.auxiliary()) return;
        contest_.emplace(by.contest(owners(), work_, work_.score_bops));
        scores_ = PointScores(solver.net().layout, n_owned());
      });
    });
  }

  /// @param a  (own node, given channel) in the host's order and units
  /// @returns  field (own node, solution channel); its report counts all ranks, but for node_bits
  ///           saturated and cut_share, which are of own nodes
  Solution operator()(MatrixView<const float> a, const SolveOptions& options = {}) {
    Solution s;
    solve(a, s, options);
    return s;
  }
  Solution operator()(const Field& a, const SolveOptions& options = {}) {
    return (*this)(view(a), options);
  }
  /// The same into memory that was there before: after two solves nothing is allocated, whatever
  /// bits are chosen: the first finds how large buffers must be, the second how many. A layer makes
  /// room once more when nodes of this rank first skip it.
  void solve(MatrixView<const float> a, Solution& into, const SolveOptions& options = {}) {
    or_abort(*communicator_, [&] {
      const FloatEnvironment own;
      const MeshInputs in = encode(a, options.variables);
      choose(in, options, chosen_);
      begin(chosen_.plan);
      pass(in, into.field);
      into.report = chosen_.report;
      into.report.saturated = main_->saturated();
      into.report.cut_share = main_->cut().share();
    });
  }
  /// At bits that were chosen before on this part.
  /// @returns  of own nodes
  CutRows solve(MatrixView<const float> a, const BitPlan& plan, Field& into,
                std::span<const double> variables = {}) {
    return or_abort(*communicator_, [&] {
      const FloatEnvironment own;
      const MeshInputs in = encode(a, variables);
      begin(plan);
      pass(in, into);
      return CutRows{main_->saturated(), main_->cut().share()};
    });
  }
  /// One of several solves at the same plan, which lives until the last: ranks tell each other its
  /// bits in the first, and again after solves at others. All ranks have the same `begun`.
  /// @param begun  0 before the first
  /// @returns  of own nodes
  CutRows solve(MatrixView<const float> a, const BitPlan& plan, Field& into,
                std::span<const double> variables, std::uint64_t& begun) {
    return or_abort(*communicator_, [&] {
      const FloatEnvironment own;
      const MeshInputs in = encode(a, variables);
      if (begun == 0 || begun != begun_) begin(plan);
      begun = begun_;
      const std::int64_t before = main_->saturated();
      main_->forget_cut();
      pass(in, into);
      return CutRows{main_->saturated() - before, main_->cut().share()};
    });
  }
  /// Chooses bits for several solves: those of own rows. Node bits are in the host's order.
  [[nodiscard]] ChosenBits choose(MatrixView<const float> a, const SolveOptions& options = {}) {
    ChosenBits c;
    choose(a, c, options);
    return c;
  }
  /// The same into memory that was there before.
  void choose(MatrixView<const float> a, ChosenBits& into, const SolveOptions& options = {}) {
    or_abort(*communicator_, [&] {
      const FloatEnvironment own;
      choose(encode(a, options.variables), options, into);
    });
  }

  [[nodiscard]] Index n_owned() const noexcept { return part_->halo.own; }
  [[nodiscard]] const MeshPart& part() const noexcept { return *part_; }
  [[nodiscard]] const MeshSolver<Model, Scheme>& solver() const noexcept { return *solver_; }
  [[nodiscard]] Communicator& communicator() const noexcept { return *communicator_; }
  /// Codes and given fields that this rank has sent, those of the auxiliary model included.
  [[nodiscard]] HaloTraffic traffic() const noexcept {
    auto t = main_->traffic();
    const auto add = [&](const HaloTraffic& more) {
      t.bytes += more.bytes;
      t.float_bytes += more.float_bytes;
      t.exchanges += more.exchanges;
    };
    add(of_given_);
    if (light_) add(light_->traffic());
    return t;
  }
  /// Of buffers that passes have needed on this rank so far.
  [[nodiscard]] std::size_t buffer_bytes() const noexcept {
    return main_->buffer_bytes() + (light_ ? light_->buffer_bytes() : 0);
  }

 private:
  /// Whether the network reads clusters of the whole mesh.
  static constexpr bool clustered =
      requires(const Model& m, const Graph& g, MatrixView<const float> x, const Clusters& of_all,
               std::span<const std::int64_t> place) {
    m.part_data(g, x, of_all, place);
  };
  /// Whether it says which rows of nodes it reads besides fields. Otherwise their codes travel.
  static constexpr bool tells_node_rows = requires(const typename Model::MeshData& of_mesh) {
    { Model::node_rows(of_mesh) } -> std::same_as<const Matrix&>;
    Model::name;
  };

  /// Compares what ranks were given.
  void agree() const {
    Communicator& c = *communicator_;
    const auto& net = solver_->net();
    require_same(c, "scheme", detail::Fnv()(net.quantizers.info().name()).value());
    detail::Fnv model;
    model(net.layout, net.parameters.values);
    if (const Auxiliary* aux = solver_->auxiliary()) {
      model(aux->net().layout, aux->net().parameters.values);
      for (const auto* v : {&aux->centre, &aux->scale, &aux->lift})
        for (const float x : *v) model(static_cast<double>(x));
    }
    model(json::dump(stored::to_json(solver_->encoding())));
    const auto& by = solver_->allocator();
    for (const auto& curve : by.curves().error)
      for (const double d : curve) model(d);
    for (const double m : by.curves().mean_score) model(m);
    model(by.curves().score_power)(by.sharing().name)(by.unit());
    require_same(c, "model", model.value());
    require_same(
        c, "budget",
        detail::Fnv()(solver_->budget().mean_bits)(solver_->budget().milliseconds).value());
  }
  void require_able() const {
    const auto& by = solver_->allocator();
    const auto want = [](bool good, const char* expected, std::string found, const char* mend) {
      if (!good) throw Error("PartSolver", expected, std::move(found), mend);
    };
    want(!by.score(), "bits chosen by the auxiliary model", "a score of the user's own",
         "A score reads whole meshes: solve on one rank, or train the model adaptively.");
    want(by.sharing().over_mesh && !by.sharing().by_edge,
         "nodes that choose bits, for themselves and their edges",
         "sharing '" + std::string(by.sharing().name) + "'",
         "Use PerNodeAndPoint, PerBlock or PerNode.");
    want(by.unit() == allocation::Bops::unit, "bits chosen by BOPs", std::string(by.unit()),
         "Times are those of one machine: price_by({}).");
  }
  /// Hosts that give cells have only their sides: edges among hubs are added.
  [[nodiscard]] MeshPart part_of(const PartitionedMesh& mesh) const {
    Communicator& c = *communicator_;
    const MeshEncoding& e = solver_->encoding();
    std::int64_t given = !mesh.edges.empty();
    c.max({&given, 1});
    if (given) return make_part(mesh, c);
    if (e.neighbours > 0)
      throw CommonError("PartSolver", "edges, of a network that reads nearest neighbours",
                        "cells alone", "Give PartitionedMesh::edges, as cut() does.");
    return make_part(e.lattices.empty() ? mesh : with_hubs(mesh, e.lattices, c), c);
  }
  /// @returns  what travels of the network, and of the auxiliary model where there is one
  std::vector<SendersRead> prepare() {
    const MeshEncoding& e = solver_->encoding();
    const Index own = part_->halo.own;
    sample_ = e.nodes_of(part_->nodes);
    sample_.graph = part_->graph;
    sample_.v = Matrix::Zero(own, static_cast<Index>(e.variable_scale.size()));
    const Matrix u = sample_.u.topRows(own);
    ghosts_.u = sample_.u.bottomRows(part_->halo.ghosts);
    sample_.u = u;
    read_mesh(sample_, part_->place);  // of own and ghosts' positions
    if constexpr (clustered) {
      // Counting and names are of all clusters; passes read the nodes of a share of them.
      auto share = solver_->net().model.part_data(
          sample_.graph, view(std::as_const(sample_.x)), *clusters_, part_->place,
          ClusterShare::of(clusters_->n_clusters(), communicator_->rank(), communicator_->size()));
      read_here_ = share.read;
      of_share_ = OfMesh::of(std::move(share));
    }
    const Matrix x = sample_.x.topRows(own);
    ghosts_.x = sample_.x.bottomRows(part_->halo.ghosts);
    sample_.x = x;
    std::vector<SendersRead::Known> known;
    const auto know = [&](const Matrix& m, bool given) {
      known.push_back({m.data(), m.cols(), given});
    };
    know(sample_.u, true), know(sample_.x, false), know(sample_.v, false);
    if constexpr (tells_node_rows) know(rows_of_mesh(sample_.of_mesh), false);
    std::vector<SendersRead> names;
    const auto read = [&](const auto& net) {
      forward(net.model, names.emplace_back(net.layout, known), MeshInputs(sample_));
    };
    read(solver_->net());
    if (solver_->auxiliary()) read(solver_->auxiliary()->net());
    return names;
  }
  /// What a network with clusters reads of nodes besides fields.
  static const Matrix& rows_of_mesh(const OfMesh& of) requires tells_node_rows {
    return Model::node_rows(of.get<typename Model::MeshData>(Model::name));
  }
  /// Rows of ghosts that stay what they are, and where those of given fields will lie.
  void know_ghosts() {
    const auto like = [&](Matrix& ghosts, const Matrix& own) {
      ghosts.resize(part_->halo.ghosts, own.cols());
    };
    u_ = sample_.u;
    v_ = sample_.v;
    like(ghosts_.v, v_);
    std::vector<KnownRows> known{{u_.data(), view(std::as_const(ghosts_.u))},
                                 {sample_.x.data(), view(std::as_const(ghosts_.x))},
                                 {v_.data(), view(std::as_const(ghosts_.v))}};
    const auto tell = [&](const Matrix& own, Matrix& ghosts) {
      like(ghosts, own);
      tell_ghosts(view(own), ghosts, nullptr);
      communicator_->finish();
    };
    // Bit by bit: ghosts' coordinates may be another 0.
    tell(sample_.x, ghosts_.x);
    if constexpr (tells_node_rows) {
      const Matrix& own = rows_of_mesh(sample_.of_mesh);
      tell(own, ghosts_.of_mesh);
      known.push_back({own.data(), view(std::as_const(ghosts_.of_mesh))});
    }
    main_->know(known);
    if (light_) light_->know(known);
  }
  /// Begins to send rows of own nodes to all who have copies of them.
  void tell_ghosts(MatrixView<const float> own, Matrix& ghosts, HaloTraffic* traffic) {
    const auto& all = part_->halo.neighbours;
    to_ghosts_.resize(all.size());
    send_.clear(), receive_.clear();
    for (std::size_t k = 0; k < all.size(); ++k) {
      std::vector<float>& out = to_ghosts_[k];
      out.clear();
      for (const auto node : all[k].send)
        out.insert(out.end(), own.row(node), own.row(node) + own.cols);
      const std::span<float> in(ghosts.data() + all[k].first_ghost * own.cols,
                                static_cast<std::size_t>(all[k].n_ghosts * own.cols));
      if (!out.empty()) send_.push_back({all[k].rank, std::as_writable_bytes(std::span(out))});
      if (!in.empty()) receive_.push_back({all[k].rank, std::as_writable_bytes(in)});
      if (!traffic) continue;
      const auto bytes = static_cast<std::int64_t>(out.size() * sizeof(float));
      traffic->bytes += bytes;
      traffic->float_bytes += bytes;
    }
    if (traffic) ++traffic->exchanges;
    communicator_->begin(send_, receive_);
  }
  /// What the network reads of the mesh. @param place  (own node)
  void read_mesh(GraphSample& s, [[maybe_unused]] std::span<const std::int64_t> place) const {
    if constexpr (clustered)
      s.of_mesh = OfMesh::of(
          solver_->net().model.part_data(s.graph, view(std::as_const(s.x)), *clusters_, place));
    else
      prepare_sample(solver_->net().model, s);
  }
  /// Clusters are those of the whole mesh, whose positions every rank gets for them.
  void find_clusters() {
    const Matrix own = solver_->encoding().nodes_of(part_->nodes).x;
    Matrix x(static_cast<Index>(part_->nodes_in_all), own.cols());
    std::vector<std::int64_t> bits(static_cast<std::size_t>(x.size()), 0);
    for (std::size_t i = 0; i < part_->place.size(); ++i)
      for (Index d = 0; d < x.cols(); ++d)
        bits[static_cast<std::size_t>(part_->place[i] * x.cols() + d)] =
            std::bit_cast<std::int32_t>(own(static_cast<Index>(i), d));
    communicator_->sum(bits);
    for (std::size_t k = 0; k < bits.size(); ++k)
      x.data()[k] = std::bit_cast<float>(static_cast<std::int32_t>(bits[k]));
    together(*communicator_, [&] {
      clusters_ = solver_->net().model.clusters(view(std::as_const(x)));
      for (const auto place : part_->ghost_place)
        ghost_cluster_.push_back(clusters_->of_node[static_cast<std::size_t>(place)]);
    });
  }
  /// The sample of a rank without nodes.
  [[nodiscard]] GraphSample nobody() const {
    GraphSample s;
    s.graph.first.assign(1, 0);
    s.x = Matrix(0, sample_.x.cols());
    s.u = Matrix(0, sample_.u.cols());
    s.v = Matrix(0, sample_.v.cols());
    read_mesh(s, {});
    return s;
  }
  /// What a pass costs on all ranks together.
  void count() {
    const auto& net = solver_->net();
    const BitPlan any = BitPlan::uniform(solver_->allocator().levels().back());
    const auto work = [&](const GraphSample& s) {
      BasicCounting counting(net.layout, net.quantizers, any);
      forward(net.model, counting, MeshInputs(s));
      return PassWork(net.layout, counting.cost());
    };
    work_ = work(sample_);
    if (communicator_->rank() > 0) {
      // Tokens are computed by every rank, and count once.
      const PassWork tokens = work(nobody());
      work_.fixed_bops -= tokens.fixed_bops;
      work_.float_bops -= tokens.float_bops;
    }
    work_.score_bops = solver_->auxiliary() ? solver_->auxiliary()->cost(
                                                  sample_.graph, view(sample_.u), view(sample_.x))
                                            : 0;
    std::array<std::int64_t, 3> all{work_.fixed_bops, work_.float_bops, work_.score_bops};
    communicator_->sum(all);
    work_.fixed_bops = all[0], work_.float_bops = all[1], work_.score_bops = all[2];
  }
  [[nodiscard]] RowOwners owners() const noexcept {
    RowOwners o{MeshInputs(sample_)};
    o.nodes_in_all = static_cast<Index>(part_->nodes_in_all);
    o.edges_in_all = static_cast<Index>(part_->edges_in_all);
    o.share = communicator_->rank();
    o.shares = communicator_->size();
    if (clusters_) o.cluster_of_all = clusters_->of_node;
    return o;
  }
  [[nodiscard]] MeshInputs encode(MatrixView<const float> a, std::span<const double> variables) {
    if (!solver_->encoding().variable_scale.empty()) {
      detail::Fnv all;
      for (const double x : variables) all(x);
      require_same(*communicator_, "time and parameters", all.value());
    }
    together(*communicator_, [&] {
      const MeshEncoding& e = solver_->encoding();
      e.check_given(a, n_owned());
      set_size(given_, a.rows, a.cols);
      solver::detail::in_order(a, part_->order, view(given_));
      e.encode_given(view(std::as_const(given_)), view(u_));
      e.encode_variables(variables, view(v_));
      e.encode_variables(variables, view(ghosts_.v));
    });
    if (tells_given_) {
      set_size(ghosts_.given, part_->halo.ghosts, given_.cols());
      tell_ghosts(view(std::as_const(given_)), ghosts_.given, &of_given_);
      communicator_->finish();
      solver_->encoding().encode_given(view(std::as_const(ghosts_.given)), view(ghosts_.u));
    }
    return {&sample_.graph, view(std::as_const(u_)), view(std::as_const(sample_.x)),
            view(std::as_const(v_)), &sample_.of_mesh};
  }
  void choose(const MeshInputs& in, const SolveOptions& options, ChosenBits& c) {
    const Budget b = options.budget.value_or(solver_->budget());
    require_same(*communicator_, "budget", detail::Fnv()(b.mean_bits)(b.milliseconds).value());
    together(*communicator_, [&] { solver_->check(b); });
    const std::vector<int>& levels = solver_->allocator().levels();
    const auto n = static_cast<std::size_t>(n_owned());
    std::vector<float> node_bits = std::move(c.report.node_bits);  // its memory
    c.report = {};
    c.report.node_bits = std::move(node_bits);
    c.report.float_bops = work_.float_bops;
    c.report.budget = priced_->uniform(owners(), levels, b.mean_bits);
    const Auxiliary* aux = solver_->auxiliary();
    if (!aux) {
      c.plan = BitPlan::uniform(static_cast<int>(b.mean_bits));
      c.report.bops = c.report.budget;
      c.report.node_bits.assign(n, static_cast<float>(b.mean_bits));
      return;
    }
    scored_by_ = aux->plan();
    light_->begin(scored_by_);
    {
      const auto y = forward(aux->net().model, *light_, in);
      light_->end();
      aux->scores(y.view(), scores_.view(), solver_->score_columns());
    }
    if (clusters_) gather_scores();
    c.report.auxiliary_bops = work_.score_bops;
    plan(c.report.budget);
    c.plan = planned_.plan;
    // Of rows that are not there, on ranks without any.
    c.plan.uniform_bits = static_cast<std::uint8_t>(levels.back());
    c.report.bops = planned_.cost;
    c.report.node_bits.resize(n);
    for (std::size_t i = 0; i < n; ++i)
      c.report.node_bits[static_cast<std::size_t>(part_->order[i])] = planned_.node_bits[i];
  }
  void plan(Cost budget) {
    try {
      contest_->plan(
          owners(), scores_, budget, std::as_const(*all_),
          [&](const auto& f) { together(*communicator_, f); }, planned_);
    } catch (const Error& e) {
      // A budget that cannot be held is so for all: they throw this, too.
      if (e.where() == "allocation") throw CommonError(e);
      throw;
    }
  }
  /// Clusters are scored by their members, whatever rank has them: all ranks get the scores of all
  /// nodes at points of clusters, bit by bit, and add them up in the order of the whole mesh.
  void gather_scores() {
    const auto& places = main_->places();
    const auto me = static_cast<std::size_t>(communicator_->rank());
    const std::size_t columns = scores_.points.size();
    std::vector<std::size_t>& read = cluster_columns_;
    if (read.empty())
      for (std::size_t c = 0; c < columns; ++c)
        if (solver_->net().layout.point(scores_.points[c]).kind == RowKind::cluster)
          read.push_back(c);
    scores_.of_all.resize(static_cast<std::size_t>(part_->nodes_in_all) * columns);
    told_.resize(places.size());
    for (std::size_t r = 0; r < told_.size(); ++r) told_[r].resize(places[r].size() * read.size());
    auto* to = told_[me].data();
    for (std::size_t i = 0; i < places[me].size(); ++i)
      for (const std::size_t c : read) *to++ = scores_.values[i * columns + c];
    send_.clear(), receive_.clear();
    for (std::size_t r = 0; r < told_.size(); ++r) {
      if (r == me) continue;
      const auto bytes = [](std::vector<float>& x) { return std::as_writable_bytes(std::span(x)); };
      if (!told_[me].empty()) send_.push_back({static_cast<int>(r), bytes(told_[me])});
      if (!told_[r].empty()) receive_.push_back({static_cast<int>(r), bytes(told_[r])});
    }
    communicator_->begin(send_, receive_);
    communicator_->finish();
    for (std::size_t r = 0; r < told_.size(); ++r) {
      const float* from = told_[r].data();
      for (const auto place : places[r])
        for (const std::size_t c : read)
          scores_.of_all[static_cast<std::size_t>(place) * columns + c] = *from++;
    }
  }
  void begin(const BitPlan& plan) {
    main_->look_for_cut(solver_->out_of_range() != OutOfRange::ignore);
    main_->begin(plan);
    ++begun_;
  }
  void pass(const MeshInputs& in, Field& into) {
    const auto y = forward(solver_->net().model, *main_, in);
    main_->end();
    const auto rows = y.view();  // after which those of ghosts may follow
    solver_->encoding().decode({rows.data, n_owned(), rows.cols, rows.stride}, in.u, out_);
    set_size(into, out_.rows(), out_.cols());
    for (std::size_t i = 0; i < part_->order.size(); ++i)
      into.row(part_->order[i]) = out_.row(static_cast<Index>(i));
  }

  const MeshSolver<Model, Scheme>* solver_;
  Communicator* communicator_;
  std::unique_ptr<FloatExecutor> executor_;
  std::unique_ptr<MeshPart> part_;
  std::optional<AllRanks> all_;
  std::optional<Clusters> clusters_;         // of the whole mesh, where they are read
  std::vector<std::int32_t> ghost_cluster_;  // (ghost)
  std::vector<std::int64_t> read_here_;      // nodes that this rank's share of them reads
  OfMesh of_share_;
  GraphSample sample_;  // of own nodes, in the part's order
  PassWork work_;       // of all ranks
  std::optional<allocation::PricedPoints> priced_;
  std::optional<allocation::Contest> contest_;  // where bits are chosen
  PointScores scores_;
  Planned planned_;
  ChosenBits chosen_;
  std::vector<std::size_t> cluster_columns_;  // of scores
  std::vector<std::vector<float>> told_;      // (rank) scores of its nodes at these
  std::vector<Communicator::Message> send_, receive_;
  std::optional<RankFixed<Scheme>> main_;
  /// The auxiliary model's, whose scheme is its own.
  std::optional<RankFixed<std::conditional_t<any_scheme<Scheme>, AnyScheme, AuxiliaryScheme>>>
      light_;
  BitPlan scored_by_;
  std::uint64_t begun_ = 0;  // plans so far
  Matrix u_, v_, given_;
  struct {
    Matrix u, x, v, of_mesh, given;
  } ghosts_;                                   // rows of ghosts
  std::vector<std::vector<float>> to_ghosts_;  // (neighbour)
  bool tells_given_ = false;                   // whether passes read the given field of ghosts
  HaloTraffic of_given_;
  Field out_;
};

}  // namespace amq::parallel
