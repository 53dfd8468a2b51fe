// Solvers that come and go while another solves, and solves that are ended from outside: by an
// executor's task or a callback of the host. What is left is usable, to the bit.
#include <amq/solver.hpp>

#include <amq/core/thread_pool.hpp>

#include "fingerprints.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace test_cancelled {

using namespace amq;
using namespace amq::solver;

namespace {

using S = Scheme<Weights<8>, Activations<0, 2, 4, 8>>;

std::unique_ptr<MeshSolver<MpPde, S>> made(Executor& executor = core::serial_executor()) {
  MeshEncoding e;
  e.input_mean = {0.125f, -0.25f};
  e.input_deviation = {1.5f, 0.75f};
  e.output_mean = {0, 0};
  e.output_deviation = {0.02f, 0.05f};
  MpPdeConfig c;
  c.hidden = 16;
  c.layers = 2;
  c.inputs = e.inputs();
  c.outputs = 2;
  auto net = std::make_unique<Network<MpPde>>(c, SchemeInfo::of<S>(), 3);
  auto aux = std::make_unique<Auxiliary>(AuxiliaryConfig{8, 1, 4}, c.inputs, 2,
                                         PointScores(net->layout).columns(), 5);
  auto solver = std::make_unique<MeshSolver<MpPde, S>>(
      std::move(net), std::move(aux), e, allocation::AnySharing(), PointCurves{}, executor);
  solver->budget(mean_bits(3.5));
  return solver;
}
struct Square {
  Mesh mesh;
  Field a;
  explicit Square(int n)
      : mesh(fingerprints::square(n, 4)), a(fingerprints::noise(mesh.n_nodes(), 2, 5)) {}
};

struct Cancelled {};

/// A host's pool whose n-th loop is cancelled: before it begins, or by one of its tasks.
class Cancelling final : public Executor {
 public:
  explicit Cancelling(std::size_t threads) : pool_(threads) {}
  void parallel_for(std::size_t n, std::size_t grain, const Body& body) override {
    if (left > 0 && --left == 0) {
      met = true;
      if (!in_a_task) throw Cancelled();
      return pool_.parallel_for(n, grain, [&](std::size_t begin, std::size_t end) {
        body(begin, end);
        throw Cancelled();
      });
    }
    pool_.parallel_for(n, grain, body);
  }
  [[nodiscard]] std::size_t threads() const noexcept override { return pool_.threads(); }

  long left = 0;  ///< loops until then; 0: never
  bool in_a_task = false, met = false;

 private:
  ThreadPool pool_;
};

}  // namespace

TEST_CASE(
    "solvers are made, solve and are destroyed while others solve, and none sees the others") {
  const Square p(10);
  const auto shared = made();
  const Field expected = (*shared)(p.mesh, p.a);
  std::atomic<int> wrong{0}, solved{0};
  std::atomic<bool> over{false};
  std::vector<std::thread> all;
  for (int t = 0; t < 2; ++t)
    all.emplace_back([&] {
      while (!over) {
        wrong += (*shared)(p.mesh, p.a).field != expected;
        ++solved;
      }
    });
  for (int t = 0; t < 2; ++t)
    all.emplace_back([&, t] {
      for (int k = 0; k < 10; ++k) {
        ThreadPool pool(2);
        const auto own = made(pool);
        if ((k + t) % 2 == 0) wrong += (*own)(p.mesh, p.a).field != expected;
        const auto on = own->prepare(p.mesh);
        Solution s;
        on.solve(view(p.a), s);
        wrong += s.field != expected;
      }
    });
  for (std::size_t t = 2; t < all.size(); ++t) all[t].join();
  over = true;
  for (std::size_t t = 0; t < 2; ++t) all[t].join();
  CHECK(wrong == 0);
  CHECK(solved > 0);
}

TEST_CASE("a solve that is cancelled in any of its loops throws, and the next has its bits") {
  const Square p(9);
  for (const std::size_t threads : {1u, 3u})
    for (const bool in_a_task : {false, true}) {
      CAPTURE(threads);
      CAPTURE(in_a_task);
      Cancelling host(threads);
      const auto solver = made(host);
      const Field expected = (*solver)(p.mesh, p.a);
      host.in_a_task = in_a_task;
      long loops = 1;
      for (;; ++loops) {
        CAPTURE(loops);
        host.left = loops;
        host.met = false;
        Solution s;
        bool thrown = false;
        try {
          s = (*solver)(p.mesh, p.a);
        } catch (const Cancelled&) {
          thrown = true;
        }
        host.left = 0;
        CHECK(thrown == host.met);
        if (!thrown) {
          CHECK(s.field == expected);
          break;
        }
        CHECK((*solver)(p.mesh, p.a).field == expected);
      }
      CHECK(loops > 5);
    }
}

TEST_CASE("a rollout whose callback throws keeps its state, and goes on to the bits of another") {
  const Square p(9);
  const auto solver = made();
  const auto boundary = [](Field& next) { next(0, 0) = 0.5f; };
  for (const Index every : {1, 2, 3}) {
    CAPTURE(every);
    Rollout plain(*solver, p.mesh, p.a), stopped(*solver, p.mesh, p.a);
    plain.allocate_every(every);
    stopped.allocate_every(every);
    for (int step = 0; step < 6; ++step) {
      plain.step(boundary);
      const Field before = stopped.state();
      for (int k = 0; k < step % 3; ++k) {
        CHECK_THROWS_AS(stopped.step([](Field& next) {
          next.setZero();
          throw Cancelled();
        }),
                        Cancelled);
        CHECK(stopped.state() == before);
        CHECK(stopped.steps() == step);
      }
      stopped.step(boundary);
      CHECK(stopped.state() == plain.state());
      CHECK(stopped.report().node_bits == plain.report().node_bits);
      CHECK(stopped.report().bops == plain.report().bops);
    }
  }
}

}  // namespace test_cancelled
