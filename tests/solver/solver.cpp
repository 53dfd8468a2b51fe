#include <amq/solver.hpp>

#include <amq/core/thread_pool.hpp>
#include <amq/mesh/bisection.hpp>
#include <amq/mesh/random_square.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace test_solver {

using namespace amq;
using namespace amq::solver;

namespace {

using S = Scheme<Weights<8>, Activations<1, 2, 3, 4, 8>>;

struct Made {
  Mesh mesh;
  Field a;
  std::unique_ptr<MeshSolver<MpPde>> solver;

  explicit Made(bool adaptive = true, const PointCurves& curves = {},
                const allocation::AnySharing& sharing = {}) {
    Random random(4);
    mesh = random_refined_square(random, 150);
    a.resize(mesh.n_nodes(), 1);
    for (Index i = 0; i < a.rows(); ++i) a(i, 0) = random.uniform() < 0.5 ? 3.0f : 12.0f;
    MeshEncoding e;
    e.input_mean = {7.5f};
    e.input_deviation = {4.5f};
    e.output_mean = {0.01f};
    e.output_deviation = {0.02f};
    e.lattices = {4};
    MpPdeConfig c;
    c.hidden = 16;
    c.layers = 2;
    c.inputs = e.inputs();
    auto net = std::make_unique<Network<MpPde>>(c, SchemeInfo::of<S>(), 3);
    std::unique_ptr<Auxiliary> aux;
    if (adaptive)
      aux = std::make_unique<Auxiliary>(AuxiliaryConfig{8, 1, 4}, c.inputs, 2,
                                        PointScores(net->layout).columns(), 5);
    solver =
        std::make_unique<MeshSolver<MpPde>>(std::move(net), std::move(aux), e, sharing, curves);
  }
};

std::string scratch(const char* name) {
  return (std::filesystem::temp_directory_path() / name).string();
}

}  // namespace

TEST_CASE("a saved solver comes back and solves to the same bits") {
  const std::string path = scratch("amq_solver_test.safetensors");
  for (const bool adaptive : {true, false}) {
    Made m(adaptive);
    save(path, *m.solver,
         {m.mesh, m.a, adaptive ? std::vector<double>{2.5, 4} : std::vector<double>{2, 4}});
    ThreadPool pool(2);
    auto loaded = load<MpPde, S>(path, pool);
    for (const double bits : {2.0, 3.0, 8.0}) {
      m.solver->budget(mean_bits(bits));
      loaded.budget(mean_bits(bits));
      const Field u = (*m.solver)(m.mesh, m.a);
      const Solution v = loaded(m.mesh, m.a);
      CHECK((u.array() == v.field.array()).all());
      CHECK(u.allFinite());
      CHECK(v.report.bops <= v.report.budget);
      CHECK(v.report.bops > 0.9 * static_cast<double>(v.report.budget));
      CHECK((v.report.auxiliary_bops > 0) == adaptive);
    }
  }
  std::filesystem::remove(path);
}

TEST_CASE("who decides edges' bits and how clusters are scored is kept in the file") {
  const std::string path = scratch("amq_solver_rules.safetensors");
  PointCurves rules;
  rules.clusters = ClusterScore::max;
  Made m(true, rules, allocation::PerEdge());
  save(path, *m.solver, {m.mesh, m.a, {2.5}});
  auto loaded = load<MpPde, S>(path);
  CHECK(loaded.allocator().sharing().by_edge);
  CHECK(loaded.allocator().curves().clusters == ClusterScore::max);
  m.solver->budget(mean_bits(3));
  loaded.budget(mean_bits(3));
  const Field u = (*m.solver)(m.mesh, m.a), v = loaded(m.mesh, m.a);
  CHECK((u.array() == v.array()).all());
  Made other(true);
  other.solver->budget(mean_bits(3));
  CHECK_FALSE((u.array() == (*other.solver)(m.mesh, m.a).field.array()).all());

  safetensors::File f = safetensors::read(path);
  std::string& text = f.metadata.at("amq.curves");
  const auto replace = [&](const std::string& what, const std::string& with) {
    text.replace(text.find(what), what.size(), with);
  };
  replace("\"edge\"", "\"sender\"");
  safetensors::write(path, f);
  CHECK_THROWS_WITH_AS(static_cast<void>(load<MpPde, S>(path)),
                       doctest::Contains("edges: expected receiver or edge, found sender"), Error);
  replace("\"sender\"", "\"edge\"");
  f.metadata.at("amq.sharing") = "foo";
  safetensors::write(path, f);
  CHECK_THROWS_WITH_AS(
      static_cast<void>(load<MpPde, S>(path)),
      doctest::Contains(
          "amq.sharing: expected node_and_point, edge, block, node or point, found foo"),
      Error);
  std::filesystem::remove(path);
}

