#pragma once
/// @file
/// Post-training quantization, of networks on grids and on meshes: what is asked for, what comes
/// back, and the search for bits that keep the answers.

#include <amq/allocation/product_times.hpp>
#include <amq/arithmetic/fixed.hpp>
#include <amq/arithmetic/float32.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/ops/product_bits.hpp>
#include <amq/solver/network_file.hpp>
#include <amq/solver/solution.hpp>
#include <amq/train/layer_errors.hpp>
#include <amq/train/quantized_network.hpp>
#include <amq/train/run_folder.hpp>
#include <amq/train/train_options.hpp>
#include <amq/train/weightless.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::training {

struct QuantizeOptions {
  SchemeInfo scheme{8, ByRange{}, {8}};
  RangeRule ranges = RangeRule::least_squares;
  std::map<std::string, int> weight_bits{};  ///< of weights that have others than the scheme's
  /// |change of the answers| / |answers| that the integers may have on the samples. Weights then
  /// have 4 bits where that spoils least, as many as the bound allows; rows and weights have 16
  /// where the scheme does not reach it. 0: the scheme as it is. With rows of 16 bits the last
  /// layers' rows, which the model keeps apart, have them, too, and attention is in float.
  double error = 0;
  /// Instead: most bytes of the network as it is deployed. Weights then have fewer bits of 8, 4 and
  /// 2 where a byte saved spoils least, until it is small enough. 0: no limit.
  double bytes = 0;
  /// How milliseconds are measured; `rows` are those of the first sample.
  allocation::RowTimesOptions times{};
};

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

inline double relative_change(const std::vector<Field>& a, const std::vector<Field>& b) {
  double change = 0, size = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    change += static_cast<double>((a[k] - b[k]).squaredNorm());
    size += static_cast<double>(b[k].squaredNorm());
  }
  return size > 0 ? std::sqrt(change / size) : 0;
}

/// What each weight spoils alone at `bits`, in the order of the layout's weights.
template <typename Model, typename Example>
std::vector<double> weight_changes(const Network<Model>& from, const std::vector<Example>& few,
                                   int bits) {
  const auto answers = [&](const Parameters& p) {
    Float32 pass(from.layout, p);
    std::vector<Field> all;
    for (const Example& e : few) all.emplace_back(map(forward_sample(from.model, pass, e).view()));
    return all;
  };
  Network<Model> narrow(from.model.config(), {bits, ByRange{}, {8}}, 0);
  for (const WeightEntry& w : from.layout.weights()) narrow.layout.fix_weight_bits(w.name, bits);
  narrow.take_weights(from.layout, from.parameters);
  narrow.quantizers.fit_weights(narrow.layout, narrow.parameters);
  const Parameters decoded = decoded_weights(narrow.layout, narrow.quantizers, narrow.parameters);
  const auto exact = answers(from.parameters);
  std::vector<double> all;
  for (const WeightEntry& w : narrow.layout.weights()) {
    Parameters p = from.parameters;
    for (const WeightPart& part : w.parts) {
      const auto& to = from.layout.entry(part.weight);
      const auto& e = narrow.layout.entry(part.weight);
      std::copy_n(decoded.values.begin() + e.offset, e.size(), p.values.begin() + to.offset);
    }
    all.push_back(relative_change(answers(p), exact));
  }
  return all;
}

