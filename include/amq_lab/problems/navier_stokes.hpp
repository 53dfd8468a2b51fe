#pragma once
/// @file
/// Incompressible Navier-Stokes on the periodic unit square in vorticity form (Li et al. 2021,
/// Fourier neural operator, section 5.3):
///     w_t + v . grad w = nu lap w + f,    v = (psi_y, -psi_x),    -lap psi = w,
///     f = 0.1 (sin 2 pi (x + y) + cos 2 pi (x + y)),    w_0 ~ N(0, 2 7^3 (-lap + 49)^-2.5).
/// The factor 2 is what the published sampler draws (the real part of complex noise).

#include <amq/core/error.hpp>
#include <amq/core/random.hpp>
#include <amq/mesh/grid.hpp>
#include <amq_lab/problems/fft.hpp>
#include <amq_lab/problems/gaussian_field.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numbers>
#include <span>
#include <string>
#include <vector>

namespace amq::lab {

/// Pseudo-spectral solver: products formed on the grid, dealiased by the 2/3 rule; viscosity
/// integrated exactly, the rest by Runge-Kutta of order 4, step bounded by the fastest point of
/// the flow at every step.
class VorticitySolver {
 public:
  using Function = std::function<double(double x, double y)>;
  static constexpr double longest_step = 1.0 / 16;

  /// @param n    points along each side, at x = i / n
  /// @param nu   viscosity, > 0
  /// @param cfl  cells that the flow may cross in a step; order 4 is unstable beyond 1.35
  VorticitySolver(Index n, double nu, const Function& force, double cfl = 1.25)
      : n_(n), nu_(nu), cfl_(cfl), fft_(n, n, (n - 1) / 3) {
    if (n < 4 || !(nu > 0) || !(cfl > 0 && cfl <= 1.35))
      throw Error("VorticitySolver", "n >= 4, nu > 0 and 0 < cfl <= 1.35",
                  "n = " + std::to_string(n) + ", nu = " + std::to_string(nu) +
                      ", cfl = " + std::to_string(cfl),
                  "Start from n = 64, nu = 1e-3, cfl = 1.25.");
    keep_ = (n - 1) / 3;  // 3 keep < n: no product of two kept waves folds onto a third
    const double two_pi = 2 * std::numbers::pi;
    for (Index j = 0; j < n; ++j)
      for (Index i = 0; i < n; ++i) {
        const Index my = j <= n / 2 ? j : j - n, mx = i <= n / 2 ? i : i - n;
        const double ky = two_pi * static_cast<double>(my), kx = two_pi * static_cast<double>(mx);
        const double k2 = kx * kx + ky * ky;
        const bool kept = std::abs(mx) <= keep_ && std::abs(my) <= keep_ && k2 > 0;
        k_squared_.push_back(k2);
        to_u_.push_back(kept ? kx / k2 : 0.0);
        to_v_.push_back(kept ? ky / k2 : 0.0);
        from_uv_.push_back(kept ? kx * kx - ky * ky : 0.0);
        from_uu_.push_back(kept ? kx * ky : 0.0);
      }
    w_ = k_ = half_ = stage_ = sum_ = z_ = ComplexGrid(n, n);
    force_ = spectrum(sampled(force));
    decay_.resize(k_squared_.size());
  }
  [[nodiscard]] static double fno_force(double x, double y) {
    const double a = 2 * std::numbers::pi * (x + y);
    return 0.1 * (std::sin(a) + std::cos(a));
  }

  [[nodiscard]] std::vector<double> sampled(const Function& f) const {
    std::vector<double> v;
    for (const double x : periodic_nodes(n_))
      for (const double y : periodic_nodes(n_)) v.push_back(f(x, y));
    return v;
  }
  /// Starts anew at t = 0. @param w  (x, y), size n^2; its mean and the highest third are dropped
  void start(std::span<const double> w) {
    w_ = spectrum(w);
    t_ = 0;
    n_steps_ = 0;
  }
  /// @throws Error where the flow is no longer finite
  void advance(double to) {
    while (to - t_ > 1e-12 * std::max(1.0, to)) {
      // The slope at the start of a step also tells how fast the flow is.
      const double speed = slope(w_);
      if (!std::isfinite(speed))
        throw Error("VorticitySolver", "a finite flow",
                    "infinity or NaN at t = " + std::to_string(t_),
                    "Check the initial vorticity and the force, or lower cfl.");
      // From rest no flow bounds the step: the force must.
      const double limit = std::min(cfl_ / (static_cast<double>(n_) * speed), longest_step);
      const double left = to - t_;
      // Keep the step, and its table of exponentials, until it is too long or far too short.
      if (dt_ > limit || dt_ < 0.5 * limit || dt_ > left * (1 + 1e-9) ||
          std::abs(std::round(left / dt_) - left / dt_) > 1e-6)
        set_step(left / std::ceil(left / (0.9 * limit) - 1e-9));
      step();
      t_ += dt_;
      ++n_steps_;
    }
    t_ = to;
  }
  /// (x, y), size n^2
  [[nodiscard]] std::vector<double> vorticity() {
    z_ = w_;
    fft_.inverse(z_, work_);
    std::vector<double> w(z_.re.begin(), z_.re.end());
    for (double& x : w) x /= static_cast<double>(n_ * n_);
    return w;
  }
  [[nodiscard]] Index n_points() const noexcept { return n_; }
  [[nodiscard]] Index n_steps() const noexcept { return n_steps_; }

