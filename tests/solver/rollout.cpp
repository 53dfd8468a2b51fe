#include <amq/solver/rollout_series.hpp>

#include <amq/mesh/random_square.hpp>
#include <amq/models/graph_vit.hpp>
#include <amq/models/mesh_graph_net.hpp>
#include <amq/solver/model_file.hpp>
#include <amq/train/unrolling.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace test_rollout {

using namespace amq;
using namespace amq::training;

namespace {

using S = Scheme<Weights<8>, Activations<1, 2, 3, 4, 8>>;

template <typename Model>
struct Flow {
  Mesh mesh;
  Field start;
  std::unique_ptr<MeshSolver<Model>> solver;

  Flow() {
    Random random(4);
    mesh = random_refined_square(random, 150);
    start.resize(mesh.n_nodes(), 2);
    for (Index i = 0; i < start.size(); ++i) start.data()[i] = static_cast<float>(random.normal());
    MeshEncoding e;
    e.input_mean = {0.1f, -0.2f};
    e.input_deviation = {1.5f, 0.7f};
    e.output_mean = {0, 0};
    e.output_deviation = {0.02f, 0.05f};
    e.node_types = 7;
    typename Model::Config c;
    c.hidden = 16;
    c.layers = 2;
    c.inputs = e.inputs();
    c.outputs = 2;
    if constexpr (std::is_same_v<Model, GraphVit>) {
      c.width = 32;
      c.blocks = 1;
      c.cluster_size = 12;
    }
    auto net = std::make_unique<Network<Model>>(c, SchemeInfo::of<S>(), 3);
    auto aux = std::make_unique<Auxiliary>(AuxiliaryConfig{8, 1, 4}, c.inputs, 2,
                                           PointScores(net->layout).columns(), 5);
    solver = std::make_unique<MeshSolver<Model>>(std::move(net), std::move(aux), e);
    solver->budget(mean_bits(3));
  }
};

}  // namespace

TEST_CASE_TEMPLATE("a rollout is the solver applied again and again, the boundary given", Model,
                   MpPde, MeshGraphNet, GraphVit) {
  Flow<Model> f;
  Rollout rollout(*f.solver, f.mesh, f.start);
  const auto wall = [&](Field& u) {
    for (Index i = 0; i < u.rows(); ++i)
      if (f.mesh.node_type[static_cast<std::size_t>(i)] == NodeType::wall) u.row(i).setZero();
  };
  Field state = f.start;
  for (int step = 0; step < 4; ++step) {
    // From the mesh anew: what a rollout keeps of it must not matter.
    Field next = state + (*f.solver)(f.mesh, state).field;
    wall(next);
    const Field& u = rollout.step(wall);
    CHECK((u.array() == next.array()).all());
    CHECK(rollout.report().bops <= rollout.report().budget);
    state = next;
  }
  CHECK(rollout.steps() == 4);
  CHECK((state - f.start).norm() > 0);
}

