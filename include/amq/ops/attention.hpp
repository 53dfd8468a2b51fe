#pragma once
/// @file
/// Attention among all points of a sample: softmax (Vaswani et al. 2017) and without softmax
/// (Cao 2021, "Choose a transformer: Fourier or Galerkin"). The products between rows are products
/// of floats unless softmax attention is given bits; sums of floats run in one fixed order, fused.

#include <amq/kernels/softmax.hpp>
#include <amq/ops/coded_matrix.hpp>
#include <amq/ops/norm.hpp>
#include <amq/ops/operation.hpp>
#include <amq/ops/product_bits.hpp>
#include <amq/ops/strided_product.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>
#include <vector>

namespace amq::ops {

namespace detail {

/// (rows, cols) of rows `stride` apart to (cols, rows).
template <typename T>
void transpose(const T* x, Index stride, Index rows, Index cols, std::vector<T>& out) {
  out.resize(static_cast<std::size_t>(rows * cols));
  for (Index i = 0; i < rows; ++i)
    for (Index c = 0; c < cols; ++c)
      out[static_cast<std::size_t>(c * rows + i)] = x[i * stride + c];
}
/// p = exp((p - max p) scale). @returns 1 / the sum of the results
template <typename T>
T exponentials(T* p, Index n, T scale) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    return 1.0f / kernels::exponentials(p, p, n, scale);
  } else {
    const T top = *std::max_element(p, p + n);
    T sum = 0;
    for (Index j = 0; j < n; ++j) sum += p[j] = std::exp((p[j] - top) * scale);
    return T(1) / sum;
  }
}

/// A sample's keys and values of one head as its queries meet them. Rows of all three lie
/// `stride` apart.
template <typename T>
class FloatHead {
 public:
  void like(const FloatHead&) noexcept {}
  void begin(const T* keys, const T* values, Index stride, Index n, Index width) {
    values_ = values;
    stride_ = stride;
    n_ = n;
    width_ = width;
    transpose(keys, stride, n, width, keys_);
  }
  /// p (row, point) = queries keys^T
  void scores(const T* queries, Index rows, T* p) const {
    product(queries, stride_, 1, rows, width_, keys_.data(), n_, n_, p, n_, false);
  }
  /// out (row, channel) = p values
  void sums(const T* p, Index rows, T* out, Index out_stride) const {
    product(p, n_, 1, rows, n_, values_, stride_, width_, out, out_stride, false);
  }

 private:
  std::vector<T> keys_;
  const T* values_ = nullptr;
  Index stride_ = 0, n_ = 0, width_ = 0;
};
/// The same in integers: a key has a step of its own, and so has a channel of the values.
class CodedHead {
 public:
  CodedHead() = default;
  explicit CodedHead(ProductBits bits) : bits_(bits) {}
  /// At the bits of another.
  void like(const CodedHead& other) noexcept { bits_ = other.bits_; }
  void begin(const float* keys, const float* values, Index stride, Index n, Index width) {
    stride_ = stride;
    n_ = n;
    width_ = width;
    keys_.encode({keys, n, width, stride}, bits_.matrix, CodedMatrix::Step::largest);
    transpose(values, stride, n, width, channels_);
    values_.encode({channels_.data(), width, n}, bits_.matrix, CodedMatrix::Step::largest);
  }
  void scores(const float* queries, Index rows, float* p) const {
    keys_.multiply({queries, rows, width_, stride_}, bits_.rows, {p, rows, n_});
  }
  void sums(const float* p, Index rows, float* out, Index out_stride) const {
    values_.multiply({p, rows, n_}, bits_.rows, {out, rows, width_, out_stride});
  }

 private:
  ProductBits bits_{};
  CodedMatrix keys_, values_;
  std::vector<float> channels_;
  Index stride_ = 0, n_ = 0, width_ = 0;
};

}  // namespace detail

/// softmax(q k^T / sqrt(head width)) v for every sample and head; heads lie side by side in the
/// columns: (sample x point, {q, k, v} x channel) -> (sample x point, channel). A block of queries
/// at a time: the matrix of shares is never whole. In integers gradients are those of the float
/// products (straight through).
struct SoftmaxAttention {
  static constexpr const char* name = "attention";

