// Story 7: a layer, a row rule and a score of one's own: trained, saved, loaded, run in integers.
//   07_own_parts [SAMPLES] [EPOCHS]
#include "own_network.hpp"

#include <amq/train.hpp>
#include <amq_lab/problems/darcy_sampler.hpp>

#include <cmath>
#include <cstdio>
#include <exception>

/// Codes lie about 0, a times the row's mean magnitude apart: outliers are clipped.
struct ByMean {
  static constexpr std::string_view name = "by_mean";
  static amq::quant::RowGrid grid(const float* x, amq::Index n, int, float a, float) noexcept {
    float sum = 0;
    for (amq::Index k = 0; k < n; ++k) sum += std::abs(x[k]);
    return {sum > 0 ? a * sum / static_cast<float>(n) : a, 0};
  }
  static float default_a(int bits) noexcept { return 8.0f / static_cast<float>(1 << bits); }
};

/// Errors cost more where the first given channel is above its mean.
struct WhereHigh {
  void operator()(const amq::models::GraphSample& s, amq::MatrixView<float> to) const {
    for (amq::Index i = 0; i < to.rows; ++i)
      std::fill_n(to.row(i), to.cols, s.u(i, 0) > 0 ? 4.0f : 1.0f);
  }
};

int main(int argc, char** argv) try {
  const amq::lab::DarcySampler sampler({.least_nodes = 300, .most_nodes = 500});
  std::vector<amq::Sample> samples;
  for (std::size_t k = 0; k < std::stoul(argc > 1 ? argv[1] : "60"); ++k) {
    const amq::lab::DarcySample s = sampler.sample(7, k);
    samples.push_back({s.mesh, amq::Field(s.mesh.n_nodes(), 1), amq::Field(s.mesh.n_nodes(), 1)});
    for (std::size_t i = 0; i < s.u.size(); ++i) {
      samples[k].given.data()[i] = static_cast<float>(s.a_mean[i]);
      samples[k].solution.data()[i] = static_cast<float>(s.u[i]);
    }
  }
  amq::TrainOptions how;
  how.epochs = std::stol(argc > 2 ? argv[2] : "20");
  how.quantized_epochs = 1 + how.epochs / 4;

  using Scheme = amq::Scheme<amq::Weights<8>, amq::Activations<2, 4, 8>, ByMean>;
  const auto net = amq::train<Averaging>(samples, how);
  amq::save("own_parts.safetensors", amq::train_uniform<Scheme>(net, samples, how));

  auto solver = amq::load<Averaging, Scheme>("own_parts.safetensors");
  solver.allocate_by({solver.net().layout, {2, 4, 8}, {}, WhereHigh()});
  const amq::Sample& s = samples.front();
  const amq::Solution v = solver(s.mesh, s.given, amq::mean_bits(3));
  const auto off = [&](const amq::Field& u) { return (u - s.solution).norm() / s.solution.norm(); };
  std::printf("relative L2 %.3f in float, %.3f in integers at 3 bits\n",
              static_cast<double>(off(net(s.mesh, s.given))), static_cast<double>(off(v.field)));
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
