#pragma once
/// @file
/// Post-training quantization of networks on meshes: see quantize.hpp.

#include <amq/core/float_environment.hpp>
#include <amq/solver/model_file.hpp>
#include <amq/train/mesh_samples.hpp>
#include <amq/train/post_training.hpp>
#include <amq/train/train_mesh.hpp>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::training {

/// What a float file of a network on meshes holds. How a mesh becomes a graph is in the encoding.
template <typename M>
struct FloatMeshFile {
  using Model = M;
  using Solver = MeshSolver<Model, AnyScheme>;

  std::unique_ptr<Network<Model>> net;
  MeshEncoding encoding;
  TrainedOn seen;
  Mesh mesh;   ///< of its self-test
  Field a, u;  ///< (node, channel) given, and the trainer's answer, in the user's units
  std::vector<double> variables;  ///< of its self-test, where the network reads any
  double difference = 0;          ///< |amq's float answer - u| / |u|

  /// The network's answer in float.
  /// @param given  (node, given channel); `of_time` its variables: both in the user's units
  /// @throws amq::Error for a mesh, a field or variables that the encoding refuses
  [[nodiscard]] Field operator()(const Mesh& on, const Field& given,
                                 std::span<const double> of_time = {}) const {
    return said(encoded(on, given, of_time));
  }
  /// A problem as the network sees it; its solution is not read.
  [[nodiscard]] GraphSample example(const Sample& s) const {
    return encoded(s.mesh, s.given, s.variables);
  }
  [[nodiscard]] Field answer(const Sample& s) const {
    return (*this)(s.mesh, s.given, s.variables);
  }
  [[nodiscard]] Solver solver(std::unique_ptr<Network<Model>> of) const {
    return Solver(std::move(of), nullptr, encoding);
  }
  [[nodiscard]] Field solved(const Solver& by, const Sample& s, Budget budget) const {
    return by(s.mesh, s.given, SolveOptions(budget, s.variables)).field;
  }

 private:
  [[nodiscard]] GraphSample encoded(const Mesh& on, const Field& given,
                                    std::span<const double> of_time) const {
    GraphSample s = encoding.encode(on, view(given), of_time);
    prepare_sample(net->model, s);
    return s;
  }
  [[nodiscard]] Field said(const GraphSample& s) const {
    Float32 pass(net->layout, net->parameters);
    Field out;
    encoding.decode(detail::forward_sample(net->model, pass, s).view(), view(s.u), out);
    return out;
  }
};

template <typename Model>
struct QuantizedMesh {
  MeshSolver<Model, AnyScheme> solver;
  SelfTest test;
  QuantizeReport report;
};

}  // namespace amq::training

namespace amq {

template <typename Model>
void save(const std::string& path, const training::QuantizedMesh<Model>& made) {
  save(path, made.solver, made.test);
}

}  // namespace amq

