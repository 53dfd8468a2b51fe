#pragma once
/// @file
/// Training windows of several steps: a network that will live on its own answers is trained on
/// them.

#include <amq/core/error.hpp>
#include <amq/models/graph_sample.hpp>
#include <amq/train/trainer.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::training {

/// How the samples of trajectories hang together, in the units of the network: the state a step
/// later is u + rise * y + drift in the first channels of u, but for rows that a boundary
/// prescribes, which are those of the next sample.
struct Trajectories {
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  std::vector<float> rise, drift;  ///< (state channel)
  std::vector<std::size_t> next;   ///< (sample) the one a step later, or none
  /// (sample) (node) whether the boundary prescribes the row; null: no row
  std::vector<std::shared_ptr<const std::vector<std::uint8_t>>> prescribed;

  /// @throws amq::Error where an answer is no change of the state, or a step leads to another mesh
  void check(std::span<const GraphSample> samples) const {
    const auto refuse = [](const std::string& expected, const std::string& found) {
      throw Error("Trajectories", expected, found,
                  "Samples of a trajectory follow each other on one mesh, and the network answers "
                  "with the change of the state.");
    };
    if (next.size() != samples.size() || prescribed.size() != samples.size())
      refuse("a next sample and a boundary for each of " + std::to_string(samples.size()),
             std::to_string(next.size()) + " and " + std::to_string(prescribed.size()));
    for (const float r : rise)
      if (!(r > 0)) refuse("rises above 0", std::to_string(r));
    const auto channels = static_cast<Index>(rise.size());
    for (std::size_t k = 0; k < samples.size(); ++k) {
      const GraphSample& s = samples[k];
      if (s.y.cols() != channels || drift.size() != rise.size() || s.u.cols() < channels)
        refuse("a rise and a drift for each of " + std::to_string(s.y.cols()) + " channels",
               std::to_string(rise.size()) + " and " + std::to_string(drift.size()));
      if (prescribed[k] && static_cast<Index>(prescribed[k]->size()) != s.u.rows())
        refuse("a mark for each of " + std::to_string(s.u.rows()) + " nodes",
               std::to_string(prescribed[k]->size()));
      if (next[k] == none) continue;
      if (next[k] >= samples.size())
        refuse("a sample below " + std::to_string(samples.size()), std::to_string(next[k]));
      if (samples[next[k]].u.rows() != s.u.rows())
        refuse(std::to_string(s.u.rows()) + " nodes a step later, too",
               std::to_string(samples[next[k]].u.rows()));
    }
  }
};

/// Pushforward (Brandstetter, Worrall, Welling, "Message passing neural PDE solvers", ICLR 2022,
/// section 3.1): the network walks some steps from a sample by its own answers, without gradients,
/// and is trained on the step from where it has come, whose answer leads back to the truth.
class Unrolling {
 public:
  /// @param most  steps before the one that is trained on: drawn from 0 .. min(most, at_first +
  ///              epoch)
  /// @throws amq::Error for a negative number, and what Trajectories::check() refuses
  Unrolling(std::span<const GraphSample> samples, Trajectories how, std::int64_t most,
            std::int64_t at_first = 0)
      : samples_(samples), how_(std::move(how)), most_(most), at_first_(at_first) {
    if (most < 0 || at_first < 0)
      throw Error("Unrolling", "0 or more steps",
                  std::to_string(most) + ", at first " + std::to_string(at_first),
                  "0 trains on the samples as they are.");
    how_.check(samples);
  }

  /// From sample `at`, as far as its trajectory goes but at most `steps` steps.
  /// @param answer  (sample) -> (node, state channel) what the network says
  /// @param walked  the state it has come to, and the change from there to the true state after
  template <typename Answer>
  void walk(std::size_t at, std::int64_t steps, const Answer& answer, GraphSample& walked) const {
    walked = samples_[at];
    for (; steps > 0 && how_.next[at] != Trajectories::none; --steps) {
      const GraphSample& after = samples_[how_.next[at]];
      advance(answer(std::as_const(walked)), how_.prescribed[at].get(), after, walked);
      at = how_.next[at];
    }
  }

  /// What is trained on in a turn.
  /// @param answer  as in walk()
  /// @param room    of this turn's lane; must outlive the pass
  template <typename Answer>
  const GraphSample& operator()(Turn& turn, const Answer& answer, GraphSample& room) const {
    const std::int64_t most = std::min(most_, at_first_ + turn.epoch);
    const auto steps =
        static_cast<std::int64_t>(turn.random.uniform() * static_cast<double>(most + 1));
    if (steps == 0 || how_.next[turn.sample] == Trajectories::none) return samples_[turn.sample];
    walk(turn.sample, steps, answer, room);
    return room;
  }

 private:
  void advance(MatrixView<const float> y, const std::vector<std::uint8_t>* prescribed,
               const GraphSample& after, GraphSample& s) const {
    const auto channels = static_cast<Index>(how_.rise.size());
    for (Index i = 0; i < s.u.rows(); ++i) {
      const bool given = prescribed && (*prescribed)[static_cast<std::size_t>(i)] != 0;
      for (Index c = 0; c < channels; ++c) {
        const auto k = static_cast<std::size_t>(c);
        const float u = given ? after.u(i, c) : s.u(i, c) + how_.rise[k] * y(i, c) + how_.drift[k];
        // after.u, which may carry noise, plus its answer is the true state a step later.
        s.y(i, c) = after.y(i, c) + (after.u(i, c) - u) / how_.rise[k];
        s.u(i, c) = u;
      }
    }
  }

  std::span<const GraphSample> samples_;
  Trajectories how_;
  std::int64_t most_, at_first_;
};

}  // namespace amq::training
