#pragma once
/// @file
/// What a solver was trained on, and how far an input lies outside of it.

#include <amq/mesh/graph.hpp>
#include <amq/mesh/mesh.hpp>
#include <amq/solver/stored.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace amq::solver {

/// Numbers from low to high; before the first, none.
struct SeenRange {
  double low = std::numeric_limits<double>::max(), high = -low;

  template <typename Self, typename Visit>
  static void each(Self& r, const Visit& visit) {
    visit("low", r.low);
    visit("high", r.high);
  }
  [[nodiscard]] bool empty() const noexcept { return !(low <= high); }
  void add(double x) noexcept {
    low = std::min(low, x);
    high = std::max(high, x);
  }
  /// How far a range reaches beyond this one, in widths of this one. 0: it does not, or one is
  /// empty.
  [[nodiscard]] double beyond(const SeenRange& r) const noexcept {
    if (empty() || r.empty()) return 0;
    const double excess = std::max({low - r.low, r.high - high, 0.0});
    const double width = std::max(high - low, 1e-6 * std::max(std::abs(low), std::abs(high)));
    return excess == 0 ? 0 : excess / std::max(width, std::numeric_limits<double>::min());
  }
  /// The same for counts and lengths: 1 for twice as much as the most, or half the least.
  [[nodiscard]] double factor_beyond(const SeenRange& r) const noexcept {
    if (empty() || r.empty()) return 0;
    const double more = high > 0 ? r.high / high : 1, less = r.low > 0 ? low / r.low : 1;
    return std::max({more - 1, less - 1, 0.0});
  }
};

/// What answers to samples that were held out of training err, at one budget.
struct HeldOutError {
  double mean_bits = 0;
  double relative_l2 = 0;  ///< mean over samples of |answer - solution| / |solution|

  template <typename Self, typename Visit>
  static void each(Self& e, const Visit& visit) {
    visit("mean_bits", e.mean_bits);
    visit("relative_l2", e.relative_l2);
  }
};

/// Ranges of the training set, kept in the model file. What is empty is not compared: files of
/// before say nothing.
struct TrainedOn {
  std::vector<SeenRange> box;              ///< (dim) coordinates, in the length unit
  std::vector<SeenRange> given, solution;  ///< (channel) in the user's units
  SeenRange nodes, edges;                  ///< nodes of a mesh; lengths of cells' sides
  bool marked_boundary = false;            ///< some mesh had nodes that are not NodeType::normal
  std::vector<std::string> given_names, solution_names;  ///< (channel) for people, e.g. "a"
  std::vector<std::string> given_units, solution_units;  ///< (channel) e.g. "m/s"
  std::string length_unit;
  std::vector<HeldOutError> errors;  ///< from low budgets to high

  template <typename Self, typename Visit>
  static void each(Self& t, const Visit& visit) {
    visit("box", t.box, may_lack);
    visit("given", t.given, may_lack);
    visit("solution", t.solution, may_lack);
    visit("nodes", t.nodes, may_lack);
    visit("edges", t.edges, may_lack);
    visit("marked_boundary", t.marked_boundary, may_lack);
    visit("given_names", t.given_names, may_lack);
    visit("solution_names", t.solution_names, may_lack);
    visit("given_units", t.given_units, may_lack);
    visit("solution_units", t.solution_units, may_lack);
    visit("length_unit", t.length_unit, may_lack);
    visit("errors", t.errors, may_lack);
  }

  /// @param a  (row, channel) given, @param u  (row, channel) the solution
  void add(MatrixView<const float> a, MatrixView<const float> u) {
    add(a, given);
    add(u, solution);
  }
  /// @param graph  cell_edges(mesh), or the edges of a cloud
  void add(const Mesh& mesh, const Graph& graph) {
    box.resize(static_cast<std::size_t>(mesh.dim));
    for (Index i = 0; i < mesh.n_nodes(); ++i)
      for (std::size_t d = 0; d < box.size(); ++d) box[d].add(mesh.point(i)[d]);
    nodes.add(static_cast<double>(mesh.n_nodes()));
    for (std::size_t e = 0; e < graph.sender.size(); ++e) {
      double square = 0;
      for (int d = 0; d < mesh.dim; ++d) {
        const double x = mesh.point(graph.sender[e])[d] - mesh.point(graph.receiver[e])[d];
        square += x * x;
      }
      edges.add(std::sqrt(square));
    }
    for (const NodeType t : mesh.node_type) marked_boundary |= t != NodeType::normal;
  }
  [[nodiscard]] static std::vector<SeenRange> ranges(MatrixView<const float> m) {
    std::vector<SeenRange> r;
    add(m, r);
    return r;
  }

 private:
  static void add(MatrixView<const float> m, std::vector<SeenRange>& to) {
    to.resize(std::max(to.size(), static_cast<std::size_t>(m.cols)));
    for (Index i = 0; i < m.rows; ++i)
      for (Index c = 0; c < m.cols; ++c)
        to[static_cast<std::size_t>(c)].add(static_cast<double>(m(i, c)));
  }
};

/// What is done about an input outside of what training saw.
enum class OutOfRange : std::uint8_t {
  ignore,  ///< not looked at
  report,  ///< SolveReport::outside says how far
  refuse,  ///< amq::Error beyond a tolerance
};

/// How far an input lies outside of what training saw; 0: inside. See SeenRange for the units.
struct Outside {
  double box = 0;  ///< widths of the trained box: a mesh in millimetres for metres has 999 and more
  double nodes = 0;          ///< 1: twice as many as the most, or half of the fewest
  double edges = 0;          ///< the same for lengths: meshes finer or coarser than any seen
  double given = 0;          ///< widths of the channel's range
  Index given_channel = -1;  ///< the one that lies furthest outside; -1: none does
  /// Rows kept in words that were cut at the largest word, for each node of the mesh: see
  /// SolveReport::saturated. Known when the pass is done.
  double saturated = 0;

  [[nodiscard]] double largest() const noexcept {
    return std::max({box, nodes, edges, given, saturated});
  }
};

}  // namespace amq::solver
