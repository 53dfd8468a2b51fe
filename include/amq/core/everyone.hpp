#pragma once
/// @file
/// What those who work on parts of one mesh know only together: sums and maxima of integers, which
/// have no order, and what number a node of a part has in the whole.

#include <amq/core/matrix_view.hpp>
#include <amq/core/rooms.hpp>

#include <bit>
#include <concepts>
#include <cstdint>
#include <limits>
#include <span>

namespace amq::core {

/// All who solve one problem. Every one of them calls these functions in the same order, and all
/// see the same results.
template <typename E>
concept everyone = requires(E& all, std::span<std::int64_t> x, Index n) {
  { all.sum(x) } -> std::same_as<void>;  // entry by entry, over all
  { all.max(x) } -> std::same_as<void>;
  {
    all.number(n)
    } -> std::same_as<std::int64_t>;               // of an own node among all; ascends with n
                                                   // where one is alone
  { all.nodes(n) } -> std::same_as<std::int64_t>;  // of all, where one's own are n
};

/// The usual case: the whole mesh is here.
struct Alone {
  void sum(std::span<std::int64_t>) const noexcept {}
  void max(std::span<std::int64_t>) const noexcept {}
  [[nodiscard]] std::int64_t number(Index node) const noexcept { return node; }
  [[nodiscard]] std::int64_t nodes(Index own) const noexcept { return own; }
};
static_assert(everyone<const Alone>);

/// Doubles as integers of the same order, so that max() serves for them. @pre x is not NaN
[[nodiscard]] constexpr std::int64_t ordered_bits(double x) noexcept {
  const auto bits = std::bit_cast<std::int64_t>(x);
  return bits < 0 ? bits ^ std::numeric_limits<std::int64_t>::max() : bits;
}
[[nodiscard]] constexpr double from_ordered_bits(std::int64_t bits) noexcept {
  return std::bit_cast<double>(bits < 0 ? bits ^ std::numeric_limits<std::int64_t>::max() : bits);
}

}  // namespace amq::core
