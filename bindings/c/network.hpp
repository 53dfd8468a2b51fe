#pragma once
/// @file
/// What any_solver.hpp over a network on meshes and over one on grids have in common.

#include "any_solver.hpp"

#include <amq/allocation/product_times.hpp>
#include <amq/models/network.hpp>
#include <amq/train/weightless.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace amq::any {

using namespace allocation;

/// The most bits whose pass costs no more than `budget`. Between two levels the cost is a line.
/// @param cost  cost(bits) of a pass with every row at so many
template <typename CostOf>
[[nodiscard]] double bits_within(const std::vector<int>& levels, bool between, double budget,
                                 const char* unit, const CostOf& cost) {
  double least = cost(static_cast<double>(levels.back()));
  if (least <= budget) return levels.back();
  for (std::size_t k = levels.size() - 1; k-- > 0;) {
    double low = levels[k], high = levels[k + 1];
    const double at = cost(low);
    least = std::min(least, at);
    if (!(at <= budget)) continue;
    for (int step = 0; between && step < 60; ++step) {
      const double middle = 0.5 * (low + high);
      (cost(middle) <= budget ? low : high) = middle;
    }
    return low;
  }
  throw Error("budget", std::to_string(least) + " " + unit + " or more", std::to_string(budget),
              "Allow what the cheapest level costs on this mesh.");
}

template <typename Model>
[[nodiscard]] Facts facts_of(const amq::Network<Model>& net) {
  Facts f;
  f.network = Model::name;
  f.scheme = net.quantizers.info().name();
  f.levels = net.quantizers.info().levels;
  f.parameters = 0;
  for (std::size_t k = 0; k < net.quantizers.first_entry(); ++k)
    f.parameters += net.layout.entries()[k].size();
  for (const auto& w : net.layout.weights())
    for (const auto& part : w.parts) {
      int& bits = f.weight_bits[net.layout.entry(part.weight).name];
      bits = std::max(bits, net.quantizers.weight_bits(w));
    }
  f.row_bits = net.own_row_bits();
  return f;
}

/// @param run  run(arithmetic) is a pass of the network
template <typename Model, typename Run>
[[nodiscard]] LayerTimes layer_times_of(const amq::Network<Model>& net, int rounds,
                                        const Run& run) {
  using training::WeightlessProducts;
  const std::vector<int>& levels = net.quantizers.info().levels;
  RowTimesOptions o;
  o.rounds = rounds;
  const BitPlan plan = BitPlan::uniform(levels.back());
  BasicCounting count(net.layout, net.quantizers, plan);
  run(count);
  const PassCost cost = count.cost();
  const auto times =
      measure_product_times(net.layout, net.quantizers, net.parameters, cost, levels, o);
  const auto weightless = [&](std::size_t which) {
    return training::weightless_seconds(net.layout, net.parameters, which, o, run);
  };
  const auto coded = weightless(WeightlessProducts::all),
             exact = weightless(WeightlessProducts::none);
  LayerTimes all;
  std::size_t next = 0;
  for (std::size_t k = 0; k < times.size(); ++k) {
    const ProductCost& c = cost.products[k];
    LayerTime& l =
        all.layers.emplace_back(LayerTime{c.weight, c.point, c.rows, c.in, c.out,
                                          times[k].milliseconds, times[k].float_milliseconds});
    if (!training::is_weightless(net.layout, c.weight, c.point)) continue;
    for (std::size_t b = 0; b < levels.size(); ++b)
      l.milliseconds[b] = levels[b] == 0 ? 0 : 1e3 * coded[next];
    l.float_milliseconds = 1e3 * exact[next++];
  }
  WeightlessProducts a(net.layout, net.parameters);
  all.float_milliseconds = 1e3 * least_seconds(o, [&] {
                             a.begin(WeightlessProducts::none);
                             run(a);
                           });
  return all;
}

}  // namespace amq::any
