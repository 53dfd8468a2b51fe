#pragma once
/// @file
/// Scale policies fitted to a matrix: the largest magnitude of what shares a step becomes the
/// highest code.

#include <amq/core/error.hpp>
#include <amq/quant/scale.hpp>

#include <cmath>
#include <cstddef>

#include <string>
#include <type_traits>
#include <vector>

namespace amq {

namespace detail {
/// Accumulates the largest magnitude under which element (i, j) falls, then divides.
template <typename PlaceOf>
[[nodiscard]] std::vector<float> fit_steps(MatrixView<const float> x, Index count, int highest,
                                           PlaceOf place) {
  std::vector<float> step(static_cast<std::size_t>(count), 0.0f);
  for (Index i = 0; i < x.rows; ++i)
    for (Index j = 0; j < x.cols; ++j) {
      if (!std::isfinite(x(i, j)))
        throw Error("fit", "finite values",
                    std::to_string(x(i, j)) + " at row " + std::to_string(i) + ", column " +
                        std::to_string(j),
                    "Look for where it first appears.");
      auto& s = step[static_cast<std::size_t>(place(i, j))];
      s = std::fmax(s, std::fabs(x(i, j)));
    }
  for (auto& s : step) {
    s /= static_cast<float>(highest);
    if (!(s > 0x1p-100f)) s = 1;  // zeros: any step tells them
  }
  return step;
}
}  // namespace detail

/// fit<PerRow>(x, highest): a scale under which no element of x is clipped. A power of two is in
/// the type and has nothing to fit.
/// @throws Error for values that are not finite
template <scale_policy S>
[[nodiscard]] S fit(MatrixView<const float> x, int highest) {
  if constexpr (std::is_same_v<S, PerTensor>) {
    return {detail::fit_steps(x, 1, highest, [](Index, Index) { return Index{0}; })[0]};
  } else if constexpr (std::is_same_v<S, PerRow>) {
    return {detail::fit_steps(x, x.rows, highest, [](Index i, Index) { return i; })};
  } else if constexpr (std::is_same_v<S, PerColumn>) {
    return {detail::fit_steps(x, x.cols, highest, [](Index, Index j) { return j; })};
  } else if constexpr (requires { S::groups_of(Index{1}); }) {
    const Index groups = S::groups_of(x.cols);
    return {detail::fit_steps(x, x.rows * groups, highest,
                              [&](Index i, Index j) { return i * groups + j / S::width; }),
            groups};
  } else {
    static_assert(std::is_empty_v<S>, "amq::fit: this scale policy has no rule to fit it by");
    return {};
  }
}

}  // namespace amq
