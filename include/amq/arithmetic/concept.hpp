#pragma once
/// @file
/// The waist of the house: the operations a model may use. A model above it is one text; an
/// arithmetic below it says what a tensor is and what an operation does.
///
/// - Float32, reference: a tensor is a float matrix, quantize() then linear() a float product.
/// - Training<Scheme>, for training: a value on a tape; fake quantization, and gradients.
/// - Fixed<Scheme>, deployment: a float matrix; integer rows, an integer product.
/// - Counting<Scheme>, the cost of a pass: a shape; multiplications, BOPs, bytes.
///
/// Shapes are (row, channel); a tensor knows what its rows are (RowKind).

#include <amq/arithmetic/parameter.hpp>
#include <amq/ops/rows.hpp>

#include <concepts>
#include <initializer_list>

namespace amq {

template <typename A>
concept arithmetic = requires(A a, typename A::Tensor x, typename A::Quantized q,
                              MatrixView<const float> data, const Graph& g,
                              std::span<const std::int32_t> ids, std::span<const float> factors,
                              PointId point, WeightId weight, ParameterId p, Index n,
                              const ops::Windows& w) {
  { a.input(data, RowKind::node) } -> std::same_as<typename A::Tensor>;
  // Rows become codes at the point's bits; several products may read the same codes.
  { a.quantize(point, x) } -> std::same_as<typename A::Quantized>;
  // (row, in) -> (row, out): x W^T + b.
  { a.linear(weight, q) } -> std::same_as<typename A::Tensor>;
  { a.activate(Activation::swish, x) } -> std::same_as<typename A::Tensor>;
  { a.add(x, x) } -> std::same_as<typename A::Tensor>;
  { a.subtract(x, x) } -> std::same_as<typename A::Tensor>;
  // Channel c of every row times factors[c].
  { a.scale_columns(x, factors) } -> std::same_as<typename A::Tensor>;
  { a.columns(x, n, n) } -> std::same_as<typename A::Tensor>;
  { a.concat({x, x}) } -> std::same_as<typename A::Tensor>;
  { a.gather(x, ids, RowKind::edge) } -> std::same_as<typename A::Tensor>;
  // (node), (node) -> (edge): receiver's plus sender's row.
  { a.edge_sum(x, x, g) } -> std::same_as<typename A::Tensor>;
  { a.segment_mean(x, g) } -> std::same_as<typename A::Tensor>;
  { a.segment_sum(x, g) } -> std::same_as<typename A::Tensor>;
  { a.instance_norm(x) } -> std::same_as<typename A::Tensor>;
  { a.layer_norm(x, p, p) } -> std::same_as<typename A::Tensor>;
  { a.windows(x, w) } -> std::same_as<typename A::Tensor>;
  { a.fold_windows(x, n) } -> std::same_as<typename A::Tensor>;
};

}  // namespace amq
