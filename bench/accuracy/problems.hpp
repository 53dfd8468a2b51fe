#pragma once
/// @file
/// The problems of the study of accuracy: solved samples in the user's units, and how a network
/// sees them.

#include "../../examples/common/mesh_tasks.hpp"

#include <amq/mesh/boundary_distance.hpp>
#include <amq/train.hpp>

#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace accuracy {

using namespace amq;
using namespace amq::lab;

struct Problem {
  std::string name;
  std::vector<Sample> training, test;
  std::vector<study::Trajectory> trajectories;  ///< of an unsteady test, for rollouts
  Loss loss = Loss::relative_l2;
  GraphOptions graph;
  Augmentation augmentation;          ///< of its symmetries
  std::vector<ImposedValue> imposed;  ///< boundary values that are known
  /// What files say of it.
  std::vector<std::string> given_names, given_units, solution_names, solution_units;
  std::string length_unit;
};

/// What is asked for. Samples are made once and kept in the folder.
struct Wish {
  std::string problem = "elasticity", folder = "out/accuracy";
  std::size_t training = 1000, test = 200;  ///< samples; of flow trajectories
  std::uint64_t data_seed = 2026;
};

namespace detail {

/// The samples [first, first + n) of a problem. @param set  names its folder
inline std::vector<Sample> kept(const Wish& w, const std::string& set, std::size_t first,
                                std::size_t n, const std::string& recipe, const auto& make,
                                const auto& read, Executor& executor) {
  const std::string folder = w.folder + "/" + set + "_" + std::to_string(w.data_seed);
  make_mesh_set({.folder = folder,
                 .n_samples = n,
                 .per_shard = 50,
                 .recipe = recipe + ", seed " + std::to_string(w.data_seed)},
                [&](std::uint64_t i) { return make(first + i); }, executor, {});
  std::vector<Sample> all;
  for (const MeshSample& s : read_mesh_set(folder, n)) all.push_back(read(s));
  return all;
}
inline std::vector<Sample> kept(const Wish& w, const std::string& recipe, const auto& make,
                                const auto& read, Executor& executor) {
  return kept(w, w.problem, 0, w.training + w.test, recipe, make, read, executor);
}

inline Field column(const std::vector<float>& values, Index channels = 1) {
  return Eigen::Map<const Field>(values.data(), static_cast<Index>(values.size()) / channels,
                                 channels);
}

/// Mirrors a flow across its channel half of the time, and adds noise to the state, whose
/// correction becomes part of the change (Pfaff et al. 2021, section 3.3).
/// @param noise  (channel) in the state's units
inline Augmentation mirrored_and_noisy(const std::vector<double>& noise, double middle) {
  const Augmentation mirrored = reflections({1}, {0, middle}, {{}, {1}}, {{}, {1}});
  return {mirrored.name + ", noise " + numbers_text(noise), [=](Sample& s, core::Random& random) {
            mirrored.change(s, random);
            for (Index i = 0; i < s.given.rows(); ++i)
              if (s.mesh.node_type[static_cast<std::size_t>(i)] == NodeType::normal)
                for (Index c = 0; c < s.given.cols(); ++c) {
                  const auto by =
                      static_cast<float>(noise[static_cast<std::size_t>(c)] * random.normal());
                  s.given(i, c) += by;
                  s.solution(i, c) -= by;
                }
          }};
}

/// Velocity and pressure in a channel with one or two cylinders -> their change in 0.04 s.
inline void flow(const Wish& w, Problem& p, Executor& executor) {
  study::Options o;
  o.folder = w.folder + "/flow_" + std::to_string(w.data_seed);
  o.training = w.training;
  o.test = w.test;
  o.data_seed = w.data_seed;
  const auto training = study::flow2d_trajectories(o, false, executor);
  p.trajectories = study::flow2d_trajectories(o, true, executor);
  study::detail::Moments state;
  const auto steps = [](const study::Trajectory& t, std::size_t every, std::vector<Sample>& to) {
    for (std::size_t f = 0; f + 1 < t.state.size(); f += every)
      to.push_back({t.mesh, t.state[f], t.state[f + 1] - t.state[f]});
  };
  for (const auto& t : training) {
    for (const Field& f : t.state) state.add(f);
    steps(t, 1, p.training);
  }
  for (const auto& t : p.trajectories) steps(t, 10, p.test);
  std::vector<float> mean, deviation;
  state.give(mean, deviation);
  std::vector<double> noise;
  for (const float d : deviation) noise.push_back(0.02 * static_cast<double>(d));
  p.augmentation = mirrored_and_noisy(noise, 0.205);
  p.loss = Loss::mse;  // velocities and pressures have no common unit
  p.given_names = p.solution_names = {"velocity x", "velocity y", "pressure"};
  p.given_units = p.solution_units = {"m/s", "m/s", "m2/s2"};
  p.length_unit = "m";
}

}  // namespace detail

