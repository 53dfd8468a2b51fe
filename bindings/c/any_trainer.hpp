#pragma once
/// @file
/// Training on a user's samples, of a network that is named at run time: what the tool and Python
/// stand on. Each network is compiled once, in trainer.cpp.in; who only solves links none of them.

#include <amq/arithmetic/quantizers.hpp>
#include <amq/train/train_options.hpp>

#include <cstddef>
#include <functional>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amq::any {

using namespace training;

/// What becomes of the float network: train_adaptive(), train_uniform() or quantize().
enum class Kind { adaptive, uniform, quantized };

/// What a network's trainer is asked for.
struct TrainingWishes {
  Kind kind = Kind::adaptive;
  SchemeInfo scheme;
  std::map<std::string, double> sizes{};  ///< of the network, where they are not its own
  TrainOptions options{};
  std::vector<std::string> given_names{}, solution_names{};  ///< (channel), or empty
};

/// What the solver's answers to held-out samples cost, and how wrong they are.
struct HeldOut {
  double mean_bits = 0;
  double error = 0;       ///< mean over samples of |answer - solution| / |solution|
  double bops_share = 0;  ///< bit operations over those of float
};

struct TrainingOutcome {
  std::string network, scheme;
  Index parameters = 0;
  double bytes = 0;
  std::size_t training = 0, validation = 0;  ///< samples
  /// Of the float network, and of who says the mean of every channel. NaN: nothing was held out.
  double float_error = std::numeric_limits<double>::quiet_NaN(), mean_error = float_error;
  std::vector<HeldOut> budgets;  ///< empty: nothing was held out
  LearningCurve float_curve, curve;
};

/// A network that was compiled.
struct Trainer {
  std::string_view name;                ///< as its header is called: "mp_pde"
  std::vector<std::string> (*sizes)();  ///< names of its settings that samples do not decide
  TrainingOutcome (*train)(std::span<const Sample> samples, const TrainingWishes& wishes,
                           const std::string& to);
};
/// All of them.
[[nodiscard]] std::span<const Trainer> trainers();

/// By name and text, as people write them: {"bits", "2,4,8"}, {"rate", "one_cycle"}.
using NamedOption = std::pair<std::string, std::string>;

/// What a call says beside its options.
struct TrainingCall {
  std::string network = "transolver";  ///< in any case, with or without underscores
  std::vector<NamedOption> options{};  ///< see option_names(); sizes of the network by their names
  std::vector<std::string> given_names{}, solution_names{};
  std::vector<std::string> sample_names{};  ///< what errors call them; empty: by their numbers
  ProgressCallback progress{};
  /// Asked by the caller's thread between two passes, and may throw, to stop: a host's Ctrl-C.
  std::function<void()> interrupt{};
  bool mark_boundary = false;  ///< nodes on a boundary of plane cells become walls
};
/// Those of every network.
[[nodiscard]] std::vector<std::string> option_names();

/// Trains in float, then as the kind says, and writes the solver's file.
/// @param samples  whose nodes get types, where the boundary is to be marked
/// @throws amq::Error before anything is trained for unknown networks, options and sizes (it lists
///         those there are) and for samples that cannot be used, by their names; else as
///         amq::train and its sisters
TrainingOutcome train(std::span<Sample> samples, const TrainingCall& call, const std::string& to);

}  // namespace amq::any
