// Question: how long does it take to give a million nodes their bits, and what does a full sort
// take?

#include <amq/allocation/allocate.hpp>
#include <amq/allocation/random_allocation.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace {

struct Nodes {
  std::vector<amq::Cost> macs;
  std::vector<float> score;
  amq::AllocationProblem problem;

  Nodes(std::size_t n, int classes, double spread) : macs(n), score(n) {
    amq::Random random(1);
    for (auto& m : macs) m = 65536 + 16384 * static_cast<amq::Cost>(3 + random.index(8));
    for (auto& s : score) s = static_cast<float>(std::exp(spread * random.normal()));
    problem.bits = {2, 3, 4, 6, 8};
    for (int g = 0; g < classes; ++g)
      problem.classes.push_back(
          {macs, score, amq::bop_prices(8, problem.bits), {0.12, 0.037, 0.0115, 0.00104, 0.0001}});
    problem.budget = amq::budget_of_mean_bits(problem, 4);
  }
};

template <typename F>
void run(benchmark::State& state, const Nodes& nodes, F allocate) {
  for (auto _ : state) benchmark::DoNotOptimize(allocate(nodes.problem));
  state.counters["nodes/s"] = benchmark::Counter(
      static_cast<double>(nodes.macs.size()) * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate);
}

void lagrangian(benchmark::State& state) {
  const Nodes nodes(static_cast<std::size_t>(state.range(0)), 1, 1.5);
  run(state, nodes, [](const auto& p) { return amq::allocate_lagrangian(p); });
}
BENCHMARK(lagrangian)->Arg(4000)->Arg(100000)->Arg(1000000)->Unit(benchmark::kMillisecond);

void lagrangian_equal_scores(benchmark::State& state) {
  const Nodes nodes(static_cast<std::size_t>(state.range(0)), 1, 0);
  run(state, nodes, [](const auto& p) { return amq::allocate_lagrangian(p); });
}
BENCHMARK(lagrangian_equal_scores)->Arg(1000000)->Unit(benchmark::kMillisecond);

void lagrangian_two_classes(benchmark::State& state) {
  const Nodes nodes(static_cast<std::size_t>(state.range(0)), 2, 1.5);
  run(state, nodes, [](const auto& p) { return amq::allocate_lagrangian(p); });
}
BENCHMARK(lagrangian_two_classes)->Arg(1000000)->Unit(benchmark::kMillisecond);

void top(benchmark::State& state) {
  const Nodes nodes(static_cast<std::size_t>(state.range(0)), 1, 1.5);
  run(state, nodes, [](const auto& p) { return amq::allocate_top(p, 2, 8); });
}
BENCHMARK(top)->Arg(1000000)->Unit(benchmark::kMillisecond);

void waterfilling(benchmark::State& state) {
  const Nodes nodes(static_cast<std::size_t>(state.range(0)), 1, 1.5);
  run(state, nodes, [](const auto& p) { return amq::allocate_waterfilling(p); });
}
BENCHMARK(waterfilling)->Arg(1000000)->Unit(benchmark::kMillisecond);

void random_levels(benchmark::State& state) {
  const Nodes nodes(static_cast<std::size_t>(state.range(0)), 1, 1.5);
  amq::Random random(2);
  run(state, nodes, [&](const auto& p) { return amq::allocate_random(p, random); });
}
BENCHMARK(random_levels)->Arg(1000000)->Unit(benchmark::kMillisecond);

// The contender: sort the scores, nothing more.
void full_sort(benchmark::State& state) {
  const Nodes nodes(static_cast<std::size_t>(state.range(0)), 1, 1.5);
  for (auto _ : state) {
    std::vector<std::pair<float, int>> order;
    order.reserve(nodes.score.size());
    for (const float s : nodes.score) order.emplace_back(-s, static_cast<int>(order.size()));
    std::sort(order.begin(), order.end());
    benchmark::DoNotOptimize(order.data());
  }
}
BENCHMARK(full_sort)->Arg(1000000)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
