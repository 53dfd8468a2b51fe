#include <amq/io/state_dict.hpp>

#include <amq/models/fno.hpp>
#include <amq/models/mesh_graph_net.hpp>
#include <amq/models/network.hpp>
#include <amq/models/unet.hpp>

#include "../nn/grid_laws.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>

namespace test_state_dict {

using namespace amq;
using namespace amq::models;
using namespace amq::io;
using namespace amq::test;

namespace {

/// Every parameter of a network as PyTorch would save it.
template <typename Model>
safetensors::File saved(const Network<Model>& net) {
  safetensors::File f;
  for (std::size_t k = 0; k < net.quantizers.first_entry(); ++k) {
    const auto& e = net.layout.entries()[k];
    const auto at = net.parameters.values.begin() + e.offset;
    f.tensors[e.name] = Array::of(std::vector<float>(at, at + e.size()), e.shape);
  }
  return f;
}
const SchemeInfo info{8, RowRule::affine, {8}};

}  // namespace

TEST_CASE("the state dict of PyTorch's FNO makes the operator PyTorch has") {
  FnoConfig c = FnoConfig::pdebench(2, 1, 5, 3, 2);
  c.modes = {3, 4, 1};
  Network<Fno> net(c, info, 1);
  auto file = safetensors::read(std::string(AMQ_MODELS_DATA) + "/fno_2d.safetensors");
  const Golden golden(std::string(AMQ_MODELS_DATA) + "/fno_2d.safetensors");
  for (const auto* not_weights : {"u", "x", "y"}) file.tensors.erase(not_weights);
  load_state_dict(file, net.layout, net.parameters, published_names(net.model));
  Float32 a(net.layout, net.parameters);
  const Matrix u = golden.matrix("u"), x = golden.matrix("x");
  CHECK(relative(map(net.model(a, {2, {9, 11}}, view(u), view(x)).view()), golden.matrix("y")) <
        1e-5);
}

namespace {

struct Neuraloperator {
  GridShape grid;
  FnoConfig config;
  Network<Fno> net;
  StateDictNames names;
  Golden golden;
  safetensors::File file;

