#pragma once
/// @file
/// Burgers' equation u_t + (u^2 / 2)_x = nu u_xx on the periodic unit interval: PDEBench's set
/// (Takamoto et al. 2022, nu = 0.001/pi to 4/pi, trajectories) and FNO's (Li et al. 2021,
/// nu = 0.1 and 0.01, u(x, 0) -> u(x, 1)).

#include <amq/core/error.hpp>
#include <amq/core/random.hpp>
#include <amq/mesh/grid.hpp>
#include <amq_lab/problems/gaussian_field.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numbers>
#include <span>
#include <string>
#include <vector>

namespace amq::lab {

/// Exact up to quadrature. By Cole and Hopf u = -2 nu theta_x / theta, where theta solves the heat
/// equation: after a time dt it is a Gaussian average. Two things make that practical at every nu.
/// The average is repeated over short times, so its window is narrow; and inside a block theta is
/// scaled by its value at the middle, because theta itself spans e^1000. The trapezoidal rule
/// is exact to rounding once the Gaussian is 2.5 spacings wide, which shock or no shock it is.
class ColeHopf {
 public:
  /// (point) -> (point)
  using Function = std::function<std::vector<double>(std::span<const double>)>;

  /// @param n_min  grid points at least; more are taken where the step in time needs them
  /// @param dt     time between two averages; u is known after each
  /// @param u0     initial state, of period 1
  ColeHopf(Index n_min, double nu, double dt, const Function& u0) : nu_(nu) {
    if (n_min < 8 || !(nu > 0) || !(dt > 0))
      throw Error("ColeHopf", "n >= 8, nu > 0, dt > 0",
                  "n = " + std::to_string(n_min) + ", nu = " + std::to_string(nu) +
                      ", dt = " + std::to_string(dt),
                  "Start from n = 1024, nu = 0.01, dt = 0.01.");
    sigma_ = std::sqrt(2 * nu * dt);
    n_ = n_min;
    while (sigma_ * static_cast<double>(n_) < 2.5) n_ *= 2;
    dx_ = 1 / static_cast<double>(n_);
    integrate(u0);
    next_.resize(potential_.size());
    u_.resize(potential_.size());
    // What is further than this cannot have arrived: the fastest wave and 8.5 deviations, e^-36.
    reach_ = static_cast<Index>(std::ceil((fastest_ * dt + 8.5 * sigma_) / dx_));
    // theta may vary by e^600 within a block and its surroundings before a double gives up.
    const double half =
        600 * 2 * nu / std::max(fastest_, 1e-12) / dx_ - static_cast<double>(reach_);
    if (half < 1)
      throw Error(
          "ColeHopf", "dt so short that exp(|u| (|u| dt + 8.5 sqrt(2 nu dt)) / 2 nu) < e^600",
          "dt = " + std::to_string(dt) + " at |u| = " + std::to_string(fastest_), "Lower dt.");
    block_ = static_cast<Index>(std::clamp(2 * half, 1.0, 64.0));
    for (Index k = -reach_; k <= reach_; ++k) {
      const double y = static_cast<double>(k) * dx_;
      kernel_.push_back(std::exp(-y * y / (4 * nu * dt)));
      moment_.push_back(kernel_.back() * -y / dt);
    }
  }

  /// Forward by dt.
  void step() {
    std::vector<double> theta;
    for (Index first = 0; first < n_; first += block_) {
      const Index count = std::min(block_, n_ - first);
      const double middle = potential(first + count / 2);
      theta.clear();
      for (Index k = first - reach_; k < first + count + reach_; ++k)
        theta.push_back(std::exp((middle - potential(k)) / (2 * nu_)));
      for (Index i = 0; i < count; ++i) {
        const double* __restrict t = theta.data() + i;
        const double* __restrict g = kernel_.data();
        const double* __restrict m = moment_.data();
        // Eight partial sums: a sum that may not be reordered cannot be vectorized.
        std::array<double, 8> s{}, d{};
        const Index size = 2 * reach_ + 1;
        Index k = 0;
        for (; k + 8 <= size; k += 8)
          for (Index l = 0; l < 8; ++l) {
            s[static_cast<std::size_t>(l)] += t[k + l] * g[k + l];
            d[static_cast<std::size_t>(l)] += t[k + l] * m[k + l];
          }
        for (; k < size; ++k) s[0] += t[k] * g[k], d[0] += t[k] * m[k];
        double sum = 0, slope = 0;
        for (std::size_t l = 0; l < 8; ++l) sum += s[l], slope += d[l];
        const auto at = static_cast<std::size_t>(first + i);
        u_[at] = slope / sum;
        next_[at] =
            middle - 2 * nu_ * std::log(sum * dx_ / (sigma_ * std::sqrt(2 * std::numbers::pi)));
      }
    }
    potential_.swap(next_);
  }
  /// u (point) at x = i / n_points(). @pre step() has been called
  [[nodiscard]] std::span<const double> u() const noexcept { return u_; }
  [[nodiscard]] Index n_points() const noexcept { return n_; }

