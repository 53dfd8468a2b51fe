#pragma once
/// @file
/// Attention between nodes and a few tokens, instead of among all nodes: nodes are pooled into
/// tokens, and tokens are given back to nodes (Transolver: Wu et al. 2024; FLARE: Puri et al.
/// 2025). Its cost grows with the nodes, not with their square.
///
/// A head's logits say how much a node and a token have to do with each other:
///
// clang-format off
/// | operation   | weights of a head, from logits l and temperature t                    | result               |
/// |-------------|-----------------------------------------------------------------------|----------------------|
/// | PoolNodes   | softmax of l / t over tokens, or exp(l / t) up to a factor a token    | a token: mean of nodes |
/// | SpreadTokens| softmax of l / t over tokens                                          | a node: sum of tokens  |
// clang-format on
///
/// Heads lie side by side in the columns of nodes, and one after the other in the rows of logits
/// and tokens. Weights are made again where they are needed, a block of nodes at a time, so that
/// they are never stored; sums of floats run in one fixed order, fused.
///
/// Given bits, weights are unsigned codes from a table of exponentials, values have a step a
/// channel, and sums are integers: the same bits for any order of nodes. Gradients are then those
/// of the float products (straight through).

#include <amq/core/everyone.hpp>
#include <amq/ops/attention.hpp>
#include <amq/ops/latent_codes.hpp>
#include <amq/ops/rows.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>
#include <vector>

namespace amq::ops {

/// Over what the weights of pooling sum to one.
enum class PoolOver : std::uint8_t {
  tokens,  ///< a node gives its row away in shares (Transolver)
  nodes,   ///< a token attends to nodes (FLARE)
};

namespace detail {

/// Of a and b (n).
template <typename T>
[[nodiscard]] T dot(const T* a, const T* b, Index n) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    return kernels::dot(a, b, n);
  } else {
    T sum = 0;
    for (Index k = 0; k < n; ++k) sum = std::fma(a[k], b[k], sum);
    return sum;
  }
}
/// kernels::shares_gradient().
template <kernels::SharesOf Shares, typename T>
T shares_gradient(const T* l, const T* p, const T* d, Index n, T scale, T* to, bool add,
                  T* sum_of = nullptr) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    return kernels::shares_gradient<Shares>(l, p, d, n, scale, to, add, sum_of);
  } else {
    const T along = Shares == kernels::SharesOf::one ? dot(p, d, n) : T(0);
    T sum = 0;
    for (Index k = 0; k < n; ++k) {
      const T g = p[k] * (d[k] - along);
      if (sum_of) sum_of[k] += g;
      if (to) to[k] = (add ? to[k] : T(0)) + g * scale;
      sum = std::fma(g, l[k], sum);
    }
    return sum;
  }
}

/// c(i, j) (+)= sum over k of a(i, k) b(k, j) for few columns: rows of b are padded to whole
/// registers first, since kernels read parts of them slowly.
template <typename T>
class NarrowProduct {
 public:
  /// @param b  (inner, cols), rows `stride` apart, or its transposed with stride 1 along rows
  void begin(const T* b, Index row, Index col, Index inner, Index cols) {
    inner_ = inner;
    cols_ = cols;
    wide_ = (cols + lanes - 1) / lanes * lanes;
    b_.assign(static_cast<std::size_t>(inner * wide_), T(0));
    for (Index k = 0; k < inner; ++k)
      for (Index j = 0; j < cols; ++j)
        b_[static_cast<std::size_t>(k * wide_ + j)] = b[k * row + j * col];
  }
  void multiply(const T* a, Index a_stride, Index rows, T* c, Index c_stride, bool add) {
    if (wide_ == cols_)
      return product(a, a_stride, 1, rows, inner_, b_.data(), wide_, cols_, c, c_stride, add);
    c_.resize(static_cast<std::size_t>(rows * wide_));
    product(a, a_stride, 1, rows, inner_, b_.data(), wide_, wide_, c_.data(), wide_, false);
    for (Index i = 0; i < rows; ++i) {
      const T* from = c_.data() + i * wide_;
      T* to = c + i * c_stride;
      for (Index j = 0; j < cols_; ++j) to[j] = add ? to[j] + from[j] : from[j];
    }
  }

