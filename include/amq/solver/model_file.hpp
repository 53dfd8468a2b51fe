#pragma once
/// @file
/// One file holds a solver: parameters, quantizers, auxiliary model, encoding, what training saw,
/// and a problem with its solution that is solved again on load.

#include <amq/models/grid_model.hpp>
#include <amq/solver/mesh_solver.hpp>
#include <amq/solver/network_file.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace amq::solver {

/// A mesh and a given field, and the budgets at which a loaded solver must return the saved bits.
struct SelfTest {
  Mesh mesh;
  Field a;  ///< (node, given channel)
  std::vector<double> mean_bits;
  std::vector<double> variables{};  ///< where the network has any
};

namespace detail {

/// As files hold the auxiliary model.
struct StoredAuxiliary {
  AuxiliaryConfig config;
  Index columns = 1;

  template <typename Self, typename Visit>
  static void each(Self& a, const Visit& visit) {
    AuxiliaryConfig::each(a.config, visit);
    visit("columns", a.columns);
  }
};

/// Files name who decides an edge's bits beside the sharing.
enum class EdgeDecider : std::uint8_t { receiver, edge };
inline std::string_view sharing_text(const allocation::AnySharing& s) noexcept {
  return s.by_edge ? allocation::PerNodeAndPoint::name : s.name;
}

}  // namespace detail

template <>
inline constexpr std::array<std::string_view, 2> stored::names<detail::EdgeDecider>{"receiver",
                                                                                    "edge"};
namespace detail {

/// As files hold the allocator's curves. What may lack was the first of its kind before it had a
/// name.
struct StoredCurves {
  std::vector<std::vector<double>> error;
  std::vector<double> mean_score;
  double score_power = 0.25;
  EdgeDecider edges = EdgeDecider::receiver;
  ClusterScore clusters = ClusterScore::sum;

  template <typename Self, typename Visit>
  static void each(Self& c, const Visit& visit) {
    visit("error", c.error);
    visit("mean_score", c.mean_score);
    visit("score_power", c.score_power);
    visit("edges", c.edges, may_lack);
    visit("clusters", c.clusters, may_lack);
  }
};

inline Mesh self_test_mesh(const safetensors::File& f, Index dim) {
  Mesh mesh;
  mesh.dim = static_cast<int>(dim);
  mesh.nodes_per_cell = static_cast<int>(f.at("self_test.cells").shape[1]);
  mesh.points = f.at("self_test.points").template as<double>();
  mesh.cells = f.at("self_test.cells").template as<std::int32_t>();
  for (const auto t : f.at("self_test.node_type").template as<std::uint8_t>())
    mesh.node_type.push_back(static_cast<NodeType>(t));
  return mesh;
}

}  // namespace detail

}  // namespace amq::solver

