#include <amq/train/quantize_mesh.hpp>

#include <amq/models/mesh_graph_net.hpp>
#include <amq/models/mp_pde.hpp>
#include <amq/models/transolver.hpp>

#include "../io/scratch.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>
#include <vector>

namespace test_quantize_mesh {

using namespace amq;
using namespace amq::training;

namespace {

Mesh square(int n) {
  Mesh mesh;
  for (int j = 0; j <= n; ++j)
    for (int i = 0; i <= n; ++i) {
      mesh.points.push_back(static_cast<double>(i) / n);
      mesh.points.push_back(static_cast<double>(j) / n);
      const bool wall = i % n == 0 || j % n == 0;
      mesh.node_type.push_back(wall ? NodeType::wall : NodeType::normal);
    }
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < n; ++i) {
      const int a = j * (n + 1) + i;
      for (const int k : {a, a + 1, a + n + 2, a, a + n + 2, a + n + 1}) mesh.cells.push_back(k);
    }
  return mesh;
}
/// Meshes of different sizes.
std::vector<Sample> problems(int n) {
  std::vector<Sample> all;
  Random random(3);
  for (int k = 0; k < n; ++k) {
    Sample& s = all.emplace_back();
    s.mesh = square(5 + k);
    s.given.resize(s.mesh.n_nodes(), 1);
    const double p = random.uniform(0, 6), q = random.uniform(0.5, 2);
    for (Index i = 0; i < s.given.rows(); ++i)
      s.given(i, 0) = static_cast<float>(5 + q * std::sin(4 * s.mesh.point(i)[0] + p));
  }
  return all;
}
MeshEncoding encoding() {
  MeshEncoding e;  // marks of the boundary beside the given channel
  e.input_mean = {5}, e.input_deviation = {1}, e.output_mean = {2}, e.output_deviation = {3};
  e.lattices = {2};
  return e;
}
template <typename Model>
typename Model::Config small() {
  typename Model::Config c;
  c.hidden = 16;
  c.layers = 2;
  c.inputs = 2;
  c.outputs = 1;
  if constexpr (std::is_same_v<Model, Transolver>) {
    c.heads = 2;
    c.tokens = 4;
  }
  return c;
}
/// A float file as from_torch writes it: here amq is who answers.
/// @param variables  of its self-test, where the network reads any
template <typename Model>
safetensors::File float_file(const std::vector<double>& variables = {}) {
  auto config = small<Model>();
  if constexpr (requires { config.variables; })
    config.variables = static_cast<Index>(variables.size());
  const Network<Model> net(config, QuantizeOptions{}.scheme, 5);
  safetensors::File f;
  f.path = "float.safetensors";
  ParameterLayout layout;
  const Model model(layout, config);
  for (const auto& e : layout.entries())
    f.tensors[e.name] = Array::of(std::span<const float>(net.parameters.values.data() + e.offset,
                                                         static_cast<std::size_t>(e.size())),
                                  e.shape);
  MeshEncoding e = encoding();
  e.variable_scale.assign(variables.size(), 2.0f);
  if (!variables.empty()) f.tensors["self_test.variables"] = Array::of(variables);
  f.metadata = {{"amq.format", "1"},
                {"amq.float", "1"},
                {"amq.model", std::string(Model::name)},
                {"amq.config", json::dump(stored::to_json(config))},
                {"amq.encoding", json::dump(stored::to_json(e))},
                {"amq.trained_on", R"({"given_names": ["a"], "solution_names": ["u"]})"}};
  const Sample p = problems(1).front();
  GraphSample x = e.encode(p.mesh, view(p.given), variables);
  prepare_sample(model, x);
  Float32 pass(net.layout, net.parameters);
  const Field u = e.decode(training::detail::forward_sample(net.model, pass, x).view());
  f.tensors["self_test.points"] = Array::of(p.mesh.points, {p.mesh.n_nodes(), 2});
  f.tensors["self_test.cells"] = Array::of(p.mesh.cells, {p.mesh.n_cells(), 3});
  std::vector<std::uint8_t> types;
  for (const auto t : p.mesh.node_type) types.push_back(static_cast<std::uint8_t>(t));
  f.tensors["self_test.node_type"] = Array::of(types);
  f.tensors["self_test.a"] = Array::of(view(p.given));
  f.tensors["self_test.u"] = Array::of(view(u));
  return f;
}

}  // namespace

