// A solver is constant while it solves: threads may share it.
#include <amq/solver.hpp>

#include <amq/core/thread_pool.hpp>
#include <amq/models/graph_vit.hpp>

#include "fingerprints.hpp"

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>
#include <vector>

using namespace amq;
using namespace amq::solver;

namespace {

std::atomic<std::size_t> largest_allocation{0};
void* counted(std::size_t n, std::size_t align) {
  std::size_t seen = largest_allocation.load();
  while (seen < n && !largest_allocation.compare_exchange_weak(seen, n)) {
  }
  void* p = align > alignof(std::max_align_t)
                ? std::aligned_alloc(align, (n + align - 1) / align * align)
                : std::malloc(n ? n : 1);
  if (!p) throw std::bad_alloc();
  return p;
}

}  // namespace

void* operator new(std::size_t n) {
  return counted(n, 0);
}
void* operator new(std::size_t n, std::align_val_t a) {
  return counted(n, static_cast<std::size_t>(a));
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
void operator delete(void* p, std::align_val_t) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  std::free(p);
}

namespace {

template <typename Model>
std::unique_ptr<MeshSolver<Model>> made(bool adaptive, Executor& executor) {
  MeshEncoding e;
  e.input_mean = {0.125f, -0.25f};
  e.input_deviation = {1.5f, 0.75f};
  typename Model::Config c;
  c.hidden = 16;
  c.layers = 2;
  c.inputs = e.inputs();
  c.outputs = e.outputs();
  if constexpr (std::is_same_v<Model, GraphVit>) {
    c.width = 32;
    c.blocks = 1;
    c.cluster_size = 12;
  }
  auto net =
      std::make_unique<Network<Model>>(c, SchemeInfo{8, RowRule::affine, {1, 2, 3, 4, 8}}, 3);
  std::unique_ptr<Auxiliary> aux;
  if (adaptive)
    aux = std::make_unique<Auxiliary>(AuxiliaryConfig{8, 1, 4}, c.inputs, 2,
                                      PointScores(net->layout).columns(), 5);
  return std::make_unique<MeshSolver<Model>>(std::move(net), std::move(aux), e,
                                             allocation::AnySharing(), PointCurves{}, executor);
}

struct Asked {
  Mesh mesh;
  Field given;
  double bits;
};
std::vector<Asked> questions() {
  std::vector<Asked> all;
  for (int k = 0; k < 4; ++k) {
    Mesh m = fingerprints::square(9 + k / 2, static_cast<std::uint64_t>(k / 2));
    Field a = fingerprints::noise(m.n_nodes(), 2, static_cast<std::uint64_t>(k));
    all.push_back({std::move(m), std::move(a), 2.5 + k});
  }
  return all;
}

}  // namespace

TEST_CASE_TEMPLATE("eight threads share a solver and get what one would, to the bit", Model, MpPde,
                   GraphVit) {
  ThreadPool pool(2);
  for (Executor* executor : {&serial_executor(), static_cast<Executor*>(&pool)}) {
    const auto solver = made<Model>(true, *executor);
    const auto asked = questions();
    std::vector<Solution> alone;
    for (const Asked& q : asked) alone.push_back((*solver)(q.mesh, q.given, mean_bits(q.bits)));
    const PreparedMesh<Model> at = solver->prepare(asked[0].mesh);
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 8; ++t)
      threads.emplace_back([&, t] {
        for (std::size_t round = 0; round < 12; ++round) {
          const std::size_t k = (t + round) % asked.size();
          const Asked& q = asked[k];
          const Solution s = k == 0 ? at(q.given, mean_bits(q.bits))
                                    : (*solver)(q.mesh, q.given, mean_bits(q.bits));
          wrong += !(s.field.array() == alone[k].field.array()).all() ||
                   s.report.node_bits != alone[k].report.node_bits ||
                   s.report.bops != alone[k].report.bops;
        }
      });
    for (auto& t : threads) t.join();
    CHECK(wrong == 0);
  }
}

TEST_CASE("a solver that has thrown in one thread still serves the others") {
  const auto solver = made<MpPde>(true, serial_executor());
  const auto asked = questions();
  const Solution alone = (*solver)(asked[0].mesh, asked[0].given, mean_bits(3));
  Field bad = asked[0].given;
  bad(7, 1) = std::nanf("");
  for (int k = 0; k < 5; ++k) {
    CHECK_THROWS_AS(static_cast<void>((*solver)(asked[0].mesh, bad, mean_bits(3))), Error);
    CHECK_THROWS_AS(static_cast<void>((*solver)(asked[0].mesh, asked[0].given, mean_bits(1))),
                    Error);
    const Solution s = (*solver)(asked[0].mesh, asked[0].given, mean_bits(3));
    CHECK((s.field.array() == alone.field.array()).all());
  }
}

TEST_CASE_TEMPLATE("after a first pass on a prepared mesh nothing of size is allocated", Model,
                   MpPde, GraphVit) {
  const auto solver = made<Model>(false, serial_executor());
  const Mesh mesh = fingerprints::square(40, 3);
  const Field a = fingerprints::noise(mesh.n_nodes(), 2, 5),
              b = fingerprints::noise(mesh.n_nodes(), 2, 6);
  const PreparedMesh<Model> at = solver->prepare(mesh);
  Field first, again;
  const BitPlan plan = at.choose(view(a), mean_bits(4)).plan;
  at.solve(view(a), plan, first);
  at.solve(view(b), plan, again);
  largest_allocation = 0;
  at.solve(view(a), plan, again);
  // What is left are sums of blocks of rows and a cluster's shares of attention.
  const auto tensor = static_cast<std::size_t>(mesh.n_nodes()) * 16 * sizeof(float);
  CHECK(largest_allocation.load() < tensor / 10);
  CHECK((first.array() == again.array()).all());
}
