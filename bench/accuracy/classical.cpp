// Question: what does a classical solver of today need for the error of a network? The lab's own
// finite elements, from coarse meshes to the mesh of the labels, on the same test samples; their
// stress is interpolated to the nodes where networks are judged. Rows of the network "classical".
//
// Usage: classical [--csv FILE] [--first N] [--test N] [--data-seed N]

#include "../../examples/common/arguments.hpp"
#include "../../examples/common/mesh_tasks.hpp"
#include "../kernels/timing.hpp"
#include "table.hpp"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <sstream>
#include <utility>
#include <vector>

using namespace amq;
using namespace amq::lab;

namespace {

double median(std::vector<double> v) {
  const auto middle = v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2);
  std::nth_element(v.begin(), middle, v.end());
  return *middle;
}

const char* const usage = "classical [--csv FILE] [--first N] [--test N] [--data-seed N]\n";

}  // namespace

int main(int argc, char** argv) try {
  std::string csv = "docs/results/front.csv";
  std::uint64_t first = 1000, n = 200, seed = 2026;
  int status = 0;
  if (!study::read_arguments(argc, argv,
                             {study::argument("--csv", csv), study::argument("--first", first),
                              study::argument("--test", n), study::argument("--data-seed", seed)},
                             usage, status))
    return status;
  const ElasticityOptions fine = study::elasticity_options();
  for (const auto& [rays, rings] :
       std::vector<std::pair<int, int>>{{12, 2}, {20, 3}, {36, 4}, {52, 5}, {76, 6}, {108, 8}}) {
    std::ostringstream key;
    key << "classical,elasticity,mesh " << rays << "x" << rings << ",64,0,";
    if (accuracy::has_row(csv, key.str())) continue;
    ElasticityOptions coarse = fine;
    coarse.n_rays = rays, coarse.n_rings = rings;
    // The labels are of the finest mesh: its own error is that of one refinement.
    ElasticityOptions truth = fine;
    if (rays == fine.n_rays) truth.refine = 2;
    double rel = 0, mse = 0, square = 0, sum = 0, count = 0;
    std::vector<double> ms;
    for (std::uint64_t k = 0; k < n; ++k) {
      const ElasticitySample label = ElasticitySampler{truth}.sample(seed, first + k);
      const double start = timing::seconds(timing::Clock::thread);
      const ElasticitySample solved = solve_elasticity(label.hole, coarse);
      ms.push_back(1000 * (timing::seconds(timing::Clock::thread) - start));
      const auto u = stress_between(solved, rays, rings, fine.n_rays, fine.n_rings);
      double error = 0, norm = 0;
      for (std::size_t i = 0; i < u.size(); ++i) {
        const double t = static_cast<double>(label.stress[i]), d = u[i] - t;
        error += d * d, norm += t * t;
        sum += t, square += t * t, count += 1;
      }
      rel += std::sqrt(error / norm);
      mse += error / static_cast<double>(u.size());
    }
    const auto samples = static_cast<double>(n);
    const double variance = square / count - sum * sum / count / count;
    std::ostringstream row;
    row << key.str() << rel / samples << "," << mse / samples / variance << ",0,0," << median(ms);
    accuracy::add_row(csv, accuracy::front_head, row.str());
  }
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
