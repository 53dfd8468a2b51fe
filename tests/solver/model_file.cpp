#include <amq/solver/model_file.hpp>

#include <amq/io/json.hpp>
#include <amq/solver/rollout.hpp>

#include "fingerprints.hpp"

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

namespace test_model_file {

using namespace amq;
using namespace amq::solver;

namespace {

using S = Scheme<Weights<8>, Activations<1, 2, 3, 4, 8>, RowAffine>;

std::string scratch(const char* name) {
  return (std::filesystem::temp_directory_path() / (name + std::to_string(getpid()))).string();
}

struct Small {
  Mesh mesh = fingerprints::square(6, 1);
  Field a = fingerprints::noise(mesh.n_nodes(), 1, 2);
  std::unique_ptr<MeshSolver<MpPde>> solver;

  Small() {
    MeshEncoding e;
    e.lattices = {2};
    MpPdeConfig c;
    c.hidden = 8;
    c.layers = 1;
    c.inputs = e.inputs();
    auto net = std::make_unique<Network<MpPde>>(c, SchemeInfo::of<S>(), 3);
    auto aux = std::make_unique<Auxiliary>(AuxiliaryConfig{4, 1, 4}, c.inputs, 2,
                                           PointScores(net->layout).columns(), 5);
    solver = std::make_unique<MeshSolver<MpPde>>(std::move(net), std::move(aux), e);
  }
};

/// What an attacker, or a disk, does to a file.
using Damage = std::function<void(safetensors::File&)>;
Damage replaced(const char* key, const std::string& what, const std::string& with) {
  return [=](safetensors::File& f) {
    std::string& text = f.metadata.at(key);
    const auto at = text.find(what);
    REQUIRE(at != text.npos);
    text.replace(at, what.size(), with);
  };
}
Damage without_tensors(const Damage& and_then) {
  return [=](safetensors::File& f) {
    f.tensors.clear();
    and_then(f);
  };
}
template <typename T>
Damage number(const char* tensor, std::size_t at, T value) {
  return [=](safetensors::File& f) {
    Array& a = f.tensors.at(tensor);
    auto values = a.as<T>();
    REQUIRE(at < values.size());
    values[at] = value;
    a = Array::of(values, a.shape);
  };
}

/// Peak of this process's memory in bytes.
double peak_bytes() {
  std::ifstream in("/proc/self/status");
  std::string line;
  while (std::getline(in, line))
    if (line.starts_with("VmHWM:")) return 1024 * std::stod(line.substr(6));
  return 0;
}

}  // namespace

TEST_CASE("hostile model files end in one error that names file and cause, soon and in no memory") {
  const std::string path = scratch("amq_hostile");
  Small m;
  save(path, *m.solver, {m.mesh, m.a, {4, 8}});
  const safetensors::File good = safetensors::read(path);
  const auto config = [](const char* key, const char* was, const char* is) {
    return replaced("amq.config", "\"" + std::string(key) + "\":" + was,
                    "\"" + std::string(key) + "\":" + is);
  };
  const auto wall = [](int channel, const std::string& value) {
    return "\"imposed\":[{\"type\":\"wall\",\"channel\":" + std::to_string(channel) +
           ",\"value\":" + value + "}]";
  };
  struct Case {
    const char* said;  ///< in the error, beside the file's name
    Damage damage;
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Case cases[] = {
      {"amq.auxiliary, bits",
       without_tensors(replaced("amq.auxiliary", "\"bits\":4.0", "\"bits\":1000000.0"))},
      {"found 33", replaced("amq.auxiliary", "\"bits\":4.0", "\"bits\":33")},
      {"amq.auxiliary, hidden",
       without_tensors(replaced("amq.auxiliary", "\"hidden\":4.0", "\"hidden\":100000"))},
      {"amq.config, hidden", without_tensors(config("hidden", "8.0", "100000"))},
      {"amq.config, hidden", config("hidden", "8.0", "100000")},
      {"amq.config, hidden", config("hidden", "8.0", "-8")},
      {"amq.config, hidden", config("hidden", "8.0", "8.5")},
      {"amq.config, layers", without_tensors(config("layers", "1.0", "1000000"))},
      {"mismatches", config("layers", "1.0", "900")},
      {"amq.config, variables", without_tensors(config("variables", "0.0", "1000000"))},
      {"amq.config, norm", config("norm", "\"instance\"", "\"foo\"")},
      {"expected instance or layer, found foo", config("norm", "\"instance\"", "\"foo\"")},
      {"fixed bits", config("input_bits", "16.0", "200")},
      {"amq.encoding, lattices", replaced("amq.encoding", "[2.0]", "[1e300]")},
      {"amq.encoding, lattices", replaced("amq.encoding", "[2.0]", "[-1]")},
      {"lattices", replaced("amq.encoding", "[2.0]", "[100000]")},
      {"at most 1000000 in all", replaced("amq.encoding", "[2.0]", "[1001]")},
      {"imposed on channels", replaced("amq.encoding", "\"imposed\":[]", wall(1, "0"))},
      {"finite", replaced("amq.encoding", "\"imposed\":[]", wall(0, "1e300"))},
      {"obstacle", replaced("amq.encoding", "\"imposed\":[]",
                            "\"imposed\":[{\"type\":\"rim\",\"channel\":0,\"value\":0}]")},
      {"type that the network reads",
       replaced("amq.encoding", "\"imposed\":[]",
                "\"imposed\":[{\"type\":\"inflow\",\"channel\":0,\"value\":0}]")},
      {"amq.encoding, half_width",
       replaced("amq.encoding", "\"half_width\":0.5", "\"half_width\":1e300")},
      {"positive deviations",
       replaced("amq.encoding", "\"input_deviation\":[1.0]", "\"input_deviation\":[0]")},
      {"self_test.points", [](safetensors::File& f) { f.tensors.erase("self_test.points"); }},
      {"mesh, node 3: expected finite coordinates",
       number("self_test.points", 7, std::numeric_limits<double>::quiet_NaN())},
      {"mesh, node 3", number<std::uint8_t>("self_test.node_type", 3, 200)},
      {"mesh, cell 0", number<std::int32_t>("self_test.cells", 1, 36)},
      {"mesh, cell 0", number<std::int32_t>("self_test.cells", 1, -1)},
      {"finite numbers, found nan at node 4", number("self_test.a", 4, nan)},
      {"a saved solution of finite numbers, found nan", number("self_test.u.1", 5, nan)},
      {"bit for bit", number("self_test.u.1", 5, 0.25f)},
      {"a budget to test",
       [](safetensors::File& f) {
         f.tensors.at("self_test.mean_bits") = Array::of(std::vector<double>{}, {0});
         f.tensors.erase("self_test.u.0");
         f.tensors.erase("self_test.u.1");
       }},
      {"budget", number("self_test.mean_bits", 0, 1e300)},
      {"finite numbers", number("output_mlp.0.weight", 0, nan)},
      {"amq.sharing: expected node_and_point, edge, block, node or point, found foo",
       [](safetensors::File& f) { f.metadata.at("amq.sharing") = "foo"; }},
      {"auxiliary_columns.lift", number("auxiliary_columns.lift", 0, nan)},
  };
  for (const Case& c : cases) {
    CAPTURE(std::string(c.said));
    safetensors::File f = good;
    c.damage(f);
    safetensors::write(path, f);
    const double before = peak_bytes();
    const std::clock_t start = std::clock();
    try {
      static_cast<void>(load<MpPde, S>(path));
      FAIL_CHECK("loaded");
    } catch (const Error& e) {
      const std::string said = e.what();
      CHECK_MESSAGE(said.find(path) != said.npos, said);
      CHECK_MESSAGE(said.find(c.said) != said.npos, said);
    }
    CHECK(std::clock() - start < CLOCKS_PER_SEC);  // of this process: others may be busy
    CHECK(peak_bytes() - before < 100e6);
  }
  safetensors::write(path, good);
  CHECK_NOTHROW(static_cast<void>(load<MpPde, S>(path)));
  std::filesystem::remove(path);
}

TEST_CASE("a file says its scheme where the program does not, and may lie in memory") {
  const std::string path = scratch("amq_any_scheme");
  const Small m;
  save(path, *m.solver, {m.mesh, m.a, {4, 8}});
  const auto typed = load<MpPde, S>(path);
  const auto any = load<MpPde, AnyScheme>(path);
  const auto bytes = read_file(path);
  const auto from_memory = load<MpPde, AnyScheme>(safetensors::decode(bytes, "model in memory"));
  CHECK(any.net().quantizers.info() == SchemeInfo::of<S>());
  for (const double bits : {4.0, 8.0}) {
    const Solution u = typed(m.mesh, m.a, mean_bits(bits)), v = any(m.mesh, m.a, mean_bits(bits)),
                   w = from_memory(m.mesh, m.a, mean_bits(bits));
    CHECK((u.field.array() == v.field.array()).all());
    CHECK((u.field.array() == w.field.array()).all());
  }
  auto cut = bytes;
  cut.resize(cut.size() / 2);
  CHECK_THROWS_WITH_AS(static_cast<void>(safetensors::decode(cut, "model in memory")),
                       doctest::Contains("model in memory"), Error);
  safetensors::File f = safetensors::read(path);
  f.metadata["amq.scheme"] = "w8a1,2,3,4,8_of_mine";
  CHECK_THROWS_WITH_AS(static_cast<void>(load<MpPde, AnyScheme>(f)),
                       doctest::Contains("a row rule of amq"), Error);
  std::filesystem::remove(path);
}

TEST_CASE("weights are kept as their codes: a byte each, and saved again they are the same file") {
  const std::string path = scratch("amq_codes"), again = scratch("amq_codes_again");
  Small m;
  const SelfTest test{m.mesh, m.a, {4, 8}};
  save(path, *m.solver, test);
  const auto loaded = load<MpPde>(path);
  save(again, loaded, test);
  CHECK(read_file(path) == read_file(again));
  const safetensors::File good = safetensors::read(path);
  const auto& layout = loaded.net().layout;
  for (const WeightEntry& w : layout.weights())
    for (const WeightPart& part : w.parts) {
      CAPTURE(layout.entry(part.weight).name);
      CHECK(good.at(layout.entry(part.weight).name).dtype == DType::i8);
    }
  for (const auto& [name, a] : good.tensors)
    if (name.ends_with(".bias")) CHECK(a.dtype == DType::f32);

  // As a file of before has it: the floats that codes stand for.
  safetensors::File floats = good;
  for (const auto& e : layout.entries())
    floats.tensors.at(e.name) =
        Array::of(std::span<const float>(loaded.net().parameters.values.data() + e.offset,
                                         static_cast<std::size_t>(e.size())),
                  e.shape);
  std::erase_if(floats.tensors, [](const auto& t) {
    return t.first.ends_with(".shared") && !t.first.starts_with("auxiliary.");
  });
  floats.metadata.at("amq.format") = "1";
  safetensors::write(path, floats);
  CHECK(loaded(m.mesh, m.a).field == load<MpPde>(path)(m.mesh, m.a).field);

  const std::string layer = "gnn_layers.0.message_net_2.0";
  const auto refused = [&](const std::string& tensor, const Array& value, const char* said) {
    safetensors::File f = good;
    f.tensors.at(tensor) = value;
    safetensors::write(path, f);
    CHECK_THROWS_WITH_AS(static_cast<void>(load<MpPde>(path)), doctest::Contains(said), Error);
  };
  std::vector<std::int8_t> codes = good.at(layer + ".weight").as<std::int8_t>();
  codes[3] = -128;
  refused(layer + ".weight", Array::of(codes, good.at(layer + ".weight").shape),
          "codes up to 127, found -128");
  // Positions are read by the products of receivers and of senders, each at its own steps.
  const std::string first = "gnn_layers.0.message_net_1.0.weight";
  const auto n = good.at(first + ".shared").shape.at(0);
  CHECK(n > 0);
  CHECK(n < good.at(first).shape.at(0) * good.at(first).shape.at(1) / 2);
  refused(first + ".shared", Array(DType::f32, {n - 1}), "amq_codes");
  refused(layer + ".bias", Array(DType::i8, good.at(layer + ".bias").shape),
          ".bias: expected floats");
  safetensors::File newer = good;
  newer.metadata.at("amq.format") = "4";
  safetensors::write(path, newer);
  CHECK_THROWS_WITH_AS(static_cast<void>(load<MpPde>(path)),
                       doctest::Contains("amq.format 1, 2 where weights are codes"), Error);
  std::filesystem::remove(path);
  std::filesystem::remove(again);
}

TEST_CASE("a scheme of levels that no kernel has is refused in a sentence") {
  MpPdeConfig c;
  c.hidden = 8;
  c.layers = 1;
  for (const std::vector<int>& levels :
       {std::vector<int>{-3, 8}, std::vector<int>{20}, std::vector<int>{}, std::vector<int>{4, 2},
        std::vector<int>{4, 4}})
    CHECK_THROWS_WITH_AS(Network<MpPde>(c, SchemeInfo{8, RowRule::affine, levels}, 1),
                         doctest::Contains("SchemeInfo: expected levels from 0 to 16 bits"), Error);
  CHECK_THROWS_WITH_AS(Network<MpPde>(c, SchemeInfo{5, RowRule::affine, {8}}, 1),
                       doctest::Contains("weights of 2, 4, 8 or 16 bits, found 5"), Error);
}

TEST_CASE("MP-PDE with a window and variables is a solver like others, from file to rollout") {
  const std::string path = scratch("amq_window");
  MeshEncoding e;
  const std::size_t window = 25;
  e.input_mean.assign(window, 0.5f);
  e.input_deviation.assign(window, 2.0f);
  e.output_mean.assign(window, 0.0f);
  e.output_deviation.assign(window, 0.1f);
  e.boundary = false;
  e.variable_scale = {4, 0.5f};
  e.time_step = 0.125f;
  MpPdeConfig c;
  c.layers = 1;
  c.window = static_cast<Index>(window);
  c.variables = 2;
  MeshSolver<MpPde> solver(
      std::make_unique<Network<MpPde>>(c, SchemeInfo{8, RowRule::affine, {4, 8}}, 3), nullptr, e);
  Mesh mesh = fingerprints::square(6, 1);
  mesh.node_type.clear();  // nobody reads it
  const Field u = fingerprints::noise(mesh.n_nodes(), 25, 2);
  const std::vector<double> variables{3, 0.25};
  const Solution s = solver(mesh, u, {mean_bits(8), variables});

  // By hand: what the network says is a mean rate of change.
  GraphSample by_hand = e.encode(mesh, view(u), variables);
  CHECK(by_hand.v(7, 0) == 0.75f);
  prepare_sample(solver.net().model, by_hand);
  const Matrix said = solver.normalized(by_hand, BitPlan::uniform(8));
  for (Index i = 0; i < u.rows(); ++i)
    for (Index k = 0; k < u.cols(); ++k)
      CHECK(s.field(i, k) ==
            doctest::Approx(u(i, 24) + static_cast<float>(k + 1) * 0.125f * 0.1f * said(i, k)));
  // Training is told the same.
  e.encode_solution(view(s.field), by_hand);
  CHECK((by_hand.y - said).cwiseAbs().maxCoeff() < 1e-3f);

  CHECK_THROWS_WITH_AS(static_cast<void>(solver(mesh, u)),
                       doctest::Contains("variables: expected 2 of time and parameters, found 0"),
                       Error);
  Rollout rollout(solver, mesh, u);
  rollout.options(mean_bits(8), variables);
  CHECK((rollout.step().array() == s.field.array()).all());
  const Solution next = solver(mesh, s.field, {mean_bits(8), variables});
  CHECK((rollout.step().array() == next.field.array()).all());

  save(path, solver, {mesh, u, {4, 8}, variables});
  const auto loaded = load<MpPde, Scheme<Weights<8>, Activations<4, 8>, RowAffine>>(path);
  const Solution again = loaded(mesh, u, {mean_bits(8), variables});
  CHECK((again.field.array() == s.field.array()).all());
  std::filesystem::remove(path);
}

TEST_CASE("a mesh is examined once: what changes answers is refused, the rest counted") {
  const Small m;
  const auto refused = [&](const char* said, auto&& change) {
    Mesh bad = m.mesh;
    change(bad);
    const Field a = Field::Zero(static_cast<Index>(bad.node_type.size()), 1);
    CHECK_THROWS_WITH_AS(static_cast<void>((*m.solver)(bad, a, mean_bits(4))),
                         doctest::Contains(said), Error);
  };
  refused("node 36: expected a node of at least one cell, found no cell", [](Mesh& b) {
    b.points.insert(b.points.end(), {1e6, 0.5});
    b.node_type.push_back(NodeType::normal);
  });
  refused("all 36 nodes at one",
          [](Mesh& b) { std::fill(b.points.begin(), b.points.end(), 0.25); });
  refused("1 to 3 dimensions, found 0", [](Mesh& b) { b.dim = 0; });
  refused("node 3: expected a type from 0 to 8, found 200",
          [](Mesh& b) { b.node_type[3] = static_cast<NodeType>(200); });
  refused("node 2: expected finite coordinates", [](Mesh& b) { b.points[5] = std::nan(""); });
  refused("cell 0: expected node ids from 0 to 35, found 36", [](Mesh& b) { b.cells[0] = 36; });
  refused("cells (cell, nodes_per_cell)", [](Mesh& b) { b.cells.clear(); });
  refused("a cell", [](Mesh& b) { b.nodes_per_cell = 0; });

  // Edges are the same: so is the answer.
  const Solution plain = (*m.solver)(m.mesh, m.a, mean_bits(4));
  CHECK(plain.report.mesh.inverted_cells == 0);
  CHECK(plain.report.mesh.unmarked_boundary_nodes == 0);
  Mesh odd = m.mesh;
  for (std::size_t c = 0; c < odd.cells.size(); c += 3) std::swap(odd.cells[c], odd.cells[c + 1]);
  odd.cells.insert(odd.cells.end(), odd.cells.begin(), odd.cells.begin() + 6);
  const Solution same = (*m.solver)(odd, m.a, mean_bits(4));
  CHECK((same.field.array() == plain.field.array()).all());
  CHECK(same.report.mesh.inverted_cells == odd.n_cells());
  CHECK(same.report.mesh.doubled_cells == 2);
  Mesh bare = m.mesh;
  std::fill(bare.node_type.begin(), bare.node_type.end(), NodeType::normal);
  CHECK((*m.solver)(bare, m.a, mean_bits(4)).report.mesh.unmarked_boundary_nodes == 20);
  // A solver changes its mind with the mesh.
  CHECK(((*m.solver)(m.mesh, m.a, mean_bits(4)).field.array() == plain.field.array()).all());
}

TEST_CASE("a report says how far an input lies outside of what training saw, or it is refused") {
  const std::string path = scratch("amq_seen");
  Small m;
  // Without a word of training, the encoding's domain is compared.
  Mesh millimetres = m.mesh;
  for (double& x : millimetres.points) x *= 1000;
  CHECK((*m.solver)(millimetres, m.a, mean_bits(4)).report.outside.box == doctest::Approx(999));
  CHECK((*m.solver)(m.mesh, m.a, mean_bits(4)).report.outside.largest() == 0);

  TrainedOn seen;
  seen.add(m.mesh, cell_edges(m.mesh));
  seen.add(view(m.a), view(m.a));
  seen.given_names = {"a"};
  seen.given_units = {"m/s"};
  seen.length_unit = "m";
  m.solver->trained_on(seen);
  save(path, *m.solver, {m.mesh, m.a, {4}});
  auto loaded = load<MpPde, S>(path);
  CHECK(loaded.trained_on().given_names == seen.given_names);
  CHECK(loaded.trained_on().nodes.high == 36);
  CHECK(loaded.trained_on().given[0].low == seen.given[0].low);
  std::filesystem::remove(path);

  Field twice = m.a;
  twice(3, 0) = static_cast<float>(2 * seen.given[0].high - seen.given[0].low);
  const Mesh fine = fingerprints::square(12, 1);
  CHECK(loaded(m.mesh, m.a, mean_bits(4)).report.outside.largest() == 0);
  CHECK(loaded(m.mesh, twice, mean_bits(4)).report.outside.given == doctest::Approx(1));
  CHECK(loaded(m.mesh, twice, mean_bits(4)).report.outside.given_channel == 0);
  const Field b = fingerprints::noise(144, 1, 2);
  CHECK(loaded(fine, b, mean_bits(4)).report.outside.nodes == doctest::Approx(3));
  CHECK(loaded(fine, b, mean_bits(4)).report.outside.edges > 0.5);

  loaded.out_of_range(OutOfRange::refuse);
  CHECK_NOTHROW(static_cast<void>(loaded(m.mesh, m.a, mean_bits(4))));
  CHECK_THROWS_WITH_AS(static_cast<void>(loaded(m.mesh, twice, mean_bits(4))),
                       doctest::Contains("given channel 0: expected what training saw"), Error);
  CHECK_THROWS_WITH_AS(static_cast<void>(loaded(millimetres, m.a, mean_bits(4))),
                       doctest::Contains("bounding box"), Error);
  Mesh bare = m.mesh;
  std::fill(bare.node_type.begin(), bare.node_type.end(), NodeType::normal);
  CHECK_THROWS_WITH_AS(static_cast<void>(loaded(bare, m.a, mean_bits(4))),
                       doctest::Contains("20 nodes of it that are normal"), Error);
  loaded.out_of_range(OutOfRange::refuse, 2);
  CHECK_NOTHROW(static_cast<void>(loaded(m.mesh, twice, mean_bits(4))));
  loaded.out_of_range(OutOfRange::ignore);
  CHECK(loaded(m.mesh, twice, mean_bits(4)).report.outside.largest() == 0);
}

TEST_CASE("a mesh in map coordinates is encoded as round the origin, at every size") {
  const Mesh mesh = fingerprints::square(30, 3);
  for (const double metres : {100.0, 1000.0, 10000.0}) {
    CAPTURE(metres);
    Matrix first;
    for (const double origin : {0.0, 1.0}) {
      Mesh m = mesh;
      const double east = origin * 388000.0, north = origin * 5572000.0;
      for (std::size_t i = 0; i < m.points.size(); i += 2) {
        m.points[i] = east + metres * mesh.points[i];
        m.points[i + 1] = north + metres * mesh.points[i + 1];
      }
      MeshEncoding e;
      e.centre = {east + metres / 2, north + metres / 2};
      e.half_width = static_cast<float>(metres / 2);
      const GraphSample s = e.on(m);
      if (origin == 0) {
        first = s.x;
        continue;
      }
      CHECK((s.x - first).cwiseAbs().maxCoeff() < 1e-6f);
      for (std::size_t k = 0; k < s.graph.sender.size(); ++k)
        CHECK((s.x.row(s.graph.sender[k]) - s.x.row(s.graph.receiver[k])).norm() > 0);
    }
  }
}

TEST_CASE("a host's rounding mode changes no answer and no load, and is the host's again") {
  const std::string path = scratch("amq_rounding");
  const Small m;
  save(path, *m.solver, {m.mesh, m.a, {4, 8}});
  const Field plain = (*m.solver)(m.mesh, m.a, mean_bits(4));
  for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    CAPTURE(mode);
    std::fesetround(mode);
    const auto loaded = load<MpPde, S>(path);
    const Solution u = loaded(m.mesh, m.a, mean_bits(4));
    const Solution v = (*m.solver)(m.mesh, m.a, mean_bits(4));
    const bool kept = std::fegetround() == mode;
    std::fesetround(FE_TONEAREST);
    CHECK(kept);
    CHECK((u.field.array() == plain.array()).all());
    CHECK((v.field.array() == plain.array()).all());
  }
  std::filesystem::remove(path);
}

}  // namespace test_model_file
