#pragma once
/// @file
/// Real units per code of a symmetric tensor.
///
/// | policy    | one step per   | when to take it                                    |
/// |-----------|----------------|----------------------------------------------------|
/// | PerTensor | tensor         | values whose magnitudes are alike                  |
/// | PerRow    | row            | output channels of a weight                        |
/// | Pow2<E>   | 2^E, a type    | pure fixed point: no bytes, scaling is a shift     |

#include <amq/config.hpp>
#include <amq/core/aligned.hpp>
#include <amq/core/matrix_view.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace amq::quant {

/// step(i, j) > 0: the step of the element in row i and column j.
template <typename S>
concept scale_policy = requires(const S s, Index i) {
  { s.step(i, i) }
  noexcept->std::same_as<float>;
};
/// One step for all.
template <typename S>
concept uniform_scale = scale_policy<S> && requires(const S s) {
  { s.step() }
  noexcept->std::same_as<float>;
};

struct PerTensor {
  float value = 1;
  [[nodiscard]] constexpr float step() const noexcept { return value; }
  [[nodiscard]] constexpr float step(Index, Index) const noexcept { return value; }
};

template <int Exponent>
struct Pow2 {
  static_assert(-126 <= Exponent && Exponent <= 127, "amq::quant::Pow2<E>: E must be -126 to 127");
  [[nodiscard]] static constexpr float step() noexcept {
    return std::bit_cast<float>(static_cast<std::uint32_t>(Exponent + 127) << 23);
  }
  [[nodiscard]] static constexpr float step(Index, Index) noexcept { return step(); }
};

struct PerRow {
  AlignedVector<float> value;  ///< (row); may be longer, as vectors like to read it
  [[nodiscard]] float step(Index i, Index) const noexcept {
    AMQ_ASSERT(i < static_cast<Index>(value.size()), "PerRow needs one step per row");
    return value[static_cast<std::size_t>(i)];
  }
};

}  // namespace amq::quant
