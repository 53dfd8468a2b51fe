#pragma once
/// @file
/// Complex discrete Fourier transform of many columns at once, for pseudo-spectral solvers.

#include <amq/core/aligned.hpp>
#include <amq/core/error.hpp>
#include <amq/core/matrix_view.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::lab {

/// Real and imaginary parts side by side, so that a row is two plain vectors: (row, column) each.
struct ComplexGrid {
  Index rows = 0, cols = 0;
  AlignedVector<double> re, im;

  ComplexGrid() = default;
  ComplexGrid(Index r, Index c)
      : rows(r),
        cols(c),
        re(static_cast<std::size_t>(r * c)),
        im(static_cast<std::size_t>(r * c)) {}
  [[nodiscard]] Index size() const noexcept { return rows * cols; }
  void swap(ComplexGrid& o) noexcept {
    std::swap(rows, o.rows), std::swap(cols, o.cols);
    re.swap(o.re), im.swap(o.im);
  }
};

/// Neighbouring columns of a grid.
struct Columns {
  Index first = 0, count = 0;
};

/// Stockham's self-sorting transform down the rows, radix 4, 2, 3, 5 and any prime. All columns go
/// through a butterfly together, which is what makes it 5 times faster on a square grid than
/// transforming one row after the other with Eigen's kissfft.
class ColumnFft {
 public:
  /// @param n  rows of the grids to come  @throws Error where n < 1
  explicit ColumnFft(Index n) : n_(n) {
    if (n < 1) throw Error("ColumnFft", "at least 1 row", std::to_string(n), "Pass a grid.");
    for (Index left = n; left > 1;) {
      Index r = left % 4 == 0 ? 4 : 2;
      while (left % r != 0) ++r;
      radix_.push_back(r);
      left /= r;
    }
    for (Index k = 0; k < n; ++k) {
      const double a = 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
      cos_.push_back(std::cos(a));
      sin_.push_back(std::sin(a));
    }
  }
  [[nodiscard]] Index rows() const noexcept { return n_; }

  /// x_k = sum_j x_j exp(-+ 2 pi i j k / n), minus for forward; no division by n.
  /// @param work  scratch, takes the shape of x
  void operator()(ComplexGrid& x, ComplexGrid& work, bool inverse) const {
    const Columns all{0, x.cols};
    (*this)(x, work, inverse, std::span(&all, 1));
  }
  /// The same for some columns; what is in the others afterwards means nothing.
  void operator()(ComplexGrid& x, ComplexGrid& work, bool inverse,
                  std::span<const Columns> columns) const {
    if (x.rows != n_)
      throw Error("ColumnFft", std::to_string(n_) + " rows", std::to_string(x.rows),
                  "Build a transform for this size.");
    if (work.size() != x.size()) work = ComplexGrid(x.rows, x.cols);
    work.rows = x.rows, work.cols = x.cols;
    // The inverse is the forward transform with the parts exchanged.
    double *ar = x.re.data(), *ai = x.im.data(), *br = work.re.data(), *bi = work.im.data();
    if (inverse) std::swap(ar, ai), std::swap(br, bi);
    Index done = 1;
    bool odd = false;
    for (const Index r : radix_) {
      for (const Columns& c : columns)
        pass(r, done, x.cols, c.count, ar + c.first, ai + c.first, br + c.first, bi + c.first);
      std::swap(ar, br), std::swap(ai, bi);
      done *= r;
      odd = !odd;
    }
    if (odd) x.swap(work);
  }