 private:
  static constexpr Index lanes = 16;
  std::vector<T> b_, c_;
  Index inner_ = 0, cols_ = 0, wide_ = 0;
};

/// The weights of one head, some nodes at a time.
template <typename T>
class HeadWeights {
 public:
  static constexpr Index block = 96;  ///< nodes whose weights stay in L1

  /// @param logits  (node, token) of the head
  /// @param scale   1 / temperature
  void begin(MatrixView<const T> logits, T scale, PoolOver over) {
    logits_ = logits;
    scale_ = scale;
    over_ = over;
    weights_.resize(static_cast<std::size_t>(std::min(block, logits.rows) * logits.cols));
    if (over != PoolOver::nodes || logits.rows == 0) return;
    top_.assign(logits.row(0), logits.row(0) + logits.cols);
    for (Index i = 1; i < logits.rows; ++i) {
      const T* l = logits.row(i);
      for (Index g = 0; g < logits.cols; ++g) top_[at(g)] = l[g] > top_[at(g)] ? l[g] : top_[at(g)];
    }
  }
  /// Of nodes first .. first + rows - 1: (node, token), one row after the other.
  const T* of(Index first, Index rows) {
    const Index n = logits_.cols;
    for (Index r = 0; r < rows; ++r) {
      const T* l = logits_.row(first + r);
      T* w = weights_.data() + r * n;
      if constexpr (std::is_same_v<T, float>) {
        if (over_ == PoolOver::tokens)
          kernels::softmax(l, w, n, scale_);
        else
          kernels::map_floats2(l, top_.data(), w, n,
                               [by = scale_](auto v, auto top) AMQ_INLINE_LAMBDA {
                                 return kernels::exp((v - top) * decltype(v)::splat(by));
                               });
      } else if (over_ == PoolOver::tokens) {
        std::copy_n(l, n, w);
        const T inverse = exponentials(w, n, scale_);
        for (Index g = 0; g < n; ++g) w[g] *= inverse;
      } else {
        for (Index g = 0; g < n; ++g) w[g] = std::exp((l[g] - top_[at(g)]) * scale_);
      }
    }
    return weights_.data();
  }
  /// Gradients of the logits of these nodes, from those of their weights.
  /// @param w, dw     (node, token), as of() gave the former
  /// @param d_scale   += that of 1 / temperature
  void backward(Index first, Index rows, const T* w, const T* dw, const GradientSlot<T>& d_logits,
                Index first_row, T& d_scale) {
    using kernels::SharesOf;
    const Index n = logits_.cols;
    if (over_ == PoolOver::nodes && first == 0) to_top_.assign(at(n), T(0));
    for (Index r = 0; r < rows; ++r) {
      const T *l = logits_.row(first + r), *p = w + r * n;
      const T* d = dw + r * n;
      T* to = d_logits ? d_logits.grad.row(first_row + first + r) : nullptr;
      d_scale += over_ == PoolOver::tokens
                     ? shares_gradient<SharesOf::one>(l, p, d, n, scale_, to, !d_logits.fresh)
                     : shares_gradient<SharesOf::many>(l, p, d, n, scale_, to, !d_logits.fresh,
                                                       to_top_.data());
    }
  }
  /// What the largest logit of each token has lowered the others by. After all blocks.
  void backward_of_top(const GradientSlot<T>& d_logits, Index first_row, T& d_scale) {
    if (over_ != PoolOver::nodes) return;
    d_scale -= dot(to_top_.data(), top_.data(), logits_.cols);
    if (!d_logits) return;
    for (Index g = 0; g < logits_.cols; ++g)
      for (Index i = 0; i < logits_.rows; ++i)
        if (logits_(i, g) == top_[at(g)]) {
          d_logits.grad(first_row + i, g) -= to_top_[at(g)] * scale_;
          break;
        }
  }

