#pragma once
/// @file
/// Truncated Fourier transforms of grids as products with cached cosine and sine matrices, one axis
/// after the other (design decision 6): any size, only the modes that are kept. What cosines and
/// sines have in common is used: a quarter to a half of the multiplications that the matrices have.
/// In float, or in integers: gradients are then those of the float transform (straight through).

#include <amq/core/aligned.hpp>
#include <amq/core/portable_math.hpp>
#include <amq/ops/grid_shape.hpp>
#include <amq/ops/operation.hpp>
#include <amq/ops/product_bits.hpp>
#include <amq/ops/transform_matrix.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

namespace amq::ops {

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

/// Cosines and sines of 2 pi k j / n as matrices between points and frequencies k >= 0. The points
/// j and n - j have the same cosine and opposite sines: matrices have half of the points, and meet
/// sums and differences of the two.
template <typename T>
struct DftTable {
  Index n = 0;      ///< points
  Index count = 0;  ///< frequencies k = 0 .. count - 1
  Index even = 0;   ///< points that sums have: j = 0 .. n / 2
  Index odd = 0;    ///< points that differences have: j = 1 .. (n - 1) / 2

  /// One direction of both: (count, even) and (count, odd), or transposed.
  struct Pair {
    TransformMatrix<T> cos, minus_sin;
  };
  Pair to_modes, from_modes;
  /// The same with the weights that a one-sided spectrum has: 2, or 1 and, of sines, 0 at zero and
  /// n / 2.
  Pair one_sided_to, one_sided_from;

  /// @param both_signs  frequencies -modes .. -1 are kept, too
  /// @param bits        of the matrices' codes; 0: there are none
  DftTable(Index points, Index modes, bool both_signs, int bits)
      : n(points), count(both_signs ? modes + 1 : modes), even(n / 2 + 1), odd((n - 1) / 2) {
    for (Pair* p : {&to_modes, &one_sided_to})
      *p = {TransformMatrix<T>(count, even), TransformMatrix<T>(count, odd)};
    for (Pair* p : {&from_modes, &one_sided_from})
      *p = {TransformMatrix<T>(even, count), TransformMatrix<T>(odd, count)};
    const auto put = [&](TransformMatrix<T> Pair::*m, Index k, Index j, double value,
                         double weight) {
      (to_modes.*m)(k, j) = (from_modes.*m)(j, k) = static_cast<T>(value);
      (one_sided_to.*m)(k, j) = (one_sided_from.*m)(j, k) = static_cast<T>(weight * value);
    };
    for (Index k = 0; k < count; ++k) {
      const bool alone = k == 0 || 2 * k == n;
      for (Index j = 0; j < even; ++j) {
        // The angle is reduced first: k j is exact, its cosine then as good as double can.
        const auto wave =
            portable::sincospi(2 * static_cast<double>(k * j % n) / static_cast<double>(n));
        put(&Pair::cos, k, j, wave.cos, alone ? 1 : 2);
        if (j >= 1 && j <= odd) put(&Pair::minus_sin, k, j - 1, -wave.sin, alone ? 0 : 2);
      }
    }
    if (bits)
      for (Pair* p : {&to_modes, &from_modes, &one_sided_to, &one_sided_from}) {
        p->cos.encode(bits);
        p->minus_sin.encode(bits);
      }
  }
};

/// Made once per size and kept for the life of the program.
template <typename T>
const DftTable<T>& dft_table(Index n, Index modes, bool both_signs, int bits) {
  static std::mutex mutex;
  static std::map<std::tuple<Index, Index, bool, int>, std::unique_ptr<DftTable<T>>> tables;
  const std::scoped_lock lock(mutex);
  auto& t = tables[{n, modes, both_signs, bits}];
  if (!t) t = std::make_unique<DftTable<T>>(n, modes, both_signs, bits);
  return *t;
}

/// The transforms between points and kept modes, and their adjoints, which are each other's.
template <typename T>
class SpectralTransform {
 public:
  /// @param inverse  the tables of irfft instead of those of rfft; without its 1 / n
  /// @param bits     the products' in integers; none: in float, as adjoints always are
  SpectralTransform(const GridShape& g, const SpectralModes& m, Index channels, bool inverse,
                    ProductBits bits, Executor& executor)
      : g_(g), m_(m), c_(channels), bits_(bits), executor_(&executor) {
    for (int a = 0; a < g.dims; ++a)
      table_[static_cast<std::size_t>(a)] =
          &dft_table<T>(g[a], m.m[static_cast<std::size_t>(a)], a + 1 < g.dims, bits.matrix);
    const DftTable<T>& last = *table_[static_cast<std::size_t>(g.dims - 1)];
    to_ = inverse ? &last.one_sided_to : &last.to_modes;
    from_ = inverse ? &last.one_sided_from : &last.from_modes;
  }