 private:
  // One pass of radix r after `l` of n are done: reads (r, n / r / l, l), writes (n / r / l, r, l),
  // m columns of rows that lie `stride` apart.
  void pass(Index r, Index l, Index stride, Index m, const double* ar, const double* ai, double* br,
            double* bi) const {
    const Index groups = n_ / (r * l);
    for (Index g = 0; g < l; ++g) {
      for (Index b = 0; b < groups; ++b) {
        // Leg q comes from row (q groups + b) l + g and is turned by w^(q g n / (r l)).
        const auto from = [&](Index q) { return ((q * groups + b) * l + g) * stride; };
        const auto to = [&](Index q) { return ((b * r + q) * l + g) * stride; };
        const Index turn = g * groups;
        if (r == 2)
          radix2(m, turn, ar + from(0), ai + from(0), ar + from(1), ai + from(1), br + to(0),
                 bi + to(0), br + to(1), bi + to(1));
        else if (r == 3)
          radix3(m, turn, ar + from(0), ai + from(0), ar + from(1), ai + from(1), ar + from(2),
                 ai + from(2), br + to(0), bi + to(0), br + to(1), bi + to(1), br + to(2),
                 bi + to(2));
        else if (r == 4)
          radix4(m, turn, ar + from(0), ai + from(0), ar + from(1), ai + from(1), ar + from(2),
                 ai + from(2), ar + from(3), ai + from(3), br + to(0), bi + to(0), br + to(1),
                 bi + to(1), br + to(2), bi + to(2), br + to(3), bi + to(3));
        else
          radix_any(r, m, turn, ar, ai, br, bi, from, to);
      }
    }
  }
  [[nodiscard]] double c(Index k) const noexcept { return cos_[static_cast<std::size_t>(k % n_)]; }
  [[nodiscard]] double s(Index k) const noexcept { return sin_[static_cast<std::size_t>(k % n_)]; }

  void radix2(Index m, Index turn, const double* __restrict a0, const double* __restrict b0,
              const double* __restrict a1, const double* __restrict b1, double* __restrict x0,
              double* __restrict y0, double* __restrict x1, double* __restrict y1) const {
    const double wc = c(turn), ws = s(turn);
    for (Index j = 0; j < m; ++j) {
      const double tr = a1[j] * wc + b1[j] * ws, ti = b1[j] * wc - a1[j] * ws;
      x0[j] = a0[j] + tr, y0[j] = b0[j] + ti;
      x1[j] = a0[j] - tr, y1[j] = b0[j] - ti;
    }
  }
  void radix3(Index m, Index turn, const double* __restrict a0, const double* __restrict b0,
              const double* __restrict a1, const double* __restrict b1, const double* __restrict a2,
              const double* __restrict b2, double* __restrict x0, double* __restrict y0,
              double* __restrict x1, double* __restrict y1, double* __restrict x2,
              double* __restrict y2) const {
    const double c1 = c(turn), s1 = s(turn), c2 = c(2 * turn), s2 = s(2 * turn);
    constexpr double half_root3 = std::numbers::sqrt3 / 2;
    for (Index j = 0; j < m; ++j) {
      const double r1 = a1[j] * c1 + b1[j] * s1, i1 = b1[j] * c1 - a1[j] * s1;
      const double r2 = a2[j] * c2 + b2[j] * s2, i2 = b2[j] * c2 - a2[j] * s2;
      const double pr = r1 + r2, pi = i1 + i2;
      const double qr = half_root3 * (i1 - i2), qi = half_root3 * (r2 - r1);
      const double er = a0[j] - 0.5 * pr, ei = b0[j] - 0.5 * pi;
      x0[j] = a0[j] + pr, y0[j] = b0[j] + pi;
      x1[j] = er + qr, y1[j] = ei + qi;
      x2[j] = er - qr, y2[j] = ei - qi;
    }
  }
  // Sixteen restricted parameters: compilers vectorize on the promise in a signature only.
  void radix4(Index m, Index turn, const double* __restrict a0, const double* __restrict b0,
              const double* __restrict a1, const double* __restrict b1, const double* __restrict a2,
              const double* __restrict b2, const double* __restrict a3, const double* __restrict b3,
              double* __restrict x0, double* __restrict y0, double* __restrict x1,
              double* __restrict y1, double* __restrict x2, double* __restrict y2,
              double* __restrict x3, double* __restrict y3) const {
    const double c1 = c(turn), s1 = s(turn), c2 = c(2 * turn), s2 = s(2 * turn), c3 = c(3 * turn),
                 s3 = s(3 * turn);
    for (Index j = 0; j < m; ++j) {
      const double r1 = a1[j] * c1 + b1[j] * s1, i1 = b1[j] * c1 - a1[j] * s1;
      const double r2 = a2[j] * c2 + b2[j] * s2, i2 = b2[j] * c2 - a2[j] * s2;
      const double r3 = a3[j] * c3 + b3[j] * s3, i3 = b3[j] * c3 - a3[j] * s3;
      const double pr = a0[j] + r2, pi = b0[j] + i2, qr = a0[j] - r2, qi = b0[j] - i2;
      const double er = r1 + r3, ei = i1 + i3, fr = r1 - r3, fi = i1 - i3;
      x0[j] = pr + er, y0[j] = pi + ei;
      x2[j] = pr - er, y2[j] = pi - ei;
      x1[j] = qr + fi, y1[j] = qi - fr;
      x3[j] = qr - fi, y3[j] = qi + fr;
    }
  }
  template <typename From, typename To>
  void radix_any(Index r, Index m, Index turn, const double* ar, const double* ai, double* br,
                 double* bi, const From& from, const To& to) const {
    for (Index k = 0; k < r; ++k) {
      double* __restrict x = br + to(k), * __restrict y = bi + to(k);
      std::fill(x, x + m, 0.0);
      std::fill(y, y + m, 0.0);
      for (Index q = 0; q < r; ++q) {
        const double* __restrict a = ar + from(q), * __restrict b = ai + from(q);
        const Index w = q * turn + (q * k % r) * (n_ / r);
        const double wc = c(w), ws = s(w);
        for (Index j = 0; j < m; ++j) {
          x[j] += a[j] * wc + b[j] * ws;
          y[j] += b[j] * wc - a[j] * ws;
        }
      }
    }
  }

