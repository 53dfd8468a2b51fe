// Story 2: a trained model in a simulation code. The model file is read, its self-test replayed,
// and a mesh solved in integers. No training, no Python, no library to link.

#include <amq/io/vtu.hpp>
#include <amq/mesh/random_square.hpp>
#include <amq/solver.hpp>
#include <amq_lab/problems/darcy_sampler.hpp>

#include <cstdio>
#include <exception>

int main(int argc, char** argv) try {
  const char* path = argc > 1 ? argv[1] : "examples/02_deploy/darcy.safetensors";
  // A problem as the host would have it: a mesh, and what is given at its nodes.
  const amq::mesh::MeshSample sample = amq::lab::to_mesh_sample(
      amq::lab::DarcySampler({.least_nodes = 800, .most_nodes = 800}).sample(2026, 0));
  const auto &a = amq::mesh::node_field(sample, "a"),
             &a_mean = amq::mesh::node_field(sample, "a_mean");
  amq::Field given(sample.mesh.n_nodes(), 2);
  for (amq::Index i = 0; i < given.rows(); ++i)
    given.row(i) << a[static_cast<std::size_t>(i)], a_mean[static_cast<std::size_t>(i)];

  // [solve]
  using Bits = amq::Activations<1, 2, 3, 4, 5, 6, 8>;  // those the file was trained for
  using Scheme = amq::Scheme<amq::Weights<8>, Bits>;
  const auto solver = amq::load<amq::MpPde, Scheme>(path);  // replays its self-test, bit for bit
  const amq::Solution s = solver(sample.mesh, given, amq::mean_bits(3));  // in integers
  const amq::Field& u = s.field;                                          // (node, channel)
  // [solve]

  const auto& truth = amq::mesh::node_field(sample, "u");
  double wrong = 0, norm = 0;
  for (amq::Index i = 0; i < u.rows(); ++i) {
    const double t = truth[static_cast<std::size_t>(i)], d = static_cast<double>(u(i, 0)) - t;
    wrong += d * d, norm += t * t;
  }
  const auto& r = s.report;
  std::printf("%td nodes: %.3g of %.3g budgeted BOPs (float32: %.3g), relative L2 error %.3f\n",
              sample.mesh.n_nodes(), static_cast<double>(r.bops), static_cast<double>(r.budget),
              static_cast<double>(r.float_bops), std::sqrt(wrong / norm));
  amq::io::vtu::Grid grid(sample.mesh);
  grid.point("u", amq::view(u));
  grid.point("bits", r.node_bits);
  grid.write("deploy.vtu");
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
