#pragma once
/// @file
/// What a model declares before it computes: its parameters, the weights made of them, and the
/// points at which activations are quantized. Values live apart, in one flat vector.

#include <amq/core/error.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/core/integers.hpp>
#include <amq/core/matrix_view.hpp>
#include <amq/core/random.hpp>
#include <amq/ops/operation.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace amq::arithmetics {

enum class ParameterId : int {};
enum class WeightId : int {};
enum class PointId : int {};
template <typename Id>
[[nodiscard]] constexpr std::size_t to_index(Id id) noexcept {
  return static_cast<std::size_t>(id);
}
inline constexpr ParameterId no_parameter{-1};

/// How a parameter begins.
struct Init {
  enum class Law : std::uint8_t { constant, uniform, positive } law = Law::constant;
  float value = 0;  ///< the constant, the half-width of the uniform law, or the top of the positive
  float diagonal = 0;  ///< added where row and column are the same

  static constexpr Init constant(float c) noexcept { return {Law::constant, c}; }
  static constexpr Init uniform(float half_width, float diagonal = 0) noexcept {
    return {Law::uniform, half_width, diagonal};
  }
  /// Uniform from 0 to the value.
  static constexpr Init positive(float top) noexcept { return {Law::positive, top}; }
  /// Uniform about 0, of this standard deviation.
  static Init deviation(float d) noexcept { return uniform(1.7320508f * d); }
  /// torch.nn.Linear's and Conv's default for weight and bias: U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
  static Init fan_in(Index n) noexcept { return uniform(1.0f / std::sqrt(static_cast<float>(n))); }
};

/// Who an entry is for the optimizer.
enum class Role : std::uint8_t {
  weight,  ///< decays
  vector,  ///< bias or norm: does not decay
  step,    ///< learned quantizer step: positive, does not decay, has its own learning rate
};

struct ParameterEntry {
  std::string name;          ///< as in the public PyTorch implementation of the model
  std::vector<Index> shape;  ///< as PyTorch stores it
  Index offset = 0;          ///< in the flat vector of values
  Init init;
  Role role = Role::weight;

  [[nodiscard]] Index size() const noexcept {
    Index n = 1;
    for (const Index s : shape) n *= s;
    return n;
  }
  [[nodiscard]] Index rows() const noexcept { return shape.empty() ? 1 : shape[0]; }
  [[nodiscard]] Index cols() const noexcept { return rows() == 0 ? 0 : size() / rows(); }
};

/// Columns [first_col, first_col + cols) of a (out, in) parameter, and the bias of its outputs.
struct WeightPart {
  ParameterId weight = no_parameter;
  Index first_col = 0, cols = 0;
  ParameterId bias = no_parameter;
  /// Not empty: element (n, k) of the product's matrix is number row[n] + column[k] of the
  /// parameter, as of a convolution that PyTorch stores with its taps last. Output n has bias n
  /// modulo the number of biases.
  std::vector<Index> row{}, column{};

  [[nodiscard]] bool mapped() const noexcept { return !row.empty(); }
};

/// The parameters of a batch norm that follows a product, (out) each.
struct BatchNorm {
  ParameterId gamma = no_parameter, beta = no_parameter;
  ParameterId mean = no_parameter, variance = no_parameter;  ///< running estimates: not trained

  [[nodiscard]] explicit operator bool() const noexcept { return gamma != no_parameter; }
};

/// What a batch norm does to a channel by its running estimates: x scale + shift.
template <typename T>
struct FoldedNorm {
  T inverse_deviation, scale, shift;

  static constexpr double eps = 1e-5;  ///< torch.nn.BatchNorm's
  FoldedNorm(T gamma, T beta, T mean, T variance) noexcept
      : inverse_deviation(static_cast<T>(1.0 / std::sqrt(static_cast<double>(variance) + eps))),
        scale(gamma * inverse_deviation),
        shift(std::fma(-mean, scale, beta)) {}
};

/// The matrix of one product: parts stacked by output, all reading the same quantized input.
/// A model that computes W[f; g] as W_f f + W_g g (design decision 4) declares two of these.
struct WeightEntry {
  std::string name;
  std::vector<WeightPart> parts;
  Index out = 0, in = 0;
  int fixed_bits = 0;  ///< 0: the scheme's weight bits
  /// More than 1: a block of out / groups outputs of its own for each group of rows, which lie one
  /// after the other; a product is then (row, in) -> (row, out / groups).
  Index groups = 1;
  BatchNorm norm{};  ///< of the product's outputs; folded into steps and biases when deployed

  [[nodiscard]] Index columns_out() const noexcept { return out / groups; }
  /// Outputs of a part that `rows` rows of a parameter give.
  [[nodiscard]] static Index outputs(const WeightPart& p, Index rows) noexcept {
    return p.mapped() ? static_cast<Index>(p.row.size()) : rows;
  }
};

