#pragma once
/// @file
/// Lattice Boltzmann flow in a box with a body: nineteen velocities, regularised collision,
/// Smagorinsky closure, walls where the body's surface cuts the links.
///
/// Lattice units: cells and steps have length one, the density is one. A velocity of 0.1 is a Mach
/// number of 0.17; errors of compressibility grow with its square.

#include <amq/core/error.hpp>
#include <amq/core/executor.hpp>
#include <amq/core/matrix_view.hpp>
#include <amq_lab/problems/d3q19.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace amq::lab {

/// What lies beyond a side of the box.
enum class Face : std::uint8_t {
  periodic,  ///< the other side; both sides must say so
  slip,      ///< a mirror
  wall,      ///< no slip, half a cell outside the last centres; may move along itself
  inflow,    ///< a given velocity, the density of within
  free,      ///< a mirror that lets sound out: no normal velocity, the rest of within
  outflow,   ///< density one, the velocity of within
};

struct LatticeOptions {
  int nx = 0, ny = 0, nz = 0;                           ///< cells; centres at 0.5, 1.5, ...
  std::array<Face, 6> face{};                           ///< x low, x high, y low, ...
  std::array<std::array<float, 3>, 6> face_velocity{};  ///< of inflows and walls
  std::array<float, 3> start{};                         ///< velocity everywhere at the beginning
  std::array<float, 3> push{};                          ///< force on a cell
  double viscosity = 0.01;
  double smagorinsky = 0;  ///< C_s; 0.1 to 0.17 where eddies are smaller than cells
  /// (1 / w+ - 1/2) (1 / w- - 1/2) of two relaxation times (Ginzburg 2005): odd moments are kept in
  /// part and walls stay where they are for every viscosity. 0 forgets the odd moments: less
  /// exact, and stable for the smallest viscosities.
  double magic = 3.0 / 16;
  bool interpolate = true;  ///< walls where the links are cut (Bouzidi 2001), not half way
};

/// Incompressible equilibria (He and Luo 1997), populations kept as differences from rest, so that
/// single precision loses nothing. One step is: mirrors and walls are written into the cells
/// beyond, then every fluid cell pulls its populations and collides.
class Lattice {
 public:
  /// Negative inside the body, positive outside, and continuous. Coordinates in cells.
  using Level = std::function<double(double x, double y, double z)>;

  /// @throws Error for empty boxes, viscosities <= 0, velocities beyond 0.3, unpaired periodic
  /// faces
  explicit Lattice(const LatticeOptions& options, const Level& level = {})
      : o_(options), sx_(options.nx + 2), sxy_(sx_ * (options.ny + 2)) {
    check();
    size_ = static_cast<std::size_t>(sxy_ * (o_.nz + 2));
    for (std::size_t q = 0; q < d3q19::n; ++q)
      offset_[q] =
          d3q19::velocity[q][0] + d3q19::velocity[q][1] * sx_ + d3q19::velocity[q][2] * sxy_;
    const float r2 =
        o_.start[0] * o_.start[0] + o_.start[1] * o_.start[1] + o_.start[2] * o_.start[2];
    for (auto* f : {&now_, &next_}) f->assign(d3q19::n * size_, 0.0f);
    for (std::size_t q = 0; q < d3q19::n; ++q)
      std::fill_n(now_.begin() + static_cast<Index>(q * size_), size_,
                  equilibrium(q, 0, o_.start, r2));
    find_body(level);
  }

  [[nodiscard]] Index n_fluid() const noexcept { return n_fluid_; }
  [[nodiscard]] Index n_links() const noexcept { return static_cast<Index>(links_.size()); }
  [[nodiscard]] bool solid(int x, int y, int z) const noexcept {
    return solid_[static_cast<std::size_t>(cell(x, y, z))] != 0;
  }
  /// Force of the fluid on the body in the last step, by exchange of momentum (Ladd 1994).
  [[nodiscard]] const std::array<double, 3>& force() const noexcept { return force_; }

