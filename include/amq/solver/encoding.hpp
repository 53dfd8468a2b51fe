#pragma once
/// @file
/// From a mesh and a field, in the user's units, to what a network sees, and back.

#include <amq/core/eigen_size.hpp>
#include <amq/core/error.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/mesh/edges.hpp>
#include <amq/mesh/multi_mesh.hpp>
#include <amq/mesh/neighbours.hpp>
#include <amq/models/graph_sample.hpp>
#include <amq/solver/examine.hpp>
#include <amq/solver/solution.hpp>
#include <amq/solver/stored.hpp>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::solver {

/// Where edges of a graph come from.
struct GraphOptions {
  std::vector<int> lattices{4, 8};  ///< of multi_mesh_edges(); empty: the sides of the cells alone
  int neighbours = 0;  ///< edges from so many nearest points; 0: from cells, or 8 where none are
};

/// What the answer is at nodes of a type, whatever the network says: a boundary condition.
struct ImposedValue {
  NodeType type = NodeType::wall;
  Index channel = 0;  ///< of the solution
  float value = 0;  ///< in its unit; where the solution is the change in a step, 0 keeps the state

  template <typename Self, typename Visit>
  static void each(Self& v, const Visit& visit) {
    visit("type", v.type);
    visit("channel", v.channel);
    visit("value", v.value);
  }
};

/// Fixed before training and kept in the model file.
struct MeshEncoding {
  std::vector<float> input_mean{0}, input_deviation{1};    ///< (given channel)
  std::vector<float> output_mean{0}, output_deviation{1};  ///< (solution channel)
  std::vector<double> centre{0.5, 0.5};                    ///< (dim) of the domain
  float half_width = 0.5f;    ///< of the domain: positions become -1 .. 1
  std::vector<int> lattices;  ///< of multi_mesh_edges(); empty: the sides of the cells alone
  int neighbours = 0;         ///< edges from so many nearest points, for clouds; 0: from the cells
  int node_types = 0;         ///< channels of the one-hot type, from NodeType::normal on; 0: none
  bool boundary = true;       ///< a channel marks nodes that are not NodeType::normal
  std::vector<float> variable_scale;  ///< (variable) what time and parameters are divided by
  /// The time step of a solution that is the next values of the last given channel: channel k is
  /// u(t + (k + 1) time_step), and the network says the mean rate of change up to there (MP-PDE
  /// with a window). 0: the network says the solution.
  float time_step = 0;
  std::vector<ImposedValue> imposed;  ///< on every answer, exactly

  template <typename Self, typename Visit>
  static void each(Self& e, const Visit& visit) {
    visit("input_mean", e.input_mean);
    visit("input_deviation", e.input_deviation);
    visit("output_mean", e.output_mean);
    visit("output_deviation", e.output_deviation);
    visit("centre", e.centre);
    visit("half_width", e.half_width);
    visit("lattices", e.lattices);
    visit("neighbours", e.neighbours, may_lack);
    visit("node_types", e.node_types, may_lack);
    visit("boundary", e.boundary, may_lack);
    visit("variable_scale", e.variable_scale, may_lack);
    visit("time_step", e.time_step, may_lack);
    visit("imposed", e.imposed, may_lack);
  }
  /// @throws amq::Error for numbers that encode nothing
  void check() const {
    const auto want = [](bool good, const char* what, const std::string& found) {
      if (!good) throw Error("MeshEncoding", what, found, "Correct the encoding.");
    };
    const auto finite = [](const auto& all, bool positive) {
      for (const auto x : all)
        if (!std::isfinite(x) || (positive && !(x > 0))) return false;
      return true;
    };
    want(input_mean.size() == input_deviation.size() &&
             output_mean.size() == output_deviation.size(),
         "a deviation for every mean", "others");
    want(finite(input_mean, false) && finite(output_mean, false), "finite means", "others");
    want(finite(input_deviation, true) && finite(output_deviation, true) &&
             finite(variable_scale, true),
         "positive deviations and scales", "others");
    want(!centre.empty() && centre.size() <= 3 && finite(centre, false),
         "the centre of a domain of 1 to 3 dimensions",
         std::to_string(centre.size()) + " coordinates");
    want(half_width > 0 && std::isfinite(half_width), "a positive half width",
         std::to_string(half_width));
    want(time_step >= 0 && std::isfinite(time_step), "a time step of 0 or more",
         std::to_string(time_step));
    want(time_step == 0 || !input_mean.empty(), "a given channel that time steps go on from",
         "none");
    for (const ImposedValue& v : imposed) {
      want(v.channel >= 0 && v.channel < outputs(),
           "values imposed on channels of the solution, of which there are few",
           "channel " + std::to_string(v.channel) + " of " + std::to_string(outputs()));
      want(std::isfinite(v.value), "a finite imposed value", std::to_string(v.value));
      want(marked_by(v.type) >= 0, "values imposed at nodes of a type that the network reads",
           "type " + std::to_string(static_cast<int>(v.type)));
    }
    want(neighbours >= 0, "0 or more neighbours", std::to_string(neighbours));
    want(node_types >= 0 && node_types <= 255, "0 to 255 node types", std::to_string(node_types));
    for (const int n : lattices) {
      // Far more cells than meshes have nodes, and not yet a burden.
      const double cells = std::pow(static_cast<double>(n), static_cast<double>(centre.size()));
      want(n >= 1 && cells <= 1e6, "lattices of at least 1 cell a side and at most 1000000 in all",
           std::to_string(n) + " a side");
    }
  }

