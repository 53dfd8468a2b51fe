#pragma once
/// @file
/// Float rows to packed codes and back, to the bit what amq::quantize_row does with plain loops.

#include <amq/kernels/codes.hpp>
#include <amq/kernels/moments.hpp>
#include <amq/quant/row_rule.hpp>

#include <cstdint>

namespace amq::kernels {
inline namespace AMQ_LEVEL {

/// What encodes a row: t = fma(x, inv, shift), clamped to low .. high.
struct RowEncoder {
  float inv, shift, low, high;
  RowEncoder(const RowGrid& g, int lowest, int highest) noexcept
      : inv(g.inverse()),
        shift(g.shift(inv)),
        low(static_cast<float>(lowest)),
        high(static_cast<float>(highest)) {}

  template <typename Arch>
  AMQ_INLINE simd::Ints<Arch> operator()(simd::Floats<Arch> x) const noexcept {
    using F = simd::Floats<Arch>;
    const F t = fma(x, F::splat(inv), F::splat(shift));
    return to_ints(min(max(t, F::splat(low)), F::splat(high)));
  }
};

/// The grid of a row by a rule. @pre a > 0
template <typename Arch = simd::Native>
[[nodiscard]] inline RowGrid row_grid(const float* x, Index n, const RowCoder& c) noexcept {
  switch (c.rule) {
    case RowRule::symmetric:
      return RowSymmetric::grid({abs_max<Arch>(x, n)}, c.bits, c.a);
    case RowRule::min_max:
      return RowMinMax::grid(min_max<Arch>(x, n), c.bits, c.a);
    case RowRule::fixed:
      return Static::grid({}, c.bits, c.a, c.offset);
    case RowRule::affine:
      break;
  }
  return RowAffine::grid(mean_deviation<Arch>(x, n), c.bits, c.a);
}

/// n <= 64 codes of 8 bits, the rest of the 64 bytes written with anything.
template <typename Arch>
AMQ_INLINE void encode_chunk(const float* x, int n, const RowEncoder& e,
                             std::int8_t* out) noexcept {
  using F = simd::Floats<Arch>;
  for (int k = 0; k < n; k += simd::lanes) {
    const F v = n - k >= simd::lanes ? F::load(x + k) : F::load_part(x + k, n - k);
    Codes<Arch>::narrow8(e(v), out + k);
  }
}

/// A row at a given grid into fields of container_bits(bits) bits; 0 bits write nothing.
/// @pre lowest .. highest lie within the container
template <typename Arch = simd::Native>
inline void encode_row(const float* x, Index n, const RowGrid& grid, int lowest, int highest,
                       int container, void* out) noexcept {
  if (container == 0) return;
  const RowEncoder e(grid, lowest, highest);
  auto* p = static_cast<std::uint8_t*>(out);
  for (Index k = 0; k < n; k += chunk) {
    const int part = static_cast<int>(n - k < chunk ? n - k : chunk);
    if (container == 16) {
      alignas(64) std::int16_t words[chunk];
      using F = simd::Floats<Arch>;
      for (int j = 0; j < part; j += simd::lanes) {
        const F v =
            part - j >= simd::lanes ? F::load(x + k + j) : F::load_part(x + k + j, part - j);
        Codes<Arch>::narrow16(e(v), words + j);
      }
      std::memcpy(p + 2 * k, words, static_cast<std::size_t>(2 * part));
    } else if (container == 8 && part == chunk) {
      encode_chunk<Arch>(x + k, part, e, reinterpret_cast<std::int8_t*>(p + k));
    } else {
      alignas(64) std::int8_t bytes[chunk];
      encode_chunk<Arch>(x + k, part, e, bytes);
      if (container == 8)
        std::memcpy(p + k, bytes, static_cast<std::size_t>(part));
      else
        Codes<Arch>::pack(bytes, part, container, p + k * container / 8);
    }
  }
}

/// A row by a rule. @returns its grid
template <typename Arch = simd::Native>
inline RowGrid quantize_row(const float* x, Index n, const RowCoder& c, void* out) noexcept {
  const RowGrid grid = row_grid<Arch>(x, n, c);
  encode_row<Arch>(x, n, grid, c.lowest(), c.highest(), container_bits(c.bits), out);
  return grid;
}

/// x_k = fma(step, q_k, offset); container 0 gives the offset.
template <typename Arch = simd::Native>
inline void decode_row(const void* codes, Index n, int container, const RowGrid& grid,
                       float* x) noexcept {
  using F = simd::Floats<Arch>;
  const F step = F::splat(grid.step), offset = F::splat(grid.offset);
  const auto* p = static_cast<const std::uint8_t*>(codes);
  for (Index k = 0; k < n; k += simd::lanes) {
    const int part = static_cast<int>(n - k < simd::lanes ? n - k : simd::lanes);
    std::int32_t q[simd::lanes] = {};
    if (container != 0) unpack_codes(p + k * container / 8, part, container, q);
    fma(step, to_floats(simd::Ints<Arch>::load(q)), offset).store_part(x + k, part);
  }
}

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
