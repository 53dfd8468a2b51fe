// A score of one's own, from curves to training, to a solver, to a file.

#include <amq/mesh/random_square.hpp>
#include <amq/solver.hpp>
#include <amq/train/measure_curves.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

namespace test_own_score {

namespace {

// [score]
/// Where the given field is large, errors cost more.
struct WhereItIsLarge {
  void operator()(const amq::models::GraphSample& s, amq::MatrixView<float> to) const {
    for (amq::Index i = 0; i < to.rows; ++i)
      std::fill_n(to.row(i), to.cols, s.u(i, 0) > 0 ? 10.0f : 1.0f);
  }
};
// [score]
static_assert(amq::allocation::score<WhereItIsLarge>);

using namespace amq;
using namespace amq::training;
using S = Scheme<Weights<8>, Activations<2, 4, 8>>;
const std::vector<int> levels{2, 4, 8};

struct Task {
  Mesh mesh;
  Field a;
  MeshEncoding encoding;
  std::vector<GraphSample> samples;
  std::unique_ptr<Network<MpPde>> net;

  Task() {
    Random random(4);
    mesh = random_refined_square(random, 80);
    a.resize(mesh.n_nodes(), 1);
    for (Index i = 0; i < a.rows(); ++i) a(i, 0) = mesh.point(i)[0] < 0.5 ? 12.0f : 3.0f;
    encoding.input_mean = {7.5f};
    encoding.input_deviation = {4.5f};
    encoding.output_mean = {0};
    encoding.output_deviation = {1};
    encoding.lattices = {4};
    MpPdeConfig c;
    c.hidden = 16;
    c.layers = 2;
    c.inputs = encoding.inputs();
    net = std::make_unique<Network<MpPde>>(c, SchemeInfo::of<S>(), 3);
    samples.push_back(encoding.encode(mesh, view(std::as_const(a))));
    samples[0].y = Matrix::Ones(mesh.n_nodes(), 1);
    prepare_sample(net->model, samples[0]);
  }
};

}  // namespace

TEST_CASE("a score of one's own measures curves, trains a network and is carried by a solver") {
  Task p;
  Network<MpPde>& net = *p.net;
  const std::vector<GraphSample>& samples = p.samples;
  MeshTrainingOptions options;
  options.trainer.epochs = 1;
  // [solver]
  const WhereItIsLarge score;
  const PointCurves curves = measure_curves(net, samples, levels, 8, score, serial_executor());
  const Allocator allocator(net.layout, levels, curves, score, allocation::Bops(),
                            allocation::PerNode());
  std::vector<BitPlan> plans;
  for (const GraphSample& s : samples)
    plans.push_back(allocator(s, allocator.prepare(net, s), 3).plan);
  MeshTraining<MpPde>(net, samples, options).run(serial_executor(), plans);

  MeshSolver<MpPde> solver(std::move(p.net), nullptr, p.encoding);
  solver.allocate_by(allocator);
  solver.budget(mean_bits(3));  // between two levels: the score decides who has more
  // [solver]
  const Solution u = solver(p.mesh, p.a);
  const SolveReport& r = u.report;
  CHECK(r.bops <= r.budget);
  CHECK(r.bops > 0.9 * static_cast<double>(r.budget));
  CHECK(r.auxiliary_bops == 0);
  double high = 0, low = 0, n_high = 0;
  for (Index i = 0; i < p.mesh.n_nodes(); ++i) {
    const auto b = static_cast<double>(r.node_bits[static_cast<std::size_t>(i)]);
    (p.a(i, 0) > 7.5f ? high : low) += b;
    n_high += p.a(i, 0) > 7.5f;
  }
  CHECK(high / n_high > low / (static_cast<double>(p.mesh.n_nodes()) - n_high) + 1);
}

TEST_CASE("a file does not hold a score, and a loaded solver that is given it solves the same") {
  Task p;
  const Allocator<> allocator(p.net->layout, levels, {}, WhereItIsLarge());
  MeshSolver<MpPde> solver(std::move(p.net), nullptr, p.encoding);
  solver.allocate_by(allocator);
  const std::string path =
      (std::filesystem::temp_directory_path() / "amq_own_score.safetensors").string();
  save(path, solver, {p.mesh, p.a, {4}});
  auto loaded = load<MpPde, S>(path);
  std::filesystem::remove(path);
  CHECK_THROWS_WITH_AS(loaded.budget(mean_bits(3)), doctest::Contains("nor a score"), Error);
  loaded.allocate_by({loaded.net().layout, levels, {}, WhereItIsLarge()});
  solver.budget(mean_bits(3));
  loaded.budget(mean_bits(3));
  const Field u = solver(p.mesh, p.a), v = loaded(p.mesh, p.a);
  CHECK((u.array() == v.array()).all());
  CHECK_THROWS_WITH_AS(solver.allocate_by({loaded.net().layout, {2, 4}}),
                       doctest::Contains("Allocator"), Error);
}

}  // namespace test_own_score