  /// x (sample, points, channel) -> (sample, mode, re | im, channel)
  void to_modes(MatrixView<const T> x, AlignedVector<T>& out) const {
    const int last = g_.dims - 1;
    const DftTable<T>& t = *table_[static_cast<std::size_t>(last)];
    const Index outer = g_.rows() / t.n, wide = 2 * c_;
    at_least(out, outer * t.count * wide);
    each(outer, [&](Index o) {
      const Folded f = fold(t, x.row(o * t.n), x.stride, c_);
      T* to = out.data() + o * t.count * wide;
      multiply(to_->cos, f.sum, c_, c_, to, wide);
      multiply(to_->minus_sin, f.difference, c_, c_, to + c_, wide);
    });
    static thread_local AlignedVector<T> next;
    for (int a = last - 1; a >= 0; --a) {
      complex_axis(a, out, next, true);
      out.swap(next);
    }
  }
  /// (sample, mode, re | im, channel) -> x (sample, points, channel), written or added to.
  /// `modes`, which may be longer, is used up.
  void from_modes(AlignedVector<T>& modes, MatrixView<T> x, bool add) const {
    const int last = g_.dims - 1;
    static thread_local AlignedVector<T> next;
    for (int a = 0; a < last; ++a) {
      complex_axis(a, modes, next, false);
      modes.swap(next);
    }
    const DftTable<T>& t = *table_[static_cast<std::size_t>(last)];
    const Index outer = g_.rows() / t.n, wide = 2 * c_;
    each(outer, [&](Index o) {
      const T* from = modes.data() + o * t.count * wide;
      const Folded f = room(t.even, t.odd, c_);
      multiply(from_->cos, from, wide, c_, f.sum, c_);
      multiply(from_->minus_sin, from + c_, wide, c_, f.difference, c_);
      const auto point = [&](Index j) { return x.row(o * t.n + j); };
      for (Index j = 1; j <= t.odd; ++j)
        plus_minus(f.sum + j * c_, f.difference + (j - 1) * c_, c_, point(j), point(t.n - j), add);
      copy_row(f.sum, c_, point(0), add);
      if (t.n % 2 == 0) copy_row(f.sum + t.n / 2 * c_, c_, point(t.n / 2), add);
    });
  }

 private:
  /// Rows j and n - j of points: their sums (even, width) and differences (odd, width).
  struct Folded {
    T *sum, *difference;
  };
  [[nodiscard]] static Folded room(Index sums, Index differences, Index width) {
    static thread_local AlignedVector<T> scratch;
    T* first = at_least(scratch, (sums + differences) * width);
    return {first, first + sums * width};
  }
  [[nodiscard]] static Folded fold(const DftTable<T>& t, const T* x, Index stride, Index width) {
    const Folded f = room(t.even, t.odd, width);
    copy_row(x, width, f.sum, false);
    if (t.n % 2 == 0) copy_row(x + t.n / 2 * stride, width, f.sum + t.n / 2 * width, false);
    for (Index j = 1; j <= t.odd; ++j)
      plus_minus(x + j * stride, x + (t.n - j) * stride, width, f.sum + j * width,
                 f.difference + (j - 1) * width, false);
    return f;
  }
  /// Rows of `width` numbers, one after the other at these strides.
  void multiply(const TransformMatrix<T>& m, const T* x, Index stride, Index width, T* y,
                Index y_stride) const {
    m.multiply(MatrixView<const T>(x, m.in(), width, stride),
               MatrixView<T>(y, m.out(), width, y_stride), bits_.rows);
  }
  static void copy_row(const T* from, Index n, T* to, bool add) noexcept {
    for (Index c = 0; c < n; ++c) to[c] = add ? to[c] + from[c] : from[c];
  }

