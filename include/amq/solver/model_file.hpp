#pragma once
/// @file
/// One file holds a solver: parameters, quantizers, auxiliary model, encoding, and a problem with
/// its solution that is solved again on load.

#include <amq/io/safetensors.hpp>
#include <amq/solver/mesh_solver.hpp>

#include <cmath>
#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace amq {

/// A mesh and a given field, and the budgets at which a loaded solver must return the saved bits.
struct SelfTest {
  Mesh mesh;
  Field a;  ///< (node, given channel)
  std::vector<double> mean_bits;
};

namespace detail {

inline json::List numbers(const auto& values) {
  json::List list;
  for (const auto v : values) list.emplace_back(static_cast<double>(v));
  return list;
}
template <typename T>
std::vector<T> numbers_of(const json::Value& v, const std::string& where) {
  std::vector<T> out;
  for (const auto& x : v.as_list(where)) out.push_back(static_cast<T>(x.as_double(where)));
  return out;
}
inline Index size_of_json(const json::Value& v, const char* key, const std::string& where) {
  const double x = v.at(key, where).as_double(where);
  if (!(x >= 0 && x <= 1e6) || x != std::floor(x))
    throw Error(where, std::string(key) + " from 0 to 1000000", std::to_string(x),
                "The file is damaged.");
  return static_cast<Index>(x);
}
/// A model's configuration as JSON: what Config::each() names.
template <typename Config>
json::Value config_json(const Config& c) {
  json::Object o;
  Config::each(c, [&](const char* key, const auto& v) {
    if constexpr (std::same_as<std::remove_cvref_t<decltype(v)>, nn::NodeNorm>)
      o.emplace_back(key, v == nn::NodeNorm::layer ? "layer" : "instance");
    else
      o.emplace_back(key, static_cast<double>(v));
  });
  return o;
}
template <typename Config>
Config config_of_json(const json::Value& from, const std::string& where) {
  Config c;
  Config::each(c, [&](const char* key, auto& v) {
    using T = std::remove_cvref_t<decltype(v)>;
    if constexpr (std::same_as<T, nn::NodeNorm>)
      v = from.at(key, where).as_string(where) == "layer" ? nn::NodeNorm::layer
                                                          : nn::NodeNorm::instance;
    else
      v = static_cast<T>(size_of_json(from, key, where));
  });
  return c;
}

/// A file names who decides an edge's bits beside the sharing.
inline std::string_view sharing_text(const allocation::AnySharing& s) noexcept {
  return s.by_edge ? allocation::PerNodeAndPoint::name : s.name;
}

inline constexpr std::array<std::string_view, 2> edge_deciders{"receiver", "edge"},
    cluster_scores{"sum", "max"};

inline void put_parameters(safetensors::File& f, const std::string& prefix,
                           const ParameterLayout& layout, const Parameters& p) {
  for (const auto& e : layout.entries())
    f.tensors[prefix + e.name] = Array::of(
        std::span<const float>(p.values.data() + e.offset, static_cast<std::size_t>(e.size())),
        e.shape);
}
inline void get_parameters(const safetensors::File& f, const std::string& prefix,
                           const ParameterLayout& layout, Parameters& p) {
  for (const auto& e : layout.entries()) {
    const auto values = f.at(prefix + e.name).as<float>();
    for (std::size_t k = 0; k < values.size(); ++k) {
      if (!std::isfinite(values[k]) || (e.role == Role::step && !(values[k] > 0)))
        throw Error(f.path + ": " + prefix + e.name,
                    e.role == Role::step ? "positive steps" : "finite numbers",
                    std::to_string(values[k]), "The file is damaged: save the model again.");
      p.values[static_cast<std::size_t>(e.offset) + k] = values[k];
    }
  }
}
inline void expect_layout(std::vector<safetensors::Expected>& all, const std::string& prefix,
                          const ParameterLayout& layout) {
  for (const auto& e : layout.entries()) all.push_back({prefix + e.name, e.shape});
}
inline constexpr const char* auxiliary_prefix = "auxiliary.";

}  // namespace detail

