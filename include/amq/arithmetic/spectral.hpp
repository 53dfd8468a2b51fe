#pragma once
/// @file
/// Truncated Fourier transforms of grids as products with cached cosine and sine matrices, one axis
/// after the other (design decision 6): any size, only the modes that are kept.

#include <amq/arithmetic/grid_operation.hpp>
#include <amq/arithmetic/row_products.hpp>
#include <amq/core/portable_math.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

namespace amq {

/// The lowest frequencies of each axis: 0 .. m - 1 of the last, of the others also -m .. -1, as
/// rfftn orders them. Mode ((k0 ...) K_last + k_last), k in the order 0 .. m - 1, -m .. -1.
struct SpectralModes {
  int dims = 1;
  std::array<Index, 3> m{1, 1, 1};

  /// Frequencies kept along an axis.
  [[nodiscard]] Index kept(int axis) const noexcept {
    return m[static_cast<std::size_t>(axis)] * (axis + 1 < dims ? 2 : 1);
  }
  [[nodiscard]] Index count() const noexcept {
    Index k = 1;
    for (int a = 0; a < dims; ++a) k *= kept(a);
    return k;
  }
  /// @throws Error where the grid is too small for the modes
  void check(const GridShape& g) const {
    if (g.dims != dims)
      throw Error("spectral convolution", std::to_string(dims) + " axes", g.text(),
                  "Pass a grid of the model's dimension.");
    for (int a = 0; a < dims; ++a) {
      const Index need = a + 1 < dims ? kept(a) : 2 * (m[static_cast<std::size_t>(a)] - 1);
      if (g[a] < need || g[a] < 1)
        throw Error("spectral convolution",
                    "at least " + std::to_string(need) + " points along axis " + std::to_string(a) +
                        " for " + std::to_string(m[static_cast<std::size_t>(a)]) + " modes",
                    g.text(), "Take fewer modes, or a finer grid.");
    }
  }
};

namespace ops {

/// e^{-2 pi i f j / n} for the kept frequencies f and the points j as real matrices. Complex rows
/// come in pairs, real part and imaginary part. The one-sided matrices of an inverse have the
/// weights a one-sided spectrum has: 2, or 1 and 0 at zero and n / 2.
template <typename T>
struct DftTable {
  Index n = 0, kept = 0;
  std::vector<T> real, real_t;        ///< (2 kept, n) points to modes, and its transpose
  std::vector<T> inverse, inverse_t;  ///< (n, 2 kept) modes to points without 1 / n; transpose
  std::vector<T> complex, conjugate;  ///< (2 kept, 2 n) there and (2 n, 2 kept) back

  DftTable(Index points, Index modes, bool two_sided)
      : n(points), kept(two_sided ? 2 * modes : modes) {
    const auto size = static_cast<std::size_t>(2 * kept * n);
    for (auto* v : {&real, &real_t, &inverse, &inverse_t}) v->resize(size);
    for (auto* v : {&complex, &conjugate}) v->resize(2 * size);
    const auto put = [](std::vector<T>& m, Index cols, Index i, Index j, double v) {
      m[static_cast<std::size_t>(i * cols + j)] = static_cast<T>(v);
    };
    for (Index k = 0; k < kept; ++k) {
      const Index f = k < modes ? k : k - kept;
      const bool alone = f == 0 || 2 * f == n;
      for (Index j = 0; j < n; ++j) {
        // The angle is reduced first: f j is exact, its cosine then as good as double can.
        const auto turn = static_cast<double>(((f * j) % n + n) % n) / static_cast<double>(n);
        const auto wave = portable::sincospi(2 * turn);
        const double re = wave.cos, im = -wave.sin;
        for (const Index part : {0, 1}) {
          const double v = part ? im : re, w = alone ? (part ? 0 : v) : 2 * v;
          put(real, n, 2 * k + part, j, v);
          put(real_t, 2 * kept, j, 2 * k + part, v);
          put(inverse, 2 * kept, j, 2 * k + part, w);
          put(inverse_t, n, 2 * k + part, j, w);
          // (re + i im) x, and (re - i im) y.
          put(complex, 2 * n, 2 * k + part, 2 * j + part, re);
          put(complex, 2 * n, 2 * k + part, 2 * j + 1 - part, part ? im : -im);
          put(conjugate, 2 * kept, 2 * j + part, 2 * k + part, re);
          put(conjugate, 2 * kept, 2 * j + part, 2 * k + 1 - part, part ? -im : im);
        }
      }
    }
  }
};

/// Made once per size and kept for the life of the program.
template <typename T>
const DftTable<T>& dft_table(Index n, Index modes, bool two_sided) {
  static std::mutex mutex;
  static std::map<std::tuple<Index, Index, bool>, std::unique_ptr<DftTable<T>>> tables;
  const std::scoped_lock lock(mutex);
  auto& t = tables[{n, modes, two_sided}];
  if (!t) t = std::make_unique<DftTable<T>>(n, modes, two_sided);
  return *t;
}

/// The transforms between points and kept modes, and their adjoints, which are each other's.
template <typename T>
class SpectralTransform {
 public:
  /// @param inverse  the tables of irfft instead of those of rfft; without its 1 / n
  SpectralTransform(const GridShape& g, const SpectralModes& m, Index channels, bool inverse,
                    Executor& executor)
      : g_(g), m_(m), c_(channels), executor_(&executor) {
    for (int a = 0; a < g.dims; ++a)
      table_[static_cast<std::size_t>(a)] =
          &dft_table<T>(g[a], m.m[static_cast<std::size_t>(a)], a + 1 < g.dims);
    const DftTable<T>& last = *table_[static_cast<std::size_t>(g.dims - 1)];
    to_ = inverse ? last.inverse_t.data() : last.real.data();
    from_ = inverse ? last.inverse.data() : last.real_t.data();
  }