TEST_CASE_TEMPLATE("between allocations a rollout keeps its bits and its budget", Model, MpPde,
                   MeshGraphNet, GraphVit) {
  Flow<Model> f;
  Rollout rollout(*f.solver, f.mesh, f.start), other(*f.solver, f.mesh, 2 * f.start);
  CHECK_THROWS_WITH_AS(rollout.allocate_every(0), doctest::Contains("1 or more"), Error);
  rollout.allocate_every(3);
  Field state = f.start;
  BitPlan plan;
  int changes = 0;
  for (int step = 0; step < 7; ++step) {
    GraphSample s = f.solver->encoding().encode(f.mesh, view(std::as_const(state)));
    prepare_sample(f.solver->net().model, s);
    const auto [own, full] = f.solver->plan(s);
    changes += own.by_point != plan.by_point;
    if (step % 3 == 0) plan = own;
    state += f.solver->solve(s, plan);
    CHECK((rollout.step().array() == state.array()).all());
    // The same solver serves another rollout in between.
    other.step();
    const SolveReport& r = rollout.report();
    BasicCounting count(f.solver->net().layout, f.solver->net().quantizers, plan);
    static_cast<void>(forward(f.solver->net().model, count, s));
    CHECK(r.auxiliary_bops == (step % 3 == 0 ? full.auxiliary_bops : 0));
    CHECK(static_cast<double>(r.bops) ==
          count.cost().bops() + static_cast<double>(r.auxiliary_bops));
    CHECK(r.bops <= r.budget);
    CHECK(r.node_bits.size() == static_cast<std::size_t>(f.mesh.n_nodes()));
  }
  CHECK(changes > 3);  // else keeping would mean nothing
  // A plan of another mesh is refused.
  Random random(8);
  const Mesh larger = random_refined_square(random, 300);
  GraphSample s =
      f.solver->encoding().encode(larger, view(Field(Field::Ones(larger.n_nodes(), 2))));
  prepare_sample(f.solver->net().model, s);
  CHECK_THROWS_WITH_AS(static_cast<void>(f.solver->solve(s, plan)), doctest::Contains("bit plan"),
                       Error);
}

TEST_CASE("a step that throws leaves the state, and its place among those that choose bits") {
  Flow<MpPde> f;
  Rollout whole(*f.solver, f.mesh, f.start), broken(*f.solver, f.mesh, f.start);
  whole.allocate_every(3), broken.allocate_every(3);
  for (int step = 0; step < 7; ++step) {
    CAPTURE(step);
    const Field before = broken.state();
    for (int again = 0; again <= step % 2; ++again)
      CHECK_THROWS_AS(broken.step([](Field& next) {
        next.setZero();
        throw Error("host", "memory", "none", "Free some.");
      }),
                      Error);
    CHECK(broken.state() == before);
    CHECK(broken.steps() == step);
    CHECK(broken.step() == whole.step());
    CHECK(broken.report().auxiliary_bops == whole.report().auxiliary_bops);
    CHECK(broken.report().bops == whole.report().bops);
  }
}

TEST_CASE_TEMPLATE("a training window walks where a rollout goes", Model, MpPde, MeshGraphNet,
                   GraphVit) {
  Flow<Model> f;
  const MeshEncoding& e = f.solver->encoding();
  Random random(12);
  std::vector<Field> state{f.start};
  for (int frame = 1; frame < 5; ++frame) {
    state.push_back(state.back());
    for (Index i = 0; i < f.start.size(); ++i)
      state.back().data()[i] += 0.05f * static_cast<float>(random.normal());
  }
  auto boundary = std::make_shared<std::vector<std::uint8_t>>();
  for (const NodeType type : f.mesh.node_type) boundary->push_back(type == NodeType::wall);
  std::vector<GraphSample> samples;
  Trajectories steps{e.rise(), e.drift(), {}, {}};
  for (std::size_t k = 0; k + 1 < state.size(); ++k) {
    samples.push_back(e.encode(f.mesh, view(std::as_const(state[k]))));
    prepare_sample(f.solver->net().model, samples.back());
    const Field change = state[k + 1] - state[k];
    e.encode_solution(view(change), samples.back());
    steps.next.push_back(k + 2 < state.size() ? k + 1 : Trajectories::none);
    steps.prescribed.push_back(boundary);
  }
  GraphSample walked;
  Matrix said;
  Unrolling(samples, steps, 3)
      .walk(
          0, 3,
          [&](const GraphSample& s) {
            said = f.solver->normalized(s);
            return view(std::as_const(said));
          },
          walked);
  Rollout rollout(*f.solver, f.mesh, f.start);
  for (std::size_t k = 1; k < 4; ++k)
    rollout.step([&](Field& u) {
      for (Index i = 0; i < u.rows(); ++i)
        if ((*boundary)[static_cast<std::size_t>(i)]) u.row(i) = state[k].row(i);
    });
  GraphSample there = samples[3];
  e.encode_given(view(rollout.state()), there);
  // Rounding may move a code.
  CHECK((walked.u - there.u).cwiseAbs().maxCoeff() < 1e-3f);
  CHECK((walked.u - samples[3].u).cwiseAbs().maxCoeff() > 1e-2f);
  // And its answer would lead to the truth.
  const Field truth = rollout.state() + e.decode(view(std::as_const(walked.y)));
  CHECK((truth - state[4]).cwiseAbs().maxCoeff() < 1e-3f);
}