TEST_CASE_TEMPLATE("a float file of a network on meshes becomes a model file without training",
                   Model, Transolver, MpPde, MeshGraphNet) {
  const auto net = load_float<Model>(float_file<Model>());
  CHECK(net.difference == 0);
  const auto few = problems(3);
  const std::span<const Sample> samples(few);
  const test::Scratch folder("quantized_mesh_" + std::string(Model::name));
  const std::string file = folder.path("model.safetensors");
  const auto eight = quantize(net, samples);
  CHECK(eight.report.error > 0);
  CHECK(eight.report.error < 0.05);
  CHECK(eight.report.scheme == "w8a8_by_range");
  CHECK(eight.report.bytes < 0.6 * eight.report.float_bytes);
  double share = 0, bops = 0;
  for (const QuantizedLayer& l : eight.report.layers) share += l.share, bops += l.bops;
  CHECK(share == doctest::Approx(1));
  CHECK(bops == doctest::Approx(eight.report.bops));
  save(file, eight);
  const auto back = load<Model>(file);  // replays its self-test
  for (const Sample& s : few) {         // of any size
    const Field said = eight.solver(s.mesh, s.given), again = back(s.mesh, s.given),
                exact = net(s.mesh, s.given);
    CHECK((said.array() == again.array()).all());
    CHECK((said - exact).norm() < 0.1f * exact.norm());
  }
  const TrainedOn& seen = back.trained_on();
  CHECK(seen.given.size() == 1);
  CHECK(seen.given_names == std::vector<std::string>{"a"});
  CHECK(seen.nodes.low == 36);
  CHECK(seen.nodes.high == 64);
  CHECK(seen.marked_boundary);
  CHECK(back.encoding().lattices == std::vector<int>{2});

  SUBCASE("an error that is allowed is used for weights of 4 bits, and kept") {
    QuantizeOptions o;
    o.error = 0.2;
    const auto mixed = quantize(net, samples, o);
    CHECK(mixed.report.error <= o.error);
    CHECK(mixed.report.bytes < eight.report.bytes);
    save(file, mixed);
    const auto kept = load<Model>(file);  // with the bits of every weight
    CHECK(kept.model_bytes() == mixed.report.bytes);
  }
  SUBCASE("bit operations that are allowed are kept, by bits of weights and of each point's rows") {
    QuantizeOptions o;
    o.bops = 0.5 * eight.report.bops;
    const auto less = quantize(net, samples, o);
    CHECK(less.report.bops <= o.bops);
    CHECK(less.report.error > eight.report.error);
    CHECK(!less.solver.net().own_row_bits().empty());
    if constexpr (std::is_same_v<Model, Transolver>)
      for (const SchemeInfo& all : {SchemeInfo{8, ByRange{}, {4}}, SchemeInfo{4, ByRange{}, {8}}}) {
        QuantizeOptions one;  // one number of bits for all rows, or all weights, spoils more
        one.scheme = all;
        const auto uniform = quantize(net, samples, one);
        QuantizeOptions same;
        same.bops = uniform.report.bops;
        const auto mixed = quantize(net, samples, same);
        CHECK(mixed.report.bops <= uniform.report.bops);
        CHECK(mixed.report.error < uniform.report.error);
      }
    save(file, less);
    const auto kept = load<Model>(file);
    const Field said_again = kept(few[1].mesh, few[1].given),
                was = less.solver(few[1].mesh, few[1].given);
    CHECK((said_again.array() == was.array()).all());
  }
  SUBCASE("an error that 8 bits do not reach takes 16") {
    QuantizeOptions o;
    o.error = 0.3 * eight.report.error;
    const auto some = quantize(net, samples, o);
    CHECK(some.report.error <= o.error);
    CHECK(some.report.bops > eight.report.bops);
    const auto rows = some.solver.net().own_row_bits();
    CHECK(std::any_of(rows.begin(), rows.end(), [](const auto& r) { return r.second == 16; }));
    CHECK(some.report.scheme == "w8a8_by_range");
    save(file, some);
    CHECK(load<Model>(file).net().own_row_bits() == rows);
    o.error = 0.02 * eight.report.error;
    const auto wide = quantize(net, samples, o);
    CHECK(wide.report.error <= o.error);
    CHECK(wide.report.bops > some.report.bops);
    save(file, wide);
    CHECK_NOTHROW(static_cast<void>(load<Model>(file)));
  }
}