  /// Found from samples: mean and deviation of every channel, the box that holds all points,
  /// whether nodes have types, and more than inside and wall.
  /// @param samples  each with mesh, given (node, channel) and solution (node, channel)
  /// @param imposed  on every answer; solutions of the samples have these values, too
  /// @throws amq::Error for no samples, samples of different channels or dimensions, meshes that a
  ///         solver refuses (see examine()), numbers that are not finite, a solution that is the
  ///         same everywhere, and one that does not have an imposed value
  template <typename Samples>
  [[nodiscard]] static MeshEncoding of(const Samples& samples, const GraphOptions& graph = {},
                                       std::vector<ImposedValue> imposed = {});

  /// Given channels, one that marks the boundary, the type.
  [[nodiscard]] Index inputs() const noexcept {
    return static_cast<Index>(input_mean.size()) + (boundary ? 1 : 0) + node_types;
  }
  [[nodiscard]] Index outputs() const noexcept { return static_cast<Index>(output_mean.size()); }

  [[nodiscard]] Graph graph(const Mesh& mesh) const {
    const Graph sides =
        neighbours > 0 ? knn_edges(mesh.points, mesh.dim, neighbours) : cell_edges(mesh);
    return lattices.empty() ? sides : multi_mesh_edges(sides, mesh.points, mesh.dim, lattices);
  }
  /// Everything but the solution.
  /// @param a          (node, given channel)
  /// @param variables  (variable) in the user's units
  /// @throws amq::Error for a field of other shape, or numbers that are not finite
  [[nodiscard]] GraphSample encode(const Mesh& mesh, MatrixView<const float> a,
                                   std::span<const double> variables = {}) const {
    const FloatEnvironment own;
    GraphSample s = on(mesh);
    encode_given(a, s);
    encode_variables(variables, s);
    return s;
  }
  /// What a sample has of the mesh: all but given channels, variables and the solution.
  /// @throws amq::Error for a mesh of other dimension, without types, or with types that training
  ///         did not see where values are imposed on walls
  [[nodiscard]] GraphSample on(const Mesh& mesh) const {
    const FloatEnvironment own;
    GraphSample s = nodes_of(mesh);
    s.graph = graph(mesh);
    return s;
  }
  /// The same without the graph.
  [[nodiscard]] GraphSample nodes_of(const Mesh& mesh) const {
    const bool typed = boundary || node_types > 0;
    if (mesh.dim != static_cast<int>(centre.size()) || mesh.dim < 1)
      throw Error("solver", "a mesh of " + std::to_string(centre.size()) + " dimensions",
                  std::to_string(mesh.dim) + " dimensions",
                  "Leave out the coordinate that is the same everywhere, or train on such meshes.");
    if (typed && static_cast<Index>(mesh.node_type.size()) != mesh.n_nodes())
      throw Error("solver", "a mesh with a type for every node",
                  std::to_string(mesh.node_type.size()) + " types for " +
                      std::to_string(mesh.n_nodes()) + " nodes",
                  "Mark the nodes of the boundary with NodeType::wall.");
    const Index n = mesh.n_nodes();
    GraphSample s;
    s.u = Matrix::Zero(n, inputs());
    set_size(s.x, n, mesh.dim);
    const Index first = static_cast<Index>(input_mean.size()), types = first + (boundary ? 1 : 0);
    for (Index i = 0; i < n; ++i) {
      const NodeType type = typed ? mesh.node_type[static_cast<std::size_t>(i)] : NodeType::normal;
      if (!imposed.empty() && node_types == 0 && type != NodeType::normal && type != NodeType::wall)
        throw Error(
            "solver, types of nodes",
            "normal nodes and walls, since training saw no others and values are imposed "
            "on walls",
            "type " + std::to_string(static_cast<int>(type)) + " at node " + std::to_string(i),
            "Mark the nodes as in training, or train on meshes that have this type.");
      if (boundary) s.u(i, first) = type == NodeType::normal ? 0.0f : 1.0f;
      if (static_cast<int>(type) < node_types) s.u(i, types + static_cast<Index>(type)) = 1.0f;
      for (int k = 0; k < mesh.dim; ++k) {
        s.x(i, k) = normalized(mesh.point(i)[k], centre[static_cast<std::size_t>(k)]);
        if (!std::isfinite(s.x(i, k)))
          throw Error("mesh, node " + std::to_string(i),
                      "coordinates within reach of the domain that was trained on",
                      std::to_string(mesh.point(i)[k]), "Check the unit of length.");
      }
    }
    return s;
  }
  /// Another given field on the mesh of a sample, e.g. the next state of a flow.
  /// @throws amq::Error for a field of other shape, or numbers that are not finite
  void encode_given(MatrixView<const float> a, GraphSample& s) const { encode_given(a, view(s.u)); }
  /// @param u  (node, input) of a sample, whose given channels are written
  void encode_given(MatrixView<const float> a, MatrixView<float> u) const {
    check_given(a, u.rows);
    for (Index i = 0; i < a.rows; ++i)
      for (Index c = 0; c < a.cols; ++c) {
        const auto k = static_cast<std::size_t>(c);
        u(i, c) = (a(i, c) - input_mean[k]) / input_deviation[k];
      }
  }
  /// @throws amq::Error for a field of other shape than n nodes, or numbers that are not finite
  void check_given(MatrixView<const float> a, Index n) const {
    const auto channels = static_cast<Index>(input_mean.size());
    if (a.rows != n || a.cols != channels)
      throw Error("solver",
                  "a field of " + std::to_string(n) + " nodes and " + std::to_string(channels) +
                      " channels",
                  std::to_string(a.rows) + " nodes and " + std::to_string(a.cols) + " channels",
                  "Give one row per node of the mesh.");
    for (Index i = 0; i < n; ++i)
      for (Index c = 0; c < channels; ++c)
        if (!std::isfinite(a(i, c)))
          throw Error("solver, given field", "finite numbers",
                      std::to_string(a(i, c)) + " at node " + std::to_string(i),
                      "Repair the field before it is passed on.");
  }
  void encode_variables(std::span<const double> variables, GraphSample& s) const {
    set_size(s.v, s.u.rows(), static_cast<Index>(variable_scale.size()));
    encode_variables(variables, view(s.v));
  }
  /// The same at every node. @param v  (node, variable)
  /// @throws amq::Error for another number of variables, or numbers that are not finite
  void encode_variables(std::span<const double> variables, MatrixView<float> v) const {
    if (variables.size() != variable_scale.size())
      throw Error("solver, variables",
                  std::to_string(variable_scale.size()) + " of time and parameters",
                  std::to_string(variables.size()),
                  "Pass SolveOptions with the variables the model was trained with.");
    for (std::size_t k = 0; k < variables.size(); ++k) {
      const auto value = static_cast<float>(variables[k] / static_cast<double>(variable_scale[k]));
      if (!std::isfinite(value))
        throw Error("solver, variable " + std::to_string(k), "a finite number",
                    std::to_string(variables[k]), "Repair it before it is passed on.");
      for (Index i = 0; i < v.rows; ++i) v(i, static_cast<Index>(k)) = value;
    }
  }
  /// The solution as the network should return it, after encode_given().
  /// @param u  (node, solution channel)
  void encode_solution(MatrixView<const float> u, GraphSample& s) const {
    const FloatEnvironment own;
    if (u.rows != s.u.rows() || u.cols != outputs())
      throw Error(
          "encode_solution",
          std::to_string(s.u.rows()) + " nodes and " + std::to_string(outputs()) + " channels",
          std::to_string(u.rows) + " and " + std::to_string(u.cols),
          "Give one row per node of the mesh.");
    set_size(s.y, u.rows, u.cols);
    for (Index i = 0; i < u.rows; ++i)
      for (Index c = 0; c < u.cols; ++c) {
        const auto k = static_cast<std::size_t>(c);
        float said = u(i, c);
        if (time_step > 0)
          said = (said - last_given(view(std::as_const(s.u)), i)) /
                 (static_cast<float>(c + 1) * time_step);
        s.y(i, c) = (said - output_mean[k]) / output_deviation[k];
      }
  }
  /// What an answer adds to the given channels of the next state, where the solution is the change
  /// of what is given: rise * y + drift, in the network's units. See Trajectories.
  [[nodiscard]] std::vector<float> rise() const { return in_states(output_deviation); }
  [[nodiscard]] std::vector<float> drift() const { return in_states(output_mean); }
  /// What the network says, alone: nothing is imposed on it, no window added up.
  [[nodiscard]] Field decode(MatrixView<const float> y) const {
    Field u(y.rows, y.cols);
    for (Index i = 0; i < y.rows; ++i)
      for (Index c = 0; c < y.cols; ++c) u(i, c) = decoded(y(i, c), c);
    return u;
  }
  /// What the network says to the given field u, in the user's units; a window is added up, and
  /// values are imposed.
  /// @param u     (node, input) as encode_given() left it
  /// @param into  (node, solution channel), resized
  void decode(MatrixView<const float> y, MatrixView<const float> u, Field& into) const {
    set_size(into, y.rows, y.cols);
    for (Index i = 0; i < y.rows; ++i)
      for (Index c = 0; c < y.cols; ++c)
        into(i, c) = time_step > 0 ? std::fma(static_cast<float>(c + 1) * time_step,
                                              decoded(y(i, c), c), last_given(u, i))
                                   : decoded(y(i, c), c);
    for (const ImposedValue& v : imposed) {
      const Index mark = marked_by(v.type);
      for (Index i = 0; i < y.rows; ++i)
        if (u(i, mark) == 1.0f) into(i, v.channel) = v.value;
    }
  }

