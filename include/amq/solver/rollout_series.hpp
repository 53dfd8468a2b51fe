#pragma once
/// @file
/// A rollout as a ParaView series.

#include <amq/io/vtu.hpp>
#include <amq/solver/rollout.hpp>

#include <string>
#include <vector>

namespace amq::solver {

/// Adds the present step to a ParaView series: the state's channels by name, and "bits" per node.
/// @throws amq::Error for another number of names
template <typename Model, typename Scheme>
void add_step(vtu::Series& series, double time, const Mesh& mesh,
              const Rollout<Model, Scheme>& rollout, const std::vector<std::string>& names) {
  const Field& u = rollout.state();
  if (static_cast<Index>(names.size()) != u.cols())
    throw Error("add_step", "a name for each of " + std::to_string(u.cols()) + " channels",
                std::to_string(names.size()), "Name every channel of the state.");
  vtu::Grid grid(mesh);
  std::vector<float> values(static_cast<std::size_t>(u.rows()));
  for (std::size_t c = 0; c < names.size(); ++c) {
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = u(static_cast<Index>(i), static_cast<Index>(c));
    grid.point(names[c], values);
  }
  if (!rollout.report().node_bits.empty()) grid.point("bits", rollout.report().node_bits);
  series.add(time, grid);
}

}  // namespace amq::solver
