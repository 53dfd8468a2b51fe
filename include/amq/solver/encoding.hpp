#pragma once
/// @file
/// From a mesh and a field, in the user's units, to what a network sees, and back.

#include <amq/core/error.hpp>
#include <amq/mesh/edges.hpp>
#include <amq/mesh/multi_mesh.hpp>
#include <amq/mesh/neighbours.hpp>
#include <amq/models/graph_sample.hpp>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

namespace amq {

/// (node, channel), in the user's units.
using Field = Matrix;

/// Where edges of a graph come from.
struct GraphOptions {
  std::vector<int> lattices{4, 8};  ///< of multi_mesh_edges(); empty: the sides of the cells alone
  int neighbours = 0;  ///< edges from so many nearest points; 0: from cells, or 8 where none are
};

/// Fixed before training and kept in the model file.
struct MeshEncoding {
  std::vector<float> input_mean{0}, input_deviation{1};    ///< (given channel)
  std::vector<float> output_mean{0}, output_deviation{1};  ///< (solution channel)
  std::vector<float> centre{0.5f, 0.5f};                   ///< (dim) of the domain
  float half_width = 0.5f;    ///< of the domain: positions become -1 .. 1
  std::vector<int> lattices;  ///< of multi_mesh_edges(); empty: the sides of the cells alone
  int neighbours = 0;         ///< edges from so many nearest points, for clouds; 0: from the cells
  int node_types = 0;         ///< channels of the one-hot type, from NodeType::normal on; 0: none

  /// Found from samples: mean and deviation of every channel, the box that holds all points,
  /// whether nodes are of more types than inside and wall.
  /// @param samples  each with mesh, given (node, channel) and solution (node, channel)
  /// @throws amq::Error for no samples, samples of different channels or dimensions, numbers that
  /// are
  ///         not finite, and a solution that is the same everywhere
  template <typename Samples>
  [[nodiscard]] static MeshEncoding of(const Samples& samples, const GraphOptions& graph = {});

  /// Given channels, one that marks the boundary, the type.
  [[nodiscard]] Index inputs() const noexcept {
    return static_cast<Index>(input_mean.size()) + 1 + node_types;
  }
  [[nodiscard]] Index outputs() const noexcept { return static_cast<Index>(output_mean.size()); }

