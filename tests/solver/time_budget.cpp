#include <amq/solver.hpp>

#include <amq/mesh/random_square.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <vector>

namespace test_time_budget {

using namespace amq;
using namespace amq::solver;

namespace {

GraphSample sample(const MeshSolver<MpPde>& solver, const Mesh& mesh) {
  GraphSample s = solver.encoding().on(mesh);
  prepare_sample(solver.net().model, s);
  return s;
}

struct Made {
  Mesh mesh;
  Field a;
  std::unique_ptr<MeshSolver<MpPde>> solver;

  explicit Made(bool adaptive = true, Index nodes = 150) {
    Random random(4);
    mesh = random_refined_square(random, nodes);
    a.resize(mesh.n_nodes(), 1);
    for (Index i = 0; i < a.rows(); ++i) a(i, 0) = random.uniform() < 0.5 ? 3.0f : 12.0f;
    MeshEncoding e;
    e.input_mean = {7.5f};
    e.input_deviation = {4.5f};
    e.output_mean = {0.01f};
    e.output_deviation = {0.02f};
    MpPdeConfig c;
    c.hidden = 16;
    c.layers = 2;
    c.inputs = e.inputs();
    auto net = std::make_unique<Network<MpPde>>(c, SchemeInfo{8, RowRule::affine, {2, 4, 8}}, 3);
    std::unique_ptr<Auxiliary> aux;
    if (adaptive)
      aux = std::make_unique<Auxiliary>(AuxiliaryConfig{8, 1, 4}, c.inputs, 2,
                                        PointScores(net->layout).columns(), 5);
    solver = std::make_unique<MeshSolver<MpPde>>(std::move(net), std::move(aux), e);
  }
  /// Times that no machine has: rows of b bits take b microseconds, a pass 3 ms beside them.
  [[nodiscard]] RowTimes times() const {
    RowTimes t;
    t.levels = {2, 4, 8};
    const PointScores shape(solver->net().layout);
    for (const PointId id : shape.points) {
      t.points.push_back(solver->net().layout.point(id).name);
      t.picoseconds.push_back({2'000'000, 4'000'000, 8'000'000});
    }
    t.rest_picoseconds = 3'000'000'000;
    t.rest_bops = solver->prepare(sample(*solver, mesh)).float_bops;
    return t;
  }
  [[nodiscard]] double ms(double bits) const {
    return 1e-9 * static_cast<double>((*solver)(mesh, a, mean_bits(bits)).report.picosecond_budget);
  }
};

}  // namespace

TEST_CASE("times of rows become those of passes, at every level") {
  RowTimes t;
  t.levels = {2, 4, 8};
  t.points = {"a", "b"};
  t.picoseconds = {{100, 200, 400}, {10, 20, 40}};
  const auto fitted = [&](std::vector<int> levels, std::vector<double> rows,
                          std::vector<double> passes) {
    RowTimes r = t;
    r.levels = std::move(levels);
    r.fit_to_passes(rows, passes, 50, 7);
    return r;
  };
  // Ten rows of each point. The highest level says what lies beside them; the others follow.
  const RowTimes line = fitted({2, 4, 8}, {1100, 2200, 4400}, {2700, 2700, 6000});
  CHECK(line.rest_picoseconds == 1650);
  CHECK(line.rest_bops == 7);
  CHECK(line.picoseconds == std::vector<std::vector<Cost>>{{100, 100, 400}, {10, 10, 40}});
  // Rows that alone take longer than their pass are shortened, and nothing is left beside them.
  const RowTimes much = fitted({2, 4, 8}, {1100, 2200, 4400}, {550, 1100, 2200});
  CHECK(much.rest_picoseconds == 50);
  CHECK(much.picoseconds == std::vector<std::vector<Cost>>{{50, 100, 200}, {5, 10, 20}});
  // Rows pay for all that 0 bits leave out.
  t.picoseconds = {{0, 200, 400}, {0, 20, 40}};
  const RowTimes skipped = fitted({0, 4, 8}, {0, 2200, 4400}, {1000, 5400, 7600});
  CHECK(skipped.rest_picoseconds == 1050);
  CHECK(skipped.picoseconds == std::vector<std::vector<Cost>>{{0, 400, 600}, {0, 40, 60}});
}

TEST_CASE("a budget in milliseconds is kept, whole passes and the choice of bits included") {
  Made m;
  m.solver->price_by(m.times());
  const double least = m.ms(2), most = m.ms(8);
  CHECK(most - 3 == doctest::Approx(4 * (least - 3)));
  Field previous;
  for (const double share : {0.0, 0.3, 0.7, 1.0}) {
    const double wanted = least + share * (most - least);
    const Solution s = (*m.solver)(m.mesh, m.a, milliseconds(wanted));
    CHECK(s.report.picoseconds <= s.report.picosecond_budget);
    CHECK(1e-9 * static_cast<double>(s.report.picosecond_budget) == doctest::Approx(wanted));
    CHECK(static_cast<double>(s.report.picoseconds) > 0.97e9 * wanted);
    CHECK(s.report.bops > 0);
    CHECK(s.report.budget == 0);
  }
  // As much as the same time named in bits.
  const double three = m.ms(3);
  CHECK((*m.solver)(m.mesh, m.a, milliseconds(three)).report.picoseconds ==
        (*m.solver)(m.mesh, m.a, mean_bits(3)).report.picoseconds);
  // Less than all the lowest takes is refused in the unit it was given in.
  CHECK_THROWS_WITH_AS(static_cast<void>((*m.solver)(m.mesh, m.a, milliseconds(0.5 * least))),
                       doctest::Contains(" milliseconds, the cheapest level"), Error);
  // More than all the highest level takes is not spent.
  const Solution rich = (*m.solver)(m.mesh, m.a, milliseconds(1e6));
  CHECK(1e-9 * static_cast<double>(rich.report.picoseconds) == doctest::Approx(most));
  m.solver->budget(milliseconds(three));
  CHECK((*m.solver)(m.mesh, m.a).report.picosecond_budget ==
        static_cast<Cost>(std::floor(1e9 * three)));
}

TEST_CASE("a uniform solver takes the highest level that keeps the time") {
  Made m(false);
  m.solver->price_by(m.times());
  const double four = m.ms(4), eight = m.ms(8);
  for (const auto& [time, bits] : {std::pair{four, 4.0f}, {0.99 * eight, 4.0f}, {eight, 8.0f}}) {
    const Solution s = (*m.solver)(m.mesh, m.a, milliseconds(time * (1 + 1e-9)));
    CHECK(s.report.node_bits.front() == bits);
    CHECK(s.report.picoseconds <= s.report.picosecond_budget);
  }
}

TEST_CASE("a mesh of twice the operations has twice the time beside its rows") {
  Made m(false), large(false, 300);
  m.solver->price_by(m.times());
  RowTimes none = m.times();
  for (auto& column : none.picoseconds) column = {0, 0, 0};
  m.solver->price_by(none);
  const double ratio =
      static_cast<double>(m.solver->prepare(sample(*m.solver, large.mesh)).float_bops) /
      static_cast<double>(m.solver->prepare(sample(*m.solver, m.mesh)).float_bops);
  CHECK(1e-9 * static_cast<double>((*m.solver)(large.mesh, large.a).report.picosecond_budget) ==
        doctest::Approx(3 * ratio));
}

TEST_CASE("budgets in milliseconds that cannot be are refused") {
  Made m, uniform(false);
  CHECK_THROWS_WITH_AS(m.solver->budget(milliseconds(4)),
                       doctest::Contains("Measure this machine first"), Error);
  m.solver->price_by(m.times());
  uniform.solver->price_by(uniform.times());
  for (const double bad : {-1.0, std::nan(""), -0.0 - 1e-300})
    CHECK_THROWS_WITH_AS(m.solver->budget(milliseconds(bad)),
                         doctest::Contains("milliseconds above 0"), Error);
  CHECK_THROWS_AS(static_cast<void>((*m.solver)(m.mesh, m.a, milliseconds(0.5 * m.ms(2)))), Error);
  CHECK_THROWS_WITH_AS(
      static_cast<void>((*uniform.solver)(m.mesh, m.a, milliseconds(0.5 * uniform.ms(2)))),
      doctest::Contains("which the lowest level takes on this mesh"), Error);
  RowTimes strange = m.times();
  strange.machine = "another";
  CHECK_THROWS_WITH_AS(m.solver->price_by(strange), doctest::Contains("of another"), Error);
  strange = m.times();
  strange.rest_bops = 0;
  CHECK_THROWS_AS(m.solver->price_by(strange), Error);
  // Without times a budget of time has no meaning: bits again.
  m.solver->budget(milliseconds(1000));
  m.solver->price_by({});
  CHECK(m.solver->budget().mean_bits == 8);
  CHECK(m.solver->budget().milliseconds == 0);
}

TEST_CASE("what is measured here is a budget here") {
  Made m(true, 600);
  const RowTimes t = m.solver->measure_times(m.mesh);
  CHECK(t.rest_picoseconds > 0);
  m.solver->price_by(t);
  const double least = m.ms(2), most = m.ms(8);
  const double time = std::max(least, most);
  const Solution s = (*m.solver)(m.mesh, m.a, milliseconds(1.01 * time));
  CHECK(s.report.picoseconds > 0);
  CHECK(s.report.picoseconds <= s.report.picosecond_budget);
}

}  // namespace test_time_budget
