#pragma once
/// @file
/// What Fixed reads of a trained network: weights packed as codes, and how rows become codes.

#include <amq/arithmetic/bit_plan.hpp>
#include <amq/arithmetic/quantizers.hpp>
#include <amq/kernels/layer_update.hpp>
#include <amq/kernels/packed_weights.hpp>

#include <cmath>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::arithmetics {

/// What rows of a scheme's levels are kept in.
template <typename Scheme>
[[nodiscard]] constexpr Containers containers_of_rows() noexcept {
  if constexpr (any_scheme<Scheme>)
    return any_container;
  else
    return containers_of<typename Scheme::levels>();
}

/// Packs the weights once, at their stored steps. Layout, quantizers and parameters are kept.
template <typename Scheme>
class FixedWeights {
 public:
  using Rule = typename Scheme::rule;
  /// Rows of layers that are compiled whole.
  static constexpr Containers containers = containers_of_rows<Scheme>();
  using Product = kernels::BasicCodedProduct<Rule, containers>;

  /// The outputs of a weight [W, S, U], apart: [W, U] and S of `hidden` outputs.
  struct Split {
    WeightId id;
    kernels::PackedWeights receiver_and_own, sender;
  };

  /// @throws amq::Error naming the layer if a weight is not finite or an accumulator could
  /// overflow,
  ///         and for a model that was built with another scheme
  FixedWeights(const ParameterLayout& layout, const Quantizers& quantizers,
               const Parameters& parameters)
      : layout_(&layout), quantizers_(&quantizers), parameters_(&parameters) {
    check_scheme<Scheme>(quantizers.info());
    for (std::size_t i = 0; i < layout.weights().size(); ++i) {
      first_packed_.push_back(packed_.size());
      pack(static_cast<WeightId>(i));
    }
    for (std::size_t p = 0; p < layout.points().size(); ++p)
      fractions_.push_back(
          word_fractions(layout, quantizers, parameters.values.data(), static_cast<PointId>(p)));
  }

  [[nodiscard]] const float* value(ParameterId p) const {
    return parameters_->values.data() + layout_->entry(p).offset;
  }
  [[nodiscard]] Rule rule() const noexcept { return rule_of<Scheme>(quantizers_->info()); }
  /// Grouped weights lie one group after the other, the first at this place.
  [[nodiscard]] const kernels::PackedWeights& packed(WeightId id) const {
    return packed_[first_packed_[to_index(id)]];
  }
  /// The low digits of a weight of 16 bits, without bias: what they give is added to what packed()
  /// gives. Null: it has 8 bits or less.
  [[nodiscard]] const kernels::PackedWeights* low(WeightId id) const {
    if constexpr (!has_wide_weights<Scheme>()) return nullptr;
    const auto& w = low_[to_index(id)];
    return w.empty() ? nullptr : w.data();
  }
  [[nodiscard]] WordFractions fractions(PointId id) const { return fractions_[to_index(id)]; }
  /// Made when it is first asked for. Passes of several threads may ask at once.
  const Split& split(WeightId id, Index hidden) {
    const std::lock_guard lock(mutex_);
    for (const Split& s : splits_)
      if (s.id == id) return s;
    const auto& w = packed(id);
    std::vector<Index> own, sender;
    for (Index i = 0; i < w.out(); ++i) (i < hidden || i >= 2 * hidden ? own : sender).push_back(i);
    return splits_.emplace_back(Split{id, w.outputs(own), w.outputs(sender)});
  }
  /// @param cut  where kernels count rows of static ranges that are cut, or null
  [[nodiscard]] BasicRowCoder<Rule> coder(RowsCut* cut, PointId id, int bits) const {
    const std::size_t k = quantizers_->level(layout_->point(id), bits);
    const ParameterId o = quantizers_->offset(id);
    return {rule_of<Scheme>(quantizers_->info()), bits, value(quantizers_->step(id))[k],
            o == no_parameter ? 0.0f : value(o)[k], cut};
  }
  /// What a point makes of n rows, and the weight they meet. @pre not low(weight)
  [[nodiscard]] Product product(RowsCut* cut, PointId id, WeightId weight, Index n,
                                const BitPlan& plan) const {
    const PointEntry& point = layout_->point(id);
    return product(
        cut, id, weight,
        point.fixed_bits ? std::span<const std::uint8_t>{} : plan.bits(id, point.kind, n),
        plan.uniform_bits);
  }
  /// @param row_bits  of rows that have bits of their own; empty: all have `uniform_bits`
  [[nodiscard]] Product product(RowsCut* cut, PointId id, WeightId weight,
                                std::span<const std::uint8_t> row_bits, int uniform_bits) const {
    const PointEntry& point = layout_->point(id);
    Product p;
    p.weights = &packed(weight);
    p.bits = point.fixed_bits ? point.fixed_bits : uniform_bits;
    if (!point.fixed_bits) p.row_bits = row_bits;
    if (!holds(containers, 16) && p.bits > 8)
      throw Error("point " + point.name, "at most 8 bits, as the scheme's levels",
                  std::to_string(p.bits),
                  "Such rows are in no level of the scheme: use AnyScheme, or add 16 to it.");
    if (p.row_bits.empty()) {
      p.coders[static_cast<std::size_t>(p.bits)] = coder(cut, id, p.bits);
      return p;
    }
    p.bits = quantizers_->info().levels.back();
    for (const int b : quantizers_->info().levels)
      p.coders[static_cast<std::size_t>(b)] = coder(cut, id, b);
    for (const auto b : p.row_bits)
      static_cast<void>(quantizers_->level(point, b));  // refuses what the scheme does not offer
    return p;
  }