/// Writes the solver under a temporary name and renames it. The self-test is solved here, and its
/// solutions are kept. A score of the user's own is code, and measured times are a machine's: both
/// are given to the loaded solver again, and the self-test is solved without them.
/// @throws amq::Error for a failing disk or a self-test the solver refuses
template <typename Model>
void save(const std::string& path, BasicMeshSolver<Model>& solver, const SelfTest& test) {
  safetensors::File f;
  f.path = path;
  const auto& net = solver.net();
  const auto& e = solver.encoding();
  detail::put_parameters(f, "", net.layout, net.parameters);
  f.metadata["amq.format"] = "1";
  f.metadata["amq.model"] = Model::name;
  f.metadata["amq.config"] = json::dump(detail::config_json(net.model.config()));
  f.metadata["amq.scheme"] = net.quantizers.info().name();
  f.metadata["amq.levels"] = json::dump(detail::numbers(net.quantizers.info().levels));
  f.metadata["amq.sharing"] = detail::sharing_text(solver.allocator().sharing());
  const PointCurves& c = solver.allocator().curves();
  json::List curves;
  for (const auto& error : c.error) curves.emplace_back(detail::numbers(error));
  f.metadata["amq.curves"] = json::dump(json::Object{
      {"error", curves},
      {"mean_score", detail::numbers(c.mean_score)},
      {"score_power", c.score_power},
      {"edges", std::string(detail::edge_deciders[solver.allocator().sharing().by_edge ? 1 : 0])},
      {"clusters", std::string(detail::cluster_scores[static_cast<std::size_t>(c.clusters)])}});
  f.metadata["amq.encoding"] =
      json::dump(json::Object{{"input_mean", detail::numbers(e.input_mean)},
                              {"input_deviation", detail::numbers(e.input_deviation)},
                              {"output_mean", detail::numbers(e.output_mean)},
                              {"output_deviation", detail::numbers(e.output_deviation)},
                              {"centre", detail::numbers(e.centre)},
                              {"half_width", static_cast<double>(e.half_width)},
                              {"lattices", detail::numbers(e.lattices)},
                              {"neighbours", static_cast<double>(e.neighbours)},
                              {"node_types", static_cast<double>(e.node_types)}});
  if (const Auxiliary* aux = solver.auxiliary()) {
    f.metadata["amq.auxiliary"] =
        json::dump(json::Object{{"hidden", static_cast<double>(aux->config().hidden)},
                                {"layers", static_cast<double>(aux->config().layers)},
                                {"bits", static_cast<double>(aux->config().bits)},
                                {"columns", static_cast<double>(aux->columns())}});
    detail::put_parameters(f, detail::auxiliary_prefix, aux->net().layout, aux->net().parameters);
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
  const Budget kept = solver.budget();
  const Allocator<> own = solver.allocator();
  solver.allocate_by({own.layout(), own.levels(), own.curves(), {}, {}, own.sharing()});
  for (std::size_t k = 0; k < test.mean_bits.size(); ++k) {
    solver.budget(mean_bits(test.mean_bits[k]));
    const Field u = solver(test.mesh, test.a);
    f.tensors["self_test.u." + std::to_string(k)] = Array::of(view(u));
  }
  solver.allocate_by(own);
  solver.budget(kept);
  safetensors::write(path, f);
}

/// Reads a solver and solves its self-test: every bit must be as it was saved.
/// @throws amq::Error for a file that is truncated, hostile, of another model or scheme, whose
/// tensors
///         do not fit (all are listed), or whose self-test comes out differently
template <typename Model, typename Scheme>
[[nodiscard]] MeshSolver<Model, Scheme> load(const std::string& path,
                                             Executor& executor = serial_executor()) {
  const safetensors::File f = safetensors::read(path);
  const auto text = [&](const char* key) -> const std::string& {
    const auto it = f.metadata.find(key);
    if (it == f.metadata.end())
      throw Error(path, std::string("metadata '") + key + "'", "none",
                  "Load a file that amq::save has written.");
    return it->second;
  };
  const auto same = [&](const char* key, const std::string& wanted, const char* mend) {
    if (text(key) != wanted) throw Error(path, std::string(key) + " " + wanted, text(key), mend);
  };
  same("amq.format", "1", "Use the version of amq that wrote the file.");
  same("amq.model", std::string(Model::name),
       "Name the model the file holds: amq::load<Model, Scheme>.");
  const SchemeInfo info = SchemeInfo::of<Scheme>();
  if (text("amq.scheme") != info.name(info.rule.former_name()))
    same("amq.scheme", info.name(), "Name the scheme the file holds: amq::load<Model, Scheme>.");
  const auto config = detail::config_of_json<typename Model::Config>(
      json::parse(text("amq.config"), path), path + ": amq.config");
  auto net = std::make_unique<Network<Model>>(config, info, 0);

  const json::Value j = json::parse(text("amq.encoding"), path);
  const std::string where = path + ": amq.encoding";
  MeshEncoding e;
  e.input_mean = detail::numbers_of<float>(j.at("input_mean", where), where);
  e.input_deviation = detail::numbers_of<float>(j.at("input_deviation", where), where);
  e.output_mean = detail::numbers_of<float>(j.at("output_mean", where), where);
  e.output_deviation = detail::numbers_of<float>(j.at("output_deviation", where), where);
  e.centre = detail::numbers_of<float>(j.at("centre", where), where);
  e.half_width = static_cast<float>(j.at("half_width", where).as_double(where));
  e.lattices = detail::numbers_of<int>(j.at("lattices", where), where);
  if (j.find("neighbours"))
    e.neighbours = static_cast<int>(detail::size_of_json(j, "neighbours", where));
  if (j.find("node_types"))
    e.node_types = static_cast<int>(detail::size_of_json(j, "node_types", where));
  if (e.inputs() != config.inputs || e.outputs() != config.outputs ||
      e.input_deviation.size() != e.input_mean.size() ||
      e.output_deviation.size() != e.output_mean.size() ||
      static_cast<Index>(e.centre.size()) != config.dim)
    throw Error(where, "channels as the model's configuration has them", "others",
                "The file is damaged: save the model again.");

  std::vector<safetensors::Expected> wanted;
  detail::expect_layout(wanted, "", net->layout);
  std::unique_ptr<Auxiliary> aux;
  if (f.metadata.contains("amq.auxiliary")) {
    const json::Value a = json::parse(text("amq.auxiliary"), path);
    const std::string at = path + ": amq.auxiliary";
    AuxiliaryConfig c;
    c.hidden = detail::size_of_json(a, "hidden", at);
    c.layers = detail::size_of_json(a, "layers", at);
    c.bits = static_cast<int>(detail::size_of_json(a, "bits", at));
    aux = std::make_unique<Auxiliary>(c, config.inputs, config.dim,
                                      detail::size_of_json(a, "columns", at), 0);
    detail::expect_layout(wanted, detail::auxiliary_prefix, aux->net().layout);
    for (const char* name : {"centre", "scale", "lift"})
      wanted.push_back({std::string("auxiliary_columns.") + name, {aux->columns()}});
  }
  for (const auto& [name, shape] : std::vector<safetensors::Expected>{
           {"self_test.points", {-1, config.dim}},
           {"self_test.cells", {-1, -1}},
           {"self_test.node_type", {-1}},
           {"self_test.a", {-1, static_cast<std::int64_t>(e.input_mean.size())}},
           {"self_test.mean_bits", {-1}}})
    wanted.push_back({name, shape});
  const auto budgets = f.at("self_test.mean_bits").template as<double>();
  for (std::size_t k = 0; k < budgets.size(); ++k)
    wanted.push_back({"self_test.u." + std::to_string(k), {-1, config.outputs}});
  safetensors::expect(f, wanted);

  detail::get_parameters(f, "", net->layout, net->parameters);
  if (aux) {
    detail::get_parameters(f, detail::auxiliary_prefix, aux->net().layout, aux->net().parameters);
    aux->centre = f.at("auxiliary_columns.centre").template as<float>();
    aux->scale = f.at("auxiliary_columns.scale").template as<float>();
    aux->lift = f.at("auxiliary_columns.lift").template as<float>();
  }
  allocation::AnySharing sharing =
      allocation::AnySharing::of(text("amq.sharing"), path + ", amq.sharing");
  PointCurves curves;
  const json::Value c = json::parse(text("amq.curves"), path);
  for (const auto& error : c.at("error", path).as_list(path))
    curves.error.push_back(detail::numbers_of<double>(error, path));
  curves.score_power = c.at("score_power", path).as_double(path);
  // Files of before these rules had names were planned by the first of each.
  const auto second = [&](const char* rule, std::array<std::string_view, 2> names) {
    const json::Value* found = c.find(rule);
    if (!found || found->as_string(path) == names[0]) return false;
    if (found->as_string(path) != names[1])
      throw Error(path + ", amq.curves, " + rule,
                  std::string(names[0]) + " or " + std::string(names[1]), found->as_string(path),
                  "The file is of a newer amq, or damaged.");
    return true;
  };
  if (second("edges", detail::edge_deciders) && sharing.over_mesh && sharing.over_points)
    sharing = allocation::PerEdge();
  if (second("clusters", detail::cluster_scores)) curves.clusters = ClusterScore::max;
  curves.mean_score = detail::numbers_of<double>(c.at("mean_score", path), path);
  MeshSolver<Model, Scheme> solver(std::move(net), std::move(aux), e, sharing, std::move(curves),
                                   executor);

  Mesh mesh;
  mesh.dim = static_cast<int>(config.dim);
  mesh.nodes_per_cell = static_cast<int>(f.at("self_test.cells").shape[1]);
  mesh.points = f.at("self_test.points").template as<double>();
  mesh.cells = f.at("self_test.cells").template as<std::int32_t>();
  for (const auto t : f.at("self_test.node_type").template as<std::uint8_t>())
    mesh.node_type.push_back(static_cast<NodeType>(t));
  const auto a = f.at("self_test.a").template as<float>();
  const Budget kept = solver.budget();
  for (std::size_t k = 0; k < budgets.size(); ++k) {
    solver.budget(mean_bits(budgets[k]));
    const Field u = solver(mesh, MatrixView<const float>(a.data(), f.at("self_test.a").shape[0],
                                                         f.at("self_test.a").shape[1]));
    const auto saved = f.at("self_test.u." + std::to_string(k)).template as<float>();
    float worst = saved.size() == static_cast<std::size_t>(u.size()) ? 0.0f : 1e30f;
    for (std::size_t i = 0; i < saved.size() && worst < 1e30f; ++i)
      worst = std::max(worst, std::abs(saved[i] - u.data()[i]));
    if (!(worst == 0.0f))
      throw Error(path + ", self-test at " + std::to_string(budgets[k]) + " bits",
                  "the saved solution, bit for bit",
                  "a difference of up to " + std::to_string(worst),
                  "The file is damaged, or this build of amq computes wrongly: report it.");
  }
  solver.budget(kept);
  return solver;
}

}  // namespace amq
