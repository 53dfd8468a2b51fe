#pragma once
/// @file
/// The nineteen velocities of the lattice Boltzmann method in space, and the collision of sixteen
/// cells at once.

#include <amq/core/matrix_view.hpp>
#include <amq/simd/batch.hpp>

#include <array>
#include <cstddef>
#include <utility>

namespace amq::lab {

/// The velocities of D3Q19 (Qian, d'Humieres and Lallemand 1992): rest, then pairs of opposites.
namespace d3q19 {
inline constexpr std::size_t n = 19;
// clang-format off
inline constexpr int velocity[n][3] = {
    {0, 0, 0},
    {1, 0, 0}, {-1, 0, 0}, {0, 1, 0}, {0, -1, 0}, {0, 0, 1}, {0, 0, -1},
    {1, 1, 0}, {-1, -1, 0}, {1, -1, 0}, {-1, 1, 0},
    {1, 0, 1}, {-1, 0, -1}, {1, 0, -1}, {-1, 0, 1},
    {0, 1, 1}, {0, -1, -1}, {0, 1, -1}, {0, -1, 1}};
// clang-format on
[[nodiscard]] constexpr float w(std::size_t q) noexcept {
  return q == 0 ? 1.0f / 3 : q < 7 ? 1.0f / 18 : 1.0f / 36;
}
[[nodiscard]] constexpr std::size_t opposite(std::size_t q) noexcept {
  return q == 0 ? 0 : ((q - 1) ^ 1) + 1;
}
/// The velocity with component `axis` turned round.
[[nodiscard]] constexpr std::size_t mirror(std::size_t q, int axis) noexcept {
  for (std::size_t p = 0; p < n; ++p) {
    bool same = true;
    for (int d = 0; d < 3; ++d)
      same = same && velocity[p][d] == (d == axis ? -velocity[q][d] : velocity[q][d]);
    if (same) return p;
  }
  return 0;
}

/// What a collision needs to know; lattice units.
struct Collision {
  Index stride = 0;               ///< between the populations of one cell
  std::array<Index, n> offset{};  ///< of the cell that a velocity leads to
  std::array<float, 3> push{};    ///< force on a cell
  float relaxation = 1;           ///< 3 viscosity + 1/2
  float smagorinsky = 0;          ///< C_s
  float magic = 0;                ///< product of relaxation times for odd moments
};

/// Pulls the populations that arrive in `count` <= 16 neighbouring cells and collides them: second
/// moments relax (regularised, Latt and Chopard 2006), odd ones too if KeepOdd, all others are
/// forgotten.
/// @param from  rest population of the first cell before the step, after the last collision
/// @param to    the same in the memory to be written
template <bool KeepOdd>
void collide(const Collision& c, const float* from, float* to, int count) noexcept {
  using F = simd::Floats<>;
  F r = F::splat(0), u[3] = {r, r, r}, p[6] = {r, r, r, r, r, r};  // p: xx yy zz xy xz yz
  F odd[9];  // of each pair, half the difference
  const auto gather = [&]<std::size_t Q>() {
    constexpr int cx = velocity[Q][0], cy = velocity[Q][1], cz = velocity[Q][2];
    const float* s = from + static_cast<Index>(Q) * c.stride - c.offset[Q];
    const F f = count == simd::lanes ? F::load(s) : F::load_part(s, count);
    const auto add = [&]<int Sign>(F& sum) {
      if constexpr (Sign > 0) sum = sum + f;
      if constexpr (Sign < 0) sum = sum - f;
    };
    if constexpr (KeepOdd && Q % 2 == 1) odd[Q / 2] = F::splat(0.5f) * f;
    if constexpr (KeepOdd && Q > 0 && Q % 2 == 0)
      odd[Q / 2 - 1] = fnma(F::splat(0.5f), f, odd[Q / 2 - 1]);
    r = r + f;
    add.template operator()<cx>(u[0]);
    add.template operator()<cy>(u[1]);
    add.template operator()<cz>(u[2]);
    add.template operator()<cx * cx>(p[0]);
    add.template operator()<cy * cy>(p[1]);
    add.template operator()<cz * cz>(p[2]);
    add.template operator()<cx * cy>(p[3]);
    add.template operator()<cx * cz>(p[4]);
    add.template operator()<cy * cz>(p[5]);
  };
  const auto each = [&]<std::size_t... Q>(const auto& run, std::index_sequence<Q...>) {
    (run.template operator()<Q>(), ...);
  };
  constexpr auto all = std::make_index_sequence<n>{};
  each(gather, all);
  for (std::size_t d = 0; d < 3; ++d) u[d] = u[d] + F::splat(c.push[d] / 2);
  // Stress out of equilibrium.
  const F third = F::splat(1.0f / 3);
  for (std::size_t d = 0; d < 3; ++d) p[d] = fnma(u[d], u[d], fnma(third, r, p[d]));
  p[3] = fnma(u[0], u[1], p[3]);
  p[4] = fnma(u[0], u[2], p[4]);
  p[5] = fnma(u[1], u[2], p[5]);
  // Relaxation time with the eddies' viscosity (Hou et al. 1996).
  const float tau0 = c.relaxation;
  F keep = F::splat(1 - 1 / tau0), even = F::splat(tau0);
  if (c.smagorinsky > 0) {
    const F diagonal = fma(p[0], p[0], fma(p[1], p[1], p[2] * p[2]));
    const F mixed = fma(p[3], p[3], fma(p[4], p[4], p[5] * p[5]));
    const F size = sqrt(diagonal + mixed + mixed);
    const float cs2 = c.smagorinsky * c.smagorinsky;
    const F root = sqrt(fma(F::splat(18 * 1.41421356f * cs2), size, F::splat(tau0 * tau0)));
    even = F::splat(0.5f) * (root + F::splat(tau0));
    keep = F::splat(1) - F::splat(1) / even;
  }
  F keep_odd = F::splat(0);
  if constexpr (KeepOdd) {
    const F above = even - F::splat(0.5f);
    keep_odd = F::splat(1) - above / fma(F::splat(0.5f), above, F::splat(c.magic));
  }
  // f = w (r + 3 c.u + 4.5 cc : (uu + keep p) - 1.5 trace(uu + keep p)) + push
  F a[6];
  for (std::size_t d = 0; d < 3; ++d) a[d] = fma(u[d], u[d], keep * p[d]);
  a[3] = fma(u[0], u[1], keep * p[3]);
  a[4] = fma(u[0], u[2], keep * p[4]);
  a[5] = fma(u[1], u[2], keep * p[5]);
  const F base = fnma(F::splat(1.5f), a[0] + a[1] + a[2], r);
  for (std::size_t d = 0; d < 3; ++d) u[d] = u[d] + F::splat(c.push[d] / 2);
  const auto scatter = [&]<std::size_t Q>() {
    F linear = F::splat(0), square = F::splat(0);
    const auto take = [&]<int K>(std::size_t i, F& sum, const F* v) {
      if constexpr (K == 2) sum = sum + v[i] + v[i];
      if constexpr (K == 1) sum = sum + v[i];
      if constexpr (K == -1) sum = sum - v[i];
      if constexpr (K == -2) sum = sum - v[i] - v[i];
    };
    constexpr int cx = velocity[Q][0], cy = velocity[Q][1], cz = velocity[Q][2];
    take.template operator()<cx>(0, linear, u);
    take.template operator()<cy>(1, linear, u);
    take.template operator()<cz>(2, linear, u);
    take.template operator()<cx * cx>(0, square, a);
    take.template operator()<cy * cy>(1, square, a);
    take.template operator()<cz * cz>(2, square, a);
    take.template operator()<2 * cx * cy>(3, square, a);
    take.template operator()<2 * cx * cz>(4, square, a);
    take.template operator()<2 * cy * cz>(5, square, a);
    F f = F::splat(w(Q)) * fma(F::splat(4.5f), square, fma(F::splat(3), linear, base));
    if constexpr (KeepOdd && Q > 0) {
      // The push is no part of what the odd moments are measured against.
      const float pushed = static_cast<float>(cx) * c.push[0] + static_cast<float>(cy) * c.push[1] +
                           static_cast<float>(cz) * c.push[2];
      const F carried = F::splat(3 * w(Q)) * (linear - F::splat(pushed));
      const F left =
          Q % 2 == 1 ? odd[(Q - 1) / 2] - carried : F::splat(0) - odd[(Q - 1) / 2] - carried;
      f = fma(keep_odd, left, f);
    }
    float* s = to + static_cast<Index>(Q) * c.stride;
    count == simd::lanes ? f.store(s) : f.store_part(s, count);
  };
  each(scatter, all);
}

}  // namespace d3q19

}  // namespace amq::lab