/// A place where rows are quantized before a product.
struct PointEntry {
  std::string name;
  RowKind kind = RowKind::node;
  Index channels = 0;
  int fixed_bits = 0;  ///< 0: bits come from the plan; else the same for every row in every scheme
  bool may_have_words = false;  ///< rows of message_mean(): see InWords
};

/// Everything a model declares. Names are unique; the order of declaration is the order in memory.
class ParameterLayout {
 public:
  /// @throws amq::Error for a repeated name or a negative extent.
  ParameterId add(std::string name, std::vector<Index> shape, Init init, Role role = Role::weight) {
    for (const Index s : shape)
      if (s < 0)
        throw Error("parameter " + name, "extents of at least 0", std::to_string(s),
                    "Check the sizes in the model's configuration.");
    if (!by_name_.emplace(name, static_cast<int>(entries_.size())).second)
      throw Error("parameter " + name, "a name used once", "the same name again",
                  "Give each layer a prefix of its own.");
    entries_.push_back({std::move(name), std::move(shape), size_, init, role});
    size_ += entries_.back().size();
    return static_cast<ParameterId>(entries_.size() - 1);
  }
  /// A weight (out, in) and its bias (out), begun as torch.nn.Linear does.
  std::pair<ParameterId, ParameterId> add_linear(const std::string& name, Index out, Index in) {
    const auto w = add(name + ".weight", {out, in}, Init::fan_in(in));
    const auto b = add(name + ".bias", {out}, Init::fan_in(in), Role::vector);
    return {w, b};
  }
  WeightId add_weight(std::string name, std::vector<WeightPart> parts, int fixed_bits = 0) {
    WeightEntry w{std::move(name), std::move(parts), 0, 0, fixed_bits};
    for (const auto& p : w.parts) {
      const auto& e = entry(p.weight);
      if (p.first_col < 0 || p.cols < 0 || p.first_col + p.cols > e.cols() ||
          (w.in != 0 && w.in != p.cols))
        throw Error("weight " + w.name,
                    "columns inside " + e.name + " and one width for all stacked parts",
                    "columns " + std::to_string(p.first_col) + " to " +
                        std::to_string(p.first_col + p.cols) + " of " + std::to_string(e.cols()),
                    "Check the widths of the layer.");
      w.in = p.cols;
      w.out += e.rows();
    }
    weights_.push_back(std::move(w));
    return static_cast<WeightId>(weights_.size() - 1);
  }
  /// A product whose rows come in `groups` equal groups, each with its own rows of the parameter.
  /// @throws Error unless the rows of the parameter are a multiple of `groups`
  WeightId add_grouped_weight(std::string name, ParameterId parameter, Index groups,
                              int fixed_bits = 0) {
    const auto& e = entry(parameter);
    if (groups < 1 || e.rows() % groups != 0)
      throw Error("weight " + name, "rows in equal groups",
                  std::to_string(e.rows()) + " rows in " + std::to_string(groups) + " groups",
                  "Check the sizes of the layer.");
    const auto id =
        add_weight(std::move(name), {{parameter, 0, e.cols(), no_parameter}}, fixed_bits);
    weights_.back().groups = groups;
    return id;
  }
  /// Keeps a weight at `bits` in every scheme. Before its steps are fitted.
  /// @throws Error if there is no such weight
  void fix_weight_bits(const std::string& name, int bits) {
    for (WeightEntry& w : weights_)
      if (w.name == name) {
        w.fixed_bits = bits;
        return;
      }
    throw Error("ParameterLayout::fix_weight_bits", "the name of a weight", name,
                "Names are listed by weights().");
  }
  /// Keeps the rows of points at these bits in every scheme and plan. Before their steps are
  /// declared.
  /// @throws Error if there is no such point, and for bits outside 1 to 16
  void fix_row_bits(const std::map<std::string, int>& bits) {
    for (const auto& [name, own] : bits) {
      auto point = points_.begin();
      while (point != points_.end() && point->name != name) ++point;
      if (point == points_.end())
        throw Error("ParameterLayout::fix_row_bits", "the name of a point", name,
                    "Names are listed by points().");
      if (own < 1 || own > max_bits)
        throw Error("bits of the rows of " + name, "1 to " + std::to_string(max_bits),
                    std::to_string(own), "Leave the point out, and it has the scheme's.");
      point->fixed_bits = own;
    }
  }
  /// A product whose matrix is the parameter's numbers in another order: see WeightPart::row.
  /// @throws Error unless there are as many places as numbers, and outputs as biases or a multiple
  WeightId add_mapped_weight(std::string name, ParameterId parameter, std::vector<Index> row,
                             std::vector<Index> column, ParameterId bias, int fixed_bits = 0) {
    const auto out = static_cast<Index>(row.size()), in = static_cast<Index>(column.size());
    if (out * in != entry(parameter).size() ||
        (bias != no_parameter && (entry(bias).size() < 1 || out % entry(bias).size() != 0)))
      throw Error("weight " + name, "a place for each number of " + entry(parameter).name,
                  std::to_string(out) + " x " + std::to_string(in) + " places for " +
                      std::to_string(entry(parameter).size()),
                  "Check the sizes of the layer.");
    WeightEntry w{std::move(name), {}, out, in, fixed_bits};
    w.parts.push_back({parameter, 0, in, bias, std::move(row), std::move(column)});
    weights_.push_back(std::move(w));
    return static_cast<WeightId>(weights_.size() - 1);
  }
  /// A batch norm after a product without bias: `name.weight`, `name.bias`, `name.running_mean` and
  /// `name.running_var`, as torch.nn.BatchNorm has them.
  /// @throws Error for a product with a bias, or several parts, or groups
  void add_batch_norm(WeightId id, const std::string& name) {
    const Index n = weight(id).out;
    if (weight(id).parts.size() != 1 || weight(id).parts[0].bias != no_parameter ||
        weight(id).groups != 1)
      throw Error("batch norm " + name, "a product of one part without bias", weight(id).name,
                  "The norm's own shift makes a bias void: declare the layer without.");
    BatchNorm norm;
    norm.gamma = add(name + ".weight", {n}, Init::constant(1), Role::vector);
    norm.beta = add(name + ".bias", {n}, Init::constant(0), Role::vector);
    norm.mean = add(name + ".running_mean", {n}, Init::constant(0), Role::vector);
    norm.variance = add(name + ".running_var", {n}, Init::constant(1), Role::vector);
    weights_[to_index(id)].norm = norm;
  }
  PointId add_point(std::string name, RowKind kind, Index channels, int fixed_bits = 0) {
    points_.push_back({std::move(name), kind, channels, fixed_bits});
    return static_cast<PointId>(points_.size() - 1);
  }

