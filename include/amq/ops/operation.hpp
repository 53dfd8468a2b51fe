#pragma once
/// @file
/// What an operation on rows is: one struct with its shape, its cost, its value and its gradient.
/// Every arithmetic runs it by apply(); a user's own is one struct more.

#include <amq/core/error.hpp>
#include <amq/core/executor.hpp>
#include <amq/core/matrix_view.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace amq::ops {

/// What a row of a tensor stands for; adaptive bits are given per node, edge or cluster.
enum class RowKind : std::uint8_t { node, edge, cluster, grid };

struct MatrixShape {
  Index rows = 0, cols = 0;

  [[nodiscard]] std::string text() const {
    return "(" + std::to_string(rows) + ", " + std::to_string(cols) + ")";
  }
  [[nodiscard]] constexpr double size() const noexcept {
    return static_cast<double>(rows) * static_cast<double>(cols);
  }
  bool operator==(const MatrixShape&) const = default;
};

/// Where the gradient of one input goes, for a backward() that would rather write than add.
template <typename T>
struct GradientSlot {
  MatrixView<T> grad;
  bool fresh = false;  ///< nothing has arrived yet, and memory holds anything: write, do not add

  [[nodiscard]] explicit operator bool() const noexcept { return grad.data != nullptr; }
};

/// How many tensors and parameters go in: Op::inputs, or one.
template <typename Op>
inline constexpr std::size_t inputs_of = [] {
  if constexpr (requires { Op::inputs; })
    return static_cast<std::size_t>(Op::inputs);
  else
    return std::size_t{1};
}();
/// Inputs may be some columns of a wider matrix; others get whole rows one after the other.
template <typename Op>
inline constexpr bool takes_columns = requires {
  requires Op::takes_columns;
};
/// The result may lie in the memory of an input of its shape.
template <typename Op>
inline constexpr bool in_place = requires {
  requires Op::in_place;
};

namespace detail {
template <typename T, std::size_t>
using Each = T;

template <typename Op, typename Indices>
struct Promise;
/// The signatures of an operation, its inputs counted off.
template <typename Op, std::size_t... K>
struct Promise<Op, std::index_sequence<K...>> {
  using In = MatrixView<const float>;
  using Out = MatrixView<float>;

  static constexpr bool keeps = requires(const Op op, Each<MatrixShape, K>... s) {
    { op.kept(s...) } -> std::convertible_to<Index>;
  };
  static constexpr bool shape = requires(const Op op, Each<MatrixShape, K>... s) {
    { op.shape(s...) } -> std::same_as<MatrixShape>;
  };
  static constexpr bool cost = requires(const Op op, Each<MatrixShape, K>... s) {
    { op.cost(s...) } -> std::convertible_to<double>;
  };
  static constexpr bool macs = requires(const Op op, Each<MatrixShape, K>... s) {
    { op.macs(s...) } -> std::convertible_to<double>;
  };
  static constexpr bool forward =
      requires(const Op op, Each<In, K>... x, Out y, float* kept, Executor& executor) {
    requires keeps || requires {
      op.forward(x..., y, executor);
    };
    requires !keeps || requires {
      op.forward(x..., y, kept, executor);
    };
  };
  template <typename D>
  static constexpr bool backward_into = requires(const Op op, Each<In, K>... x, In y,
                                                 const float* kept, Each<D, K>... dx) {
    requires keeps || requires {
      op.backward(x..., y, y, dx...);
    };
    requires !keeps || requires {
      op.backward(x..., y, kept, y, dx...);
    };
  };
  static constexpr bool into_slots = backward_into<GradientSlot<float>>;
};
template <typename Op>
using PromiseOf = Promise<Op, std::make_index_sequence<inputs_of<Op>>>;
}  // namespace detail

/// (shape of each input) -> MatrixShape of the result. @throws Error where they do not fit
template <typename Op>
concept has_shape = detail::PromiseOf<Op>::shape;
/// (shape of each input) -> float operations.
template <typename Op>
concept has_cost = detail::PromiseOf<Op>::cost;
/// (inputs, result, executor): writes the whole result.
template <typename Op>
concept has_forward = detail::PromiseOf<Op>::forward;
/// (inputs, result, d result, d of each input): adds to gradients, or asks for GradientSlots.
template <typename Op>
concept has_backward = detail::PromiseOf<Op>::into_slots ||
    detail::PromiseOf<Op>::template backward_into<MatrixView<float>>;

/// A differentiable function of one or several matrices; forward() and backward() are templates
/// over float and double. tests/ops/laws.hpp holds every one to its promises:
///  - backward() is the transposed derivative of forward(), and adds;
///  - both run in one fixed order for any number of threads;
///  - it owns no memory, since a tape keeps it: what it points to lives until backward() is over.
///
/// It may also say:
///
// clang-format off
/// | member                     | what it says                                                     | else               |
/// |----------------------------|------------------------------------------------------------------|--------------------|
/// | `inputs`                   | how many tensors and parameters; a parameter is a row (1, n)     | 1                  |
/// | `kind(k)`                  | what rows of the result stand for, given those of the first input | k                  |
/// | `takes_columns`            | reads and writes rows by their stride                            | gets whole rows    |
/// | `in_place`                 | the result may lie in the memory of an input                     | has its own        |
/// | `kept(shapes...)`          | how many numbers forward() leaves for backward(): both get a pointer behind the result | none |
/// | `macs(shapes...)`, `name`, `bits` | multiplications between rows, and their ProductBits       | none               |
// clang-format on
///
/// An input that nobody wants the gradient of has a gradient without data.
template <typename Op>
concept operation = std::is_trivially_destructible_v<Op> && std::copy_constructible<Op> &&
    has_shape<Op> && has_cost<Op> && has_forward<Op> && has_backward<Op>;

