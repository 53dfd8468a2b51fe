// Story 4: a time loop. A network learns how heat changes in a step, its integers carry the state.
//   04_time_loop [TRAJECTORIES] [EPOCHS]
#include <amq/core/random.hpp>
#include <amq/mesh/random_square.hpp>
#include <amq/solver/rollout.hpp>
#include <amq/train.hpp>

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

namespace {
/// Every node goes a part of the way to the mean of its neighbours.
amq::Field stepped(const amq::Graph& graph, const amq::Field& u) {
  amq::Field next = 0.7f * u;
  for (amq::Index i = 0; i < u.rows(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    for (auto e = graph.first[k]; e < graph.first[k + 1]; ++e)
      next(i, 0) += 0.3f * u(graph.sender[static_cast<std::size_t>(e)], 0) /
                    static_cast<float>(graph.in_degree(i));
  }
  return next;
}
/// A warm place on a mesh.
amq::Sample beginning(std::uint64_t k) {
  amq::core::Random random = amq::core::Random::stream(3, k);
  amq::Sample s{amq::mesh::random_refined_square(random, 300), {}, {}};
  s.given.resize(s.mesh.n_nodes(), 1);
  for (amq::Index i = 0; i < s.given.rows(); ++i)
    s.given(i, 0) = 280 + 40 * static_cast<float>(std::exp(-8 * s.mesh.point(i)[k % 2]));
  return s;
}

}  // namespace
int main(int argc, char** argv) {
  std::vector<amq::Sample> samples;
  for (std::uint64_t k = 0; k < std::stoul(argc > 1 ? argv[1] : "30"); ++k) {
    amq::Sample s = beginning(k);
    const amq::Graph graph = amq::mesh::cell_edges(s.mesh);
    for (int step = 0; step < 10; ++step, s.given += s.solution) {
      s.solution = stepped(graph, s.given) - s.given;  // what is learnt is the change
      samples.push_back(s);
    }
  }
  amq::TrainOptions how;
  how.epochs = std::stol(argc > 2 ? argv[2] : "10"), how.quantized_epochs = 1;
  const auto net = amq::train<amq::MpPde>(samples, how, {.hidden = 24, .layers = 2});
  using W8A8 = amq::Scheme<amq::Weights<8>, amq::Activations<8>>;
  auto eight = amq::train_uniform<W8A8>(net, samples, how);
  amq::Sample s = beginning(1'000'000);
  amq::Rollout rollout(eight.solver, s.mesh, s.given);
  const amq::Graph graph = amq::mesh::cell_edges(s.mesh);
  for (int step = 0; step < 10; ++step) {
    s.given = stepped(graph, s.given);
    const amq::Field& u = rollout.step();  // in integers
    std::printf("step %2td: off by %.2f K at most\n", rollout.steps(),
                static_cast<double>((u - s.given).cwiseAbs().maxCoeff()));
  }
}
