#pragma once
/// @file
/// A matrix somebody else owns: pointer, extents, row stride. The currency between rooms that do
/// not know Eigen (quant, kernels) and those that do.

#include <amq/config.hpp>
#include <amq/core/rooms.hpp>

#include <cstddef>
#include <span>
#include <type_traits>

namespace amq {

using Index = std::ptrdiff_t;

}  // namespace amq

namespace amq::core {

namespace detail {
/// How Eigen sees a view; completed by core/eigen.hpp.
template <typename T>
struct EigenMap;
}  // namespace detail

}  // namespace amq::core

namespace amq {

/// (row, column), row-major; `stride` elements lie between the starts of two rows.
template <typename T>
struct MatrixView {
  T* data = nullptr;
  Index rows = 0, cols = 0, stride = 0;

  constexpr MatrixView() noexcept = default;
  constexpr MatrixView(T* p, Index r, Index c) noexcept : MatrixView(p, r, c, c) {}
  constexpr MatrixView(T* p, Index r, Index c, Index s) noexcept
      : data(p), rows(r), cols(c), stride(s) {
    AMQ_ASSERT(r >= 0 && c >= 0 && s >= c, "a view needs stride >= cols >= 0 and rows >= 0");
  }
  /// A view to read from a view to write.
  template <typename U>
  requires(std::is_same_v<T, const U>) constexpr MatrixView(
      MatrixView<U> o) noexcept  // NOLINT: like span, meant to convert
      : data(o.data), rows(o.rows), cols(o.cols), stride(o.stride) {}

  [[nodiscard]] constexpr T* row(Index i) const noexcept { return data + i * stride; }
  [[nodiscard]] constexpr std::span<T> row_span(Index i) const noexcept {
    return {row(i), static_cast<std::size_t>(cols)};
  }
  [[nodiscard]] constexpr T& operator()(Index i, Index j) const noexcept {
    return data[i * stride + j];
  }
  [[nodiscard]] constexpr Index size() const noexcept { return rows * cols; }
  [[nodiscard]] constexpr bool contiguous() const noexcept { return stride == cols; }

  /// Eigen sees the memory of a view, with core/eigen.hpp; nothing is copied. A friend, found
  /// through its argument alone: beside `using namespace std` the name `map` is still std's.
  [[nodiscard]] friend auto map(MatrixView v) noexcept { return core::detail::EigenMap<T>::of(v); }
};

}  // namespace amq
