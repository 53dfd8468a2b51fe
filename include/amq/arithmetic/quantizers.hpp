#pragma once
/// @file
/// The quantizers of a model under a scheme: which parameters hold the steps of every point and
/// weight. They are entries of the layout like any other, so that optimizer, checkpoint and model
/// file treat them alike.

#include <amq/arithmetic/parameter.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/quant/any_rule.hpp>
#include <amq/quant/scheme.hpp>
#include <amq/quant/weights.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace amq::arithmetics {

/// What is left of a scheme at run time, so that the machinery below it is compiled once per rule.
struct SchemeInfo {
  int weight_bits = 8;  ///< 2, 4, 8; 16: two digits of 8
  AnyRule rule;
  std::vector<int> levels;
  bool words = false;  ///< rows of messages between products: see InWords

  template <typename Scheme>
  [[nodiscard]] static SchemeInfo of() requires(!any_scheme<Scheme>) {
    return {Scheme::weight_bits,
            typename Scheme::rule{},
            {Scheme::levels::bits.begin(), Scheme::levels::bits.end()},
            Scheme::words};
  }
  /// "w8a2,4,8_by_range", as in tables and model files.
  /// @param called  how the file calls the rule
  [[nodiscard]] std::string name(std::string_view called) const {
    std::string text = "w" + std::to_string(weight_bits);
    for (std::size_t k = 0; k < levels.size(); ++k)
      text += (k ? "," : "a") + std::to_string(levels[k]);
    return text + "_" + std::string(called) + (words ? words_suffix : "");
  }
  [[nodiscard]] std::string name() const { return name(rule.name()); }
  /// "weights of 8 bits, levels 2, 4, 8, rule by_range"
  [[nodiscard]] std::string sentence() const { return sentence_of(name()); }
  /// The same of a name, whose rule may be anybody's; other text is quoted.
  [[nodiscard]] static std::string sentence_of(const std::string& name) {
    const std::size_t a = name.find('a'), end = name.find('_');
    if (name.empty() || name[0] != 'w' || end == std::string::npos || a >= end)
      return "'" + name.substr(0, 80) + "'";
    std::string text = "weights of " + name.substr(1, a - 1) + " bits, levels ";
    for (std::size_t k = a + 1; k < end; ++k) {
      text += name[k];
      if (name[k] == ',') text += ' ';
    }
    std::string rule = name.substr(end + 1, 80);
    const bool words = rule.ends_with(words_suffix);
    if (words) rule.resize(rule.size() - std::string_view(words_suffix).size());
    return text + ", rule " + rule + (words ? ", words between products" : "");
  }
  /// What name() has written, or an older amq.
  /// @throws Error for text that names no scheme, or a rule that is not amq's
  [[nodiscard]] static SchemeInfo named(const std::string& text, const std::string& where) {
    const std::size_t a = text.find('a'), end = text.find('_');
    const auto refuse = [&] {
      return Error(where, "a scheme like w8a2,4,8_by_range", "'" + text.substr(0, 80) + "'",
                   "The file is damaged, or of a newer amq: save the model again.");
    };
    const auto bits = [&](std::size_t from, std::size_t to) {
      int b = 0;
      if (from >= to || to - from > 2) throw refuse();
      for (; from < to; ++from) {
        if (text[from] < '0' || text[from] > '9') throw refuse();
        b = 10 * b + (text[from] - '0');
      }
      if (b > max_bits) throw refuse();
      return b;
    };
    if (text.empty() || text[0] != 'w' || end == std::string::npos || a >= end) throw refuse();
    SchemeInfo s;
    s.weight_bits = bits(1, a);
    if (s.weight_bits != 2 && s.weight_bits != 4 && s.weight_bits != 8 && s.weight_bits != 16)
      throw refuse();
    for (std::size_t from = a + 1; from <= end;) {
      const std::size_t to = std::min(end, text.find(',', from));
      s.levels.push_back(bits(from, to));
      if (s.levels.size() > 1 && s.levels[s.levels.size() - 2] >= s.levels.back()) throw refuse();
      from = to + 1;
    }
    std::string_view rule = std::string_view(text).substr(end + 1);
    s.words = rule.ends_with(words_suffix);
    if (s.words) rule.remove_suffix(std::string_view(words_suffix).size());
    s.rule = AnyRule::named(rule, where);
    return s;
  }
  bool operator==(const SchemeInfo&) const = default;
};