  /// Of an inflow or wall, from the next step on. A stream that starts gently rings less.
  void set_face_velocity(std::size_t face, const std::array<float, 3>& v) {
    o_.face_velocity.at(face) = v;
    check();
  }
  void step(Executor& executor = serial_executor()) {
    fill_outside();
    write_links();
    const auto run = o_.magic > 0 ? &d3q19::collide<true> : &d3q19::collide<false>;
    const d3q19::Collision how{static_cast<Index>(size_),
                               offset_,
                               o_.push,
                               static_cast<float>(3 * o_.viscosity + 0.5),
                               static_cast<float>(o_.smagorinsky),
                               static_cast<float>(o_.magic)};
    executor.parallel_for(static_cast<std::size_t>(o_.nz), 1,
                          [&](std::size_t begin, std::size_t end) {
                            for (std::size_t z = begin; z < end; ++z)
                              for (Index s = first_run_[z]; s < first_run_[z + 1]; ++s) {
                                const auto [at, length] = runs_[static_cast<std::size_t>(s)];
                                for (Index k = 0; k < length; k += simd::lanes)
                                  run(how, now_.data() + at + k, next_.data() + at + k,
                                      static_cast<int>(std::min<Index>(simd::lanes, length - k)));
                              }
                          });
    now_.swap(next_);
  }

  /// Density minus one, and velocity, of a fluid cell. The pressure is a third of the former.
  [[nodiscard]] std::array<float, 4> macroscopic(int x, int y, int z) const noexcept {
    std::array<float, 4> m{};
    const auto at = static_cast<std::size_t>(cell(x, y, z));
    for (std::size_t q = 0; q < d3q19::n; ++q) {
      const float f = now_[q * size_ + at];
      m[0] += f;
      for (std::size_t d = 0; d < 3; ++d) m[d + 1] += static_cast<float>(d3q19::velocity[q][d]) * f;
    }
    for (std::size_t d = 0; d < 3; ++d) m[d + 1] -= o_.push[d] / 2;
    return m;
  }
  [[nodiscard]] const LatticeOptions& options() const noexcept { return o_; }

 private:
  struct Link {
    std::size_t from, behind, turned, to;  // populations: leaving, one cell back, returning, slot
    float a, b, c;                         // weights of the first three
    std::uint8_t q;
  };

  [[nodiscard]] Index cell(int x, int y, int z) const noexcept {
    return (x + 1) + (y + 1) * sx_ + (z + 1) * sxy_;
  }
  [[nodiscard]] static float equilibrium(std::size_t q, float r, const std::array<float, 3>& u,
                                         float u2) noexcept {
    const auto& c = d3q19::velocity[q];
    const float cu = static_cast<float>(c[0]) * u[0] + static_cast<float>(c[1]) * u[1] +
                     static_cast<float>(c[2]) * u[2];
    return d3q19::w(q) * (r + 3 * cu + 4.5f * cu * cu - 1.5f * u2);
  }
  void check() const {
    const auto refuse = [](const char* expected, const std::string& found, const char* mend) {
      throw Error("Lattice", expected, found, mend);
    };
    if (o_.nx < 1 || o_.ny < 1 || o_.nz < 1) {
      refuse("at least one cell each way",
             std::to_string(o_.nx) + " x " + std::to_string(o_.ny) + " x " + std::to_string(o_.nz),
             "Set nx, ny and nz.");
    }
    if (!(o_.viscosity > 0)) refuse("a viscosity > 0", std::to_string(o_.viscosity), "Raise it.");
    bool wall = false, open = false;
    for (const Face f : o_.face) {
      wall = wall || f == Face::wall;
      open = open || f == Face::inflow || f == Face::free || f == Face::outflow;
    }
    if (wall && open) {
      // Measured: their edge feeds a mode that changes sign in every step and cell.
      refuse("no wall beside an inflow, outflow or free side", "both",
             "Make the wall a slip face, or the stream periodic with a push.");
    }
    for (std::size_t a = 0; a < 3; ++a) {
      if ((o_.face[2 * a] == Face::periodic) != (o_.face[2 * a + 1] == Face::periodic))
        refuse("periodic faces in pairs", "one alone", "Give both sides of an axis the same face.");
      for (std::size_t s = 0; s < 2; ++s)
        for (const float v : o_.face_velocity[2 * a + s])
          if (!(std::abs(v) <= 0.3f))
            refuse("velocities up to 0.3 cells a step", std::to_string(v), "Take shorter steps.");
    }
  }

