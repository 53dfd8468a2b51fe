#pragma once
/// @file
/// Products without weights, such as those between tokens of latent attention or with a transform's
/// matrix: what their codes spoil, and what they take.

#include <amq/allocation/row_times.hpp>
#include <amq/arithmetic/float32.hpp>
#include <amq/train/network_training.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace amq::training {

/// Runs a model's text in float but for products without weights: those have their bits, all of
/// them or one.
class WeightlessProducts : public Float32 {
 public:
  using Float32::Float32;
  static constexpr std::size_t all = std::numeric_limits<std::size_t>::max(), none = all - 1;

  /// The next pass. @param only  that has its bits, in the order of the pass; or all, or none
  void begin(std::size_t only) noexcept {
    only_ = only;
    at_ = 0;
  }
  /// Seconds; measures each product from now on.
  void clock(std::function<double()> c) { clock_ = std::move(c); }
  /// Of the last pass. (product)
  [[nodiscard]] const std::vector<double>& seconds() const noexcept { return seconds_; }
  [[nodiscard]] std::size_t count() const noexcept { return at_; }

  [[nodiscard]] static ProductBits product_bits(ProductBits wanted) noexcept { return wanted; }
  template <ops::operation Op, typename... In>
  Tensor apply(Op op, In... in) {
    if constexpr (ops::Run<Op>::has_macs) {
      const std::size_t k = at_++;
      if constexpr (requires { op.bits.matrix; })
        if (only_ != all && only_ != k) op.bits = {};
      if (!clock_) return Float32::apply(op, std::move(in)...);
      const double start = clock_();
      Tensor y = Float32::apply(op, std::move(in)...);
      seconds_.resize(std::max(seconds_.size(), k + 1));
      seconds_[k] = clock_() - start;
      return y;
    } else {
      return Float32::apply(op, std::move(in)...);
    }
  }

 private:
  std::size_t only_ = all, at_ = 0;
  std::function<double()> clock_;
  std::vector<double> seconds_;
};

static_assert(arithmetic<WeightlessProducts>);

/// Whether Counting's product is one of them: it gives both the operation's name.
[[nodiscard]] inline bool is_weightless(const ParameterLayout& layout, const std::string& weight,
                                        const std::string& point) {
  const auto& all = layout.weights();
  return weight == point &&
         std::none_of(all.begin(), all.end(), [&](const auto& w) { return w.name == weight; });
}

/// (product) the least seconds of some passes and one that warms up, in the order of a pass.
/// @param which  products have their bits: all, none
/// @param run    run(arithmetic) is the pass
template <typename Run>
[[nodiscard]] std::vector<double> weightless_seconds(const ParameterLayout& layout,
                                                     const Parameters& parameters,
                                                     std::size_t which,
                                                     const allocation::RowTimesOptions& o,
                                                     const Run& run) {
  WeightlessProducts a(layout, parameters);
  a.clock([&o] { return o.now(); });
  std::vector<double> least;
  for (int round = 0; round <= o.rounds; ++round) {
    a.begin(which);
    run(a);
    const auto& now = a.seconds();
    if (round < 2) least = now;  // the first warms up
    for (std::size_t k = 0; k < now.size(); ++k) least[k] = std::min(least[k], now[k]);
  }
  return least;
}

/// (product) |change of the answers| / |answers| where one product without weights has its codes
/// and all else is float; 0 for those in float. In the order of a pass. Costs a pass over the
/// samples for each.
template <typename Model, typename Samples>
[[nodiscard]] std::vector<double> weightless_errors(const Network<Model>& net,
                                                    const Samples& samples) {
  WeightlessProducts a(net.layout, net.parameters);
  const auto answers = [&](std::size_t only) {
    std::vector<Matrix> all;
    for (const auto& s : samples) {
      a.begin(only);
      all.emplace_back(map(detail::forward_sample(net.model, a, s).view()));
    }
    return all;
  };
  const auto exact = answers(WeightlessProducts::none);
  std::vector<double> errors(exact.empty() ? 0 : a.count());
  for (std::size_t k = 0; k < errors.size(); ++k) {
    const auto said = answers(k);
    double change = 0, size = 0;
    for (std::size_t i = 0; i < said.size(); ++i) {
      change += static_cast<double>((said[i] - exact[i]).squaredNorm());
      size += static_cast<double>(exact[i].squaredNorm());
    }
    errors[k] = size > 0 ? std::sqrt(change / size) : 0;
  }
  return errors;
}

}  // namespace amq::training
