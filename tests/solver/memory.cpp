// Memory that runs out at any allocation of a load or a solve: an exception, nothing lost, and the
// solver answers as before.
#include "../failing_memory.hpp"

#include <amq/solver/compiled.hpp>

#include <amq/core/error.hpp>

#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace test_memory {

namespace {

struct Problem {
  amq::Mesh mesh;
  std::vector<float> given;  // (node, channel)
  [[nodiscard]] amq::MatrixView<const float> a() const { return {given.data(), mesh.n_nodes(), 2}; }
};
Problem problem(int n) {
  Problem p;
  for (int j = 0; j <= n; ++j)
    for (int i = 0; i <= n; ++i) {
      p.mesh.points.push_back(static_cast<double>(i) / n);
      p.mesh.points.push_back(static_cast<double>(j) / n);
      const bool wall = i % n == 0 || j % n == 0;
      p.mesh.node_type.push_back(wall ? amq::NodeType::wall : amq::NodeType::normal);
      for (int c = 0; c < 2; ++c) p.given.push_back(3 * i + j > 2 * n ? 12.0f : 3.0f);
    }
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < n; ++i) {
      const int a = j * (n + 1) + i;
      for (const int k : {a, a + 1, a + n + 2, a, a + n + 2, a + n + 1}) p.mesh.cells.push_back(k);
    }
  return p;
}
const std::string file = AMQ_SHIPPED_MODEL;

struct Outcome {
  bool failed = false, thrown = false;
};
/// Runs it with memory failing at call n. Anything but bad_alloc and amq::Error ends the test.
template <typename Run>
Outcome without_memory(long n, bool from_then_on, const Run& run) {
  Outcome o;
  const failing::Memory memory(n, from_then_on);
  try {
    run();
  } catch (const std::bad_alloc&) {
    o.thrown = true;
  } catch (const amq::Error&) {
    o.thrown = true;
  }
  o.failed = failing::Memory::failed();
  return o;
}

}  // namespace

TEST_CASE("a load that runs out of memory anywhere throws, and loses nothing") {
  const Problem p = problem(5);
  const auto expected = [&] {
    amq::solver::CompiledSolver solver(file);
    return solver(p.mesh, p.a());
  }();
  for (const bool from_then_on : {false, true}) {
    long n = 1, tried = 0, live = 0;
    for (;; n = failing::next(n, 100), ++tried) {
      const long now = failing::live;
      CAPTURE(n);
      // What exceptions, the C library and the test's runner keep for good is taken by then.
      if (tried > 2) CHECK(now == live);
      live = now;
      std::optional<amq::solver::CompiledSolver> solver;
      const Outcome o = without_memory(n, from_then_on, [&] { solver.emplace(file); });
      if (!o.failed) break;
      // A call may do without: then what came is whole.
      CHECK(o.thrown != solver.has_value());
      if (solver) CHECK((*solver)(p.mesh, p.a()) == expected);
    }
    MESSAGE("allocations of a load: ", n, ", made to fail: ", tried);
    CHECK(tried > 100);
  }
}

TEST_CASE("a solve that runs out of memory anywhere throws, and the next gives the same bits") {
  const Problem p = problem(5), other = problem(4);
  amq::solver::CompiledSolver solver(file);
  solver.budget(3);
  const auto expected = solver(p.mesh, p.a()), before_it = solver(other.mesh, other.a());
  for (const bool from_then_on : {false, true}) {
    long n = 1, tried = 0, live = 0;
    for (;; n = failing::next(n, 300), ++tried) {
      // The other mesh is the one that is kept: everything of this one is made again.
      CHECK(solver(other.mesh, other.a()) == before_it);
      const long now = failing::live;
      CAPTURE(n);
      if (tried > 2) CHECK(now == live);
      live = now;
      std::optional<std::vector<float>> found;
      const Outcome o = without_memory(n, from_then_on, [&] { found = solver(p.mesh, p.a()); });
      if (found) CHECK(*found == expected);
      if (!o.failed) break;
      CHECK(o.thrown != found.has_value());
      found.reset();
      CHECK(solver(p.mesh, p.a()) == expected);
    }
    MESSAGE("allocations of a solve: ", n, ", made to fail: ", tried);
    CHECK(tried > 100);
  }
}

}  // namespace test_memory
