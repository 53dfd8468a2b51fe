// Story 3: from one's own data to a saved solver. The samples here are made by the lab's solver for
// Darcy flow; yours come from your files, in your units.
//   03_own_data [SAMPLES] [EPOCHS] [FOLDER]
#include <amq/train.hpp>
#include <amq_lab/problems/darcy_sampler.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

amq::Sample solved(std::uint64_t k) {
  static const amq::lab::DarcySampler sampler({.least_nodes = 300, .most_nodes = 500});
  const amq::lab::DarcySample s = sampler.sample(7, k);
  amq::Sample out{s.mesh, amq::Field(s.mesh.n_nodes(), 1), amq::Field(s.mesh.n_nodes(), 1)};
  for (amq::Index i = 0; i < s.mesh.n_nodes(); ++i) {
    out.given(i, 0) = static_cast<float>(s.a_mean[static_cast<std::size_t>(i)]);
    out.solution(i, 0) = static_cast<float>(s.u[static_cast<std::size_t>(i)]);
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) try {
  const auto n = std::stoul(argc > 1 ? argv[1] : "200");
  std::vector<amq::Sample> samples, unseen;
  for (std::size_t k = 0; k < n; ++k) samples.push_back(solved(k));
  for (std::size_t k = 0; k < 10; ++k) unseen.push_back(solved(n + k));

  amq::TrainOptions how;
  how.epochs = std::stol(argc > 2 ? argv[2] : "20");
  how.quantized_epochs = std::max<std::int64_t>(1, how.epochs / 4);
  how.folder = argc > 3 ? argv[3] : "";  // stopped, it goes on from there
  how.augmentation = amq::training::reflections({0, 1}, {0.5, 0.5});
  how.progress = [](const amq::training::Progress& p) {
    std::fprintf(stderr, "\r%-24s %5.1f %%  loss %.4f ", p.what.c_str(),
                 100.0 * static_cast<double>(p.done) / static_cast<double>(p.total), p.loss);
  };
  amq::MpPde::Config sizes;
  sizes.hidden = 32;
  sizes.layers = 3;
  using Scheme = amq::Scheme<amq::Weights<8>, amq::Activations<1, 2, 3, 4, 8>, amq::ByRange>;
  const auto net = amq::train<amq::MpPde>(samples, how, sizes);
  auto solver = amq::train_adaptive<Scheme>(net, samples, how);  // 3 bits on average
  amq::save("own_data.safetensors", solver);

  for (const amq::Sample& s : unseen) {
    const amq::Field u = net(s.mesh, s.given), v = solver(s.mesh, s.given);
    std::printf("%4td nodes: relative L2 %.3f in float, %.3f in integers\n", s.mesh.n_nodes(),
                static_cast<double>((u - s.solution).norm() / s.solution.norm()),
                static_cast<double>((v - s.solution).norm() / s.solution.norm()));
  }
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
