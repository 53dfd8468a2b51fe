#pragma once
/// @file
/// The study of one network; each network's is compiled by itself.

#include "arms.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace study {

/// What is to be run.
struct Plan {
  std::string task, model, arms = "all", quantizer = "row_min_max_lsq";
  std::string csv = "docs/results/mesh.csv", rollouts;
  std::vector<std::uint64_t> seeds{0, 1, 2};
  std::size_t first = 1000;  ///< no more than so many of these arms
};

/// Trains, deploys and evaluates every arm that the table lacks.
void run_mp_pde(const Plan&, const Options&, Data&, Executor&);
void run_graph_vit(const Plan&, const Options&, Data&, Executor&);
void run_mesh_graph_net(const Plan&, const Options&, Data&, Executor&);
void run_transolver(const Plan&, const Options&, Data&, Executor&);
void run_flare(const Plan&, const Options&, Data&, Executor&);

}  // namespace study
