// What C++ code of the host sees of the C interface: the numbers of the C++ library, exceptions in
// callbacks, threads.
#include <amq.h>

#include <amq/core/thread_pool.hpp>
#include <amq/io/safetensors.hpp>
#include <amq/mesh/sides.hpp>
#include <amq/solver/compiled.hpp>

#include <cfenv>
#include <cmath>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

namespace {

using Solver = std::unique_ptr<amq_solver, int (*)(amq_solver*)>;
using OnMesh = std::unique_ptr<amq_mesh, int (*)(amq_mesh*)>;

Solver opened(const std::string& path, const amq_executor* executor = nullptr) {
  amq_solver* s = nullptr;
  REQUIRE_MESSAGE(amq_open(path.c_str(), executor, &s) == AMQ_OK, amq_last_error());
  return {s, &amq_close};
}
OnMesh placed(const Solver& solver, const amq::Mesh& mesh) {
  amq_mesh_data d = amq_mesh_data_init();
  d.dim = mesh.dim;
  d.nodes_per_cell = mesh.nodes_per_cell;
  d.n_nodes = mesh.n_nodes();
  d.n_cells = mesh.n_cells();
  d.points = mesh.points.data();
  d.cells = mesh.cells.data();
  std::vector<std::uint8_t> types;
  for (const auto t : mesh.node_type) types.push_back(static_cast<std::uint8_t>(t));
  d.node_type = types.data();
  amq_mesh* m = nullptr;
  REQUIRE_MESSAGE(amq_mesh_new(solver.get(), &d, &m) == AMQ_OK, amq_last_error());
  return {m, &amq_mesh_close};
}
amq::Mesh square(int n) {
  amq::Mesh mesh;
  for (int j = 0; j <= n; ++j)
    for (int i = 0; i <= n; ++i) {
      mesh.points.push_back(static_cast<double>(i) / n);
      mesh.points.push_back(static_cast<double>(j) / n);
    }
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < n; ++i) {
      const int a = j * (n + 1) + i;
      for (const int k : {a, a + 1, a + n + 2, a, a + n + 2, a + n + 1}) mesh.cells.push_back(k);
    }
  amq::mesh::mark_boundary(mesh);
  return mesh;
}
std::vector<float> given(amq::Index n) {
  std::vector<float> a;
  for (amq::Index i = 0; i < 2 * n; ++i)
    a.push_back(7.5f + 4.5f * std::sin(0.1f * static_cast<float>(i)));
  return a;
}
std::vector<float> solved(const OnMesh& mesh, std::vector<float>& a, double bits,
                          int* status = nullptr) {
  const auto n = static_cast<std::int64_t>(a.size() / 2);
  std::vector<float> u(static_cast<std::size_t>(n), -1.0f);
  const amq_array in = amq_array_f32(a.data(), n, 2), out = amq_array_f32(u.data(), n, 1);
  amq_options o = amq_options_init();
  o.unit = AMQ_MEAN_BITS;
  o.budget = bits;
  const int rc = amq_solve(mesh.get(), &in, &out, &o, nullptr);
  if (status)
    *status = rc;
  else
    CHECK_MESSAGE(rc == AMQ_OK, amq_last_error());
  return u;
}

}  // namespace

TEST_CASE("the C interface gives the bits of the C++ library") {
  const Solver solver = opened(AMQ_SHIPPED_MODEL);
  amq::solver::CompiledSolver cpp(AMQ_SHIPPED_MODEL);  // its scheme is a type
  for (const int side : {5, 23}) {
    const amq::Mesh mesh = square(side);
    const OnMesh at = placed(solver, mesh);
    auto a = given(mesh.n_nodes());
    for (const double bits : {2.0, 3.3, 8.0}) {
      cpp.budget(bits);
      CHECK(solved(at, a, bits) == cpp(mesh, {a.data(), mesh.n_nodes(), 2}));
    }
  }
}

TEST_CASE("every network's saved solution comes out of the C interface, bit for bit") {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(AMQ_BINDINGS_MODELS)) {
    if (entry.path().extension() != ".safetensors") continue;
    CAPTURE(entry.path());
    ++files;
    const auto f = amq::io::safetensors::read(entry.path().string());
    const Solver solver = opened(entry.path().string());
    OnMesh at{nullptr, &amq_mesh_close};
    if (f.tensors.contains("self_test.points")) {
      amq::Mesh mesh;
      mesh.points = f.at("self_test.points").as<double>();
      mesh.cells = f.at("self_test.cells").as<std::int32_t>();
      for (const auto t : f.at("self_test.node_type").as<std::uint8_t>())
        mesh.node_type.push_back(static_cast<amq::NodeType>(t));
      at = placed(solver, mesh);
    } else {
      const auto x = f.at("self_test.axis.0").as<double>(),
                 y = f.at("self_test.axis.1").as<double>();
      const std::int64_t n[] = {static_cast<std::int64_t>(x.size()),
                                static_cast<std::int64_t>(y.size())};
      const double* const axes[] = {x.data(), y.data()};
      amq_mesh* m = nullptr;
      REQUIRE_MESSAGE(amq_grid_new(solver.get(), 2, n, axes, &m) == AMQ_OK, amq_last_error());
      at.reset(m);
    }
    auto a = f.at("self_test.a").as<float>();
    const auto& shape = f.at("self_test.a").shape;
    const auto budgets = f.at("self_test.mean_bits").as<double>();
    for (std::size_t k = 0; k < budgets.size(); ++k) {
      const auto saved = f.at("self_test.u." + std::to_string(k)).as<float>();
      std::vector<double> u(saved.size());
      const amq_array in = amq_array_f32(a.data(), shape[0], shape[1]),
                      out = amq_array_f64(u.data(), shape[0], 1);
      amq_options o = amq_options_init();
      o.unit = AMQ_MEAN_BITS;
      o.budget = budgets[k];
      REQUIRE_MESSAGE(amq_solve(at.get(), &in, &out, &o, nullptr) == AMQ_OK, amq_last_error());
      CHECK(std::vector<float>(u.begin(), u.end()) == saved);
    }
  }
  CHECK(files >= 8);
}

