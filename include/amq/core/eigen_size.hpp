#pragma once
/// @file
/// Another size for a matrix that is kept.

#include <amq/core/eigen.hpp>
#include <amq/core/rooms.hpp>

namespace amq::core {

/// What the matrix held is lost. Where there is no memory for the new size it is empty.
///
/// Eigen's resize() and assignments free the old numbers before they ask for memory, and when that
/// is refused the matrix frees them a second time.
template <typename T>
void set_size(MatrixOf<T>& m, Index rows, Index cols) {
  if (m.size() != rows * cols) MatrixOf<T>().swap(m);
  m.resize(rows, cols);
}

}  // namespace amq::core