  [[nodiscard]] Graph graph(const Mesh& mesh) const {
    const Graph sides =
        neighbours > 0 ? knn_edges(mesh.points, mesh.dim, neighbours) : cell_edges(mesh);
    return lattices.empty() ? sides : multi_mesh_edges(sides, mesh.points, mesh.dim, lattices);
  }
  /// Everything but the solution.
  /// @param a  (node, given channel)
  /// @throws amq::Error for a field of other shape, or numbers that are not finite
  [[nodiscard]] GraphSample encode(const Mesh& mesh, MatrixView<const float> a) const {
    const Index n = mesh.n_nodes();
    if (mesh.dim != static_cast<int>(centre.size()) ||
        static_cast<Index>(mesh.node_type.size()) != n)
      throw Error(
          "solver",
          "a mesh of " + std::to_string(centre.size()) + " dimensions with a type for every node",
          std::to_string(mesh.dim) + " dimensions and " + std::to_string(mesh.node_type.size()) +
              " types",
          "Mark the nodes of the boundary with NodeType::wall.");
    GraphSample s;
    s.u = Matrix::Zero(n, inputs());
    s.x.resize(n, mesh.dim);
    const Index channels = static_cast<Index>(input_mean.size());
    for (Index i = 0; i < n; ++i) {
      const NodeType type = mesh.node_type[static_cast<std::size_t>(i)];
      s.u(i, channels) = type == NodeType::normal ? 0.0f : 1.0f;
      if (static_cast<int>(type) < node_types)
        s.u(i, channels + 1 + static_cast<Index>(type)) = 1.0f;
      for (int k = 0; k < mesh.dim; ++k)
        s.x(i, k) = (static_cast<float>(mesh.point(i)[k]) - centre[static_cast<std::size_t>(k)]) /
                    half_width;
    }
    encode_given(a, s);
    s.graph = graph(mesh);
    return s;
  }
  /// Another given field on the mesh of a sample, e.g. the next state of a flow.
  /// @throws amq::Error for a field of other shape, or numbers that are not finite
  void encode_given(MatrixView<const float> a, GraphSample& s) const {
    const Index n = s.u.rows(), channels = static_cast<Index>(input_mean.size());
    if (a.rows != n || a.cols != channels)
      throw Error("solver",
                  "a field of " + std::to_string(n) + " nodes and " + std::to_string(channels) +
                      " channels",
                  std::to_string(a.rows) + " nodes and " + std::to_string(a.cols) + " channels",
                  "Give one row per node of the mesh.");
    for (Index i = 0; i < n; ++i)
      for (Index c = 0; c < channels; ++c) {
        const auto k = static_cast<std::size_t>(c);
        if (!std::isfinite(a(i, c)))
          throw Error("solver, given field", "finite numbers",
                      std::to_string(a(i, c)) + " at node " + std::to_string(i),
                      "Repair the field before it is passed on.");
        s.u(i, c) = (a(i, c) - input_mean[k]) / input_deviation[k];
      }
  }
  /// The solution as the network should return it. @param u  (node, solution channel)
  void encode_solution(MatrixView<const float> u, GraphSample& s) const {
    if (u.rows != s.u.rows() || u.cols != outputs())
      throw Error(
          "encode_solution",
          std::to_string(s.u.rows()) + " nodes and " + std::to_string(outputs()) + " channels",
          std::to_string(u.rows) + " and " + std::to_string(u.cols),
          "Give one row per node of the mesh.");
    s.y.resize(u.rows, u.cols);
    for (Index i = 0; i < u.rows; ++i)
      for (Index c = 0; c < u.cols; ++c) {
        const auto k = static_cast<std::size_t>(c);
        s.y(i, c) = (u(i, c) - output_mean[k]) / output_deviation[k];
      }
  }
  /// What an answer adds to the given channels of the next state, where the solution is the change
  /// of what is given: rise * y + drift, in the network's units. See Trajectories.
  [[nodiscard]] std::vector<float> rise() const { return in_states(output_deviation); }
  [[nodiscard]] std::vector<float> drift() const { return in_states(output_mean); }
  [[nodiscard]] Field decode(MatrixView<const float> y) const {
    Field u(y.rows, y.cols);
    for (Index i = 0; i < y.rows; ++i)
      for (Index c = 0; c < y.cols; ++c) {
        const auto k = static_cast<std::size_t>(c);
        u(i, c) = std::fma(y(i, c), output_deviation[k], output_mean[k]);
      }
    return u;
  }

 private:
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
MeshEncoding MeshEncoding::of(const Samples& samples, const GraphOptions& graph) {
  if (std::size(samples) == 0)
    throw Error("MeshEncoding::of", "samples", "none", "Give the samples of the training.");
  MeshEncoding e;
  detail::ChannelMoments given, solution;
  const int dim = std::begin(samples)->mesh.dim;
  std::vector<double> low(static_cast<std::size_t>(dim), std::numeric_limits<double>::max()),
      high(static_cast<std::size_t>(dim), std::numeric_limits<double>::lowest());
  bool cells = true;
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
    given.add(s.given, where + ", given");
    solution.add(s.solution, where + ", solution");
    for (Index i = 0; i < n; ++i)
      for (int d = 0; d < dim; ++d) {
        const auto at = static_cast<std::size_t>(d);
        low[at] = std::min(low[at], s.mesh.point(i)[d]);
        high[at] = std::max(high[at], s.mesh.point(i)[d]);
      }
    cells = cells && !s.mesh.cells.empty();
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
    e.centre.push_back(static_cast<float>(0.5 * (low[d] + high[d])));
    width = std::max(width, high[d] - low[d]);
  }
  if (!(width > 0) || !std::isfinite(width))
    throw Error("MeshEncoding::of", "meshes of some extent", std::to_string(width),
                "Check the points of the meshes.");
  e.half_width = static_cast<float>(0.5 * width);
  e.lattices = graph.lattices;
  e.neighbours = graph.neighbours > 0 ? graph.neighbours : cells ? 0 : 8;
  e.node_types =
      highest_type == 0 ? 0 : std::max(highest_type, static_cast<int>(NodeType::wall)) + 1;
  return e;
}

}  // namespace amq
