#pragma once
/// @file
/// Weights to codes: symmetric per output channel, the step chosen for least squared error.

#include <amq/core/error.hpp>
#include <amq/core/integers.hpp>
#include <amq/core/matrix_view.hpp>
#include <amq/quant/qtensor.hpp>
#include <amq/quant/row_grid.hpp>
#include <amq/quant/row_stats.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

namespace amq::quant {

/// Kernels have weights of up to 8 bits. One of 16 is two digits: code = weight_digit high + low,
/// both in -127 .. 127.
inline constexpr int weight_digit = 254;

/// Codes of weights are -highest .. highest.
[[nodiscard]] constexpr int highest_weight_code(int bits) noexcept {
  return bits == 16 ? weight_digit * 127 + 127 : highest_code(bits);
}
/// A code of 16 bits as two of 8.
struct WeightDigits {
  std::int8_t high, low;
};
/// @pre |code| <= highest_weight_code(16)
[[nodiscard]] constexpr WeightDigits weight_digits(int code) noexcept {
  const int high = (code + (code < 0 ? -126 : 126)) / weight_digit;
  return {static_cast<std::int8_t>(high), static_cast<std::int8_t>(code - weight_digit * high)};
}

/// A weight of at most 8 bits as dot products read it, (out, in): a step per output channel, narrow
/// codes in bytes like wide ones.
using WeightTensor = BasicQTensor<Symmetric<8, PerRow>, Shape<dynamic, dynamic>, layout::Blocked>;

/// The step under which the largest magnitude of a channel has the highest code: quicker to find
/// than the best one. 1 for a channel of zeros.
[[nodiscard]] inline float largest_weight_step(const float* w, Index n, int bits) noexcept {
  const float step = abs_max(w, n) / static_cast<float>(highest_weight_code(bits));
  return step > smallest_step ? step : 1.0f;
}

/// The step of least squared error for one channel, found among clip points from the largest
/// magnitude downwards; each is improved once by the least-squares step <w, q> / <q, q> of its
/// codes. Never worse than clipping at the largest magnitude. 1 for a channel of zeros.
/// @pre finite weights, 2 <= bits <= 8 or 16
[[nodiscard]] inline float best_weight_step(const float* w, Index n, int bits) noexcept {
  const int highest = highest_weight_code(bits);
  const float top_step = largest_weight_step(w, n, bits);
  struct Trial {
    double error, wq, qq;
  };
  const auto trial = [&](float step) {
    const float inv = 1.0f / step;
    Trial t{0, 0, 0};
    for (Index k = 0; k < n; ++k) {
      const double q = encode_symmetric(w[k], inv, highest), x = w[k];
      const double e = x - static_cast<double>(step) * q;
      t.error += e * e;
      t.wq += x * q;
      t.qq += q * q;
    }
    return t;
  };
  float best = top_step;
  double least = trial(top_step).error;
  const auto consider = [&](float step) {
    const Trial t = trial(step);
    if (t.error < least) least = t.error, best = step;
    return t;
  };
  // Few bits clip deeper: at 2 bits the best clip of a long Gaussian row is near 0.45 of its
  // largest magnitude, at 8 bits next to it.
  const float deepest = bits <= 2 ? 0.25f : bits <= 4 ? 0.45f : 0.8f;
  constexpr int trials = 24;
  for (int i = 0; i < trials; ++i) {
    const float clip = 1.0f - (1.0f - deepest) * static_cast<float>(i) / trials;
    const Trial t = consider(top_step * clip);
    if (t.qq > 0 && t.wq > 0) consider(static_cast<float>(t.wq / t.qq));
  }
  return best;
}

/// Every channel at its step of least squared error.
/// @param w  (out, in)
/// @throws Error unless 2 <= bits <= 8 and every weight is finite
[[nodiscard]] inline WeightTensor encode_weights(MatrixView<const float> w, int bits) {
  if (bits < 2 || bits > 8)
    throw Error("encode_weights", "2 to 8 bits", std::to_string(bits) + " bits",
                "Choose Weights<2>, Weights<4> or Weights<8>.");
  for (Index n = 0; n < w.rows; ++n)
    for (Index k = 0; k < w.cols; ++k)
      if (!std::isfinite(w(n, k)))
        throw Error(
            "encode_weights", "finite weights",
            std::to_string(w(n, k)) + " in channel " + std::to_string(n),
            "The training has diverged, or the file is damaged: load an earlier checkpoint.");
  PerRow steps;
  for (Index n = 0; n < w.rows; ++n)
    steps.value.push_back(best_weight_step(w.row(n), w.cols, bits));
  WeightTensor t({std::move(steps)}, w.rows, w.cols);
  const int highest = highest_code(bits);
  for (Index n = 0; n < w.rows; ++n) {
    const float inverse = 1.0f / t.quantizer().step(n, 0);
    for (Index k = 0; k < w.cols; ++k)
      t.set_code(n, k, static_cast<std::int8_t>(encode_symmetric(w(n, k), inverse, highest)));
  }
  return t;
}

}  // namespace amq::quant
