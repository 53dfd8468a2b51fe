#pragma once
/// @file
/// Post-training quantization: a float network of a file, and fields like those it will be given,
/// become a solver in integers without further training. Float files hold what a model file does,
/// but no scheme and no steps, and the answer of who trained it: bindings/python writes them from
/// PyTorch's modules.

#include <amq/solver/grid_file.hpp>
#include <amq/train/quantized_network.hpp>
#include <amq/train/run_folder.hpp>
#include <amq/train/train_grid.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq {

struct QuantizeOptions {
  SchemeInfo scheme{8, ByRange{}, {8}};
  RangeRule ranges = RangeRule::least_squares;
  std::map<std::string, int> weight_bits{};  ///< of weights that have others than the scheme's
  /// |change of the answers| / |answers| that the integers may have on the samples. Weights then
  /// have 4 bits where that spoils least, as many as the bound allows; rows and weights have 16
  /// where the scheme does not reach it. 0: the scheme as it is. With rows of 16 bits the last
  /// layers' rows, which the model keeps apart, have them, too.
  double error = 0;
};

/// A product of the network, what it costs in a pass over the grid, and what it spoils.
struct QuantizedLayer {
  std::string weight, point;
  int weight_bits = 0;
  double row_bits = 0;  ///< mean
  double bytes = 0;     ///< of packed weights
  double bops = 0;
  double of_weights = 0, of_rows = 0;  ///< see LayerError
  double share = 0;                    ///< of the sum of squares of all layers' errors: 0 .. 1
};

struct QuantizeReport {
  std::vector<QuantizedLayer> layers;
  double error = 0;  ///< |integers' answers - float's| / |float's|, in the user's units
  double bytes = 0, float_bytes = 0;  ///< codes, steps and biases; parameters in float32
  double bops = 0, float_bops = 0;    ///< of a pass
  std::string scheme;
  double float_difference = 0;  ///< see FloatGridFile::difference
};

/// What a float file holds.
template <typename Model>
struct FloatGridFile {
  std::unique_ptr<Network<Model>> net;
  GridFieldEncoding encoding;
  TrainedOn seen;
  RegularGrid grid;       ///< of its self-test, and of the samples
  Field a, u;             ///< (point, channel) given, and the trainer's answer, in the user's units
  double difference = 0;  ///< |amq's float answer - u| / |u|

  /// The network's answer in float, in the user's units.
  [[nodiscard]] Field operator()(const Field& given) const {
    const GridExample e = example(given);
    Float32 pass(net->layout, net->parameters);
    Field said;
    encoding.decode(detail::forward_sample(net->model, pass, e).view(), view(given), said);
    return said;
  }
  /// A field as the network sees it. @throws amq::Error for other shapes
  [[nodiscard]] GridExample example(const Field& given) const {
    GridExample e{grid.shape(), {}, {}, {}};
    encoding.encode(view(given), e.grid, e.u);
    encoding.positions(grid, e.grid, e.x);
    return e;
  }
};

template <typename Model>
struct QuantizedGrid {
  GridSolver<Model, AnyScheme> solver;
  GridSelfTest test;
  QuantizeReport report;
};
template <typename Model>
void save(const std::string& path, const QuantizedGrid<Model>& made) {
  save(path, made.solver, made.test);
}

namespace detail {

inline double relative_change(const std::vector<Field>& a, const std::vector<Field>& b) {
  double change = 0, size = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    change += static_cast<double>((a[k] - b[k]).squaredNorm());
    size += static_cast<double>(b[k].squaredNorm());
  }
  return size > 0 ? std::sqrt(change / size) : 0;
}