/// Bits of weights, fewer where a byte saved spoils least, until so many bytes are saved.
/// @param bits   that weights have been given by name, which they keep
/// @param bytes  of the network, @param most  that are allowed
/// @throws amq::Error where 2 bits are not few enough
template <typename Model, typename Example>
std::map<std::string, int> bits_within_bytes(const Network<Model>& from,
                                             const std::vector<Example>& few, int scheme_bits,
                                             std::map<std::string, int> bits, double bytes,
                                             double most) {
  const auto& weights = from.layout.weights();
  struct Steps {
    std::size_t weight = 0, taken = 0;  // down the ladder
  };
  std::vector<int> ladder{scheme_bits};
  for (const int b : {8, 4, 2})
    if (b < scheme_bits) ladder.push_back(b);
  std::vector<std::vector<double>> changes;  // (step of the ladder)(weight) squared
  for (std::size_t j = 0; j < ladder.size(); ++j) {
    changes.emplace_back(weights.size(), 0.0);
    if (j == 0) continue;
    changes[j] = weight_changes(from, few, ladder[j]);
    for (double& c : changes[j]) c *= c;
  }
  std::vector<Steps> all;
  for (std::size_t k = 0; k < weights.size(); ++k)
    if (!bits.contains(weights[k].name) && weights[k].fixed_bits == 0) all.push_back({k});
  const auto saved = [&](const Steps& s) {
    const WeightEntry& w = weights[s.weight];
    return static_cast<double>(w.out * w.in) * (ladder[s.taken] - ladder[s.taken + 1]) / 8.0;
  };
  while (bytes > most) {
    Steps* best = nullptr;
    double least = 0;
    for (Steps& s : all) {
      if (s.taken + 1 == ladder.size()) continue;
      const double price = (changes[s.taken + 1][s.weight] - changes[s.taken][s.weight]) / saved(s);
      if (best && price >= least) continue;
      best = &s;
      least = price;
    }
    if (!best)
      throw Error("quantize, bytes",
                  number_text(bytes) + " or more, which weights of " + number_text(ladder.back()) +
                      " bits take",
                  number_text(most), "Allow more, or train a smaller network.");
    bytes -= saved(*best);
    bits[weights[best->weight].name] = ladder[++best->taken];
  }
  return bits;
}

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
  const double difference = relative_change({own}, {theirs});
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
template <typename Model, typename Example>
void measure_layers(const Network<Model>& net, const Example& e, int bits, const PassCost& cost,
                    const allocation::RowTimesOptions& o, QuantizeReport& r) {
  const auto times = allocation::measure_product_times(net.layout, net.quantizers, net.parameters,
                                                       cost, {bits}, o, false);
  const BitPlan plan = BitPlan::uniform(bits);
  BasicFixed integers(net.layout, net.quantizers, net.parameters);
  const double pass = allocation::least_seconds(o, [&] {
    integers.begin(plan);
    static_cast<void>(forward_sample(net.model, integers, e));
  });
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
  r.milliseconds = 1e3 * pass;
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

/// @param from      a float file: its net, how a problem is encoded (example), what the network
/// says
///                  of it (answer), a solver of a network (solver) and what that says (solved)
/// @param problems  one or more
/// @throws amq::Error for an error that 16 bits do not reach, and bytes that 2 bits do not
template <typename File, typename Problem>
auto quantized_after_training(const File& from, std::span<const Problem> problems,
                              const QuantizeOptions& o) {
  const FloatEnvironment own;
  using Model = typename File::Model;
  using Solver = typename File::Solver;
  if (problems.empty())
    throw Error("quantize", "samples to fit steps to", "none", "Give a few of the training's.");
  if (!(o.error >= 0) || !std::isfinite(o.error))
    throw Error("quantize, error", "0, or a share of the answers", number_text(o.error),
                "E.g. 0.01.");
  if (!(o.bytes >= 0) || !std::isfinite(o.bytes) || (o.bytes > 0 && o.error > 0))
    throw Error("quantize, bytes", "0, or bytes above 0, and then no bound of the error",
                number_text(o.bytes) + " and " + number_text(o.error), "Give one of the two.");
  std::vector<decltype(from.example(problems.front()))> few;
  std::vector<Field> exact;
  for (const Problem& p : problems) {
    few.push_back(from.example(p));
    exact.push_back(from.answer(p));
  }
  struct Trial {
    std::unique_ptr<Solver> solver;
    double error = 0;
  };
  const auto tried = [&](const SchemeInfo& scheme, const std::map<std::string, int>& weight_bits) {
    const Network<Model>* base = from.net.get();
    std::unique_ptr<Network<Model>> wide;
    if constexpr (requires(typename Model::Config c) { c.edge_of_net_bits = 16; })
      if (scheme.levels.front() == 16) {  // else the last rows' 8 bits decide the error
        auto config = base->model.config();
        config.edge_of_net_bits = 16;
        if constexpr (requires { config.key_bits = 16, config.token_bits = 16; })
          config.key_bits = config.token_bits = 16;
        if constexpr (requires { config.attention_bits = ProductBits{}; })
          config.attention_bits = {};  // codes of 8 bits at most, or in float
        wide = std::make_unique<Network<Model>>(config, scheme, 0);
        wide->take_weights(base->layout, base->parameters);
        base = wide.get();
      }
    Trial t;
    t.solver = std::make_unique<Solver>(
        from.solver(calibrated_network(*base, scheme, few, o.ranges, 0, weight_bits)));
    std::vector<Field> said;
    for (const Problem& p : problems)
      said.push_back(from.solved(*t.solver, p, mean_bits(scheme.levels.front())));
    t.error = relative_change(said, exact);
    return t;
  };

  SchemeInfo scheme = o.scheme;
  std::map<std::string, int> weight_bits = o.weight_bits;
  Trial best = tried(scheme, weight_bits);
  if (o.bytes > 0 && best.solver->model_bytes() > o.bytes) {
    weight_bits = bits_within_bytes(*from.net, few, scheme.weight_bits, weight_bits,
                                    best.solver->model_bytes(), o.bytes);
    best = tried(scheme, weight_bits);
  }
  if (o.error > 0) {
    for (const bool weights : {false, true}) {
      if (best.error <= o.error) break;
      scheme.levels = {16};
      if (weights) scheme.weight_bits = 16;
      best = tried(scheme, weight_bits);
    }
    if (best.error > o.error)
      throw Error("quantize, error", "an error that 16 bits reach, " + number_text(best.error),
                  number_text(o.error), "Allow a larger one.");
    if (scheme.weight_bits == 8) {
      // Least spoilt for a byte first; what errors add up to is a guess, so the bound is measured.
      const auto changes = weight_changes(*from.net, few, 4);
      std::vector<std::pair<double, std::size_t>> order;
      const auto& weights = from.net->layout.weights();
      for (std::size_t k = 0; k < weights.size(); ++k)
        if (!weight_bits.contains(weights[k].name) && weights[k].fixed_bits == 0)
          order.emplace_back(
              changes[k] * changes[k] / static_cast<double>(weights[k].out * weights[k].in), k);
      std::sort(order.begin(), order.end());
      std::size_t n = 0;
      double sum = best.error * best.error;
      while (n < order.size()) {
        const double more = changes[order[n].second];
        if (sum + more * more > o.error * o.error) break;
        sum += more * more;
        ++n;
      }
      for (; n > 0; n /= 2) {
        auto mixed = weight_bits;
        for (std::size_t k = 0; k < n; ++k) mixed[weights[order[k].second].name] = 4;
        Trial t = tried(scheme, mixed);
        if (t.error > o.error) continue;
        best = std::move(t);
        weight_bits = std::move(mixed);
        break;
      }
    }
  }

  const Network<Model>& net = best.solver->net();
  QuantizeReport r;
  r.error = best.error;
  r.scheme = scheme.name();
  r.float_difference = from.difference;
  r.bytes = best.solver->model_bytes();
  for (std::size_t k = 0; k < net.quantizers.first_entry(); ++k)
    r.float_bytes += 4.0 * static_cast<double>(net.layout.entries()[k].size());
  const int bits = scheme.levels.front();
  const BitPlan plan = BitPlan::uniform(bits);
  BasicCounting count(net.layout, net.quantizers, plan);
  forward_sample(net.model, count, few.front());
  const PassCost cost = count.cost();
  r.bops = cost.bops();
  r.float_bops = cost.float_bops();
  for (const ProductCost& p : cost.products)
    r.layers.push_back({p.weight, p.point, p.weight_bits, p.mean_bits, p.weight_bytes, p.bops});
  if (bits < 16) {  // rows of 16 bits are what others are compared with
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
  measure_layers(net, few.front(), bits, cost, o.times, r);
  PostTraining<Solver> made{std::move(*best.solver), std::move(r), {}};
  for (const int b : scheme.levels) made.mean_bits.push_back(b);
  return made;
}

}  // namespace detail
}  // namespace amq::training