 private:
  /// The input that is 1 at nodes of a type; -1 if there is none. The mark of the boundary stands
  /// for walls where samples had no other type.
  [[nodiscard]] Index marked_by(NodeType type) const noexcept {
    if (type > NodeType::wall) return -1;  // files name no others
    const Index first = static_cast<Index>(input_mean.size());
    if (static_cast<int>(type) < node_types)
      return first + (boundary ? 1 : 0) + static_cast<Index>(type);
    return boundary && node_types == 0 && type == NodeType::wall ? first : -1;
  }
  /// @throws amq::Error for a sample's solution that does not have an imposed value
  template <typename Samples>
  void check_imposed(const Samples& samples) const;

  [[nodiscard]] float decoded(float y, Index channel) const noexcept {
    const auto k = static_cast<std::size_t>(channel);
    return std::fma(y, output_deviation[k], output_mean[k]);
  }
  /// The last given channel at node i, in the user's units.
  [[nodiscard]] float last_given(MatrixView<const float> u, Index i) const noexcept {
    return std::fma(u(i, static_cast<Index>(input_mean.size()) - 1), input_deviation.back(),
                    input_mean.back());
  }
  /// Near the origin a coordinate is narrowed before the centre is taken off, as in the solutions
  /// that files hold; elsewhere, as on maps, that would lose its digits.
  [[nodiscard]] float normalized(double p, double c) const noexcept {
    const double width = static_cast<double>(half_width);
    return std::abs(c) > 4 * width ? static_cast<float>((p - c) / width)
                                   : (static_cast<float>(p) - static_cast<float>(c)) / half_width;
  }
  [[nodiscard]] std::vector<float> in_states(std::vector<float> change) const {
    if (change.size() != input_deviation.size())
      throw Error("MeshEncoding",
                  "as many given channels as the solution has, " + std::to_string(change.size()),
                  std::to_string(input_deviation.size()),
                  "Train a network that returns the change of the state.");
    for (std::size_t k = 0; k < change.size(); ++k) change[k] /= input_deviation[k];
    return change;
  }
};

