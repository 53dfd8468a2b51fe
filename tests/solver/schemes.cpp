#include <amq/solver.hpp>

#include "../quant/own_rule.hpp"
#include "noise_on_square.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace amq;
using namespace amq::solver;

namespace {

using Ladder = Scheme<Weights<8>, Activations<1, 2, 3, 4, 5, 6, 8>>;
using Eight = Scheme<Weights<8>, Activations<8>>;
using Wide = Scheme<Weights<16>, Activations<4, 16>>;
using Own = Scheme<Weights<8>, Activations<2, 4, 8>, ByQuartiles>;

/// A mesh, a field on it and an untrained network of a scheme: what bits do, not what they know.
struct Task : solver_tests::NoiseOnSquare {
  Task() : NoiseOnSquare(60) {}
  template <typename S = AnyScheme>
  [[nodiscard]] MeshSolver<MpPde, S> solver(const SchemeInfo& info, bool adaptive) const {
    MpPdeConfig c;
    c.hidden = 16;
    c.layers = 2;
    c.inputs = encoding.inputs();
    auto net = std::make_unique<Network<MpPde>>(c, info, 3);
    std::unique_ptr<Auxiliary> light;
    if (adaptive)
      light = std::make_unique<Auxiliary>(AuxiliaryConfig{8, 1, 4}, c.inputs, 2,
                                          PointScores(net->layout).columns(), 5);
    return {std::move(net), std::move(light), encoding};
  }
};

struct Scratch {
  std::string path;
  explicit Scratch(const char* name)
      : path((std::filesystem::temp_directory_path() / name).string()) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { std::filesystem::remove(path); }
};
template <typename F>
std::string refusal(const F& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}
void check_same(const Solution& x, const Solution& y) {
  CHECK(x.field.allFinite());
  CHECK((x.field.array() == y.field.array()).all());
  CHECK(x.report.bops == y.report.bops);
  CHECK(x.report.auxiliary_bops == y.report.auxiliary_bops);
  CHECK(x.report.node_bits == y.report.node_bits);
}

/// A file's solver by its type and by what the file says.
template <typename S>
void check_typed_and_any(const Task& p, bool adaptive, const std::vector<double>& budgets) {
  const Scratch file("amq_schemes_test.safetensors");
  const MeshSolver<MpPde> made = p.solver(SchemeInfo::of<S>(), adaptive);
  save(file.path, made, {p.mesh, p.a, budgets});
  const auto typed = load<MpPde, S>(file.path);
  static_assert(std::is_same_v<decltype(typed), const MeshSolver<MpPde, S>>);
  for (const double bits : budgets)
    check_same(typed(p.mesh, p.a, mean_bits(bits)), made(p.mesh, p.a, mean_bits(bits)));
  // And the other way: what a typed solver writes, one of any scheme reads.
  save(file.path, typed, {p.mesh, p.a, budgets});
  const auto any = load<MpPde>(file.path);
  for (const double bits : budgets)
    check_same(any(p.mesh, p.a, mean_bits(bits)), made(p.mesh, p.a, mean_bits(bits)));
}

}  // namespace

TEST_CASE("a file solves to the same bits by its scheme's type and by what it says itself") {
  const Task p;
  SUBCASE("a ladder, its bits chosen row by row") {
    check_typed_and_any<Ladder>(p, true, {3, 5.25, 8});
  }
  SUBCASE("a ladder at uniform bits") {
    check_typed_and_any<Ladder>(p, false, {1, 5, 8});
  }
  SUBCASE("one level") {
    check_typed_and_any<Eight>(p, false, {8});
  }
  SUBCASE("weights and rows of 16 bits") {
    check_typed_and_any<Wide>(p, true, {6, 9.5, 16});
  }
}

TEST_CASE("a scheme of one level has no auxiliary model, and says so") {
  const Task p;
  static_assert(!MeshSolver<MpPde, Eight>::can_choose && MeshSolver<MpPde, Ladder>::can_choose &&
                MeshSolver<MpPde>::can_choose);
  const std::string why = "no auxiliary model where the scheme has one level";
  CHECK(refusal([&] {
          static_cast<void>(p.solver<Eight>(SchemeInfo::of<Eight>(), true));
        }).find(why) != std::string::npos);
  CHECK(refusal([&] { static_cast<void>(p.solver(SchemeInfo::of<Eight>(), true)); }).find(why) !=
        std::string::npos);
  // A file that says so is refused before its tensors are looked at.
  const Scratch file("amq_one_level_test.safetensors");
  save(file.path, p.solver(SchemeInfo::of<Eight>(), false), {p.mesh, p.a, {8}});
  safetensors::File f = safetensors::read(file.path);
  f.metadata["amq.auxiliary"] = R"({"hidden": 8, "layers": 1, "bits": 4, "columns": 1})";
  CHECK(refusal([&] { static_cast<void>(load<MpPde, Eight>(f)); }).find(why) != std::string::npos);
  CHECK(refusal([&] { static_cast<void>(load<MpPde>(f)); }).find(why) != std::string::npos);
}

