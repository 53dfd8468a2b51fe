#pragma once
/// @file
/// Linear and bilinear interpolation between regular grids: down before a model, up after it.

#include <amq/core/error.hpp>
#include <amq/mesh/grid.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::lab {

/// What happens between the outermost cell centre and the wall (GridPoints::centres only).
enum class Beyond {
  extend,  ///< the last straight line goes on: linear fields stay exact
  hold,    ///< the last value: as PyTorch's interpolate(align_corners=False)
};

namespace detail {
/// Where new point k lies, counted in old points.
[[nodiscard]] inline double resampled_position(GridPoints points, Index k, Index n_from,
                                               Index n_to) noexcept {
  const auto at = static_cast<double>(k), from = static_cast<double>(n_from),
             to = static_cast<double>(n_to);
  if (points == GridPoints::centres) return (at + 0.5) * from / to - 0.5;
  if (points == GridPoints::periodic) return at * from / to;
  return n_to > 1 ? at * (from - 1) / (to - 1) : 0;
}
}  // namespace detail

/// Interpolation along one direction, n_from points to n_to; the same map for every line of a grid.
///
/// | points   | as PyTorch                         | a factor of 2 down takes     |
/// |----------|------------------------------------|------------------------------|
/// | centres  | linear, align_corners=False        | the mean of two cells        |
/// | nodes    | linear, align_corners=True         | every second of 2 n - 1      |
/// | periodic | (none)                             | every second                 |
///
/// Going down it picks and does not average: what is finer than the coarse grid folds onto it, as
/// it does for a user who interpolates. Channels of a coefficient with jumps get values between.
class LineResampling {
 public:
  /// @throws Error where a side has too few points: 2 (1 for periodic)
  LineResampling(GridPoints points, Index n_from, Index n_to, Beyond beyond = Beyond::extend)
      : n_from_(n_from) {
    const Index least = points == GridPoints::periodic ? 1 : 2;
    if (n_from < least || n_to < 1 || (points == GridPoints::nodes && n_to < 2))
      throw Error("LineResampling", "at least " + std::to_string(least) + " points",
                  std::to_string(n_from) + " to " + std::to_string(n_to), "Use a finer grid.");
    for (Index k = 0; k < n_to; ++k) {
      double p = detail::resampled_position(points, k, n_from, n_to);
      const auto last = static_cast<double>(n_from - 1);
      if (points != GridPoints::periodic && beyond == Beyond::hold) p = std::clamp(p, 0.0, last);
      double base = std::floor(p + 1e-9);
      if (points != GridPoints::periodic) base = std::clamp(base, 0.0, last - 1);
      const double w = std::abs(p - base) < 1e-9 ? 0 : p - base;
      const auto left = static_cast<Index>(base);
      taps_.push_back({left, (left + 1) % n_from, static_cast<float>(w)});
    }
  }
  [[nodiscard]] Index n_from() const noexcept { return n_from_; }
  [[nodiscard]] Index n_to() const noexcept { return static_cast<Index>(taps_.size()); }

  /// (outer, n_from, inner) -> (outer, n_to, inner)
  void operator()(std::span<const float> from, std::span<float> to, Index inner) const {
    const Index outer = check(from.size(), to.size(), inner);
    for (Index o = 0; o < outer; ++o)
      for (Index k = 0; k < n_to(); ++k) {
        const Tap& t = taps_[static_cast<std::size_t>(k)];
        const float* a = from.data() + (o * n_from_ + t.left) * inner;
        const float* b = from.data() + (o * n_from_ + t.right) * inner;
        float* y = to.data() + (o * n_to() + k) * inner;
        for (Index i = 0; i < inner; ++i) y[i] = a[i] + t.weight * (b[i] - a[i]);
      }
  }
  /// The transpose, for gradients: adds (outer, n_to, inner) into (outer, n_from, inner).
  void add_transposed(std::span<const float> to, std::span<float> from, Index inner) const {
    const Index outer = check(from.size(), to.size(), inner);
    for (Index o = 0; o < outer; ++o)
      for (Index k = 0; k < n_to(); ++k) {
        const Tap& t = taps_[static_cast<std::size_t>(k)];
        float* a = from.data() + (o * n_from_ + t.left) * inner;
        float* b = from.data() + (o * n_from_ + t.right) * inner;
        const float* y = to.data() + (o * n_to() + k) * inner;
        for (Index i = 0; i < inner; ++i) a[i] += (1 - t.weight) * y[i];
        for (Index i = 0; i < inner; ++i) b[i] += t.weight * y[i];
      }
  }

