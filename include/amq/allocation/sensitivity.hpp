#pragma once
/// @file
/// How much a row's quantization noise hurts: what a score should predict.

#include <amq/allocation/rows.hpp>
#include <amq/allocation/score.hpp>
#include <amq/arithmetic/training.hpp>
#include <amq/core/random.hpp>
#include <amq/models/network.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace amq::allocation {

/// Adds to `scores`, for every adaptive point met in the pass that `a` has just carried backwards,
///   s_i = variance_i * sum_k (dL/dx_ik)^2, summed over the rows an owner has,
/// which times the distortion D(b) of a unit-variance row is the expected squared change of L when
/// the row is quantized to b bits (noise of one row white and independent of the others').
/// With L = <v, output> and v random signs, the mean over v is the expected squared change of the
/// whole output (Hutchinson); with L the training loss it is the Fisher-like gradient score.
template <typename T>
void add_sensitivity(const BasicTraining<T>& a, Tape<T>& tape, const RowOwners& owners,
                     PointScores& scores, double weight = 1) {
  const auto view = scores.view();
  const Graph& graph = *owners.graph;
  const std::vector<Index> members = owners.members();
  std::vector<float> of_cluster(members.size());
  for (const auto& visit : a.visits()) {
    const int column = scores.column_of_point[to_index(visit.point)];
    const auto g = tape.grad(visit.out);
    if (column < 0 || !g.data) continue;
    const auto x = tape[visit.in];
    const RowKind kind = a.kind_of(visit.point);
    std::fill(of_cluster.begin(), of_cluster.end(), 0.0f);
    const auto score = [&](T power, T slope) {
      return static_cast<float>(weight * static_cast<double>(power) * static_cast<double>(slope) /
                                static_cast<double>(x.cols));
    };
    if (visit.rows) {  // edges that were never stored
      for (Index e = 0; e < graph.n_edges(); ++e)
        view(graph.receiver[static_cast<std::size_t>(e)], column) +=
            score(visit.rows->power[e], visit.rows->slope[e]);
      continue;
    }
    for (Index r = 0; r < x.rows; ++r) {
      const T* xr = x.row(r);
      const T* gr = g.row(r);
      T mean = 0, power = 0, slope = 0;
      for (Index k = 0; k < x.cols; ++k) mean += xr[k];
      mean /= static_cast<T>(x.cols);
      for (Index k = 0; k < x.cols; ++k) {
        power += (xr[k] - mean) * (xr[k] - mean);
        slope += gr[k] * gr[k];
      }
      const auto row = static_cast<std::size_t>(r);
      if (kind == RowKind::cluster)
        of_cluster[row] =
            members[row] > 0 ? score(power, slope) / static_cast<float>(members[row]) : 0.0f;
      else
        view(kind == RowKind::edge ? graph.receiver[row] : r, column) += score(power, slope);
    }
    if (kind == RowKind::cluster)
      for (Index i = 0; i < owners.n_nodes(); ++i)
        view(i, column) +=
            of_cluster[static_cast<std::size_t>(owners.cluster_of[static_cast<std::size_t>(i)])];
  }
}

/// A pass, and backwards from an output whose gradient is random signs.
/// @param a     of the network
/// @param plan  null: rows stay as they are
template <typename Model>
void back_from_signs(const Network<Model>& net, BasicTraining<float>& a, const GraphSample& s,
                     const BitPlan* plan, Random& random) {
  a.begin({&net.parameters, nullptr, plan});
  const auto y = forward(net.model, a, s);
  const MatrixView<const float> out = a[y];
  Matrix signs(out.rows, out.cols);
  for (Index i = 0; i < signs.size(); ++i) signs.data()[i] = random.uniform() < 0.5 ? -1.0f : 1.0f;
  a.tape().backward(y.ref, view(std::as_const(signs)));
}

/// Squared Jacobian of the output times row power, by `probes` random sign vectors.
template <typename Model>
[[nodiscard]] PointScores sensitivity_of(const Network<Model>& net, BasicTraining<float>& a,
                                         const GraphSample& s, const BitPlan* plan, Random& random,
                                         int probes) {
  PointScores scores(net.layout, s.graph.n_nodes());
  for (int k = 0; k < probes; ++k) {
    back_from_signs(net, a, s, plan, random);
    add_sensitivity(a, a.tape(), s, scores, 1.0 / probes);
  }
  return scores;
}

/// What an oracle knows: the sensitivity of the sample itself, in float, by passes backwards. Each
/// call makes a tape.
template <typename Model>
struct SensitivityScore {
  const Network<Model>* net = nullptr;  ///< outlives the score
  int probes = 8;
  std::uint64_t seed = 0;

  void operator()(const GraphSample& s, MatrixView<float> to) const {
    BasicTraining<float> a(net->layout, net->quantizers);
    Random random(seed);
    const PointScores seen = sensitivity_of(*net, a, s, nullptr, random, probes);
    std::copy(seen.values.begin(), seen.values.end(), to.data);
  }
};

}  // namespace amq::allocation
