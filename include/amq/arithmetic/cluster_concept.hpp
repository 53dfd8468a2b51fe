#pragma once
/// @file
/// What networks over clusters of nodes ask of an arithmetic beyond the waist.

#include <amq/arithmetic/concept.hpp>

namespace amq {

/// tests/models/graph_vit.cpp holds every arithmetic to it.
template <typename A>
concept cluster_arithmetic = arithmetic<A> &&
    requires(A a, typename A::Tensor x, Index heads, std::span<const std::uint8_t> rows) {
  // Element by element, as gates do.
  { a.gate(x, x) } -> std::same_as<typename A::Tensor>;
  // Row i of the first where rows[i], else of the second. `rows` lives until backward() is over.
  { a.choose_rows(rows, x, x) } -> std::same_as<typename A::Tensor>;
  // (row, 3 channels) -> (row, channels); see ops::masked_attention.
  { a.masked_attention(x, heads, rows) } -> std::same_as<typename A::Tensor>;
};

}  // namespace amq
