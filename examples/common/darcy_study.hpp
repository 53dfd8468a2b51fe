#pragma once
/// @file
/// The data of Darcy flow for a study of bench/.

#include "mesh_study.hpp"

#include <amq/mesh/indicators.hpp>
#include <amq_lab/data/mesh_set.hpp>
#include <amq_lab/problems/darcy_sampler.hpp>

namespace study {

using namespace amq::lab;

inline Field given_field(const MeshSample& s) {
  const auto &a = node_field(s, "a"), &mean = node_field(s, "a_mean");
  Field f(static_cast<Index>(a.size()), 2);
  for (Index i = 0; i < f.rows(); ++i) {
    f(i, 0) = a[static_cast<std::size_t>(i)];
    f(i, 1) = mean[static_cast<std::size_t>(i)];
  }
  return f;
}

inline Data make_data(const Options& o, Executor& executor) {
  DarcyOptions d;
  d.least_nodes = o.least_nodes;
  d.most_nodes = o.most_nodes;
  const DarcySampler sampler(d);
  const std::size_t n = o.training + o.test;
  const std::string folder = o.folder + "/data_" + std::to_string(o.least_nodes) + "_" +
                             std::to_string(o.most_nodes) + "_" + std::to_string(o.data_seed);
  make_mesh_set(
      {.folder = folder, .n_samples = n, .per_shard = 50, .recipe = darcy_recipe(d, o.data_seed)},
      [&](std::uint64_t i) { return to_mesh_sample(sampler.sample(o.data_seed, i)); }, executor,
      sample_progress(o));
  const auto samples = read_mesh_set(folder, n);
  Data data;
  auto& e = data.encoding;
  e.input_mean = {7.5f, 7.5f};
  e.input_deviation = {4.5f, 4.5f};
  e.lattices = {4, 8};
  double count = 0, sum = 0, square = 0;
  for (std::size_t k = 0; k < o.training; ++k)
    for (const float u : node_field(samples[k], "u"))
      count += 1, sum += u, square += static_cast<double>(u) * u;
  e.output_mean = {static_cast<float>(sum / count)};
  e.output_deviation = {static_cast<float>(std::sqrt(square / count - sum * sum / count / count))};
  for (std::size_t k = 0; k < n; ++k) {
    const Field a = given_field(samples[k]);
    GraphSample s = e.encode(samples[k].mesh, view(a));
    const auto& u = node_field(samples[k], "u");
    const Field solution = Eigen::Map<const Field>(u.data(), static_cast<Index>(u.size()), 1);
    e.encode_solution(view(solution), s);
    if (k < o.training) {
      data.training.push_back(std::move(s));
    } else {
      data.test.push_back(std::move(s));
      data.test_mesh.push_back(samples[k].mesh);
      data.test_given.push_back(a);
      data.test_solution.push_back(solution);
    }
  }
  return data;
}

}  // namespace study
