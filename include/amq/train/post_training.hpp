#pragma once
/// @file
/// Post-training quantization, of networks on grids and on meshes: float files, and the report of
/// what comes back.

#include <amq/allocation/product_times.hpp>
#include <amq/arithmetic/fixed.hpp>
#include <amq/arithmetic/float32.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/ops/product_bits.hpp>
#include <amq/solver/network_file.hpp>
#include <amq/solver/solution.hpp>
#include <amq/train/bit_search.hpp>
#include <amq/train/layer_errors.hpp>
#include <amq/train/run_folder.hpp>
#include <amq/train/train_options.hpp>
#include <amq/train/weightless.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace amq::training {

/// A product of the network, what it costs in a pass over the first sample, and what it spoils.
struct QuantizedLayer {
  std::string weight, point;
  int weight_bits = 0;
  double row_bits = 0;  ///< mean
  double bytes = 0;     ///< of packed weights
  double bops = 0;
  /// See LayerError. Of a product without weights of_rows is what the codes of both sides change.
  double of_weights = 0, of_rows = 0;
  double share = 0;         ///< of the sum of squares of all layers' errors: 0 .. 1
  double milliseconds = 0;  ///< on this machine and one thread; in all no more than the pass's
};

struct QuantizeReport {
  std::vector<QuantizedLayer> layers;
  double error = 0;  ///< |integers' answers - float's| / |float's|, in the user's units
  double bytes = 0, float_bytes = 0;  ///< codes, steps and biases; parameters in float32
  double bops = 0, float_bops = 0;    ///< of a pass
  double milliseconds = 0;            ///< of a pass, measured; layers and all between them
  std::string scheme;
  double float_difference = 0;  ///< |amq's float answer - trainer's| / |trainer's|
};