namespace detail {
/// Mean and deviation of every channel of some fields.
class ChannelMoments {
 public:
  /// @throws amq::Error for other channels than before, and numbers that are not finite
  void add(const Field& f, const std::string& where) {
    const auto channels = static_cast<std::size_t>(f.cols());
    if (n_ == 0) sum_.assign(channels, 0.0), square_ = sum_;
    if (channels != sum_.size() || f.size() == 0)
      throw Error(where, n_ == 0 ? "a field" : std::to_string(sum_.size()) + " channels, as before",
                  std::to_string(channels) + " channels and " + std::to_string(f.rows()) + " rows",
                  "Give every sample the same channels.");
    for (Index i = 0; i < f.rows(); ++i)
      for (std::size_t c = 0; c < channels; ++c) {
        const auto v = static_cast<double>(f(i, static_cast<Index>(c)));
        if (!std::isfinite(v))
          throw Error(where, "finite numbers", std::to_string(v) + " at node " + std::to_string(i),
                      "Repair the field, or leave the sample out.");
        sum_[c] += v;
        square_[c] += v * v;
      }
    n_ += static_cast<double>(f.rows());
  }
  void give(std::vector<float>& mean, std::vector<float>& deviation) const {
    mean.clear(), deviation.clear();
    for (std::size_t c = 0; c < sum_.size(); ++c) {
      const double m = sum_[c] / n_, variance = square_[c] / n_ - m * m;
      mean.push_back(static_cast<float>(m));
      // What varies by less than rounding does not vary.
      const bool constant = !(variance > 1e-12 * m * m);
      deviation.push_back(constant ? 0.0f : static_cast<float>(std::sqrt(variance)));
    }
  }

