// expect: has_backward
#include <amq/ops/operation.hpp>

using namespace amq;
using namespace amq::training;

/// A user's operation, 2 x, who forgot what its gradient is.
struct Twice {
  MatrixShape shape(MatrixShape s) const { return s; }
  double cost(MatrixShape s) const { return s.size(); }
  template <typename T>
  void forward(MatrixView<const T> x, MatrixView<T> y, Executor&) const {
    for (Index i = 0; i < x.rows; ++i)
      for (Index c = 0; c < x.cols; ++c) y(i, c) = T(2) * x(i, c);
  }
#ifndef AMQ_COMPILE_FAIL
  template <typename T>
  void backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T> dy,
                MatrixView<T> dx) const {
    for (Index i = 0; i < dy.rows; ++i)
      for (Index c = 0; c < dy.cols; ++c) dx(i, c) += T(2) * dy(i, c);
  }
#endif
};

template <ops::operation Op>
double cost_of(const Op& op) {
  return ops::Run<Op>::cost(op, {{{3, 2}}});
}

int main() {
  return cost_of(Twice{}) == 6 ? 0 : 1;
}
