#pragma once
/// @file
/// What a network on a regular grid asks of an arithmetic beyond the waist: operations that know
/// how rows lie on a grid, and a scale and shift per channel.

#include <amq/arithmetic/concept.hpp>
#include <amq/ops/operation.hpp>

#include <concepts>

namespace amq {

/// What the networks on grids are written over. `linear` takes grouped weights as well.
template <typename A>
concept grid_arithmetic = arithmetic<A> &&
    requires(A a, typename A::Tensor x, ParameterId p, ProductBits t) {
  // Of the bits of a product without weights, those of this pass: none where nothing is quantized.
  { a.product_bits(t) } -> std::same_as<ProductBits>;
  { a.apply(detail::AnyGridOperation{}, x) } -> std::same_as<typename A::Tensor>;
  // Channel c of every row: x scale[c] + shift[c], both parameters.
  { a.affine(x, p, p) } -> std::same_as<typename A::Tensor>;
};

}  // namespace amq
