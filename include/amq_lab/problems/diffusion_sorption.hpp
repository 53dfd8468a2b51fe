#pragma once
/// @file
/// Diffusion and sorption in a porous medium (PDEBench, Takamoto et al. 2022, section 3):
///     u_t = D / R(u) u_xx,    R(u) = 1 + (1 - phi) / phi rho_s k n_f (u + 1e-6)^(n_f - 1)
/// on 0 < x < 1, 0 < t <= 500 s; u = 1 at x = 0, u = -D u_x at x = 1, u(x, 0) = constant.

#include <amq/core/error.hpp>
#include <amq/core/random.hpp>
#include <amq/mesh/grid.hpp>
#include <amq_lab/problems/gaussian_field.hpp>
#include <amq_lab/problems/rosenbrock.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace amq::lab {

struct DiffusionSorption {
  /// How the boundary enters the finite volumes.
  enum class Boundary {
    published,  ///< ghost *cells* hold the boundary values, as in PDEBench's code: first order
    accurate,   ///< boundary values at the *faces* x = 0 and x = 1: second order
  };

  double diffusion = 5e-4;  ///< D, m^2 / s
  double porosity = 0.29;   ///< phi
  double density = 2880;    ///< rho_s, kg / m^3
  double freundlich_k = 3.5e-4, freundlich_n = 0.874;
  double end = 500;      ///< s
  Index n = 1024;        ///< cells that are returned
  Index n_frames = 101;  ///< with the one at t = 0
  Boundary boundary = Boundary::published;
  Index refine = 1;                            ///< odd: the solver's cells in each returned cell
  StiffTolerance tolerance{1e-4, 1e-6, 1e-6};  ///< error near 4e-7, far below the grid's

  /// An empty set with this problem's sizes.
  [[nodiscard]] GridSet describe() const {
    if (n < 4 || n_frames < 2 || refine < 1 || refine % 2 == 0)
      throw Error("DiffusionSorption", "n >= 4, n_frames >= 2 and refine odd",
                  "n = " + std::to_string(n) + ", n_frames = " + std::to_string(n_frames) +
                      ", refine = " + std::to_string(refine),
                  "Start from the defaults.");
    GridSet set;
    set.input = GridField(0, 0, {n});
    set.u = GridField(0, n_frames, {n});
    for (Index k = 0; k < n_frames; ++k) set.t.push_back(time(k));
    set.axes = {cell_centres(n)};
    set.layout = GridPoints::centres;
    return set;
  }
  /// The constant that sample i starts from, uniform in (0, 0.2).
  [[nodiscard]] double initial(std::uint64_t seed, std::uint64_t i) const noexcept {
    return Random::stream(seed, i).uniform(0, 0.2);
  }
  /// u (time, x); no input: the first frames are given.
  [[nodiscard]] GridSample sample(std::uint64_t seed, std::uint64_t i) const {
    return solve(initial(seed, i));
  }
  [[nodiscard]] GridSample solve(double u0) const {
    static_cast<void>(describe());  // checks the sizes
    const System system(*this);
    Rosenbrock ode(system, std::vector<double>(static_cast<std::size_t>(n * refine), u0),
                   tolerance);
    GridSample s;
    for (Index frame = 0; frame < n_frames; ++frame) {
      ode.advance(time(frame));
      for (Index i = 0; i < n; ++i)  // the middle cell of an odd number has the same centre
        s.u.push_back(
            static_cast<float>(ode.state()[static_cast<std::size_t>(i * refine + refine / 2)]));
    }
    return s;
  }

  /// Finite volumes in space; a stiff_system.
  class System {
   public:
    explicit System(const DiffusionSorption& p)
        : power_(p.freundlich_n - 1),
          d_(p.diffusion),
          per_dx2_(static_cast<double>(p.n * p.refine) * static_cast<double>(p.n * p.refine)),
          sorption_((1 - p.porosity) / p.porosity * p.density * p.freundlich_k * p.freundlich_n) {
      const double d_dx = d_ * static_cast<double>(p.n * p.refine);
      if (p.boundary == Boundary::published) {
        left_ = {1, 0, 0};
        right_ = {-d_dx, d_dx};
      } else {
        // The parabola through the wall and two cells, continued; and (g + u)/2 = -D (g - u)/dx.
        left_ = {8.0 / 3, -2, 1.0 / 3};
        right_ = {(d_dx - 0.5) / (d_dx + 0.5), 0};
      }
    }
    void slope(std::span<const double> u, std::span<double> f) const noexcept {
      for (std::size_t i = 0; i < u.size(); ++i) f[i] = d_ / retardation(u[i]) * laplacian(u, i);
    }
    void jacobian(std::span<const double> u, Tridiagonal& j) const noexcept {
      const std::size_t cells = u.size();
      for (std::size_t i = 0; i < cells; ++i) {
        const double r = retardation(u[i]), g = d_ / r;
        const double dr = power_ * (r - 1) / (positive(u[i]) + 1e-6);
        j.lower[i] = j.upper[i] = g * per_dx2_;
        j.diagonal[i] = -2 * g * per_dx2_ - g / r * dr * laplacian(u, i);
        if (i == 0) {
          j.diagonal[i] += g * per_dx2_ * left_[1];
          j.upper[i] += g * per_dx2_ * left_[2];
        }
        if (i == cells - 1) {
          j.diagonal[i] += g * per_dx2_ * right_[0];
          j.lower[i] += g * per_dx2_ * right_[1];
        }
      }
    }

   private:
    // A stage of the integrator may dip below zero; concentrations do not.
    [[nodiscard]] static double positive(double u) noexcept { return u > 0 ? u : 0; }
    [[nodiscard]] double retardation(double u) const noexcept {
      return 1 + sorption_ * std::exp(power_ * std::log(positive(u) + 1e-6));
    }
    [[nodiscard]] double laplacian(std::span<const double> u, std::size_t i) const noexcept {
      const std::size_t cells = u.size();
      const double before = i > 0 ? u[i - 1] : left_[0] + left_[1] * u[0] + left_[2] * u[1];
      const double after =
          i + 1 < cells ? u[i + 1] : right_[0] * u[cells - 1] + right_[1] * u[cells - 2];
      return (before - 2 * u[i] + after) * per_dx2_;
    }
    double power_, d_, per_dx2_, sorption_;
    std::array<double, 3> left_{};   // ghost = left[0] + left[1] u_0 + left[2] u_1
    std::array<double, 2> right_{};  // ghost = right[0] u_{n-1} + right[1] u_{n-2}
  };

 private:
  [[nodiscard]] double time(Index frame) const noexcept {
    return end * static_cast<double>(frame) / static_cast<double>(n_frames - 1);
  }
};

}  // namespace amq::lab