  Neuraloperator(const std::string& name, GridShape g, const std::vector<Index>& n_modes,
                 Index width)
      : grid(g),
        config(FnoConfig::neuraloperator(n_modes, width, 2, 3)),
        net(config, info, 1),
        names(neuraloperator_names(net.model)),
        golden(path(name)),
        file(safetensors::read(path(name))) {
    for (const auto* not_weights : {"u", "x", "y"}) file.tensors.erase(not_weights);
  }
  static std::string path(const std::string& name) {
    return std::string(AMQ_MODELS_DATA) + "/neuraloperator_" + name + ".safetensors";
  }
  void load() { load_state_dict(file, net.layout, net.parameters, names); }
  void refuses(const char* why) {
    const auto before = net.parameters.values;
    CHECK_THROWS_WITH_AS(load(), doctest::Contains(why), Error);
    CHECK(net.parameters.values == before);
  }
  [[nodiscard]] double error() {
    Float32 a(net.layout, net.parameters);
    const Matrix u = golden.matrix("u"), x = golden.matrix("x");
    return relative(map(net.model(a, grid, view(u), view(x)).view()), golden.matrix("y"));
  }
};

}  // namespace

TEST_CASE("neuraloperator's default FNO is loaded by its own names, and computes what it did") {
  Neuraloperator all[] = {{"1d", {2, {20}}, {8}, 6},
                          {"2d", {2, {12, 15}}, {6, 8}, 7},
                          {"3d", {2, {6, 4, 7}}, {4, 2, 4}, 4}};
  for (auto& n : all) {
    CAPTURE(n.grid.dims);
    CHECK(n.error() > 0.1);
    n.load();
    CHECK(n.error() < 1e-5);
    // Wrapped, the same.
    std::map<std::string, Array> tensors;
    for (const auto& [name, t] : n.file.tensors) tensors["module." + name] = t;
    const auto before = n.net.parameters.values;
    n.file.tensors = tensors;
    n.load();
    CHECK(n.net.parameters.values == before);
  }
}

TEST_CASE("names are mapped, the first that fits counts, and a map that fits nothing is refused") {
  struct Flat : Neuraloperator {
    Flat() : Neuraloperator("2d", {2, {12, 15}}, {6, 8}, 7) {}
  };
  {
    Flat n;
    auto bias = n.file.tensors.extract("lifting.fcs.0.bias");
    bias.key() = "up.bias";
    n.file.tensors.insert(std::move(bias));
    n.refuses("fc0.bias is missing\n  up.bias is nobody's");
    n.names.rename.insert(n.names.rename.begin(), {"up", "fc0"});
    n.load();
    CHECK(n.error() < 1e-5);
    n.names.rename.emplace_back("fno_blo", "fc9");  // beginnings end before a dot
    n.refuses("no tensor begins with fno_blo");
  }
  {
    Flat n;
    n.names.rename.emplace_back("projection.fcs.1.weight", "fc9.weight");
    n.refuses("no tensor begins with projection.fcs.1.weight");
  }
  {
    Flat n;
    n.names.rename = {{"lifting.fcs.0", "fc0"}, {"lifting.fcs.1", "fc0"}};
    n.refuses("lifting.fcs.1.bias and lifting.fcs.0.bias both become fc0.bias");
  }
  {
    Flat n;
    auto& w = n.file.tensors.at("fno_blocks.convs.2.weight.tensor");
    w = w.reshaped({7, 7, 5, 6, 2});
    n.refuses("fno_blocks.convs.2.weight.tensor is (7, 7, 5, 6, 2), not (7, 7, 6, 5, 2)");
  }
}

TEST_CASE("a UNet's weights, norms and estimates are taken; counters and quantizers are not read") {
  UnetConfig c;
  c.dims = 1;
  c.features = 2;
  c.levels = 1;
  const Network<Unet> from(c, info, 1);
  Network<Unet> to(c, info, 2);
  auto file = saved(from);
  file.tensors["encoder1.enc1norm1.num_batches_tracked"] = Array::scalar(std::int64_t{7});
  const auto step = to.layout.entry(to.layout.find("quant.conv.step")).offset;
  to.parameters.values[static_cast<std::size_t>(step)] = 42;
  load_state_dict(file, to.layout, to.parameters);
  for (std::size_t k = 0; k < from.quantizers.first_entry(); ++k) {
    const auto& e = from.layout.entries()[k];
    CHECK(std::equal(from.parameters.values.begin() + e.offset,
                     from.parameters.values.begin() + e.offset + e.size(),
                     to.parameters.values.begin() + e.offset));
  }
  CHECK(to.parameters.values[static_cast<std::size_t>(step)] == 42);
}

TEST_CASE("all that does not fit is told at once, and nothing is taken") {
  UnetConfig c;
  c.dims = 1;
  c.features = 2;
  c.levels = 1;
  const Network<Unet> from(c, info, 1);
  Network<Unet> to(c, info, 2);
  auto file = saved(from);
  file.tensors.erase("conv.bias");
  file.tensors["conv.weight"] = Array(DType::f32, {1, 3, 1});
  file.tensors["encoder9.weight"] = Array(DType::f32, {1});
  const auto before = to.parameters.values;
  CHECK_THROWS_WITH_AS(load_state_dict(file, to.layout, to.parameters),
                       doctest::Contains("conv.weight is (1, 3, 1), not (1, 2, 1)\n  conv.bias is "
                                         "missing\n  encoder9.weight is nobody's"),
                       Error);
  CHECK(to.parameters.values == before);
}

namespace {

/// A MeshGraphNet's parameters as MeshGraphNets of PyTorch Geometric save them.
struct Geometric {
  static MeshGraphNetConfig config(int hidden_layers) {
    return {.hidden = 4, .layers = 2, .inputs = 3, .outputs = 2, .hidden_layers = hidden_layers};
  }
  int hidden_layers;
  Network<MeshGraphNet> from{config(hidden_layers), info, 1}, to{config(hidden_layers), info, 2};
  safetensors::File file;

