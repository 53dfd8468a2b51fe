#include <amq/models/flare.hpp>
#include <amq/models/transolver.hpp>

#include <amq/mesh/random_square.hpp>
#include <amq/train/train_mesh.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <unistd.h>

namespace test_latent_attention {

using namespace amq;
using namespace amq::mesh;

namespace {

/// A wave over the square, whose phase is everywhere the same: one layer that sees the whole mesh
/// is enough to find it.
std::vector<Sample> own_samples(std::size_t n) {
  std::vector<Sample> all(n);
  for (std::size_t k = 0; k < n; ++k) {
    Random random = Random::stream(6, k);
    Sample& s = all[k];
    s.mesh = random_refined_square(random, 60);
    const Index m = s.mesh.n_nodes();
    s.given.resize(m, 1);
    s.solution.resize(m, 1);
    const double phase = random.uniform(0, 6.28);
    for (Index i = 0; i < m; ++i) {
      const double x = s.mesh.point(i)[0], y = s.mesh.point(i)[1];
      s.given(i, 0) = static_cast<float>(300 + 40 * std::sin(3 * x + phase));
      s.solution(i, 0) = static_cast<float>(5 * std::sin(3 * x + phase) + x * y);
    }
  }
  return all;
}
template <typename Model>
typename Model::Config small() {
  typename Model::Config c;
  c.hidden = 16;
  c.layers = 2;
  c.heads = 2;
  c.tokens = 6;
  return c;
}
TrainOptions quick() {
  TrainOptions o;
  o.epochs = 30;
  o.quantized_epochs = 3;
  o.lr = 1e-2;
  o.validation = 0.25;
  o.graph.lattices.clear();
  o.adaptive.auxiliary.hidden = 4;
  return o;
}
template <typename Solver>
double relative_error(const std::vector<Sample>& samples, const Solver& solver) {
  double error = 0, norm = 0;
  for (const Sample& s : samples) {
    const Field u = solver(s.mesh, s.given);
    error += static_cast<double>((u - s.solution).squaredNorm());
    norm += static_cast<double>(s.solution.squaredNorm());
  }
  return std::sqrt(error / norm);
}
/// The same mesh, its nodes numbered otherwise.
Sample renumbered(const Sample& s, const std::vector<std::int32_t>& new_number) {
  Sample t = s;
  for (Index i = 0; i < s.mesh.n_nodes(); ++i) {
    const Index to = new_number[static_cast<std::size_t>(i)];
    for (Index d = 0; d < s.mesh.dim; ++d)
      t.mesh.points[static_cast<std::size_t>(to * s.mesh.dim + d)] = s.mesh.point(i)[d];
    if (!s.mesh.node_type.empty())
      t.mesh.node_type[static_cast<std::size_t>(to)] =
          s.mesh.node_type[static_cast<std::size_t>(i)];
    t.given.row(to) = s.given.row(i);
  }
  for (auto& c : t.mesh.cells) c = new_number[static_cast<std::size_t>(c)];
  return t;
}
using Eight = Scheme<Weights<8>, Activations<8>, ByRange>;
using Ladder = Scheme<Weights<8>, Activations<0, 2, 4, 8>, ByRange>;

}  // namespace

TEST_CASE_TEMPLATE("latent attention is trained, quantized, saved and loaded like other networks",
                   Model, Transolver, Flare) {
  const auto samples = own_samples(12);
  const auto net = train<Model>(samples, quick(), small<Model>());
  const double in_float = relative_error(samples, net);
  CHECK(in_float < 0.5);
  const auto solver = quantize<Eight>(net, samples, quick());
  CHECK(relative_error(samples, solver) < in_float + 0.05);

  const std::string file = (std::filesystem::temp_directory_path() /
                            ("amq_latent_" + std::to_string(::getpid()) + ".safetensors"))
                               .string();
  save(file, solver);
  const auto loaded = load<Model, Eight>(file);
  const Sample& s = samples[0];
  const Field u = solver(s.mesh, s.given), v = loaded(s.mesh, s.given);
  CHECK((u.array() == v.array()).all());
  std::filesystem::remove(file);

  // Integers: the numbering of nodes changes no bit.
  const Index n = s.mesh.n_nodes();
  std::vector<std::int32_t> new_number;
  for (Index i = 0; i < n; ++i) new_number.push_back(static_cast<std::int32_t>(n - 1 - i));
  const Sample t = renumbered(s, new_number);
  const Field w = solver(t.mesh, t.given);
  for (Index i = 0; i < n; ++i) CHECK(w(n - 1 - i, 0) == u(i, 0));
}

TEST_CASE("a Transolver learns with uniform and with adaptive bits, 0 bits among them") {
  const auto samples = own_samples(12);
  const auto net = train<Transolver>(samples, quick(), small<Transolver>());
  const auto even = train_uniform<Eight>(net, samples, quick());
  CHECK(relative_error(samples, even) < 0.6);
  auto adaptive = train_adaptive<Ladder>(net, samples, quick());
  adaptive.solver.budget(mean_bits(3));
  const Solution s = adaptive(samples[0].mesh, samples[0].given);
  CHECK(s.report.bops <= s.report.budget);
  CHECK(relative_error(samples, adaptive) < 1);
}

}  // namespace test_latent_attention
