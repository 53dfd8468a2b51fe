// Questions: what do two ranks cost beside two threads? What travels in a layer? What would a pass
// take on 64 to 4,096 ranks, by a model that a simulation is held against?
//
//   bench_ranks FILE.csv       all of it, on a quiet machine
//   bench_ranks FILE.csv two   two ranks beside two threads
#include "../../examples/common/timing.hpp"

#include <amq/core/thread_pool.hpp>
#include <amq/mesh/random_square.hpp>
#include <amq/parallel.hpp>
#include <amq/solver.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace amq;
using namespace amq::parallel;
using Deployed = Scheme<Weights<8>, Activations<2, 4, 8>, ByRange>;
using Solver = MeshSolver<MpPde, Deployed>;

constexpr Index hidden = 128, layers = 4;

Solver untrained(Executor& executor = serial_executor()) {
  MeshEncoding e;
  e.input_mean = {0, 0};
  e.input_deviation = {1, 1};
  e.node_types = 7;
  MpPdeConfig c;
  c.hidden = hidden;
  c.layers = layers;
  c.inputs = e.inputs();
  c.outputs = 2;
  e.output_mean = {0, 0};
  e.output_deviation = {1, 1};
  auto net = std::make_unique<Network<MpPde>>(c, SchemeInfo{8, RowRule::min_max, {2, 4, 8}}, 1);
  auto light = std::make_unique<Auxiliary>(AuxiliaryConfig{}, c.inputs, c.dim,
                                           PointScores(net->layout).columns(), 2);
  Solver s(std::move(net), std::move(light), e, {}, {}, executor);
  s.budget(mean_bits(4));
  return s;
}

struct Task {
  Mesh mesh;
  Field given;

  explicit Task(Index nodes) {
    Random random(4);
    mesh = random_refined_square(random, nodes);
    mark_boundary(mesh);
    given.resize(mesh.n_nodes(), 2);
    for (Index i = 0; i < given.size(); ++i) given.data()[i] = static_cast<float>(random.normal());
  }
  /// Cut in halves across the longer side, again and again.
  [[nodiscard]] std::vector<int> owners(int ranks) const {
    std::vector<int> owner(static_cast<std::size_t>(mesh.n_nodes()), 0);
    std::vector<std::int32_t> all(owner.size());
    std::iota(all.begin(), all.end(), 0);
    halve(all, 0, ranks, owner);
    return owner;
  }
  [[nodiscard]] Field of(const PartitionedMesh& part) const {
    Field own(part.n_owned(), given.cols());
    for (Index i = 0; i < own.rows(); ++i)
      own.row(i) = given.row(static_cast<Index>(part.owned[static_cast<std::size_t>(i)]));
    return own;
  }

 private:
  void halve(std::span<std::int32_t> nodes, int first, int ranks, std::vector<int>& owner) const {
    if (ranks == 1) {
      for (const auto i : nodes) owner[static_cast<std::size_t>(i)] = first;
      return;
    }
    double low[2] = {2, 2}, high[2] = {-1, -1};
    for (const auto i : nodes)
      for (int d = 0; d < 2; ++d) {
        low[d] = std::min(low[d], mesh.point(i)[d]);
        high[d] = std::max(high[d], mesh.point(i)[d]);
      }
    const int by = high[0] - low[0] < high[1] - low[1] ? 1 : 0, left = ranks / 2;
    const auto at = nodes.size() * static_cast<std::size_t>(left) / static_cast<std::size_t>(ranks);
    std::nth_element(nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(at), nodes.end(),
                     [&](auto a, auto b) { return mesh.point(a)[by] < mesh.point(b)[by]; });
    halve(nodes.first(at), first, left, owner);
    halve(nodes.subspan(at), first + left, ranks - left, owner);
  }
};

/// Says what a rank asks of another communicator.
class Recorder final : public Communicator {
 public:
  explicit Recorder(Communicator& c) : c_(&c) {}
  std::vector<double> reductions, exchanges;  ///< bytes of each

  [[nodiscard]] int rank() const noexcept override { return c_->rank(); }
  [[nodiscard]] int size() const noexcept override { return c_->size(); }
  void begin(std::span<const Message> send, std::span<const Message> receive) override {
    double bytes = 0;
    for (const Message& m : send) bytes += static_cast<double>(m.bytes.size());
    exchanges.push_back(bytes);
    c_->begin(send, receive);
  }
  void finish() override { c_->finish(); }
  void sum(std::span<std::int64_t> x) override {
    reductions.push_back(8.0 * static_cast<double>(x.size()));
    c_->sum(x);
  }
  void max(std::span<std::int64_t> x) override {
    reductions.push_back(8.0 * static_cast<double>(x.size()));
    c_->max(x);
  }
  void abort(const Error& why) noexcept override { c_->abort(why); }

