// Story 6: weights that PyTorch has trained, quantized after training, and compared with PyTorch's
// own answer. The file was written in Python by
//   safetensors.torch.save_file({**fno.state_dict(), "u": u, "x": x, "y": fno(u)}, path)
//   06_from_torch FILE
#include <amq/arithmetic/fixed.hpp>
#include <amq/io/state_dict.hpp>
#include <amq/models/fno.hpp>
#include <amq/train.hpp>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

amq::Matrix taken(amq::safetensors::File& file, const char* name, amq::Index columns) {
  const auto v = file.at(name).as<float>();
  file.tensors.erase(name);
  return Eigen::Map<const amq::Matrix>(v.data(), static_cast<amq::Index>(v.size()) / columns,
                                       columns);
}

}  // namespace

int main(int argc, char** argv) try {
  auto file = amq::safetensors::read(argc > 1 ? argv[1] : "tests/models/data/fno_2d.safetensors");
  amq::FnoConfig sizes = amq::FnoConfig::pdebench(2, 1, 5, 3, 2);
  sizes.modes = {3, 4, 1};
  amq::GridExample s{{2, {9, 11}}, taken(file, "u", 3), taken(file, "x", 2), taken(file, "y", 2)};

  // [torch]
  using W8A8 = amq::Scheme<amq::Weights<8>, amq::Activations<8>>;
  amq::Network<amq::Fno> net(sizes, amq::SchemeInfo::of<W8A8>(), 0);
  amq::load_state_dict(file, net.layout, net.parameters, amq::published_names(net.model));
  const std::vector<amq::GridExample> few{s};
  const auto quantized = amq::calibrated_network(net, amq::SchemeInfo::of<W8A8>(), few);
  // [torch]

  amq::Float32 floats(net.layout, net.parameters);
  amq::BasicFixed integers(quantized->layout, quantized->quantizers, quantized->parameters);
  const amq::BitPlan plan = amq::BitPlan::uniform(8);
  integers.begin(plan);
  const auto y = forward(net.model, floats, s);
  const auto z = forward(quantized->model, integers, s);
  std::printf("from PyTorch's answer: %.1e in float, %.1e at 8 bits\n",
              amq::normalized_rmse(y.view(), amq::view(std::as_const(s.y))),
              amq::normalized_rmse(z.view(), amq::view(std::as_const(s.y))));
  for (const amq::LayerError& l : amq::layer_errors(*quantized, few, 8))
    std::printf("%-14s loses %.1e by its weights, %.1e by its rows\n", l.weight.c_str(),
                l.of_weights, l.of_rows);
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
