#pragma once
/// @file
/// The data of the problems on meshes beside Darcy flow, for a study: hyper-elasticity, unsteady
/// flow around obstacles, air around cars.

#include "darcy_study.hpp"

#include <amq_lab/problems/elasticity.hpp>
#include <amq_lab/problems/flow2d.hpp>
#include <amq_lab/problems/flow3d.hpp>

namespace study {

using namespace amq::lab;

/// Options of a study of `task` as docs/results/mesh.md has it.
inline Options task_options(const std::string& task) {
  Options o;
  if (task == "elasticity") {
    o.training = 400;
    o.test = 64;
  } else if (task == "flow2d") {
    o.training = 24;  // trajectories
    o.test = 4;
    o.float_epochs = 5;
    o.qat_epochs = 1;
  } else if (task == "flow3d") {
    o.training = 96;
    o.test = 24;
    o.float_epochs = 20;
    o.qat_epochs = 5;
  } else if (task != "darcy") {
    throw Error("study", "darcy, elasticity, flow2d or flow3d", task, "Name one of these tasks.");
  }
  o.folder = "out/" + task;
  return o;
}

/// What a task's samples are made with.
inline FlowSamplerOptions flow_options(bool test) {
  FlowSamplerOptions f;
  f.flow.viscosity = 5e-4;  // Re 100 to 230
  f.max_obstacles = 2;
  f.start = 2;
  f.n_frames = test ? 221 : 51;
  return f;
}
inline CarFlowOptions car_options() {
  CarFlowOptions c;
  c.cells_per_metre = 5;
  return c;
}
inline ElasticityOptions elasticity_options() {
  ElasticityOptions e;
  e.traction = 1e5;  // stretches of up to two: far from linear
  return e;
}

namespace detail {

template <typename Sampler, typename Convert>
std::vector<MeshSample> task_set(const Options& o, const std::string& name,
                                 const std::string& recipe, std::uint64_t seed, std::size_t n,
                                 const Sampler& sampler, const Convert& convert,
                                 Executor& executor) {
  const std::string folder = o.folder + "/" + name;
  make_mesh_set(
      {.folder = folder,
       .n_samples = n,
       .per_shard = 4,
       .recipe = recipe + ", seed " + std::to_string(seed)},
      [&](std::uint64_t i) { return convert(sampler.sample(seed, i)); }, executor,
      sample_progress(o));
  return read_mesh_set(folder, n);
}

/// Mean and deviation of each channel.
struct Moments {
  std::vector<double> n, sum, square;
  void add(const Field& f) {
    const auto c = static_cast<std::size_t>(f.cols());
    n.resize(c, 0), sum.resize(c, 0), square.resize(c, 0);
    for (Index i = 0; i < f.rows(); ++i)
      for (std::size_t k = 0; k < c; ++k) {
        const double v = static_cast<double>(f(i, static_cast<Index>(k)));
        n[k] += 1, sum[k] += v, square[k] += v * v;
      }
  }
  void give(std::vector<float>& mean, std::vector<float>& deviation) const {
    mean.clear(), deviation.clear();
    for (std::size_t k = 0; k < n.size(); ++k) {
      const double m = sum[k] / n[k];
      mean.push_back(static_cast<float>(m));
      deviation.push_back(static_cast<float>(std::sqrt(std::max(square[k] / n[k] - m * m, 1e-30))));
    }
  }
};

struct Pair {
  const Mesh* mesh;
  Field given, solution;
};

/// Encodes steady samples; moments are of the training part.
inline Data steady(MeshEncoding encoding, const std::vector<Pair>& pairs, std::size_t training,
                   bool normalize_given) {
  Data data;
  Moments in, out;
  for (std::size_t k = 0; k < training; ++k) in.add(pairs[k].given), out.add(pairs[k].solution);
  out.give(encoding.output_mean, encoding.output_deviation);
  in.give(encoding.input_mean, encoding.input_deviation);
  if (!normalize_given) {
    std::fill(encoding.input_mean.begin(), encoding.input_mean.end(), 0.0f);
    std::fill(encoding.input_deviation.begin(), encoding.input_deviation.end(), 1.0f);
  }
  data.encoding = encoding;
  for (std::size_t k = 0; k < pairs.size(); ++k) {
    GraphSample s = encoding.encode(*pairs[k].mesh, view(pairs[k].given));
    encoding.encode_solution(view(pairs[k].solution), s);
    if (k < training) {
      data.training.push_back(std::move(s));
    } else {
      data.test.push_back(std::move(s));
      data.test_mesh.push_back(*pairs[k].mesh);
      data.test_given.push_back(pairs[k].given);
      data.test_solution.push_back(pairs[k].solution);
    }
  }
  return data;
}
inline Field field_of(const std::vector<float>& values, Index channels) {
  return Eigen::Map<const Field>(values.data(), static_cast<Index>(values.size()) / channels,
                                 channels);
}

}  // namespace detail

/// Geometry alone -> von Mises stress. The given channel is the distance from the clamped side.
inline Data elasticity_data(const Options& o, Executor& executor) {
  const ElasticitySampler sampler{elasticity_options()};
  const auto samples = detail::task_set(
      o, "data", "elasticity, traction 1e5, 108 x 8", o.data_seed, o.training + o.test, sampler,
      [](const ElasticitySample& s) {
        return MeshSample{s.mesh, {{"stress", s.stress}}, {}};
      },
      executor);
  std::vector<detail::Pair> pairs;
  for (const auto& s : samples) {
    Field given(s.mesh.n_nodes(), 1);
    for (Index i = 0; i < given.rows(); ++i) given(i, 0) = static_cast<float>(s.mesh.point(i)[1]);
    pairs.push_back({&s.mesh, given, detail::field_of(node_field(s, "stress"), 1)});
  }
  MeshEncoding e;
  e.node_types = 7;
  e.lattices = {4, 8};
  return detail::steady(e, pairs, samples.size() - o.test, true);
}

/// As a set keeps it: points of the surface alone.
inline MeshSample car_sample(const CarSample& s) {
  Mesh m;
  m.dim = 3;
  m.nodes_per_cell = 4;
  m.cell_dim = 2;
  m.points = s.points;
  m.node_type.assign(s.points.size() / 3, NodeType::normal);
  return MeshSample{m, {{"normal", s.normal}, {"pressure", s.pressure}}, {}};
}

/// Points of the surface and their normals -> mean pressure.
inline Data flow3d_data(const Options& o, Executor& executor) {
  const CarSampler sampler{car_options()};
  const auto samples =
      detail::task_set(o, "data", "cars, 5 cells a metre, 3586 points", o.data_seed,
                       o.training + o.test, sampler, car_sample, executor);
  std::vector<detail::Pair> pairs;
  std::vector<Mesh> fewer(samples.size());
  for (std::size_t k = 0; k < samples.size(); ++k) {
    // Points are drawn independently: the first are a sample of the surface, too.
    const auto n = std::min<std::size_t>(o.points, samples[k].mesh.points.size() / 3);
    fewer[k] = samples[k].mesh;
    fewer[k].points.resize(3 * n);
    fewer[k].node_type.resize(n);
    const auto rows = static_cast<Index>(n);
    pairs.push_back({&fewer[k], detail::field_of(node_field(samples[k], "normal"), 3).topRows(rows),
                     detail::field_of(node_field(samples[k], "pressure"), 1).topRows(rows)});
  }
  MeshEncoding e;
  e.centre = {2.2f, 0.0f, 0.75f};
  e.half_width = 2.2f;
  e.neighbours = 8;
  e.lattices = {4, 8};
  return detail::steady(e, pairs, samples.size() - o.test, true);
}

/// States are (node, 3): velocity, pressure.
inline std::vector<Trajectory> flow2d_trajectories(const Options& o, bool test,
                                                   Executor& executor) {
  const FlowSampler sampler{flow_options(test)};
  const auto samples = detail::task_set(
      o, test ? "trajectories" : "data",
      "channel flow, nu 5e-4, " + std::to_string(sampler.options.n_frames) + " frames of 0.04 s",
      o.data_seed + (test ? 1 : 0), test ? o.test : o.training, sampler,
      [](const FlowSample& s) {
        const auto n = static_cast<std::size_t>(s.mesh.n_nodes());
        const auto frames = static_cast<std::size_t>(s.n_frames);
        std::vector<float> state(n * frames * 3);
        for (std::size_t i = 0; i < n; ++i)
          for (std::size_t f = 0; f < frames; ++f) {
            float* to = state.data() + (i * frames + f) * 3;
            to[0] = s.velocity[(f * n + i) * 2];
            to[1] = s.velocity[(f * n + i) * 2 + 1];
            to[2] = s.pressure[f * n + i];
          }
        return MeshSample{s.mesh, {{"state", state}}, {}};
      },
      executor);
  std::vector<Trajectory> out;
  for (const auto& s : samples) {
    const auto& all = node_field(s, "state");
    const auto n = static_cast<std::size_t>(s.mesh.n_nodes()), frames = all.size() / n / 3;
    Trajectory t{s.mesh, std::vector<Field>(frames, Field(static_cast<Index>(n), 3))};
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t f = 0; f < frames; ++f)
        for (std::size_t c = 0; c < 3; ++c)
          t.state[f](static_cast<Index>(i), static_cast<Index>(c)) = all[(i * frames + f) * 3 + c];
    out.push_back(std::move(t));
  }
  return out;
}

