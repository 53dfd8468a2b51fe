#pragma once
/// @file
/// Steady flow through a porous medium on a grid: -div(a grad u) = f on the unit square, u = 0 on
/// its boundary, a of two values. PDEBench's set (Takamoto et al. 2022) and FNO's (Li et al. 2021).

#include <amq/core/eigen_sparse.hpp>
#include <amq/core/error.hpp>
#include <amq/core/random.hpp>
#include <amq/mesh/grid.hpp>
#include <amq_lab/problems/gaussian_field.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <string>
#include <vector>

namespace amq::lab {

/// Bilinear finite elements on n x n square cells, each with its own coefficient; conjugate
/// gradients preconditioned by a multigrid cycle that halves the cells while their number is even.
class GridDarcySolver {
 public:
  /// @param n  cells along each side, at least 2
  explicit GridDarcySolver(Index n) {
    if (n < 2)
      throw Error("GridDarcySolver", "at least 2 cells a side", std::to_string(n), "Refine.");
    for (;; n /= 2) {
      levels_.emplace_back(n);
      if (n % 2 != 0 || n <= 8) break;
    }
  }

  /// @param a  (cell, cell), positive: the coefficient of each cell
  /// @param f  (node, node), the source; what lies on the boundary is not read
  /// @return   (node, node) u, (n + 1)^2 numbers
  /// @throws Error for wrong sizes, a coefficient that is not positive, no convergence
  [[nodiscard]] std::vector<double> solve(std::span<const double> a, std::span<const double> f,
                                          double tolerance = 1e-9) {
    Level& top = levels_.front();
    if (a.size() != top.n_cells() || f.size() != top.n_nodes())
      throw Error("GridDarcySolver",
                  std::to_string(top.n_cells()) + " coefficients and " +
                      std::to_string(top.n_nodes()) + " source values",
                  std::to_string(a.size()) + " and " + std::to_string(f.size()),
                  "Give a in every cell and f at every node, boundary included.");
    for (const double x : a)
      if (!(x > 0 && x < 1e300))
        throw Error("GridDarcySolver", "positive coefficients", std::to_string(x),
                    "A medium that lets nothing through has no unique pressure.");
    prepare(a);

    const std::size_t size = top.n_nodes();
    std::vector<double> u(size, 0.0), r(size, 0.0), p(size), ap(size, 0.0);
    const double h2 = 1 / static_cast<double>(top.n * top.n);
    top.interior([&](std::size_t k) { r[k] = h2 * f[k]; });
    const double target = tolerance * std::sqrt(dot(r, r));
    double rz_before = 0;
    for (n_iterations_ = 0; std::sqrt(dot(r, r)) > target; ++n_iterations_) {
      if (n_iterations_ == 200)
        throw Error("GridDarcySolver", "convergence in 200 iterations",
                    "a residual of " + std::to_string(std::sqrt(dot(r, r)) / target * tolerance),
                    "Loosen the tolerance, or check the coefficient for extreme contrast.");
      top.r = r;
      cycle(0);
      const std::vector<double>& z = top.u;
      const double rz = dot(r, z);
      const double beta = n_iterations_ == 0 ? 0 : rz / rz_before;
      for (std::size_t k = 0; k < size; ++k) p[k] = z[k] + (n_iterations_ == 0 ? 0 : beta * p[k]);
      rz_before = rz;
      top.apply(p, ap);
      const double alpha = rz / dot(p, ap);
      for (std::size_t k = 0; k < size; ++k) {
        u[k] += alpha * p[k];
        r[k] -= alpha * ap[k];
      }
    }
    return u;
  }
  [[nodiscard]] std::vector<double> solve(std::span<const double> a, double f = 1) {
    return solve(a, std::vector<double>(levels_.front().n_nodes(), f));
  }
  [[nodiscard]] Index n_iterations() const noexcept { return n_iterations_; }

 private:
  // The stiffness of a bilinear square: 2/3 on the diagonal, -1/6 along sides, -1/3 across.
  struct Level {
    Index n;                // cells a side
    std::vector<double> a;  // (cell, cell)
    std::vector<double> centre, east, north, ahead,
        aback;                    // (node, node), to j+1, i+1, both, i+1 j-1
    std::vector<double> r, u, t;  // residual, correction, scratch