TEST_CASE("a large mesh in any order is solved as along Hilbert's curve") {
  Made m;
  m.solver->budget(mean_bits(3));
  Random random(8);
  const Mesh made = random_refined_square(random, MeshSolver<MpPde>::renumbered_from + 500);
  const Mesh sorted = renumber(made, hilbert_order(made.points, 2));
  Field a(sorted.n_nodes(), 1);
  for (Index i = 0; i < a.rows(); ++i) a(i, 0) = random.uniform() < 0.5 ? 3.0f : 12.0f;
  NodeOrder order(static_cast<std::size_t>(a.rows()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
  random.shuffle(order);
  const Solution u = (*m.solver)(sorted, a);
  const Field shuffled = a(order, Eigen::all);
  const Solution v = (*m.solver)(renumber(sorted, order), shuffled);
  CHECK((u.field(order, Eigen::all).array() == v.field.array()).all());
  CHECK(renumber(std::span<const float>(u.report.node_bits), order) == v.report.node_bits);
}

TEST_CASE("bits chosen on a mesh, by what solves before have left, are those of a new solver") {
  Made m;
  const auto refined = mesh::bisect_all(m.mesh);
  Field b(refined.n_nodes(), 1);
  for (Index i = 0; i < b.rows(); ++i) b(i, 0) = i % 3 == 0 ? 12.0f : 3.0f;
  const auto fresh = [&](const Mesh& mesh, const Field& a, double bits,
                         const allocation::AnySharing& sharing) {
    Made other(true, {}, sharing);
    return other.solver->prepare(mesh).choose(view(a), mean_bits(bits)).plan;
  };
  const auto same = [](const BitPlan& x, const BitPlan& y) { return x.by_point == y.by_point; };
  const auto small = m.solver->prepare(m.mesh), large = m.solver->prepare(refined);
  const Field c = m.a.array() * 2 - 7;
  // In turn on two meshes, for other fields and budgets, and after one that cannot be held.
  for (const double bits : {3.0, 2.5, 3.0, 7.0}) {
    CHECK(same(small.choose(view(m.a), mean_bits(bits)).plan, fresh(m.mesh, m.a, bits, {})));
    CHECK(same(small.choose(view(c), mean_bits(bits)).plan, fresh(m.mesh, c, bits, {})));
    CHECK_THROWS_AS(small.choose(view(m.a), mean_bits(1)), Error);
    CHECK(same(large.choose(view(b), mean_bits(bits)).plan, fresh(refined, b, bits, {})));
  }
  // Another allocator: nothing of the contest before is left.
  const allocation::AnySharing by_node = allocation::PerNode();
  m.solver->allocate_by({m.solver->net().layout, {1, 2, 3, 4, 8}, {}, {}, {}, by_node});
  const BitPlan again = small.choose(view(m.a), mean_bits(3)).plan;
  CHECK(same(again, fresh(m.mesh, m.a, 3, by_node)));
  CHECK_FALSE(same(again, fresh(m.mesh, m.a, 3, {})));
}

TEST_CASE("truncated and altered files are refused") {
  const std::string path = scratch("amq_solver_damaged.safetensors");
  Made m;
  save(path, *m.solver, {m.mesh, m.a, {3}});
  CHECK_THROWS_AS(static_cast<void>(load<MpPde, S>(scratch("amq_no_such_file"))), Error);
  std::string bytes;
  {
    std::ifstream in(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto write = [&](const std::string& b) { std::ofstream(path, std::ios::binary) << b; };
  Random random(8);
  for (int trial = 0; trial < 30; ++trial) {
    write(bytes.substr(0, random.index(bytes.size())));
    CHECK_THROWS_AS(static_cast<void>(load<MpPde, S>(path)), Error);
  }
  // What a file says twice, it says alike.
  auto other_levels = (write(bytes), safetensors::read(path));
  other_levels.metadata["amq.levels"] = "[1.0,2.0]";
  safetensors::write(path, other_levels);
  CHECK_THROWS_WITH_AS(static_cast<void>(load<MpPde, S>(path)), doctest::Contains("amq.levels"),
                       Error);
  // Changed weights are noticed by the self-test, or do not matter; they never crash.
  auto f = (write(bytes), safetensors::read(path));
  auto weight = f.at("gnn_layers.0.update_net_2.0.weight").as<float>();
  weight[5] += 0.5f;
  f.tensors["gnn_layers.0.update_net_2.0.weight"] = Array::of(weight, {16, 16});
  safetensors::write(path, f);
  CHECK_THROWS_WITH_AS(static_cast<void>(load<MpPde, S>(path)), doctest::Contains("bit for bit"),
                       Error);
  weight[5] = std::nanf("");
  f.tensors["gnn_layers.0.update_net_2.0.weight"] = Array::of(weight, {16, 16});
  f.tensors.erase("output_mlp.2.bias");
  safetensors::write(path, f);
  CHECK_THROWS_WITH_AS(static_cast<void>(load<MpPde, S>(path)),
                       doctest::Contains("output_mlp.2.bias: expected (1,), found nothing"), Error);
  for (int trial = 0; trial < 200; ++trial) {
    std::string other = bytes;
    for (int k = 0; k < 3; ++k)
      other[random.index(std::min<std::size_t>(other.size(), 6000))] =
          static_cast<char>(random.index(256));
    write(other);
    try {
      static_cast<void>(load<MpPde, S>(path));
    } catch (const Error&) {
    }
  }
  std::filesystem::remove(path);
}

TEST_CASE("budgets, meshes and fields that cannot be are refused with the mend") {
  Made m;
  CHECK_THROWS_WITH_AS(m.solver->budget(mean_bits(0.5)),
                       doctest::Contains("a mean of 1 to 8 bits, found 0.5"), Error);
  CHECK_THROWS_AS(m.solver->budget(mean_bits(9)), Error);
  CHECK_THROWS_AS(m.solver->budget(mean_bits(std::nan(""))), Error);
  Made uniform(false);
  CHECK_THROWS_WITH_AS(uniform.solver->budget(mean_bits(2.5)),
                       doctest::Contains("neither an auxiliary network nor a score"), Error);
  // The lowest level is not enough once the auxiliary model has been paid.
  m.solver->budget(mean_bits(1));
  CHECK_THROWS_WITH_AS((*m.solver)(m.mesh, m.a), doctest::Contains("budget"), Error);
  m.solver->budget(mean_bits(4));
  Field wrong = m.a.topRows(10);
  CHECK_THROWS_WITH_AS((*m.solver)(m.mesh, wrong), doctest::Contains("found 10 nodes"), Error);
  wrong = m.a;
  wrong(7, 0) = std::nanf("");
  CHECK_THROWS_WITH_AS((*m.solver)(m.mesh, wrong), doctest::Contains("nan at node 7"), Error);
  CHECK_THROWS_AS((*m.solver)(Mesh{}, Field()), Error);
}

}  // namespace test_solver
