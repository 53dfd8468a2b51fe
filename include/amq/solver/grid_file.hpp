#pragma once
/// @file
/// The file of a solver on grids: the format of model_file.hpp, with axes in place of a mesh.

#include <amq/solver/grid_solver.hpp>
#include <amq/solver/network_file.hpp>

#include <string>
#include <utility>
#include <vector>

namespace amq::solver {

/// A grid and a given field, and the levels at which a loaded solver must return the saved bits.
struct GridSelfTest {
  RegularGrid grid;
  Field a;  ///< (point, given channel)
  std::vector<double> mean_bits;
};

}  // namespace amq::solver

namespace amq {

/// Writes the solver under a temporary name and renames it. The self-test is solved here, and its
/// solutions are kept.
/// @throws amq::Error for a failing disk or a self-test the solver refuses
template <typename Model, typename Scheme>
void save(const std::string& path, const GridSolver<Model, Scheme>& solver,
          const solver::GridSelfTest& test) {
  using namespace solver;
  solver::detail::require_budgets(path, test.mean_bits);
  safetensors::File f;
  f.path = path;
  solver::detail::put_network(f, solver.net());
  f.metadata["amq.encoding"] = json::dump(stored::to_json(solver.encoding()));
  f.metadata["amq.trained_on"] = json::dump(stored::to_json(solver.trained_on()));
  for (std::size_t d = 0; d < test.grid.axes.size(); ++d)
    f.tensors["self_test.axis." + std::to_string(d)] = Array::of(test.grid.axes[d]);
  f.tensors["self_test.a"] = Array::of(view(test.a));
  f.tensors["self_test.mean_bits"] = Array::of(test.mean_bits);
  for (std::size_t k = 0; k < test.mean_bits.size(); ++k)
    solver::detail::put_solution(f, k,
                                 solver(test.grid, test.a, mean_bits(test.mean_bits[k])).field);
  safetensors::write(path, f);
}

}  // namespace amq

namespace amq::solver {

namespace detail {

inline void expect_self_test_grid(std::vector<safetensors::Expected>& wanted, int dims) {
  for (int d = 0; d < dims; ++d) wanted.push_back({"self_test.axis." + std::to_string(d), {-1}});
}
inline RegularGrid self_test_grid(const safetensors::File& f, int dims) {
  RegularGrid grid;
  for (int d = 0; d < dims; ++d)
    grid.axes.push_back(f.at("self_test.axis." + std::to_string(d)).as<double>());
  return grid;
}

template <typename Model, typename Scheme>
GridSolver<Model, Scheme> load_grid_solver(const NetworkFile& file, Executor& executor) {
  const safetensors::File& f = file.f;
  const std::string& path = f.path;
  const SchemeInfo info = file.is<Model, Scheme>();
  const auto config = file.parsed<typename Model::Config>("amq.config");
  auto e = file.parsed<GridFieldEncoding>("amq.encoding");
  e.check();
  const GridChannels c = config.channels();
  if (c.dims < 1 || c.dims > 3)
    throw Error(path + ": amq.config", "1 to 3 axes", std::to_string(c.dims),
                "The file is damaged: save the model again.");
  std::vector<safetensors::Expected> wanted;
  const auto row_bits = file.row_bits();
  file.declare<Model>(wanted, "", config, info, row_bits);
  wanted.push_back({"self_test.a", {-1, e.inputs()}});
  wanted.push_back({"self_test.mean_bits", {-1}});
  expect_self_test_grid(wanted, c.dims);
  const auto budgets = file.budgets();
  for (std::size_t k = 0; k < budgets.size(); ++k)
    wanted.push_back({"self_test.u." + std::to_string(k), {-1, e.outputs()}});
  safetensors::expect(f, wanted);

  auto net = std::make_unique<Network<Model>>(config, info, 0, row_bits);
  file.take_weight_bits<Scheme>(net->layout);
  get_parameters(f, "", net->layout, net->quantizers, net->parameters);
  GridSolver<Model, Scheme> solver(std::move(net), std::move(e), executor);
  if (file.has("amq.trained_on")) solver.trained_on(file.parsed<TrainedOn>("amq.trained_on"));
  const RegularGrid grid = self_test_grid(f, c.dims);
  const auto given = f.at("self_test.a").template as<float>();
  const MatrixView<const float> a(given.data(), f.at("self_test.a").shape[0],
                                  f.at("self_test.a").shape[1]);
  for (std::size_t k = 0; k < budgets.size(); ++k)
    file.require_solution(k, budgets[k], solver(grid, a, mean_bits(budgets[k])).field);
  return solver;
}

}  // namespace detail

}  // namespace amq::solver

namespace amq {

/// Reads a solver and solves its self-test: every bit must be as it was saved.
/// @tparam Scheme  see load() of networks on meshes
/// @throws amq::Error  see load() of networks on meshes
template <typename Model, typename Scheme = AnyScheme>
requires models::grid_model<Model>
[[nodiscard]] GridSolver<Model, Scheme> load(const std::string& path,
                                             Executor& executor = core::serial_executor()) {
  return solver::detail::naming(path, [&] {
    return solver::detail::load_grid_solver<Model, Scheme>(
        solver::detail::NetworkFile(io::safetensors::read(path)), executor);
  });
}
/// The same of a file that has been read, or of its bytes: safetensors::decode(bytes, name).
template <typename Model, typename Scheme = AnyScheme>
requires models::grid_model<Model>
[[nodiscard]] GridSolver<Model, Scheme> load(io::safetensors::File file,
                                             Executor& executor = core::serial_executor()) {
  const std::string path = file.path;
  return solver::detail::naming(path, [&] {
    return solver::detail::load_grid_solver<Model, Scheme>(
        solver::detail::NetworkFile(std::move(file)), executor);
  });
}

}  // namespace amq