/// The rule of a scheme: a type without a value, or what has been read.
template <typename Scheme>
[[nodiscard]] typename Scheme::rule rule_of(const SchemeInfo& info) noexcept {
  if constexpr (any_scheme<Scheme>)
    return info.rule;
  else
    return {};
}
/// @throws Error if a network was built with another scheme than its arithmetic
template <typename Scheme>
void check_scheme(const SchemeInfo& info) {
  if constexpr (!any_scheme<Scheme>) {
    const auto own = SchemeInfo::of<Scheme>();
    bool same =
        info.weight_bits == own.weight_bits && info.rule == own.rule && info.words == own.words;
    for (const int b : info.levels) same = same && Scheme::levels::contains(b);
    if (!same)
      throw Error("Fixed<Scheme>", "a network of its scheme, " + own.name(), info.name(),
                  "Build the network with SchemeInfo::of<Scheme>(), or use AnyScheme.");
  }
}

/// Step and, for static and affine rules, offset entries: one number per level of an adaptive
/// point, one of a point of fixed bits; one per output channel of a weight.
class Quantizers {
 public:
  /// Appends the entries to the layout. Call after the model has declared its own.
  /// @throws amq::Error for levels and widths that no kernel has, and a user's row rule that breaks
  ///         its laws
  Quantizers(ParameterLayout& layout, SchemeInfo info) : info_(std::move(info)) {
    check(layout);
    check_row_rule(info_.rule, info_.levels);
    index_of_bits_.fill(-1);
    for (std::size_t k = 0; k < info_.levels.size(); ++k)
      index_of_bits_[static_cast<std::size_t>(info_.levels[k])] = static_cast<int>(k);
    first_entry_ = layout.entries().size();
    for (const PointEntry& p : layout.points()) {
      const Index n = p.fixed_bits ? 1 : static_cast<Index>(info_.levels.size());
      points_.push_back(
          layout.add("quant." + p.name + ".step", {n}, Init::constant(1), Role::step));
      offsets_.push_back(
          info_.rule.facts().offset != OffsetUnit::none
              ? layout.add("quant." + p.name + ".offset", {n}, Init::constant(0), Role::vector)
              : no_parameter);
    }
    for (const PointEntry& p : layout.points())
      fractions_.push_back(info_.words && p.may_have_words
                               ? layout.add("quant." + p.name + ".fractions", {2},
                                            Init::constant(begun_fraction), Role::vector)
                               : no_parameter);
    for (const WeightEntry& w : layout.weights())
      weights_.push_back(
          layout.add("quant." + w.name + ".step", {w.out}, Init::constant(1), Role::step));
  }

  [[nodiscard]] const SchemeInfo& info() const noexcept { return info_; }
  [[nodiscard]] ParameterId step(PointId p) const noexcept { return points_[to_index(p)]; }
  [[nodiscard]] ParameterId offset(PointId p) const noexcept { return offsets_[to_index(p)]; }
  [[nodiscard]] ParameterId step(WeightId w) const noexcept { return weights_[to_index(w)]; }
  /// Bits behind the point of the words at a point of messages: of nodes' parts and their sum, and
  /// of messages. no_parameter: its rows are floats.
  [[nodiscard]] ParameterId fractions(PointId p) const noexcept { return fractions_[to_index(p)]; }
  /// The first entry of the layout that is a quantizer's.
  [[nodiscard]] std::size_t first_entry() const noexcept { return first_entry_; }