template <typename Model>
FloatGridFile<Model> load_float_grid(const NetworkFile& file, double tolerance) {
  const safetensors::File& f = file.f;
  file.require_known_format();
  file.same("amq.model", std::string(Model::name), "Name the model the file holds.");
  if (!file.has("amq.float"))
    throw Error(f.path, "a float file", "one that is quantized already",
                "Load it, or export the float network again.");
  const auto config = file.parsed<typename Model::Config>("amq.config");
  FloatGridFile<Model> made;
  made.encoding = file.parsed<GridFieldEncoding>("amq.encoding");
  made.encoding.check();
  const GridChannels c = config.channels();
  if (c.dims < 1 || c.dims > 3 || made.encoding.inputs() != c.given ||
      made.encoding.outputs() != c.outputs || static_cast<int>(made.encoding.low.size()) != c.dims)
    throw Error(f.path + ": amq.encoding", "axes and channels as the configuration has them",
                "others", "Export the network again.");
  std::vector<safetensors::Expected> wanted;
  ParameterLayout layout;
  const Model model(layout, config);
  expect_layout(wanted, "", layout);
  expect_self_test_grid(wanted, c.dims);
  wanted.push_back({"self_test.a", {-1, c.given}});
  wanted.push_back({"self_test.u", {-1, c.outputs}});
  safetensors::expect(f, wanted);

  made.net = std::make_unique<Network<Model>>(config, QuantizeOptions{}.scheme, 0);
  Parameters values;
  values.values.resize(static_cast<std::size_t>(layout.size()));
  get_parameters(f, "", layout, values);
  made.net->take_weights(layout, values);
  made.net->reset_quantizers();
  if (file.has("amq.trained_on")) made.seen = file.parsed<TrainedOn>("amq.trained_on");
  made.grid = self_test_grid(f, c.dims);
  const auto field = [&](const char* name) {
    const auto v = f.at(name).template as<float>();
    const auto& s = f.at(name).shape;
    return Field(Eigen::Map<const Field>(v.data(), s[0], s[1]));
  };
  made.a = field("self_test.a");
  made.u = field("self_test.u");
  const Field own = made(made.a);
  if (own.rows() != made.u.rows() || !made.u.allFinite())
    throw Error(f.path + ", self-test", "a finite answer at every point of its grid", "another",
                "Export the network again.");
  made.difference = relative_change({own}, {made.u});
  if (!(made.difference <= tolerance))
    throw Error(f.path + ", self-test",
                "the answer of who trained it, within " + number_text(tolerance),
                "a difference of " + number_text(made.difference),
                "The module computes something else than its names say: compare its text with "
                "the supported one.");
  return made;
}

