#pragma once
/// @file
/// Weights to codes: symmetric per output channel, the step chosen for least squared error.

#include <amq/core/error.hpp>
#include <amq/core/integers.hpp>
#include <amq/core/matrix_view.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace amq {

/// Kernels have weights of up to 8 bits. One of 16 is two digits: code = weight_digit high + low,
/// both in -127 .. 127.
inline constexpr int weight_digit = 254;

/// Codes of weights are -highest .. highest.
[[nodiscard]] constexpr int highest_weight_code(int bits) noexcept {
  return bits == 16 ? weight_digit * 127 + 127 : highest_code(bits);
}
struct WeightDigits {
  std::int8_t high, low;
};
/// @pre |code| <= highest_weight_code(16)
[[nodiscard]] constexpr WeightDigits weight_digits(int code) noexcept {
  const int high = (code + (code < 0 ? -126 : 126)) / weight_digit;
  return {static_cast<std::int8_t>(high), static_cast<std::int8_t>(code - weight_digit * high)};
}
/// A code where it is kept: whole, or as two digits where there is a place for the low one.
inline void put_weight_code(int code, std::int8_t* high, std::int8_t* low) noexcept {
  if (!low) {
    *high = static_cast<std::int8_t>(code);
    return;
  }
  const WeightDigits digits = weight_digits(code);
  *high = digits.high;
  *low = digits.low;
}

/// w(n, k) ~ step[n] * codes[n * in + k], codes in -highest .. highest.
struct WeightCodes {
  Index out = 0, in = 0;
  int bits = 8;
  std::vector<std::int8_t> codes;  ///< (out, in)
  std::vector<float> step;         ///< (out)

  [[nodiscard]] MatrixView<const std::int8_t> view() const noexcept {
    return {codes.data(), out, in};
  }
  /// Sum of the codes of channel n: carries a row's offset through the product.
  [[nodiscard]] std::int32_t column_sum(Index n) const noexcept {
    std::int32_t sum = 0;
    for (Index k = 0; k < in; ++k) sum += codes[static_cast<std::size_t>(n * in + k)];
    return sum;
  }
};

/// rne(w / step), clamped to -highest .. highest; through the inverse, as rows are.
[[nodiscard]] inline int encode_weight(float w, float inv, int highest) noexcept {
  const float top = static_cast<float>(highest), t = w * inv;
  return static_cast<int>(std::nearbyint(t < -top ? -top : t > top ? top : t));
}

/// The step of least squared error for one channel, found among clip points from the largest
/// magnitude downwards; each is improved once by the least-squares step <w, q> / <q, q> of its
/// codes. Never worse than clipping at the largest magnitude. 1 for a channel of zeros.
/// @pre finite weights, 2 <= bits <= 8 or 16
[[nodiscard]] inline float best_weight_step(const float* w, Index n, int bits) noexcept {
  const int highest = highest_weight_code(bits);
  float largest = 0;
  for (Index k = 0; k < n; ++k) largest = std::fmax(largest, std::fabs(w[k]));
  const float top_step = largest / static_cast<float>(highest);
  if (!(top_step > 0x1p-100f)) return 1.0f;
  struct Trial {
    double error, wq, qq;
  };
  const auto trial = [&](float step) {
    const float inv = 1.0f / step;
    Trial t{0, 0, 0};
    for (Index k = 0; k < n; ++k) {
      const double q = encode_weight(w[k], inv, highest), x = w[k];
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

/// @param w  (out, in)
/// @throws Error unless 2 <= bits <= 8 and every weight is finite
[[nodiscard]] inline WeightCodes encode_weights(MatrixView<const float> w, int bits) {
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
  WeightCodes c{w.rows, w.cols, bits, {}, {}};
  c.codes.resize(static_cast<std::size_t>(w.size()));
  c.step.resize(static_cast<std::size_t>(w.rows));
  const int highest = highest_code(bits);
  for (Index n = 0; n < w.rows; ++n) {
    const float step = best_weight_step(w.row(n), w.cols, bits), inv = 1.0f / step;
    c.step[static_cast<std::size_t>(n)] = step;
    for (Index k = 0; k < w.cols; ++k)
      c.codes[static_cast<std::size_t>(n * w.cols + k)] =
          static_cast<std::int8_t>(encode_weight(w(n, k), inv, highest));
  }
  return c;
}

/// Back to (out, in) floats.
inline void decode_weights(const WeightCodes& c, MatrixView<float> w) noexcept {
  AMQ_ASSERT(w.rows == c.out && w.cols == c.in, "the view must have the shape of the weights");
  for (Index n = 0; n < c.out; ++n)
    for (Index k = 0; k < c.in; ++k)
      w(n, k) = c.step[static_cast<std::size_t>(n)] *
                static_cast<float>(c.codes[static_cast<std::size_t>(n * c.in + k)]);
}

}  // namespace amq
