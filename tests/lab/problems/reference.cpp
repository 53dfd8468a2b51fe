// Our solvers against solutions by independent programs (spectral elements, exact quadrature, other
// finite elements), in the public files' own formats.
#include <amq_lab/data/grid_set_hdf5.hpp>
#include <amq_lab/data/mat.hpp>
#include <amq_lab/data/npz_zlib.hpp>
#include <amq_lab/problems/burgers.hpp>
#include <amq_lab/problems/darcy_grid.hpp>
#include <amq_lab/problems/diffusion_sorption.hpp>
#include <amq_lab/problems/navier_stokes.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <complex>
#include <filesystem>
#include <numbers>
#include <string>
#include <vector>

using namespace amq;
using namespace amq::lab;

namespace {
constexpr double pi = std::numbers::pi;

std::string shared(const std::string& file) {
  const std::string path = std::string(AMQ_SHARED_DATA) + "/" + file;
  if (std::filesystem::exists(path)) return path;
  MESSAGE("skipped: no ", path);
  return {};
}
double relative_error(std::span<const float> a, std::span<const float> b) {
  REQUIRE(a.size() == b.size());
  double e = 0, m = 0;
  for (std::size_t k = 0; k < b.size(); ++k) {
    e += std::pow(static_cast<double>(a[k]) - static_cast<double>(b[k]), 2);
    m += std::pow(static_cast<double>(b[k]), 2);
  }
  return std::sqrt(e / m);
}
/// The trigonometric polynomial through equally spaced values, the first at x0.
class Interpolant {
 public:
  Interpolant(std::span<const float> u, double x0) : x0_(x0) {
    const auto n = static_cast<double>(u.size());
    for (std::size_t k = 0; k < u.size() / 2; ++k) {
      std::complex<double> c = 0;
      for (std::size_t i = 0; i < u.size(); ++i)
        c += static_cast<double>(u[i]) *
             std::polar(1 / n, -2 * pi * static_cast<double>(k * i % u.size()) / n);
      const double size = std::abs(c);
      if (size > 1e-8) c_.emplace_back(static_cast<double>(k), c * (k == 0 ? 1.0 : 2.0));
      if (k > u.size() / 4) tail_ = std::max(tail_, size);
    }
  }
  /// The largest coefficient in the upper half: large where a kink was sampled.
  [[nodiscard]] double tail() const { return tail_; }
  std::vector<double> operator()(std::span<const double> x) const {
    std::vector<double> u(x.size(), 0.0);
    for (std::size_t p = 0; p < x.size(); ++p)
      for (const auto& [k, c] : c_) u[p] += (c * std::polar(1.0, 2 * pi * k * (x[p] - x0_))).real();
    return u;
  }

 private:
  double x0_, tail_ = 0;
  std::vector<std::pair<double, std::complex<double>>> c_;
};
/// Periodic values on n x n points, on m x m points, by the same modes.
std::vector<double> refined(std::span<const float> w, Index n, Index m) {
  ComplexGrid g(n, n), fine(m, m), work;
  for (std::size_t k = 0; k < w.size(); ++k) g.re[k] = w[k];
  Fft2(n, n).forward(g, work);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) {
      const Index a = i < n / 2 ? i : i - n, b = j < n / 2 ? j : j - n;
      const auto to = static_cast<std::size_t>((a + m) % m * m + (b + m) % m);
      const auto from = static_cast<std::size_t>(i * n + j);
      fine.re[to] = g.re[from] / static_cast<double>(n * n);
      fine.im[to] = g.im[from] / static_cast<double>(n * n);
    }
  Fft2(m, m).inverse(fine, work);
  return {fine.re.begin(), fine.re.end()};
}
}  // namespace

TEST_CASE(
    "diffusion-sorption: published scheme within 1e-6, continuum within 4e-6, at every time") {
  for (const bool accurate : {false, true}) {
    const auto path = shared(std::string("diffsorp/1D_diff-sorp_NA_NA_ref_") +
                             (accurate ? "continuum.h5" : "fv1024.h5"));
    if (path.empty()) continue;
    const auto set = pdebench_set(path, {.count = 3});
    REQUIRE(set.u.n_times == 101);
    DiffusionSorption p;
    if (accurate) p.boundary = DiffusionSorption::Boundary::accurate;
    for (Index i = 0; i < set.u.n_samples; ++i) {
      const auto s = p.solve(static_cast<double>(set.u.sample(i)[0]));
      // t = 0 is left out: the boundary's jump is not yet in one of the two.
      const auto ours = std::span<const float>(s.u).subspan(1024);
      CHECK(relative_error(ours, set.u.sample(i).subspan(1024)) < (accurate ? 4e-6 : 1e-6));
    }
  }
}

