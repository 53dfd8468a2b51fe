// Question: what does a labelled Darcy sample cost, and how far is the label from the solution?
// Contender: linear elements on uniform refinements of the sample's own mesh, as one would do
// first. Usage: darcy_labels [samples]
#include <amq_lab/problems/darcy_sampler.hpp>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}
double relative(const std::vector<double>& u, const std::vector<double>& reference) {
  double top = 0, bottom = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    top += (u[i] - reference[i]) * (u[i] - reference[i]);
    bottom += reference[i] * reference[i];
  }
  return std::sqrt(top / bottom);
}

struct Tally {
  double seconds = 0, error = 0, worst = 0, nodes = 0;
  void add(double s, double e, double n) {
    seconds += s, error += e, worst = std::max(worst, e), nodes += n;
  }
  void print(const char* what, int n) const {
    std::printf("  %-34s %8.0f nodes  %7.1f ms  error %.2e mean, %.2e worst\n", what, nodes / n,
                1e3 * seconds / n, error / n, worst);
  }
};

}  // namespace

int main(int argc, char** argv) {
  const int n = argc > 1 ? std::atoi(argv[1]) : 10;
  for (const amq::Index nodes : {1000, 4000}) {
    amq::lab::DarcyOptions options;
    options.least_nodes = options.most_nodes = nodes;
    Tally accurate, finer, direct, once, twice;
    double sampling = 0;
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(n); ++i) {
      const auto s = amq::lab::DarcySampler(options).sample(1, i);
      sampling += s.seconds;
      auto random = amq::core::Random::stream(1, i);
      const amq::lab::GaussianField2 field(amq::lab::FieldBasis::cosine, options.law,
                                           options.n_modes, random);
      std::vector<double> best;
      const auto graded = [&](double factor, Tally* tally) {
        const auto start = Clock::now();
        const auto [mesh, level] = amq::lab::darcy_label_mesh(
            s.mesh, field, factor * options.label_size, factor * options.label_interface_size);
        const auto a = options.medium.cell_geometric_means(mesh, level);
        auto u = amq::lab::DarcySolver(mesh).solve(a);
        u.resize(s.u.size());
        if (tally)
          tally->add(seconds_since(start), relative(u, best), static_cast<double>(mesh.n_nodes()));
        return u;
      };
      best = graded(0.25, nullptr);
      graded(1, &accurate);
      graded(0.5, &finer);
      auto mesh = s.mesh;
      for (Tally* tally : {&direct, &once, &twice}) {
        const auto start = Clock::now();
        const auto level = field.at({mesh.points.data(), mesh.n_nodes(), 2});
        const auto u = amq::lab::DarcySolver(mesh).solve(options.medium.cell_means(mesh, level));
        tally->add(seconds_since(start), relative(u, best), static_cast<double>(mesh.n_nodes()));
        mesh = amq::mesh::bisect_all(mesh);
      }
    }
    std::printf("%td nodes, %d samples: %.1f ms a sample with its label\n", nodes, n,
                1e3 * sampling / n);
    accurate.print("label: graded to the interface", n);
    finer.print("half the sizes", n);
    direct.print("linear elements on the mesh itself", n);
    once.print("refined once", n);
    twice.print("refined twice", n);
  }
  return 0;
}
