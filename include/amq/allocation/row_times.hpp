#pragma once
/// @file
/// Measures what a row costs on this machine, with which an allocator optimises the clock instead
/// of BOPs. On a CPU the two differ: 2, 4 and 8 bits take the same time, 16 twice, and 0 none.

#include <amq/allocation/price.hpp>
#include <amq/arithmetic/counting.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/kernels/gemm.hpp>
#include <amq/quant/mixed_rows.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace amq::allocation {

struct RowTimesOptions {
  Index rows = 2048;  ///< in cache, as tiles are
  int rounds = 7;     ///< of which the fastest counts: whatever disturbs only adds
  /// Seconds that only grow. Where other work runs beside, processor time of the thread is better.
  std::function<double()> clock = [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  };
  [[nodiscard]] double now() const { return core::as_host(clock); }
};

/// Runs what a row goes through, from its floats to the last product that reads its codes, on rows
/// of noise: a tenth of a second for a network of 128 channels. Levels take turns.
/// @param cost  of any pass, for the products and their sizes
/// @throws Error for fewer than one row or round
[[nodiscard]] inline RowTimes measure_row_times(const ParameterLayout& layout,
                                                const Quantizers& quantizers, const PassCost& cost,
                                                const RowTimesOptions& options = {}) {
  if (options.rows < 1 || options.rounds < 1)
    throw Error(
        "measure_row_times", "at least one row and one round",
        std::to_string(options.rows) + " rows, " + std::to_string(options.rounds) + " rounds",
        "Keep the defaults.");
  const SchemeInfo& scheme = quantizers.info();
  const PointScores shape(layout);
  RowTimes out{scheme.levels, {}, {}, simd::Native::name};
  Random random(1);
  const Index n = options.rows;
  RowMemory memory;
  // Points of the same shape share a measurement.
  std::vector<std::pair<std::vector<Index>, std::vector<Cost>>> known;
  for (const PointId id : shape.points) {
    const PointEntry& point = layout.point(id);
    out.points.push_back(point.name);
    std::vector<Index> key{point.channels};
    std::vector<kernels::PackedWeights> weights;
    for (const ProductCost& c : cost.products)
      if (c.point == point.name) key.push_back(c.out);
    const auto seen =
        std::find_if(known.begin(), known.end(), [&](const auto& k) { return k.first == key; });
    if (seen != known.end()) {
      out.picoseconds.push_back(seen->second);
      continue;
    }
    Index widest = 1;
    for (std::size_t w = 1; w < key.size(); ++w) {
      std::vector<std::int8_t> codes(static_cast<std::size_t>(key[w] * point.channels));
      for (auto& q : codes) q = static_cast<std::int8_t>(static_cast<int>(random.index(3)) - 1);
      const std::vector<float> step(static_cast<std::size_t>(key[w]), 0.01f);
      weights.emplace_back(MatrixView<const std::int8_t>(codes.data(), key[w], point.channels), 8,
                           step, step);
      widest = std::max(widest, key[w]);
    }
    Matrix x(n, point.channels), y(n, widest);
    for (Index k = 0; k < x.size(); ++k) x.data()[k] = static_cast<float>(random.normal());
    std::vector<double> best(scheme.levels.size(), std::numeric_limits<double>::infinity());
    for (int round = 0; round <= options.rounds; ++round)  // the first warms up
      for (std::size_t k = 0; k < best.size(); ++k) {
        const int bits = scheme.levels[k];
        const MixedRows rows(&memory, n, point.channels, bits);
        const double start = options.now();
        kernels::quantize_rows(view(std::as_const(x)), RowCoder{scheme.rule, bits, 0.5f, 0},
                               rows.span(0));
        for (const auto& w : weights)
          kernels::linear(rows, w, Activation::none,
                          {y.data(), n, w.out(), static_cast<Index>(y.cols())});
        const double took = options.now() - start;
        if (round > 0) best[k] = std::min(best[k], took);
      }
    std::vector<Cost> column;
    for (const double t : best)
      column.push_back(
          static_cast<Cost>(std::llround(std::max(0.0, t) * 1e12 / static_cast<double>(n))));
    known.emplace_back(std::move(key), column);
    out.picoseconds.push_back(std::move(column));
  }
  return out;
}

}  // namespace amq::allocation