  /// x (sample, points, channel) -> (sample, mode, re | im, channel)
  void to_modes(MatrixView<const T> x, std::vector<T>& out) const {
    const int last = g_.dims - 1;
    const Index n = g_[last], kept = m_.kept(last), outer = g_.rows() / n;
    out.resize(static_cast<std::size_t>(outer * kept * 2 * c_));
    each(outer, [&](Index o) {
      row_products<T>(to_, 2 * kept, n, {x.row(o * n), 2 * x.stride, x.stride}, c_,
                      {out.data() + o * kept * 2 * c_, 2 * c_, c_}, false);
    });
    static thread_local std::vector<T> next;
    for (int a = last - 1; a >= 0; --a) {
      complex_axis(a, out, next, true);
      out.swap(next);
    }
  }
  /// (sample, mode, re | im, channel) -> x (sample, points, channel), written or added to.
  /// `modes` is used up.
  void from_modes(std::vector<T>& modes, MatrixView<T> x, bool add) const {
    const int last = g_.dims - 1;
    static thread_local std::vector<T> next;
    for (int a = 0; a < last; ++a) {
      complex_axis(a, modes, next, false);
      modes.swap(next);
    }
    const Index n = g_[last], kept = m_.kept(last), outer = g_.rows() / n;
    each(outer, [&](Index o) {
      row_products<T>(from_, n, 2 * kept, {modes.data() + o * kept * 2 * c_, 2 * c_, c_}, c_,
                      {x.row(o * n), 2 * x.stride, x.stride}, add);
    });
  }

 private:
  /// Along one of the axes before the last; those before it still hold points, those after it
  /// modes.
  void complex_axis(int axis, const std::vector<T>& x, std::vector<T>& out, bool forward) const {
    const DftTable<T>& t = *table_[static_cast<std::size_t>(axis)];
    Index outer = g_.samples, inner = 1;
    for (int a = 0; a < axis; ++a) outer *= g_[a];
    for (int a = axis + 1; a < g_.dims; ++a) inner *= m_.kept(a);
    const Index from_n = forward ? t.n : t.kept, to_n = forward ? t.kept : t.n;
    const Index stride = inner * 2 * c_;
    const T* w = forward ? t.complex.data() : t.conjugate.data();
    out.resize(static_cast<std::size_t>(outer * to_n * stride));
    each(outer * inner, [&](Index task) {
      const Index o = task / inner, p = task % inner;
      row_products<T>(w, 2 * to_n, 2 * from_n,
                      {x.data() + o * from_n * stride + 2 * p * c_, stride, c_}, c_,
                      {out.data() + o * to_n * stride + 2 * p * c_, stride, c_}, false);
    });
  }
  template <typename Body>
  void each(Index n, const Body& body) const {
    executor_->parallel_for(static_cast<std::size_t>(n), 4, [&](std::size_t b, std::size_t e) {
      for (auto i = static_cast<Index>(b); i < static_cast<Index>(e); ++i) body(i);
    });
  }