TEST_CASE("what no mixture of 8 and 16 bits reaches takes 16 everywhere, and attention in float") {
  auto file = float_file<Transolver>();
  auto config = small<Transolver>();
  config.attention_bits = {4, 4};
  file.metadata["amq.config"] = json::dump(stored::to_json(config));
  const auto net = load_float<Transolver>(std::move(file));
  const auto few = problems(3);
  const std::span<const Sample> samples(few);
  QuantizeOptions o;
  o.error = 0.02 * quantize(net, samples).report.error;
  const auto wide = quantize(net, samples, o);
  CHECK(wide.report.error <= o.error);
  CHECK(wide.report.scheme.find("a16_by_range") != std::string::npos);
  CHECK(wide.solver.net().model.config().attention_bits.matrix == 0);
  CHECK(wide.solver.net().model.config().key_bits == 16);
  o.error = 1e-9;
  CHECK_THROWS_WITH_AS(static_cast<void>(quantize(net, samples, o)),
                       doctest::Contains("16 bits reach"), Error);
}

TEST_CASE("a network that reads time and parameters is quantized on samples that have them") {
  const auto net = load_float<MpPde>(float_file<MpPde>({1, 3}));
  CHECK(net.difference == 0);
  auto few = problems(3);
  for (std::size_t k = 0; k < few.size(); ++k) few[k].variables = {0.5 * static_cast<double>(k), 3};
  const auto eight = quantize(net, std::span<const Sample>(few));
  CHECK(eight.report.error < 0.05);
  const test::Scratch folder("quantized_mesh_variables");
  save(folder.path("model.safetensors"), eight);
  const auto back = load<MpPde>(folder.path("model.safetensors"));  // replays its self-test
  const Sample& s = few[1];
  const Field exact = net.answer(s), said = net.solved(back, s, mean_bits(8));
  CHECK((said - exact).norm() < 0.1f * exact.norm());
  CHECK((exact - net(s.mesh, s.given, std::vector<double>{4, 3})).norm() > 0.01f * exact.norm());
  few[1].variables = {1};
  CHECK_THROWS_WITH_AS(static_cast<void>(quantize(net, std::span<const Sample>(few))),
                       doctest::Contains("sample 1, solver, variables"), Error);
}

TEST_CASE("what is no float file of a network on meshes, and what are no samples, is refused") {
  const auto refused = [](const char* words, const auto& change) {
    safetensors::File f = float_file<MpPde>();
    change(f);
    CHECK_THROWS_WITH_AS(static_cast<void>(load_float<MpPde>(f)), doctest::Contains(words), Error);
  };
  refused("quantized already", [](auto& f) { f.metadata.erase("amq.float"); });
  refused("amq.model", [](auto& f) { f.metadata["amq.model"] = "Transolver"; });
  refused("embedding_mlp.0.bias", [](auto& f) { f.tensors.erase("embedding_mlp.0.bias"); });
  refused("self_test.cells", [](auto& f) { f.tensors.erase("self_test.cells"); });
  refused("self-test", [](auto& f) {
    auto v = f.tensors["output_mlp.2.bias"].template as<float>();
    v[0] += 1;
    f.tensors["output_mlp.2.bias"] = Array::of(v);
  });
  refused("amq.encoding", [](auto& f) {
    MeshEncoding e = encoding();
    e.boundary = false;
    f.metadata["amq.encoding"] = json::dump(stored::to_json(e));
  });
  refused("self-test", [](auto& f) {  // other edges: another network
    MeshEncoding e = encoding();
    e.lattices = {};
    f.metadata["amq.encoding"] = json::dump(stored::to_json(e));
  });
  refused("variables as the configuration has them", [](auto& f) {
    MeshEncoding e = encoding();
    e.variable_scale = {1};
    f.metadata["amq.encoding"] = json::dump(stored::to_json(e));
  });
  refused("mesh", [](auto& f) {
    auto v = f.tensors["self_test.cells"].template as<std::int32_t>();
    v[4] = 1000;
    f.tensors["self_test.cells"] = Array::of(v, {static_cast<Index>(v.size() / 3), 3});
  });
  const auto net = load_float<MpPde>(float_file<MpPde>());
  const auto few = problems(2);
  CHECK_THROWS_WITH_AS(static_cast<void>(quantize(net, std::span<const Sample>{})),
                       doctest::Contains("samples to fit steps to"), Error);
  const auto wrong = [&](const char* words, const auto& change) {
    auto some = few;
    change(some.back());
    CHECK_THROWS_WITH_AS(static_cast<void>(quantize(net, std::span<const Sample>(some))),
                         doctest::Contains(words), Error);
    CHECK_THROWS_WITH_AS(static_cast<void>(quantize(net, std::span<const Sample>(some))),
                         doctest::Contains("sample 1"), Error);
  };
  wrong("49 nodes", [](Sample& s) { s.given = Field::Zero(7, 1); });
  wrong("0 of time and parameters", [](Sample& s) { s.variables = {1}; });
  wrong("finite", [](Sample& s) { s.given(3, 0) = std::nanf(""); });
  wrong("type for every node", [](Sample& s) { s.mesh.node_type.clear(); });
  wrong("cell", [](Sample& s) { s.mesh.cells[5] = -1; });
}

