// A program that includes nothing heavy: the solver is in the library it is linked with.
#include <amq/solver/compiled.hpp>

#include <amq/core/error.hpp>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#ifdef EIGEN_WORLD_VERSION
#error "amq/solver/compiled.hpp must not reach Eigen"
#endif

namespace {

amq::Mesh square(int n) {
  amq::Mesh mesh;
  for (int j = 0; j <= n; ++j)
    for (int i = 0; i <= n; ++i) {
      mesh.points.push_back(static_cast<double>(i) / n);
      mesh.points.push_back(static_cast<double>(j) / n);
      const bool wall = i % n == 0 || j % n == 0;
      mesh.node_type.push_back(wall ? amq::NodeType::wall : amq::NodeType::normal);
    }
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < n; ++i) {
      const int a = j * (n + 1) + i;
      for (const int k : {a, a + 1, a + n + 2, a, a + n + 2, a + n + 1}) mesh.cells.push_back(k);
    }
  return mesh;
}

std::string refusal(const auto& call) {
  try {
    call();
  } catch (const amq::Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("the compiled solver reads the shipped model and solves within its budget") {
  amq::solver::CompiledSolver solver(AMQ_SHIPPED_MODEL);  // replays its self-test, bit for bit
  const amq::Mesh mesh = square(20);
  const std::vector<float> given(static_cast<std::size_t>(2 * mesh.n_nodes()), 7.5f);
  const amq::MatrixView<const float> a(given.data(), mesh.n_nodes(), 2);
  std::vector<float> at_low, at_high;
  solver.budget(2);
  at_low = solver(mesh, a);
  const auto low = solver.report();
  solver.budget(6);
  at_high = solver(mesh, a);
  const auto high = solver.report();
  CHECK(at_low.size() == static_cast<std::size_t>(mesh.n_nodes()));
  CHECK(low.node_bits.size() == at_low.size());
  CHECK(low.bops > 0);
  CHECK(low.bops <= low.budget);
  CHECK(low.bops < high.bops);
  CHECK(at_low != at_high);
  amq::solver::CompiledSolver moved = std::move(solver);
  CHECK(moved(mesh, a) == at_high);
}

TEST_CASE("the compiled solver refuses what the solver refuses, in the same sentences") {
  CHECK(refusal([] { amq::solver::CompiledSolver("no_such_file"); }).find("no_such_file") !=
        std::string::npos);
  amq::solver::CompiledSolver solver(AMQ_SHIPPED_MODEL);
  CHECK(refusal([&] { solver.budget(9); }).find("amq: budget") == 0);
  const amq::Mesh mesh = square(4);
  const std::vector<float> one(static_cast<std::size_t>(mesh.n_nodes()), 1.0f);
  CHECK(refusal([&] {
          static_cast<void>(solver(mesh, std::span<const float>(one)));
        }).find("channels") != std::string::npos);
}
