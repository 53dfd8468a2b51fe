#pragma once
/// @file
/// A solver that is compiled once, in the static library amq_compiled: whoever includes this header
/// compiles neither kernels nor Eigen.
///
///     amq::solver::CompiledSolver solver("darcy.safetensors");
///     solver.budget(3);                                  // mean bits
///     std::vector<float> u = solver(mesh, a);            // (node, channel)
///
/// What networks and schemes it holds is written in src/compiled.cpp, one line each.

#include <amq/core/matrix_view.hpp>
#include <amq/mesh/mesh.hpp>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace amq::solver {

/// A deployed solver of any shipped network and scheme. One object is for one thread at a time.
class CompiledSolver {
 public:
  /// Reads the file and replays its self-test.
  /// @throws amq::Error for a file amq::load refuses, or of a network or scheme the library does
  ///         not hold
  explicit CompiledSolver(const std::string& path);
  CompiledSolver(CompiledSolver&&) noexcept;
  CompiledSolver& operator=(CompiledSolver&&) noexcept;
  ~CompiledSolver();

  /// What a solve may cost: that of a uniform pass with so many bits.
  /// @throws amq::Error for a budget the scheme's levels cannot have
  void budget(double mean_bits);

  /// @param a  (node, given channel), in the user's units
  /// @returns  (node, solution channel), row-major
  /// @throws amq::Error for meshes and fields the model cannot take
  [[nodiscard]] std::vector<float> operator()(const Mesh& mesh, MatrixView<const float> a);
  /// The same for a field of one channel.
  [[nodiscard]] std::vector<float> operator()(const Mesh& mesh, std::span<const float> a);

  /// Of the last solve: bit operations spent and allowed, and the mean bits of each node.
  struct Report {
    double bops = 0, budget = 0;
    std::vector<float> node_bits;
  };
  [[nodiscard]] Report report() const;

 private:
  struct Any;
  template <typename Model, typename Scheme>
  struct Of;
  std::unique_ptr<Any> any_;
};

}  // namespace amq::solver