 private:
  struct Tap {
    Index left, right;
    float weight;  // of the right one
  };
  [[nodiscard]] Index check(std::size_t from, std::size_t to, Index inner) const {
    const Index a = n_from_ * inner, b = n_to() * inner;
    if (inner < 1 || from % static_cast<std::size_t>(a) != 0 ||
        to % static_cast<std::size_t>(b) != 0 ||
        static_cast<Index>(from) / a != static_cast<Index>(to) / b)
      throw Error("LineResampling",
                  "lines of " + std::to_string(n_from_) + " and " + std::to_string(n_to()) +
                      " points times " + std::to_string(inner),
                  std::to_string(from) + " and " + std::to_string(to) + " numbers",
                  "Check the shape; the last index runs fastest.");
    return static_cast<Index>(from) / a;
  }
  Index n_from_;
  std::vector<Tap> taps_;
};

/// A whole field to another number of points in each direction.
/// @param points  of the result, as many as the field has directions
/// @throws Error where their number differs
[[nodiscard]] inline GridField resample(const GridField& f, const std::vector<Index>& points,
                                        GridPoints layout, Beyond beyond = Beyond::extend) {
  if (points.size() != f.points.size())
    throw Error("resample", std::to_string(f.points.size()) + " directions",
                std::to_string(points.size()), "Name the points of every direction.");
  GridField now = f;
  for (std::size_t d = 0; d < points.size(); ++d) {
    if (points[d] == now.points[d]) continue;
    auto shape = now.points;
    shape[d] = points[d];
    GridField next(now.n_samples, now.n_times, shape, now.n_channels);
    Index inner = now.n_channels;
    for (std::size_t later = d + 1; later < shape.size(); ++later) inner *= shape[later];
    LineResampling(layout, now.points[d], points[d], beyond)(now.values, next.values, inner);
    now = std::move(next);
  }
  return now;
}

/// Points of a direction at 1/factor of the resolution: 85 nodes become 43 at factor 2, 64
/// cells 32.
[[nodiscard]] inline Index coarsened(Index n, Index factor, GridPoints layout) {
  const Index steps = layout == GridPoints::nodes ? n - 1 : n;
  if (factor < 1 || steps % factor != 0)
    throw Error("coarsened",
                "a factor that divides " + std::to_string(steps) +
                    (layout == GridPoints::nodes ? " intervals" : " points"),
                std::to_string(factor), "Take another factor, or resample to the points you want.");
  return steps / factor + (layout == GridPoints::nodes ? 1 : 0);
}

/// A whole set: its fields and its coordinates.
[[nodiscard]] inline GridSet resample(const GridSet& set, const std::vector<Index>& points,
                                      Beyond beyond = Beyond::extend) {
  GridSet out;
  out.input = set.input.n_times > 0 ? resample(set.input, points, set.layout, beyond) : set.input;
  if (set.input.n_times == 0) out.input.points = points;
  out.u = resample(set.u, points, set.layout, beyond);
  out.t = set.t;
  out.layout = set.layout;
  for (std::size_t d = 0; d < set.axes.size(); ++d) {
    const auto& x = set.axes[d];
    const auto n_from = static_cast<Index>(x.size());
    const double dx = n_from > 1 ? (x.back() - x.front()) / static_cast<double>(n_from - 1) : 1;
    std::vector<double> axis;
    for (Index k = 0; k < points[d]; ++k)
      axis.push_back(x.front() + dx * detail::resampled_position(set.layout, k, n_from, points[d]));
    out.axes.push_back(std::move(axis));
  }
  return out;
}

}  // namespace amq::lab