  Index samples = 1, heads = 1;
  ProductBits bits{};

  [[nodiscard]] MatrixShape shape(MatrixShape s) const noexcept { return {s.rows, s.cols / 3}; }
  /// Of exponentials and sums; the products are macs().
  [[nodiscard]] double cost(MatrixShape s) const noexcept {
    return 10.0 * static_cast<double>(s.rows / samples) * static_cast<double>(s.rows * heads);
  }
  [[nodiscard]] double macs(MatrixShape s) const noexcept {
    return 2.0 * static_cast<double>(s.rows / samples) * static_cast<double>(s.rows) *
           static_cast<double>(s.cols / 3);
  }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor& executor) const {
    if constexpr (std::is_same_v<T, float>)
      if (bits) return run<T>(detail::CodedHead(bits), x, out, executor);
    run<T>(detail::FloatHead<T>(), x, out, executor);
  }
  /// With shares p: dv += p^T do, ds = p (do v^T - <do, o>) scale, dq += ds k, dk += ds^T q.
  template <typename T>
  void backward(MatrixView<const T> x, MatrixView<const T> y, MatrixView<const T> dy,
                MatrixView<T> dx) const {
    const Index n = x.rows / samples, channels = dy.cols, width = channels / heads;
    std::vector<T> keys, values, p(static_cast<std::size_t>(block * n)), ds(p);
    for (Index at = 0; at < samples * heads; ++at) {
      const Index first = at / heads * n, column = at % heads * width;
      const T *k = x.row(first) + channels + column, *v = k + channels;
      T *dk = dx.row(first) + channels + column, *dv = dk + channels;
      detail::transpose(k, x.stride, n, width, keys);
      detail::transpose(v, x.stride, n, width, values);
      for (Index i = 0; i < n; i += block) {
        const Index rows = std::min(block, n - i);
        const T *q = x.row(first + i) + column, *g = dy.row(first + i) + column,
                *o = y.row(first + i) + column;
        detail::product(q, x.stride, 1, rows, width, keys.data(), n, n, p.data(), n, false);
        for (Index r = 0; r < rows; ++r) {
          const T inverse = detail::exponentials(p.data() + r * n, n, scale<T>(width));
          for (Index j = 0; j < n; ++j) p[static_cast<std::size_t>(r * n + j)] *= inverse;
        }
        const T* shares = p.data();
        detail::product(shares, 1, n, n, rows, g, dy.stride, width, dv, dx.stride, true);
        detail::product(g, dy.stride, 1, rows, width, values.data(), n, n, ds.data(), n, false);
        for (Index r = 0; r < rows; ++r) {
          T along = 0;
          for (Index c = 0; c < width; ++c)
            along = std::fma(g[r * dy.stride + c], o[r * y.stride + c], along);
          T* d = ds.data() + r * n;
          for (Index j = 0; j < n; ++j) d[j] = shares[r * n + j] * (d[j] - along) * scale<T>(width);
        }
        const T* d = ds.data();
        detail::product(d, n, 1, rows, n, k, x.stride, width, dx.row(first + i) + column, dx.stride,
                        true);
        detail::product(d, 1, n, n, rows, q, x.stride, width, dk, dx.stride, true);
      }
    }
  }

 private:
  static constexpr Index block = 48;
  /// @param like  a FloatHead or CodedHead: each thread keeps one of its own
  template <typename T, typename Head>
  void run(const Head& like, MatrixView<const T> x, MatrixView<T> out, Executor& executor) const {
    const Index n = x.rows / samples, channels = out.cols, width = channels / heads;
    executor.parallel_for(
        static_cast<std::size_t>(samples * heads), 1, [&](std::size_t begin, std::size_t end) {
          thread_local Head head;
          thread_local std::vector<T> p;
          head.like(like);
          p.resize(static_cast<std::size_t>(block * n));
          for (auto at = static_cast<Index>(begin); at < static_cast<Index>(end); ++at) {
            const Index first = at / heads * n, column = at % heads * width;
            const T* keys = x.row(first) + channels + column;
            head.begin(keys, keys + channels, x.stride, n, width);
            for (Index i = 0; i < n; i += block) {
              const Index rows = std::min(block, n - i);
              head.scores(x.row(first + i) + column, rows, p.data());
              T inverse[block];
              for (Index r = 0; r < rows; ++r)
                inverse[r] = detail::exponentials(p.data() + r * n, n, scale<T>(width));
              T* o = out.row(first + i) + column;
              head.sums(p.data(), rows, o, out.stride);
              for (Index r = 0; r < rows; ++r)
                for (Index c = 0; c < width; ++c) o[r * out.stride + c] *= inverse[r];
            }
          }
        });
  }
  template <typename T>
  [[nodiscard]] static T scale(Index width) noexcept {
    return T(1) / std::sqrt(static_cast<T>(width));
  }
};