TEST_CASE_TEMPLATE("every model comes back from its file and solves to the same bits", Model,
                   MeshGraphNet, GraphVit) {
  const std::string path =
      (std::filesystem::temp_directory_path() / "amq_rollout_test.safetensors").string();
  Flow<Model> f;
  save(path, *f.solver, {f.mesh, f.start, {2.5, 3}});
  auto loaded = load<Model, S>(path);
  loaded.budget(mean_bits(3));
  const Field u = (*f.solver)(f.mesh, f.start), v = loaded(f.mesh, f.start);
  CHECK((u.array() == v.array()).all());
  CHECK_THROWS_AS(static_cast<void>(load<MpPde, S>(path)), Error);
  std::filesystem::remove(path);
}

TEST_CASE("a rollout becomes a ParaView series with the bits of every node") {
  const auto folder = std::filesystem::temp_directory_path() / "amq_rollout_series";
  std::filesystem::create_directories(folder);
  Flow<MpPde> f;
  const std::string path = (folder / "flow.pvd").string();
  const auto boundary = [&](Field& u) {
    for (Index i = 0; i < u.rows(); ++i)
      if (f.mesh.node_type[static_cast<std::size_t>(i)] == NodeType::wall) u.row(i).setZero();
  };
  // [rollout]
  Rollout rollout(*f.solver, f.mesh, f.start);  // start: (node, channel), e.g. u and v
  vtu::Series series(path);
  for (int step = 1; step <= 3; ++step) {
    rollout.step(boundary);
    add_step(series, 0.1 * step, f.mesh, rollout, {"u", "v"});  // and the bits of every node
  }
  // [rollout]
  std::ifstream pvd(folder / "flow.pvd");
  const std::string text(std::istreambuf_iterator<char>(pvd), {});
  CHECK(text.find("flow_0002.vtu") != text.npos);
  std::ifstream vtu(folder / "flow_0001.vtu");
  const std::string step(std::istreambuf_iterator<char>(vtu), {});
  CHECK(step.find("\"bits\"") != step.npos);
  CHECK_THROWS_WITH_AS(add_step(series, 1, f.mesh, rollout, {"u"}),
                       doctest::Contains("a name for each of 2 channels"), Error);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a solver that returns something else, and states that are not finite, are refused") {
  Flow<MpPde> f;
  CHECK_THROWS_AS(Rollout<MpPde>(*f.solver, f.mesh, Field::Zero(3, 2)), Error);
  Field bad = f.start;
  bad(7, 1) = std::nanf("");
  CHECK_THROWS_WITH_AS(Rollout<MpPde>(*f.solver, f.mesh, bad), doctest::Contains("finite numbers"),
                       Error);
  MeshEncoding e;
  MpPdeConfig c;
  c.hidden = 8;
  c.layers = 1;
  e.input_mean = {0, 0};
  e.input_deviation = {1, 1};
  c.inputs = e.inputs();
  MeshSolver<MpPde> other(std::make_unique<Network<MpPde>>(c, SchemeInfo::of<S>(), 3), nullptr, e);
  CHECK_THROWS_WITH_AS(Rollout<MpPde>(other, f.mesh, f.start),
                       doctest::Contains("given channels are those of its solution"), Error);
  // A model that reads more than a field must have been given it.
  Flow<GraphVit> v;
  const GraphSample s = v.solver->encoding().encode(v.mesh, view(std::as_const(v.start)));
  CHECK_THROWS_WITH_AS(static_cast<void>(v.solver->solve(s)), doctest::Contains("prepare_sample"),
                       Error);
}

}  // namespace test_rollout