namespace amq {

/// Writes the solver under a temporary name and renames it. The self-test is solved here, and its
/// solutions are kept. A score of the user's own is code, and measured times are a machine's: both
/// are given to the loaded solver again, and the self-test is solved without them.
/// @throws amq::Error for a failing disk or a self-test the solver refuses
template <typename Model, typename Scheme>
void save(const std::string& path, const MeshSolver<Model, Scheme>& solver,
          const solver::SelfTest& test) {
  using namespace solver;
  solver::detail::require_budgets(path, test.mean_bits);
  safetensors::File f;
  f.path = path;
  solver::detail::put_network(f, solver.net());
  const allocation::AnySharing& sharing = solver.allocator().sharing();
  f.metadata["amq.sharing"] = solver::detail::sharing_text(sharing);
  const PointCurves& c = solver.allocator().curves();
  f.metadata["amq.curves"] = json::dump(stored::to_json(solver::detail::StoredCurves{
      c.error, c.mean_score, c.score_power,
      sharing.by_edge ? solver::detail::EdgeDecider::edge : solver::detail::EdgeDecider::receiver,
      c.clusters}));
  f.metadata["amq.encoding"] = json::dump(stored::to_json(solver.encoding()));
  f.metadata["amq.trained_on"] = json::dump(stored::to_json(solver.trained_on()));
  if (const Auxiliary* aux = solver.auxiliary()) {
    f.metadata["amq.auxiliary"] =
        json::dump(stored::to_json(solver::detail::StoredAuxiliary{aux->config(), aux->columns()}));
    solver::detail::put_parameters(f, solver::detail::auxiliary_prefix, aux->net().layout,
                                   aux->net().quantizers, aux->net().parameters);
    f.tensors["auxiliary_columns.centre"] = Array::of(aux->centre);
    f.tensors["auxiliary_columns.scale"] = Array::of(aux->scale);
    f.tensors["auxiliary_columns.lift"] = Array::of(aux->lift);
  }
  const Index n = test.mesh.n_nodes();
  f.tensors["self_test.points"] = Array::of(test.mesh.points, {n, test.mesh.dim});
  f.tensors["self_test.cells"] =
      Array::of(test.mesh.cells, {test.mesh.n_cells(), test.mesh.nodes_per_cell});
  std::vector<std::uint8_t> types;
  for (const auto t : test.mesh.node_type) types.push_back(static_cast<std::uint8_t>(t));
  f.tensors["self_test.node_type"] = Array::of(types);
  f.tensors["self_test.a"] = Array::of(view(test.a));
  f.tensors["self_test.mean_bits"] = Array::of(test.mean_bits);
  if (!test.variables.empty()) f.tensors["self_test.variables"] = Array::of(test.variables);
  const PreparedMesh<Model, Scheme> at = solver.prepare(test.mesh);
  for (std::size_t k = 0; k < test.mean_bits.size(); ++k)
    solver::detail::put_solution(
        f, k, at.as_loaded(test.a, {mean_bits(test.mean_bits[k]), test.variables}).field);
  safetensors::write(path, f);
}

}  // namespace amq