 private:
  // Multiplies out the mean and what the 2/3 rule drops.
  [[nodiscard]] ComplexGrid spectrum(std::span<const double> f) {
    if (f.size() != k_squared_.size())
      throw Error("VorticitySolver", std::to_string(k_squared_.size()) + " points",
                  std::to_string(f.size()), "Pass the field on the solver's grid.");
    std::copy(f.begin(), f.end(), z_.re.begin());
    std::fill(z_.im.begin(), z_.im.end(), 0.0);
    fft_.forward(z_, work_);
    ComplexGrid g(n_, n_);
    on_kept([&](std::size_t begin, std::size_t end) {
      for (std::size_t k = begin; k < end; ++k) g.re[k] = z_.re[k], g.im[k] = z_.im[k];
    });
    g.re[0] = g.im[0] = 0;
    return g;
  }
  // k_ = f - v . grad w, spectra; returns the largest |u| + |v|. In the form of Basdevant,
  // -v.grad w = -(dxx - dyy)(u v) + dxy (u^2 - v^2): one complex transform each way.
  double slope(const ComplexGrid& w) {
    double* __restrict zr = z_.re.data();
    double* __restrict zi = z_.im.data();
    std::fill(zr + (keep_ + 1) * n_, zr + (n_ - keep_) * n_, 0.0);
    std::fill(zi + (keep_ + 1) * n_, zi + (n_ - keep_) * n_, 0.0);
    on_kept([&](std::size_t begin, std::size_t end) {  // spectrum of u + i v
      for (std::size_t k = begin; k < end; ++k) {
        zr[k] = to_u_[k] * w.re[k] - to_v_[k] * w.im[k];
        zi[k] = to_u_[k] * w.im[k] + to_v_[k] * w.re[k];
      }
    });
    fft_.inverse(z_, work_);
    zr = z_.re.data(), zi = z_.im.data();
    const double per_point = 1 / static_cast<double>(n_ * n_);
    double speed = 0;
    bool finite = true;
    for (std::size_t k = 0; k < to_u_.size(); ++k) {
      const double u = zr[k] * per_point, v = zi[k] * per_point;
      const double s = std::abs(u) + std::abs(v);
      speed = s > speed ? s : speed;
      finite = finite && s < 1e300;
      zr[k] = u * v;
      zi[k] = u * u - v * v;
    }
    fft_.forward(z_, work_);
    zr = z_.re.data(), zi = z_.im.data();
    // m = (a + i b) (P + i Q) holds a P - b Q as the spectrum of its real field.
    on_kept([&](std::size_t begin, std::size_t end) {
      for (std::size_t k = begin; k < end; ++k) {
        const double a = from_uv_[k], b = from_uu_[k], r = zr[k], i = zi[k];
        zr[k] = a * r - b * i;
        zi[k] = a * i + b * r;
      }
    });
    on_kept([&](std::size_t begin, std::size_t end) {
      const auto n = static_cast<std::size_t>(n_);
      const std::size_t row = begin / n, mirrored = (row == 0 ? 0 : n - row) * n;
      for (std::size_t k = begin; k < end; ++k) {
        const std::size_t m = mirrored + (k % n == 0 ? 0 : n - k % n);
        k_.re[k] = force_.re[k] + 0.5 * (zr[k] + zr[m]);
        k_.im[k] = force_.im[k] + 0.5 * (zi[k] - zi[m]);
      }
    });
    return finite ? speed : std::numeric_limits<double>::infinity();
  }
  void set_step(double dt) {
    dt_ = dt;
    on_kept([&](std::size_t begin, std::size_t end) {
      for (std::size_t k = begin; k < end; ++k) decay_[k] = std::exp(-nu_ * k_squared_[k] * dt / 2);
    });
  }
  // Classical Runge-Kutta on exp(nu k^2 t) w, with E the decay over half a step; k_ comes holding
  // the slope at the start.
  void step() {
    const double h = dt_;
    const auto parts = [&](auto&& part) {
      on_kept([&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
          part(i, w_.re[i], k_.re[i], half_.re[i], stage_.re[i], sum_.re[i]);
          part(i, w_.im[i], k_.im[i], half_.im[i], stage_.im[i], sum_.im[i]);
        }
      });
    };
    const double* __restrict e = decay_.data();
    parts([&](std::size_t i, double w, double k, double& half, double& stage, double& sum) {
      const double ew = e[i] * w, ek = e[i] * k;
      half = ew;
      stage = ew + h / 2 * ek;         // E (w + h/2 k1)
      sum = e[i] * (ew + h / 6 * ek);  // E^2 (w + h/6 k1)
    });
    slope(stage_);
    parts([&](std::size_t i, double, double k, double half, double& stage, double& sum) {
      stage = half + h / 2 * k;  // E w + h/2 k2
      sum += h / 3 * e[i] * k;
    });
    slope(stage_);
    parts([&](std::size_t i, double, double k, double half, double& stage, double& sum) {
      stage = e[i] * (half + h * k);  // E^2 w + h E k3
      sum += h / 3 * e[i] * k;
    });
    slope(stage_);
    parts(
        [&](std::size_t, double& w, double k, double, double, double sum) { w = sum + h / 6 * k; });
  }
  // Calls f(begin, end) for the stretches of a spectrum that the 2/3 rule keeps.
  template <typename F>
  void on_kept(F&& f) const {
    for (Index row = 0; row < n_; ++row) {
      if (row > keep_ && row < n_ - keep_) continue;
      for (const Columns& c : fft_.kept())
        f(static_cast<std::size_t>(row * n_ + c.first),
          static_cast<std::size_t>(row * n_ + c.first + c.count));
    }
  }