/// Velocity and pressure now -> their change in 0.04 s. Training states carry noise, whose
/// correction is part of the change to be learnt (Pfaff et al. 2021, section 3.3).
inline Data flow2d_data(const Options& o, Executor& executor) {
  const auto training = flow2d_trajectories(o, false, executor);
  Data data;
  data.trajectories = flow2d_trajectories(o, true, executor);
  const auto& test = data.trajectories;
  auto& e = data.encoding;
  e.node_types = 7;
  e.centre = {0.8f, 0.205f};
  e.half_width = 0.8f;
  detail::Moments state, change;
  for (const auto& t : training)
    for (std::size_t f = 0; f + 1 < t.state.size(); ++f) {
      state.add(t.state[f]);
      change.add(t.state[f + 1] - t.state[f]);
    }
  state.give(e.input_mean, e.input_deviation);
  change.give(e.output_mean, e.output_deviation);
  std::fill(e.output_mean.begin(), e.output_mean.end(), 0.0f);
  const auto add = [&](const Trajectory& t, std::size_t id, bool is_test, std::size_t every) {
    GraphSample mesh;
    auto boundary = std::make_shared<std::vector<std::uint8_t>>();
    for (const NodeType type : t.mesh.node_type) boundary->push_back(prescribed(type));
    for (std::size_t f = 0; f + 1 < t.state.size(); f += every) {
      Field given = t.state[f];
      if (!is_test) {
        Random random = Random::stream(o.data_seed + 99 + id, f);
        for (Index i = 0; i < given.rows(); ++i)
          if (t.mesh.node_type[static_cast<std::size_t>(i)] == NodeType::normal)
            for (Index c = 0; c < 3; ++c)
              given(i, c) += static_cast<float>(o.noise * random.normal()) *
                             e.input_deviation[static_cast<std::size_t>(c)];
      }
      if (f == 0) mesh = e.encode(t.mesh, view(given));
      GraphSample s = mesh;
      e.encode_given(view(given), s);
      const Field solution = t.state[f + 1] - given;
      e.encode_solution(view(solution), s);
      (is_test ? data.test : data.training).push_back(std::move(s));
      (is_test ? data.test_mesh_id : data.training_mesh_id).push_back(id);
      if (is_test) {
        data.test_mesh.push_back(t.mesh);
        data.test_given.push_back(given);
        data.test_solution.push_back(solution);
      } else {
        const bool last = f + 2 == t.state.size();
        data.training_steps.next.push_back(last ? Trajectories::none : data.training.size());
        data.training_steps.prescribed.push_back(boundary);
      }
    }
  };
  data.training_steps.rise = e.rise();
  data.training_steps.drift = e.drift();
  for (std::size_t k = 0; k < training.size(); ++k) add(training[k], k, false, 1);
  for (std::size_t k = 0; k < test.size(); ++k) add(test[k], k, true, 10);
  return data;
}

inline Data task_data(const std::string& task, const Options& o, Executor& executor) {
  return task == "darcy"        ? make_data(o, executor)
         : task == "elasticity" ? elasticity_data(o, executor)
         : task == "flow2d"     ? flow2d_data(o, executor)
                                : flow3d_data(o, executor);
}

}  // namespace study