namespace amq::solver {

namespace detail {

template <typename Model, typename Scheme>
MeshSolver<Model, Scheme> load_mesh_solver(const NetworkFile& file, Executor& executor) {
  const safetensors::File& f = file.f;
  const std::string& path = f.path;
  const SchemeInfo info = file.is<Model, Scheme>();
  const auto config = file.parsed<typename Model::Config>("amq.config");
  const auto e = file.parsed<MeshEncoding>("amq.encoding");
  e.check();
  const MeshChannels c = config.channels();
  if (e.inputs() != c.given || e.outputs() != c.outputs ||
      static_cast<Index>(e.centre.size()) != c.dim ||
      static_cast<Index>(e.variable_scale.size()) != c.variables)
    throw Error(path + ": amq.encoding", "channels as the model's configuration has them", "others",
                "The file is damaged: save the model again.");
  auto sharing = allocation::AnySharing::of(file.text("amq.sharing"), path + ": amq.sharing");

  // Tensors are compared before memory is taken for what they should fill.
  std::vector<safetensors::Expected> wanted;
  const auto row_bits = file.row_bits();
  file.declare<Model>(wanted, "", config, info, row_bits);
  StoredAuxiliary a;
  const bool adaptive = file.has("amq.auxiliary");
  constexpr bool can_choose = MeshSolver<Model, Scheme>::can_choose;
  if (adaptive && info.levels.size() == 1)
    throw Error(path + ": amq.auxiliary", "no auxiliary model where the scheme has one level",
                "one", "Save the solver without it.");
  if constexpr (can_choose)
    if (adaptive) {
      a = file.parsed<StoredAuxiliary>("amq.auxiliary");
      file.declare<MpPde>(wanted, auxiliary_prefix,
                          Auxiliary::net_config(a.config, c.given, c.dim, a.columns),
                          Auxiliary::scheme(a.config));
      for (const char* name : {"centre", "scale", "lift"})
        wanted.push_back({std::string("auxiliary_columns.") + name, {a.columns}});
    }
  for (const auto& [name, shape] : std::vector<safetensors::Expected>{
           {"self_test.points", {-1, c.dim}},
           {"self_test.cells", {-1, -1}},
           {"self_test.node_type", {-1}},
           {"self_test.a", {-1, static_cast<Index>(e.input_mean.size())}},
           {"self_test.mean_bits", {-1}}})
    wanted.push_back({name, shape});
  if (c.variables > 0) wanted.push_back({"self_test.variables", {c.variables}});
  const auto budgets = file.budgets();
  for (std::size_t k = 0; k < budgets.size(); ++k)
    wanted.push_back({"self_test.u." + std::to_string(k), {-1, c.outputs}});
  safetensors::expect(f, wanted);

  auto net = std::make_unique<Network<Model>>(config, info, 0, row_bits);
  file.take_weight_bits<Scheme>(net->layout);
  get_parameters(f, "", net->layout, net->quantizers, net->parameters);
  std::unique_ptr<Auxiliary> aux;
  if constexpr (can_choose)
    if (adaptive) {
      aux = std::make_unique<Auxiliary>(a.config, c.given, c.dim, a.columns, 0);
      get_parameters(f, auxiliary_prefix, aux->net().layout, aux->net().quantizers,
                     aux->net().parameters);
      for (const auto& [name, to] :
           {std::pair{"centre", &aux->centre}, {"scale", &aux->scale}, {"lift", &aux->lift}}) {
        *to = f.at(std::string("auxiliary_columns.") + name).template as<float>();
        for (const float x : *to)
          if (!std::isfinite(x))
            throw Error(path + ": auxiliary_columns." + name, "finite numbers", std::to_string(x),
                        "The file is damaged: save the model again.");
      }
    }
  auto stored = file.parsed<StoredCurves>("amq.curves");
  PointCurves curves;
  curves.error = std::move(stored.error);
  curves.mean_score = std::move(stored.mean_score);
  curves.score_power = stored.score_power;
  if (stored.edges == EdgeDecider::edge && sharing.over_mesh && sharing.over_points)
    sharing = allocation::PerEdge();
  curves.clusters = stored.clusters;
  MeshSolver<Model, Scheme> solver(std::move(net), std::move(aux), e, sharing, std::move(curves),
                                   executor);
  if (file.has("amq.trained_on")) solver.trained_on(file.parsed<TrainedOn>("amq.trained_on"));

  std::vector<double> variables;
  if (c.variables > 0) variables = f.at("self_test.variables").template as<double>();
  const auto given = f.at("self_test.a").template as<float>();
  const MatrixView<const float> field(given.data(), f.at("self_test.a").shape[0],
                                      f.at("self_test.a").shape[1]);
  const PreparedMesh<Model, Scheme> at = solver.prepare(self_test_mesh(f, c.dim));
  for (std::size_t k = 0; k < budgets.size(); ++k)
    file.require_solution(k, budgets[k], at(field, {mean_bits(budgets[k]), variables}).field);
  return solver;
}

}  // namespace detail

}  // namespace amq::solver

namespace amq {

/// Reads a solver and solves its self-test: every bit must be as it was saved. For networks on
/// grids include amq/solver/grid_file.hpp.
/// @tparam Scheme  that of the file: its levels and its rule are all that is compiled. AnyScheme:
///                 what the file says, with any levels and any rule of amq
/// @throws amq::Error for a file that is truncated, hostile, of another model or scheme, whose
///         tensors do not fit (all are listed), or whose self-test comes out differently; it names
///         the file, and nothing is made that the file's own size does not justify
template <typename Model, typename Scheme = AnyScheme>
requires(!models::grid_model<Model>)
    [[nodiscard]] MeshSolver<Model, Scheme> load(const std::string& path,
                                                 Executor& executor = core::serial_executor()) {
  static_assert(models::require_mesh_model<Model>());
  return solver::detail::naming(path, [&] {
    return solver::detail::load_mesh_solver<Model, Scheme>(
        solver::detail::NetworkFile(io::safetensors::read(path)), executor);
  });
}
/// The same of a file that has been read, or of its bytes: safetensors::decode(bytes, name).
template <typename Model, typename Scheme = AnyScheme>
requires(!models::grid_model<Model>)
    [[nodiscard]] MeshSolver<Model, Scheme> load(io::safetensors::File file,
                                                 Executor& executor = core::serial_executor()) {
  static_assert(models::require_mesh_model<Model>());
  const std::string path = file.path;
  return solver::detail::naming(path, [&] {
    return solver::detail::load_mesh_solver<Model, Scheme>(
        solver::detail::NetworkFile(std::move(file)), executor);
  });
}

}  // namespace amq
