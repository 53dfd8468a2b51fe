#pragma once
/// @file
/// Training on regular grids: what of a GridSet is given and what is sought, in the units of a
/// network, at full or lower resolution; and the training of a network on it.

#include <amq/arithmetic/concept.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/mesh/grid.hpp>
#include <amq/ops/grid_shape.hpp>
#include <amq/train/network_training.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace amq::training {

/// A solved problem as a network sees it, all numbers normalized.
struct GridExample {
  GridShape grid;
  Matrix u;  ///< (point, input) given fields
  Matrix x;  ///< (point, dim) positions
  Matrix y;  ///< (point, output) the solution
};

template <typename Model, arithmetic A>
typename A::Tensor forward(const Model& model, A& a, const GridExample& s) {
  return model(a, s.grid, view(s.u), view(s.x));
}

template <typename Model>
using GridTraining = NetworkTraining<Model, GridExample>;

/// Which frames of a sample are given, and which one is sought. Steady: the input field is given,
/// the only frame is sought. Unsteady: `past` frames in a row are given, the one `lead` frames
/// after the last of them is sought; `windows` of these are taken from each sample, evenly spread
/// over its frames.
struct GridMapping {
  Index past = 0;  ///< 0: steady
  Index lead = 1;
  Index windows = 1;
  /// What is sought is the change since the last given frame: where a field changes little, codes
  /// then resolve what changes.
  bool change = false;

  /// @throws Error where the set has too few frames, or a steady solution cannot change
  [[nodiscard]] Index count(const GridSet& set) const {
    const Index least = past > 0 ? past + lead : 1;
    if (past < 0 || lead < 1 || windows < 1 || set.u.n_times < least || (change && past < 1) ||
        (past == 0 && set.input.empty() && set.u.n_samples > 0))
      throw Error("GridMapping",
                  past > 0 ? std::to_string(least) + " frames or more"
                           : std::string(change ? "past frames to change from"
                                                : "a set with an input field"),
                  std::to_string(set.u.n_times) + " frames, windows " + std::to_string(windows),
                  change && past < 1 ? "Ask for the solution itself, or give past frames."
                                     : "Give fewer past frames, or a shorter lead.");
    return past > 0 ? windows : 1;
  }
  /// The first frame of window w.
  [[nodiscard]] Index first(const GridSet& set, Index w) const noexcept {
    const Index room = set.u.n_times - past - lead;
    return windows > 1 ? w * room / (windows - 1) : room / 2;
  }
  [[nodiscard]] Index inputs(const GridSet& set) const noexcept {
    return past > 0 ? past * set.u.n_channels : set.input.n_channels;
  }
};

/// Between a problem's units and a network's: inputs without mean and with unit deviation, outputs
/// divided by their root mean square. An output keeps its mean, so that a relative error means the
/// same in both units: of the solution, or of its change where that is sought.
struct GridEncoding {
  float input_mean = 0, input_deviation = 1, output_scale = 1;

