#pragma once
/// @file
/// One run of the study of accuracy: which network, how long, which arms.

#include "problems.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace accuracy {

struct Run {
  std::string network = "mp_pde", folder;
  std::string csv = "docs/results/accuracy.csv", front = "docs/results/front.csv";
  std::string weights;  ///< a state dict: the float network, instead of a training
  /// float, ptq:BITS, uniform:BITS, amq:MEAN BITS, amq_any:BITS+BITS+..., or
  /// SHARING-LEVEL+LEVEL+...:BITS+BITS+..., as block-0+4+8:4+6; layer_scores: the auxiliary model
  /// says one score a layer
  std::vector<std::string> arms;
  Index hidden = 64, layers = 4;
  std::int64_t epochs = 80, quantized_epochs = 20;
  std::size_t batch = 2;
  double lr = 2e-3, quantized_lr = 5e-4, average = 0.999;
  std::uint64_t seed = 0;
};

/// Trains, evaluates and writes what the tables lack.
void run_mp_pde(const Run&, const Problem&, Executor&);
void run_graph_vit(const Run&, const Problem&, Executor&);
void run_transolver(const Run&, const Problem&, Executor&);
void run_flare(const Run&, const Problem&, Executor&);

}  // namespace accuracy
