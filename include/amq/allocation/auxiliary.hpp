#pragma once
/// @file
/// The auxiliary model: a light network that sees what the main model sees and predicts, for every
/// node, how much the quantization of its rows would hurt.

#include <amq/allocation/rows.hpp>
#include <amq/allocation/score.hpp>
#include <amq/arithmetic/counting.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/core/portable_math.hpp>
#include <amq/models/mp_pde.hpp>
#include <amq/models/network.hpp>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

namespace amq::allocation {

struct AuxiliaryConfig {
  Index hidden = 8, layers = 1;
  int bits = 4;  ///< of its own rows, 1 to 8; weights have 8

  template <typename Self, typename Visit>
  static void each(Self& c, const Visit& visit) {
    visit("hidden", c.hidden);
    visit("layers", c.layers);
    visit("bits", c.bits);
  }
};

/// Which output of an auxiliary model says a point's score: one for every point, or for every layer
/// (PerBlock), or for the whole node.
struct ScoreColumns {
  std::vector<std::size_t> of;     ///< (column of PointScores) output
  std::vector<std::size_t> point;  ///< (output) the first column of PointScores that has it
  bool by_layer = false;

  ScoreColumns() = default;
  /// @throws Error for another number of outputs
  ScoreColumns(const ParameterLayout& layout, Index outputs) {
    const allocation::PointBlocks blocks(layout);
    const std::size_t points = blocks.of.size(), n = static_cast<std::size_t>(outputs);
    by_layer = n != points && n != 1 && n == blocks.count();
    if (n != points && n != 1 && !by_layer)
      throw Error("auxiliary model",
                  "an output for each of " + std::to_string(points) + " points, of " +
                      std::to_string(blocks.count()) + " layers, or one",
                  std::to_string(outputs),
                  "Use the auxiliary model this network was trained with.");
    for (std::size_t c = 0; c < points; ++c) of.push_back(n == 1 ? 0 : by_layer ? blocks.of[c] : c);
    point.assign(n, 0);
    for (std::size_t c = points; c-- > 0;) point[of[c]] = c;
  }
};

/// What auxiliary models of any width run by.
using AuxiliaryScheme = Scheme<Weights<8>, Activations<1, 2, 3, 4, 5, 6, 7, 8>, ByDeviation>;

/// A steady MP-PDE whose outputs are logarithms of scores, one per column (a quantization point, or
/// one for the whole node), centred and scaled by what the columns had in the training set. It runs
/// in integers like the main model, and its cost is part of the budget.
class Auxiliary {
 public:
  using Net = Network<MpPde>;

  /// @param inputs, dim  of the main model
  /// @param columns      scores per node
  /// @throws amq::Error for bits that AuxiliaryScheme has not
  Auxiliary(const AuxiliaryConfig& config, Index inputs, Index dim, Index columns,
            std::uint64_t seed)
      : config_(config),
        net_(net_config(config, inputs, dim, columns), scheme(config), seed),
        centre(static_cast<std::size_t>(columns), 0.0f),
        scale(static_cast<std::size_t>(columns), 1.0f),
        lift(static_cast<std::size_t>(columns), 0.0f) {}

  [[nodiscard]] const AuxiliaryConfig& config() const noexcept { return config_; }
  [[nodiscard]] Net& net() noexcept { return net_; }
  [[nodiscard]] const Net& net() const noexcept { return net_; }
  [[nodiscard]] Index columns() const noexcept { return net_.model.config().outputs; }
  [[nodiscard]] BitPlan plan() const { return BitPlan::uniform(config_.bits); }

