// Story 9: an accurate surrogate beside the classical solver. Stress in rubber cells with random
// holes that no training has seen: the shipped MP-PDE in float, in integers of 8 bits, with uniform
// and with adaptive bits, and the finite elements it was trained on, on meshes from coarse to fine.
//   09_accurate [FOLDER of the model files] [CELLS]

#include <amq/arithmetic/float32.hpp>
#include <amq/io/state_dict.hpp>
#include <amq/solver.hpp>
#include <amq_lab/problems/elasticity.hpp>

#include "../common/timing.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace amq;
using namespace amq::training;
using Solver = MeshSolver<MpPde>;

struct Cell {
  lab::Hole hole;
  Mesh mesh;
  Field given, stress;  ///< (node): distance from the clamped side; von Mises stress
};

/// The labels: nine-node quadrilaterals, 108 around and 8 outwards.
lab::ElasticityOptions classical(int rays, int rings) {
  lab::ElasticityOptions o;
  o.traction = 1e5;  // stretches of up to two: far from linear
  o.n_rays = rays, o.n_rings = rings;
  return o;
}
std::vector<Cell> cells(std::uint64_t n) {
  const lab::ElasticitySampler sampler{classical(108, 8)};
  std::vector<Cell> all;
  for (std::uint64_t k = 0; k < n; ++k) {
    lab::ElasticitySample s = sampler.sample(7, k);  // training had seed 2026
    Cell c{s.hole, std::move(s.mesh), {}, {}};
    const auto nodes = c.mesh.n_nodes();
    c.given.resize(nodes, 1), c.stress.resize(nodes, 1);
    for (Index i = 0; i < nodes; ++i) {
      c.given(i, 0) = static_cast<float>(c.mesh.point(i)[1]);
      c.stress(i, 0) = s.stress[static_cast<std::size_t>(i)];
    }
    all.push_back(std::move(c));
  }
  return all;
}

/// One way to solve, its mean relative L2 and its median time.
struct Contender {
  std::string name;
  std::function<Field(const Cell&)> solve;
  double error = 0;
  std::vector<double> ms{};
};

}  // namespace

int main(int argc, char** argv) try {
  const std::string folder = argc > 1 ? argv[1] : "examples/09_accurate";
  const auto n = static_cast<std::uint64_t>(argc > 2 ? std::atoi(argv[2]) : 12);
  if (n < 1 || n > 10'000) throw Error("CELLS", "1 to 10000", argv[2], "Say how many to solve.");
  const Solver adaptive = load<MpPde>(folder + "/elasticity.safetensors"),
               uniform = load<MpPde>(folder + "/elasticity_uniform4.safetensors");
  // The float network: a state dict, encoded as the deployed one is.
  Network<MpPde> net(adaptive.net().model.config(), SchemeInfo{8, RowRule::min_max, {8}}, 0);
  load_state_dict(safetensors::read(folder + "/elasticity_float.safetensors"), net.layout,
                  net.parameters);
  const auto in_float = [&](const Cell& c) {
    GraphSample s = adaptive.encoding().encode(c.mesh, view(c.given));
    prepare_sample(net.model, s);
    Float32 a(net.layout, net.parameters);
    return adaptive.encoding().decode(forward(net.model, a, s).view());
  };
  const auto integers = [](const Solver& solver, double bits) {
    return [&solver, bits](const Cell& c) {
      return std::move(solver(c.mesh, c.given, mean_bits(bits)).field);
    };
  };
  std::vector<Contender> all{{"MP-PDE, float32", in_float},
                             {"MP-PDE, 8 bits", integers(adaptive, 8)},
                             {"MP-PDE, adaptive, mean 6 bits", integers(adaptive, 6)},
                             {"MP-PDE, adaptive, mean 4 bits", integers(adaptive, 4)},
                             {"MP-PDE, uniform, 4 bits", integers(uniform, 4)}};
  for (const auto& [rays, rings] : {std::pair{36, 4}, {52, 5}, {76, 6}})
    all.push_back({"finite elements, " + std::to_string(rays) + " x " + std::to_string(rings),
                   [=](const Cell& c) {
                     const auto coarse = lab::solve_elasticity(c.hole, classical(rays, rings));
                     const auto u = lab::stress_between(coarse, rays, rings, 108, 8);
                     return Field(
                         Eigen::Map<const Eigen::VectorXd>(u.data(), static_cast<Index>(u.size()))
                             .cast<float>());
                   }});
  std::printf("solving %d cells by finite elements, 108 x 8, as truth\n", static_cast<int>(n));
  for (const Cell& c : cells(n))
    for (Contender& one : all) {  // they take turns
      const double start = timing::milliseconds(timing::Clock::thread);
      const Field u = one.solve(c);
      one.ms.push_back(timing::milliseconds(timing::Clock::thread) - start);
      one.error += static_cast<double>((u - c.stress).norm() / c.stress.norm());
    }
  std::printf("%-34s %12s %12s\n", "972 nodes, one core", "relative L2", "ms a solve");
  for (const Contender& one : all)
    std::printf("%-34s %11.2f%% %12.2f\n", one.name.c_str(),
                100 * one.error / static_cast<double>(n), timing::median(one.ms));
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
