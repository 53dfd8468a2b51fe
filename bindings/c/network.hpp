#pragma once
/// @file
/// What any_solver.hpp over a network on meshes and over one on grids have in common.

#include "any_solver.hpp"

#include <amq/models/network.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace amq::any {

using namespace quant;

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
  return f;
}

}  // namespace amq::any