  /// BOPs of its pass over a graph.
  [[nodiscard]] Cost cost(const Graph& graph, MatrixView<const float> u,
                          MatrixView<const float> x) const {
    const BitPlan bits = plan();
    BasicCounting a(net_.layout, net_.quantizers, bits);
    net_.model(a, graph, u, x);
    return static_cast<Cost>(a.cost().bops());
  }
  /// What the network should return for a score.
  [[nodiscard]] float target(float score, Index column) const noexcept {
    const auto c = static_cast<std::size_t>(column);
    return (std::log(score + smallest) - centre[c]) / scale[c];
  }
  /// The scores that outputs stand for.
  /// @param outputs  (node, column)
  /// @param to       (node, point)
  void scores(MatrixView<const float> outputs, MatrixView<float> to,
              const ScoreColumns& columns) const {
    // Exponentials take lanes of numbers, so rows are taken together.
    constexpr Index block = 32;
    thread_local std::vector<double> rows;
    const auto n = static_cast<std::size_t>(outputs.cols);
    rows.resize(static_cast<std::size_t>(std::min(block, to.rows)) * n);
    for (Index first = 0; first < to.rows; first += block) {
      const Index here = std::min(block, to.rows - first);
      for (Index i = 0; i < here; ++i) {
        const float* const y = outputs.row(first + i);
        double* const x = rows.data() + static_cast<std::size_t>(i) * n;
        for (std::size_t c = 0; c < n; ++c)
          x[c] = static_cast<double>(
              std::clamp(std::fma(y[c], scale[c], centre[c] + lift[c]), -80.0f, 80.0f));
      }
      portable::exp(std::span(rows).first(static_cast<std::size_t>(here) * n));
      for (Index i = 0; i < here; ++i) {
        const double* const x = rows.data() + static_cast<std::size_t>(i) * n;
        float* const own = to.row(first + i);
        for (std::size_t c = 0; c < columns.of.size(); ++c)
          own[c] = static_cast<float>(x[columns.of[c]]);
      }
    }
  }
  /// Centre and scale of every column from observed scores: (node, column) of some samples.
  void fit_columns(const std::vector<PointScores>& samples, const ScoreColumns& of) {
    const FloatEnvironment own;
    for (Index c = 0; c < columns(); ++c) {
      double n = 0, sum = 0, square = 0;
      for (const auto& s : samples)
        for (Index i = 0; i < s.nodes; ++i) {
          const double v =
              std::log(static_cast<double>(
                           s.view()(i, static_cast<Index>(of.point[static_cast<std::size_t>(c)]))) +
                       static_cast<double>(smallest));
          n += 1, sum += v, square += v * v;
        }
      const double mean = sum / n, variance = std::max(square / n - mean * mean, 1e-4);
      centre[static_cast<std::size_t>(c)] = static_cast<float>(mean);
      scale[static_cast<std::size_t>(c)] = static_cast<float>(std::sqrt(variance));
    }
  }

  static constexpr float smallest = 1e-20f;  ///< keeps the logarithm of a vanished score finite

  [[nodiscard]] static SchemeInfo scheme(const AuxiliaryConfig& c) {
    if (!AuxiliaryScheme::levels::contains(c.bits))
      throw Error("AuxiliaryConfig::bits", "1 to 8", std::to_string(c.bits),
                  "Give the auxiliary model bits of these: 4 are enough.");
    return {AuxiliaryScheme::weight_bits, AuxiliaryScheme::rule{}, {c.bits}};
  }
  /// Of the network it is.
  static MpPdeConfig net_config(const AuxiliaryConfig& c, Index inputs, Index dim, Index columns) {
    MpPdeConfig m;
    m.hidden = c.hidden;
    m.layers = c.layers;
    m.inputs = inputs;
    m.dim = dim;
    m.outputs = columns;
    m.edge_of_net_bits = c.bits;
    return m;
  }

 private:
  AuxiliaryConfig config_;
  Net net_;

 public:
  std::vector<float> centre, scale;  ///< (column) of log scores
  /// (column) log of the mean score over the mean of exp(predicted log score): the network learns
  /// the geometric mean, the budget wants the arithmetic one.
  std::vector<float> lift;
};

/// What the auxiliary model says. It is run in an arithmetic of the caller's, one thread at a time:
/// in integers where it is deployed, simulated where it is trained.
template <typename Arithmetic>
struct LearnedScore {
  const Auxiliary* auxiliary = nullptr;
  Arithmetic* arithmetic = nullptr;  ///< of the auxiliary network
  ScoreColumns columns{};            ///< of the main network

  void operator()(const GraphSample& s, MatrixView<float> to) const {
    const BitPlan bits = auxiliary->plan();
    arithmetic->begin(bits);
    const auto y = forward(auxiliary->net().model, *arithmetic, s);
    auxiliary->scores(y.view(), to, columns);
  }
  [[nodiscard]] Cost cost(const GraphSample& s) const {
    return auxiliary->cost(s.graph, view(s.u), view(s.x));
  }
};

}  // namespace amq::allocation