  [[nodiscard]] int weight_bits(const WeightEntry& w) const noexcept {
    return w.fixed_bits ? w.fixed_bits : info_.weight_bits;
  }
  /// Where a point keeps the step for `bits`. @throws Error if the scheme has no such level.
  [[nodiscard]] std::size_t level(const PointEntry& p, int bits) const {
    if (p.fixed_bits) return 0;
    const int k = bits < 0 || bits > max_bits ? -1 : index_of_bits_[static_cast<std::size_t>(bits)];
    if (k < 0)
      throw Error("point " + p.name, "one of the scheme's levels" + list(),
                  std::to_string(bits) + " bits",
                  "Allocate with the levels of the scheme, or add this level to it.");
    return static_cast<std::size_t>(k);
  }
  /// Steps that are best for Gaussian rows; calibration improves on them.
  void reset_points(const ParameterLayout& layout, Parameters& p) const {
    const FloatEnvironment own;
    for (std::size_t i = 0; i < points_.size(); ++i) {
      const PointEntry& point = layout.points()[i];
      float* a = p.view(layout.entry(points_[i])).data;
      const auto set = [&](std::size_t k, int bits) { a[k] = info_.rule.default_a(bits); };
      if (point.fixed_bits)
        set(0, point.fixed_bits);
      else
        for (std::size_t k = 0; k < info_.levels.size(); ++k) set(k, info_.levels[k]);
      if (fractions_[i] != no_parameter)
        std::fill_n(p.view(layout.entry(fractions_[i])).data, 2, begun_fraction);
    }
  }
  /// The step of least squared error for every output channel as the weights stand.
  void fit_weights(const ParameterLayout& layout, Parameters& p) const {
    const FloatEnvironment own;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const WeightEntry& w = layout.weights()[i];
      float* step = p.view(layout.entry(weights_[i])).data;
      for (const WeightPart& part : w.parts) {
        const auto m = p.view(layout.entry(part.weight));
        std::vector<float> row;
        for (Index n = 0; n < WeightEntry::outputs(part, m.rows); ++n) {
          const float* values = m.row(0) + n * m.stride + part.first_col;
          if (part.mapped()) {
            row.clear();
            for (const Index k : part.column)
              row.push_back(m.data[part.row[static_cast<std::size_t>(n)] + k]);
            values = row.data();
          }
          *step++ = best_weight_step(values, part.cols, weight_bits(w));
        }
      }
    }
  }

 private:
  void check(const ParameterLayout& layout) const {
    bool good = !info_.levels.empty();
    for (std::size_t k = 0; k < info_.levels.size(); ++k)
      good &= info_.levels[k] >= 0 && info_.levels[k] <= max_bits &&
              (k == 0 || info_.levels[k] > info_.levels[k - 1]);
    if (!good)
      throw Error("SchemeInfo",
                  "levels from 0 to " + std::to_string(max_bits) + " bits, in ascending order",
                  info_.levels.empty() ? "none" : "levels" + list(), "Name each level once.");
    const auto width = [](int bits) { return bits == 2 || bits == 4 || bits == 8 || bits == 16; };
    if (!width(info_.weight_bits))
      throw Error("SchemeInfo", "weights of 2, 4, 8 or 16 bits", std::to_string(info_.weight_bits),
                  "Choose one of these.");
    bool some = false;
    for (const PointEntry& p : layout.points()) some = some || p.may_have_words;
    if (info_.words && (info_.rule != RowRule::min_max || info_.levels.back() > 8 || !some))
      throw Error("SchemeInfo",
                  some ? "words between products with rule by_range and levels of at most 8 bits"
                       : "words between products in a network that has such layers, as MP-PDE",
                  info_.name(), "Use floats between products.");
    for (const PointEntry& p : layout.points())
      if (info_.words && p.may_have_words && p.fixed_bits > 8)
        throw Error("point " + p.name, "at most 8 bits of rows that are words between products",
                    std::to_string(p.fixed_bits), "Use floats between products.");
      else if (p.fixed_bits < 0 || p.fixed_bits > max_bits)
        throw Error("point " + p.name, "0 to " + std::to_string(max_bits) + " fixed bits",
                    std::to_string(p.fixed_bits), "Correct the network's settings.");
  }
  [[nodiscard]] std::string list() const {
    std::string s;
    for (const int b : info_.levels) s += " " + std::to_string(b);
    return s;
  }
  static constexpr float begun_fraction = 8;  ///< +-128

  SchemeInfo info_;
  std::array<int, max_bits + 1> index_of_bits_{};
  std::vector<ParameterId> points_, offsets_, fractions_, weights_;
  std::size_t first_entry_ = 0;
};

