#pragma once
/// @file
/// Begins the quantizers of a trained float network from what its activations are.

#include <amq/arithmetic/float32.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/kernels/words.hpp>
#include <amq/quant/calibration.hpp>
#include <amq/quant/histogram.hpp>
#include <amq/quant/reservoir.hpp>
#include <amq/train/network_training.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace amq::training {

/// How static ranges are chosen; row rules always take the step of least squared error.
enum class RangeRule : std::uint8_t {
  least_squares,
  percentile,  ///< 0.05 % cut at either end, the usual baseline
};

namespace detail {
/// Whether there is something to fit a step to; rows that are not finite are refused by the fit.
[[nodiscard]] inline bool varies(MatrixView<const float> rows) noexcept {
  for (Index i = 0; i < rows.rows; ++i)
    if (!(mean_deviation(rows.row(i), rows.cols).deviation == 0)) return true;
  return false;
}
[[nodiscard]] inline double largest(MatrixView<const float> x) noexcept {
  float most = 0;
  for (Index i = 0; i < x.rows; ++i)
    for (Index k = 0; k < x.cols; ++k) most = std::max(most, std::abs(x(i, k)));
  return static_cast<double>(most);
}
}  // namespace detail

/// Words hold so many times the largest number that calibration has seen.
inline constexpr double room_for_more = 2;

/// Runs the float network over the samples (see training_sample), and sets the step (and for static
/// rules the offset) of every point and level, and the steps of the weights. Where rows of messages
/// are words, the fractions of these, with room for twice the largest number seen. Levels of 16
/// bits keep their default, as do points none of whose rows varies.
template <typename Model, typename Samples>
void calibrate(Network<Model>& net, const Samples& samples,
               RangeRule range = RangeRule::least_squares, std::uint64_t seed = 0) {
  const FloatEnvironment own;
  const auto& points = net.layout.points();
  const SchemeInfo& info = net.quantizers.info();
  std::vector<Histogram> histograms(points.size());
  std::vector<RowReservoir> rows;
  for (std::size_t p = 0; p < points.size(); ++p) rows.emplace_back(512, seed + p);
  Float32 a(net.layout, net.parameters);
  a.observe([&](PointId id, MatrixView<const float> x) {
    const auto p = to_index(id);
    if (info.rule == RowRule::fixed)
      for (Index i = 0; i < x.rows; ++i) histograms[p].add(x.row_span(i));
    else
      rows[p].add(x);
  });
  // Of messages: the largest parts and sums, and the largest message before its activation.
  std::vector<std::array<double, 2>> largest(points.size(), {0, 0});
  if (info.words)
    a.observe_messages([&](PointId id, MatrixView<const float> receivers,
                           MatrixView<const float> senders, MatrixView<const float> active,
                           MatrixView<const float> messages) {
      auto& [parts, after] = largest[to_index(id)];
      for (const auto& x : {receivers, senders, active})
        parts = std::max(parts, detail::largest(x));
      after = std::max(after, detail::largest(messages));
    });
  for (const auto& s : samples) detail::forward_sample(net.model, a, s);

  net.reset_quantizers();
  for (std::size_t p = 0; p < points.size(); ++p) {
    if (const ParameterId f = net.quantizers.fractions(static_cast<PointId>(p)); f != no_parameter)
      for (std::size_t k = 0; k < 2; ++k)
        net.parameters.view(net.layout.entry(f)).data[k] =
            static_cast<float>(kernels::fraction_for(room_for_more * largest[p][k]));
    // Of a layer that is dead, or a field at rest, no row varies: any step is exact.
    if (info.rule != RowRule::fixed && !detail::varies(rows[p].view())) continue;
    const auto id = static_cast<PointId>(p);
    float* step = net.parameters.view(net.layout.entry(net.quantizers.step(id))).data;
    const ParameterId o = net.quantizers.offset(id);
    float* offset = o == no_parameter ? nullptr : net.parameters.view(net.layout.entry(o)).data;
    const std::vector<int> levels =
        points[p].fixed_bits ? std::vector<int>{points[p].fixed_bits} : info.levels;
    for (std::size_t k = 0; k < levels.size(); ++k) {
      if (info.rule == RowRule::fixed) {
        const auto s = levels[k] > 8 ? static_coder(histograms[p].range(), levels[k])
                       : range == RangeRule::percentile
                           ? static_coder(histograms[p].percentile_range(0.0005), levels[k])
                           : best_static_coder(histograms[p], levels[k]);
        step[k] = s.a;
        offset[k] = s.offset;
      } else if (info.rule == RowRule::affine) {
        if (levels[k] == 0 || levels[k] > 8) continue;
        const auto s = best_shifted_coder(rows[p].view(), levels[k]);
        step[k] = s.a;
        offset[k] = s.offset;
      } else if (levels[k] > 0 && levels[k] <= 8) {
        step[k] = best_coder(rows[p].view(), levels[k], info.rule).a;
      }
    }
  }
}

}  // namespace amq::training
