#pragma once
/// @file
/// Errors of long rollouts of unsteady test trajectories.

#include "arms.hpp"

#include <amq/solver/rollout.hpp>

#include <set>

namespace study {

/// Root mean square errors at some steps, in units of each channel's deviation; the boundary's
/// state is given, as in the public protocol.
/// @param step_of  step_of(trajectory)(given) makes a step and returns the state
template <typename Step>
void roll_out(const Data& d, const std::string& key, std::uint64_t seed, const std::string& csv,
              const Step& step_of) {
  const std::set<std::size_t> marks{1, 10, 25, 50, 100, 150, 200};
  std::vector<double> error(*marks.rbegin() + 1, 0.0);
  for (const auto& t : d.trajectories) {
    const auto step = step_of(t);
    for (std::size_t f = 1; f < std::min(error.size(), t.state.size()); ++f) {
      const Field& u = step([&](Field& next) {
        for (Index i = 0; i < next.rows(); ++i)
          if (prescribed(t.mesh.node_type[static_cast<std::size_t>(i)]))
            next.row(i) = t.state[f].row(i);
      });
      double sum = 0;
      for (Index i = 0; i < u.rows(); ++i)
        for (Index c = 0; c < u.cols(); ++c) {
          const auto e =
              static_cast<double>((u(i, c) - t.state[f](i, c)) /
                                  d.encoding.input_deviation[static_cast<std::size_t>(c)]);
          sum += e * e;
        }
      error[f] += sum / static_cast<double>(u.size()) / static_cast<double>(d.trajectories.size());
    }
  }
  if (!std::filesystem::exists(csv))
    std::ofstream(csv) << "model,task,scheme,quantizer,score,levels,budget_bits,seed,step,rmse\n";
  std::ofstream out(csv, std::ios::app);
  for (const auto f : marks)
    out << key << ',' << seed << ',' << f << ',' << std::sqrt(error[f]) << '\n';
}

template <typename Model>
void roll_out_float(const Data& d, const Network<Model>& net, const std::string& key,
                    std::uint64_t seed, const std::string& csv) {
  roll_out(d, key, seed, csv, [&](const Trajectory& t) {
    auto state = std::make_shared<Field>(t.state[0]);
    auto sample = std::make_shared<GraphSample>(d.encoding.encode(t.mesh, view(*state)));
    prepare_sample(net.model, *sample);
    return [&d, &net, state, sample](const auto& given) -> const Field& {
      Float32 a(net.layout, net.parameters);
      d.encoding.encode_given(view(std::as_const(*state)), *sample);
      *state += d.encoding.decode(forward(net.model, a, *sample).view());
      given(*state);
      return *state;
    };
  });
}

template <typename Model, typename Scheme>
void roll_out_solver(const Data& d, const MeshSolver<Model, Scheme>& solver, const std::string& key,
                     std::uint64_t seed, const std::string& csv) {
  roll_out(d, key, seed, csv, [&](const Trajectory& t) {
    auto rollout = std::make_shared<Rollout<Model, Scheme>>(solver, t.mesh, t.state[0]);
    return [rollout](const auto& given) -> const Field& { return rollout->step(given); };
  });
}

}  // namespace study
