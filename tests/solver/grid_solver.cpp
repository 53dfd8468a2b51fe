#include <amq/solver/grid_file.hpp>

#include <amq/models/fno.hpp>
#include <amq/models/modern_unet.hpp>
#include <amq/models/transformer.hpp>
#include <amq/models/unet.hpp>

#include "fingerprints.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

namespace test_grid_solver {

using namespace amq;
using namespace amq::solver;

namespace {

using S = Scheme<Weights<8>, Activations<4, 8>, RowMinMax>;

template <typename Model>
typename Model::Config small() {
  typename Model::Config c;
  c.inputs = 2;
  c.outputs = 1;
  if constexpr (std::is_same_v<Model, Fno>) {
    c.modes = {3, 3, 1};
    c.width = 6;
    c.transform_bits = {8, 8};
  } else if constexpr (std::is_same_v<Model, Unet>) {
    c.features = 4;
    c.levels = 2;
    c.beyond = Padding::circular;
    c.activation = Activation::gelu;
  } else if constexpr (std::is_same_v<Model, ModernUnet>) {
    c.features = 16;
    c.multipliers = {1, 2};
    c.attention = {false, true};
    c.blocks = 1;
  } else {
    c.width = 12;
    c.layers = 1;
    c.heads = 3;
    c.mlp_ratio = 2;
  }
  return c;
}

template <typename Model>
struct Made {
  RegularGrid grid = RegularGrid::periodic({8, 12});
  Field a = fingerprints::noise(96, 2, 4);
  std::unique_ptr<GridSolver<Model>> solver;

  Made() {
    GridFieldEncoding e;
    e.input_mean = {0.25f, -0.5f};
    e.input_deviation = {2, 0.5f};
    e.output_mean = {1};
    e.output_deviation = {3};
    solver = std::make_unique<GridSolver<Model>>(
        std::make_unique<Network<Model>>(small<Model>(), SchemeInfo::of<S>(), 7), e);
  }
};
std::string scratch() {
  return (std::filesystem::temp_directory_path() / ("amq_grid_solver" + std::to_string(getpid())))
      .string();
}

}  // namespace

TEST_CASE_TEMPLATE("networks on grids save, load, replay their self-test and solve as before",
                   Model, Fno, Unet, ModernUnet, PatchTransformer) {
  const std::string path = scratch();
  Made<Model> m;
  save(path, *m.solver, {m.grid, m.a, {4, 8}});
  const auto loaded = load<Model, S>(path);
  const auto any = load<Model, AnyScheme>(safetensors::read(path));
  CHECK((any(m.grid, m.a).field.array() == loaded(m.grid, m.a).field.array()).all());
  for (const double bits : {4.0, 8.0}) {
    const Solution u = (*m.solver)(m.grid, m.a, mean_bits(bits)),
                   v = loaded(m.grid, m.a, mean_bits(bits));
    CHECK((u.field.array() == v.field.array()).all());
    CHECK(u.field.allFinite());
    CHECK(u.report.bops > 0);
    CHECK(u.report.bops < u.report.float_bops);

    // By hand: what the encoding and the network do.
    const auto& e = m.solver->encoding();
    Matrix x, given;
    e.positions(m.grid, m.grid.shape(), x);
    e.encode(view(m.a), m.grid.shape(), given);
    BasicFixed a(m.solver->net().layout, m.solver->net().quantizers, m.solver->net().parameters);
    const BitPlan plan = BitPlan::uniform(static_cast<int>(bits));
    a.begin(plan);
    const auto y = m.solver->net().model(a, m.grid.shape(), view(std::as_const(given)),
                                         view(std::as_const(x)));
    for (Index i = 0; i < 96; ++i) CHECK(u.field(i, 0) == std::fma(y.view()(i, 0), 3.0f, 1.0f));
  }
  // A file of another network, scheme or weight is refused by name.
  using Other = std::conditional_t<std::is_same_v<Model, Fno>, Unet, Fno>;
  CHECK_THROWS_WITH_AS(static_cast<void>(load<Other, S>(path)), doctest::Contains("amq.model"),
                       Error);
  using T = Scheme<Weights<8>, Activations<8>, RowMinMax>;
  safetensors::File f = safetensors::read(path);
  // What load asks first: a solver of T need not be compiled for it.
  CHECK_THROWS_WITH_AS((static_cast<void>(solver::detail::NetworkFile(f).is<Model, T>())),
                       doctest::Contains("amq.scheme"), Error);
  auto saved = f.at("self_test.u.0").template as<float>();
  saved[17] += 1;
  f.tensors.at("self_test.u.0") = Array::of(saved, {96, 1});
  safetensors::write(path, f);
  CHECK_THROWS_WITH_AS(static_cast<void>(load<Model, S>(path)), doctest::Contains("bit for bit"),
                       Error);
  std::filesystem::remove(path);
}

TEST_CASE("eight threads share a solver on grids and get what one would, to the bit") {
  const Made<Fno> m;
  std::vector<Field> given;
  std::vector<Solution> alone;
  for (std::uint64_t k = 0; k < 3; ++k) {
    given.push_back(fingerprints::noise(96, 2, k));
    alone.push_back((*m.solver)(m.grid, given.back()));
  }
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (std::size_t round = 0; round < 20; ++round) {
        const std::size_t k = (t + round) % 3;
        const Solution s = (*m.solver)(m.grid, given[k]);
        wrong += !(s.field.array() == alone[k].field.array()).all();
      }
    });
  for (auto& t : threads) t.join();
  CHECK(wrong == 0);
}