  /// The point of the rows that message_mean() makes and multiplies.
  PointId add_message_point(std::string name, Index channels) {
    const PointId id = add_point(std::move(name), RowKind::edge, channels);
    points_.back().may_have_words = true;
    return id;
  }

  [[nodiscard]] Index size() const noexcept { return size_; }
  [[nodiscard]] const std::vector<ParameterEntry>& entries() const noexcept { return entries_; }
  [[nodiscard]] const std::vector<WeightEntry>& weights() const noexcept { return weights_; }
  [[nodiscard]] const std::vector<PointEntry>& points() const noexcept { return points_; }
  [[nodiscard]] const ParameterEntry& entry(ParameterId id) const {
    return entries_.at(to_index(id));
  }
  [[nodiscard]] const WeightEntry& weight(WeightId id) const { return weights_.at(to_index(id)); }
  [[nodiscard]] const PointEntry& point(PointId id) const { return points_.at(to_index(id)); }
  /// no_parameter if there is none of that name.
  [[nodiscard]] ParameterId find(const std::string& name) const {
    const auto it = by_name_.find(name);
    return it == by_name_.end() ? no_parameter : static_cast<ParameterId>(it->second);
  }

 private:
  std::vector<ParameterEntry> entries_;
  std::vector<WeightEntry> weights_;
  std::vector<PointEntry> points_;
  std::unordered_map<std::string, int> by_name_;
  Index size_ = 0;
};

/// Parameters as an input of an operation: the numbers of one, or of several that were declared one
/// after the other, as one row.
struct ParameterRow {
  ParameterId first = no_parameter;
  Index size = 0;

  ParameterRow(ParameterId id, Index n) noexcept : first(id), size(n) {}
  ParameterRow(const ParameterLayout& layout, ParameterId id)
      : ParameterRow(id, layout.entry(id).size()) {}
};

/// The values of a layout, one flat vector: what an optimizer, a checkpoint and a gradient want.
template <typename T>
struct ParametersOf {
  std::vector<T> values;

  [[nodiscard]] MatrixView<T> view(const ParameterEntry& e) noexcept {
    return {values.data() + e.offset, e.rows(), e.cols()};
  }
  [[nodiscard]] MatrixView<const T> view(const ParameterEntry& e) const noexcept {
    return {values.data() + e.offset, e.rows(), e.cols()};
  }
};
using Parameters = ParametersOf<float>;

/// Begins every entry from `first_entry` on by its law; the same numbers for the same seed.
inline void initialize(const ParameterLayout& layout, Parameters& p, std::uint64_t seed,
                       std::size_t first_entry = 0) {
  const FloatEnvironment own;
  p.values.resize(static_cast<std::size_t>(layout.size()));
  for (std::size_t k = first_entry; k < layout.entries().size(); ++k) {
    const auto& e = layout.entries()[k];
    Random random = Random::stream(seed, k);
    float* v = p.values.data() + e.offset;
    for (Index i = 0; i < e.size(); ++i)
      v[i] = e.init.law == Init::Law::constant
                 ? e.init.value
                 : static_cast<float>(random.uniform(
                       e.init.law == Init::Law::positive ? 0.0 : -e.init.value, e.init.value));
    if (e.init.diagonal != 0)
      for (Index i = 0; i < std::min(e.rows(), e.cols()); ++i)
        v[i * e.cols() + i] += e.init.diagonal;
  }
}

}  // namespace amq::arithmetics
