// Question: how long does it take to give a million nodes their bits, and what does a full sort
// take?

#include "baselines.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace {

struct Nodes {
  std::vector<amq::allocation::Cost> macs;
  std::vector<float> score;
  std::vector<std::uint16_t> group;
  amq::allocation::Problem problem;

  Nodes(std::size_t n, std::size_t groups, double spread) : macs(n), score(n), group(n) {
    amq::core::Random random(1);
    for (auto& m : macs)
      m = 65536 + 16384 * static_cast<amq::allocation::Cost>(3 + random.index(8));
    for (auto& s : score) s = static_cast<float>(std::exp(spread * random.normal()));
    for (auto& g : group) g = static_cast<std::uint16_t>(random.index(groups));
    problem.levels = {2, 3, 4, 6, 8};
    problem.price = {{16, 24, 32, 48, 64}};
    problem.error.assign(groups, {0.12, 0.037, 0.0115, 0.00104, 0.0001});
    problem.work = macs;
    problem.score = score;
    if (groups > 1) problem.group = group;
    problem.budget = amq::allocation::budget_of_mean_bits(problem, 4);
  }
};

template <typename F>
void run(benchmark::State& state, const Nodes& nodes, F allocate) {
  for (auto _ : state) benchmark::DoNotOptimize(allocate(nodes.problem));
  state.counters["nodes/s"] = benchmark::Counter(
      static_cast<double>(nodes.macs.size()) * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate);
}

void allocate(benchmark::State& state) {
  const Nodes nodes(static_cast<std::size_t>(state.range(0)), 1, 1.5);
  run(state, nodes, [](const auto& p) { return amq::allocation::allocate(p); });
}
BENCHMARK(allocate)->Arg(4000)->Arg(100000)->Arg(1000000)->Unit(benchmark::kMillisecond);

void equal_scores(benchmark::State& state) {
  const Nodes nodes(static_cast<std::size_t>(state.range(0)), 1, 0);
  run(state, nodes, [](const auto& p) { return amq::allocation::allocate(p); });
}
BENCHMARK(equal_scores)->Arg(1000000)->Unit(benchmark::kMillisecond);

void of_sixteen_points(benchmark::State& state) {
  const Nodes nodes(static_cast<std::size_t>(state.range(0)), 16, 1.5);
  run(state, nodes, [](const auto& p) { return amq::allocation::allocate(p); });
}
BENCHMARK(of_sixteen_points)->Arg(1000000)->Unit(benchmark::kMillisecond);

void top(benchmark::State& state) {
  const Nodes nodes(static_cast<std::size_t>(state.range(0)), 1, 1.5);
  run(state, nodes, [](const auto& p) { return baselines::top(p, 2, 8); });
}
BENCHMARK(top)->Arg(1000000)->Unit(benchmark::kMillisecond);

void waterfilling(benchmark::State& state) {
  const Nodes nodes(static_cast<std::size_t>(state.range(0)), 1, 1.5);
  run(state, nodes, [](const auto& p) { return baselines::waterfilling(p); });
}
BENCHMARK(waterfilling)->Arg(1000000)->Unit(benchmark::kMillisecond);

void random_levels(benchmark::State& state) {
  const Nodes nodes(static_cast<std::size_t>(state.range(0)), 1, 1.5);
  amq::core::Random random(2);
  run(state, nodes, [&](const auto& p) { return baselines::random(p, random); });
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