    explicit Level(Index cells) : n(cells) {
      for (auto* v : {&centre, &east, &north, &ahead, &aback, &r, &u, &t}) v->resize(n_nodes());
      a.resize(n_cells());
    }
    [[nodiscard]] std::size_t n_cells() const noexcept { return static_cast<std::size_t>(n * n); }
    [[nodiscard]] std::size_t n_nodes() const noexcept {
      return static_cast<std::size_t>((n + 1) * (n + 1));
    }
    template <typename F>
    void interior(F&& f) const {
      for (Index i = 1; i < n; ++i)
        for (Index j = 1; j < n; ++j) f(static_cast<std::size_t>(i * (n + 1) + j));
    }
    void assemble() {
      const auto cell = [&](Index i, Index j) { return a[static_cast<std::size_t>(i * n + j)]; };
      for (Index i = 1; i < n; ++i)
        for (Index j = 1; j < n; ++j)
          centre[static_cast<std::size_t>(i * (n + 1) + j)] =
              2.0 / 3 * (cell(i, j) + cell(i - 1, j) + cell(i, j - 1) + cell(i - 1, j - 1));
      for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j) {
          const auto k = static_cast<std::size_t>(i * (n + 1) + j);
          east[k] = i > 0 ? -(cell(i, j) + cell(i - 1, j)) / 6 : 0;
          north[k] = j > 0 ? -(cell(i, j) + cell(i, j - 1)) / 6 : 0;
          ahead[k] = -cell(i, j) / 3;
          aback[k + 1] = -cell(i, j) / 3;
        }
    }
    // y = K x at interior nodes. @pre x is 0 on the boundary
    void apply(const std::vector<double>& x, std::vector<double>& y) const noexcept {
      for (Index i = 1; i < n; ++i) row(i, x.data(), y.data());
    }
    void row(Index i, const double* x_all, double* y_all) const noexcept {
      const Index m = n + 1, o = i * m;
      const double *x = x_all + o, *up = x + m, *down = x - m;
      const double *c = centre.data() + o, *e = east.data() + o, *nn = north.data() + o,
                   *ns = nn - m, *da = ahead.data() + o, *das = da - m, *db = aback.data() + o,
                   *dbs = db - m;
      double* __restrict y = y_all + o;
      for (Index j = 1; j < n; ++j)
        y[j] = c[j] * x[j] + e[j] * x[j + 1] + e[j - 1] * x[j - 1] + nn[j] * up[j] +
               ns[j] * down[j] + da[j] * up[j + 1] + das[j - 1] * down[j - 1] + db[j] * up[j - 1] +
               dbs[j + 1] * down[j + 1];
    }
  };