 private:
  Communicator* c_;
};

/// A pass at bits that were chosen before, or a solve that chooses them.
enum class What { pass, solve };
const char* name(What w) {
  return w == What::pass ? "pass" : "solve";
}

/// One rank of a simulation, and what it asked for.
struct Seen {
  double seconds = std::numeric_limits<double>::infinity();  ///< the least of all repetitions
  Index most_own = 0, most_ghosts = 0;
  std::vector<double> reductions, exchanges;  ///< of the rank with most bytes
  std::size_t buffers = 0;
};

Seen simulate(const Solver& solver, const Task& p, int ranks, NetworkCost cost, What what,
              int repeats) {
  Seen seen;
  std::mutex mutex;
  LocalRanks all(ranks, cost);
  const auto owner = p.owners(ranks);
  all.run([&](LocalCommunicator& inner) {
    Recorder c(inner);
    const auto mine = cut(solver, p.mesh, owner, c.rank());
    PartSolver<MpPde, Deployed> part(solver, mine, c);
    const Field given = p.of(mine);
    Field out;
    Solution s;
    const BitPlan four = BitPlan::uniform(4);
    const auto once = [&] {
      if (what == What::solve)
        part.solve(view(given), s);
      else
        part.solve(view(given), four, out);
    };
    once();
    for (int k = 0; k < repeats; ++k) {
      std::int64_t zero = 0;
      c.sum({&zero, 1});
      c.reductions.clear(), c.exchanges.clear();
      const double before = inner.clock();
      once();
      auto ns = static_cast<std::int64_t>(1e9 * (inner.clock() - before));
      Seen own;
      own.reductions = c.reductions, own.exchanges = c.exchanges;
      inner.max({&ns, 1});
      const std::lock_guard lock(mutex);
      seen.seconds = std::min(seen.seconds, 1e-9 * static_cast<double>(ns));
      const auto bytes = [](const Seen& x) {
        return std::accumulate(x.exchanges.begin(), x.exchanges.end(), 0.0);
      };
      if (bytes(own) >= bytes(seen)) {
        seen.reductions = std::move(own.reductions);
        seen.exchanges = std::move(own.exchanges);
      }
    }
    const std::lock_guard lock(mutex);
    seen.most_own = std::max(seen.most_own, part.n_owned());
    seen.most_ghosts = std::max(seen.most_ghosts, part.part().halo.ghosts);
    seen.buffers = std::max(seen.buffers, part.buffer_bytes());
  });
  return seen;
}

/// What one rank takes: measured at two sizes, a line through them.
struct OneRank {
  double fixed = 0, per_node = 0;

  OneRank(const Solver& solver, const Task& small, const Task& large, What what) {
    const double a = simulate(solver, small, 1, {}, what, 20).seconds,
                 b = simulate(solver, large, 1, {}, what, 5).seconds;
    per_node = (b - a) / static_cast<double>(large.mesh.n_nodes() - small.mesh.n_nodes());
    fixed = std::max(0.0, a - per_node * static_cast<double>(small.mesh.n_nodes()));
  }
};

/// The model. Nodes compute alike; a halo travels while the layer's nodes without ghosts compute;
/// a reduction is 2 ceil(log2 ranks) messages, one after the other.
struct Predicted {
  double compute = 0, halo = 0, exposed = 0, reductions = 0;
  [[nodiscard]] double total() const noexcept { return compute + exposed + reductions; }
};
Predicted predict(const OneRank& one, double nodes, double ghosts, double ranks,
                  const NetworkCost& net, const std::vector<double>& reductions,
                  const std::vector<double>& exchanges) {
  Predicted p;
  p.compute = one.fixed + one.per_node * nodes;
  const double inner = std::max(0.0, nodes - ghosts) / nodes;
  const double layer = one.per_node * nodes * inner / static_cast<double>(exchanges.size());
  for (const double bytes : exchanges) {
    const double t = net.seconds(bytes);
    p.halo += t;
    p.exposed += std::max(0.0, t - layer);
  }
  const double rounds = 2 * std::ceil(std::log2(ranks));
  for (const double bytes : reductions) p.reductions += rounds * net.seconds(bytes);
  return p;
}