namespace detail {

/// The configuration of a float file. @throws amq::Error for a file that is not one of this model
template <typename Model>
typename Model::Config begin_float_file(const solver::detail::NetworkFile& file) {
  file.require_known_format();
  file.same("amq.model", std::string(Model::name), "Name the model the file holds.");
  if (!file.has("amq.float"))
    throw Error(file.f.path, "a float file", "one that is quantized already",
                "Load it, or export the float network again.");
  return file.parsed<typename Model::Config>("amq.config");
}
/// Its parameters. @param wanted  tensors beside them
template <typename Model>
std::unique_ptr<Network<Model>> float_network(const solver::detail::NetworkFile& file,
                                              const typename Model::Config& config,
                                              std::vector<safetensors::Expected> wanted) {
  ParameterLayout layout;
  const Model model(layout, config);
  solver::detail::expect_layout(wanted, "", layout);
  safetensors::expect(file.f, wanted);
  auto net = std::make_unique<Network<Model>>(config, QuantizeOptions{}.scheme, 0);
  Parameters values;
  values.values.resize(static_cast<std::size_t>(layout.size()));
  solver::detail::get_parameters(file.f, "", layout, values);
  net->take_weights(layout, values);
  net->reset_quantizers();
  return net;
}
inline Field float_field(const safetensors::File& f, const char* name) {
  const auto v = f.at(name).as<float>();
  const auto& s = f.at(name).shape;
  return Eigen::Map<const Field>(v.data(), s[0], s[1]);
}
/// |own - theirs| / |theirs|. @throws amq::Error above the tolerance, and for answers of other
/// sizes
inline double float_difference(const safetensors::File& f, const Field& own, const Field& theirs,
                               double tolerance) {
  if (own.rows() != theirs.rows() || !theirs.allFinite())
    throw Error(f.path + ", self-test", "a finite answer at every point of it", "another",
                "Export the network again.");
  const double difference = relative_distance({own}, {theirs});
  if (!(difference <= tolerance))
    throw Error(f.path + ", self-test",
                "the answer of who trained it, within " + number_text(tolerance),
                "a difference of " + number_text(difference),
                "The module computes something else than its names say: compare its text with "
                "the supported one.");
  return difference;
}

/// Measures the pass and its layers. Alone, products take as long as they do or, where a layer is
/// run as one, longer: then all are made shorter alike, so that they fill the pass.
/// @param known  milliseconds of the pass that were measured before, or 0
template <typename Model, typename Example>
void measure_layers(const Network<Model>& net, const Example& e, int bits, const PassCost& cost,
                    const allocation::RowTimesOptions& o, double known, QuantizeReport& r) {
  const auto times = allocation::measure_product_times(net.layout, net.quantizers, net.parameters,
                                                       cost, {bits}, o, false);
  const double pass = pass_milliseconds(net, e, bits, o);
  const auto least = weightless_seconds(
      net.layout, net.parameters, WeightlessProducts::all, o,
      [&](WeightlessProducts& a) { static_cast<void>(forward_sample(net.model, a, e)); });
  double sum = 0;
  std::size_t next = 0;
  for (std::size_t k = 0; k < times.size(); ++k) {
    QuantizedLayer& l = r.layers[k];
    l.milliseconds = is_weightless(net.layout, l.weight, l.point) ? 1e3 * least[next++]
                                                                  : times[k].milliseconds.front();
    sum += l.milliseconds;
  }
  r.milliseconds = known > 0 ? std::min(known, pass) : pass;
  if (sum > r.milliseconds)
    for (QuantizedLayer& l : r.layers) l.milliseconds *= r.milliseconds / sum;
}

/// What a search for bits ends with.
template <typename Solver>
struct PostTraining {
  Solver solver;
  QuantizeReport report;
  std::vector<double> mean_bits;  ///< its levels
};

/// @param problems  one or more
/// @throws amq::Error for an error that 16 bits do not reach, costs that 2 bits do not, and both
///         where they do not agree
template <typename File, typename Problem>
auto quantized_after_training(const File& from, std::span<const Problem> problems,
                              const QuantizeOptions& o) {
  const FloatEnvironment own;
  using Model = typename File::Model;
  using Solver = typename File::Solver;
  if (problems.empty())
    throw Error("quantize", "samples to fit steps to", "none", "Give a few of the training's.");
  for (const auto& [what, bound, unit] : {std::tuple{"error", o.error, "a share of the answers"},
                                          {"bytes", o.bytes, "a number of bytes"},
                                          {"bops", o.bops, "a number of bit operations"},
                                          {"milliseconds", o.milliseconds, "a time of a pass"}})
    if (!(bound >= 0) || !std::isfinite(bound))
      throw Error(std::string("quantize, ") + what, std::string("0, or ") + unit,
                  number_text(bound), "0 is no bound.");
  BitSearch<File, Problem> search(from, problems, o);
  if (o.error > 0) search.keep_error();
  const bool gave_way = o.most().any() && search.keep_cost();
  // A time that holds was measured with the bits there are.
  if (o.error > 0 && !gave_way && o.milliseconds == 0) search.spend_error();
  auto& best = search.best();
  if (o.error > 0 && best.error > o.error)
    throw Error("quantize, error",
                "an error that is found within these costs, " + number_text(best.error),
                number_text(o.error), "Allow a larger one, or higher costs.");

  const Network<Model>& net = best.solver->net();
  QuantizeReport r;
  r.error = best.error;
  r.scheme = search.scheme().name();
  r.float_difference = from.difference;
  r.bytes = best.solver->model_bytes();
  for (std::size_t k = 0; k < net.quantizers.first_entry(); ++k)
    r.float_bytes += 4.0 * static_cast<double>(net.layout.entries()[k].size());
  const int bits = search.level();
  const auto& few = search.few();
  const PassCost cost = counted(net, few.front(), bits);
  r.bops = cost.bops();
  r.float_bops = cost.float_bops();
  for (const ProductCost& p : cost.products)
    r.layers.push_back({p.weight, p.point, p.weight_bits, p.mean_bits, p.weight_bytes, p.bops});
  if (bits < 16 || search.mixed()) {  // rows of 16 bits are what others are compared with
    double sum = 0;
    const auto errors = layer_errors(net, few, bits);
    const auto weightless = weightless_errors(net, few);
    std::size_t next = 0;
    for (std::size_t k = 0; k < errors.size(); ++k) {
      QuantizedLayer& l = r.layers[k];
      l.of_weights = errors[k].of_weights;
      l.of_rows =
          is_weightless(net.layout, l.weight, l.point) ? weightless[next++] : errors[k].of_rows;
      l.share = l.of_weights * l.of_weights + l.of_rows * l.of_rows;
      sum += l.share;
    }
    for (QuantizedLayer& l : r.layers) l.share = sum > 0 ? l.share / sum : 0;
  }
  measure_layers(net, few.front(), bits, cost, o.times, best.milliseconds, r);
  PostTraining<Solver> made{std::move(*best.solver), std::move(r), {}};
  for (const int b : search.scheme().levels) made.mean_bits.push_back(b);
  return made;
}

}  // namespace detail
}  // namespace amq::training