  // Marks the cells of the body, beyond the sides too where a mirror or a copy lies there.
  void find_body(const Level& level) {
    solid_.assign(size_, 0);
    std::vector<double> value(level ? size_ : 0, 1.0);
    const int n[3] = {o_.nx, o_.ny, o_.nz};
    const auto place = [&](int i, std::size_t axis, bool& known) {
      const int m = n[axis];
      if (i >= 0 && i < m) return i + 0.5;
      const Face f = o_.face[2 * axis + (i < 0 ? 0 : 1)];
      known = known && (f == Face::periodic || f == Face::slip);
      return f == Face::periodic ? (i + m) % m + 0.5 : (i < 0 ? 0.5 : m - 0.5);
    };
    first_run_.assign(1, 0);
    for (int z = -1; z <= o_.nz; ++z) {
      for (int y = -1; y <= o_.ny; ++y) {
        bool open = false;
        for (int x = -1; x <= o_.nx; ++x) {
          const auto at = static_cast<std::size_t>(cell(x, y, z));
          bool known = true;
          const double px = place(x, 0, known), py = place(y, 1, known), pz = place(z, 2, known);
          if (level && known) {
            value[at] = level(px, py, pz);
            solid_[at] = value[at] < 0;
          }
          const bool within = x >= 0 && x < o_.nx && y >= 0 && y < o_.ny && z >= 0 && z < o_.nz;
          if (!within || solid_[at]) {
            open = false;
            continue;
          }
          ++n_fluid_;
          if (!open) runs_.emplace_back(static_cast<Index>(at), 0);
          open = true;
          ++runs_.back().second;
        }
      }
      if (z >= 0 && z < o_.nz) first_run_.push_back(static_cast<Index>(runs_.size()));
    }
    if (level) cut_links(level, value);
  }

  void cut_links(const Level& level, const std::vector<double>& value) {
    for (const auto& [begin, length] : runs_) {
      for (Index at = begin; at < begin + length; ++at) {
        for (std::size_t q = 1; q < d3q19::n; ++q) {
          const Index beyond = at + offset_[q], back = at - offset_[q];
          if (!solid_[static_cast<std::size_t>(beyond)]) continue;
          double s = 0.5;
          if (o_.interpolate) s = cut(level, at, q, value[static_cast<std::size_t>(at)]);
          const bool usable = !solid_[static_cast<std::size_t>(back)] && within(back);
          if (!usable && s < 0.5) s = 0.5;
          Link k{};
          k.q = static_cast<std::uint8_t>(q);
          const std::size_t p = d3q19::opposite(q);
          k.from = q * size_ + static_cast<std::size_t>(at);
          k.behind = q * size_ + static_cast<std::size_t>(usable ? back : at);
          k.turned = p * size_ + static_cast<std::size_t>(at);
          k.to = p * size_ + static_cast<std::size_t>(beyond);
          if (s < 0.5) {
            k.a = static_cast<float>(2 * s);
            k.b = 1 - k.a;
          } else {
            k.a = static_cast<float>(1 / (2 * s));
            k.c = 1 - k.a;
          }
          links_.push_back(k);
        }
      }
    }
  }
  [[nodiscard]] bool within(Index at) const noexcept {
    const Index x = at % sx_, y = at / sx_ % (o_.ny + 2), z = at / sxy_;
    return x >= 1 && x <= o_.nx && y >= 1 && y <= o_.ny && z >= 1 && z <= o_.nz;
  }
  // The share of the link that lies in the fluid, by halving.
  [[nodiscard]] double cut(const Level& level, Index at, std::size_t q, double here) const {
    const double x = static_cast<double>(at % sx_) - 0.5;
    const double y = static_cast<double>(at / sx_ % (o_.ny + 2)) - 0.5;
    const double z = static_cast<double>(at / sxy_) - 0.5;
    if (!(here > 0)) return 0.01;
    double low = 0, high = 1;
    for (int k = 0; k < 12; ++k) {
      const double s = (low + high) / 2;
      (level(x + s * d3q19::velocity[q][0], y + s * d3q19::velocity[q][1],
             z + s * d3q19::velocity[q][2]) < 0
           ? high
           : low) = s;
    }
    return std::max(0.01, (low + high) / 2);
  }

  void write_links() noexcept {
    double f[3] = {0, 0, 0};
    for (const auto& k : links_) {
      const float out = now_[k.from];
      const float back = k.a * out + k.b * now_[k.behind] + k.c * now_[k.turned];
      now_[k.to] = back;
      for (int d = 0; d < 3; ++d) f[d] += d3q19::velocity[k.q][d] * static_cast<double>(out + back);
    }
    force_ = {f[0], f[1], f[2]};
  }