  Index n_;
  std::vector<Index> radix_;
  std::vector<double> cos_, sin_;
};

/// Transform of a grid (x, y) in both directions. The spectrum comes transposed, (ky, kx), and the
/// inverse takes it so: one transposition a transform instead of two.
class Fft2 {
 public:
  /// @param band  only |kx| <= band matter: forward leaves the others undefined, inverse takes them
  ///              for 0 whatever they hold. Negative: all matter.
  Fft2(Index nx, Index ny, Index band = -1) : x_(nx), y_(ny) {
    if (band < 0 || 2 * band + 1 >= nx)
      kept_ = {{0, nx}};
    else if (band == 0)
      kept_ = {{0, 1}};
    else
      kept_ = {{0, band + 1}, {nx - band, band}};
  }
  /// The columns kx of a spectrum that matter.
  [[nodiscard]] std::span<const Columns> kept() const noexcept { return kept_; }

  /// (x, y) -> (ky, kx), not divided by anything.
  void forward(ComplexGrid& g, ComplexGrid& work) const {
    x_(g, work, false);
    work.rows = g.cols, work.cols = g.rows;
    for (const Columns& c : kept_)
      for (Index k = 0; k < g.cols; k += block)
        transpose(g, work, {c.first, c.count}, {k, std::min(block, g.cols - k)});
    g.swap(work);
    y_(g, work, false, kept_);
  }
  /// (ky, kx) -> (x, y), not divided by anything.
  void inverse(ComplexGrid& g, ComplexGrid& work) const {
    y_(g, work, true, kept_);
    work.rows = g.cols, work.cols = g.rows;
    Index done = 0;
    for (const Columns& c : kept_) {
      zero(work, done, c.first);
      for (Index k = 0; k < g.rows; k += block)
        transpose(g, work, {k, std::min(block, g.rows - k)}, c);
      done = c.first + c.count;
    }
    zero(work, done, work.rows);
    g.swap(work);
    x_(g, work, true);
  }

 private:
  static constexpr Index block = 8;  // a cache line of each side
  static void transpose(const ComplexGrid& g, ComplexGrid& to, Columns rows,
                        Columns cols) noexcept {
    for (Index i0 = rows.first; i0 < rows.first + rows.count; i0 += block)
      for (Index j0 = cols.first; j0 < cols.first + cols.count; j0 += block)
        for (Index i = i0; i < std::min(i0 + block, rows.first + rows.count); ++i)
          for (Index j = j0; j < std::min(j0 + block, cols.first + cols.count); ++j) {
            const auto a = static_cast<std::size_t>(i * g.cols + j);
            const auto b = static_cast<std::size_t>(j * g.rows + i);
            to.re[b] = g.re[a];
            to.im[b] = g.im[a];
          }
  }
  static void zero(ComplexGrid& g, Index first_row, Index end_row) noexcept {
    std::fill(g.re.begin() + first_row * g.cols, g.re.begin() + end_row * g.cols, 0.0);
    std::fill(g.im.begin() + first_row * g.cols, g.im.begin() + end_row * g.cols, 0.0);
  }
  ColumnFft x_, y_;
  std::vector<Columns> kept_;
};

}  // namespace amq::lab
