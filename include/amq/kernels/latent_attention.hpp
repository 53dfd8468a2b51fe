#pragma once
/// @file
/// Attention between nodes and a few tokens in integers (ops/latent_attention.hpp): weights are
/// unsigned codes from a table of exponentials, made where products read them and never stored.
/// Sums are exact, so that nodes may come in any order.

#include <amq/core/aligned.hpp>
#include <amq/core/portable_math.hpp>
#include <amq/kernels/dot.hpp>
#include <amq/kernels/lookup.hpp>
#include <amq/kernels/softmax.hpp>
#include <amq/quant/weights.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace amq::kernels {
inline namespace AMQ_LEVEL {

/// e^(-i / per_unit) for 256 distances i below the largest logit: one less would be half a code of
/// 8 bits beside it, or nothing.
struct ExponentialTable {
  using Words = std::array<std::uint16_t, 256>;
  static constexpr float per_unit = 40;
  static constexpr int last = 255, one = 65'535;  ///< one: what e^0 is

  alignas(cache_line) Words wide;

  ExponentialTable() noexcept {
    for (int i = 0; i <= last; ++i) {
      const double e = portable::exp(-i / static_cast<double>(per_unit));
      wide[static_cast<std::size_t>(i)] = static_cast<std::uint16_t>(std::floor(one * e + 0.5));
    }
  }
  [[nodiscard]] static const ExponentialTable& get() noexcept {
    static const ExponentialTable table;
    return table;
  }
  /// Rounded to codes 0 .. highest, as bytes less `below`.
  [[nodiscard]] Words codes(int highest, int below) const noexcept {
    Words c;
    for (std::size_t i = 0; i < c.size(); ++i)
      c[i] = static_cast<std::uint8_t>((2 * std::int64_t{highest} * wide[i] + one) / (2 * one) -
                                       below);
    return c;
  }
};

/// Logits of one head and what they are multiplied with.
struct HeadLogits {
  MatrixView<const float> logits;  ///< (node, token)
  float scale = 1;                 ///< 1 / temperature
};
/// What pooling knows of a head's weights beside their logits.
struct PoolingHead : HeadLogits {
  const float* top = nullptr;         ///< (node or token): the largest scaled logit
  const std::int64_t* sum = nullptr;  ///< (node): of exponentials, where weights are shares of it
};

namespace detail {

inline constexpr Index latent_block = 16;  ///< nodes whose logits lie nearby
[[nodiscard]] constexpr Index to_lanes(Index n, Index lanes = simd::lanes) noexcept {
  return (n + lanes - 1) / lanes * lanes;
}

/// Scaled logits of nodes first .. first + 15, the last node again where there are fewer, each row
/// with -infinity up to `wide`. In memory: a compiler could contract the product with what follows.
/// @param room  for them, where they do not lie so already
template <typename Arch>
[[nodiscard]] const float* scaled_logits(const HeadLogits& h, Index first, Index wide,
                                         float* room) noexcept {
  using F = simd::Floats<Arch>;
  const Index n = h.logits.cols, whole = n / simd::lanes * simd::lanes, last = h.logits.rows - 1;
  if (h.scale == 1.0f && n == wide && h.logits.stride == wide && first + latent_block - 1 <= last)
    return h.logits.row(first);
  const F by = F::splat(h.scale);
  float* to = room;
  for (Index r = 0; r < latent_block; ++r, to += wide) {
    const float* l = h.logits.row(std::min(first + r, last));
    for (Index g = 0; g < whole; g += simd::lanes) (F::load(l + g) * by).store(to + g);
    if (whole == wide) continue;
    std::fill(to + whole, to + wide, -std::numeric_limits<float>::infinity());
    if (const int part = static_cast<int>(n - whole); part > 0)
      (F::load_part(l + whole, part) * by).store_part(to + whole, part);
  }
  return room;
}
/// The largest of each of sixteen rows.
template <typename Arch>
AMQ_INLINE void tops_of(const float* z, Index wide, float* top) noexcept {
  using F = simd::Floats<Arch>;
  F lane[simd::lanes];
  for (Index r = 0; r < latent_block; ++r) {
    const float* row = z + r * wide;
    F all = F::splat(row[0]);
    for (Index g = 0; g < wide; g += simd::lanes) all = max(F::load(row + g), all);
    lane[r] = all;
  }
  largest_of_rows(lane).store(top);
}
/// How far z lies below the top: a place of the table.
template <typename Arch>
AMQ_INLINE simd::Ints<Arch> place_of(simd::Floats<Arch> top, const float* z) noexcept {
  using F = simd::Floats<Arch>;
  // Adding 1.5 * 2^23 rounds, and leaves the place in the low byte.
  const F below =
      fma(min(top - F::load(z), F::splat(ExponentialTable::last / ExponentialTable::per_unit)),
          F::splat(ExponentialTable::per_unit), F::splat(12'582'912.0f));
  return bits(below) & simd::Ints<Arch>::splat(255);
}
/// Bytes side by side, those of byte[0] lowest.
template <typename Arch>
AMQ_INLINE simd::Ints<Arch> side_by_side_bytes(const simd::Ints<Arch> (&byte)[4]) noexcept {
  return (byte[0] + simd::shift_left<8>(byte[1])) +
         (simd::shift_left<16>(byte[2]) + simd::shift_left<24>(byte[3]));
}

/// to(r, 16 b ..) += sum over quads of the digits at a + 4 r and the weights of block b.
/// @param step  bytes between digits of quads
/// @param next  between blocks of weights
/// @param wide  between rows of `to`
template <typename Arch, int Rows, int Blocks>
AMQ_INLINE void quad_tile(const std::uint8_t* a, Index row, Index step, const std::int8_t* w,
                          Index next, Index quads, std::int32_t* to, Index wide) noexcept {
  using D = Dot<Arch>;
  using Acc = typename D::Acc;
  Acc acc[Rows][Blocks];
  for (int r = 0; r < Rows; ++r)
    for (int b = 0; b < Blocks; ++b) acc[r][b] = Acc::load(to + r * wide + b * simd::lanes);
  for (Index q = 0; q < quads; ++q) {
    typename D::Weights v[Blocks];
    for (int b = 0; b < Blocks; ++b) v[b] = D::weights(w + b * next + q * 64);
    for (int r = 0; r < Rows; ++r) {
      const auto digits = D::digits(a + r * row + q * step);
      for (int b = 0; b < Blocks; ++b) D::add(acc[r][b], digits, v[b]);
    }
  }
  for (int r = 0; r < Rows; ++r)
    for (int b = 0; b < Blocks; ++b) acc[r][b].store(to + r * wide + b * simd::lanes);
}
/// quad_tile() of any number of rows and blocks.
template <typename Arch>
void quad_product(const std::uint8_t* a, Index row, Index step, Index rows, const std::int8_t* w,
                  Index next, Index quads, Index blocks, std::int32_t* to, Index wide) noexcept {
  constexpr int tall = std::min(4, Dot<Arch>::rows), broad = std::min(2, Dot<Arch>::blocks);
  const auto strip = [&]<int Blocks>(Index b) AMQ_INLINE_LAMBDA {
    const std::int8_t* v = w + b * next;
    std::int32_t* y = to + b * simd::lanes;
    Index r = 0;
    for (; r + tall <= rows; r += tall)
      quad_tile<Arch, tall, Blocks>(a + r * row, row, step, v, next, quads, y + r * wide, wide);
    for (; r < rows; ++r)
      quad_tile<Arch, 1, Blocks>(a + r * row, row, step, v, next, quads, y + r * wide, wide);
  };
  Index b = 0;
  if constexpr (broad > 1)
    for (; b + broad <= blocks; b += broad) strip.template operator()<broad>(b);
  for (; b < blocks; ++b) strip.template operator()<1>(b);
}

}  // namespace detail

/// most[c] = the largest |x(i, c)|, 0 without rows.
template <typename Arch = simd::Native>
void largest_of_columns(MatrixView<const float> x, float* most) noexcept {
  using F = simd::Floats<Arch>;
  detail::each_register(x.cols, [&](Index c, int part) AMQ_INLINE_LAMBDA {
    F all = F::splat(0.0f);
    for (Index i = 0; i < x.rows; ++i) all = max(abs(detail::some<Arch>(x.row(i) + c, part)), all);
    detail::store_some<Arch>(all, most + c, part);
  });
}
/// top[g] = the largest scaled logit of token g; what was there without nodes.
template <typename Arch = simd::Native>
void largest_logits(const HeadLogits& h, float* top) noexcept {
  using F = simd::Floats<Arch>;
  if (h.logits.rows == 0) return;
  const F by = F::splat(h.scale);
  detail::each_register(h.logits.cols, [&](Index g, int part) AMQ_INLINE_LAMBDA {
    F all = detail::some<Arch>(h.logits.row(0) + g, part) * by;
    for (Index i = 1; i < h.logits.rows; ++i)
      all = max(detail::some<Arch>(h.logits.row(i) + g, part) * by, all);
    detail::store_some<Arch>(all, top + g, part);
  });
}
/// Of each node: its largest scaled logit, and the sum of its exponentials.
/// @param top  (node), with room for sixteen more
/// @param sum  (node)
template <typename Arch = simd::Native>
void sums_of_shares(const HeadLogits& h, float* top, std::int64_t* sum) {
  using F = simd::Floats<Arch>;
  // So many exponentials add up exactly in a float.
  constexpr Index exact = 256;
  const ExponentialTable& table = ExponentialTable::get();
  const Lookup<Arch> wide_of(table.wide.data());
  const Index n = h.logits.cols, wide = detail::to_lanes(n, 2 * simd::lanes);
  const std::int64_t nothing = (wide - n) * table.wide[ExponentialTable::last];
  thread_local AlignedVector<float> scaled;
  float* room = at_least(scaled, detail::latent_block * wide);
  for (Index i = 0; i < h.logits.rows; i += detail::latent_block) {
    const Index rows = std::min(detail::latent_block, h.logits.rows - i);
    const float* z = detail::scaled_logits<Arch>(h, i, wide, room);
    detail::tops_of<Arch>(z, wide, top + i);
    std::fill_n(sum + i, rows, -nothing);
    for (Index first = 0; first < wide; first += exact) {
      F lane[simd::lanes];
      for (Index r = 0; r < detail::latent_block; ++r) {
        const F high = F::splat(top[i + r]);
        F all = F::splat(0.0f);
        for (Index g = first; g < std::min(wide, first + exact); g += 2 * simd::lanes) {
          const float* at = z + r * wide + g;
          F some[2];
          wide_of.floats(
              {detail::place_of<Arch>(high, at), detail::place_of<Arch>(high, at + simd::lanes)},
              some);
          all = all + (some[0] + some[1]);
        }
        lane[r] = all;
      }
      alignas(64) float part[simd::lanes];
      sum_rows(lane).store(part);
      for (Index r = 0; r < rows; ++r) sum[i + r] += static_cast<std::int64_t>(part[r]);
    }
  }
}

/// Buffers of Pooling, kept from pass to pass.
struct PoolingMemory {
  AlignedVector<float> z, inverse;
  AlignedVector<std::uint8_t> values;
  AlignedVector<std::int8_t> weights;
  AlignedVector<std::int32_t> products, of_values;
};

/// Sums over nodes of weights, and of weights times values, some heads side by side.
template <typename Arch = simd::Native>
class Pooling {
 public:
  /// @param heads    that have columns of the values, and tokens, as many each
  /// @param highest  code of a weight
  /// @param least    of all sums of exponentials, each head's own; empty: weights are
  ///                 e^(logit - top), a top a token
  Pooling(std::span<const PoolingHead> heads, std::span<const std::int64_t> least, int highest,
          PoolingMemory& memory)
      : heads_(heads),
        least_(least),
        highest_(highest),
        n_(heads[0].logits.cols),
        wide_(detail::to_lanes(n_)),
        m_(memory) {
    table_ =
        least.empty() ? ExponentialTable::get().codes(highest, 128) : ExponentialTable::get().wide;
  }
  /// @param x        (node, head x channel)
  /// @param inverse  (head x channel): 1 / step of a channel's values
  /// @param most     code of a value
  /// @param sum      (head x token) of weights' codes, added to
  /// @param product  (head x token, channel) of codes, added to
  void add(MatrixView<const float> x, const float* inverse, int most, std::int64_t* sum,
           std::int64_t* product) {
    // So many that sums of products stay in 32 bits.
    constexpr Index part = 16'384;
    const auto n_heads = static_cast<Index>(heads_.size());
    const Index width = x.cols / n_heads, rows = width + 1, columns = detail::to_lanes(x.cols);
    at_least(m_.z, block * detail::to_lanes(n_, 2 * simd::lanes));
    at_least(m_.values, block * columns);
    at_least(m_.weights, block * wide_);
    std::fill_n(at_least(m_.inverse, columns), columns, 0.0f);
    std::copy_n(inverse, x.cols, m_.inverse.data());
    const Index all = n_heads * rows * wide_;
    for (Index first = 0; first < x.rows; first += part) {
      const Index last = std::min(x.rows, first + part);
      std::fill_n(at_least(m_.products, all), all, 0);
      std::fill_n(at_least(m_.of_values, columns), columns, 0);
      for (Index i = first; i < last; i += block) {
        const Index nodes = std::min(block, last - i);
        values(x, i, nodes, columns, static_cast<float>(most));
        for (Index h = 0; h < n_heads; ++h) {
          weights(heads_[static_cast<std::size_t>(h)], h, i, nodes);
          std::int32_t* to = m_.products.data() + h * rows * wide_;
          const Index quads = (nodes + 3) / 4;
          detail::quad_product<Arch>(m_.values.data() + 4 * h * width, 4, 4 * columns, width,
                                     m_.weights.data(), block * simd::lanes, quads,
                                     wide_ / simd::lanes, to, wide_);
          // A row of ones beside the values adds up the weights.
          std::uint8_t ones[block];
          std::fill_n(ones, block, std::uint8_t{0});
          std::fill_n(ones, nodes, std::uint8_t{1});
          detail::quad_product<Arch>(ones, 4, 4, 1, m_.weights.data(), block * simd::lanes, quads,
                                     wide_ / simd::lanes, to + width * wide_, wide_);
        }
      }
      for (Index h = 0; h < n_heads; ++h) flush(h, width, last - first, sum, product);
    }
  }

 private:
  using F = simd::Floats<Arch>;
  using Int = simd::Ints<Arch>;
  static constexpr Index block = 64;  ///< nodes that are multiplied at once

  /// Codes of values as digits, [quad of nodes][channel][node]; digits of no node are 0.
  void values(MatrixView<const float> x, Index first, Index nodes, Index columns,
              float most) noexcept {
    const F high = F::splat(most), low = F::splat(-most);
    const Int bias = Int::splat(Dot<Arch>::bias), byte = Int::splat(255);
    for (Index c = 0; c < x.cols; c += simd::lanes) {
      const int part = static_cast<int>(std::min<Index>(simd::lanes, x.cols - c));
      const F inverse = F::load(m_.inverse.data() + c);
      Int sum = Int::load(m_.of_values.data() + c);
      for (Index i = 0; i < nodes; i += 4) {
        Int digit[4];
        AMQ_UNROLL
        for (int r = 0; r < 4; ++r) {
          digit[r] = Int::splat(0);
          if (i + r >= nodes) continue;
          const F v = detail::some<Arch>(x.row(first + i + r) + c, part) * inverse;
          const Int code = to_ints(min(max(v, low), high));
          sum = sum + code;
          digit[r] = (code + bias) & byte;
        }
        std::int32_t* to = reinterpret_cast<std::int32_t*>(m_.values.data() + i * columns) + c;
        detail::side_by_side_bytes(digit).store(to);
      }
      sum.store(m_.of_values.data() + c);
    }
  }
  /// Codes of weights less 128, [token / 16][quad of nodes][token][node].
  void weights(const PoolingHead& h, Index head, Index first, Index nodes) noexcept {
    const Lookup<Arch> look_up(table_.data());
    const Index wide = detail::to_lanes(n_, 2 * simd::lanes);
    float by[detail::latent_block];
    for (Index i = 0; i < nodes; i += detail::latent_block) {
      const float* scaled = detail::scaled_logits<Arch>(h, first + i, wide, m_.z.data());
      if (!least_.empty())
        for (Index r = 0; r < detail::latent_block; ++r)
          by[r] = share_of(h, head, std::min(first + i + r, h.logits.rows - 1));
      for (Index q = 0; q < detail::latent_block / 4; ++q)
        for (Index g = 0; g < wide_; g += simd::lanes) {
          const float* z = scaled + 4 * q * wide + g;
          std::int8_t* to = m_.weights.data() + g * block + (i / 4 + q) * 64;
          if (least_.empty()) {
            const F top = F::load(h.top + g);
            look_up.bytes({detail::place_of<Arch>(top, z), detail::place_of<Arch>(top, z + wide),
                           detail::place_of<Arch>(top, z + 2 * wide),
                           detail::place_of<Arch>(top, z + 3 * wide)},
                          to);
          } else {
            shares(look_up, h.top, std::min(first + i + 4 * q, h.logits.rows - 1),
                   h.logits.rows - 1, by + 4 * q, z, wide, to);
          }
        }
    }
  }
  /// A weight's code is floor(exponential times this + 0.5).
  [[nodiscard]] float share_of(const PoolingHead& h, Index head, Index node) const noexcept {
    return static_cast<float>(highest_ *
                              static_cast<double>(least_[static_cast<std::size_t>(head)]) /
                              (ExponentialTable::one * static_cast<double>(h.sum[node])));
  }
  AMQ_INLINE void shares(const Lookup<Arch>& look_up, const float* top, Index node, Index last,
                         const float* by, const float* z, Index wide,
                         std::int8_t* to) const noexcept {
    F e[4];
    for (int r = 0; r < 4; r += 2) {
      F two[2];
      look_up.floats(
          {detail::place_of<Arch>(F::splat(top[std::min(node + r, last)]), z + r * wide),
           detail::place_of<Arch>(F::splat(top[std::min(node + r + 1, last)]), z + (r + 1) * wide)},
          two);
      e[r] = two[0];
      e[r + 1] = two[1];
    }
    Int code[4];
    const F magic = F::splat(12'582'912.0f), one = F::splat(1.0f), half = F::splat(128.0f);
    for (int r = 0; r < 4; ++r) {
      const F t = fma(e[r], F::splat(by[r]), F::splat(0.5f)), rounded = (t + magic) - magic;
      const F floor = select_greater(rounded, t, rounded - one, rounded);
      // Less 128, as a byte.
      const F less = select_greater(half, floor, floor + half, floor - half);
      code[r] = bits(less + magic) & Int::splat(255);
    }
    detail::side_by_side_bytes(code).store(reinterpret_cast<std::int32_t*>(to));
  }
  void flush(Index head, Index width, Index nodes, std::int64_t* sum,
             std::int64_t* product) const noexcept {
    const std::int32_t* of_channel = m_.products.data() + head * (width + 1) * wide_;
    const std::int32_t* ones = of_channel + width * wide_;
    for (Index g = 0; g < n_; ++g) {
      const std::int64_t lowered = ones[g];
      sum[head * n_ + g] += lowered + 128 * nodes;
      std::int64_t* to = product + (head * n_ + g) * width;
      for (Index c = 0; c < width; ++c)
        to[c] += of_channel[c * wide_ + g] - Dot<Arch>::bias * lowered +
                 std::int64_t{128} * m_.of_values[static_cast<std::size_t>(head * width + c)];
    }
  }

  std::span<const PoolingHead> heads_;
  std::span<const std::int64_t> least_;
  int highest_;
  Index n_, wide_;
  PoolingMemory& m_;
  alignas(cache_line) ExponentialTable::Words table_;
};

/// Tokens of one head as weights of a product over tokens, a step a channel.
template <typename Arch = simd::Native>
class CodedTokens {
 public:
  /// @param tokens  (token, channel)
  /// @param bits    2, 4 or 8; of 16 the digits of 8 bits: high ones or low ones
  /// @param low     the low digits of 16 bits
  void encode(MatrixView<const float> tokens, int bits, bool low = false) {
    n_ = tokens.rows;
    width_ = tokens.cols;
    // One lane more: ones, which add up the weights.
    columns_ = detail::to_lanes(width_ + 1);
    const Index bytes = detail::to_lanes(n_, 2 * simd::lanes) * columns_;
    std::fill_n(at_least(codes_, bytes), bytes, std::int8_t{0});
    for (auto* v : {&step_, &sum_, &inverse_}) std::fill_n(at_least(*v, columns_), columns_, 0.0f);
    std::fill_n(at_least(start_, columns_), columns_, 0);
    largest_of_columns<Arch>(tokens, step_.data());
    const int highest = highest_weight_code(bits);
    for (Index c = 0; c < width_; ++c) {
      float& step = step_[at(c)];
      step = step / static_cast<float>(highest);
      if (!(step > smallest_step)) step = 1.0f;
      inverse_[at(c)] = 1.0f / step;
      if (bits == 16 && !low) step *= static_cast<float>(weight_digit);
    }
    for (Index g = 0; g < n_; ++g) {
      const float* token = tokens.row(g);
      for (Index c = 0; c < width_; ++c) {
        int code = encode_symmetric(token[c], inverse_[at(c)], highest);
        if (bits == 16) code = low ? weight_digits(code).low : weight_digits(code).high;
        codes_[at(place(g, c))] = static_cast<std::int8_t>(code);
        start_[at(c)] -= code;
      }
      codes_[at(place(g, width_))] = 1;
    }
    for (Index c = 0; c < width_; ++c) {
      sum_[at(c)] = static_cast<float>(-start_[at(c)]);
      start_[at(c)] *= Dot<Arch>::bias;
    }
    start_[at(width_)] = static_cast<std::int32_t>((128 - Dot<Arch>::bias) * n_);
  }
  /// out(i, c) = the sum over tokens of node i's weights times channel c, over the sum of weights.
  /// @param highest  code of a weight
  /// @param add      to what is in `out`
  void spread(const HeadLogits& h, int highest, MatrixView<float> out, bool add) const {
    using F = simd::Floats<Arch>;
    alignas(cache_line) const ExponentialTable::Words table =
        ExponentialTable::get().codes(highest, 128 - Dot<Arch>::bias);
    const Lookup<Arch> look_up(table.data());
    constexpr Index block = detail::latent_block;
    const Index wide = detail::to_lanes(n_, 2 * simd::lanes), quads = wide / 4;
    thread_local AlignedVector<float> scaled;
    thread_local AlignedVector<std::uint8_t> weights;
    thread_local AlignedVector<std::int32_t> products;
    float* room = at_least(scaled, block * wide);
    std::uint8_t* codes = at_least(weights, block * wide);
    std::int32_t* sums = at_least(products, block * columns_);
    alignas(64) float top[simd::lanes], step[simd::lanes];
    for (Index i = 0; i < out.rows; i += block) {
      const Index rows = std::min(block, out.rows - i);
      const float* z = detail::scaled_logits<Arch>(h, i, wide, room);
      detail::tops_of<Arch>(z, wide, top);
      for (Index r = 0; r < block; ++r) {
        const F high = F::splat(top[r]);
        for (Index g = 0; g < wide; g += 2 * simd::lanes)
          look_up.bytes({detail::place_of<Arch>(high, z + r * wide + g),
                         detail::place_of<Arch>(high, z + r * wide + g + simd::lanes)},
                        codes + r * wide + g);
        std::copy_n(start_.data(), columns_, sums + r * columns_);
      }
      detail::quad_product<Arch>(codes, wide, 4, block, codes_.data(), quads * 64, quads,
                                 columns_ / simd::lanes, sums, columns_);
      for (Index r = 0; r < block; ++r) step[r] = static_cast<float>(sums[r * columns_ + width_]);
      (F::splat(1.0f) / F::load(step)).store(step);
      for (Index r = 0; r < rows; ++r)
        detail::each_register(width_, [&](Index c, int part) AMQ_INLINE_LAMBDA {
          const F shift = F::splat(128 * step[r]) * F::load(sum_.data() + c);
          const F sum = to_floats(simd::Ints<Arch>::load(sums + r * columns_ + c));
          F y = fma(F::load(step_.data() + c), fma(F::splat(step[r]), sum, shift), F::splat(0.0f));
          float* to = out.row(i + r) + c;
          if (add) y = detail::some<Arch>(to, part) + y;
          detail::store_some<Arch>(y, to, part);
        });
    }
  }

 private:
  static constexpr std::size_t at(Index k) noexcept { return static_cast<std::size_t>(k); }
  /// Of the code of token g and channel c: [channel / 16][quad][channel][4]. Tokens of a quad are
  /// in the order of Lookup::bytes().
  [[nodiscard]] Index place(Index g, Index c) const noexcept {
    constexpr Index two = 2 * simd::lanes;
    const Index in = g % two, k = g / two * two + in % simd::lanes * 2 + in / simd::lanes;
    const Index quads = detail::to_lanes(n_, two) / 4;
    return (c / simd::lanes * quads + k / 4) * 64 + c % simd::lanes * 4 + k % 4;
  }
  Index n_ = 0, width_ = 0, columns_ = 0;
  AlignedVector<std::int8_t> codes_;
  AlignedVector<float> step_, sum_, inverse_;
  AlignedVector<std::int32_t> start_;
};

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