 private:
  static constexpr std::size_t at(Index k) noexcept { return static_cast<std::size_t>(k); }
  MatrixView<const T> logits_{};
  T scale_ = 1;
  PoolOver over_ = PoolOver::tokens;
  std::vector<T> weights_, top_, to_top_;
};

/// The rows of a head.
template <typename T>
[[nodiscard]] MatrixView<T> rows_of_head(MatrixView<T> x, Index head, Index heads) noexcept {
  const Index n = x.rows / heads;
  return {x.row(head * n), n, x.cols, x.stride};
}
/// 1 / temperature of a head; 1 where there is none.
template <typename T>
[[nodiscard]] T scale_of(const T* temperature, Index head) noexcept {
  return temperature ? T(1) / temperature[head] : T(1);
}
/// From that of its inverse.
template <typename T>
void add_temperature_gradient(const GradientSlot<T>& to, Index head, T scale, T d_scale) noexcept {
  if (!to) return;
  const T d = -(scale * scale) * d_scale;
  to.grad.data[head] = to.fresh ? d : to.grad.data[head] + d;
}

/// @throws Error unless rows of nodes, tokens and logits are of the same heads
inline void check_heads_of(const char* where, Index heads, MatrixShape nodes, MatrixShape tokens,
                           MatrixShape logits) {
  expect_shape(where, {nodes.rows, std::max<Index>(1, nodes.cols / heads) * heads}, nodes);
  expect_shape(where, {nodes.rows * heads, logits.cols}, logits);
  expect_shape(where, {logits.cols * heads, nodes.cols / heads}, tokens);
}

}  // namespace detail

/// token = sum of w(node) x(node) / (sum of w(node) + eps), head by head: (node, heads x channel),
/// logits (heads x node, token), temperatures (1, heads) -> (heads x token, channel).
/// @tparam Tempered  whether there are temperatures
template <bool Tempered>
struct PoolNodes {
  static constexpr int inputs = Tempered ? 3 : 2;
  static constexpr bool takes_columns = true;
  static constexpr const char* name = "pooling";

  Index heads = 1;
  PoolOver over = PoolOver::tokens;
  double eps = 1e-5;
  ProductBits bits{};  ///< matrix: of the nodes' rows, 2, 4 or 8; rows: of the weights, 2 to 8