TEST_CASE("a type of one level answers budgets as any scheme does") {
  const Task p;
  const MeshSolver<MpPde> any = p.solver(SchemeInfo::of<Eight>(), false);
  MeshSolver<MpPde, Eight> typed = p.solver<Eight>(SchemeInfo::of<Eight>(), false);
  const auto refused = [&](const auto& solver, const Budget& b) {
    return refusal([&] { static_cast<void>(solver(p.mesh, p.a, b)); });
  };
  for (const Budget& b : {mean_bits(4), mean_bits(9), milliseconds(1)}) {
    CHECK_FALSE(refused(typed, b).empty());
    CHECK(refused(typed, b) == refused(any, b));
  }
  typed.price_by(typed.measure_times(p.mesh));
  check_same(typed(p.mesh, p.a, milliseconds(1e6)), any(p.mesh, p.a, mean_bits(8)));
  CHECK(refused(typed, milliseconds(1e-6)).find("which the lowest level takes") !=
        std::string::npos);
}

TEST_CASE("weights of every width come back from a file whose scheme nobody names") {
  const Task p;
  const Scratch file("amq_any_scheme_test.safetensors");
  for (const SchemeInfo& info : std::vector<SchemeInfo>{{2, Static(), {2, 8}},
                                                        {4, ByDeviation(), {0, 16}},
                                                        {8, ByMagnitude(), {2, 3}},
                                                        {16, ByRange(), {1, 8}}}) {
    const MeshSolver<MpPde> made = p.solver(info, false);
    const double bits = info.levels.back();
    save(file.path, made, {p.mesh, p.a, {bits}});
    const auto loaded = load<MpPde>(file.path);
    CHECK(loaded.net().quantizers.info() == info);
    check_same(loaded(p.mesh, p.a, mean_bits(bits)), made(p.mesh, p.a, mean_bits(bits)));
  }
}

TEST_CASE("a solver of a user's row rule saves and loads by its type, and by it alone") {
  const Task p;
  const Scratch file("amq_own_scheme_test.safetensors");
  const MeshSolver<MpPde, Own> made = p.solver<Own>(SchemeInfo::of<Own>(), true);
  save(file.path, made, {p.mesh, p.a, {3, 8}});
  const auto loaded = load<MpPde, Own>(file.path);
  check_same(loaded(p.mesh, p.a, mean_bits(3)), made(p.mesh, p.a, mean_bits(3)));
  // A rule is code: a name in a file is not enough of it.
  const std::string why = refusal([&] { static_cast<void>(load<MpPde>(file.path)); });
  CHECK(why.find("'by_quartiles'") != std::string::npos);
  CHECK(why.find("name it in the scheme") != std::string::npos);
}

TEST_CASE("a scheme that a file has not is refused in a sentence with both") {
  const Task p;
  const Scratch file("amq_other_scheme_test.safetensors");
  for (const SchemeInfo& other : std::vector<SchemeInfo>{{8, ByRange(), {2, 4, 8}},
                                                         {8, ByDeviation(), {1, 2, 3, 4, 5, 6, 8}},
                                                         {4, ByRange(), {1, 2, 3, 4, 5, 6, 8}}}) {
    save(file.path, p.solver(other, false), {p.mesh, p.a, {8}});
    const std::string why = refusal([&] { static_cast<void>(load<MpPde, Ladder>(file.path)); });
    INFO(why);
    CHECK(why.find(file.path) != std::string::npos);
    CHECK(why.find(other.sentence()) != std::string::npos);
    CHECK(why.find("weights of 8 bits, levels 1, 2, 3, 4, 5, 6, 8, rule by_range") !=
          std::string::npos);
  }
  CHECK(SchemeInfo{16, ByDeviation(), {0, 12}}.sentence() ==
        "weights of 16 bits, levels 0, 12, rule by_deviation");
}

TEST_CASE("a typed solver refuses a network of another scheme") {
  const Task p;
  const std::string why = refusal([&] {
    static_cast<void>(p.solver<Ladder>({8, ByRange(), {2, 4, 7}}, false));
  });
  CHECK(why.find("w8a2,4,7_by_range") != std::string::npos);
}

TEST_CASE("an auxiliary model of bits that no solver runs it at is refused before it is trained") {
  for (const int bits : {0, 9, 16})
    CHECK(refusal([&] {
            Auxiliary(AuxiliaryConfig{8, 1, bits}, 2, 2, 1, 5);
          }).find("AuxiliaryConfig::bits") != std::string::npos);
}
