// Question: what do words of 16 bits between products cost in accuracy, beside floats between them?
// The shipped float network of elasticity as integers, calibrated on cells of its training, without
// any training in integers; cells that no training has seen.
//
// Usage: accuracy_words [FOLDER of the model files] [CELLS]

#include <amq/io/state_dict.hpp>
#include <amq/solver.hpp>
#include <amq/train/calibrate.hpp>
#include <amq/train/mesh_training.hpp>
#include <amq_lab/problems/elasticity.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace amq;
using namespace amq::training;

struct Cell {
  Mesh mesh;
  Field given, stress;  ///< (node): distance from the clamped side; von Mises stress
};

std::vector<Cell> cells(std::uint64_t seed, std::uint64_t n) {
  lab::ElasticityOptions o;
  o.traction = 1e5;
  o.n_rays = 108, o.n_rings = 8;
  const lab::ElasticitySampler sampler{o};
  std::vector<Cell> all;
  for (std::uint64_t k = 0; k < n; ++k) {
    lab::ElasticitySample s = sampler.sample(seed, k);
    Cell c{std::move(s.mesh), {}, {}};
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

}  // namespace

int main(int argc, char** argv) try {
  const std::string folder = argc > 1 ? argv[1] : "examples/09_accurate";
  const auto n = static_cast<std::uint64_t>(argc > 2 ? std::atoi(argv[2]) : 40);
  const auto shipped = load<MpPde>(folder + "/elasticity.safetensors");
  const auto seen = cells(2026, 8), unseen = cells(7, n);  // training had seed 2026
  std::printf("%llu cells, relative L2\n", static_cast<unsigned long long>(n));
  for (const int bits : {8, 4})
    for (const bool words : {false, true}) {
      auto net = std::make_unique<Network<MpPde>>(shipped.net().model.config(),
                                                  SchemeInfo{8, ByRange(), {bits}, words}, 0);
      load_state_dict(safetensors::read(folder + "/elasticity_float.safetensors"), net->layout,
                      net->parameters);
      std::vector<GraphSample> few;
      for (const Cell& c : seen) {
        few.push_back(shipped.encoding().encode(c.mesh, view(c.given)));
        prepare_sample(net->model, few.back());
      }
      calibrate(*net, few);
      const MeshSolver<MpPde> solver(std::move(net), nullptr, shipped.encoding());
      double error = 0;
      std::int64_t saturated = 0;
      for (const Cell& c : unseen) {
        const Solution s = solver(c.mesh, c.given);
        error += static_cast<double>((s.field - c.stress).norm() / c.stress.norm());
        saturated += s.report.saturated;
      }
      std::printf("  %d bits, %-6s %7.3f%%  %lld rows saturated\n", bits,
                  words ? "words" : "floats", 100 * error / static_cast<double>(n),
                  static_cast<long long>(saturated));
    }
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