/// q (k^T v) / points for every sample and head, whose q, k and v each begin with the point's
/// position: (sample x point, {q, k, v} x channel, then positions) -> (sample x point, head x
/// (positions, channels of the head)). Its cost grows with the points, not with their square.
struct LinearAttention {
  static constexpr const char* name = "attention";

  Index samples = 1, heads = 1, positions = 0;

  [[nodiscard]] Index width(Index cols) const noexcept { return (cols - positions) / 3 / heads; }
  [[nodiscard]] MatrixShape shape(MatrixShape s) const noexcept {
    return {s.rows, heads * (width(s.cols) + positions)};
  }
  [[nodiscard]] double cost(MatrixShape) const noexcept { return 0; }
  [[nodiscard]] double macs(MatrixShape s) const noexcept {
    const auto w = static_cast<double>(width(s.cols) + positions);
    return 2.0 * static_cast<double>(s.rows * heads) * w * w;
  }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor& executor) const {
    const Index n = x.rows / samples, w = width(x.cols) + positions;
    executor.parallel_for(
        static_cast<std::size_t>(samples * heads), 1, [&](std::size_t begin, std::size_t end) {
          thread_local std::vector<T> m;
          for (auto at = static_cast<Index>(begin); at < static_cast<Index>(end); ++at) {
            const Index first = at / heads * n, head = at % heads, own = w - positions;
            // Positions and channels as they lie in the rows: four blocks of k^T v, two of q m.
            const T *row = x.row(first), *q = row + head * own, *k = q + heads * own,
                    *v = k + heads * own, *p = row + 3 * heads * own;
            m.resize(static_cast<std::size_t>(w * w));
            const auto block = [&](const T* keys, Index n_keys, const T* values, Index n_values,
                                   T* to) {
              detail::product(keys, 1, x.stride, n_keys, n, values, x.stride, n_values, to, w,
                              false);
            };
            if (positions > 0) {
              block(p, positions, p, positions, m.data());
              block(p, positions, v, own, m.data() + positions);
              block(k, own, p, positions, m.data() + positions * w);
            }
            block(k, own, v, own, m.data() + positions * w + positions);
            const T share = T(1) / static_cast<T>(n);
            for (T& e : m) e *= share;
            T* o = out.row(first) + head * w;
            if (positions > 0)
              detail::product(p, x.stride, 1, n, positions, m.data(), w, w, o, out.stride, false);
            detail::product(q, x.stride, 1, n, own, m.data() + positions * w, w, w, o, out.stride,
                            positions > 0);
          }
        });
  }
  /// With m = k^T v / n: dq = do m^T, dm = q^T do, dk = v dm^T / n, dv = k dm / n.
  template <typename T>
  void backward(MatrixView<const T> x, MatrixView<const T>, MatrixView<const T> dy,
                MatrixView<T> dx) const {
    const Index n = x.rows / samples, w = width(x.cols) + positions;
    std::vector<T> q, k, v, m, m_t, dm(static_cast<std::size_t>(w * w)), dm_t,
        d(static_cast<std::size_t>(n * w));
    const T share = T(1) / static_cast<T>(n);
    for (Index at = 0; at < samples * heads; ++at) {
      const Index first = at / heads * n, head = at % heads;
      load(x, first, n, head, 0, q);
      load(x, first, n, head, 1, k);
      load(x, first, n, head, 2, v);
      keys_by_values(k, v, n, w, m);
      detail::transpose(m.data(), w, w, w, m_t);
      const T* g = dy.row(first) + head * w;
      const auto times = [&](const T* a, Index stride, const std::vector<T>& b, Index part) {
        detail::product(a, stride, 1, n, w, b.data(), w, w, d.data(), w, false);
        store(d, first, n, head, part, dx);
      };
      times(g, dy.stride, m_t, 0);
      detail::product(q.data(), 1, w, w, n, g, dy.stride, w, dm.data(), w, false);
      for (T& e : dm) e *= share;
      detail::transpose(dm.data(), w, w, w, dm_t);
      times(v.data(), w, dm_t, 1);
      times(k.data(), w, dm, 2);
    }
  }

 private:
  /// A head's q, k or v (part 0, 1, 2), each row behind its position: (point, w).
  template <typename T>
  void load(MatrixView<const T> x, Index first, Index n, Index head, Index part,
            std::vector<T>& to) const {
    const Index own = width(x.cols), w = own + positions;
    to.resize(static_cast<std::size_t>(n * w));
    for (Index i = 0; i < n; ++i) {
      const T* row = x.row(first + i);
      T* o = to.data() + i * w;
      std::copy_n(row + 3 * heads * own, positions, o);
      std::copy_n(row + (part * heads + head) * own, own, o + positions);
    }
  }
  template <typename T>
  void store(const std::vector<T>& d, Index first, Index n, Index head, Index part,
             MatrixView<T> dx) const {
    const Index own = width(dx.cols), w = own + positions;
    for (Index i = 0; i < n; ++i) {
      T* row = dx.row(first + i);
      const T* o = d.data() + i * w;
      for (Index c = 0; c < positions; ++c) row[3 * heads * own + c] += o[c];
      for (Index c = 0; c < own; ++c) row[(part * heads + head) * own + c] += o[positions + c];
    }
  }
  template <typename T>
  static void keys_by_values(const std::vector<T>& k, const std::vector<T>& v, Index n, Index w,
                             std::vector<T>& m) {
    m.resize(static_cast<std::size_t>(w * w));
    detail::product(k.data(), 1, w, w, n, v.data(), w, w, m.data(), w, false);
    const T share = T(1) / static_cast<T>(n);
    for (T& e : m) e *= share;
  }
};