TEST_CASE(
    "products without weights have a share of the error, more where their codes are coarser") {
  const auto few = problems(2);
  const auto share = [&](ops::ProductBits bits) {
    auto file = float_file<Transolver>();
    auto config = small<Transolver>();
    config.attention_bits = bits;
    file.metadata["amq.config"] = json::dump(stored::to_json(config));
    const QuantizeReport r =
        quantize(load_float<Transolver>(std::move(file)), std::span<const Sample>(few)).report;
    double sum = 0, all = 0;
    std::size_t n = 0;
    for (const QuantizedLayer& l : r.layers) {
      all += l.share;
      if (l.weight != l.point) continue;
      ++n;
      sum += l.share;
      CHECK(l.of_weights == 0);
      CHECK((l.of_rows > 0) == static_cast<bool>(bits));
    }
    CHECK(n == 6);  // pooling, attention among tokens and giving back, in two layers
    CHECK(all == doctest::Approx(1));
    return sum;
  };
  const double fine = share({8, 8}), coarse = share({4, 4});
  CHECK(fine > 0);
  CHECK(coarse > 2 * fine);
  CHECK(share({}) == 0);
}

TEST_CASE("a report has milliseconds of every layer, in all those of the pass or less") {
  const auto few = problems(2);
  const std::span<const Sample> samples(few);
  const auto net = load_float<Transolver>(float_file<Transolver>());
  QuantizeOptions o;
  const QuantizeReport r = quantize(net, samples, o).report;
  double sum = 0;
  for (const QuantizedLayer& l : r.layers) {
    CHECK(l.milliseconds > 0);
    sum += l.milliseconds;
  }
  CHECK(r.milliseconds > 0);
  CHECK(sum <= r.milliseconds * (1 + 1e-9));
  // By a clock on which everything takes a second, layers fill the pass: those whose rows become
  // codes first take two parts, all others one.
  int calls = 0;
  o.times.clock = [&] { return static_cast<double>(calls++); };
  o.times.rounds = 1;
  const QuantizeReport even = quantize(net, samples, o).report;
  CHECK(even.milliseconds == 1000);
  double least = 1000, most = 0;
  sum = 0;
  for (const QuantizedLayer& l : even.layers) {
    sum += l.milliseconds;
    least = std::min(least, l.milliseconds);
    most = std::max(most, l.milliseconds);
  }
  CHECK(sum == doctest::Approx(1000));
  CHECK(most == doctest::Approx(2 * least));
  o.times.rounds = 0;
  CHECK_THROWS_WITH_AS(static_cast<void>(quantize(net, samples, o)),
                       doctest::Contains("at least one round"), Error);
}

}  // namespace test_quantize_mesh
