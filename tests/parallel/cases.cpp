#include "cases.hpp"

#include "host.hpp"
#include "made.hpp"

#include <amq/models/flare.hpp>
#include <amq/models/graph_vit.hpp>
#include <amq/models/mesh_graph_net.hpp>
#include <amq/models/transolver.hpp>

#include <limits>
#include <map>
#include <mutex>
#include <type_traits>
#include <utility>

using namespace amq;
using namespace amq::parallel;
using cases::cut_of;
using cases::Made;
using cases::own_rows;
using cases::owners;
using cases::Recipe;
using cases::run;
using cases::Setting;
using cases::variables_of;

namespace {

/// Made once: all ranks read one solver, as threads of a program may.
template <typename Model>
const Made<Model>& kept(const std::string& network, const Recipe& recipe) {
  static std::mutex mutex;
  static std::map<std::string, Made<Model>> all;
  const std::lock_guard lock(mutex);
  return all.try_emplace(network, recipe).first->second;
}

template <typename F>
auto with(const std::string& network, const F& f) {
  const SchemeInfo affine{8, RowRule::affine, {2, 4, 8}}, range{8, RowRule::min_max, {2, 4, 8}},
      skipping{8, RowRule::min_max, {0, 4, 8}};
  Recipe r{.scheme = affine, .adaptive = true};
  const auto made = [&]<typename Model>(std::type_identity<Model>) {
    return f(kept<Model>(network, r));
  };
  if (network == "MeshGraphNet") {
    r.scheme = range, r.bits = 3.5;
    return made(std::type_identity<MeshGraphNet>());
  }
  if (network.starts_with("Transolver")) {
    r.scheme = skipping, r.bits = 5;
    if (network == "Transolver of time") r.variables = 2;
    return made(std::type_identity<Transolver>());
  }
  if (network.starts_with("Flare")) {
    if (network == "Flare of time") r.variables = 2;
    return made(std::type_identity<Flare>());
  }
  if (network == "GraphVit") {
    r.scheme = {8, RowRule::min_max, {4, 8}}, r.adaptive = false;
    return made(std::type_identity<GraphVit>());
  }
  if (network == "GraphVit adaptive" || network == "GraphVit of 3 clusters") {
    r.scheme = skipping, r.bits = 4.5, r.spread = 5;
    if (network == "GraphVit of 3 clusters") r.cluster_size = 50;
    return made(std::type_identity<GraphVit>());
  }
  if (network == "MpPde skips") {
    r.scheme = {8, RowRule::min_max, {0, 3, 8}}, r.bits = 3, r.layers = 3;
    r.sharing = allocation::PerBlock(), r.spread = 5;
  } else if (network == "MpPde static") {
    r.scheme = {4, RowRule::fixed, {0, 3, 8}};
  } else if (network == "MpPde words") {
    r.scheme = {8, RowRule::min_max, {0, 4, 8}, true}, r.bits = 5;
  } else if (network == "MpPde uniform") {
    r.scheme = {8, RowRule::symmetric, {2, 4, 8}}, r.adaptive = false;
  } else if (network == "MpPde of time") {
    r.bits = 4.5, r.variables = 2;
  } else if (network == "MpPde of windows") {
    r.scheme = range, r.bits = 4.5, r.hidden = 128, r.layers = 1, r.variables = 1, r.window = 20;
  } else {
    r = cases::mp_pde();
  }
  return made(std::type_identity<MpPde>());
}

/// Another communicator, and how often it was asked to send and receive.
class Counted final : public Communicator {
 public:
  explicit Counted(Communicator& of) : of_(&of) {}
  [[nodiscard]] std::int64_t begun() const noexcept { return begun_; }
  [[nodiscard]] int rank() const noexcept override { return of_->rank(); }
  [[nodiscard]] int size() const noexcept override { return of_->size(); }
  void begin(std::span<const Message> send, std::span<const Message> receive) override {
    ++begun_;
    of_->begin(send, receive);
  }
  void finish() override { of_->finish(); }
  void sum(std::span<std::int64_t> x) override { of_->sum(x); }
  void max(std::span<std::int64_t> x) override { of_->max(x); }
  void abort(const Error& why) noexcept override { of_->abort(why); }

 private:
  Communicator* of_;
  std::int64_t begun_ = 0;
};

}  // namespace