namespace amq::training {

namespace detail {

template <typename Model>
FloatMeshFile<Model> load_float_mesh(const solver::detail::NetworkFile& file, double tolerance) {
  const FloatEnvironment own;
  const safetensors::File& f = file.f;
  const auto config = begin_float_file<Model>(file);
  FloatMeshFile<Model> made;
  made.encoding = file.parsed<MeshEncoding>("amq.encoding");
  made.encoding.check();
  const MeshChannels c = config.channels();
  if (made.encoding.inputs() != c.given || made.encoding.outputs() != c.outputs ||
      static_cast<Index>(made.encoding.centre.size()) != c.dim)
    throw Error(f.path + ": amq.encoding", "dimensions and channels as the configuration has them",
                "others", "Export the network again.");
  if (static_cast<Index>(made.encoding.variable_scale.size()) != c.variables)
    throw Error(f.path + ": amq.encoding", "variables as the configuration has them", "others",
                "Export the network again.");
  std::vector<safetensors::Expected> wanted{
      {"self_test.points", {-1, c.dim}},
      {"self_test.cells", {-1, -1}},
      {"self_test.node_type", {-1}},
      {"self_test.a", {-1, static_cast<Index>(made.encoding.input_mean.size())}},
      {"self_test.u", {-1, c.outputs}}};
  if (c.variables > 0) wanted.push_back({"self_test.variables", {c.variables}});
  made.net = float_network<Model>(file, config, std::move(wanted));
  if (file.has("amq.trained_on")) made.seen = file.parsed<TrainedOn>("amq.trained_on");
  made.mesh = solver::detail::self_test_mesh(f, c.dim);
  made.a = float_field(f, "self_test.a");
  made.u = float_field(f, "self_test.u");
  if (c.variables > 0) made.variables = f.at("self_test.variables").template as<double>();
  static_cast<void>(examine(made.mesh, made.encoding.neighbours == 0));
  made.difference = float_difference(f, made(made.mesh, made.a, made.variables), made.u, tolerance);
  return made;
}

}  // namespace detail

/// Reads a float network, and compares its answer with that of who trained it.
/// @param tolerance  |difference| / |answer| of the self-test
/// @throws amq::Error for a file that is not one, of another model, whose tensors do not fit (all
///         are listed), or whose self-test comes out differently
template <typename Model>
requires(!grid_model<Model>)
    [[nodiscard]] FloatMeshFile<Model> load_float(safetensors::File file, double tolerance = 1e-4) {
  static_assert(require_mesh_model<Model>());
  const std::string path = file.path;
  return solver::detail::naming(path, [&] {
    return detail::load_float_mesh<Model>(solver::detail::NetworkFile(std::move(file)), tolerance);
  });
}
template <typename Model>
requires(!grid_model<Model>)
    [[nodiscard]] FloatMeshFile<Model> load_float(const std::string& path,
                                                  double tolerance = 1e-4) {
  return load_float<Model>(safetensors::read(path), tolerance);
}

}  // namespace amq::training

namespace amq {

/// A float network in integers. Steps of rows are fitted to the samples, those of weights to the
/// weights; nothing is trained.
/// @param samples  meshes of any size with given fields (node, given channel), and variables where
///                 the network reads any, in the user's units: a few of the training's; solutions
///                 are not read. What solver and report know of
///                 the problem is from them
/// @throws amq::Error for no samples, meshes and fields that are refused, an error that 16 bits
///         do not reach, and costs that 2 do not
template <typename Model>
[[nodiscard]] training::QuantizedMesh<Model> quantize(const training::FloatMeshFile<Model>& from,
                                                      std::span<const Sample> samples,
                                                      const training::QuantizeOptions& o = {}) {
  using namespace training;
  const core::FloatEnvironment own;
  for (std::size_t k = 0; k < samples.size(); ++k) try {
      static_cast<void>(examine(samples[k].mesh, from.encoding.neighbours == 0));
      static_cast<void>(
          from.encoding.encode(samples[k].mesh, view(samples[k].given), samples[k].variables));
    } catch (const Error& e) {
      throw Error("quantize, sample " + number_text(k) + ", " + e.where(), e.expected(), e.found(),
                  e.mend());
    }
  auto of = training::detail::quantized_after_training(from, samples, o);
  of.report.float_difference = from.difference;
  std::vector<Sample> answered;
  for (const Sample& s : samples)
    answered.push_back({s.mesh, s.given, from.answer(s), s.variables});
  TrainedOn seen = training::detail::seen_in(answered, from.encoding);
  seen.given_names = from.seen.given_names;
  seen.solution_names = from.seen.solution_names;
  seen.given_units = from.seen.given_units;
  seen.solution_units = from.seen.solution_units;
  seen.length_unit = from.seen.length_unit;
  QuantizedMesh<Model> made{std::move(of.solver),
                            {from.mesh, from.a, std::move(of.mean_bits), from.variables},
                            std::move(of.report)};
  made.solver.trained_on(std::move(seen));
  return made;
}

/// The whole way in one call: quantizes a float file, and writes a model file that load() reads.
template <typename Model>
requires(!models::grid_model<Model>) training::QuantizeReport
    quantize(io::safetensors::File float_file, std::span<const Sample> samples,
             const std::string& to, const training::QuantizeOptions& o = {}) {
  const auto made = quantize(training::load_float<Model>(std::move(float_file)), samples, o);
  save(to, made);
  return made.report;
}
template <typename Model>
requires(!models::grid_model<Model>) training::QuantizeReport
    quantize(const std::string& float_file, std::span<const Sample> samples, const std::string& to,
             const training::QuantizeOptions& o = {}) {
  return quantize<Model>(io::safetensors::read(float_file), samples, to, o);
}

}  // namespace amq