  [[nodiscard]] static RowKind kind(RowKind) noexcept { return RowKind::cluster; }
  template <typename... S>
  [[nodiscard]] MatrixShape shape(MatrixShape x, MatrixShape logits, S... temperature) const {
    const MatrixShape tokens{logits.cols * heads, x.cols / heads};
    detail::check_heads_of("PoolNodes", heads, x, tokens, logits);
    (detail::expect_shape("PoolNodes, temperatures", {1, heads}, temperature), ...);
    return tokens;
  }
  template <typename... S>
  [[nodiscard]] double cost(MatrixShape, MatrixShape logits, S...) const noexcept {
    return 12 * logits.size();
  }
  template <typename... S>
  [[nodiscard]] double macs(MatrixShape x, MatrixShape logits, S...) const noexcept {
    return x.size() * static_cast<double>(logits.cols);
  }
  /// The sums of weights.
  template <typename... S>
  [[nodiscard]] Index kept(MatrixShape, MatrixShape logits, S...) const noexcept {
    return heads * logits.cols;
  }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<const T> logits, MatrixView<const T> temperature,
               MatrixView<T> out, T* sums, Executor& executor) const requires Tempered {
    run(x, logits, temperature.data, out, sums, executor);
  }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<const T> logits, MatrixView<T> out, T* sums,
               Executor& executor) const requires(!Tempered) {
    run<T>(x, logits, nullptr, out, sums, executor);
  }
  /// forward() in codes where others have nodes, too: the same tokens for all, who find extremes
  /// and sums of integers together, once each for all heads. Ranks may be without nodes.
  /// @param temperature  (head), or null
  /// @param memory       of passes before, whatever they were of
  /// @pre bits are given
  template <everyone All>
  void forward_over(MatrixView<const float> x, MatrixView<const float> logits,
                    const float* temperature, MatrixView<float> out, float* sums,
                    Executor& executor, All& all, detail::SharedPooling& memory) const {
    const Index n = logits.cols;
    auto& pooling = memory.of_head;
    auto& shared = memory.words;
    pooling.resize(static_cast<std::size_t>(heads));
    const auto each = [&](const auto& f) {
      executor.parallel_for(pooling.size(), 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t h = begin; h < end; ++h) f(pooling[h], static_cast<Index>(h));
      });
    };
    each([&](detail::CodedPooling& p, Index h) {
      const auto own = head_logits(logits, temperature, h);
      p.measure(of_heads(x, h, 1), {&own, 1}, over == PoolOver::tokens);
    });
    shared.clear();
    for (const auto& p : pooling) p.give_extremes(shared);
    all.max(shared);
    const std::int64_t* from = shared.data();
    for (auto& p : pooling) from = p.take_extremes(from);
    each([&](detail::CodedPooling& p, Index h) { p.add_up(of_heads(x, h, 1), bits); });
    shared.clear();
    for (const auto& p : pooling) p.give_sums(shared);
    all.sum(shared);
    from = shared.data();
    for (auto& p : pooling) from = p.take_sums(from);
    each([&](const detail::CodedPooling& p, Index h) {
      p.means(all.nodes(x.rows) > 0, eps, {out.row(h * n), n, out.cols, out.stride}, sums + h * n);
    });
  }
  template <typename T>
  void backward(MatrixView<const T> x, MatrixView<const T> logits, MatrixView<const T> temperature,
                MatrixView<const T> y, const T* sums, MatrixView<const T> dy, GradientSlot<T> dx,
                GradientSlot<T> d_logits, GradientSlot<T> d_temperature) const requires Tempered {
    back(x, logits, temperature.data, y, sums, dy, dx, d_logits, d_temperature);
  }
  template <typename T>
  void backward(MatrixView<const T> x, MatrixView<const T> logits, MatrixView<const T> y,
                const T* sums, MatrixView<const T> dy, GradientSlot<T> dx,
                GradientSlot<T> d_logits) const requires(!Tempered) {
    back<T>(x, logits, nullptr, y, sums, dy, dx, d_logits, {});
  }

 private:
  template <typename T>
  void run(MatrixView<const T> x, MatrixView<const T> logits, const T* temperature,
           MatrixView<T> out, T* sums, Executor& executor) const {
    if constexpr (std::is_same_v<T, float>)
      if (bits) return run_in_codes(x, logits, temperature, out, sums, executor);
    const Index n = logits.cols, width = out.cols, nodes = x.rows;
    executor.parallel_for(
        static_cast<std::size_t>(heads), 1, [&](std::size_t begin, std::size_t end) {
          thread_local detail::HeadWeights<T> weights;
          thread_local std::vector<T> p;
          for (auto h = static_cast<Index>(begin); h < static_cast<Index>(end); ++h) {
            weights.begin(detail::rows_of_head(logits, h, heads), detail::scale_of(temperature, h),
                          over);
            p.assign(static_cast<std::size_t>(width * n), T(0));
            T* sum = sums + h * n;
            std::fill_n(sum, n, T(0));
            for (Index i = 0; i < nodes; i += weights.block) {
              const Index rows = std::min(weights.block, nodes - i);
              const T* w = weights.of(i, rows);
              if constexpr (std::is_same_v<T, float>)
                kernels::add_rows(w, rows, n, sum);
              else
                for (Index r = 0; r < rows; ++r) detail::add_row(sum, w + r * n, n);
              detail::product(x.row(i) + h * width, 1, x.stride, width, rows, w, n, n, p.data(), n,
                              true);
            }
            for (Index g = 0; g < n; ++g) {
              sum[g] += static_cast<T>(eps);
              T* to = out.row(h * n + g);
              for (Index c = 0; c < width; ++c)
                to[c] = p[static_cast<std::size_t>(c * n + g)] / sum[g];
            }
          }
        });
  }
  /// The columns of heads first .. first + n - 1.
  [[nodiscard]] MatrixView<const float> of_heads(MatrixView<const float> x, Index first,
                                                 Index n) const noexcept {
    const Index width = x.cols / heads;
    return {x.rows > 0 ? x.row(0) + first * width : nullptr, x.rows, n * width, x.stride};
  }
  [[nodiscard]] kernels::HeadLogits head_logits(MatrixView<const float> logits,
                                                const float* temperature, Index h) const noexcept {
    return {detail::rows_of_head(logits, h, heads), detail::scale_of(temperature, h)};
  }
  void run_in_codes(MatrixView<const float> x, MatrixView<const float> logits,
                    const float* temperature, MatrixView<float> out, float* sums,
                    Executor& executor) const {
    const Index n = logits.cols;
    executor.parallel_for(
        static_cast<std::size_t>(heads), 1, [&](std::size_t begin, std::size_t end) {
          thread_local detail::CodedPooling pooling;
          thread_local std::vector<kernels::HeadLogits> of_head;
          const auto first = static_cast<Index>(begin), some = static_cast<Index>(end) - first;
          of_head.clear();
          for (Index h = first; h < first + some; ++h)
            of_head.push_back(head_logits(logits, temperature, h));
          const auto own = of_heads(x, first, some);
          pooling.measure(own, of_head, over == PoolOver::tokens);
          pooling.add_up(own, bits);
          pooling.means(x.rows > 0, eps, {out.row(first * n), some * n, out.cols, out.stride},
                        sums + first * n);
        });
  }
  /// With a token's sum s: dx = w dy / s, dw = (x dy - <y, dy>) / s.
  template <typename T>
  void back(MatrixView<const T> x, MatrixView<const T> logits, const T* temperature,
            MatrixView<const T> y, const T* sums, MatrixView<const T> dy, GradientSlot<T> dx,
            GradientSlot<T> d_logits, GradientSlot<T> d_temperature) const {
    const Index n = logits.cols, width = dy.cols, nodes = x.rows;
    thread_local detail::HeadWeights<T> weights;
    thread_local detail::NarrowProduct<T> to_nodes;
    thread_local std::vector<T> dp, d_sum, dw;
    dp.resize(static_cast<std::size_t>(width * n));
    d_sum.resize(static_cast<std::size_t>(n));
    dw.resize(static_cast<std::size_t>(weights.block * n));
    for (Index h = 0; h < heads; ++h) {
      const T scale = detail::scale_of(temperature, h);
      weights.begin(detail::rows_of_head(logits, h, heads), scale, over);
      for (Index g = 0; g < n; ++g) {
        const T inverse = T(1) / sums[h * n + g];
        const T *d = dy.row(h * n + g), *token = y.row(h * n + g);
        T along = 0;
        for (Index c = 0; c < width; ++c) {
          dp[static_cast<std::size_t>(c * n + g)] = d[c] * inverse;
          along = std::fma(d[c], token[c], along);
        }
        d_sum[static_cast<std::size_t>(g)] = -along * inverse;
      }
      to_nodes.begin(dp.data(), 1, n, n, width);
      T d_scale = 0;
      for (Index i = 0; i < nodes; i += weights.block) {
        const Index rows = std::min(weights.block, nodes - i);
        const T* w = weights.of(i, rows);
        if (dx)
          to_nodes.multiply(w, n, rows, dx.grad.row(i) + h * width, dx.grad.stride, !dx.fresh);
        if (!d_logits && !d_temperature) continue;
        for (Index r = 0; r < rows; ++r) std::copy_n(d_sum.data(), n, dw.data() + r * n);
        detail::product(x.row(i) + h * width, x.stride, 1, rows, width, dp.data(), n, n, dw.data(),
                        n, true);
        weights.backward(i, rows, w, dw.data(), d_logits, h * nodes, d_scale);
      }
      if (!d_logits && !d_temperature) continue;
      weights.backward_of_top(d_logits, h * nodes, d_scale);
      detail::add_temperature_gradient(d_temperature, h, scale, d_scale);
    }
  }
};

