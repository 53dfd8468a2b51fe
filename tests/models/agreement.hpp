#pragma once
// Integers are simulated quantization, bit for bit: the law every network keeps.

#include <amq/arithmetic/counting.hpp>
#include <amq/arithmetic/fixed.hpp>
#include <amq/arithmetic/float32.hpp>
#include <amq/arithmetic/training.hpp>
#include <amq/core/thread_pool.hpp>

#include <doctest/doctest.h>

#include <array>
#include <vector>

namespace agreement {

using namespace amq;
using namespace amq::arithmetics;

/// @param rows  of nodes, edges, clusters
inline BitPlan mixed_plan(const std::vector<int>& levels, const std::array<Index, 3>& rows) {
  Random random(8);
  BitPlan plan;
  for (std::size_t k = 0; k < rows.size(); ++k)
    for (Index i = 0; i < rows[k]; ++i)
      plan.by_kind[k].push_back(static_cast<std::uint8_t>(levels[random.index(levels.size())]));
  return plan;
}

template <typename Net, typename Run>
void check(const Net& net, const Run& run, const std::array<Index, 3>& rows) {
  const auto& levels = net.quantizers.info().levels;
  std::vector<BitPlan> plans{mixed_plan(levels, rows)};
  for (const int b : levels) plans.push_back(BitPlan::uniform(b));
  ThreadPool pool(3);
  BasicTraining<float> training(net.layout, net.quantizers);
  BasicFixed one(net.layout, net.quantizers, net.parameters),
      three(net.layout, net.quantizers, net.parameters, pool);
  for (const BitPlan& plan : plans) {
    CAPTURE(static_cast<int>(plan.uniform_bits));
    training.begin({&net.parameters, nullptr, &plan});
    const Matrix simulated = map(training[run(training)]);
    REQUIRE(simulated.allFinite());
    one.begin(plan);
    CHECK((map(run(one).view()).array() == simulated.array()).all());
    three.begin(plan);
    CHECK((map(run(three).view()).array() == simulated.array()).all());
  }
}

}  // namespace agreement
