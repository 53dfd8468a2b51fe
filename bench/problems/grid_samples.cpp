// Question: what does a sample of each grid problem cost on one core, and is our transform of
// square grids worth having beside Eigen's kissfft?
// Usage: grid_samples [samples of each problem]. Prints processor seconds; docs/pde-grid.md has
// them.
#include <amq_lab/problems/burgers.hpp>
#include <amq_lab/problems/darcy_grid.hpp>
#include <amq_lab/problems/diffusion_sorption.hpp>
#include <amq_lab/problems/fft.hpp>
#include <amq_lab/problems/navier_stokes.hpp>

#include <complex>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <numbers>
#include <vector>

#include <unsupported/Eigen/FFT>

namespace {
double now() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

template <typename Problem>
void time(const char* name, const Problem& p, int n) {
  const double start = now();
  double sum = 0;
  for (int i = 0; i < n; ++i)
    sum += static_cast<double>(p.sample(1, static_cast<unsigned>(i)).u.back());
  std::printf("%-44s %9.4f s a sample   (checksum %g)\n", name, (now() - start) / n, sum);
}

double ours(amq::Index n, int rounds) {
  amq::lab::ComplexGrid g(n, n), work;
  g.re[1] = 1;
  const amq::lab::Fft2 fft(n, n);
  const double start = now();
  for (int r = 0; r < rounds; ++r) {
    if (r % 2 == 0)
      fft.forward(g, work);
    else
      fft.inverse(g, work);
  }
  return (now() - start) / rounds;
}
double kissfft(amq::Index n, int rounds) {
  Eigen::FFT<double> fft;
  const auto size = static_cast<std::size_t>(n);
  std::vector<std::complex<double>> g(size * size), in(size), out(size);
  g[1] = 1;
  const double start = now();
  for (int r = 0; r < rounds; ++r) {
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = 0; j < size; ++j) in[j] = g[i * size + j];
      fft.fwd(out.data(), in.data(), static_cast<int>(n));
      for (std::size_t j = 0; j < size; ++j) g[i * size + j] = out[j];
    }
    for (std::size_t j = 0; j < size; ++j) {
      for (std::size_t i = 0; i < size; ++i) in[i] = g[i * size + j];
      fft.fwd(out.data(), in.data(), static_cast<int>(n));
      for (std::size_t i = 0; i < size; ++i) g[i * size + j] = out[i] / static_cast<double>(n * n);
    }
  }
  return (now() - start) / rounds;
}
}  // namespace

int main(int argc, char** argv) {
  const int n = argc > 1 ? std::atoi(argv[1]) : 3;
  using namespace amq;
  using namespace amq::lab;
  DiffusionSorption accurate;
  accurate.boundary = DiffusionSorption::Boundary::accurate;
  time("diffusion-sorption, 1024 cells, published", DiffusionSorption{}, n);
  time("diffusion-sorption, 1024 cells, accurate", accurate, n);
  for (const double nu : {0.001, 0.01, 1.0}) {
    Burgers p;
    p.nu = nu / std::numbers::pi;
    char name[64];
    std::snprintf(name, sizeof name, "Burgers, 1024 cells, 200 steps, Nu %g", nu);
    time(name, p, n);
  }
  for (const double nu : {0.1, 0.01}) {
    FnoBurgers p;
    p.nu = nu;
    char name[64];
    std::snprintf(name, sizeof name, "Burgers as FNO's, 1024 points, nu %g", nu);
    time(name, p, n);
  }
  time("Darcy as PDEBench's, 128 x 128, refine 2", PdebenchDarcy{}, n);
  time("Darcy as FNO's, 85 x 85, refine 4", FnoDarcy{}, n);
  time("Navier-Stokes nu 1e-3, 64 x 64, T 50", NavierStokes::published(1e-3), n);
  time("Navier-Stokes nu 1e-5, 192 -> 64, T 20", NavierStokes::published(1e-5), n);
  for (const Index size : {64, 128, 256}) {
    const int rounds = static_cast<int>(4000000 / (size * size));
    std::printf("transform of %ld x %ld: ours %.0f us, kissfft %.0f us\n", static_cast<long>(size),
                static_cast<long>(size), ours(size, rounds) * 1e6, kissfft(size, rounds) * 1e6);
  }
}