  Index n_, keep_ = 0;
  double nu_, cfl_;
  Fft2 fft_;
  AlignedVector<double> k_squared_, to_u_, to_v_, from_uv_, from_uu_, decay_;  // (ky, kx)
  ComplexGrid force_, w_, k_, half_, stage_, sum_, z_, work_;                  // spectra, (ky, kx)
  double t_ = 0, dt_ = 0;
  Index n_steps_ = 0;
};

/// The data set of FNO's Navier-Stokes files: vorticity after each unit of time.
struct NavierStokes {
  double nu = 1e-3;     ///< 1e-3, 1e-4 or 1e-5 in the published files
  Index n = 64;         ///< points along each side of what is returned
  Index n_solve = 64;   ///< of the solver; a multiple of n
  Index n_frames = 50;  ///< at t = 1, 2, ...: 50, 30, 20 in the published files
  double cfl = 1.25;    ///< see VorticitySolver

  /// The published files. The solver's grid is what keeps the labels' error at the last frame
  /// near 1e-6 (nu = 1e-3) and 1 % (nu = 1e-5, where the flow is chaotic).
  [[nodiscard]] static NavierStokes published(double nu) {
    if (nu >= 1e-3) return {nu, 64, 64, 50};
    if (nu >= 1e-4) return {nu, 64, 128, 30};
    return {nu, 64, 192, 20};
  }

  /// An empty set with this problem's sizes.
  [[nodiscard]] GridSet describe() const {
    if (n < 4 || n_solve < n || n_solve % n != 0 || n_frames < 1)
      throw Error("NavierStokes", "n_solve a multiple of n >= 4, and n_frames >= 1",
                  "n = " + std::to_string(n) + ", n_solve = " + std::to_string(n_solve) +
                      ", n_frames = " + std::to_string(n_frames),
                  "Start from NavierStokes::published(1e-3).");
    GridSet set;
    set.input = GridField(0, 1, {n, n});
    set.u = GridField(0, n_frames, {n, n});
    for (Index k = 1; k <= n_frames; ++k) set.t.push_back(static_cast<double>(k));
    set.axes = {periodic_nodes(n), periodic_nodes(n)};
    set.layout = GridPoints::periodic;
    return set;
  }
  /// Initial vorticity on the solver's grid: (x, y).
  [[nodiscard]] MatrixOf<double> initial(std::uint64_t seed, std::uint64_t i) const {
    Random random = Random::stream(seed, i);
    const GaussianLaw law{std::sqrt(2.0 * 7 * 7 * 7), 2.5, 7, false};
    const auto x = periodic_nodes(n_solve);
    return GaussianField2(FieldBasis::periodic, law, (n_solve - 1) / 3 + 1, random).on_grid(x, x);
  }
  /// input (x, y) at t = 0; u (time, x, y).
  [[nodiscard]] GridSample sample(std::uint64_t seed, std::uint64_t i) const {
    const auto w0 = initial(seed, i);
    return solve({w0.data(), static_cast<std::size_t>(w0.size())});
  }
  /// @param w0  (x, y) on the solver's grid
  [[nodiscard]] GridSample solve(std::span<const double> w0) const {
    static_cast<void>(describe());  // checks the sizes
    VorticitySolver solver(n_solve, nu, VorticitySolver::fno_force, cfl);
    GridSample s;
    const Index stride = n_solve / n;
    const auto keep = [&](std::span<const double> w, std::vector<float>& to) {
      for (Index x = 0; x < n; ++x)
        for (Index y = 0; y < n; ++y)
          to.push_back(static_cast<float>(w[static_cast<std::size_t>(stride * (x * n_solve + y))]));
    };
    keep(w0, s.input);
    solver.start(w0);
    for (Index frame = 1; frame <= n_frames; ++frame) {
      solver.advance(static_cast<double>(frame));
      keep(solver.vorticity(), s.u);
    }
    return s;
  }
};

}  // namespace amq::lab