  /// @param twice  whether the networks of a block have both of their names
  explicit Geometric(int deep = 3, bool twice = true) : hidden_layers(deep) {
    file.path = "geometric.safetensors";
    for (const auto& [name, array] : saved(from).tensors) {
      const auto dot = name.rfind('.'), before = name.rfind('.', dot - 1);
      const std::string at = name.substr(0, before), what = name.substr(dot);
      const std::string number = name.substr(before + 1, dot - before - 1);
      const bool norm = std::stoi(number) > 2 * hidden_layers;
      const std::string inner = norm ? ".1" + what : ".0." + number + what;
      if (at == "encoder.fv.f") {
        file.tensors["encoder.nb_encoder" + inner] = array;
      } else if (at == "encoder.fe.f") {
        file.tensors["encoder.eb_encoder" + inner] = array;
      } else if (at == "decoder.f") {
        file.tensors["decoder.decode_module." + number + what] = array;
      } else {
        const std::string block = "processer_list." + name.substr(14, 1);
        const bool edge = name.find("f_edge") != std::string::npos;
        Array own = array;
        if (edge && number == "0" && what == ".weight") {  // sender, receiver, edge
          auto v = array.as<float>();
          for (std::size_t row = 0; row < 4; ++row)
            std::swap_ranges(v.begin() + static_cast<Index>(12 * row),
                             v.begin() + static_cast<Index>(12 * row + 4),
                             v.begin() + static_cast<Index>(12 * row + 4));
          own = Array::of(v, array.shape);
        }
        const std::string kind = edge ? ".eb" : ".nb";
        file.tensors[block + kind + "_module.net" + inner] = own;
        if (twice) file.tensors[block + kind + "_custom_func" + inner] = own;
      }
    }
  }
  void load() { load_state_dict(file, to.layout, to.parameters, pyg_names(to.model)); }
  [[nodiscard]] bool taken() const {
    for (std::size_t k = 0; k < from.quantizers.first_entry(); ++k) {
      const auto& e = from.layout.entries()[k];
      if (!std::equal(from.parameters.values.begin() + e.offset,
                      from.parameters.values.begin() + e.offset + e.size(),
                      to.parameters.values.begin() + e.offset))
        return false;
    }
    return true;
  }
};

}  // namespace

TEST_CASE("MeshGraphNets of PyTorch Geometric are loaded by their names, senders in their place") {
  for (const int deep : {1, 3})
    for (const bool twice : {true, false}) {
      Geometric g(deep, twice);
      CHECK(!g.taken());
      g.load();
      CHECK(g.taken());
    }
  {
    Geometric g;
    auto& w = g.file.tensors.at("processer_list.1.nb_module.net.0.2.weight");
    w = Array(DType::f32, w.shape);
    CHECK_THROWS_WITH_AS(g.load(),
                         doctest::Contains("both become processor.gnn.1.f_node.f.2.weight"), Error);
  }
  {
    Geometric g;
    g.file.tensors.erase("encoder.eb_encoder.1.bias");
    CHECK_THROWS_WITH_AS(g.load(), doctest::Contains("encoder.fe.f.7.bias is missing"), Error);
  }
  {
    Geometric g;
    auto names = pyg_names(g.to.model);
    names.columns.front().order = {0, 1, 2, 3, 4};
    CHECK_THROWS_WITH_AS(load_state_dict(g.file, g.to.layout, g.to.parameters, names),
                         doctest::Contains("multiple of 5"), Error);
    for (const std::vector<int>& order :
         {std::vector<int>{}, {0, 1, 3}, {0, 0, 2}, {-1, 0, 1}, {1, 2}}) {
      names.columns.front().order = order;
      CHECK_THROWS_WITH_AS(load_state_dict(g.file, g.to.layout, g.to.parameters, names),
                           doctest::Contains("each once"), Error);
    }
  }
}

namespace {

struct SmallFno {
  FnoConfig config = [] {
    FnoConfig c = FnoConfig::pdebench(2, 1, 4, 1, 1);
    c.modes = {2, 3, 1};
    c.layers = 1;
    c.projection = 8;
    return c;
  }();
  Network<Fno> net{config, info, 1};
  std::vector<SpectralBlocks> spectral{
      {"conv0.weights", &net.model.spectral(0), {"conv0.weights1", "conv0.weights2"}}};
  safetensors::File file;

