// Story 5: a Fourier neural operator on a grid, from a set of solved problems to integers.
//   05_grid [SAMPLES] [EPOCHS]

#include <amq/models/fno.hpp>
#include <amq/train.hpp>
#include <amq_lab/problems/burgers.hpp>
#include <amq_lab/problems/generate.hpp>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>

namespace {
/// Burgers' equation in PDEBench's layout; a file of your own becomes a GridSet likewise.
amq::mesh::GridSet solved(std::uint64_t first, std::size_t n) {
  amq::lab::Burgers burgers;
  burgers.n = 256;  // 64 points are kept
  amq::mesh::GridSet set = burgers.describe();
  set.assign(amq::lab::generate(burgers, 1, first, n).samples);
  return set;
}
}  // namespace

int main(int argc, char** argv) try {
  const auto n = std::stoul(argc > 1 ? argv[1] : "100");
  const amq::mesh::GridSet seen = solved(0, n), unseen = solved(n, 5);

  amq::TrainOptions how;
  how.epochs = std::stol(argc > 2 ? argv[2] : "10");
  how.quantized_epochs = 2;
  how.batch = 4;
  how.loss = amq::training::Loss::relative_l2;
  how.learn_weight_steps = true;
  how.weight_bits = {{"fc0", 16}, {"fc2", 16}};  // they multiply little and spoil much
  // [train]
  const amq::training::GridMapping mapping{10, 10, 4};  // 10 frames -> the one 10 later, 4 a sample
  const auto sizes = amq::Fno::Config::pdebench(1, 12, 20, mapping.inputs(seen));
  const auto net = amq::train<amq::Fno>(seen, mapping, how, sizes);
  using W8A8 = amq::Scheme<amq::Weights<8, 16>, amq::Activations<8>>;
  using W4A8 = amq::Scheme<amq::Weights<4, 16>, amq::Activations<8>>;
  auto eight = amq::quantize<W8A8>(net, seen);           // no further training
  auto four = amq::train_uniform<W4A8>(net, seen, how);  // quantization-aware
  amq::save("grid.safetensors", four);                   // amq::load<amq::Fno, W4A8> gives a solver
  // [train]

  for (amq::Index i = 0; i < 5; ++i) {
    const auto truth = amq::training::GridEncoding::sought(unseen, mapping, i, 0);
    const amq::MatrixView<const float> y(truth.data(), unseen.u.n_points(), 1);
    const auto error = [&](auto u) { return amq::training::normalized_rmse(amq::view(u), y); };
    std::printf("unseen %td: nRMSE %.4f in float, %.4f at w8a8, %.4f at w4a8\n", i,
                error(net(unseen, i)), error(eight(unseen, i)), error(four(unseen, i)));
  }
  for (const auto& l : eight.report.layers)
    std::printf("%-16s loses %.1e by its weights, %.1e by its rows\n", l.weight.c_str(),
                l.of_weights, l.of_rows);
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