  static double dot(const std::vector<double>& x, const std::vector<double>& y) noexcept {
    std::array<double, 8> s{};  // partial sums, so that it vectorizes in one fixed order
    std::size_t k = 0;
    for (; k + 8 <= x.size(); k += 8)
      for (std::size_t l = 0; l < 8; ++l) s[l] += x[k + l] * y[k + l];
    for (; k < x.size(); ++k) s[0] += x[k] * y[k];
    return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]));
  }

  void prepare(std::span<const double> a) {
    std::copy(a.begin(), a.end(), levels_.front().a.begin());
    for (std::size_t l = 0; l < levels_.size(); ++l) {
      Level& level = levels_[l];
      if (l > 0) {
        const Level& fine = levels_[l - 1];
        for (Index i = 0; i < level.n; ++i)
          for (Index j = 0; j < level.n; ++j) {
            const double* p = fine.a.data() + 2 * i * fine.n + 2 * j;
            level.a[static_cast<std::size_t>(i * level.n + j)] =
                (p[0] + p[1] + p[fine.n] + p[fine.n + 1]) / 4;
          }
      }
      level.assemble();
    }
    factorize(levels_.back());
  }
  void factorize(const Level& level) {
    const Index m = level.n - 1;
    std::vector<Eigen::Triplet<double>> entries;
    const auto add = [&](Index i, Index j, Index i2, Index j2, double v) {
      if (j2 < 1 || j2 > m || i2 > m) return;
      entries.emplace_back(static_cast<int>((i2 - 1) * m + j2 - 1),
                           static_cast<int>((i - 1) * m + j - 1), v);
    };
    level.interior([&](std::size_t k) {
      const Index i = static_cast<Index>(k) / (level.n + 1),
                  j = static_cast<Index>(k) % (level.n + 1);
      add(i, j, i, j, level.centre[k]);
      add(i, j, i, j + 1, level.east[k]);
      add(i, j, i + 1, j, level.north[k]);
      add(i, j, i + 1, j + 1, level.ahead[k]);
      add(i, j, i + 1, j - 1, level.aback[k]);
    });
    SparseMatrix k(static_cast<int>(m * m), static_cast<int>(m * m));
    k.setFromTriplets(entries.begin(), entries.end());
    if (!analyzed_) ldlt_.analyzePattern(k);
    analyzed_ = true;
    ldlt_.factorize(k);
  }

  // levels_[l].u ~ K^-1 levels_[l].r, symmetric: two damped Jacobi sweeps before and after.
  void cycle(std::size_t l) {
    Level& level = levels_[l];
    if (l + 1 == levels_.size()) {
      const Index m = level.n - 1;
      Eigen::VectorXd b(m * m);
      Index q = 0;
      level.interior([&](std::size_t k) { b[q++] = level.r[k]; });
      const Eigen::VectorXd x = ldlt_.solve(b);
      q = 0;
      level.interior([&](std::size_t k) { level.u[k] = x[q++]; });
      return;
    }
    level.interior([&](std::size_t k) { level.u[k] = damping * level.r[k] / level.centre[k]; });
    smooth(level);
    Level& coarse = levels_[l + 1];
    level.apply(level.u, level.t);
    level.interior([&](std::size_t k) { level.t[k] = level.r[k] - level.t[k]; });
    const Index m = level.n + 1;
    coarse.interior([&](std::size_t k) {  // the transpose of bilinear interpolation
      const Index i = static_cast<Index>(k) / (coarse.n + 1),
                  j = static_cast<Index>(k) % (coarse.n + 1);
      const double* t = level.t.data() + 2 * i * m + 2 * j;
      coarse.r[k] = t[0] + 0.5 * (t[1] + t[-1] + t[m] + t[-m]) +
                    0.25 * (t[m + 1] + t[m - 1] + t[1 - m] + t[-1 - m]);
    });
    cycle(l + 1);
    const Index c = coarse.n + 1;
    for (Index i = 0; i < coarse.n; ++i)
      for (Index j = 0; j < coarse.n; ++j) {
        const double* v = coarse.u.data() + i * c + j;
        double* u = level.u.data() + 2 * i * m + 2 * j;
        u[0] += v[0];
        u[1] += 0.5 * (v[0] + v[1]);
        u[m] += 0.5 * (v[0] + v[c]);
        u[m + 1] += 0.25 * (v[0] + v[1] + v[c] + v[c + 1]);
      }
    smooth(level);
    smooth(level);
  }
  static void smooth(Level& level) {
    level.apply(level.u, level.t);
    level.interior([&](std::size_t k) {
      level.u[k] += damping * (level.r[k] - level.t[k]) / level.centre[k];
    });
  }

  static constexpr double damping = 0.8;
  std::vector<Level> levels_;  // finest first
  SparseLdlt ldlt_;
  bool analyzed_ = false;
  Index n_iterations_ = 0;
};

/// PDEBench's set: a in {0.1, 1} on 128 x 128 cells -> u at their centres, f = beta.
struct PdebenchDarcy {
  Index n = 128;
  double beta = 1;
  Index refine =
      2;  ///< even: elements a side of each cell. 2 leaves an error of 3e-4 to 5e-4, 4 of 1e-4