namespace cases {

std::string alone(const Setting& s) {
  return with(s.network, [&](const auto& made) { return run_alone(s, made); });
}

std::string apart(const Setting& s, Communicator& c) {
  return with(s.network, [&](const auto& made) { return run(s, made, cut_of(s, made, c), c); });
}

std::string from_cells(const Setting& s, Communicator& c) {
  return with(s.network, [&](const auto& made) {
    const auto owner = owners(s.partition, cell_edges(made.mesh), c);
    return run(s, made, host_of_cells(made.mesh, owner, c.rank(), c.size()), c);
  });
}

const std::vector<Fault>& all_faults() {
  static const std::vector<Fault> all{Fault::scheme,
                                      Fault::model,
                                      Fault::budget,
                                      Fault::budget_of_solve,
                                      Fault::nodes_in_all,
                                      Fault::node_twice,
                                      Fault::node_missing,
                                      Fault::foreign_ghost,
                                      Fault::ghost_elsewhere,
                                      Fault::no_edges_of_neighbours,
                                      Fault::edges_that_choose,
                                      Fault::cell_out_of_range,
                                      Fault::field_not_finite,
                                      Fault::throws_between_solves,
                                      Fault::message_too_short};
  return all;
}

const char* words_of(Fault f) {
  switch (f) {
    case Fault::scheme:
      return "the same scheme on all";
    case Fault::model:
      return "the same model on all";
    case Fault::budget:
    case Fault::budget_of_solve:
      return "the same budget on all";
    case Fault::nodes_in_all:
      return "the same number of nodes in all on all";
    case Fault::node_twice:
      return "one rank that owns it, found ranks";
    case Fault::node_missing:
      return "one rank that owns it, found none";
    case Fault::foreign_ghost:
      return "which it is said to be of, found none of its nodes";
    case Fault::ghost_elsewhere:
      return "expected the place, type and coordinates that its owner, rank";
    case Fault::no_edges_of_neighbours:
      return "expected edges, of a network that reads nearest neighbours";
    case Fault::edges_that_choose:
      return "found sharing 'edge'";
    case Fault::cell_out_of_range:
      return "expected local nodes from 0 to";
    case Fault::field_not_finite:
      return "finite numbers";
    case Fault::throws_between_solves:
      return "the host has run out of something";
    case Fault::message_too_short:
      return "bytes, found";
  }
  return "";
}

void meet(Fault f, int rank, Communicator& c) {
  const bool here = c.rank() == rank;
  if (f == Fault::edges_that_choose) {
    const Made<MpPde> edges({.scheme = {8, RowRule::min_max, {4, 8}},
                             .adaptive = true,
                             .bits = 5,
                             .sharing = allocation::PerEdge()});
    PartSolver<MpPde> part(*edges.solver, cut_of({}, edges, c), c);
  }
  const SchemeInfo usual{8, RowRule::affine, {1, 2, 3, 4, 8}};
  const Made<MpPde> made(
      {.scheme = here && f == Fault::scheme ? SchemeInfo{8, RowRule::affine, {2, 3, 4, 8}} : usual,
       .bits = here && f == Fault::budget ? 8. : 4.,
       .weight = here && f == Fault::model ? 0.5f : 0.25f,
       .neighbours = f == Fault::no_edges_of_neighbours ? 4 : 0});
  PartitionedMesh m = cut_of({}, made, c);
  Field given = own_rows(m, made.given);
  // A node less or more, with its point and edges.
  const auto drop_last_ghost = [&] {
    m.ghosts.back().nodes.pop_back();
    m.points.resize(m.points.size() - 2);
    m.node_type.pop_back();
    const auto last = static_cast<std::int32_t>(m.n_local());
    std::erase_if(m.edges, [&](const Side& e) { return e[0] == last; });
  };
  if (here && f == Fault::nodes_in_all) ++m.nodes_in_all;
  if (here && f == Fault::cell_out_of_range) m.edges[3][0] = static_cast<std::int32_t>(m.n_local());
  if (here && f == Fault::field_not_finite) given(1, 0) = std::numeric_limits<float>::quiet_NaN();
  if (here && f == Fault::ghost_elsewhere) m.points.back() += 0.25;
  if (f == Fault::node_missing) ++m.nodes_in_all;
  if (f == Fault::no_edges_of_neighbours) m.edges.clear();
  if (here && f == Fault::node_twice) {
    const std::int64_t id = m.ghosts.back().nodes.back();
    drop_last_ghost();
    m.edges.clear();
    m.owned.push_back(id);
    m.points.insert(m.points.begin(), {0.5, 0.5});
    m.node_type.push_back(NodeType::normal);
  }
  if (here && f == Fault::foreign_ghost) {
    // Said to be of the next rank but one, or a node that the next rank does not have.
    GhostNodes& g = m.ghosts.front();
    for (std::int64_t id = 0; id < m.nodes_in_all; ++id) {
      bool known = false;
      for (const auto own : m.owned) known |= own == id;
      for (const auto& other : m.ghosts)
        for (const auto ghost : other.nodes) known |= ghost == id;
      const auto owner = owners("random", cell_edges(made.mesh), c);
      if (!known && owner[static_cast<std::size_t>(id)] != g.rank) {
        g.nodes.front() = id;
        break;
      }
    }
  }
  PartSolver<MpPde> part(*made.solver, m, c);
  if (f == Fault::field_not_finite) {
    // Refused by all, who go on.
    try {
      part(given);
    } catch (const CommonError& e) {
      given(1, 0) = 0;
      part(given);
      throw Error(e);
    }
  }
  part(given);
  if (f == Fault::budget_of_solve) part(given, mean_bits(here ? 8 : 4));
  if (f == Fault::throws_between_solves && here)
    or_abort(c, [] {
      throw Error("host", "memory", "that the host has run out of something", "Give it more.");
    });
  if (f == Fault::message_too_short) {
    std::vector<std::byte> out(here ? 3 : 5), in(5);
    const Communicator::Message send{(c.rank() + 1) % c.size(), out},
        receive{(c.rank() + c.size() - 1) % c.size(), in};
    c.begin({&send, 1}, {&receive, 1});
    c.finish();
  }
  for (int k = 0; k < 3; ++k) part(given);
}

std::vector<long> allocations(const std::string& network, Communicator& c, long (*count)()) {
  return with(network, [&](const auto& made) {
    using Model = std::remove_cvref_t<decltype(made.solver->net().model)>;
    const PartitionedMesh m = cut_of({}, made, c);
    PartSolver<Model> part(*made.solver, m, c);
    std::vector<Field> given;
    for (std::uint64_t k = 0; k < 5; ++k)
      given.push_back(own_rows(m, fingerprints::noise(made.mesh.n_nodes(), made.given.cols(), k)));
    std::vector<double> variables = variables_of(made);
    const solver::SolveOptions options{std::span<const double>(variables)};
    const auto later = [&] {
      for (double& v : variables) v += 0.125;
    };
    std::vector<long> taken;
    taken.reserve(100);
    const auto counted = [&](const auto& f) {
      const long before = count();
      f();
      taken.push_back(count() - before);
    };
    Solution s;
    for (int k = 0; k < 2; ++k) part.solve(view(given[0]), s, options);
    // A layer makes room for those awake when nodes of this rank first skip it.
    if (network == "MpPde skips")
      for (std::uint64_t k = 100; k < 110; ++k)
        part.solve(view(own_rows(m, fingerprints::noise(made.mesh.n_nodes(), 2, k))), s);
    for (const Field& g : given)
      counted([&] {
        later();
        part.solve(view(g), s, options);
      });
    const BitPlan uniform = BitPlan::uniform(8);
    for (int k = 0; k < 2; ++k) part.solve(view(given[0]), uniform, s.field, variables);
    for (const Field& g : given)
      counted([&] {
        later();
        part.solve(view(g), uniform, s.field, variables);
      });
    for (const Index every : {1, 3}) {
      PartRollout<Model> rollout(part, given[0]);
      rollout.options({}, variables);
      rollout.allocate_every(every);
      rollout.step();
      rollout.step();
      for (int step = 0; step < 5; ++step) counted([&] { rollout.step(); });
    }
    return taken;
  });
}

template <typename Model>
Traffic traffic_of(const Made<Model>& made, Communicator& c) {
  const Setting s{"", "strips", 1, 0};
  const PartitionedMesh m = cut_of(s, made, c);
  PartSolver<Model> part(*made.solver, m, c);
  part(own_rows(m, made.given));
  std::vector<std::int64_t> sums{part.traffic().bytes, part.traffic().float_bytes};
  c.sum(sums);
  return {sums[0], sums[1]};
}
Traffic traffic(int bits, std::int64_t hidden, std::int64_t layers, Communicator& c) {
  return traffic_of(Made<MpPde>({.scheme = {8, RowRule::min_max, {1, 2, 3, 4, 8}},
                                 .bits = static_cast<double>(bits),
                                 .hidden = hidden,
                                 .layers = layers}),
                    c);
}
Traffic traffic_of_clusters(int bits, std::int64_t hidden, std::int64_t width, Communicator& c) {
  return traffic_of(Made<GraphVit>({.scheme = {8, RowRule::min_max, {1, 2, 3, 4, 8}},
                                    .bits = static_cast<double>(bits),
                                    .hidden = hidden,
                                    .width = width}),
                    c);
}

std::vector<std::int64_t> tellings_of_bits(Communicator& c) {
  Counted counted(c);
  const Made<MpPde> made(mp_pde());
  const PartitionedMesh m = cut_of({}, made, counted);
  PartSolver<MpPde> part(*made.solver, m, counted);
  const Field given = own_rows(m, made.given);
  PartRollout<MpPde> rollout(part, given);
  rollout.allocate_every(3);
  std::vector<std::int64_t> told;
  for (int step = 0; step < 6; ++step) {
    if (step == 4) part(given);
    const std::int64_t before = counted.begun() - part.traffic().exchanges;
    rollout.step();
    told.push_back(counted.begun() - part.traffic().exchanges - before);
  }
  return told;
}

}  // namespace cases