  // The cells beyond the sides, x first: later axes copy the corners of earlier ones.
  void fill_outside() {
    const int n[3] = {o_.nx, o_.ny, o_.nz};
    for (int axis = 0; axis < 3; ++axis) {
      const int b = (axis + 1) % 3, c = (axis + 2) % 3;
      for (int side = 0; side < 2; ++side) {
        int p[3];
        p[axis] = side == 0 ? -1 : n[axis];
        const int grow_b = b < axis ? 1 : 0, grow_c = c < axis ? 1 : 0;
        for (p[c] = -grow_c; p[c] < n[c] + grow_c; ++p[c])
          for (p[b] = -grow_b; p[b] < n[b] + grow_b; ++p[b]) fill_cell(p, axis, side, n);
      }
    }
  }
  void fill_cell(const int (&p)[3], int axis, int side, const int (&n)[3]) {
    const auto f = static_cast<std::size_t>(2 * axis + side);
    const auto ghost = static_cast<std::size_t>(cell(p[0], p[1], p[2]));
    int m[3] = {p[0], p[1], p[2]};
    m[axis] = o_.face[f] == Face::periodic ? (side == 0 ? n[axis] - 1 : 0)
                                           : (side == 0 ? 0 : n[axis] - 1);
    const auto inner = static_cast<std::size_t>(cell(m[0], m[1], m[2]));
    const auto& v = o_.face_velocity[f];
    switch (o_.face[f]) {
      case Face::periodic:
        for (std::size_t q = 0; q < d3q19::n; ++q)
          now_[q * size_ + ghost] = now_[q * size_ + inner];
        return;
      case Face::slip:
        for (std::size_t q = 0; q < d3q19::n; ++q)
          now_[q * size_ + ghost] =
              now_[mirrored_[static_cast<std::size_t>(axis)][q] * size_ + inner];
        return;
      case Face::wall:
        for (std::size_t q = 1; q < d3q19::n; ++q) {
          const auto& c = d3q19::velocity[q];
          if (c[axis] != (side == 0 ? 1 : -1)) continue;
          bool inside = true;
          for (int d = 0; d < 3; ++d) inside = inside && p[d] + c[d] >= -1 && p[d] + c[d] <= n[d];
          if (!inside) continue;
          const auto to = static_cast<std::size_t>(static_cast<Index>(ghost) + offset_[q]);
          const float cv = static_cast<float>(c[0]) * v[0] + static_cast<float>(c[1]) * v[1] +
                           static_cast<float>(c[2]) * v[2];
          now_[q * size_ + ghost] = now_[d3q19::opposite(q) * size_ + to] + 6 * d3q19::w(q) * cv;
        }
        return;
      case Face::inflow:
      case Face::free:
      case Face::outflow: {
        // What is not given is that of within, smoothed over time: sound finds no wall to return
        // from, eddies pass.
        std::array<float, 4> found{};
        for (std::size_t q = 0; q < d3q19::n; ++q) {
          found[3] += now_[q * size_ + inner];
          for (std::size_t d = 0; d < 3; ++d)
            found[d] += static_cast<float>(d3q19::velocity[q][d]) * now_[q * size_ + inner];
        }
        auto& slow =
            smooth_.try_emplace(ghost, std::array{o_.start[0], o_.start[1], o_.start[2], 0.f})
                .first->second;
        for (std::size_t d = 0; d < 4; ++d) slow[d] += 0.01f * (found[d] - slow[d]);
        auto u = o_.face[f] == Face::inflow ? v : std::array{slow[0], slow[1], slow[2]};
        if (o_.face[f] == Face::free) u[static_cast<std::size_t>(axis)] = 0;
        const float r = o_.face[f] == Face::outflow ? 0 : slow[3];
        const float u2 = u[0] * u[0] + u[1] * u[1] + u[2] * u[2];
        for (std::size_t q = 0; q < d3q19::n; ++q)
          now_[q * size_ + ghost] = equilibrium(q, r, u, u2);
        return;
      }
    }
  }

  LatticeOptions o_;
  Index sx_, sxy_;  // strides of rows and planes, with one cell more on each side
  std::size_t size_ = 0;
  std::array<Index, d3q19::n> offset_{};
  std::array<std::array<std::size_t, d3q19::n>, 3> mirrored_ = [] {
    std::array<std::array<std::size_t, d3q19::n>, 3> m{};
    for (int a = 0; a < 3; ++a)
      for (std::size_t q = 0; q < d3q19::n; ++q)
        m[static_cast<std::size_t>(a)][q] = d3q19::mirror(q, a);
    return m;
  }();
  std::vector<float> now_, next_;              // (velocity, cell) after collision
  std::vector<char> solid_;                    // (cell)
  std::vector<std::pair<Index, Index>> runs_;  // fluid cells of a row: first, count
  std::vector<Index> first_run_;               // (plane + 1)
  std::vector<Link> links_;
  std::unordered_map<std::size_t, std::array<float, 4>> smooth_;  // velocity, density beyond sides
  std::array<double, 3> force_{};
  Index n_fluid_ = 0;
};

}  // namespace amq::lab
