#include <amq/io/state_dict.hpp>

#include <amq/models/fno.hpp>
#include <amq/models/network.hpp>
#include <amq/models/unet.hpp>

#include "../nn/grid_laws.hpp"

using namespace amq;
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
  std::vector<SpectralBlocks> spectral;
  for (Index l = 0; l < 4; ++l) {
    const std::string n = "conv" + std::to_string(l) + ".weights";
    spectral.push_back({n, &net.model.spectral(l), {n + "1", n + "2"}});
  }
  load_state_dict(file, net.layout, net.parameters, spectral);
  Float32 a(net.layout, net.parameters);
  const Matrix u = golden.matrix("u"), x = golden.matrix("x");
  CHECK(relative(map(net.model(a, {2, {9, 11}}, view(u), view(x)).view()), golden.matrix("y")) <
        1e-5);
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
