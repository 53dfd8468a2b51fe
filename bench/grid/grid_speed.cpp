// Question: how long does a pass of each network on a grid, and of one Fourier layer (64 channels,
// 12 modes, nothing padded), take in integers (w8a8: rows by minimum
// and maximum; w8a8_static: steps learnt in training; w8a8_products: Fourier transforms or
// attention in 8 bits, too) and in our own float, at batch 1 and 16, on one thread?
// `sh scripts/rivals.sh OUT.csv MACHINE --grids` runs this and PyTorch in turn.
//
// Prints level,its name, then model,contender,batch,ms: the median over rounds in which all
// contenders take turns.
// Processor time, which other work on the machine disturbs less than the clock on the wall.

#include "../kernels/timing.hpp"

#include <amq/arithmetic/fixed.hpp>
#include <amq/arithmetic/float32.hpp>
#include <amq/models/fno.hpp>
#include <amq/models/network.hpp>
#include <amq/models/transformer.hpp>
#include <amq/models/unet.hpp>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

using namespace amq;
using namespace amq::models;

namespace {

double now_ms() {
  return timing::milliseconds(timing::Clock::process);
}

/// GELU(spectral convolution + 1x1 convolution), the layer that all of an Fno's inner layers are.
class FourierLayer {
 public:
  struct Config {
    Index inputs = 64, modes = 12;
    ProductBits transform_bits{};
  };
  FourierLayer(ParameterLayout& layout, const Config& c)
      : spectral_(layout, "conv", c.inputs, c.inputs, {2, {c.modes, c.modes, 1}}, 0,
                  c.transform_bits),
        local_(layout, "w", RowKind::grid, c.inputs, c.inputs) {}

  template <arithmetic A>
  typename A::Tensor operator()(A& a, const GridShape& grid, MatrixView<const float> u,
                                MatrixView<const float>) const {
    const auto f = a.input(u, RowKind::grid);
    return activate_sum(a, Activation::gelu, spectral_(a, grid, f), local_(a, f));
  }

 private:
  nn::SpectralConv spectral_;
  nn::Linear local_;
};

/// The same network with products without weights in integers; as it is where it has none.
template <typename Config>
Config with_products(Config c) {
  if constexpr (requires { c.transform_bits; }) c.transform_bits = {8, 8};
  if constexpr (requires { c.attention_bits; }) c.attention_bits = {8, 8};
  return c;
}

template <typename Model>
void time(const char* name, const typename Model::Config& config, double seconds) {
  const Network<Model> net(config, {8, RowRule::min_max, {8}}, 1),
      steps(config, {8, RowRule::fixed, {8}}, 1),
      products(with_products(config), {8, RowRule::min_max, {8}}, 1);
  const BitPlan plan = BitPlan::uniform(8);
  for (const Index batch : {1, 16}) {
    const GridShape grid(batch, {64, 64});
    Random random(2);
    Matrix u(grid.rows(), config.inputs), x(grid.rows(), 2);
    for (Index k = 0; k < u.size(); ++k) u.data()[k] = static_cast<float>(random.normal());
    for (Index k = 0; k < x.size(); ++k) x.data()[k] = static_cast<float>(random.uniform());
    const auto fixed = [&](const Network<Model>& n) {
      BasicFixed a(n.layout, n.quantizers, n.parameters);
      a.begin(plan);
      return a;
    };
    BasicFixed by_row = fixed(net), by_step = fixed(steps), all = fixed(products);
    Float32 floats(net.layout, net.parameters);
    float sum = 0;
    const auto once = [&](const Network<Model>& n, auto& a) {
      const double start = now_ms();
      const auto y = n.model(a, grid, view(std::as_const(u)), view(std::as_const(x)));
      sum += y.view()(0, 0);
      return now_ms() - start;
    };
    struct Contender {
      const char* name;
      std::function<double()> once;
      std::vector<double> ms{};
    };
    std::vector<Contender> contenders{{"w8a8", [&] { return once(net, by_row); }},
                                      {"w8a8_static", [&] { return once(steps, by_step); }},
                                      {"float32", [&] { return once(net, floats); }}};
    if constexpr (
        requires { config.transform_bits; } || requires { config.attention_bits; })
      contenders.push_back({"w8a8_products", [&] { return once(products, all); }});
    for (const auto& c : contenders) c.once();
    const double begin = now_ms();
    while (contenders[0].ms.size() < 5 || now_ms() - begin < 1e3 * seconds)
      for (auto& c : contenders) c.ms.push_back(c.once());
    for (const auto& c : contenders)
      std::printf("%s,%s,%ld,%.4f\n", name, c.name, static_cast<long>(batch), timing::median(c.ms));
    std::fflush(stdout);
    if (sum == 0.123f) std::printf("#\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string only = argc > 1 ? argv[1] : "all";
  const double seconds = argc > 2 ? std::atof(argv[2]) : 1;
  std::printf("level,%s\n", timing::level().c_str());
  if (only == "all" || only == "fno") {
    const FnoConfig c = FnoConfig::pdebench(2, 12, 64, 10);
    time<Fno>("fno", c, seconds);
  }
  if (only == "all" || only == "fno_layer") time<FourierLayer>("fno_layer", {}, seconds);
  if (only == "all" || only == "unet") {
    UnetConfig c;
    time<Unet>("unet", c, seconds);
  }
  if (only == "all" || only == "transformer") {
    PatchTransformerConfig c;
    time<PatchTransformer>("transformer", c, seconds);
  }
}
