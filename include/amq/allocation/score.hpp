#pragma once
/// @file
/// What an allocator is told about a row: how much an error there would cost.
///
// clang-format off
/// | score            | large where                          | costs                           |
/// |------------------|--------------------------------------|---------------------------------|
/// | LearnedScore     | the auxiliary model says so          | its pass, paid from the budget  |
/// | SensitivityScore | the output moves with the row        | passes backwards: for studies   |
/// | CoefficientJump  | a given channel jumps to a neighbour | next to nothing                 |
/// | Flat             | everywhere alike                     | nothing                         |
// clang-format on
///
/// A score of one's own is one struct with one function:
///
///     struct NearTheWall {
///       void operator()(const amq::models::GraphSample&, amq::MatrixView<float> to) const {...}
///     };

#include <amq/allocation/problem.hpp>
#include <amq/core/portable_math.hpp>
#include <amq/mesh/indicators.hpp>
#include <amq/models/graph_sample.hpp>

#include <algorithm>
#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace amq::allocation {

/// score(sample, to) writes a number for every node at every quantization point.
/// - `to` is (node, column), zero before; columns are the points whose bits are chosen, in the
///   order of PointScores: see PointScores::points.
/// - Numbers are finite and at least 0: the expected squared change of the output when the row is
///   quantized at unit distortion. Only their ratio to the column's mean counts, so any positive
///   unit will do; 0 keeps a row at the cheapest level. A NaN is refused where bits are chosen.
/// - An edge's row counts for its receiver, a cluster's in equal shares for its members.
/// - The sample's solution `y` is not there when a solver asks.
/// - The same sample gives the same numbers: bits are part of the answer.
/// cost(sample), where there is one, is what scoring costs in BOPs; the budget pays for it.
template <typename S>
concept score = requires(const S s, const GraphSample& sample, MatrixView<float> to) {
  { s(sample, to) } -> std::same_as<void>;
};

/// BOPs of scoring a sample; 0 for a score that does not say.
template <score S>
[[nodiscard]] Cost cost_of(const S& s, const GraphSample& sample) {
  if constexpr (requires {
                  { s.cost(sample) } -> std::convertible_to<Cost>;
                })
    return s.cost(sample);
  else
    return 0;
}

/// All rows alike: bits differ by quantization point alone, after the measured curves.
struct Flat {
  void operator()(const GraphSample&, MatrixView<float> to) const {
    std::fill_n(to.data, to.rows * to.cols, 1.0f);
  }
};

/// The largest difference of a given channel to a neighbour, and `least` everywhere.
struct CoefficientJump {
  Index channel = -1;        ///< of the sample's inputs; -1: the last
  bool of_logarithm = true;  ///< the channel holds the coefficient's logarithm
  float least = 0.1f;

  /// @throws Error where the sample has no such channel
  void operator()(const GraphSample& s, MatrixView<float> to) const {
    const Index from = channel < 0 ? s.u.cols() - 1 : channel;
    if (from < 0 || from >= s.u.cols())
      throw Error("CoefficientJump", "one of " + std::to_string(s.u.cols()) + " input channels",
                  std::to_string(channel), "Name the channel of the coefficient.");
    std::vector<double> coefficient;
    for (Index i = 0; i < s.u.rows(); ++i) coefficient.push_back(static_cast<double>(s.u(i, from)));
    if (of_logarithm) portable::exp(coefficient);
    const auto jump = coefficient_jump(s.graph, coefficient);
    for (Index i = 0; i < to.rows; ++i)
      std::fill_n(to.row(i), to.cols,
                  least + static_cast<float>(jump[static_cast<std::size_t>(i)]));
  }
};

/// Any score, kept; may be copied. Empty: none was given.
class AnyScore {
 public:
  AnyScore() = default;
  template <score S>
  requires(!std::same_as<S, AnyScore>) AnyScore(S s) {  // NOLINT: any score is one
    const auto kept = std::make_shared<const S>(std::move(s));
    score_ = [kept](const GraphSample& sample, MatrixView<float> to) { (*kept)(sample, to); };
    cost_ = [kept](const GraphSample& sample) { return cost_of(*kept, sample); };
  }
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(score_); }
  /// @throws Error where none was given
  void operator()(const GraphSample& sample, MatrixView<float> to) const {
    if (!score_)
      throw Error("allocation", "a score", "none", "Give the allocator a score, or scores.");
    score_(sample, to);
  }
  [[nodiscard]] Cost cost(const GraphSample& sample) const { return cost_ ? cost_(sample) : 0; }

 private:
  std::function<void(const GraphSample&, MatrixView<float>)> score_;
  std::function<Cost(const GraphSample&)> cost_;
};

static_assert(score<Flat> && score<CoefficientJump> && score<AnyScore>);

}  // namespace amq::allocation