/// @throws amq::Error for a problem that is not one of these
inline Problem problem(const Wish& w, Executor& executor) {
  Problem p;
  p.name = w.problem;
  std::vector<Sample> all;
  if (w.problem == "elasticity") {
    // Geometry alone -> von Mises stress. The given channel is the distance from the clamped side.
    const ElasticitySampler sampler{study::elasticity_options()};
    all = detail::kept(
        w, "elasticity, traction 1e5, 108 x 8",
        [&](std::uint64_t i) {
          const ElasticitySample s = sampler.sample(w.data_seed, i);
          return MeshSample{s.mesh, {{"stress", s.stress}}, {}};
        },
        [](const MeshSample& s) {
          Sample out{s.mesh, Field(s.mesh.n_nodes(), 1), detail::column(node_field(s, "stress"))};
          for (Index i = 0; i < out.given.rows(); ++i)
            out.given(i, 0) = static_cast<float>(s.mesh.point(i)[1]);
          return out;
        },
        executor);
    p.augmentation = reflections({0}, {0.5});
    p.given_names = {"distance from the clamped side"};
    p.given_units = {"m"};
    p.solution_names = {"von Mises stress"};
    p.solution_units = {"Pa"};
    p.length_unit = "m";
  } else if (w.problem == "darcy") {
    DarcyOptions d;
    d.least_nodes = 600;
    d.most_nodes = 1200;
    const DarcySampler sampler(d);
    all = detail::kept(
        w, darcy_recipe(d, w.data_seed),
        [&](std::uint64_t i) { return to_mesh_sample(sampler.sample(w.data_seed, i)); },
        [](const MeshSample& s) {
          Sample out{s.mesh, Field(s.mesh.n_nodes(), 3), detail::column(node_field(s, "u"))};
          out.given.leftCols(2) = study::given_field(s);
          const auto distance = boundary_distance(s.mesh);
          for (Index i = 0; i < out.given.rows(); ++i)
            out.given(i, 2) = static_cast<float>(distance[static_cast<std::size_t>(i)]);
          return out;
        },
        executor);
    p.augmentation = reflections({0, 1}, {0.5, 0.5});
    p.imposed = {{NodeType::wall, 0, 0.0f}};
    p.given_names = {"a", "mean of a over the cells around", "distance from the boundary"};
    p.solution_names = {"u"};
  } else if (w.problem == "car") {
    // A mean over a finite time has noise. Training averages it out, a test would take it for an
    // error: the flow of test cars is averaged eight times as long.
    const auto cars = [&](const std::string& set, std::size_t first, std::size_t n, double longer) {
      CarFlowOptions c = study::car_options();
      c.average *= longer;
      const CarSampler sampler{c};
      std::ostringstream recipe;
      recipe << "cars, 5 cells a metre, 3586 points, from " << first << ", averaged over "
             << c.average;
      return detail::kept(
          w, set, first, n, recipe.str(),
          [&](std::uint64_t i) { return study::car_sample(sampler.sample(w.data_seed, i)); },
          [](const MeshSample& s) {
            return Sample{s.mesh, detail::column(node_field(s, "normal"), 3),
                          detail::column(node_field(s, "pressure"))};
          },
          executor);
    };
    all = cars("car", 0, w.training, 1);
    const auto test = cars("car_test", 1000000, w.test, 8);
    all.insert(all.end(), test.begin(), test.end());
    p.graph.neighbours = 8;
    // The stream is along axis 0; the ground below: left and right may be exchanged.
    p.augmentation = reflections({1}, {0, 0, 0}, {{}, {1}});
    p.given_names = {"normal x", "normal y", "normal z"};
    p.solution_names = {"pressure"};
    p.length_unit = "m";
  } else if (w.problem == "flow") {
    detail::flow(w, p, executor);
    return p;
  } else {
    throw Error("accuracy --problem", "elasticity, darcy, car or flow", w.problem,
                "Name one of these problems.");
  }
  p.training.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(w.training));
  p.test.assign(all.begin() + static_cast<std::ptrdiff_t>(w.training), all.end());
  return p;
}

}  // namespace accuracy