/// What each weight spoils alone at `bits`, in the order of the layout's weights.
template <typename Model>
std::vector<double> weight_changes(const Network<Model>& from, const std::vector<GridExample>& few,
                                   int bits) {
  const auto answers = [&](const Parameters& p) {
    Float32 pass(from.layout, p);
    std::vector<Field> all;
    for (const GridExample& e : few)
      all.emplace_back(map(forward_sample(from.model, pass, e).view()));
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

}  // namespace detail

/// Reads a float network, and compares its answer with that of who trained it.
/// @param tolerance  |difference| / |answer| of the self-test
/// @throws amq::Error for a file that is not one, of another model, whose tensors do not fit (all
///         are listed), or whose self-test comes out differently
template <typename Model>
requires grid_model<Model>
[[nodiscard]] FloatGridFile<Model> load_float(safetensors::File file, double tolerance = 1e-4) {
  const std::string path = file.path;
  return detail::naming(path, [&] {
    return detail::load_float_grid<Model>(detail::NetworkFile(std::move(file)), tolerance);
  });
}
template <typename Model>
requires grid_model<Model>
[[nodiscard]] FloatGridFile<Model> load_float(const std::string& path, double tolerance = 1e-4) {
  return load_float<Model>(safetensors::read(path), tolerance);
}

/// A float network in integers. Steps of rows are fitted to the samples, those of weights to the
/// weights; nothing is trained.
/// @param samples  (point, given channel) on the file's grid, in the user's units: a few of the
///                 training's. What solver and report know of the problem is from them
/// @throws amq::Error for no samples or other shapes, and an error that 16 bits do not reach
template <typename Model>
[[nodiscard]] QuantizedGrid<Model> quantize(const FloatGridFile<Model>& from,
                                            std::span<const Field> samples,
                                            const QuantizeOptions& o = {}) {
  if (samples.empty())
    throw Error("quantize", "samples to fit steps to", "none", "Give a few of the training's.");
  if (!(o.error >= 0) || !std::isfinite(o.error))
    throw Error("quantize, error", "0, or a share of the answers", number_text(o.error),
                "E.g. 0.01.");
  std::vector<GridExample> few;
  std::vector<Field> exact;
  TrainedOn seen = from.seen;
  seen.box.clear(), seen.given.clear(), seen.solution.clear();
  for (const auto& axis : from.grid.axes) {
    SeenRange& range = seen.box.emplace_back();
    for (const double x : axis) range.add(x);
  }
  for (const Field& a : samples) {
    few.push_back(from.example(a));
    exact.push_back(from(a));
    seen.add(view(a), view(exact.back()));
  }
  struct Trial {
    std::unique_ptr<GridSolver<Model, AnyScheme>> solver;
    double error = 0;
  };
  const auto tried = [&](const SchemeInfo& scheme, const std::map<std::string, int>& weight_bits) {
    const Network<Model>* base = from.net.get();
    std::unique_ptr<Network<Model>> wide;
    if constexpr (requires(typename Model::Config c) { c.edge_of_net_bits = 16; })
      if (scheme.levels.front() == 16) {  // else the last rows' 8 bits decide the error
        auto config = base->model.config();
        config.edge_of_net_bits = 16;
        wide = std::make_unique<Network<Model>>(config, scheme, 0);
        wide->take_weights(base->layout, base->parameters);
        base = wide.get();
      }
    Trial t;
    t.solver = std::make_unique<GridSolver<Model, AnyScheme>>(
        calibrated_network(*base, scheme, few, o.ranges, 0, weight_bits), from.encoding);
    std::vector<Field> said;
    for (const Field& a : samples)
      said.push_back((*t.solver)(from.grid, a, mean_bits(scheme.levels.front())).field);
    t.error = detail::relative_change(said, exact);
    return t;
  };

  SchemeInfo scheme = o.scheme;
  std::map<std::string, int> weight_bits = o.weight_bits;
  Trial best = tried(scheme, weight_bits);
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
      const auto changes = detail::weight_changes(*from.net, few, 4);
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
  detail::forward_sample(net.model, count, few.front());
  const PassCost cost = count.cost();
  r.bops = cost.bops();
  r.float_bops = cost.float_bops();
  for (const ProductCost& p : cost.products)
    r.layers.push_back({p.weight, p.point, p.weight_bits, p.mean_bits, p.weight_bytes, p.bops});
  if (bits < 16) {  // rows of 16 bits are what others are compared with
    double sum = 0;
    const auto errors = layer_errors(net, few, bits);
    for (std::size_t k = 0; k < errors.size(); ++k) {
      QuantizedLayer& l = r.layers[k];
      l.of_weights = errors[k].of_weights;
      l.of_rows = errors[k].of_rows;
      l.share = l.of_weights * l.of_weights + l.of_rows * l.of_rows;
      sum += l.share;
    }
    for (QuantizedLayer& l : r.layers) l.share = sum > 0 ? l.share / sum : 0;
  }
  QuantizedGrid<Model> made{std::move(*best.solver), {from.grid, from.a, {}}, std::move(r)};
  for (const int b : scheme.levels) made.test.mean_bits.push_back(b);
  made.solver.trained_on(std::move(seen));
  return made;
}

/// The whole way in one call: quantizes a float file, and writes a model file that load() reads.
template <typename Model>
QuantizeReport quantize(safetensors::File float_file, std::span<const Field> samples,
                        const std::string& to, const QuantizeOptions& o = {}) {
  const auto made = quantize(load_float<Model>(std::move(float_file)), samples, o);
  save(to, made);
  return made.report;
}
template <typename Model>
QuantizeReport quantize(const std::string& float_file, std::span<const Field> samples,
                        const std::string& to, const QuantizeOptions& o = {}) {
  return quantize<Model>(safetensors::read(float_file), samples, to, o);
}

}  // namespace amq
