#pragma once
/// @file
/// A stiff integrator for one-dimensional problems: Rosenbrock's method RODAS of order 4(3) (Hairer
/// and Wanner, Solving Ordinary Differential Equations II, section VI.4) on tridiagonal Jacobians.

#include <amq/core/error.hpp>
#include <amq/core/matrix_view.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace amq::lab {

/// (row) each; lower[0] and upper[n-1] are not read.
struct Tridiagonal {
  std::vector<double> lower, diagonal, upper;
  explicit Tridiagonal(std::size_t n = 0) : lower(n), diagonal(n), upper(n) {}

  /// LU without pivoting, in place. @pre diagonally dominant
  void factorize() noexcept {
    for (std::size_t i = 1; i < diagonal.size(); ++i) {
      lower[i] /= diagonal[i - 1];
      diagonal[i] -= lower[i] * upper[i - 1];
    }
    for (double& d : diagonal) d = 1 / d;
  }
  /// x: right side -> solution. @pre factorize()
  void solve(std::span<double> x) const noexcept {
    const std::size_t n = diagonal.size();
    for (std::size_t i = 1; i < n; ++i) x[i] -= lower[i] * x[i - 1];
    x[n - 1] *= diagonal[n - 1];
    for (std::size_t i = n - 1; i-- > 0;) x[i] = (x[i] - upper[i] * x[i + 1]) * diagonal[i];
  }
};

/// An autonomous system u' = f(u) whose Jacobian is tridiagonal.
template <typename S>
concept stiff_system = requires(const S s, std::span<const double> u, std::span<double> f,
                                Tridiagonal& j) {
  s.slope(u, f);
  s.jacobian(u, j);
};

struct StiffTolerance {
  double relative = 1e-6, absolute = 1e-8;
  double first_step = 1e-6;
};

/// Stiffly accurate and L-stable: a jump at the boundary at t = 0 is damped, not carried along.
template <stiff_system S>
class Rosenbrock {
 public:
  Rosenbrock(const S& system, std::vector<double> u, StiffTolerance tolerance = {})
      : system_(system),
        tolerance_(tolerance),
        u_(std::move(u)),
        stage_(u_),
        f_(u_),
        w_(u_.size()),
        h_(tolerance.first_step) {
    if (u_.size() < 2 || !(tolerance.relative > 0) || !(tolerance.absolute > 0) || !(h_ > 0))
      throw Error("Rosenbrock", "at least 2 unknowns and positive tolerances",
                  std::to_string(u_.size()) + " unknowns, tolerances " +
                      std::to_string(tolerance.relative) + " and " +
                      std::to_string(tolerance.absolute),
                  "Start from the default tolerances.");
    for (auto& k : k_) k.resize(u_.size());
  }

  /// @throws Error where the step has shrunk to nothing
  void advance(double to) {
    while (t_ < to) {
      // A step that would leave a crumb takes half of the rest.
      const double left = to - t_;
      const double h = h_ >= left * 0.999 ? left : (h_ > 0.5 * left ? 0.5 * left : h_);
      const double error = try_step(h);
      const double factor = std::clamp(0.9 * std::pow(std::max(error, 1e-12), -0.25), 0.2, 5.0);
      if (error <= 1) {
        u_.swap(stage_);
        t_ = h == left ? to : t_ + h;
        ++n_steps_;
        // A step cut short by `to` says little about the step that would have been possible.
        h_ = h < h_ ? std::max(h_, h * factor) : h * factor;
      } else {
        h_ = (std::isfinite(error) ? factor : 0.1) * h;
        if (h_ < 1e-14 * std::max(1.0, t_))
          throw Error("Rosenbrock", "a solution that can be followed",
                      "a step of " + std::to_string(h_) + " at t = " + std::to_string(t_),
                      "Check the initial state for NaN and jumps, or loosen the tolerance.");
      }
    }
  }
  /// One step of given length, without control of the error: for convergence tests.
  void step(double h) {
    try_step(h);
    u_.swap(stage_);
    t_ += h;
    ++n_steps_;
  }
  [[nodiscard]] std::span<const double> state() const noexcept { return u_; }
  [[nodiscard]] double time() const noexcept { return t_; }
  [[nodiscard]] Index n_steps() const noexcept { return n_steps_; }

 private:
  // Leaves the new state in stage_ and returns the error in units of the tolerance.
  double try_step(double h) {
    // clang-format off
    static constexpr double gamma = 0.25;
    static constexpr double a[6][5] = {
        {},
        {1.544},
        {0.9466785280815826, 0.2557011698983284},
        {3.314825187068521, 2.896124015972201, 0.9986419139977817},
        {1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950},
        {1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 1}};
    static constexpr double c[6][5] = {
        {},
        {-5.6688},
        {-2.430093356833875, -0.2063599157091915},
        {-0.1073529058151375, -9.594562251023355, -20.47028614809616},
        {7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160},
        {8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136,
         -6.058818238834054}};
    // clang-format on
    const std::size_t n = u_.size();
    system_.jacobian(u_, w_);
    for (std::size_t i = 0; i < n; ++i) {
      w_.lower[i] = -w_.lower[i];
      w_.upper[i] = -w_.upper[i];
      w_.diagonal[i] = 1 / (h * gamma) - w_.diagonal[i];
    }
    w_.factorize();
    for (std::size_t s = 0; s < 6; ++s) {
      for (std::size_t i = 0; i < n; ++i) {
        double x = u_[i];
        for (std::size_t j = 0; j < s; ++j) x += a[s][j] * k_[j][i];
        stage_[i] = x;
      }
      system_.slope(stage_, f_);
      for (std::size_t i = 0; i < n; ++i) {
        double x = f_[i];
        for (std::size_t j = 0; j < s; ++j) x += c[s][j] / h * k_[j][i];
        k_[s][i] = x;
      }
      w_.solve(k_[s]);
    }
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      stage_[i] += k_[5][i];
      const double scale = tolerance_.absolute +
                           tolerance_.relative * std::max(std::abs(u_[i]), std::abs(stage_[i]));
      sum += k_[5][i] * k_[5][i] / (scale * scale);
    }
    return std::sqrt(sum / static_cast<double>(n));  // the last stage is the error of order 3
  }

  const S& system_;
  StiffTolerance tolerance_;
  std::vector<double> u_, stage_, f_;
  std::array<std::vector<double>, 6> k_;
  Tridiagonal w_;
  double t_ = 0, h_;
  Index n_steps_ = 0;
};

}  // namespace amq::lab
