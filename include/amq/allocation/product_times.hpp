#pragma once
/// @file
/// Measures what every product of a pass takes on this machine, at every level and in float: what
/// a layer gains by its bits. Each is run alone, so fused layers take less than their sum.

#include <amq/allocation/row_times.hpp>
#include <amq/arithmetic/fixed.hpp>
#include <amq/kernels/float_product.hpp>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

namespace amq::allocation {

/// One product of a pass. What is not measured is 0: products without weights, levels of 0 bits.
struct ProductTime {
  std::string weight, point;
  std::vector<double> milliseconds;  ///< (level) of its rows becoming codes, where it is the first
                                     ///< that reads them, and of the product
  double float_milliseconds = 0;     ///< of the same product in float32, by amq's own kernel
};

/// Least seconds of a call, of some rounds and one that warms up.
template <typename Call>
[[nodiscard]] double least_seconds(const RowTimesOptions& o, const Call& call) {
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round <= o.rounds; ++round) {
    const double start = o.now();
    call();
    const double took = o.now() - start;
    if (round > 0) best = std::min(best, took);
  }
  return best;
}

namespace detail {
/// A product of noise with noise of a weight's shape, in float.
inline double float_seconds(const ProductCost& c, Index groups, MatrixView<const float> x,
                            const RowTimesOptions& o) {
  Random random(2);
  std::vector<float> weights(static_cast<std::size_t>(groups * c.in * c.out)),
      bias(static_cast<std::size_t>(c.out));
  for (float& w : weights) w = static_cast<float>(random.normal());
  Matrix y(c.rows, c.out);
  const Index n = c.rows / groups;
  return least_seconds(o, [&] {
    if (groups == 1)
      return kernels::affine<>(x, {weights.data(), c.in, c.out}, bias.data(), view(y));
    for (Index g = 0; g < groups; ++g) {
      const MatrixView<const float> in(x.row(g * n), n, c.in, x.stride);
      const float* w = weights.data() + g * c.in * c.out;
      const MatrixView<float> to(y.data() + g * n * c.out, n, c.out);
      if (n <= 4)
        kernels::multiply_few_rows(in, MatrixView<const float>(w, c.out, c.in), to);
      else
        kernels::multiply(in, MatrixView<const float>(w, c.in, c.out), to, false);
    }
  });
}
}  // namespace detail

/// On the caller's thread, by the network's own weights and rows of noise.
/// @param cost    of a pass: its products, in their order
/// @param levels  that rows may have, each one of the scheme
/// @param floats  whether they are measured in float, too
/// @throws Error for fewer than one round
[[nodiscard]] inline std::vector<ProductTime> measure_product_times(
    const ParameterLayout& layout, const Quantizers& quantizers, const Parameters& parameters,
    const PassCost& cost, const std::vector<int>& levels, const RowTimesOptions& options = {},
    bool floats = true) {
  if (options.rounds < 1)
    throw Error("measure_product_times", "at least one round", std::to_string(options.rounds),
                "Keep the defaults.");
  arithmetics::BasicFixed a(layout, quantizers, parameters);
  Random random(1);
  std::vector<ProductTime> all;
  std::vector<std::string> coded;  // points whose rows are codes already
  for (const ProductCost& c : cost.products) {
    ProductTime& t = all.emplace_back();
    t.weight = c.weight;
    t.point = c.point;
    t.milliseconds.assign(levels.size(), 0.0);
    const auto& weights = layout.weights();
    const auto w = std::find_if(weights.begin(), weights.end(),
                                [&](const WeightEntry& e) { return e.name == c.weight; });
    if (w == weights.end() || c.rows == 0) continue;
    const auto id = static_cast<WeightId>(w - weights.begin());
    const bool first = std::find(coded.begin(), coded.end(), c.point) == coded.end();
    if (first) coded.push_back(c.point);
    Matrix x(c.rows, c.in);
    for (Index k = 0; k < x.size(); ++k) x.data()[k] = static_cast<float>(random.normal());
    for (std::size_t k = 0; k < levels.size(); ++k) {
      if (levels[k] == 0) continue;
      const BitPlan plan = BitPlan::uniform(levels[k]);
      a.begin(plan);
      const auto rows = a.input(view(std::as_const(x)), c.kind);
      const auto codes = a.quantize(c.id, rows);
      double seconds = least_seconds(options, [&] { static_cast<void>(a.linear(id, codes)); });
      if (first)
        seconds += least_seconds(options, [&] { static_cast<void>(a.quantize(c.id, rows)); });
      t.milliseconds[k] = 1e3 * seconds;
    }
    if (floats)
      t.float_milliseconds =
          1e3 * detail::float_seconds(c, w->groups, view(std::as_const(x)), options);
  }
  return all;
}

}  // namespace amq::allocation
