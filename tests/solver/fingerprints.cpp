#include "fingerprints.hpp"

#include <amq/core/thread_pool.hpp>
#include <amq/models/graph_vit.hpp>
#include <amq/models/mesh_graph_net.hpp>
#include <amq/solver.hpp>

#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace test_fingerprints {

using namespace amq;
using namespace amq::solver;
using fingerprints::Expected;
using fingerprints::Hash;

namespace {

const Expected table[] = {
    {"GraphVit, w2 fixed uniform", "5aff9d981a9f90fe"},
    {"GraphVit, w4 symmetric with zero", "7626410cb56945e1"},
    {"GraphVit, w8 affine by time", "1dcdf0ad0486ff21"},
    {"GraphVit, w8 affine by time, a node one width", "8ee5dffcf1a07cd1"},
    {"GraphVit, w8 affine", "835a952ec2535152"},
    {"GraphVit, w8 affine, a node one width", "548c10c34256bb06"},
    {"GraphVit, w8 affine, a point one width", "6c2e7992ef74a04c"},
    {"GraphVit, w8 min-max uniform", "07ee0f5800713dad"},
    {"GraphVit, w8 min-max, edges decide", "54940f38c63f277c"},
    {"MeshGraphNet, w2 fixed uniform", "efc6b49025c16af0"},
    {"MeshGraphNet, w4 symmetric with zero", "093040e3df3d35bf"},
    {"MeshGraphNet, w8 affine by time", "04a6b66d749de3d6"},
    {"MeshGraphNet, w8 affine by time, a node one width", "f9a509da15fbcce4"},
    {"MeshGraphNet, w8 affine", "724eb63cab408814"},
    {"MeshGraphNet, w8 affine, a node one width", "9a9ec808adc0baeb"},
    {"MeshGraphNet, w8 affine, a point one width", "3cedbd1cc860814a"},
    {"MeshGraphNet, w8 min-max uniform", "9b3e0fcbf23cec0b"},
    {"MeshGraphNet, w8 min-max, edges decide", "f236c7fe23628bb0"},
    {"MpPde with a window", "e51103c9c0f1440c"},
    {"MpPde, w2 fixed uniform", "b98bf544d5e6e263"},
    {"MpPde, w4 symmetric with zero", "043bbbe408ae4222"},
    {"MpPde, w8 affine by time", "95f000fe7cedeb3e"},
    {"MpPde, w8 affine by time, a node one width", "c37a1b908c6f149b"},
    {"MpPde, w8 affine", "89abf79ac3e4d494"},
    {"MpPde, w8 affine, a node one width", "e7cc34eafc58e4ae"},
    {"MpPde, w8 affine, a point one width", "ed41c890e1669ec8"},
    {"MpPde, w8 min-max uniform", "b139dc74e3b96c8d"},
    {"MpPde, w8 min-max, edges decide", "57a1fc511f88f193"},
    {"darcy.safetensors", "55e2e424705f9b74"},
    {"rollout", "a9b28213fdb7fd4d"},
};

struct Case {
  const char* name;
  SchemeInfo scheme;
  bool adaptive = true;
  allocation::AnySharing sharing{};
  PointCurves rules{};
  bool timed = false;
  std::vector<double> budgets{};
};

PointCurves largest() {
  PointCurves c;
  c.clusters = ClusterScore::max;
  return c;
}

std::vector<Case> cases() {
  const std::vector<int> ladder{1, 2, 3, 4, 8};
  const allocation::PerNodeAndPoint node_and_point;
  const allocation::PerNode node;
  const allocation::PerPoint point;
  return {
      {"w8 affine", {8, RowRule::affine, ladder}, true, node_and_point, {}, false, {2.5, 3, 8}},
      {"w8 affine, a node one width", {8, RowRule::affine, ladder}, true, node, {}, false, {3}},
      {"w8 affine, a point one width", {8, RowRule::affine, ladder}, true, point, {}, false, {3}},
      {"w8 min-max, edges decide",
       {8, RowRule::min_max, {2, 4, 8}},
       true,
       allocation::PerEdge(),
       largest(),
       false,
       {3.5}},
      {"w4 symmetric with zero",
       {4, RowRule::symmetric, {0, 2, 4, 8}},
       true,
       node_and_point,
       {},
       false,
       {3}},
      {"w8 affine by time",
       {8, RowRule::affine, {2, 4, 8}},
       true,
       node_and_point,
       {},
       true,
       {3, 5}},
      {"w8 affine by time, a node one width",
       {8, RowRule::affine, {2, 4, 8}},
       true,
       node,
       {},
       true,
       {3}},
      {"w8 min-max uniform", {8, RowRule::min_max, {8}}, false, node_and_point, {}, false, {8}},
      {"w2 fixed uniform", {2, RowRule::fixed, {4, 8}}, false, node_and_point, {}, false, {4, 8}},
  };
}

/// Times that no machine has: what a plan by time does is then the same everywhere.
RowTimes made_up(const ParameterLayout& layout, const std::vector<int>& levels) {
  RowTimes t;
  t.levels = levels;
  const PointScores shape(layout);
  for (std::size_t c = 0; c < shape.points.size(); ++c) {
    t.points.push_back(layout.point(shape.points[c]).name);
    auto& column = t.picoseconds.emplace_back();
    for (const int b : levels) column.push_back(static_cast<Cost>(1000 + 37 * c) * (4 + b));
  }
  return t;
}

template <typename Model>
struct Made {
  Mesh mesh = fingerprints::square(14, 4);
  Field given = fingerprints::noise(mesh.n_nodes(), 2, 5);
  std::unique_ptr<MeshSolver<Model>> solver;