/// Of a point whose rows are words: the fractions of nodes' parts and of messages.
struct WordFractions {
  int parts = 0, messages = 0;  ///< 0: the rows are floats
};
/// @throws Error for fractions that words do not have
template <typename T>
[[nodiscard]] WordFractions word_fractions(const ParameterLayout& layout,
                                           const Quantizers& quantizers, const T* values,
                                           PointId id) {
  const ParameterId f = quantizers.fractions(id);
  if (f == no_parameter) return {};
  const T* of = values + layout.entry(f).offset;
  for (int k = 0; k < 2; ++k)
    if (!(of[k] > T(0.5) && of[k] < T(12.5)))
      throw Error(layout.entry(f).name, "1 to 12 bits behind the point", std::to_string(of[k]),
                  "The file is damaged, or the network was not calibrated: save it again.");
  return {static_cast<int>(of[0] + T(0.5)), static_cast<int>(of[1] + T(0.5))};
}

/// Packed codes of all weights, steps and biases: what a deployed file would hold.
[[nodiscard]] inline double deployed_bytes(const ParameterLayout& layout,
                                           const Quantizers& quantizers) {
  double sum = 0;
  for (const auto& w : layout.weights())
    sum += static_cast<double>(w.out * w.in) * quantizers.weight_bits(w) / 8.0 +
           8.0 * static_cast<double>(w.out);
  return sum;
}

/// f(place of the number among all parameters, place of its step, highest code) for every number of
/// every weight. A number that two products read comes twice.
template <typename F>
void each_weight_number(const ParameterLayout& layout, const Quantizers& quantizers, const F& f) {
  for (std::size_t i = 0; i < layout.weights().size(); ++i) {
    const WeightEntry& w = layout.weights()[i];
    const int highest = highest_weight_code(quantizers.weight_bits(w));
    auto step =
        static_cast<std::size_t>(layout.entry(quantizers.step(static_cast<WeightId>(i))).offset);
    for (const WeightPart& part : w.parts) {
      const ParameterEntry& e = layout.entry(part.weight);
      for (Index n = 0; n < WeightEntry::outputs(part, e.rows()); ++n, ++step)
        for (Index k = 0; k < part.cols; ++k)
          f(static_cast<std::size_t>(e.offset + (part.mapped()
                                                     ? part.row[static_cast<std::size_t>(n)] +
                                                           part.column[static_cast<std::size_t>(k)]
                                                     : n * e.cols() + part.first_col + k)),
            step, highest);
    }
  }
}

/// The parameters with every weight as its codes decode: what products see once weights are
/// quantized, for rows that stay floats.
[[nodiscard]] inline Parameters decoded_weights(const ParameterLayout& layout,
                                                const Quantizers& quantizers,
                                                const Parameters& parameters) {
  Parameters p = parameters;
  each_weight_number(layout, quantizers, [&](std::size_t at, std::size_t at_step, int highest) {
    const float step = parameters.values[at_step];
    p.values[at] = step * static_cast<float>(encode_symmetric(p.values[at], 1.0f / step, highest));
  });
  return p;
}
/// The parameters with one weight alone as its codes decode.
/// @param w        of the layout `decoded` is of, which has the same entries at maybe other places
/// @param decoded  decoded_weights() of the same numbers
[[nodiscard]] inline Parameters with_decoded(const ParameterLayout& layout, Parameters parameters,
                                             const WeightEntry& w,
                                             const ParameterLayout& layout_of_decoded,
                                             const Parameters& decoded) {
  for (const WeightPart& part : w.parts) {
    const auto& from = layout_of_decoded.entry(part.weight);
    std::copy_n(decoded.values.begin() + from.offset, from.size(),
                parameters.values.begin() + layout.entry(part.weight).offset);
  }
  return parameters;
}

}  // namespace amq::arithmetics