/// What an arithmetic does with an operation, its inputs in an array.
template <operation Op>
struct Run {
  static constexpr std::size_t n = inputs_of<Op>;
  using Promise = detail::PromiseOf<Op>;
  using Shapes = std::array<MatrixShape, n>;

  [[nodiscard]] static MatrixShape shape(const Op& op, const Shapes& s) {
    return std::apply([&](auto... each) { return op.shape(each...); }, s);
  }
  [[nodiscard]] static double cost(const Op& op, const Shapes& s) {
    return std::apply([&](auto... each) { return static_cast<double>(op.cost(each...)); }, s);
  }
  [[nodiscard]] static Index kept(const Op& op, const Shapes& s) {
    if constexpr (Promise::keeps)
      return std::apply([&](auto... each) { return static_cast<Index>(op.kept(each...)); }, s);
    else
      return 0;
  }
  static constexpr bool has_macs = Promise::macs;
  [[nodiscard]] static double macs(const Op& op, const Shapes& s) requires(Promise::macs) {
    return std::apply([&](auto... each) { return static_cast<double>(op.macs(each...)); }, s);
  }
  [[nodiscard]] static RowKind kind(const Op& op, RowKind of_first) {
    if constexpr (requires { op.kind(of_first); })
      return op.kind(of_first);
    else
      return of_first;
  }
  template <typename T>
  using Inputs = std::array<MatrixView<const T>, n>;
  template <typename T>
  [[nodiscard]] static Shapes shapes(const Inputs<T>& x) noexcept {
    Shapes s;
    for (std::size_t k = 0; k < n; ++k) s[k] = {x[k].rows, x[k].cols};
    return s;
  }
  /// @param kept  room for kept() numbers
  template <typename T>
  static void forward(const Op& op, const Inputs<T>& x, MatrixView<T> y, T* kept,
                      Executor& executor) {
    std::apply(
        [&](auto... each) {
          if constexpr (Promise::keeps)
            op.forward(each..., y, kept, executor);
          else
            op.forward(each..., y, executor);
        },
        x);
  }
  /// @param dx  without data where no gradient is wanted
  template <typename T>
  static void backward(const Op& op, const Inputs<T>& x, MatrixView<const T> y, const T* kept,
                       MatrixView<const T> dy, const std::array<GradientSlot<T>, n>& dx) {
    std::apply(
        [&](auto... each) {
          std::apply(
              [&](auto... slot) {
                const auto run = [&](auto... to) {
                  if constexpr (Promise::keeps)
                    op.backward(each..., y, kept, dy, to...);
                  else
                    op.backward(each..., y, dy, to...);
                };
                if constexpr (Promise::into_slots)
                  run(slot...);
                else
                  run(zeroed(slot)...);
              },
              dx);
        },
        x);
  }

 private:
  template <typename T>
  static MatrixView<T> zeroed(const GradientSlot<T>& s) noexcept {
    if (s && s.fresh)
      for (Index i = 0; i < s.grad.rows; ++i) std::fill_n(s.grad.row(i), s.grad.cols, T(0));
    return s.grad;
  }
};

namespace detail {
/// Stands for every operation of that many inputs in the concepts of arithmetics.
template <std::size_t N>
struct AnyOperation {
  static constexpr std::size_t inputs = N;
  template <typename... S>
  [[nodiscard]] MatrixShape shape(MatrixShape s, S...) const noexcept {
    return s;
  }
  template <typename... S>
  [[nodiscard]] double cost(MatrixShape, S...) const noexcept {
    return 0;
  }
  template <typename... X>
  void forward(const X&...) const noexcept {}
  template <typename... X>
  void backward(const X&...) const noexcept {}
};

/// @throws Error unless an input has the shape that another one asks for
inline void expect_shape(const char* where, MatrixShape expected, MatrixShape found) {
  if (expected != found)
    throw Error(where, expected.text(), found.text(), "Give inputs of shapes that fit together.");
}
/// run(first row, rows) for a number of rows at a time; one if they do not lie one after the other.
template <typename Body>
void runs(Index n, bool contiguous, Executor& executor, const Body& run) {
  executor.parallel_for(static_cast<std::size_t>(n), 256, [&](std::size_t begin, std::size_t end) {
    const auto first = static_cast<Index>(begin);
    const Index count = static_cast<Index>(end) - first;
    if (contiguous) return run(first, count);
    for (Index i = first; i < first + count; ++i) run(i, Index{1});
  });
}
/// to = by from, or added to it.
template <typename T>
void carry(MatrixView<const T> from, T by, const GradientSlot<T>& to) noexcept {
  if (!to) return;
  for (Index i = 0; i < from.rows; ++i) {
    const T* g = from.row(i);
    T* d = to.grad.row(i);
    if (to.fresh)
      for (Index c = 0; c < from.cols; ++c) d[c] = by * g[c];
    else
      for (Index c = 0; c < from.cols; ++c) d[c] += by * g[c];
  }
}
/// to[c] += from[c]
template <typename T>
void add_row(T* to, const T* from, Index n) noexcept {
  for (Index c = 0; c < n; ++c) to[c] += from[c];
}
}  // namespace detail

}  // namespace amq::ops