  explicit Made(const Case& of, Executor& executor = serial_executor()) {
    MeshEncoding e;
    e.input_mean = {0.125f, -0.25f};
    e.input_deviation = {1.5f, 0.75f};
    e.output_mean = {0, 0};
    e.output_deviation = {0.02f, 0.05f};
    e.node_types = 7;
    if constexpr (std::is_same_v<Model, MpPde>) e.lattices = {4};
    typename Model::Config c;
    c.hidden = 16;
    c.layers = 2;
    c.inputs = e.inputs();
    c.outputs = 2;
    if constexpr (std::is_same_v<Model, GraphVit>) {
      c.width = 32;
      c.blocks = 1;
      c.cluster_size = 12;
    }
    auto net = std::make_unique<Network<Model>>(c, of.scheme, 3);
    std::unique_ptr<Auxiliary> aux;
    if (of.adaptive)
      aux = std::make_unique<Auxiliary>(AuxiliaryConfig{8, 1, 4}, c.inputs, 2,
                                        PointScores(net->layout).columns(), 5);
    const auto times = made_up(net->layout, of.scheme.levels);
    solver = std::make_unique<MeshSolver<Model>>(std::move(net), std::move(aux), e, of.sharing,
                                                 of.rules, executor);
    if (of.timed) solver->price_by(times);
  }
};

/// The solution, its cost and who got how many bits.
template <typename Solver>
void add(Hash& hash, const Solver& solver, double bits, const Mesh& mesh, const Field& given) {
  const Solution s = solver(mesh, given, mean_bits(bits));
  const SolveReport& r = s.report;
  hash(view(s.field))(r.node_bits);
  for (const Cost c : {r.bops, r.auxiliary_bops, r.float_bops, r.picoseconds})
    hash(static_cast<std::uint64_t>(c));
}

}  // namespace

TEST_CASE_TEMPLATE("solves of networks on meshes have the bits they always had", Model, MpPde,
                   MeshGraphNet, GraphVit) {
  ThreadPool pool(2);
  for (const Case& c : cases()) {
    Hash hash;
    Made<Model> made(c, pool);
    for (const double bits : c.budgets) add(hash, *made.solver, bits, made.mesh, made.given);
    fingerprints::check(table, std::string(Model::name) + ", " + c.name, hash);
  }
}

TEST_CASE("a rollout has the bits it always had") {
  Made<MpPde> made(cases().front());
  made.solver->budget(mean_bits(3));
  Rollout rollout(*made.solver, made.mesh, made.given);
  rollout.allocate_every(2);
  Hash hash;
  for (int step = 0; step < 4; ++step) hash(view(rollout.step()))(rollout.report().node_bits);
  fingerprints::check(table, "rollout", hash);
}

TEST_CASE("the shipped model solves to the bits it always had") {
  using S = Scheme<Weights<8>, Activations<1, 2, 3, 4, 5, 6, 8>>;
  const auto solver = load<MpPde, S>(AMQ_SHIPPED_MODEL);
  const Mesh mesh = fingerprints::square(24, 9);
  Field a = fingerprints::noise(mesh.n_nodes(), 2, 6);
  for (Index i = 0; i < a.size(); ++i) a.data()[i] = a.data()[i] < 0 ? 3.0f : 12.0f;
  Hash hash;
  for (const double bits : {2.5, 3.0, 4.5, 8.0}) add(hash, solver, bits, mesh, a);
  fingerprints::check(table, "darcy.safetensors", hash);
}

TEST_CASE("MP-PDE with a window and variables has the bits it always had") {
  MpPdeConfig c;
  c.layers = 1;
  c.window = 25;
  c.dim = 1;
  c.variables = 2;
  const Network<MpPde> net(c, {8, RowRule::affine, {2, 4, 8}}, 7);
  const Index n = 40;
  Matrix x(n, 1);
  std::vector<Side> edges;
  for (std::int32_t i = 0; i < n; ++i) {
    x(i, 0) = static_cast<float>(i) / 64;
    for (const std::int32_t j : {(i + 1) % 40, (i + 39) % 40}) edges.push_back({j, i});
  }
  const Graph graph = edge_list(n, edges);
  const Matrix u = fingerprints::noise(n, 25, 8), v = Matrix::Constant(n, 2, 0.5f);
  BasicFixed a(net.layout, net.quantizers, net.parameters);
  Hash hash;
  BitPlan mixed = BitPlan::uniform(8);
  for (Index i = 0; i < n; ++i)
    mixed[RowKind::node].push_back(static_cast<std::uint8_t>(2 << (i % 3)));
  for (const BitPlan& plan : {BitPlan::uniform(2), BitPlan::uniform(8), mixed}) {
    a.begin(plan);
    hash(net.model(a, graph, view(u), view(x), view(v)).view());
  }
  fingerprints::check(table, "MpPde with a window", hash);
}

}  // namespace test_fingerprints