 private:
  void pack(WeightId id) {
    const WeightEntry& w = layout_->weight(id);
    const int bits = quantizers_->weight_bits(w), highest = highest_weight_code(bits);
    if (bits == 16 && !has_wide_weights<Scheme>())
      throw Error("layer " + w.name, "weights of at most 8 bits, as the scheme's", "16",
                  "It is named for this layer itself: use AnyScheme, or add 16 to the scheme, as "
                  "Weights<8, 16>.");
    const float* learned = value(quantizers_->step(id));
    std::vector<float> step(learned, learned + w.out);
    kernels::WeightGroups groups(w.out, w.in, w.groups, bits);
    std::vector<float> bias(static_cast<std::size_t>(w.out), 0.0f);
    std::size_t r = 0;
    for (const WeightPart& part : w.parts) {
      const auto m = parameters_->view(layout_->entry(part.weight));
      for (Index n = 0; n < WeightEntry::outputs(part, m.rows); ++n, ++r) {
        const float inverse = 1.0f / step[r];
        const auto channel = groups.channel(static_cast<Index>(r));
        for (Index k = 0; k < part.cols; ++k) {
          const float x = part.mapped() ? m.data[part.row[static_cast<std::size_t>(n)] +
                                                 part.column[static_cast<std::size_t>(k)]]
                                        : m(n, part.first_col + k);
          if (!std::isfinite(x))
            throw Error("layer " + w.name, "finite weights", std::to_string(x),
                        "The training has diverged, or the file is damaged.");
          channel.put(k, encode_symmetric(x, inverse, highest));
        }
        if (part.bias != no_parameter)
          bias[r] = value(part.bias)[n % layout_->entry(part.bias).size()];
      }
    }
    if (w.norm) fold(w, step, bias);
    low_.emplace_back();
    std::move(groups).pack(step.data(), bias.data(), "layer " + w.name, packed_, low_.back());
  }
  /// A batch norm costs nothing: it scales the steps of the weights and shifts the biases.
  void fold(const WeightEntry& w, std::vector<float>& step, std::vector<float>& bias) const {
    const float *gamma = value(w.norm.gamma), *beta = value(w.norm.beta),
                *mean = value(w.norm.mean), *variance = value(w.norm.variance);
    for (std::size_t r = 0; r < step.size(); ++r) {
      const FoldedNorm<float> f(gamma[r], beta[r], mean[r], variance[r]);
      if (!std::isfinite(f.scale) || !std::isfinite(f.shift))
        throw Error("layer " + w.name, "a batch norm of finite scale and shift",
                    "running variance " + std::to_string(variance[r]),
                    "The training has diverged, or the file is damaged.");
      step[r] *= f.scale;
      bias[r] = f.shift;
    }
  }

  const ParameterLayout* layout_;
  const Quantizers* quantizers_;
  const Parameters* parameters_;
  std::vector<kernels::PackedWeights> packed_;
  std::vector<std::vector<kernels::PackedWeights>> low_;  // (WeightId)[group]
  std::vector<std::size_t> first_packed_;                 // (WeightId)
  std::vector<WordFractions> fractions_;                  // (PointId)
  std::mutex mutex_;                                      // of splits_; the rest is constant
  std::deque<Split> splits_;
};

}  // namespace amq::arithmetics