TEST_CASE("Burgers: every state of every smooth start within 3e-6 of the exact solution") {
  int compared = 0;
  for (const auto& [file, nu] : {std::pair<std::string, double>{"0.001_ref_r4t5", 0.001},
                                 {"0.01_ref_full", 0.01},
                                 {"0.1_ref_r4t5", 0.1}}) {
    const auto path = shared("burgers/1D_Burgers_Sols_Nu" + file + ".hdf5");
    if (path.empty()) continue;
    const auto set = pdebench_set(path);
    Burgers p;
    p.nu = nu / pi;
    if (set.u.n_times == 201) p.stride_x = p.stride_t = 1;
    for (Index i = 0; i < std::min<Index>(set.u.n_samples, 5); ++i) {
      const Interpolant u0(set.u.frame(i, 0), set.axes[0][0]);
      if (u0.tail() > 1e-7) continue;
      const auto s = p.solve(u0);
      // The last frames of the largest nu have decayed to float32's noise: judge by the whole.
      CHECK(relative_error(s.u, set.u.sample(i)) < 3e-6);
      ++compared;
    }
  }
  if (!shared("burgers").empty()) CHECK(compared > 6);
}

TEST_CASE("FNO's Burgers: within 1e-6 of the exact solution") {
  for (const double nu : {0.1, 0.01}) {
    const auto path = shared(std::string("burgers/burgers_fno_like_nu") +
                             (nu == 0.1 ? "0.1" : "0.01") + "_N32_ref.mat");
    if (path.empty()) continue;
    const auto set = fno_burgers(mat::read(path, zlib_inflate), {.count = 3});
    FnoBurgers p;
    p.nu = nu;
    for (Index i = 0; i < 3; ++i)
      CHECK(relative_error(p.solve(Interpolant(set.input.sample(i), 0)).u, set.u.sample(i)) < 1e-6);
  }
}

TEST_CASE("Navier-Stokes: along with another pseudo-spectral code at both viscosities") {
  for (const double nu : {1e-3, 1e-5}) {
    const auto path = shared(nu == 1e-3 ? "ns/NavierStokes_V1e-3_N8_T50_ref.mat"
                                        : "ns/NavierStokes_V1e-5_N6_T20_ref.mat");
    if (path.empty()) continue;
    const auto set = fno_navier_stokes(mat::read(path, zlib_inflate), {.count = 2});
    NavierStokes p;
    p.nu = nu;
    p.n_solve = nu == 1e-3 ? 64 : 128;
    p.n_frames = nu == 1e-3 ? 8 : 5;
    for (Index i = 0; i < 2; ++i) {
      const auto s = p.solve(refined(set.input.sample(i), 64, p.n_solve));
      for (Index t = 0; t < p.n_frames; ++t)
        // The first frames carry what 64 x 64 points of the start do not show.
        CHECK(relative_error(
                  std::span<const float>(s.u).subspan(static_cast<std::size_t>(t) * 4096, 4096),
                  set.u.frame(i, t)) < (nu == 1e-3 ? 4e-4 : 8e-3));
    }
  }
}

TEST_CASE("Darcy: within 6e-4 of quadratic elements, and 2e-3 where only nodes tell the medium") {
  if (const auto path = shared("darcy/2D_DarcyFlow_beta1.0_Ref.hdf5"); !path.empty()) {
    const auto set = pdebench_set(path);
    CHECK(set.layout == GridPoints::centres);
    for (Index i = 0; i < set.u.n_samples; ++i) {
      const auto a = set.input.sample(i);
      CHECK(relative_error(PdebenchDarcy{}.solve(std::vector<double>(a.begin(), a.end())).u,
                           set.u.sample(i)) < 6e-4);
    }
  }
  if (const auto path = shared("darcy/piececonst_r141_N16_ref.mat"); !path.empty()) {
    const auto set = fno_darcy(mat::read(path, zlib_inflate));
    const Index n = 140, m = 2 * n;
    for (Index i = 0; i < 4; ++i) {
      std::vector<double> a;  // each half cell takes its nearest node
      for (Index x = 0; x < m; ++x)
        for (Index y = 0; y < m; ++y)
          a.push_back(static_cast<double>(
              set.input.sample(i)[static_cast<std::size_t>((x + 1) / 2 * (n + 1) + (y + 1) / 2)]));
      const auto u = GridDarcySolver(m).solve(a);
      std::vector<float> kept;
      for (Index x = 0; x <= n; ++x)
        for (Index y = 0; y <= n; ++y)
          kept.push_back(static_cast<float>(u[static_cast<std::size_t>(2 * (x * (m + 1) + y))]));
      CHECK(relative_error(kept, set.u.sample(i)) < 2e-3);
    }
  }
}

TEST_CASE("the small public Darcy set loads") {
  const auto path = shared("public/darcy_16.npz");
  if (path.empty()) return;
  const auto arrays = npz::read(path, zlib_inflate);
  const auto train = neuraloperator_darcy(arrays, "train"),
             test = neuraloperator_darcy(arrays, "test");
  CHECK(train.u.n_samples == 1000);
  CHECK(test.u.n_samples == 50);
  CHECK(train.u.points == std::vector<Index>{16, 16});
  for (const float a : train.input.values) CHECK((a == 0 || a == 1));
}