  SmallFno() {
    file.path = "model.safetensors";
    for (std::size_t k = 0; k < net.quantizers.first_entry(); ++k) {
      const auto& e = net.layout.entries()[k];
      if (e.name == "conv0.weights") continue;
      const auto at = net.parameters.values.begin() + e.offset;
      file.tensors[e.name] = Array::of(std::vector<float>(at, at + e.size()), e.shape);
    }
    for (const char* name : {"conv0.weights1", "conv0.weights2"})
      file.tensors[name] = Array::of(std::vector<float>(4 * 4 * 2 * 3 * 2, 0.25f), {4, 4, 2, 3, 2});
  }
  void load(std::span<const std::string> leave = {}) {
    load_state_dict(file, net.layout, net.parameters, spectral, leave);
  }
  void refuses(const char* why) {
    const auto before = net.parameters.values;
    CHECK_THROWS_WITH_AS(load(), doctest::Contains(why), Error);
    CHECK(net.parameters.values == before);
  }
};

}  // namespace

TEST_CASE("weights that are not finite as floats are refused by name and element") {
  const auto with = [](const char* name, const Array& a, const char* why) {
    SmallFno f;
    f.file.tensors[name] = a;
    f.refuses(why);
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  with("fc0.bias", Array::of(std::vector<float>{0, 1, nan, 2}), "fc0.bias has nan at element 2");
  with("fc0.bias", Array::of(std::vector<double>{0, 1e300, 0, 0}), "1e+300 at element 1");
  Array half(DType::f16, {4});
  const std::uint16_t overflowed[] = {0x3c00, 0x7c00, 0, 0};
  std::memcpy(half.bytes.data(), overflowed, sizeof overflowed);
  with("fc0.bias", half, "fc0.bias has inf at element 1");
  std::vector<float> block(192, 0.5f);
  block[3] = -std::numeric_limits<float>::infinity();
  with("conv0.weights1", Array::of(block, {4, 4, 2, 3, 2}), "conv0.weights1 has -inf at element 3");
  with("fc0.bias", Array(DType::c64, {4}), "fc0.bias is complex");
}

TEST_CASE("spectral weights are taken by shape, not by their number") {
  for (const Extents& shape :
       {Extents{4, 4, 3, 2, 2}, Extents{2, 4, 4, 2, 3}, Extents{4, 4, 2, 6}, Extents{192}}) {
    SmallFno f;
    auto& t = f.file.tensors["conv0.weights1"];
    t = t.reshaped(shape);
    f.refuses(("conv0.weights1 is " + text_of(shape) + ", not (4, 4, 2, 3, 2)").c_str());
  }
  SmallFno pairs, complex;
  for (const char* name : {"conv0.weights1", "conv0.weights2"}) {
    auto& t = complex.file.tensors[name];
    t.dtype = DType::c64;
    t.shape.pop_back();
  }
  pairs.load();
  complex.load();
  CHECK(pairs.net.parameters.values == complex.net.parameters.values);
}

TEST_CASE("a beginning that all names share is left off, and what is named is left") {
  SmallFno plain;
  plain.load();
  for (const std::string prefix : {"module.", "_orig_mod.", "_orig_mod.module.", "net.fno."}) {
    CAPTURE(prefix);
    SmallFno f;
    std::map<std::string, Array> tensors;
    for (const auto& [name, t] : f.file.tensors) tensors[prefix + name] = t;
    tensors["n_averaged"] = Array::scalar(std::int64_t{3});
    f.file.tensors = tensors;
    f.load();
    CHECK(f.net.parameters.values == plain.net.parameters.values);
  }
  SmallFno f;
  f.file.tensors["grid"] = Array(DType::f32, {9, 8, 2});
  f.refuses("grid is nobody's");
  const std::vector<std::string> leave{"grid"};
  f.load(leave);
  CHECK(f.net.parameters.values == plain.net.parameters.values);
  // What is left need not share a prefix, and a part may be wrapped alone.
  for (const std::string prefix : {"", "model.", "module.model."}) {
    CAPTURE(prefix);
    SmallFno g;
    std::map<std::string, Array> tensors;
    for (const auto& [name, t] : g.file.tensors) {
      const auto dot = name.find('.') + 1;
      const bool wrapped = name.starts_with("conv0.") || name.starts_with("fc1.");
      tensors[prefix + name.substr(0, dot) + (wrapped ? "_orig_mod." : "") + name.substr(dot)] = t;
    }
    tensors["grid"] = Array(DType::f32, {9, 8, 2});
    tensors["criterion.weight"] = Array(DType::f32, {2});
    g.file.tensors = tensors;
    const std::vector<std::string> both{"grid", "criterion.weight"};
    g.load(both);
    CHECK(g.net.parameters.values == plain.net.parameters.values);
  }
  SmallFno eight;
  eight.file.unread["scale"] = "F8_E4M3";
  eight.refuses("scale has dtype F8_E4M3, which is not read");
  const std::vector<std::string> scale{"scale"};
  eight.load(scale);
  CHECK(eight.net.parameters.values == plain.net.parameters.values);
  // A prefix that some names lack is no prefix.
  auto bias = f.file.tensors.extract("fc0.bias");
  f.file.tensors["module.fc0.bias"] = bias.mapped();
  f.refuses("fc0.bias is missing");
}

}  // namespace test_state_dict