 private:
  double n_ = 0;
  std::vector<double> sum_, square_;
};
}  // namespace detail

template <typename Samples>
MeshEncoding MeshEncoding::of(const Samples& samples, const GraphOptions& graph,
                              std::vector<ImposedValue> imposed) {
  const FloatEnvironment own;
  if (std::size(samples) == 0)
    throw Error("MeshEncoding::of", "samples", "none", "Give the samples of the training.");
  MeshEncoding e;
  detail::ChannelMoments given, solution;
  const int dim = std::begin(samples)->mesh.dim;
  std::vector<double> low(static_cast<std::size_t>(dim), std::numeric_limits<double>::max()),
      high(static_cast<std::size_t>(dim), std::numeric_limits<double>::lowest());
  bool cells = true, typed = false;
  int highest_type = 0;
  std::size_t k = 0;
  for (const auto& s : samples) {
    const std::string where = "sample " + std::to_string(k++);
    const Index n = s.mesh.n_nodes();
    if (s.mesh.dim != dim || s.given.rows() != n || s.solution.rows() != n || n == 0)
      throw Error(where,
                  "a mesh of " + std::to_string(dim) +
                      " dimensions, and a row for each of its nodes in what is given and what is "
                      "sought",
                  std::to_string(s.mesh.dim) + " dimensions, " + std::to_string(n) + " nodes, " +
                      std::to_string(s.given.rows()) + " rows given and " +
                      std::to_string(s.solution.rows()) + " of a solution",
                  "Complete the sample, or leave it out.");
    // What a solver would refuse is refused before it is trained on.
    try {
      static_cast<void>(examine(s.mesh, graph.neighbours == 0 && !s.mesh.cells.empty()));
    } catch (const Error& bad) {
      throw Error(where + ", " + bad.where(), bad.expected(), bad.found(), bad.mend());
    }
    given.add(s.given, where + ", given");
    solution.add(s.solution, where + ", solution");
    for (Index i = 0; i < n; ++i)
      for (int d = 0; d < dim; ++d) {
        const auto at = static_cast<std::size_t>(d);
        low[at] = std::min(low[at], s.mesh.point(i)[d]);
        high[at] = std::max(high[at], s.mesh.point(i)[d]);
      }
    cells = cells && !s.mesh.cells.empty();
    typed = typed || !s.mesh.node_type.empty();
    for (const NodeType t : s.mesh.node_type)
      if (t != NodeType::wall) highest_type = std::max(highest_type, static_cast<int>(t));
  }
  given.give(e.input_mean, e.input_deviation);
  solution.give(e.output_mean, e.output_deviation);
  // A given channel that never varies says nothing, and is no obstacle.
  for (float& d : e.input_deviation)
    if (d == 0.0f) d = 1.0f;
  for (std::size_t c = 0; c < e.output_deviation.size(); ++c)
    if (e.output_deviation[c] == 0.0f)
      throw Error("MeshEncoding::of", "a solution that varies",
                  "channel " + std::to_string(c) + " is " + std::to_string(e.output_mean[c]) +
                      " everywhere",
                  "Leave the channel out: there is nothing to learn.");
  e.centre.clear();
  double width = 0;
  for (std::size_t d = 0; d < low.size(); ++d) {
    e.centre.push_back(0.5 * (low[d] + high[d]));
    width = std::max(width, high[d] - low[d]);
  }
  if (!(width > 0) || !std::isfinite(width))
    throw Error("MeshEncoding::of", "meshes of some extent", std::to_string(width),
                "Check the points of the meshes.");
  e.half_width = static_cast<float>(0.5 * width);
  e.lattices = graph.lattices;
  e.neighbours = graph.neighbours > 0 ? graph.neighbours : cells ? 0 : 8;
  e.boundary = typed;
  e.node_types =
      highest_type == 0 ? 0 : std::max(highest_type, static_cast<int>(NodeType::wall)) + 1;
  e.imposed = std::move(imposed);
  e.check_imposed(samples);
  return e;
}

