#pragma once
/// @file
/// Quantized tensors and Eigen. Codes of 8 and 16 bits are seen in place; narrower ones have no
/// address of their own and are decoded.

#include <amq/core/eigen.hpp>
#include <amq/quant/mixed_qtensor.hpp>
#include <amq/quant/qtensor.hpp>

namespace amq::quant {

/// The codes as an Eigen matrix (row, column); nothing is copied, writing writes the tensor.
template <typename Q, typename Extents>
[[nodiscard]] MapOf<typename BasicQTensor<Q, Extents>::Code> code_map(
    BasicQTensor<Q, Extents>& t) noexcept {
  static_assert(
      BasicQTensor<Q, Extents>::container >= 8,
      "amq::quant::code_map: codes below 8 bits are packed and have no address; use decode()");
  using Code = typename BasicQTensor<Q, Extents>::Code;
  return map(MatrixView<Code>(t.row(0), t.rows(), t.cols()));
}
template <typename Q, typename Extents>
[[nodiscard]] ConstMapOf<typename BasicQTensor<Q, Extents>::Code> code_map(
    const BasicQTensor<Q, Extents>& t) noexcept {
  static_assert(
      BasicQTensor<Q, Extents>::container >= 8,
      "amq::quant::code_map: codes below 8 bits are packed and have no address; use decode()");
  using Code = typename BasicQTensor<Q, Extents>::Code;
  return map(MatrixView<const Code>(t.row(0), t.rows(), t.cols()));
}

/// @throws Error when x has another shape
template <typename Q, typename Extents>
void encode(BasicQTensor<Q, Extents>& t, const Matrix& x) {
  t.encode(view(x));
}
template <typename Q, typename Extents, typename Layout>
[[nodiscard]] Matrix decode(const BasicQTensor<Q, Extents, Layout>& t) {
  Matrix x(t.rows(), t.cols());
  t.decode(view(x));
  return x;
}
template <typename List, typename Rule>
[[nodiscard]] Matrix decode(const MixedQTensor<List, Rule>& t) {
  Matrix x(t.rows(), t.cols());
  t.decode(view(x));
  return x;
}

}  // namespace amq::quant
