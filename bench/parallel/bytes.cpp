// Question: what do all ranks send in a whole pass of each network, at its default sizes, beside
// what the same rows would be as floats? Counted on four ranks; lines are those of ranks.csv.
//
//   bench_bytes
#include <amq/core/random.hpp>
#include <amq/mesh/random_square.hpp>
#include <amq/models/flare.hpp>
#include <amq/models/graph_vit.hpp>
#include <amq/models/mesh_graph_net.hpp>
#include <amq/models/mp_pde.hpp>
#include <amq/models/transolver.hpp>
#include <amq/parallel.hpp>
#include <amq/solver.hpp>

#include <array>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace amq;
using namespace amq::parallel;

constexpr int ranks = 4;

/// Adds up what is reduced.
class Counted final : public Communicator {
 public:
  explicit Counted(Communicator& of) : of_(&of) {}
  std::int64_t reduced = 0;  ///< bytes
  [[nodiscard]] int rank() const noexcept override { return of_->rank(); }
  [[nodiscard]] int size() const noexcept override { return of_->size(); }
  void begin(std::span<const Message> send, std::span<const Message> receive) override {
    of_->begin(send, receive);
  }
  void finish() override { of_->finish(); }
  void sum(std::span<std::int64_t> x) override {
    reduced += static_cast<std::int64_t>(x.size_bytes());
    of_->sum(x);
  }
  void max(std::span<std::int64_t> x) override {
    reduced += static_cast<std::int64_t>(x.size_bytes());
    of_->max(x);
  }
  void abort(const Error& why) noexcept override { of_->abort(why); }

 private:
  Communicator* of_;
};

/// Of all multiplications of a pass, those that every rank does: products of clusters' rows that
/// are told to all.
template <typename Model>
double done_by_all(const MeshSolver<Model>& solver, const Mesh& mesh) {
  const auto& net = solver.net();
  GraphSample s = solver.encoding().encode(mesh, view(Field(Field::Ones(mesh.n_nodes(), 2))));
  prepare_sample(net.model, s);
  SendersRead names(net.layout);
  forward(net.model, names, MeshInputs(s));
  const BitPlan four = BitPlan::uniform(4);
  BasicCounting counting(net.layout, net.quantizers, four);
  forward(net.model, counting, MeshInputs(s));
  double all = 0, told = 0;
  for (const auto& p : counting.cost().products) {
    all += p.macs;
    if (p.adaptive && names.told_to_all()[to_index(p.id)]) told += p.macs;
  }
  return told / all;
}

template <typename Model>
void count(const char* name, const Mesh& mesh) {
  MeshEncoding e;
  e.input_mean = {0, 0}, e.input_deviation = {1, 1};
  e.output_mean = {0, 0}, e.output_deviation = {1, 1};
  e.node_types = 7;
  typename Model::Config c;
  c.inputs = e.inputs();
  c.outputs = 2;
  const MeshSolver<Model> solver(
      std::make_unique<Network<Model>>(c, SchemeInfo{8, RowRule::min_max, {2, 4, 8}}, 1), nullptr,
      e);
  std::vector<int> owner;  // quarters of the square
  for (Index i = 0; i < mesh.n_nodes(); ++i)
    owner.push_back((mesh.point(i)[0] < 0.5 ? 0 : 1) + (mesh.point(i)[1] < 0.5 ? 0 : 2));
  std::array<std::array<std::int64_t, 3>, 9> of{};  // [bits] sent, as floats, reduced by a rank
  std::mutex mutex;
  LocalRanks(ranks).run([&](Communicator& inner) {
    Counted all(inner);
    const auto mine = cut(solver, mesh, owner, all.rank());
    PartSolver<Model> part(solver, mine, all);
    Random random(7);
    Field given(part.n_owned(), 2), out;
    for (Index i = 0; i < given.size(); ++i) given.data()[i] = static_cast<float>(random.normal());
    for (const std::size_t bits : {8u, 4u, 2u}) {
      const HaloTraffic before = part.traffic();
      const std::int64_t reduced = all.reduced;
      part.solve(view(std::as_const(given)), BitPlan::uniform(static_cast<int>(bits)), out);
      const HaloTraffic after = part.traffic();
      const std::lock_guard lock(mutex);
      of[bits][0] += after.bytes - before.bytes;
      of[bits][1] += after.float_bytes - before.float_bytes;
      of[bits][2] = all.reduced - reduced;
    }
  });
  const auto line = [&](const char* what, int bits, std::int64_t bytes) {
    std::printf("%s,%s,%d,%td,,,%d,,,,,,,%lld,\n", what, name, ranks, mesh.n_nodes(), bits,
                static_cast<long long>(bytes));
  };
  line("bytes a pass", 32, of[4][1]);
  for (const int bits : {8, 4, 2})
    line("bytes a pass", bits, of[static_cast<std::size_t>(bits)][0]);
  line("bytes reduced a pass and rank", 4, of[4][2]);
  if (std::is_same_v<Model, GraphVit>)
    std::printf("products that every rank does,%s,%d,%td,,,4,,,,,,,,%.4f\n", name, ranks,
                mesh.n_nodes(), done_by_all(solver, mesh));
  std::fflush(stdout);
}

}  // namespace

int main() {
  try {
    Random random(4);
    Mesh mesh = random_refined_square(random, 1000);
    mark_boundary(mesh);
    count<MpPde>("MpPde", mesh);
    count<MeshGraphNet>("MeshGraphNet", mesh);
    count<GraphVit>("GraphVit", mesh);
    count<Transolver>("Transolver", mesh);
    count<Flare>("Flare", mesh);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