/// Layer norm of each head's channels of a row, without scale and shift.
struct HeadNorm {
  Index heads = 1;
  double eps = 1e-5;

  static constexpr bool takes_columns = true;

  [[nodiscard]] MatrixShape shape(MatrixShape s) const noexcept { return s; }
  [[nodiscard]] double cost(MatrixShape s) const noexcept {
    return 5.0 * static_cast<double>(s.rows) * static_cast<double>(s.cols);
  }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> out, Executor& executor) const {
    const Index w = x.cols / heads;
    executor.parallel_for(static_cast<std::size_t>(x.rows), 64, [&](std::size_t b, std::size_t e) {
      std::vector<T> inverse(static_cast<std::size_t>(heads));
      for (auto i = static_cast<Index>(b); i < static_cast<Index>(e); ++i)
        layer_norm<T>({x.row(i), heads, w}, eps, {out.row(i), heads, w}, inverse.data());
    });
  }
  template <typename T>
  void backward(MatrixView<const T> x, MatrixView<const T> y, MatrixView<const T> dy,
                MatrixView<T> dx) const {
    const Index w = x.cols / heads;
    std::vector<T> inverse(static_cast<std::size_t>(heads)),
        again(static_cast<std::size_t>(x.cols));
    for (Index i = 0; i < x.rows * heads; ++i) {
      const Index row = i / heads, head = i % heads;
      if (head == 0)
        layer_norm<T>({x.row(row), heads, w}, eps, {again.data(), heads, w}, inverse.data());
      const T *g = dy.row(row) + head * w, *u = y.row(row) + head * w;
      T* d = dx.row(row) + head * w;
      T mean = 0, along = 0;
      for (Index c = 0; c < w; ++c) {
        mean += g[c];
        along += g[c] * u[c];
      }
      mean /= static_cast<T>(w);
      along /= static_cast<T>(w);
      for (Index c = 0; c < w; ++c)
        d[c] += inverse[static_cast<std::size_t>(head)] * (g[c] - mean - u[c] * along);
    }
  }
};

static_assert(ops::operation<ops::SoftmaxAttention> && ops::operation<ops::LinearAttention> &&
              ops::operation<ops::HeadNorm>);

}  // namespace amq::ops
