#pragma once
/// @file
/// What is compared: schemes, quantizers, scores, ladders and budgets, and the table of results.

#include "../../examples/common/mesh_study.hpp"

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace study {

struct Arm {
  std::string scheme, quantizer, score;
  std::vector<int> levels;
  double budget;
};
inline const std::vector<int> coarse{2, 4, 8}, fine{1, 2, 3, 4, 5, 6, 8},
    skipping{0, 1, 2, 3, 4, 5, 6, 8};
/// Budgets that one training serves, and widths.
inline const std::vector<int> any_budget{2, 3, 4, 6};
/// Ladders as solvers of them are loaded.
template <row_rule Rule>
using Fine = Scheme<Weights<8>, Activations<1, 2, 3, 4, 5, 6, 8>, Rule>;
template <row_rule Rule>
using AnyWidth = Scheme<Weights<8>, Activations<2, 3, 4, 6>, Rule>;

/// Names of quantizers as tables have them.
struct RowQuantizer {
  RowRule rule;
  RangeRule range;
};
inline RowQuantizer row_quantizer(const std::string& name) {
  if (name == "row_affine_shifted_lsq") return {RowRule::affine, RangeRule::least_squares};
  if (name == "row_min_max_lsq") return {RowRule::min_max, RangeRule::least_squares};
  if (name == "row_symmetric_lsq") return {RowRule::symmetric, RangeRule::least_squares};
  if (name == "tensor_static_least_squares") return {RowRule::fixed, RangeRule::least_squares};
  if (name == "tensor_static_percentile") return {RowRule::fixed, RangeRule::percentile};
  throw Error("quantizer",
              "row_affine_shifted_lsq, row_min_max_lsq, row_symmetric_lsq or tensor_static_*", name,
              "Name one of these quantizers.");
}

/// In order of worth: a run that is cut has the most telling rows.
/// @param which  core, ladder, ablation, rules, power, skipping, any_budget, quantizers or all
inline std::vector<Arm> arms(const std::string& which, const std::string& quantizer) {
  std::vector<Arm> all;
  const auto uniform = [&](int b, const std::string& q) {
    all.push_back({"uniform", q, "none", {b}, static_cast<double>(b)});
  };
  const auto amq = [&](const std::vector<int>& levels, double b,
                       const char* score = "sensitivity") {
    all.push_back({"amq", quantizer, score, levels, b});
  };
  const auto has = [&](const char* part) { return which == part || which == "all"; };
  if (has("core")) {
    all.push_back({"float32", "none", "none", {32}, 32});
    uniform(3, quantizer);
    amq(fine, 3);
    uniform(2, quantizer);
    amq(fine, 2);
    uniform(4, quantizer);
    amq(fine, 4);
    uniform(3, "tensor_static_percentile");
  }
  if (has("ladder")) {
    uniform(6, quantizer);
    amq(fine, 6);
    for (const int b : {3, 4, 6}) amq(coarse, b);
    amq(skipping, 3);
    uniform(8, quantizer);
    uniform(4, "tensor_static_percentile");
  }
  if (has("ablation"))
    for (const char* score :
         {"sensitivity_power_1", "sensitivity_power_0.5", "indicator", "oracle", "layerwise",
          "random", "gradient", "loss_per_node", "sensitivity_per_node"})
      amq(fine, 3, score);
  if (has("rules"))
    for (const char* score : {"sensitivity_of_each_edge", "sensitivity_largest_of_cluster"})
      amq(fine, 3, score);
  if (has("power"))
    for (const int b : {2, 3, 4}) amq(fine, b, "sensitivity_measured_power");
  if (has("skipping"))
    for (const int b : {2, 3}) amq(skipping, b, "sensitivity_measured_power");
  if (has("any_budget")) {
    for (const int b : any_budget) amq(fine, b, "sensitivity_any_budget");
    for (const int b : any_budget)
      all.push_back({"uniform", quantizer, "any_budget", any_budget, static_cast<double>(b)});
  }
  if (has("quantizers"))
    for (const char* q : {"row_affine_shifted_lsq", "row_min_max_lsq", "row_symmetric_lsq",
                          "tensor_static_least_squares"})
      uniform(3, q);
  return all;
}

/// Whether a CSV has a row that starts so.
inline bool has_row(const std::string& csv, const std::string& start) {
  std::ifstream in(csv);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(start)) return true;
  return false;
}

/// A CSV to which rows are added as they are finished.
class Table {
 public:
  explicit Table(std::string path) : path_(std::move(path)) {
    const auto folder = std::filesystem::path(path_).parent_path();
    if (!folder.empty()) std::filesystem::create_directories(folder);
    if (!std::filesystem::exists(path_))
      std::ofstream(path_) << "model,task,scheme,quantizer,score,levels,budget_bits,bops,bytes,"
                              "seed,test_mse,test_rel_l2,ms\n";
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// What tells a row from the others, without its seed.
  [[nodiscard]] static std::string key(const std::string& model, const std::string& task,
                                       const Arm& arm) {
    std::ostringstream s;
    s << model << ',' << task << ',' << arm.scheme << ',' << arm.quantizer << ',' << arm.score
      << ',';
    for (std::size_t k = 0; k < arm.levels.size(); ++k) s << (k ? " " : "") << arm.levels[k];
    s << ',' << arm.budget;
    return s.str();
  }
  [[nodiscard]] bool has(const std::string& key, std::uint64_t seed) const {
    std::ifstream in(path_);
    for (std::string line; std::getline(in, line);) {
      std::vector<std::string> c;
      std::stringstream s(line);
      for (std::string field; std::getline(s, field, ',');) c.push_back(field);
      if (line.starts_with(key + ',') && c.size() >= 13 && c[9] == std::to_string(seed))
        return true;
    }
    return false;
  }
  /// @returns the row
  std::string add(const std::string& key, std::uint64_t seed, const Result& r) const {
    char row[512];
    std::snprintf(row, sizeof row, "%s,%.6g,%.0f,%llu,%.6g,%.6g,%.3f\n", key.c_str(), r.bops,
                  r.bytes, static_cast<unsigned long long>(seed), r.mse, r.rel_l2, r.ms);
    std::ofstream(path_, std::ios::app) << row << std::flush;
    return row;
  }

 private:
  std::string path_;
};

}  // namespace study
