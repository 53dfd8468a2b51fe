#pragma once
/// @file
/// The waist of the house: what a model may ask for. A model above it is one text; an arithmetic
/// below it says what a tensor is and what a product does.
///
/// - Float32, reference: a tensor is a float matrix, quantize() then linear() a float product.
/// - Training<Scheme>, for training: a value on a tape; fake quantization, and gradients.
/// - Fixed<Scheme>, deployment: a float matrix; integer rows, an integer product.
/// - Counting<Scheme>, the cost of a pass: a shape; multiplications, BOPs, bytes.
///
/// Everything that is no product of quantized rows with weights is an operation (amq/ops/), and
/// runs by apply(). What an arithmetic may do in one step, and the composition that all others
/// take, is listed in fusions.hpp.
///
/// Shapes are (row, channel); a tensor knows what its rows are (RowKind).

#include <amq/arithmetic/parameter.hpp>
#include <amq/core/matrix_view.hpp>
#include <amq/ops/operation.hpp>
#include <amq/ops/product_bits.hpp>

#include <concepts>
#include <initializer_list>

namespace amq {

template <typename A>
concept arithmetic = requires(A a, typename A::Tensor x, typename A::Quantized q,
                              MatrixView<const float> data, arithmetics::PointId point,
                              arithmetics::WeightId weight, arithmetics::ParameterId p, Index n,
                              ops::ProductBits bits) {
  { a.input(data, ops::RowKind::node) } -> std::same_as<typename A::Tensor>;
  // Rows become codes at the point's bits; several products may read the same codes.
  { a.quantize(point, x) } -> std::same_as<typename A::Quantized>;
  // (row, in) -> (row, out): x W^T + b; of grouped weights, each group of rows with its own.
  { a.linear(weight, q) } -> std::same_as<typename A::Tensor>;
  // Inputs are tensors and parameters, a tensor first.
  { a.apply(ops::detail::AnyOperation<1>{}, x) } -> std::same_as<typename A::Tensor>;
  { a.apply(ops::detail::AnyOperation<2>{}, x, x) } -> std::same_as<typename A::Tensor>;
  { a.apply(ops::detail::AnyOperation<3>{}, x, p, p) } -> std::same_as<typename A::Tensor>;
  { a.columns(x, n, n) } -> std::same_as<typename A::Tensor>;
  { a.concat({x, x}) } -> std::same_as<typename A::Tensor>;
  // What a pass gives: numbers, or of a count their shape. Valid until the next pass.
  a.result(x);
  // Of the bits of a product without weights, those of this pass: none where nothing is quantized.
  { a.product_bits(bits) } -> std::same_as<ops::ProductBits>;
};

}  // namespace amq
