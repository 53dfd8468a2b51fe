#pragma once
/// @file
/// AdamW, and the care that quantizer steps need.

#include <amq/arithmetic/parameter.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace amq::training {

/// Decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2).
struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 1e-5;
  /// Quantizer steps live on a logarithmic scale, from 0.01 at 8 bits to 1.6 at 1 bit: they are
  /// multiplied by 1 - factor * lr * direction, the direction being that of d loss / d log(step).
  double step_factor = 1.0;
  /// Largest norm of the whole gradient; larger ones are scaled down to it. 0: never.
  double clip = 1.0;
};

/// Optimizer and its two moments, all of which a checkpoint keeps.
class AdamW {
 public:
  AdamW() = default;
  AdamW(const ParameterLayout& layout, AdamWOptions options) : layout_(&layout), options_(options) {
    first_.assign(static_cast<std::size_t>(layout.size()), 0.0f);
    second_ = first_;
  }

  /// Whether an update by this gradient keeps parameters and moments finite: the first parameter
  /// whose number does not, and the number. Empty: all is well.
  [[nodiscard]] std::string refusal(const Parameters& parameters,
                                    const std::vector<float>& gradient) const {
    for (const auto& e : layout_->entries())
      for (Index k = e.offset; k < e.offset + e.size(); ++k) {
        const auto i = static_cast<std::size_t>(k);
        const float g = e.role == Role::step ? gradient[i] * parameters.values[i] : gradient[i];
        // Unclipped, the second moment is the square.
        if (std::isfinite(g) && (options_.clip > 0 || std::isfinite(g * g))) continue;
        return std::to_string(gradient[i]) + " in " + e.name;
      }
    return {};
  }
  /// One update. `gradient` is scaled in place when it is clipped.
  /// @returns the norm of the gradient before clipping
  /// @throws amq::Error for a gradient that is not finite, with parameters and moments as they were
  double step(Parameters& parameters, std::vector<float>& gradient, double lr) {
    if (const std::string bad = refusal(parameters, gradient); !bad.empty())
      throw Error("AdamW, update " + std::to_string(count_), "a finite gradient", bad,
                  "Lower the learning rate, or find the sample whose pass overflows.");
    ++count_;
    // d/d log(a) = a d/da for the steps, before the norm is taken.
    for (const auto& e : layout_->entries())
      if (e.role == Role::step)
        for (Index k = e.offset; k < e.offset + e.size(); ++k)
          gradient[static_cast<std::size_t>(k)] *= parameters.values[static_cast<std::size_t>(k)];
    double norm = 0;
    for (const float g : gradient) norm += static_cast<double>(g) * static_cast<double>(g);
    norm = std::sqrt(norm);
    const bool clip = options_.clip > 0 && norm > options_.clip;
    const auto scale = static_cast<float>(clip ? options_.clip / norm : 1.0);
    const double n = static_cast<double>(count_);
    const double correct1 = 1.0 - std::pow(options_.beta1, n),
                 correct2 = 1.0 - std::pow(options_.beta2, n);
    const auto b1 = static_cast<float>(options_.beta1), b2 = static_cast<float>(options_.beta2);
    const auto rate = static_cast<float>(lr / correct1);
    const auto root = static_cast<float>(1.0 / std::sqrt(correct2)),
               eps = static_cast<float>(options_.eps);
    for (const auto& e : layout_->entries()) {
      const bool is_step = e.role == Role::step;
      const auto decay =
          static_cast<float>(e.role == Role::weight ? 1.0 - lr * options_.weight_decay : 1.0);
      const float own_rate = is_step ? rate * static_cast<float>(options_.step_factor) : rate;
      float* p = parameters.values.data() + e.offset;
      float* g = gradient.data() + e.offset;
      float* m = first_.data() + e.offset;
      float* v = second_.data() + e.offset;
      for (Index k = 0; k < e.size(); ++k) {
        const float d = g[k] *= scale;
        m[k] = b1 * m[k] + (1.0f - b1) * d;
        v[k] = b2 * v[k] + (1.0f - b2) * d * d;
        const float update = own_rate * m[k] / (std::sqrt(v[k]) * root + eps);
        // A tenth at most, so that a step can never turn negative.
        p[k] = is_step ? p[k] * (1.0f - std::clamp(update, -0.1f, 0.1f)) : p[k] * decay - update;
      }
    }
    return norm;
  }

  [[nodiscard]] const AdamWOptions& options() const noexcept { return options_; }
  [[nodiscard]] std::int64_t count() const noexcept { return count_; }
  [[nodiscard]] const std::vector<float>& first() const noexcept { return first_; }
  [[nodiscard]] const std::vector<float>& second() const noexcept { return second_; }
  void restore(std::int64_t count, std::vector<float> first, std::vector<float> second) {
    if (first.size() != first_.size() || second.size() != second_.size())
      throw Error("AdamW::restore", std::to_string(first_.size()) + " moments",
                  std::to_string(first.size()) + " and " + std::to_string(second.size()),
                  "The checkpoint belongs to another model: use its own configuration.");
    count_ = count;
    first_ = std::move(first);
    second_ = std::move(second);
  }

 private:
  const ParameterLayout* layout_ = nullptr;
  AdamWOptions options_;
  std::int64_t count_ = 0;
  std::vector<float> first_, second_;
};

}  // namespace amq::training
