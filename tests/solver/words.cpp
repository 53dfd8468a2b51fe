#include <amq/solver.hpp>

#include <amq/io/safetensors.hpp>
#include <amq/train/calibrate.hpp>
#include <amq/train/mesh_training.hpp>

#include "noise_on_square.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace amq;
using namespace amq::training;

namespace {

using InInts = Scheme<Weights<8>, InWords<Activations<4, 8>>>;

/// A mesh, a field on it and an untrained network, calibrated on that field.
struct Task : solver_tests::NoiseOnSquare {
  Task() : NoiseOnSquare(60) {}
  [[nodiscard]] std::unique_ptr<Network<MpPde>> network(const SchemeInfo& info) const {
    MpPdeConfig c;
    c.hidden = 16;
    c.layers = 2;
    c.inputs = encoding.inputs();
    auto net = std::make_unique<Network<MpPde>>(c, info, 3);
    GraphSample s = encoding.encode(mesh, view(a));
    prepare_sample(net->model, s);
    calibrate(*net, std::vector{s});
    return net;
  }
};
std::vector<float> fractions_of(const Network<MpPde>& net) {
  std::vector<float> all;
  for (std::size_t p = 0; p < net.layout.points().size(); ++p)
    if (const auto f = net.quantizers.fractions(static_cast<PointId>(p)); f != no_parameter)
      for (int k = 0; k < 2; ++k)
        all.push_back(
            net.parameters.values[static_cast<std::size_t>(net.layout.entry(f).offset + k)]);
  return all;
}
const std::string path =
    (std::filesystem::temp_directory_path() / "amq_words_test.safetensors").string();

}  // namespace

TEST_CASE("a network of words is calibrated, saved and loaded, by its type and by what it says") {
  const Task p;
  auto net = p.network(SchemeInfo::of<InInts>());
  const auto fractions = fractions_of(*net);
  REQUIRE(fractions.size() == 4);
  for (const float f : fractions) CHECK((f >= 1 && f <= 12 && f == std::floor(f)));
  CHECK(fractions != std::vector<float>(4, 8.0f));

  const MeshSolver<MpPde> made(std::move(net), nullptr, p.encoding);
  save(path, made, {p.mesh, p.a, {4, 8}});  // and solved again: the self-test
  CHECK(safetensors::read(path).metadata.at("amq.scheme") == "w8a4,8_by_range_words");
  const auto typed = load<MpPde, InInts>(path);
  const auto any = load<MpPde>(path);
  CHECK(fractions_of(any.net()) == fractions);
  for (const double bits : {4.0, 8.0}) {
    const Solution x = made(p.mesh, p.a, mean_bits(bits));
    CHECK(x.field.allFinite());
    CHECK(x.report.saturated == 0);
    CHECK(x.field == typed(p.mesh, p.a, mean_bits(bits)).field);
    CHECK(x.field == any(p.mesh, p.a, mean_bits(bits)).field);
  }

  CHECK_THROWS_WITH_AS((load<MpPde, Scheme<Weights<8>, Activations<4, 8>>>(path)),
                       doctest::Contains("words between products"), Error);
  // A file whose fractions no word has.
  auto file = safetensors::read(path);
  for (auto& [name, tensor] : file.tensors)
    if (name.ends_with(".fractions")) tensor = Array::of(std::vector<float>{40, 8});
  safetensors::write(path, file);
  CHECK_THROWS_WITH_AS(load<MpPde>(path), doctest::Contains("1 to 12 bits behind the point"),
                       Error);
  std::filesystem::remove(path);
}

TEST_CASE("a step that is refused keeps its place among those that choose bits") {
  const Task p;
  auto net = p.network(SchemeInfo::of<InInts>());
  auto aux = std::make_unique<Auxiliary>(AuxiliaryConfig{8, 1, 4}, net->model.config().inputs, 2,
                                         PointScores(net->layout).columns(), 5);
  MeshSolver<MpPde, InInts> solver(std::move(net), std::move(aux), p.encoding);
  solver.budget(mean_bits(5));
  const Field far = 1'000 * p.a;
  Rollout<MpPde, InInts> whole(solver, p.mesh, far), refused(solver, p.mesh, far);
  whole.allocate_every(3), refused.allocate_every(3);
  for (int step = 0; step < 7; ++step) {
    CAPTURE(step);
    solver.out_of_range(OutOfRange::refuse);
    CHECK_THROWS_WITH_AS(refused.step(), doctest::Contains("rows cut at the largest word"), Error);
    CHECK(refused.state() == whole.state());
    solver.out_of_range(OutOfRange::ignore);
    CHECK(refused.step() == whole.step());
    CHECK(refused.report().auxiliary_bops == whole.report().auxiliary_bops);
    CHECK((refused.report().auxiliary_bops > 0) == (step % 3 == 0));
  }
}

TEST_CASE("fields far beyond those of calibration are reported, or refused, also in a rollout") {
  const Task p;
  MeshSolver<MpPde, InInts> solver(p.network(SchemeInfo::of<InInts>()), nullptr, p.encoding);
  const Field far = 1'000 * p.a;
  CHECK(solver(p.mesh, p.a).report.saturated == 0);
  CHECK(solver(p.mesh, p.a).report.outside.saturated == 0);
  const SolveReport seen = solver(p.mesh, far).report;
  const auto n = static_cast<double>(p.mesh.n_nodes());
  CHECK(seen.saturated > 0);
  CHECK(seen.outside.saturated == static_cast<double>(seen.saturated) / n);
  CHECK(seen.outside.largest() >= seen.outside.saturated);

  solver.out_of_range(OutOfRange::ignore);
  CHECK(solver(p.mesh, far).report.saturated == seen.saturated);
  CHECK(solver(p.mesh, far).report.outside.saturated == 0);
  solver.out_of_range(OutOfRange::refuse);
  CHECK_NOTHROW(solver(p.mesh, p.a));
  CHECK_THROWS_WITH_AS(solver(p.mesh, far), doctest::Contains("rows cut at the largest word"),
                       Error);
  Rollout<MpPde, InInts> rollout(solver, p.mesh, far);
  CHECK_THROWS_WITH_AS(rollout.step(), doctest::Contains("rows cut at the largest word"), Error);
  CHECK(rollout.state() == far);
  CHECK(rollout.steps() == 0);
  solver.out_of_range(OutOfRange::refuse, seen.outside.saturated);
  CHECK_NOTHROW(solver(p.mesh, far));
  CHECK_NOTHROW(rollout.step());
  CHECK(rollout.report().outside.saturated > 0);
}