double wall() {
  return timing::seconds(timing::Clock::wall);
}
double work() {
  return timing::seconds(timing::Clock::process);
}

/// What one of the two took, round by round, and what both took in each.
struct Rounds {
  std::vector<double> threads, ranks;  ///< milliseconds

  void print(std::FILE* to, const char* clock, What what, Index nodes) const {
    std::vector<double> ratio;
    for (std::size_t k = 0; k < threads.size(); ++k) ratio.push_back(ranks[k] / threads[k]);
    std::sort(ratio.begin(), ratio.end());
    const auto line = [&](const char* who, const char* which, int n, double ms) {
      std::fprintf(to, "%s %s %s,%s,%d,%td,,,4,,,,,%.3f,,,\n", who, clock, which, name(what), n,
                   nodes, ms);
    };
    const auto both = [&](const char* which, const auto& of) {
      line("two threads", which, 1, of(threads));
      line("two ranks", which, 2, of(ranks));
    };
    both("least", [](const auto& x) { return *std::min_element(x.begin(), x.end()); });
    both("median", [](const auto& x) { return timing::median(x); });
    for (const int percent : {25, 50, 75})
      std::fprintf(to, "two ranks over two threads %s percentile %d,%s,2,%td,,,4,,,,,,,,%.3f\n",
                   clock, percent, name(what), nodes,
                   ratio[ratio.size() * static_cast<std::size_t>(percent) / 100]);
    std::fflush(to);
  }
};

/// Two threads, then two ranks, then two threads, ...: what else the machine does meets both.
void two_and_two(const Task& p, int rounds, std::FILE* to) {
  ThreadPool two(2);
  const Solver threads = untrained(two), alone = untrained();
  const auto ready = threads.prepare(p.mesh);
  const auto owner = p.owners(2);
  const BitPlan four = BitPlan::uniform(4);
  for (const What what : {What::pass, What::solve}) {
    Rounds walls, works;
    LocalRanks(2).run([&](Communicator& c) {
      const auto mine = cut(alone, p.mesh, owner, c.rank());
      PartSolver<MpPde, Deployed> part(alone, mine, c);
      const Field given = p.of(mine);
      Field out;
      Solution solution;
      const auto solve = [&](auto& solver, const Field& a) {
        if (what == What::solve)
          solver.solve(view(a), solution);
        else
          solver.solve(view(a), four, out);
      };
      std::int64_t zero = 0;
      const auto timed = [&](const auto& f, Rounds& wall_of, Rounds& work_of, auto member,
                             bool counts) {
        const double w = wall(), at = work();
        f();
        if (!counts) return;
        (wall_of.*member).push_back(1e3 * (wall() - w));
        (work_of.*member).push_back(1e3 * (work() - at));
      };
      for (int k = -3; k < rounds; ++k) {
        // Rank 1 waits for rank 0 to have done with its threads, and takes no core.
        if (c.rank() == 0)
          timed([&] { solve(ready, p.given); }, walls, works, &Rounds::threads, k >= 0);
        c.sum({&zero, 1});
        timed(
            [&] {
              solve(part, given);
              c.sum({&zero, 1});
            },
            walls, works, &Rounds::ranks, k >= 0 && c.rank() == 0);
        c.sum({&zero, 1});
      }
    });
    walls.print(to, "clock", what, p.mesh.n_nodes());
    works.print(to, "processors", what, p.mesh.n_nodes());
  }
}

void bytes(const Task& p, std::FILE* to) {
  const Solver solver = untrained();
  for (const int ranks : {2, 4, 8, 16}) {
    const auto owner = p.owners(ranks);
    for (const int bits : {32, 8, 4, 2}) {
      std::mutex mutex;
      double most = 0;
      LocalRanks(ranks).run([&](Communicator& inner) {
        Recorder c(inner);
        const auto mine = cut(solver, p.mesh, owner, c.rank());
        PartSolver<MpPde, Deployed> part(solver, mine, c);
        Field out;
        part.solve(view(p.of(mine)), BitPlan::uniform(bits == 32 ? 4 : bits), out);
        // The last exchange is a layer's.
        double own = c.exchanges.back();
        if (bits == 32)
          own = own / static_cast<double>(hidden * 4 / 8 + 8) * static_cast<double>(hidden * 4);
        const std::lock_guard lock(mutex);
        most = std::max(most, own);
      });
      std::fprintf(to, "bytes a layer and rank,pass,%d,%td,,,%d,,,,,,,%.0f,\n", ranks,
                   p.mesh.n_nodes(), bits, most);
    }
  }
}

