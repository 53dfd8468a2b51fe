#pragma once
/// @file
/// Post-training quantization of networks on grids: see quantize.hpp.

#include <amq/core/float_environment.hpp>
#include <amq/solver/grid_file.hpp>
#include <amq/train/post_training.hpp>
#include <amq/train/train_grid.hpp>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::training {

/// What a float file holds.
template <typename M>
struct FloatGridFile {
  using Model = M;
  using Solver = GridSolver<Model, AnyScheme>;

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
  [[nodiscard]] Field answer(const Field& given) const { return (*this)(given); }
  [[nodiscard]] Solver solver(std::unique_ptr<Network<Model>> of) const {
    return Solver(std::move(of), encoding);
  }
  [[nodiscard]] Field solved(const Solver& by, const Field& given, Budget budget) const {
    return by(grid, given, budget).field;
  }
};

template <typename Model>
struct QuantizedGrid {
  GridSolver<Model, AnyScheme> solver;
  GridSelfTest test;
  QuantizeReport report;
};

}  // namespace amq::training

namespace amq {

template <typename Model>
void save(const std::string& path, const training::QuantizedGrid<Model>& made) {
  save(path, made.solver, made.test);
}

}  // namespace amq

namespace amq::training {

namespace detail {

template <typename Model>
FloatGridFile<Model> load_float_grid(const solver::detail::NetworkFile& file, double tolerance) {
  const FloatEnvironment own;
  const safetensors::File& f = file.f;
  const auto config = begin_float_file<Model>(file);
  FloatGridFile<Model> made;
  made.encoding = file.parsed<GridFieldEncoding>("amq.encoding");
  made.encoding.check();
  const GridChannels c = config.channels();
  if (c.dims < 1 || c.dims > 3 || made.encoding.inputs() != c.given ||
      made.encoding.outputs() != c.outputs || static_cast<int>(made.encoding.low.size()) != c.dims)
    throw Error(f.path + ": amq.encoding", "axes and channels as the configuration has them",
                "others", "Export the network again.");
  std::vector<safetensors::Expected> wanted{{"self_test.a", {-1, c.given}},
                                            {"self_test.u", {-1, c.outputs}}};
  solver::detail::expect_self_test_grid(wanted, c.dims);
  made.net = float_network<Model>(file, config, std::move(wanted));
  if (file.has("amq.trained_on")) made.seen = file.parsed<TrainedOn>("amq.trained_on");
  made.grid = solver::detail::self_test_grid(f, c.dims);
  made.a = float_field(f, "self_test.a");
  made.u = float_field(f, "self_test.u");
  made.difference = float_difference(f, made(made.a), made.u, tolerance);
  return made;
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
  return solver::detail::naming(path, [&] {
    return detail::load_float_grid<Model>(solver::detail::NetworkFile(std::move(file)), tolerance);
  });
}
template <typename Model>
requires grid_model<Model>
[[nodiscard]] FloatGridFile<Model> load_float(const std::string& path, double tolerance = 1e-4) {
  return load_float<Model>(safetensors::read(path), tolerance);
}

}  // namespace amq::training

namespace amq {

/// A float network in integers. Steps of rows are fitted to the samples, those of weights to the
/// weights; nothing is trained.
/// @param samples  (point, given channel) on the file's grid, in the user's units: a few of the
///                 training's. What solver and report know of the problem is from them
/// @throws amq::Error for no samples or other shapes, an error that 16 bits do not reach, and costs
///         that 2 do not
template <typename Model>
[[nodiscard]] training::QuantizedGrid<Model> quantize(const training::FloatGridFile<Model>& from,
                                                      std::span<const Field> samples,
                                                      const training::QuantizeOptions& o = {}) {
  const core::FloatEnvironment own;
  auto of = training::detail::quantized_after_training(from, samples, o);
  of.report.float_difference = from.difference;
  solver::TrainedOn seen = from.seen;
  seen.box.clear(), seen.given.clear(), seen.solution.clear();
  for (const auto& axis : from.grid.axes) {
    solver::SeenRange& range = seen.box.emplace_back();
    for (const double x : axis) range.add(x);
  }
  for (const Field& a : samples) {
    const Field u = from(a);
    seen.add(view(a), view(u));
  }
  training::QuantizedGrid<Model> made{
      std::move(of.solver), {from.grid, from.a, std::move(of.mean_bits)}, std::move(of.report)};
  made.solver.trained_on(std::move(seen));
  return made;
}

/// The whole way in one call: quantizes a float file, and writes a model file that load() reads.
template <typename Model>
requires models::grid_model<Model> training::QuantizeReport quantize(
    io::safetensors::File float_file, std::span<const Field> samples, const std::string& to,
    const training::QuantizeOptions& o = {}) {
  const auto made = quantize(training::load_float<Model>(std::move(float_file)), samples, o);
  save(to, made);
  return made.report;
}
template <typename Model>
requires models::grid_model<Model> training::QuantizeReport quantize(
    const std::string& float_file, std::span<const Field> samples, const std::string& to,
    const training::QuantizeOptions& o = {}) {
  return quantize<Model>(io::safetensors::read(float_file), samples, to, o);
}

}  // namespace amq
