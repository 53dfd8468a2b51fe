#pragma once
/// @file
/// What is asked of a solve and what comes back.

#include <amq/allocation/problem.hpp>
#include <amq/core/eigen.hpp>
#include <amq/solver/examine.hpp>
#include <amq/solver/trained_on.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace amq {

/// (node or point, channel), in the user's units.
using Field = core::Matrix;

/// What a pass may cost.
struct Budget {
  double mean_bits = 8;     ///< BOPs of the pass with every adaptive row at so many bits
  double milliseconds = 0;  ///< above 0: this instead, of choosing bits and of the pass
};
/// As many operations as a uniform pass of so many bits has, the auxiliary model's included.
[[nodiscard]] constexpr Budget mean_bits(double bits) noexcept {
  return {bits, 0};
}
/// As long as choosing bits and the pass may take on this machine, by measured times: see
/// MeshSolver::price_by().
[[nodiscard]] constexpr Budget milliseconds(double time) noexcept {
  return {0, time};
}

}  // namespace amq

namespace amq::solver {

/// One solve's wishes. A Budget is one.
struct SolveOptions {
  std::optional<Budget> budget;       ///< none: the solver's
  std::span<const double> variables;  ///< time and parameters of the equation, in the user's units

  SolveOptions() noexcept = default;
  SolveOptions(Budget b) noexcept : budget(b) {}  // NOLINT: solver(mesh, a, mean_bits(4))
  SolveOptions(Budget b, std::span<const double> v) noexcept : budget(b), variables(v) {}
  explicit SolveOptions(std::span<const double> v) noexcept : variables(v) {}
};

/// Rows of a pass whose numbers were cut: see SolveReport, saturated and cut_share.
struct CutRows {
  std::int64_t saturated = 0;
  double share = 0;
};

/// What a solve cost. BOPs are exact.
struct SolveReport {
  Cost bops = 0, budget = 0, auxiliary_bops = 0, float_bops = 0;
  /// Where bits are chosen by measured times: what the pass should take, and what it may, or its
  /// rows alone where rows alone were measured. The budget in BOPs is then 0.
  Cost picoseconds = 0, picosecond_budget = 0;
  /// Where rows between products are words (InWords): how often a row reached the largest word,
  /// beyond which it is cut. Many: calibrate the network on fields like this one.
  std::int64_t saturated = 0;
  /// Where ranges are static (Static): the share of rows that had a number beyond their range, by a
  /// sample of one row in some 64. Some are cut in training, too: watch how it changes. 0 where the
  /// policy is OutOfRange::ignore, and for other rules.
  double cut_share = 0;
  /// (node) mean bits of the node's rows and incoming edges, points that have bits of their own in
  /// every plan left out
  std::vector<float> node_bits;
  Outside outside;    ///< how far the input lies outside of what training saw
  MeshFindings mesh;  ///< what is odd about the mesh
};

}  // namespace amq::solver

namespace amq {

/// A solved problem. Where a field is wanted, it is its field.
struct Solution {
  Field field;  ///< (node, solution channel)
  solver::SolveReport report;

  operator Field() const { return field; }  // NOLINT: const Field u = solver(mesh, a)
};

}  // namespace amq
