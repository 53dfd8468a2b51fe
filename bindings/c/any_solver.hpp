#pragma once
/// @file
/// Solvers whose network and scheme are read from their file: what all bindings stand on. Who
/// includes this compiles no kernel; each network is compiled once, in network.cpp.in.

#include <amq/core/executor.hpp>
#include <amq/io/safetensors.hpp>
#include <amq/mesh/mesh.hpp>
#include <amq/solver/solution.hpp>

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace amq::any {

using namespace solver;

/// In what a budget is given.
enum class Unit { own, mean_bits, bops, milliseconds, relative_l2 };

struct Wishes {
  Unit unit = Unit::own;
  double budget = 0;
  std::vector<double> variables{};
};

struct Facts {
  std::string network, scheme;
  bool on_grid = false, adaptive = false, marks_boundary = false, rolls_out = false;
  int dim = 2;
  std::vector<int> levels;
  Index given = 1, solution = 1, variables = 0, parameters = 0;
  double bytes = 0;
  double budget = 8;  ///< mean bits of solves that ask for none
  TrainedOn seen;
  std::map<std::string, int> weight_bits;  ///< of each parameter that products read: the largest
  std::map<std::string, int> row_bits;     ///< of points whose rows have others than the levels
};

/// What one product of a pass takes on this machine and one thread, run alone: fused layers take
/// less than their sum.
struct LayerTime {
  std::string weight, point;
  Index rows = 0, in = 0, out = 0;
  std::vector<double> milliseconds;  ///< (level of Facts); 0 at 0 bits, where nothing is computed
  double float_milliseconds = 0;     ///< of the same product in float32, by amq's own kernel
};
struct LayerTimes {
  std::vector<LayerTime> layers;  ///< in the order of a pass
  double float_milliseconds = 0;  ///< of a whole pass in float32
};

/// A state that goes from step to step.
class Steps {
 public:
  virtual ~Steps() = default;
  virtual void allocate_every(Index n) = 0;
  /// @param given  sets what the boundary prescribes
  virtual void step(const std::function<void(Field&)>& given) = 0;
  [[nodiscard]] virtual const Field& state() const = 0;
  [[nodiscard]] virtual const SolveReport& report() const = 0;
  [[nodiscard]] virtual double mean_bits() const = 0;
};

/// A mesh or a grid, made ready. Refers to its solver.
class Place {
 public:
  virtual ~Place() = default;
  [[nodiscard]] virtual Index rows() const = 0;
  /// @returns the budget in bits a row; where it is time, the mean bits that nodes got
  /// @throws amq::Error for fields, variables and budgets that are refused
  virtual double solve(MatrixView<const float> a, const Wishes& w, Solution& into) const = 0;
  [[nodiscard]] virtual std::unique_ptr<Steps> roll_out(Field start, const Wishes& w) const = 0;
  /// From now on budgets are time.
  virtual void measure() = 0;
  /// @param rounds  of which the fastest counts
  [[nodiscard]] virtual LayerTimes layer_times(int rounds) const = 0;
};

class Solver {
 public:
  virtual ~Solver() = default;
  [[nodiscard]] virtual Facts facts() const = 0;
  virtual void out_of_range(OutOfRange policy, double tolerance) = 0;
  [[nodiscard]] virtual std::unique_ptr<Place> on(const Mesh& mesh) = 0;
  /// @param axes  (axis)(point), the last axis fastest
  [[nodiscard]] virtual std::unique_ptr<Place> on(const std::vector<std::vector<double>>& axes) = 0;
};

/// A network that was compiled.
struct Network {
  std::string_view name;
  std::unique_ptr<Solver> (*load)(safetensors::File file, Executor& executor);
};
/// All of them.
[[nodiscard]] std::span<const Network> networks();

/// @throws amq::Error as amq::load does, and for a network that was not compiled
[[nodiscard]] inline std::unique_ptr<Solver> load(safetensors::File file, Executor& executor) {
  const auto found = file.metadata.find("amq.model");
  const std::string name = found == file.metadata.end() ? "" : found->second;
  std::string all;
  for (const Network& n : networks()) {
    if (n.name == name) return n.load(std::move(file), executor);
    all += (all.empty() ? "" : ", ") + std::string(n.name);
  }
  throw Error(file.path + ": amq.model", "one of " + all, "'" + name.substr(0, 80) + "'",
              found == file.metadata.end() ? "Give a file that amq::save has written."
                                           : "Add the network to bindings/c/meson.build.");
}

}  // namespace amq::any
