#pragma once
// Four problems on regular grids and the networks that learn them: data, float training,
// quantization-aware training, deployment in integers. Shared by the programs of this folder.

#include <amq/arithmetic/counting.hpp>
#include <amq/train/grid_training.hpp>
#include <amq/train/progress.hpp>
#include <amq_lab/problems/generate.hpp>

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

namespace grid_study {

using namespace amq;
using namespace amq::lab;

struct Options {
  double scale = 1;       ///< of the number of passes of every training
  double data_scale = 1;  ///< of the number of samples
  Index width = 0;        ///< 0: the model's own
  double further = 0.25;  ///< passes of a quantized training, of those in float before it
  double further_lr = 1e-3;
  bool learn_weight_steps = true;
  int edge_bits = 16;     ///< least bits of the last layers' rows
  int edge_weights = 16;  ///< bits of the first and last weights, 8 or 16
  /// Rows of at least so many bits span their own range (RowMinMax), those of fewer their deviation
  /// (RowAffine). 2: none is affine. A folder's networks are all of one choice.
  int range_bits = 2;
  /// Of products without weights (Fourier transforms, attention) where anything is quantized.
  ProductBits products;
  std::uint64_t seed = 0, data_seed = 21;
  std::string folder = "out/grid";  ///< data sets and float networks are kept here
  ProgressCallback progress;

  [[nodiscard]] RowRule rows_of(int bits) const noexcept {
    return bits >= range_bits ? RowRule::min_max : RowRule::affine;
  }
  /// How rows and edges are kept, as the table has it.
  [[nodiscard]] std::string rows_text(int bits) const {
    return std::string(rows_of(bits) == RowRule::min_max ? "min_max" : "affine") +
           (edge_weights == 16 ? " e16" : "") + (products ? " " + products_text() : "");
  }
  /// "p8x16": a matrix of 8 bits, rows of 16; empty: in float.
  [[nodiscard]] std::string products_text() const {
    return products ? "p" + std::to_string(products.matrix) + "x" + std::to_string(products.rows)
                    : "";
  }
  /// The reverse. @throws Error for another text
  void set_products(const std::string& text) {
    products = {};
    if (text.empty()) return;
    char end = 0;
    if (std::sscanf(text.c_str(), "p%dx%d%c", &products.matrix, &products.rows, &end) != 2)
      throw Error("--products", "bits of matrix and rows, as p8x16", text, "Say --help.");
    products.check("--products");
  }
};

/// A problem, how it is posed to a network, and how much of it is seen.
struct Task {
  std::string name, data;        ///< tasks of the same data have it once
  Index training = 0, test = 0;  ///< samples
  GridMapping mapping, test_mapping;
  Index passes =
      0;  ///< of a float training, samples forward and back; a quantized one has a quarter
  std::function<GridSet()> describe;
  std::function<GridSet(Index n, std::uint64_t seed, const GenerateProgress&)> make;
};

/// The unsteady ones: ten frames are given, the one ten frames later is sought (50 s, 0.5, 10 time
/// units), of diffusion-sorption also what has changed until then. Darcy: coefficient to pressure.
std::vector<Task> tasks(const Options& o);

inline Index further_passes(const Options& o, const Task& t) {
  return static_cast<Index>(o.further * static_cast<double>(t.passes));
}

/// How numbers are kept.
struct SchemeChoice {
  std::string name;
  int weights = 32, rows = 32;  ///< bits; 32: float
};
inline std::vector<SchemeChoice> schemes() {
  return {{"float32", 32, 32}, {"w8a8", 8, 8},   {"w8a16", 8, 16},  {"w4a8", 4, 8},
          {"w4a4", 4, 4},      {"w8a32", 8, 32}, {"w16a16", 16, 16}};
}

/// Everything of a task at one resolution.
struct Data {
  const Task* task = nullptr;
  Index factor = 1;  ///< 1, 2, 4: points of the full grid for one of the network's
  GridSet full, coarse;
  GridEncoding encoding;
  std::vector<GridExample> training;  ///< on the coarse grid
  GridShape grid;                     ///< the coarse one
  Matrix x;                           ///< (point, dim) of the coarse grid
  struct Problem {
    GridField given;  ///< (1, frame, point..., channel) on the full grid
    Matrix solution;  ///< (point, channel) on the full grid
  };
  std::vector<Problem> test;

  [[nodiscard]] std::vector<Index> coarse_points() const { return coarse.u.points; }
};

/// Solved, or read from the folder where an earlier run has left it.
Data make_data(const Options& o, const Task& t, Index factor);

/// One row of the table.
struct Result {
  double bops = 0, float_ops = 0;  ///< of one problem
  double bytes = 0;                ///< of the model
  double nrmse = 0, mse = 0;       ///< on the full grid; mse in units of the mean square
  double ms = 0;                   ///< median processor time of a problem, interpolations included
};

/// What a pass costs, as the table has it.
struct PassCounts {
  double bops, float_ops;

  PassCounts(const PassCost& c, bool floats)
      : bops(floats ? c.float_bops() : c.bops()), float_ops(c.elementwise) {
    for (const auto& p : c.products)
      if (floats || p.weight_bits == 32) float_ops += 2 * p.macs;
  }
};

/// A product's part of a pass.
struct Share {
  double ms = 0;     ///< its rows' encoding included
  double error = 0;  ///< of the squared change that quantization makes, each product's by itself
};
struct Shares {
  bool measured = false;
  double ms = 0;          ///< of a whole pass
  std::vector<Share> of;  ///< by product, as PassCost has them
};

/// A family of networks, behind functions so that each is compiled in a file of its own.
struct Model {
  std::string name;
  std::function<Index(const Options&, const Task&)> width;  ///< channels
  std::function<Result(const Options&, const Data&, const SchemeChoice&)> run;
  /// Whether the folder has the network, quantized.
  std::function<bool(const Options&, const Task&, const SchemeChoice&, Index factor)> trained;
  std::function<Shares(const Options&, const Data&, const SchemeChoice&)> shares;
  /// The products of a pass over one problem, whose bits and bytes are those of the scheme.
  std::function<PassCost(const Options&, const Task&, const SchemeChoice&, const GridShape&)> cost;
};
Model fno_model();
Model unet_model();
Model transformer_model();
inline std::vector<Model> models() {
  return {fno_model(), unet_model(), transformer_model()};
}

}  // namespace grid_study
