#pragma once
/// @file
/// What a quantizer is.

#include <amq/core/matrix_view.hpp>
#include <amq/core/rooms.hpp>

#include <concepts>

namespace amq::quant {

/// A quantizer sends the real at row i, column j to a code and back. The compiler checks the
/// signatures; tests/quant/quantizer_laws.hpp checks the promises:
///  - inside the range, decode(encode(x)) is within half a step of x;
///  - outside it, encode saturates and never wraps; encode is monotone;
///  - encode(decode(q)) == q for every code.
template <typename Q>
concept quantizer = requires(const Q q, float x, typename Q::Code code, Index i) {
  { Q::bits } -> std::convertible_to<int>;
  { Q::lowest } -> std::convertible_to<int>;
  { Q::highest } -> std::convertible_to<int>;
  { q.step(i, i) }
  noexcept->std::same_as<float>;  // real units per code
  { q.encode(x, i, i) }
  noexcept->std::same_as<typename Q::Code>;
  { q.decode(code, i, i) }
  noexcept->std::same_as<float>;
};

}  // namespace amq::quant
