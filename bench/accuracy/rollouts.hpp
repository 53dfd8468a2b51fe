#pragma once
/// @file
/// Errors of a state that a network carries along a test trajectory, by its own answers.

#include "problems.hpp"

#include <amq/solver/rollout.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace accuracy {

inline constexpr const char* rollout_head =
    "network,problem,scheme,budget,seed,step,rmse,mean_flow";

/// Root mean squares over nodes, channels and trajectories, in deviations of the state.
struct RolledOut {
  std::size_t step = 0;
  double error = 0;      ///< of the network
  double mean_flow = 0;  ///< of the trajectory's own mean over time, said at every step
};

namespace detail {

template <typename Model, typename Scheme>
Rollout<Model, Scheme> rollout_of(const MeshSolver<Model, Scheme>&);

inline double square_error(const Field& u, const Field& truth,
                           const std::vector<float>& deviation) {
  double sum = 0;
  for (Index i = 0; i < u.rows(); ++i)
    for (Index c = 0; c < u.cols(); ++c) {
      const float d = (u(i, c) - truth(i, c)) / deviation[static_cast<std::size_t>(c)];
      sum += static_cast<double>(d) * static_cast<double>(d);
    }
  return sum / static_cast<double>(u.size());
}

}  // namespace detail

/// Of a Trained<MeshSolver<...>>.
template <typename Trained>
using RolloutOf = decltype(detail::rollout_of(std::declval<const Trained&>().solver));

/// The boundary's state is given, as in the public protocol. From a state that is not finite on the
/// error is infinite.
/// @param deviation   (channel) of the state
/// @param stepper_of  stepper_of(trajectory)(given) makes a step and returns the state
[[nodiscard]] inline std::vector<RolledOut> roll_out(
    const std::vector<study::Trajectory>& trajectories, const std::vector<float>& deviation,
    const auto& stepper_of) {
  constexpr std::array<std::size_t, 8> marks{1, 10, 25, 50, 75, 100, 150, 200};
  std::vector<double> error(marks.back() + 1), mean_flow(marks.back() + 1);
  for (const study::Trajectory& t : trajectories) {
    Field mean = t.state[0];
    for (std::size_t f = 1; f < t.state.size(); ++f) mean += t.state[f];
    mean /= static_cast<float>(t.state.size());
    auto step = stepper_of(t);
    bool finite = true;
    for (std::size_t f = 1; f < std::min(error.size(), t.state.size()); ++f) {
      const auto boundary = [&](Field& next) {
        for (Index i = 0; i < next.rows(); ++i)
          if (study::prescribed(t.mesh.node_type[static_cast<std::size_t>(i)]))
            next.row(i) = t.state[f].row(i);
      };
      try {
        if (finite) error[f] += detail::square_error(step(boundary), t.state[f], deviation);
      } catch (const Error&) {  // a state that is no longer finite
        finite = false;
      }
      if (!finite) error[f] = std::numeric_limits<double>::infinity();
      mean_flow[f] += detail::square_error(mean, t.state[f], deviation);
    }
  }
  const auto n = static_cast<double>(trajectories.size());
  std::vector<RolledOut> all;
  for (const std::size_t f : marks)
    all.push_back({f, std::sqrt(error[f] / n), std::sqrt(mean_flow[f] / n)});
  return all;
}

}  // namespace accuracy