template <typename Samples>
void MeshEncoding::check_imposed(const Samples& samples) const {
  if (imposed.empty()) return;
  check();
  std::size_t k = 0;
  for (const auto& s : samples) {
    const std::string where = "sample " + std::to_string(k++) + ", solution";
    if (static_cast<Index>(s.mesh.node_type.size()) != s.mesh.n_nodes())
      throw Error(where, "a type for every node, since values are imposed by types",
                  std::to_string(s.mesh.node_type.size()) + " types of " +
                      std::to_string(s.mesh.n_nodes()) + " nodes",
                  "Mark the nodes of the boundary with NodeType::wall.");
    for (const ImposedValue& v : imposed)
      for (Index i = 0; i < s.mesh.n_nodes(); ++i) {
        if (s.mesh.node_type[static_cast<std::size_t>(i)] != v.type) continue;
        // Solvers reach their boundary values up to rounding, or to the tolerance of an iteration.
        const float off = std::abs(s.solution(i, v.channel) - v.value);
        if (!(off <= 1e-3f * output_deviation[static_cast<std::size_t>(v.channel)]))
          throw Error(where,
                      std::to_string(v.value) + ", as imposed on channel " +
                          std::to_string(v.channel) + " at nodes of type " +
                          std::to_string(static_cast<int>(v.type)),
                      std::to_string(s.solution(i, v.channel)) + " at node " + std::to_string(i),
                      "Impose what the samples' solutions have.");
      }
  }
}

}  // namespace amq::solver
