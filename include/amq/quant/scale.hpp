#pragma once
/// @file
/// Real units per code.
///
/// | policy    | one step per   | when to take it                                    |
/// |-----------|----------------|----------------------------------------------------|
/// | PerTensor | tensor         | learned or calibrated activations                  |
/// | PerRow    | row            | nodes and edges, whose magnitudes differ           |
/// | PerColumn | column         | channels of inputs with units of their own         |
/// | Group<N>  | N of a row     | long rows with local outliers                      |
/// | Pow2<E>   | 2^E, a type    | pure fixed point: no bytes, scaling is a shift     |

#include <amq/config.hpp>
#include <amq/core/matrix_view.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace amq {

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
  static_assert(-126 <= Exponent && Exponent <= 127, "amq::Pow2<E>: E must be -126 to 127");
  [[nodiscard]] static constexpr float step() noexcept {
    return std::bit_cast<float>(static_cast<std::uint32_t>(Exponent + 127) << 23);
  }
  [[nodiscard]] static constexpr float step(Index, Index) noexcept { return step(); }
};

struct PerRow {
  std::vector<float> value;  ///< (row)
  [[nodiscard]] float step(Index i, Index) const noexcept {
    AMQ_ASSERT(i < static_cast<Index>(value.size()), "PerRow needs one step per row");
    return value[static_cast<std::size_t>(i)];
  }
};

struct PerColumn {
  std::vector<float> value;  ///< (column)
  [[nodiscard]] float step(Index, Index j) const noexcept {
    AMQ_ASSERT(j < static_cast<Index>(value.size()), "PerColumn needs one step per column");
    return value[static_cast<std::size_t>(j)];
  }
};

/// N neighbours of a row share a step; the last group of a row may be shorter.
template <int N>
struct Group {
  static_assert(N > 0, "amq::Group<N>: N must be positive");
  static constexpr Index width = N;
  std::vector<float> value;  ///< (row, group)
  Index groups = 0;          ///< per row
  [[nodiscard]] static constexpr Index groups_of(Index columns) noexcept {
    return (columns + N - 1) / N;
  }
  [[nodiscard]] float step(Index i, Index j) const noexcept {
    AMQ_ASSERT(i * groups + j / N < static_cast<Index>(value.size()), "Group needs all its steps");
    return value[static_cast<std::size_t>(i * groups + j / N)];
  }
};

}  // namespace amq