  /// From the windows of the first `samples` samples. @throws Error for fields that are constant 0
  [[nodiscard]] static GridEncoding of(const GridSet& set, const GridMapping& mapping,
                                       Index samples) {
    std::vector<Index> first;
    for (Index i = 0; i < std::min(samples, set.u.n_samples); ++i) first.push_back(i);
    return of(set, mapping, first);
  }
  /// From the windows of these samples.
  [[nodiscard]] static GridEncoding of(const GridSet& set, const GridMapping& mapping,
                                       const std::vector<Index>& samples) {
    const FloatEnvironment own;
    double n = 0, sum = 0, square = 0, m = 0, target = 0;
    for (const Index i : samples)
      for (Index w = 0; w < mapping.count(set); ++w) {
        for (const float v : seen(set, mapping, i, w))
          n += 1, sum += static_cast<double>(v), square += static_cast<double>(v) * v;
        for (const float v : sought(set, mapping, i, w))
          m += 1, target += static_cast<double>(v) * v;
      }
    const double mean = sum / n, variance = square / n - mean * mean;
    if (!(n > 0) || !(variance > 0) || !(target > 0) || !std::isfinite(variance + target))
      throw Error("GridEncoding", "samples whose fields vary and are finite",
                  std::to_string(samples.size()) + " samples, variance " + std::to_string(variance),
                  "Check the data set.");
    return {static_cast<float>(mean), static_cast<float>(std::sqrt(variance)),
            static_cast<float>(std::sqrt(target / m))};
  }
  /// (frame, point, channel) what window w of sample i gives.
  [[nodiscard]] static std::span<const float> seen(const GridSet& set, const GridMapping& mapping,
                                                   Index i, Index w) {
    if (mapping.past < 1) return set.input.sample(i);
    const auto size = static_cast<std::size_t>(set.u.frame_size());
    return set.u.sample(i).subspan(static_cast<std::size_t>(mapping.first(set, w)) * size,
                                   static_cast<std::size_t>(mapping.past) * size);
  }
  /// (point, channel) what it seeks, in the problem's units.
  [[nodiscard]] static std::vector<float> sought(const GridSet& set, const GridMapping& mapping,
                                                 Index i, Index w) {
    const Index last = mapping.past > 0 ? mapping.first(set, w) + mapping.past - 1 : 0;
    const auto y = set.u.frame(i, mapping.past > 0 ? last + mapping.lead : set.u.n_times - 1);
    std::vector<float> all(y.begin(), y.end());
    if (mapping.change) {
      const auto from = set.u.frame(i, last);
      for (std::size_t k = 0; k < all.size(); ++k) all[k] -= from[k];
    }
    return all;
  }
  /// (point, frame x channel) of `frames` frames of a sample, normalized.
  [[nodiscard]] Matrix given(const GridField& from, Index i, Index first, Index frames) const {
    const Index n = from.n_points(), channels = from.n_channels;
    Matrix u(n, frames * channels);
    for (Index k = 0; k < frames; ++k) {
      const auto f = from.frame(i, first + k);
      for (Index p = 0; p < n; ++p)
        for (Index c = 0; c < channels; ++c)
          u(p, k * channels + c) =
              (f[static_cast<std::size_t>(p * channels + c)] - input_mean) / input_deviation;
    }
    return u;
  }
  /// (point, frame x channel) what window w of sample i gives, in the problem's units.
  [[nodiscard]] static Matrix given_in_units(const GridSet& set, const GridMapping& mapping,
                                             Index i, Index w = 0) {
    static_cast<void>(mapping.count(set));
    const Index t = mapping.past > 0 ? mapping.first(set, w) : 0;
    return GridEncoding{}.given(mapping.past > 0 ? set.u : set.input, i, t,
                                std::max<Index>(1, mapping.past));
  }
  /// What window w of sample i gives, without what it seeks.
  [[nodiscard]] GridExample encode_given(const GridSet& set, const GridMapping& mapping, Index i,
                                         Index w = 0) const {
    const FloatEnvironment own;
    static_cast<void>(mapping.count(set));
    GridExample e;
    e.grid.dims = static_cast<int>(set.u.points.size());
    for (int d = 0; d < e.grid.dims; ++d) e.grid[d] = set.u.points[static_cast<std::size_t>(d)];
    const Index t = mapping.past > 0 ? mapping.first(set, w) : 0;
    e.u = given(mapping.past > 0 ? set.u : set.input, i, t, std::max<Index>(1, mapping.past));
    e.x = positions(set, e.grid);
    return e;
  }
  /// Window w of sample i.
  [[nodiscard]] GridExample encode(const GridSet& set, const GridMapping& mapping, Index i,
                                   Index w = 0) const {
    const FloatEnvironment own;
    GridExample e = encode_given(set, mapping, i, w);
    const std::vector<float> y = sought(set, mapping, i, w);
    e.y.resize(e.grid.points(), set.u.n_channels);
    for (Index k = 0; k < e.y.size(); ++k)
      e.y.data()[k] = y[static_cast<std::size_t>(k)] / output_scale;
    return e;
  }
  /// A network's answer in the problem's units; to a change the last given frame is added.
  /// @param y  (point, channel)
  [[nodiscard]] Matrix decode(const GridSet& set, const GridMapping& mapping, Index i, Index w,
                              MatrixView<const float> y) const {
    const FloatEnvironment own;
    Matrix u(y.rows, y.cols);
    const auto last = mapping.change ? set.u.frame(i, mapping.first(set, w) + mapping.past - 1)
                                     : std::span<const float>();
    for (Index p = 0; p < y.rows; ++p)
      for (Index c = 0; c < y.cols; ++c)
        u(p, c) = y(p, c) * output_scale +
                  (last.empty() ? 0.0f : last[static_cast<std::size_t>(p * y.cols + c)]);
    return u;
  }
  /// Every window of the samples first .. first + n - 1.
  [[nodiscard]] std::vector<GridExample> encode_all(const GridSet& set, const GridMapping& mapping,
                                                    Index first, Index n) const {
    std::vector<GridExample> all;
    for (Index i = first; i < first + n; ++i)
      for (Index w = 0; w < mapping.count(set); ++w) all.push_back(encode(set, mapping, i, w));
    return all;
  }
  /// (point, dim) coordinates of the set.
  [[nodiscard]] static Matrix positions(const GridSet& set, const GridShape& grid) {
    Matrix x(grid.points(), grid.dims);
    for (Index p = 0; p < grid.points(); ++p) {
      Index left = p;
      for (int d = grid.dims - 1; d >= 0; --d) {
        const auto at = static_cast<std::size_t>(left % grid[d]);
        x(p, d) = static_cast<float>(set.axes[static_cast<std::size_t>(d)][at]);
        left /= grid[d];
      }
    }
    return x;
  }
};

/// Root mean square error over that of the target: (point, channel) each.
[[nodiscard]] inline double normalized_rmse(MatrixView<const float> y,
                                            MatrixView<const float> target) {
  double error = 0, size = 0;
  for (Index i = 0; i < y.rows; ++i)
    for (Index c = 0; c < y.cols; ++c) {
      const double t = static_cast<double>(target(i, c)), d = static_cast<double>(y(i, c)) - t;
      error += d * d;
      size += t * t;
    }
  return std::sqrt(error / size);
}

}  // namespace amq::training
