// Question: how long does it take to choose the bits of one solve, and which part takes it?

#include <amq/mesh/random_square.hpp>
#include <amq/solver/mesh_solver.hpp>

#include <benchmark/benchmark.h>

#include <memory>
#include <utility>

namespace {

using namespace amq;
using namespace amq::solver;

/// MP-PDE as in docs/results/mesh.md, on a mesh of 972 nodes.
struct Solve {
  std::unique_ptr<MeshSolver<MpPde>> solver;
  GraphSample sample;

  Solve() {
    Random random(3);
    Mesh mesh = random_refined_square(random, 972);
    MeshEncoding e;
    e.input_mean = {7.5f};
    e.input_deviation = {4.5f};
    e.output_mean = {0};
    e.output_deviation = {1};
    e.lattices = {4, 8, 16};
    MpPdeConfig c;
    c.hidden = 48;
    c.layers = 4;
    c.inputs = e.inputs();
    const SchemeInfo scheme{8, RowRule::min_max, {1, 2, 3, 4, 5, 6, 8}};
    auto net = std::make_unique<Network<MpPde>>(c, scheme, 1);
    const Index columns = PointScores(net->layout).columns();
    auto light = std::make_unique<Auxiliary>(AuxiliaryConfig{}, c.inputs, 2, columns, 2);
    PointCurves curves = PointCurves::gaussian(static_cast<std::size_t>(columns), scheme.levels);
    curves.score_power = 0.25;
    solver = std::make_unique<MeshSolver<MpPde>>(std::move(net), std::move(light), e,
                                                 allocation::PerNodeAndPoint(), std::move(curves));
    solver->budget(mean_bits(3));
    Field a(mesh.n_nodes(), 1);
    for (Index i = 0; i < a.rows(); ++i) a(i, 0) = random.uniform() < 0.5 ? 3.0f : 12.0f;
    sample = e.encode(mesh, view(std::as_const(a)));
    prepare_sample(solver->net().model, sample);
  }
};

void whole_plan(benchmark::State& state) {
  Solve s;
  state.counters["nodes"] = static_cast<double>(s.sample.graph.n_nodes());
  for (auto _ : state) benchmark::DoNotOptimize(s.solver->plan(s.sample));
}
BENCHMARK(whole_plan)->Unit(benchmark::kMicrosecond);

void whole_plan_on_a_mesh_prepared(benchmark::State& state) {
  Solve s;
  const PassWork work = s.solver->prepare(s.sample);
  for (auto _ : state) benchmark::DoNotOptimize(s.solver->plan(s.sample, work));
}
BENCHMARK(whole_plan_on_a_mesh_prepared)->Unit(benchmark::kMicrosecond);

void scores_in_integers(benchmark::State& state) {
  Solve s;
  for (auto _ : state) benchmark::DoNotOptimize(s.solver->predict(s.sample));
}
BENCHMARK(scores_in_integers)->Unit(benchmark::kMicrosecond);

void counting_the_passes(benchmark::State& state) {
  Solve s;
  for (auto _ : state) benchmark::DoNotOptimize(s.solver->prepare(s.sample));
}
BENCHMARK(counting_the_passes)->Unit(benchmark::kMicrosecond);

void scores_to_bits(benchmark::State& state) {
  Solve s;
  const PassWork work = s.solver->prepare(s.sample);
  const PointScores scores = s.solver->predict(s.sample);
  const Allocator<>& allocator = s.solver->allocator();
  const Cost budget = allocator.uniform_cost(s.sample, work, 3);
  for (auto _ : state) benchmark::DoNotOptimize(allocator.plan(s.sample, work, scores, budget));
}
BENCHMARK(scores_to_bits)->Unit(benchmark::kMicrosecond);

// The contender: the solve it is done for.
void solve_at_the_plan(benchmark::State& state) {
  Solve s;
  const BitPlan plan = s.solver->plan(s.sample).plan;
  for (auto _ : state) benchmark::DoNotOptimize(s.solver->normalized(s.sample, plan));
}
BENCHMARK(solve_at_the_plan)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
