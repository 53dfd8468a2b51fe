#pragma once
/// @file
/// What quantization spoils, layer by layer.

#include <amq/arithmetic/counting.hpp>
#include <amq/arithmetic/float32.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/train/network_training.hpp>

#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::training {

/// A product of a pass and what its quantization alone does to the answers.
struct LayerError {
  std::string weight, point;  ///< names of the layout
  int weight_bits = 0;
  double row_bits = 0;    ///< mean
  double of_weights = 0;  ///< |change of the answers| / |answers|, its weights alone quantized
  /// The same, its rows alone; on the first product that reads them. Of rows whose bits the model
  /// fixes it is what their staying floats would change.
  double of_rows = 0;
};

namespace detail {
inline double relative_distance(const std::vector<Matrix>& a, const std::vector<Matrix>& b) {
  double change = 0, size = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    change += static_cast<double>((a[k] - b[k]).squaredNorm());
    size += static_cast<double>(b[k].squaredNorm());
  }
  return size > 0 ? std::sqrt(change / size) : 0.0;
}
/// What a network says in float with these parameters, by sample.
template <typename Model, typename Samples>
std::vector<Matrix> answers_in_float(const Network<Model>& net, const Parameters& p,
                                     const Samples& samples) {
  Float32 a(net.layout, p);
  std::vector<Matrix> all;
  for (const auto& s : samples) all.emplace_back(map(forward_sample(net.model, a, s).view()));
  return all;
}
}  // namespace detail

/// What the rows of each point spoil alone, by its name: see LayerError::of_rows. Points without
/// products are left out, and those of 16 bits or more. Costs a pass over the samples for each.
/// @param net   with its steps fitted
/// @param bits  of the rows that the scheme decides, one of its levels
template <typename Model, typename Samples>
[[nodiscard]] std::map<std::string, double> row_errors(const Network<Model>& net,
                                                       const Samples& samples, int bits) {
  const FloatEnvironment own;
  std::map<std::string, double> of_rows;
  // Rows, as floats between products: the same steps in a ladder with 16 bits above, where all
  // points but one stay.
  SchemeInfo info = net.quantizers.info();
  const auto level = std::find(info.levels.begin(), info.levels.end(), bits);
  if (level == info.levels.end())
    throw Error("layer_errors", "a level of the scheme", number_text(bits),
                "Ask at one of " + numbers_text(info.levels) + " bits.");
  const auto at = static_cast<Index>(level - info.levels.begin());
  info.levels = {bits};
  if (bits < 16) info.levels.push_back(16);
  info.words = false;  // which 16 bits have not
  Network<Model> wide(net.model.config(), info, 0, net.own_row_bits());
  for (std::size_t k = 0; k < net.layout.entries().size(); ++k) {
    const auto &from = net.layout.entries()[k], &to = wide.layout.entries()[k];
    if (k < net.quantizers.first_entry())
      std::copy_n(net.parameters.values.begin() + from.offset, from.size(),
                  wide.parameters.values.begin() + to.offset);
  }
  wide.quantizers.fit_weights(wide.layout, wide.parameters);
  for (std::size_t p = 0; p < net.layout.points().size(); ++p) {
    const auto id = static_cast<PointId>(p);
    const auto take = [&](ParameterId from, ParameterId to) {
      if (from == no_parameter) return;
      const bool fixed = net.layout.points()[p].fixed_bits != 0;
      wide.parameters.view(wide.layout.entry(to)).data[0] =
          net.parameters.view(net.layout.entry(from)).data[fixed ? 0 : at];
    };
    take(net.quantizers.step(id), wide.quantizers.step(id));
    take(net.quantizers.offset(id), wide.quantizers.offset(id));
  }
  BitPlan plan = BitPlan::uniform(16);
  BasicTraining<float> a(wide.layout, wide.quantizers);
  std::optional<PointId> float_point;
  const auto quantized = [&](const std::vector<Index>* rows, std::size_t p) {
    std::vector<Matrix> all;
    std::size_t k = 0;
    for (const auto& s : samples) {
      plan.by_point.assign(rows ? wide.layout.points().size() : 0, {});
      if (rows)
        plan.by_point[p].assign(static_cast<std::size_t>((*rows)[k]),
                                static_cast<std::uint8_t>(bits));
      a.begin({.parameters = &wide.parameters, .plan = &plan, .float_point = float_point});
      all.push_back(map(a[detail::forward_sample(wide.model, a, s)]));
      ++k;
    }
    return all;
  };
  std::vector<PassCost> costs;
  const BitPlan any = BitPlan::uniform(bits);
  for (const auto& s : samples) {
    BasicCounting count(net.layout, net.quantizers, any);
    detail::forward_sample(net.model, count, s);
    costs.push_back(count.cost());
  }
  const auto unspoilt = quantized(nullptr, 0);
  for (std::size_t p = 0; p < net.layout.points().size(); ++p) {
    const PointEntry& point = net.layout.points()[p];
    if (point.fixed_bits >= 16 || (point.fixed_bits == 0 && bits >= 16)) continue;
    std::vector<Index> rows;
    for (const PassCost& c : costs) {
      rows.push_back(0);
      for (const auto& product : c.products)
        if (product.point == point.name) rows.back() = product.rows;
    }
    if (rows.empty() || rows.front() == 0) continue;
    if (point.fixed_bits) {
      float_point = static_cast<PointId>(p);
      of_rows[point.name] = detail::relative_distance(unspoilt, quantized(nullptr, 0));
      float_point.reset();
    } else {
      of_rows[point.name] = detail::relative_distance(quantized(&rows, p), unspoilt);
    }
  }
  return of_rows;
}

/// Costs a pass over the samples for every weight and every point.
/// @param net   with its steps fitted
/// @param bits  of the rows that the scheme decides, one of its levels
template <typename Model, typename Samples>
[[nodiscard]] std::vector<LayerError> layer_errors(const Network<Model>& net,
                                                   const Samples& samples, int bits) {
  const FloatEnvironment own;
  std::map<std::string, double> of_weights, of_rows = row_errors(net, samples, bits);
  const auto exact = detail::answers_in_float(net, net.parameters, samples);
  const Parameters decoded = decoded_weights(net.layout, net.quantizers, net.parameters);
  for (const WeightEntry& w : net.layout.weights()) {
    const Parameters p = with_decoded(net.layout, net.parameters, w, net.layout, decoded);
    of_weights[w.name] =
        detail::relative_distance(detail::answers_in_float(net, p, samples), exact);
  }
  std::vector<LayerError> all;
  if (samples.size() == 0) return all;
  const BitPlan plan = BitPlan::uniform(bits);
  BasicCounting count(net.layout, net.quantizers, plan);
  detail::forward_sample(net.model, count, samples[0]);
  for (const auto& product : count.cost().products)
    all.push_back({product.weight, product.point, product.weight_bits, product.mean_bits,
                   std::exchange(of_weights[product.weight], 0),
                   std::exchange(of_rows[product.point], 0)});
  return all;
}

}  // namespace amq::training