  /// Along one of the axes before the last; those before it still hold points, those after it
  /// modes. Frequencies are in the order 0 .. m - 1, -m .. -1.
  void complex_axis(int axis, const AlignedVector<T>& x, AlignedVector<T>& out,
                    bool forward) const {
    const DftTable<T>& t = *table_[static_cast<std::size_t>(axis)];
    Index outer = g_.samples, inner = 1;
    for (int a = 0; a < axis; ++a) outer *= g_[a];
    for (int a = axis + 1; a < g_.dims; ++a) inner *= m_.kept(a);
    const Index wide = 2 * c_, stride = inner * wide, kept = m_.kept(axis);
    const Index from_n = forward ? t.n : kept, to_n = forward ? kept : t.n;
    at_least(out, outer * to_n * stride);
    each(outer * inner, [&](Index task) {
      const Index o = task / inner, p = task % inner;
      const T* from = x.data() + o * from_n * stride + p * wide;
      T* to = out.data() + o * to_n * stride + p * wide;
      if (forward)
        points_to_modes(t, from, stride, to);
      else
        modes_to_points(t, from, stride, to);
    });
  }
  /// X(k) = C + i S and X(-k) = C - i S, of C = sum cos x and S = sum -sin x.
  void points_to_modes(const DftTable<T>& t, const T* x, Index stride, T* modes) const {
    const Index wide = 2 * c_;
    const Folded f = fold(t, x, stride, wide);
    static thread_local AlignedVector<T> sums;
    T *cos = at_least(sums, 2 * t.count * wide), *sin = cos + t.count * wide;
    multiply(t.to_modes.cos, f.sum, wide, wide, cos, wide);
    multiply(t.to_modes.minus_sin, f.difference, wide, wide, sin, wide);
    const Index m = t.count - 1;
    static thread_local AlignedVector<T> unused;
    at_least(unused, wide);
    for (Index k = 0; k <= m; ++k) {
      T* positive = k < m ? modes + k * stride : unused.data();
      T* negative = k > 0 ? modes + (2 * m - k) * stride : unused.data();
      const T *c = cos + k * wide, *s = sin + k * wide;
      plus_minus(c, s + c_, c_, negative, positive, false);
      plus_minus(c + c_, s, c_, positive + c_, negative + c_, false);
    }
  }
  /// x(j) = A - i B and x(n - j) = A + i B, of A = sum cos (X(k) + X(-k)) and
  /// B = sum -sin (X(k) - X(-k)).
  void modes_to_points(const DftTable<T>& t, const T* modes, Index stride, T* x) const {
    const Index wide = 2 * c_, m = t.count - 1;
    static thread_local AlignedVector<T> both;
    T *sum = at_least(both, 2 * t.count * wide), *difference = sum + t.count * wide;
    copy_row(modes, wide, sum, false);
    std::fill_n(difference, wide, T(0));
    for (Index k = 1; k < m; ++k)
      plus_minus(modes + k * stride, modes + (2 * m - k) * stride, wide, sum + k * wide,
                 difference + k * wide, false);
    const T* last = modes + m * stride;  // -m is kept, m is not
    copy_row(last, wide, sum + m * wide, false);
    for (Index c = 0; c < wide; ++c) difference[m * wide + c] = -last[c];
    const Folded f = room(t.even, t.odd, wide);
    multiply(t.from_modes.cos, sum, wide, wide, f.sum, wide);
    multiply(t.from_modes.minus_sin, difference, wide, wide, f.difference, wide);
    copy_row(f.sum, wide, x, false);
    if (t.n % 2 == 0) copy_row(f.sum + t.n / 2 * wide, wide, x + t.n / 2 * stride, false);
    for (Index j = 1; j <= t.odd; ++j) {
      const T *a = f.sum + j * wide, *b = f.difference + (j - 1) * wide;
      T *here = x + j * stride, *there = x + (t.n - j) * stride;
      plus_minus(a, b + c_, c_, here, there, false);
      plus_minus(a + c_, b, c_, there + c_, here + c_, false);
    }
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
  ProductBits bits_;
  Executor* executor_;
  std::array<const DftTable<T>*, 3> table_{};
  const typename DftTable<T>::Pair *to_ = nullptr, *from_ = nullptr;  // of the last axis
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
  ProductBits bits{};

  [[nodiscard]] MatrixShape shape(MatrixShape s) const noexcept {
    return {modes.count() * grid.samples * 2, s.cols};
  }
  /// Sums and differences.
  [[nodiscard]] double cost(MatrixShape s) const noexcept { return count(s.cols, false); }
  [[nodiscard]] double macs(MatrixShape s) const noexcept { return count(s.cols, true); }
  [[nodiscard]] double count(Index channels, bool products) const noexcept {
    double rows = static_cast<double>(grid.rows()), sum = 0;
    for (int a = grid.dims - 1; a >= 0; --a) {
      const Index n = grid[a], odd = (n - 1) / 2;
      const bool real = a + 1 == grid.dims;
      const Index frequencies = modes.kept(a) / (real ? 1 : 2) + (real ? 0 : 1);
      const Index width = channels * (real ? 1 : 2);
      const Index each =
          products ? frequencies * (n / 2 + 1 + odd) : 2 * odd + (real ? 0 : 2 * frequencies);
      sum += rows / static_cast<double>(n) * static_cast<double>(each * width);
      rows *= static_cast<double>(modes.kept(a)) / static_cast<double>(n);
    }
    return sum;
  }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor& executor) const {
    static thread_local AlignedVector<T> m;  // kept: new memory would be filled first
    SpectralTransform<T>(grid, modes, x.cols, false, bits, executor).to_modes(x, m);
    detail::swap_samples(m.data(), grid.samples, modes.count(), 2 * x.cols, out.data);
  }
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T> dy,
                MatrixView<T> dx) const {
    static thread_local AlignedVector<T> m;
    at_least(m, dy.size());
    detail::swap_samples(dy.data, modes.count(), grid.samples, 2 * dy.cols, m.data());
    SpectralTransform<T>(grid, modes, dy.cols, false, {}, serial_executor())
        .from_modes(m, dx, true);
  }
};

