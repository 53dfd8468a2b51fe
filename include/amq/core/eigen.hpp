#pragma once
/// @file
/// The only place that includes Eigen's dense part, and the words we use of it.

#include <amq/core/matrix_view.hpp>
#include <amq/core/rooms.hpp>

#if defined(__GNUC__) && !defined(__clang__)
// g++ 12 calls its own AVX-512 reductions uninitialized (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <Eigen/Core>
#pragma GCC diagnostic pop
#else
#include <Eigen/Core>
#endif

namespace amq::core {

/// (row, channel), row-major: a node's channels lie side by side.
template <typename T>
using MatrixOf = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Matrix = MatrixOf<float>;

template <typename T>
using MapOf = Eigen::Map<MatrixOf<T>, Eigen::Unaligned, Eigen::OuterStride<>>;
template <typename T>
using ConstMapOf = Eigen::Map<const MatrixOf<T>, Eigen::Unaligned, Eigen::OuterStride<>>;

}  // namespace amq::core

namespace amq {

template <typename T>
[[nodiscard]] MatrixView<T> view(core::MatrixOf<T>& m) noexcept {
  return {m.data(), m.rows(), m.cols()};
}
template <typename T>
[[nodiscard]] MatrixView<const T> view(const core::MatrixOf<T>& m) noexcept {
  return {m.data(), m.rows(), m.cols()};
}

}  // namespace amq

namespace amq::core {

namespace detail {
template <typename T>
struct EigenMap {
  [[nodiscard]] static MapOf<T> of(MatrixView<T> v) noexcept {
    return {v.data, v.rows, v.cols, Eigen::OuterStride<>(v.stride)};
  }
};
template <typename T>
struct EigenMap<const T> {
  [[nodiscard]] static ConstMapOf<T> of(MatrixView<const T> v) noexcept {
    return {v.data, v.rows, v.cols, Eigen::OuterStride<>(v.stride)};
  }
};
}  // namespace detail

}  // namespace amq::core
