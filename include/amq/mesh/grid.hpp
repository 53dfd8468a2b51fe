#pragma once
/// @file
/// Fields on a regular grid, in the layout (sample, time, point..., channel) of PDEBench and FNO.

#include <amq/core/error.hpp>
#include <amq/core/matrix_view.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::mesh {

/// Where the n points of a grid direction lie in the unit interval.
enum class GridPoints {
  centres,   ///< (i + 1/2) / n: finite volumes, PDEBench
  nodes,     ///< i / (n - 1), both ends: FNO's Darcy
  periodic,  ///< i / n, the next one is the first again: FNO's Burgers and Navier-Stokes
};

/// Numbers on a grid: (sample, time, point..., channel), row-major float32.
struct GridField {
  Index n_samples = 0, n_times = 0;
  std::vector<Index> points;  ///< one number of points for each direction, 1 to 3
  Index n_channels = 1;
  std::vector<float> values;

  GridField() = default;
  GridField(Index samples, Index times, std::vector<Index> n_points, Index channels = 1)
      : n_samples(samples), n_times(times), points(std::move(n_points)), n_channels(channels) {
    values.resize(static_cast<std::size_t>(n_samples * sample_size()));
  }

  [[nodiscard]] Index n_points() const noexcept {
    Index n = 1;
    for (const Index p : points) n *= p;
    return n;
  }
  [[nodiscard]] Index frame_size() const noexcept { return n_points() * n_channels; }
  [[nodiscard]] Index sample_size() const noexcept { return n_times * frame_size(); }
  [[nodiscard]] bool empty() const noexcept { return values.empty(); }

  /// (time, point..., channel) of one sample.
  [[nodiscard]] std::span<float> sample(Index i) noexcept {
    return {values.data() + i * sample_size(), static_cast<std::size_t>(sample_size())};
  }
  [[nodiscard]] std::span<const float> sample(Index i) const noexcept {
    return {values.data() + i * sample_size(), static_cast<std::size_t>(sample_size())};
  }
  /// (point..., channel) of one sample at one time.
  [[nodiscard]] std::span<float> frame(Index i, Index t) noexcept {
    return {values.data() + i * sample_size() + t * frame_size(),
            static_cast<std::size_t>(frame_size())};
  }
  [[nodiscard]] std::span<const float> frame(Index i, Index t) const noexcept {
    return {values.data() + i * sample_size() + t * frame_size(),
            static_cast<std::size_t>(frame_size())};
  }
};

/// What one sample of a problem is, before samples are put together.
struct GridSample {
  std::vector<float> input;  ///< (point..., channel): coefficient or initial state; may be empty
  std::vector<float> u;      ///< (time, point..., channel)
};

/// A data set on a grid: what is given, what is sought, and where.
struct GridSet {
  GridField input;        ///< (sample, 1, point..., channel); empty where earlier frames are given
  GridField u;            ///< (sample, time, point..., channel)
  std::vector<double> t;  ///< (time), the problem's unit; empty for a steady problem
  std::vector<std::vector<double>> axes;  ///< coordinates along each direction, unit interval
  GridPoints layout = GridPoints::centres;

  /// Takes over the samples that generate() made. @throws Error where one has another size
  void assign(std::span<const GridSample> samples) {
    const auto n = static_cast<Index>(samples.size());
    input = GridField(n, input.n_times, input.points, input.n_channels);
    u = GridField(n, u.n_times, u.points, u.n_channels);
    for (Index i = 0; i < n; ++i) {
      const GridSample& s = samples[static_cast<std::size_t>(i)];
      copy("input", s.input, input.sample(i));
      copy("u", s.u, u.sample(i));
    }
  }

 private:
  static void copy(const char* name, std::span<const float> from, std::span<float> to) {
    if (from.size() != to.size())
      throw Error(std::string("GridSet.") + name, std::to_string(to.size()) + " numbers a sample",
                  std::to_string(from.size()),
                  "Take the samples from the problem that described this set.");
    for (std::size_t k = 0; k < to.size(); ++k) to[k] = from[k];
  }
};

}  // namespace amq::mesh
