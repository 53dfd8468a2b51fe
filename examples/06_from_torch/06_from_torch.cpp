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
amq::Field taken(amq::io::safetensors::File& file, const char* name, amq::Index columns) {
  const auto v = file.at(name).as<float>();
  file.tensors.erase(name);
  return Eigen::Map<const amq::Field>(v.data(), std::ssize(v) / columns, columns);
}

}  // namespace

int main(int argc, char** argv) try {
  auto file =
      amq::io::safetensors::read(argc > 1 ? argv[1] : "tests/models/data/fno_2d.safetensors");
  auto sizes = amq::Fno::Config::pdebench(2, 1, 5, 3, 2);
  sizes.modes = {3, 4, 1};
  amq::training::GridExample s{
      {2, {9, 11}}, taken(file, "u", 3), taken(file, "x", 2), taken(file, "y", 2)};

  // [torch]
  using namespace amq::training;  // names of this room and, with them, of those below
  using W8A8 = amq::Scheme<amq::Weights<8>, amq::Activations<8>>;
  amq::Network<amq::Fno> net(sizes, SchemeInfo::of<W8A8>(), 0);
  load_state_dict(file, net.layout, net.parameters, published_names(net.model));
  const std::vector<GridExample> few{s};
  const auto quantized = calibrated_network(net, SchemeInfo::of<W8A8>(), few);
  // [torch]

  Float32 floats(net.layout, net.parameters);
  BasicFixed integers(quantized->layout, quantized->quantizers, quantized->parameters);
  const BitPlan plan = BitPlan::uniform(8);
  integers.begin(plan);
  const auto y = forward(net.model, floats, s);
  const auto z = forward(quantized->model, integers, s);
  std::printf("from PyTorch's answer: %.1e in float, %.1e at 8 bits\n",
              normalized_rmse(y.view(), amq::view(std::as_const(s.y))),
              normalized_rmse(z.view(), amq::view(std::as_const(s.y))));
  for (const LayerError& l : layer_errors(*quantized, few, 8))
    std::printf("%-14s loses %.1e by its weights, %.1e by its rows\n", l.weight.c_str(),
                l.of_weights, l.of_rows);
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
