#pragma once
/// @file
/// Losses: a number, and its gradient with respect to the prediction.

#include <amq/core/eigen.hpp>
#include <amq/core/rooms.hpp>

#include <cmath>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace amq::training {

enum class Loss : std::uint8_t {
  mse,          ///< mean over nodes and channels of the squared error
  relative_l2,  ///< |y - t| / |t| over all nodes and channels (Li et al. 2021)
};

/// A loss of the user's: what it is called in a checkpoint, and (prediction, target, gradient of
/// the prediction, to be written) -> loss, all (row, channel). Called from several threads at once.
struct OwnLoss {
  std::string name;
  std::function<double(MatrixView<const float> y, MatrixView<const float> t, MatrixView<float> dy)>
      function;
};

/// Returns the loss and writes d loss / d y.
/// @param y, t  (node, channel): prediction and target
/// @pre for relative_l2, t is not all zero
template <typename T>
double loss(Loss kind, MatrixView<const T> y, MatrixView<const float> t,
            MatrixView<T> dy) noexcept {
  double sum = 0, norm = 0;
  for (Index i = 0; i < y.rows; ++i)
    for (Index c = 0; c < y.cols; ++c) {
      const double d = static_cast<double>(y(i, c)) - static_cast<double>(t(i, c));
      dy(i, c) = static_cast<T>(d);
      sum += d * d;
      norm += static_cast<double>(t(i, c)) * static_cast<double>(t(i, c));
    }
  const double n = static_cast<double>(y.size());
  const double value = kind == Loss::mse ? sum / n : std::sqrt(sum / norm);
  const double scale = kind == Loss::mse ? 2.0 / n : value > 0 ? 1.0 / (norm * value) : 0.0;
  map(dy) *= static_cast<T>(scale);
  return value;
}

}  // namespace amq::training