/// irfftn of what mixing left: rows (mode x sample x {re, im}) with columns [x Wr | x Wi], of which
/// the complex product is (re Wr - im Wi) + i (re Wi + im Wr). -> (sample x point, channel)
struct SpectralInverse {
  static constexpr const char* name = "inverse transform";
  GridShape grid;
  SpectralModes modes;
  ProductBits bits{};

  [[nodiscard]] MatrixShape shape(MatrixShape s) const noexcept {
    return {grid.rows(), s.cols / 2};
  }
  [[nodiscard]] double cost(MatrixShape s) const noexcept {
    return SpectralForward{grid, modes}.cost({s.rows, s.cols / 2});
  }
  [[nodiscard]] double macs(MatrixShape s) const noexcept {
    return SpectralForward{grid, modes}.macs({s.rows, s.cols / 2});
  }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor& executor) const {
    const Index c = out.cols, n = modes.count(), s = grid.samples;
    const T scale = T(1) / static_cast<T>(grid.points());
    static thread_local AlignedVector<T> m;
    at_least(m, n * s * 2 * c);
    for (Index k = 0; k < n; ++k)
      for (Index i = 0; i < s; ++i) {
        const T *re = x.row(2 * (k * s + i)), *im = x.row(2 * (k * s + i) + 1);
        T* to = m.data() + (i * n + k) * 2 * c;
        for (Index j = 0; j < c; ++j) to[j] = (re[j] - im[c + j]) * scale;
        for (Index j = 0; j < c; ++j) to[c + j] = (re[c + j] + im[j]) * scale;
      }
    SpectralTransform<T>(grid, modes, c, true, bits, executor).from_modes(m, out, false);
  }
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T> dy,
                MatrixView<T> dx) const {
    const Index c = dy.cols, n = modes.count(), s = grid.samples;
    const T scale = T(1) / static_cast<T>(grid.points());
    static thread_local AlignedVector<T> m;  // kept: new memory would be filled first
    SpectralTransform<T>(grid, modes, c, true, {}, serial_executor()).to_modes(dy, m);
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

static_assert(ops::operation<ops::SpectralForward> && ops::operation<ops::SpectralInverse>);

}  // namespace amq::ops