 private:
  // The antiderivative of u0 by Gauss's rule of order 6 on quarters of every interval: where u0
  // has a kink the error is local, and small.
  void integrate(const Function& u0) {
    constexpr Index parts = 4;
    const double h = dx_ / static_cast<double>(parts), node = std::sqrt(0.6);
    std::vector<double> x;
    for (Index i = 0; i < n_ * parts; ++i)
      for (const double at : {-node, 0.0, node})
        x.push_back((static_cast<double>(i) + 0.5 + 0.5 * at) * h);
    const auto u = u0(x);
    if (u.size() != x.size())
      throw Error("ColeHopf", std::to_string(x.size()) + " values of u0", std::to_string(u.size()),
                  "Return one value for each point.");
    double phi = 0;
    for (std::size_t k = 0; k < u.size(); k += 3) {
      if (k % (3 * parts) == 0) potential_.push_back(phi);
      phi += h * (5 * u[k] + 8 * u[k + 1] + 5 * u[k + 2]) / 18;
      fastest_ = std::max({fastest_, std::abs(u[k]), std::abs(u[k + 1]), std::abs(u[k + 2])});
    }
    if (!std::isfinite(phi))
      throw Error("ColeHopf", "a finite initial state", "infinity or NaN", "Check u0.");
    gain_ = phi;
  }
  // phi = -2 nu log theta, continued: phi(x + 1) = phi(x) + gain.
  [[nodiscard]] double potential(Index k) const noexcept {
    const Index turns = k >= 0 ? k / n_ : (k - n_ + 1) / n_;
    return potential_[static_cast<std::size_t>(k - turns * n_)] +
           static_cast<double>(turns) * gain_;
  }
  double nu_, sigma_ = 0, dx_ = 0, gain_ = 0, fastest_ = 0;
  Index n_ = 0, reach_ = 0, block_ = 1;
  std::vector<double> potential_, next_, u_, kernel_, moment_;
};

/// What PDEBench's Burgers files start from.
class BurgersWaves {
 public:
  enum class Form {
    described,  ///< the sum of two waves, as the paper says
    coded,      ///< as the published generator draws: a wave number drawn twice is doubled, and the
                ///< waves not drawn add constants, so that the state has a mean
  };

  BurgersWaves(Form form, Random& random) {
    std::array<double, 4> times{};
    std::array<std::size_t, 2> drawn{};
    for (auto& d : drawn) {
      d = static_cast<std::size_t>(random.index(4));
      times[d] += 1;
    }
    if (form == Form::described) {
      for (const auto d : drawn) add(static_cast<double>(d + 1), random);
    } else {
      for (std::size_t m = 0; m < 4; ++m) add(static_cast<double>(m + 1) * times[m], random);
    }
    folded_ = random.uniform() < 0.1;
    sign_ = random.uniform() < 0.5 ? -1 : 1;
    windowed_ = random.uniform() < 0.1;
    left_ = random.uniform(0.1, 0.45);
    right_ = random.uniform(0.55, 0.9);
  }
  [[nodiscard]] double operator()(double x) const noexcept {
    double u = 0;
    for (const auto& w : waves_)
      u += w.amplitude * std::sin(2 * std::numbers::pi * w.number * x + w.phase);
    if (folded_) u = std::abs(u);
    if (windowed_) {
      const double y = x - std::floor(x);
      u *= 0.5 * (std::tanh((y - left_) / 0.01) - std::tanh((y - right_) / 0.01));
    }
    return sign_ * u;
  }

 private:
  struct Wave {
    double number, amplitude, phase;
  };
  void add(double number, Random& random) {
    const double amplitude = random.uniform();
    waves_.push_back({number, amplitude, random.uniform(0, 2 * std::numbers::pi)});
  }
  std::vector<Wave> waves_;
  bool folded_ = false, windowed_ = false;
  double sign_ = 1, left_ = 0, right_ = 1;
};

/// PDEBench's set: u at t = 0, 0.01, ..., 2 in 1024 cells.
struct Burgers {
  double nu = 0.001 / std::numbers::pi;  ///< the files call it Nu = pi nu
  Index n = 1024, n_steps = 200;
  double end = 2;
  Index stride_x = 4, stride_t = 5;  ///< what is kept; the published baselines take 4 and 5
  BurgersWaves::Form form = BurgersWaves::Form::described;