  GridShape g_;
  SpectralModes m_;
  Index c_;
  Executor* executor_;
  std::array<const DftTable<T>*, 3> table_{};
  const T *to_ = nullptr, *from_ = nullptr;  // of the last axis
};

namespace detail {
/// (sample, mode, n) and (mode, sample, n) into each other.
template <typename T>
void swap_samples(const T* x, Index outer, Index inner, Index n, T* out) noexcept {
  for (Index i = 0; i < outer; ++i)
    for (Index j = 0; j < inner; ++j)
      std::copy_n(x + (i * inner + j) * n, n, out + (j * outer + i) * n);
}
}  // namespace detail

/// rfftn: (sample x point, channel) -> (mode x sample x {re, im}, channel), kept modes only.
struct SpectralForward {
  static constexpr const char* name = "fourier transform";
  GridShape grid;
  SpectralModes modes;

  [[nodiscard]] MatrixShape shape(MatrixShape s) const noexcept {
    return {modes.count() * grid.samples * 2, s.cols};
  }
  [[nodiscard]] double cost(MatrixShape) const noexcept { return 0; }
  [[nodiscard]] double macs(MatrixShape s) const noexcept {
    double rows = static_cast<double>(grid.rows()), products = 0;
    for (int a = grid.dims - 1; a >= 0; --a) {
      const double kept = static_cast<double>(modes.kept(a));
      products += rows * kept * (a + 1 == grid.dims ? 2.0 : 4.0);
      rows *= kept / static_cast<double>(grid[a]);
    }
    return products * static_cast<double>(s.cols);
  }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor& executor) const {
    static thread_local std::vector<T> m;  // kept: new memory would be filled first
    SpectralTransform<T>(grid, modes, x.cols, false, executor).to_modes(x, m);
    detail::swap_samples(m.data(), grid.samples, modes.count(), 2 * x.cols, out.data);
  }
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T> dy,
                MatrixView<T> dx) const {
    static thread_local std::vector<T> m;
    m.resize(static_cast<std::size_t>(dy.size()));
    detail::swap_samples(dy.data, modes.count(), grid.samples, 2 * dy.cols, m.data());
    SpectralTransform<T>(grid, modes, dy.cols, false, serial_executor()).from_modes(m, dx, true);
  }
};

/// irfftn of what mixing left: rows (mode x sample x {re, im}) with columns [x Wr | x Wi], of which
/// the complex product is (re Wr - im Wi) + i (re Wi + im Wr). -> (sample x point, channel)
struct SpectralInverse {
  static constexpr const char* name = "inverse transform";
  GridShape grid;
  SpectralModes modes;

  [[nodiscard]] MatrixShape shape(MatrixShape s) const noexcept {
    return {grid.rows(), s.cols / 2};
  }
  [[nodiscard]] double cost(MatrixShape) const noexcept { return 0; }
  [[nodiscard]] double macs(MatrixShape s) const noexcept {
    return SpectralForward{grid, modes}.macs({s.rows, s.cols / 2});
  }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor& executor) const {
    const Index c = out.cols, n = modes.count(), s = grid.samples;
    const T scale = T(1) / static_cast<T>(grid.points());
    static thread_local std::vector<T> m;
    m.resize(static_cast<std::size_t>(n * s * 2 * c));
    for (Index k = 0; k < n; ++k)
      for (Index i = 0; i < s; ++i) {
        const T *re = x.row(2 * (k * s + i)), *im = x.row(2 * (k * s + i) + 1);
        T* to = m.data() + (i * n + k) * 2 * c;
        for (Index j = 0; j < c; ++j) to[j] = (re[j] - im[c + j]) * scale;
        for (Index j = 0; j < c; ++j) to[c + j] = (re[c + j] + im[j]) * scale;
      }
    SpectralTransform<T>(grid, modes, c, true, executor).from_modes(m, out, false);
  }
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T> dy,
                MatrixView<T> dx) const {
    const Index c = dy.cols, n = modes.count(), s = grid.samples;
    const T scale = T(1) / static_cast<T>(grid.points());
    static thread_local std::vector<T> m;  // kept: new memory would be filled first
    SpectralTransform<T>(grid, modes, c, true, serial_executor()).to_modes(dy, m);
    for (Index k = 0; k < n; ++k)
      for (Index i = 0; i < s; ++i) {
        T *re = dx.row(2 * (k * s + i)), *im = dx.row(2 * (k * s + i) + 1);
        const T *gr = m.data() + (i * n + k) * 2 * c, *gi = gr + c;
        for (Index j = 0; j < c; ++j) {
          re[j] += gr[j] * scale;
          im[c + j] -= gr[j] * scale;
          re[c + j] += gi[j] * scale;
          im[j] += gi[j] * scale;
        }
      }
  }
};

}  // namespace ops

static_assert(grid_operation<ops::SpectralForward> && grid_operation<ops::SpectralInverse>);

}  // namespace amq