TEST_CASE("an exception in a callback of the host is its error, and the next solve is as before") {
  struct Host {
    std::function<int(std::size_t, std::size_t, amq_body, void*)> run;
  } host;
  const auto serial = [](std::size_t n, std::size_t, amq_body body, void* work) {
    body(work, 0, n);
    return 0;
  };
  host.run = serial;
  const amq_executor executor{
      2,
      [](void* h, std::size_t n, std::size_t grain, amq_body body, void* work) {
        return static_cast<Host*>(h)->run(n, grain, body, work);
      },
      &host};
  const Solver solver = opened(AMQ_SHIPPED_MODEL, &executor);
  const amq::Mesh mesh = square(12);
  const OnMesh at = placed(solver, mesh);
  auto a = given(mesh.n_nodes());
  const auto before = solved(at, a, 3);
  // Whichever loop of a solve it is that fails.
  for (int which = 0; which < 12; ++which) {
    int loop = 0;
    host.run = [&](std::size_t n, std::size_t g, amq_body body, void* work) -> int {
      if (loop++ == which) throw std::runtime_error("no thread left");
      return serial(n, g, body, work);
    };
    int status = AMQ_OK;
    static_cast<void>(solved(at, a, 3, &status));
    if (loop <= which) break;  // fewer loops than that
    CHECK(status == AMQ_HOST);
    CHECK(std::string(amq_last_error()).find("no thread left") != std::string::npos);
  }
  host.run = [](std::size_t, std::size_t, amq_body, void*) -> int { throw 7; };
  int status = AMQ_OK;
  static_cast<void>(solved(at, a, 3, &status));
  CHECK(status == AMQ_HOST);
  host.run = [](std::size_t n, std::size_t, amq_body body, void* work) {
    body(work, 0, n);
    body(work, n, n + 1);
    return 0;
  };
  static_cast<void>(solved(at, a, 3, &status));
  CHECK(status == AMQ_HOST);
  CHECK(std::string(amq_last_error()).find("one outside") != std::string::npos);
  host.run = serial;
  CHECK(solved(at, a, 3) == before);
}

TEST_CASE("threads share a solver and a mesh, close handles meanwhile, and read their own errors") {
  amq::ThreadPool pool(3);
  const amq_executor executor{
      3,
      [](void* h, std::size_t n, std::size_t grain, amq_body body, void* w) {
        static_cast<amq::ThreadPool*>(h)->parallel_for(
            n, grain, [&](std::size_t b, std::size_t e) { body(w, b, e); });
        return 0;
      },
      &pool};
  amq_solver* solver = nullptr;
  REQUIRE(amq_open(AMQ_SHIPPED_MODEL, &executor, &solver) == AMQ_OK);
  const amq::Mesh mesh = square(10);
  const Solver held{solver, [](amq_solver*) { return 0; }};
  const OnMesh at = placed(held, mesh);
  auto a = given(mesh.n_nodes());
  const auto want = solved(at, a, 3);
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&, t] {
      auto mine = a;
      for (int k = 0; k < 4; ++k) {
        int status = AMQ_OK;
        wrong[t] += solved(at, mine, 3, &status) != want;
        wrong[t] += status != AMQ_OK;
        static_cast<void>(solved(at, mine, 3.0 + 10.0 * static_cast<double>(t % 2 + 1), &status));
        wrong[t] += status != AMQ_INPUT;
        wrong[t] += std::string(amq_last_error()).find(t % 2 ? "23" : "13") == std::string::npos;
      }
    });
  CHECK(amq_close(solver) == AMQ_OK);  // while they solve
  for (auto& t : threads) t.join();
  CHECK(wrong == std::vector<int>(4, 0));
  CHECK(solved(at, a, 3) == want);
}

TEST_CASE(
    "a host that traps and rounds otherwise gets the same numbers, and its environment back") {
  const Solver solver = opened(AMQ_SHIPPED_MODEL);
  const amq::Mesh mesh = square(8);
  const OnMesh at = placed(solver, mesh);
  auto a = given(mesh.n_nodes());
  const auto want = solved(at, a, 3);
  std::fesetround(FE_UPWARD);
  const auto found = solved(at, a, 3);
  CHECK(std::fegetround() == FE_UPWARD);
  std::fesetround(FE_TONEAREST);
  CHECK(found == want);
}