/// node = sum over tokens of w(token) token, head by head, w a softmax over tokens: tokens (heads x
/// token, channel), logits (heads x node, token), temperatures (1, heads) -> (node, heads x
/// channel).
/// @tparam Tempered  whether there are temperatures
template <bool Tempered>
struct SpreadTokens {
  static constexpr int inputs = Tempered ? 3 : 2;
  static constexpr bool takes_columns = true;
  static constexpr const char* name = "de-slicing";

  Index heads = 1;
  ProductBits bits{};  ///< matrix: of tokens, 2, 4, 8 or 16; rows: of the weights, 2 to 8

  [[nodiscard]] static RowKind kind(RowKind) noexcept { return RowKind::node; }
  template <typename... S>
  [[nodiscard]] MatrixShape shape(MatrixShape tokens, MatrixShape logits, S... temperature) const {
    const MatrixShape nodes{logits.rows / heads, tokens.cols * heads};
    detail::check_heads_of("SpreadTokens", heads, nodes, tokens, logits);
    (detail::expect_shape("SpreadTokens, temperatures", {1, heads}, temperature), ...);
    return nodes;
  }
  template <typename... S>
  [[nodiscard]] double cost(MatrixShape, MatrixShape logits, S...) const noexcept {
    return 12 * logits.size();
  }
  template <typename... S>
  [[nodiscard]] double macs(MatrixShape tokens, MatrixShape logits, S...) const noexcept {
    return logits.size() * static_cast<double>(tokens.cols);
  }
  template <typename T>
  void forward(MatrixView<const T> tokens, MatrixView<const T> logits,
               MatrixView<const T> temperature, MatrixView<T> out,
               Executor& executor) const requires Tempered {
    run(tokens, logits, temperature.data, out, executor);
  }
  template <typename T>
  void forward(MatrixView<const T> tokens, MatrixView<const T> logits, MatrixView<T> out,
               Executor& executor) const requires(!Tempered) {
    run<T>(tokens, logits, nullptr, out, executor);
  }
  template <typename T>
  void backward(MatrixView<const T> tokens, MatrixView<const T> logits,
                MatrixView<const T> temperature, MatrixView<const T>, MatrixView<const T> dy,
                GradientSlot<T> d_tokens, GradientSlot<T> d_logits,
                GradientSlot<T> d_temperature) const requires Tempered {
    back(tokens, logits, temperature.data, dy, d_tokens, d_logits, d_temperature);
  }
  template <typename T>
  void backward(MatrixView<const T> tokens, MatrixView<const T> logits, MatrixView<const T>,
                MatrixView<const T> dy, GradientSlot<T> d_tokens, GradientSlot<T> d_logits) const
      requires(!Tempered) {
    back<T>(tokens, logits, nullptr, dy, d_tokens, d_logits, {});
  }