TEST_CASE("where a network says the change, the solver adds it to the last given frame") {
  Made<Unet> m;
  GridFieldEncoding e = m.solver->encoding();
  e.change = true;
  const GridSolver<Unet> stepping(
      std::make_unique<Network<Unet>>(small<Unet>(), SchemeInfo::of<S>(), 7), e);
  const Field u = (*m.solver)(m.grid, m.a), v = stepping(m.grid, m.a);
  for (Index i = 0; i < 96; ++i) CHECK(v(i, 0) == m.a(i, 1) + u(i, 0));
}

TEST_CASE("grids, fields, budgets and encodings that cannot be are refused with the mend") {
  Made<Fno> m;
  const auto refused = [&](const char* said, auto&& ask) {
    CHECK_THROWS_WITH_AS(static_cast<void>(ask()), doctest::Contains(said), Error);
  };
  refused("RegularGrid, axis 1: expected finite coordinates, found nan", [&] {
    RegularGrid grid = m.grid;
    grid.axes[1][2] = std::numeric_limits<double>::quiet_NaN();
    return (*m.solver)(grid, m.a);
  });
  refused("one of the scheme's levels, found 5",
          [&] { return (*m.solver)(m.grid, m.a, mean_bits(5)); });
  refused("a grid of 2 axes, found 1", [&] { return (*m.solver)(RegularGrid::closed({96}), m.a); });
  refused("1 to 3 axes, found 0", [&] { return (*m.solver)(RegularGrid{}, m.a); });
  refused("axis 1: expected a point or more", [&] {
    return (*m.solver)(RegularGrid::periodic({96, 0}), m.a);
  });
  refused("a field of 96 points and 2 channels, found 10 points",
          [&] { return (*m.solver)(m.grid, Field(m.a.topRows(10))); });
  Field bad = m.a;
  bad(5, 1) = std::nanf("");
  refused("nan at point 5", [&] { return (*m.solver)(m.grid, bad); });
  GridFieldEncoding e = m.solver->encoding();
  e.output_mean = e.output_deviation = {1, 1};
  refused("1 of the solution", [&] {
    return GridSolver<Fno>(std::make_unique<Network<Fno>>(small<Fno>(), SchemeInfo::of<S>(), 7), e);
  });
  TrainedOn seen;
  seen.add(view(m.a), view(m.a));
  m.solver->trained_on(seen);
  Field far = m.a;
  far(2, 1) = 30;
  CHECK((*m.solver)(m.grid, far).report.outside.given > 5);
  CHECK((*m.solver)(m.grid, m.a).report.outside.largest() == 0);
  m.solver->out_of_range(OutOfRange::refuse);
  refused("an input as in training", [&] { return (*m.solver)(m.grid, far); });
}

TEST_CASE("a grid outside of the trained box is reported, whichever way its axes run") {
  Made<Fno> m;
  TrainedOn seen;
  seen.box = {{0, 1}, {0, 1}};
  m.solver->trained_on(seen);
  CHECK((*m.solver)(m.grid, m.a).report.outside.box == 0);
  RegularGrid grid = m.grid;
  for (double& y : grid.axes[1]) y += 2;
  const double far = (*m.solver)(grid, m.a).report.outside.box;
  CHECK(far > 1);
  std::reverse(grid.axes[1].begin(), grid.axes[1].end());
  CHECK((*m.solver)(grid, m.a).report.outside.box == far);
  m.solver->out_of_range(OutOfRange::refuse);
  CHECK_THROWS_WITH_AS(static_cast<void>((*m.solver)(grid, m.a)),
                       doctest::Contains("widths of the box"), Error);
}

}  // namespace test_grid_solver