void model(const Task& small, const Task& large, std::FILE* to) {
  const Solver solver = untrained();
  const NetworkCost nets[] = {{2e-6, 25e9 / 64}, {50e-6, 0.1e9}};
  Seen some;
  for (const What what : {What::pass, What::solve}) {
    const OneRank one(solver, small, large, what);
    std::fprintf(to, "one rank fixed,%s,1,,,,4,%.4f,,,,,,,\n", name(what), 1e3 * one.fixed);
    std::fprintf(to, "one rank a node,%s,1,,,,4,%.6f,,,,,,,\n", name(what), 1e3 * one.per_node);
    for (const NetworkCost& net : nets)
      for (const int ranks : {2, 4, 8, 16, 32, 64}) {
        const Seen s = simulate(solver, large, ranks, net, what, 7);
        const auto p =
            predict(one, static_cast<double>(s.most_own), static_cast<double>(s.most_ghosts), ranks,
                    net, s.reductions, s.exchanges);
        std::fprintf(to, "simulated,%s,%d,%td,%g,%g,4,%.4f,%.4f,%.4f,%.4f,%.4f,%.4f,%zu,\n",
                     name(what), ranks, large.mesh.n_nodes(), 1e6 * net.latency,
                     1e-9 * net.bandwidth, 1e3 * p.compute, 1e3 * p.halo, 1e3 * p.exposed,
                     1e3 * p.reductions, 1e3 * p.total(), 1e3 * s.seconds, s.buffers);
        std::fflush(to);
        some = s;
      }
    std::fprintf(to, "reductions,%s,,,,,,,,,,,,%zu,\n", name(what), some.reductions.size());
    std::fprintf(to, "reduced bytes,%s,,,,,,,,,,,,%.0f,\n", name(what),
                 std::accumulate(some.reductions.begin(), some.reductions.end(), 0.0));
    std::fprintf(to, "exchanges,%s,,,,,,,,,,,,%zu,\n", name(what), some.exchanges.size());
    // Volumes: a rank's part is a cube, one layer of nodes around it is ghosts. Sent bytes are
    // those of as many rows, the shares of exchanges as measured.
    const double measured =
        std::accumulate(some.exchanges.begin(), some.exchanges.end(), 0.0) / some.exchanges.back();
    for (const double nodes : {1e6, 1e7, 1e8, 1e9})
      for (const double ranks : {64., 256., 1024., 4096.})
        for (const int bits : {32, 8, 4, 2}) {
          const double own = nodes / ranks, ghosts = 6 * std::pow(own, 2.0 / 3);
          const double row = static_cast<double>(hidden * bits) / 8 + (bits == 32 ? 0 : 8);
          std::vector<double> exchanges(
              some.exchanges.size(),
              ghosts * row * measured / static_cast<double>(some.exchanges.size()));
          const auto p = predict(one, own, ghosts, ranks, nets[0], some.reductions, exchanges);
          std::fprintf(
              to, "model,%s,%.0f,%.0f,%g,%g,%d,%.4f,%.4f,%.4f,%.4f,%.4f,,%.0f,\n", name(what),
              ranks, nodes, 1e6 * nets[0].latency, 1e-9 * nets[0].bandwidth, bits, 1e3 * p.compute,
              1e3 * p.halo, 1e3 * p.exposed, 1e3 * p.reductions, 1e3 * p.total(),
              own * static_cast<double>(some.buffers) / static_cast<double>(some.most_own));
        }
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const bool two_alone = argc > 2 && std::string(argv[2]) == "two";
    std::FILE* to = argc > 1 ? std::fopen(argv[1], "w") : stdout;
    if (!to) throw Error("bench_ranks", "a file to write", argv[1], "Does its folder exist?");
    const Task small(1000), large(16'000);
    std::fprintf(to,
                 "what,of,ranks,nodes,latency_us,GB_per_s,bits,compute_ms,halo_ms,exposed_ms,"
                 "reductions_ms,total_ms,simulated_ms,bytes,ratio\n");
    two_and_two(large, 60, to);
    if (!two_alone) {
      bytes(large, to);
      model(small, large, to);
    }
    if (to != stdout) std::fclose(to);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