 private:
  template <typename T>
  void run(MatrixView<const T> tokens, MatrixView<const T> logits, const T* temperature,
           MatrixView<T> out, Executor& executor) const {
    if constexpr (std::is_same_v<T, float>)
      if (bits) return run_in_codes(tokens, logits, temperature, out, executor);
    const Index n = logits.cols, width = tokens.cols, nodes = out.rows;
    executor.parallel_for(
        static_cast<std::size_t>(heads), 1, [&](std::size_t begin, std::size_t end) {
          thread_local detail::HeadWeights<T> weights;
          thread_local detail::NarrowProduct<T> sums;
          for (auto h = static_cast<Index>(begin); h < static_cast<Index>(end); ++h) {
            weights.begin(detail::rows_of_head(logits, h, heads), detail::scale_of(temperature, h),
                          PoolOver::tokens);
            sums.begin(tokens.row(h * n), tokens.stride, 1, n, width);
            for (Index i = 0; i < nodes; i += weights.block) {
              const Index rows = std::min(weights.block, nodes - i);
              sums.multiply(weights.of(i, rows), n, rows, out.row(i) + h * width, out.stride,
                            false);
            }
          }
        });
  }
  void run_in_codes(MatrixView<const float> tokens, MatrixView<const float> logits,
                    const float* temperature, MatrixView<float> out, Executor& executor) const {
    const Index n = logits.cols, width = tokens.cols;
    if (out.rows == 0) return;  // a rank without nodes
    executor.parallel_for(
        static_cast<std::size_t>(heads), 1, [&](std::size_t begin, std::size_t end) {
          thread_local kernels::CodedTokens<> coded;
          for (auto h = static_cast<Index>(begin); h < static_cast<Index>(end); ++h) {
            const kernels::HeadLogits own{detail::rows_of_head(logits, h, heads),
                                          detail::scale_of(temperature, h)};
            for (const bool low : {false, true}) {
              if (low && bits.matrix < 16) continue;
              coded.encode({tokens.row(h * n), n, width, tokens.stride}, bits.matrix, low);
              coded.spread(own, (1 << bits.rows) - 1,
                           {out.row(0) + h * width, out.rows, width, out.stride}, low);
            }
          }
        });
  }
  /// d token = w^T dy, dw = dy token^T.
  template <typename T>
  void back(MatrixView<const T> tokens, MatrixView<const T> logits, const T* temperature,
            MatrixView<const T> dy, GradientSlot<T> d_tokens, GradientSlot<T> d_logits,
            GradientSlot<T> d_temperature) const {
    const Index n = logits.cols, width = tokens.cols, nodes = dy.rows;
    thread_local detail::HeadWeights<T> weights;
    thread_local std::vector<T> transposed, dt, dw;
    dw.resize(static_cast<std::size_t>(weights.block * n));
    for (Index h = 0; h < heads; ++h) {
      const T scale = detail::scale_of(temperature, h);
      weights.begin(detail::rows_of_head(logits, h, heads), scale, PoolOver::tokens);
      detail::transpose(tokens.row(h * n), tokens.stride, n, width, transposed);
      dt.assign(static_cast<std::size_t>(width * n), T(0));
      T d_scale = 0;
      for (Index i = 0; i < nodes; i += weights.block) {
        const Index rows = std::min(weights.block, nodes - i);
        const T *w = weights.of(i, rows), *g = dy.row(i) + h * width;
        if (d_tokens) detail::product(g, 1, dy.stride, width, rows, w, n, n, dt.data(), n, true);
        if (!d_logits && !d_temperature) continue;
        detail::product(g, dy.stride, 1, rows, width, transposed.data(), n, n, dw.data(), n, false);
        weights.backward(i, rows, w, dw.data(), d_logits, h * nodes, d_scale);
      }
      detail::add_temperature_gradient(d_temperature, h, scale, d_scale);
      if (!d_tokens) continue;
      for (Index g = 0; g < n; ++g) {
        T* to = d_tokens.grad.row(h * n + g);
        for (Index c = 0; c < width; ++c) {
          const T d = dt[static_cast<std::size_t>(c * n + g)];
          to[c] = d_tokens.fresh ? d : to[c] + d;
        }
      }
    }
  }
};

static_assert(operation<PoolNodes<true>> && operation<PoolNodes<false>> &&
              operation<SpreadTokens<true>> && operation<SpreadTokens<false>>);

}  // namespace amq::ops