  /// An empty set with this problem's sizes.
  [[nodiscard]] GridSet describe() const {
    if (n < 8 || n_steps < 1 || stride_x < 1 || stride_t < 1 || n % stride_x != 0 ||
        n_steps % stride_t != 0)
      throw Error("Burgers", "n a multiple of stride_x and n_steps of stride_t",
                  "n = " + std::to_string(n) + " / " + std::to_string(stride_x) +
                      ", n_steps = " + std::to_string(n_steps) + " / " + std::to_string(stride_t),
                  "Start from the defaults.");
    GridSet set;
    set.input = GridField(0, 0, {n / stride_x});
    set.u = GridField(0, n_steps / stride_t + 1, {n / stride_x});
    for (Index k = 0; k <= n_steps; k += stride_t)
      set.t.push_back(end * static_cast<double>(k) / static_cast<double>(n_steps));
    const auto x = cell_centres(n);
    set.axes.resize(1);
    for (Index i = 0; i < n; i += stride_x) set.axes[0].push_back(x[static_cast<std::size_t>(i)]);
    // Equally spaced and periodic, though not at the centres of the wider cells.
    set.layout = stride_x == 1 ? GridPoints::centres : GridPoints::periodic;
    return set;
  }
  [[nodiscard]] BurgersWaves initial(std::uint64_t seed, std::uint64_t i) const {
    Random random = Random::stream(seed, i);
    return {form, random};
  }
  /// u (time, x); no input: the first frames are given.
  [[nodiscard]] GridSample sample(std::uint64_t seed, std::uint64_t i) const {
    const auto waves = initial(seed, i);
    return solve([&](std::span<const double> x) {
      std::vector<double> u;
      for (const double p : x) u.push_back(waves(p));
      return u;
    });
  }
  /// @param u0  of period 1
  [[nodiscard]] GridSample solve(const ColeHopf::Function& u0) const {
    const GridSet set = describe();
    GridSample s;
    for (const double u : u0(set.axes[0])) s.u.push_back(static_cast<float>(u));
    const double shift = 0.5 / static_cast<double>(n);  // the solver's points are x = i / n
    ColeHopf flow(n, nu, end / static_cast<double>(n_steps), [&](std::span<const double> x) {
      std::vector<double> shifted(x.begin(), x.end());
      for (double& p : shifted) p += shift;
      return u0(shifted);
    });
    const Index stride = flow.n_points() / n * stride_x;
    for (Index k = 1; k <= n_steps; ++k) {
      flow.step();
      if (k % stride_t != 0) continue;
      for (Index i = 0; i < flow.n_points(); i += stride)
        s.u.push_back(static_cast<float>(flow.u()[static_cast<std::size_t>(i)]));
    }
    return s;
  }
};

/// FNO's set: u(x, 0) ~ N(0, 625 (-lap + 25)^-2) without mean -> u(x, 1), at x = i / n.
struct FnoBurgers {
  double nu = 0.1;
  Index n = 1024, n_modes = 128;
  Index n_steps = 4;  ///< of the solver; the result does not depend on it

  /// An empty set with this problem's sizes.
  [[nodiscard]] GridSet describe() const {
    if (n < 8 || n_modes < 1 || n_steps < 1)
      throw Error("FnoBurgers", "n >= 8, n_modes >= 1 and n_steps >= 1",
                  "n = " + std::to_string(n) + ", n_modes = " + std::to_string(n_modes) +
                      ", n_steps = " + std::to_string(n_steps),
                  "Start from the defaults.");
    GridSet set;
    set.input = GridField(0, 1, {n});
    set.u = GridField(0, 1, {n});
    set.t = {1};
    set.axes = {periodic_nodes(n)};
    set.layout = GridPoints::periodic;
    return set;
  }
  /// input (x) at t = 0; u (x) at t = 1.
  [[nodiscard]] GridSample sample(std::uint64_t seed, std::uint64_t i) const {
    Random random = Random::stream(seed, i);
    const GaussianField1 field(FieldBasis::periodic, {25, 2, 5, false}, n_modes, random);
    return solve([&](std::span<const double> x) { return field(x); });
  }
  [[nodiscard]] GridSample solve(const ColeHopf::Function& u0) const {
    const GridSet set = describe();
    GridSample s;
    for (const double u : u0(set.axes[0])) s.input.push_back(static_cast<float>(u));
    ColeHopf flow(n, nu, 1 / static_cast<double>(n_steps), u0);
    for (Index k = 0; k < n_steps; ++k) flow.step();
    for (Index i = 0; i < flow.n_points(); i += flow.n_points() / n)
      s.u.push_back(static_cast<float>(flow.u()[static_cast<std::size_t>(i)]));
    return s;
  }
};

}  // namespace amq::lab
