#pragma once
/// @file
/// What every quantization point's error is worth, measured on the network in use.

#include <amq/core/float_environment.hpp>
#include <amq/train/mesh_training.hpp>

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

namespace amq::training {

/// Mean of every column over the nodes of all samples; never 0.
/// @pre one sample or more, of one layout
[[nodiscard]] inline std::vector<double> mean_scores(std::span<const PointScores> scores) {
  std::vector<double> mean(static_cast<std::size_t>(scores.front().columns()), 0.0);
  double rows = 0;
  for (const auto& s : scores)
    for (Index i = 0; i < s.nodes; ++i, rows += 1)
      for (std::size_t c = 0; c < mean.size(); ++c)
        mean[c] += static_cast<double>(s.view()(i, static_cast<Index>(c)));
  for (double& m : mean) m = std::max(m / rows, 1e-18);
  return mean;
}

/// Mean squared change of the (normalized) output when the rows of one point alone go from
/// `reference_bits` to each level, all others staying there. Unlike sensitivity times noise power,
/// this knows how the errors of neighbouring rows add up: those of an edge network's hidden rows
/// are alike, and do not average out.
/// @param levels  to measure; a level at or above reference_bits gets a small share of the lowest
///                measured error, so that curves fall
/// @param mean_scores  of each column over the same samples, made relative to
/// @param by_layer     the rows of a layer go to a level together, and share its error: what
///                     PerBlock chooses by
template <typename Model>
[[nodiscard]] PointCurves measure_curves(Network<Model>& net, std::span<const GraphSample> samples,
                                         const std::vector<int>& levels, int reference_bits,
                                         std::vector<double> mean_scores, Executor& hosts,
                                         bool by_layer = false) {
  const FloatEnvironment own;
  FloatExecutor executor(hosts);
  const PointScores shape(net.layout);
  const auto columns = static_cast<std::size_t>(shape.columns());
  // Columns that go together.
  std::vector<std::vector<std::size_t>> parts;
  const allocation::PointBlocks blocks(net.layout);
  parts.resize(by_layer ? blocks.count() : columns);
  for (std::size_t c = 0; c < columns; ++c) parts[by_layer ? blocks.of[c] : c].push_back(c);
  PointCurves curves;
  curves.mean_score = std::move(mean_scores);
  // (sample)(column)(level)
  std::vector<std::vector<std::vector<double>>> seen(
      samples.size(),
      std::vector<std::vector<double>>(columns, std::vector<double>(levels.size(), 0.0)));
  executor.parallel_for(samples.size(), 1, [&](std::size_t begin, std::size_t end) {
    BasicTraining<float> a(net.layout, net.quantizers);
    for (; begin < end; ++begin) {
      const GraphSample& s = samples[begin];
      const auto output = [&](const BitPlan& plan) {
        a.begin({&net.parameters, nullptr, &plan});
        return Matrix(map(a[forward(net.model, a, s)]));
      };
      BitPlan plan = BitPlan::uniform(reference_bits);
      const Matrix reference = output(plan);
      plan.by_point.resize(net.layout.points().size());
      plan.zero_skips = by_layer;
      for (const auto& part : parts) {
        for (std::size_t k = 0; k < levels.size(); ++k) {
          if (levels[k] >= reference_bits) continue;
          for (const std::size_t c : part) {
            const Index rows = RowOwners(s).rows(net.layout.point(shape.points[c]).kind);
            plan.by_point[to_index(shape.points[c])].assign(static_cast<std::size_t>(rows),
                                                            static_cast<std::uint8_t>(levels[k]));
          }
          const double error = static_cast<double>((output(plan) - reference).squaredNorm()) /
                               static_cast<double>(reference.size());
          for (const std::size_t c : part)
            seen[begin][c][k] = error / static_cast<double>(part.size());
        }
        for (const std::size_t c : part) plan.by_point[to_index(shape.points[c])].clear();
      }
    }
  });
  for (std::size_t c = 0; c < columns; ++c) {
    std::vector<double> error(levels.size(), 0.0);
    for (const auto& s : seen)
      for (std::size_t k = 0; k < levels.size(); ++k)
        error[k] += s[c][k] / static_cast<double>(samples.size());
    for (std::size_t k = 1; k < levels.size(); ++k) {
      const double quarter = error[k - 1] / 4;  // what a bit takes off at high resolution
      if (levels[k] >= reference_bits)
        error[k] = error[k - 1] * std::exp2(-2.0 * (levels[k] - levels[k - 1]));
      // Noise in the measurement must not make a dearer level look worse, nor perfect.
      error[k] = std::min(error[k - 1], std::max(error[k], quarter * 0.01));
    }
    curves.error.push_back(std::move(error));
  }
  return curves;
}

/// The same for scores that are not learned: relative to what they say of these samples.
template <typename Model, allocation::score Score>
[[nodiscard]] PointCurves measure_curves(Network<Model>& net, std::span<const GraphSample> samples,
                                         const std::vector<int>& levels, int reference_bits,
                                         const Score& score, Executor& executor) {
  const FloatEnvironment own;
  std::vector<PointScores> seen;
  for (const GraphSample& s : samples) {
    seen.emplace_back(net.layout, s.graph.n_nodes());
    score(s, seen.back().view());
  }
  return measure_curves(net, samples, levels, reference_bits, mean_scores(seen), executor);
}

}  // namespace amq::training