  /// An empty set with this problem's sizes.
  [[nodiscard]] GridSet describe() const {
    if (n < 2 || refine < 2 || refine % 2 != 0)
      throw Error("PdebenchDarcy", "n >= 2 and refine even",
                  "n = " + std::to_string(n) + ", refine = " + std::to_string(refine),
                  "Start from the defaults.");
    GridSet set;
    set.input = GridField(0, 1, {n, n});
    set.u = GridField(0, 1, {n, n});
    set.axes = {cell_centres(n), cell_centres(n)};
    set.layout = GridPoints::centres;
    return set;
  }
  /// 1 where the sum of five Gaussian bumps exceeds its mean, else 0.1: (x, y). The published
  /// generator takes the mean of each batch of 200; here it is the expectation, so that a sample
  /// does not depend on its neighbours.
  [[nodiscard]] std::vector<double> coefficient(std::uint64_t seed, std::uint64_t i) const {
    Random random = Random::stream(seed, i);
    std::vector<double> bumps(static_cast<std::size_t>(n * n), 0.0);
    const auto centres = cell_centres(n);
    std::vector<double> ex(centres.size()), ey(centres.size());
    for (int b = 0; b < 5; ++b) {
      const double x0 = random.uniform(), y0 = random.uniform(), width = 0.5 * random.uniform();
      for (std::size_t k = 0; k < centres.size(); ++k) {
        ex[k] = std::exp(-std::pow(centres[k] - x0, 2) / width);
        ey[k] = std::exp(-std::pow(centres[k] - y0, 2) / width);
      }
      for (std::size_t x = 0; x < ex.size(); ++x)
        for (std::size_t y = 0; y < ey.size(); ++y) bumps[x * ey.size() + y] += ex[x] * ey[y];
    }
    const double mean = expected_bumps();
    for (double& v : bumps) v = v > mean ? 1 : 0.1;
    return bumps;
  }
  /// The mean over the square and over all draws of the sum of bumps.
  [[nodiscard]] static double expected_bumps() {
    double sum = 0;
    constexpr int n_widths = 2000;
    for (int k = 0; k < n_widths; ++k) {
      const double w = 0.5 * (k + 0.5) / n_widths;  // of exp(-r^2 / w), centre and point uniform
      const double side =
          std::sqrt(std::numbers::pi * w) * std::erf(1 / std::sqrt(w)) + w * (std::exp(-1 / w) - 1);
      sum += side * side;
    }
    return 5 * sum / n_widths;
  }
  /// input a (x, y), u (x, y).
  [[nodiscard]] GridSample sample(std::uint64_t seed, std::uint64_t i) const {
    return solve(coefficient(seed, i));
  }
  /// @param a  (x, y), positive
  [[nodiscard]] GridSample solve(std::span<const double> a) const {
    static_cast<void>(describe());  // checks the sizes
    GridSample s;
    for (const double x : a) s.input.push_back(static_cast<float>(x));
    const Index m = n * refine;
    std::vector<double> fine(static_cast<std::size_t>(m * m));
    if (a.size() == static_cast<std::size_t>(n * n))
      for (Index x = 0; x < m; ++x)
        for (Index y = 0; y < m; ++y)
          fine[static_cast<std::size_t>(x * m + y)] =
              a[static_cast<std::size_t>(x / refine * n + y / refine)];
    else
      throw Error("PdebenchDarcy", std::to_string(n * n) + " coefficients",
                  std::to_string(a.size()), "Give a in every cell.");
    const auto u = GridDarcySolver(m).solve(fine, beta);
    for (Index x = 0; x < n; ++x)
      for (Index y = 0; y < n; ++y)
        s.u.push_back(static_cast<float>(u[static_cast<std::size_t>(
            (x * refine + refine / 2) * (m + 1) + y * refine + refine / 2)]));
    return s;
  }
};

/// FNO's set: a = 12 where a Gaussian field is positive, else 3, -> u, both at n x n nodes, f = 1.
struct FnoDarcy {
  Index n = 85;  ///< nodes a side; 421 in the published files, of which every 5th is taken
  double high = 12, low = 3;
  Index refine = 4;    ///< elements between two nodes; 4 leaves an error near 5e-4 at n = 85
  Index n_modes = 64;  ///< of the field N(0, (-lap + 9)^-2), Neumann

  /// An empty set with this problem's sizes.
  [[nodiscard]] GridSet describe() const {
    if (n < 3 || refine < 1 || !(high > 0) || !(low > 0))
      throw Error("FnoDarcy", "n >= 3, refine >= 1, positive coefficients",
                  "n = " + std::to_string(n) + ", refine = " + std::to_string(refine) + ", " +
                      std::to_string(high) + " and " + std::to_string(low),
                  "Start from the defaults.");
    GridSet set;
    set.input = GridField(0, 1, {n, n});
    set.u = GridField(0, 1, {n, n});
    set.axes = {grid_nodes(n), grid_nodes(n)};
    set.layout = GridPoints::nodes;
    return set;
  }
  /// input a (x, y), u (x, y).
  [[nodiscard]] GridSample sample(std::uint64_t seed, std::uint64_t i) const {
    static_cast<void>(describe());  // checks the sizes
    Random random = Random::stream(seed, i);
    const GaussianField2 field(FieldBasis::cosine, {3, 2, 3, false}, n_modes, random);
    const auto nodes = grid_nodes(n), centres = cell_centres((n - 1) * refine);
    GridSample s;
    const auto at_nodes = field.on_grid(nodes, nodes);
    for (Index k = 0; k < at_nodes.size(); ++k)
      s.input.push_back(static_cast<float>(at_nodes.data()[k] >= 0 ? high : low));
    const auto at_centres = field.on_grid(centres, centres);
    std::vector<double> a;
    for (Index k = 0; k < at_centres.size(); ++k)
      a.push_back(at_centres.data()[k] >= 0 ? high : low);
    s.u = at_coarse_nodes(GridDarcySolver((n - 1) * refine).solve(a, 1.0));
    return s;
  }

 private:
  [[nodiscard]] std::vector<float> at_coarse_nodes(const std::vector<double>& u) const {
    std::vector<float> kept;
    const Index m = (n - 1) * refine + 1;
    for (Index x = 0; x < n; ++x)
      for (Index y = 0; y < n; ++y)
        kept.push_back(static_cast<float>(u[static_cast<std::size_t>(refine * (x * m + y))]));
    return kept;
  }
};

}  // namespace amq::lab
