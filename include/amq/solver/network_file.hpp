#pragma once
/// @file
/// What model files of all networks have in common: parameters, settings, scheme, self-test.

#include <amq/core/float_environment.hpp>
#include <amq/io/safetensors.hpp>
#include <amq/models/network.hpp>
#include <amq/solver/solution.hpp>
#include <amq/solver/stored.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amq::solver::detail {

/// Which parameters of a file are codes: weights, as they are deployed. A code is a byte, or a word
/// where weights have 16 bits. Numbers that two products read, at steps of their own, are floats
/// beside them, in the order of their places.
struct CodedParameters {
  /// Beside the name of the parameter.
  static constexpr const char* shared = ".shared";

  std::vector<std::uint8_t> times;     ///< (number) products that read it: 0, 1, or 2 for more
  std::vector<std::uint16_t> highest;  ///< (number) code; 0 where nothing reads it
  std::vector<std::size_t> step;       ///< (number) the step's place

  CodedParameters(const ParameterLayout& layout, const Quantizers& quantizers)
      : times(static_cast<std::size_t>(layout.size()), 0),
        highest(times.size(), 0),
        step(times.size(), 0) {
    each_weight_number(layout, quantizers, [&](std::size_t at, std::size_t at_step, int top) {
      if (times[at] < 2) ++times[at];
      highest[at] = std::max(highest[at], static_cast<std::uint16_t>(top));
      step[at] = at_step;
    });
  }
  /// Whether products read all of it.
  [[nodiscard]] bool is(const ParameterEntry& e) const noexcept {
    const auto* first = times.data() + e.offset;
    return e.size() > 0 && std::all_of(first, first + e.size(), [](auto n) { return n > 0; });
  }
  [[nodiscard]] Index shared_in(const ParameterEntry& e) const noexcept {
    const auto* first = times.data() + e.offset;
    return is(e) ? std::count(first, first + e.size(), 2) : 0;
  }
  [[nodiscard]] bool wide(const ParameterEntry& e) const noexcept {
    const auto* first = highest.data() + e.offset;
    return std::any_of(first, first + e.size(), [](auto top) { return top > 127; });
  }
};

inline void put_parameters(safetensors::File& f, const std::string& prefix,
                           const ParameterLayout& layout, const Quantizers& quantizers,
                           const Parameters& p) {
  const CodedParameters coded(layout, quantizers);
  for (const auto& e : layout.entries()) {
    const auto first = static_cast<std::size_t>(e.offset), n = static_cast<std::size_t>(e.size());
    Array& to = f.tensors[prefix + e.name];
    if (!coded.is(e)) {
      to = Array::of(std::span<const float>(p.values.data() + first, n), e.shape);
      continue;
    }
    std::vector<std::int16_t> words(n, 0);
    std::vector<float> shared;
    for (std::size_t k = 0; k < n; ++k) {
      const float x = p.values[first + k];
      if (coded.times[first + k] == 2)
        shared.push_back(x);
      else
        words[k] = static_cast<std::int16_t>(encode_symmetric(
            x, 1.0f / p.values[coded.step[first + k]], int{coded.highest[first + k]}));
    }
    if (!shared.empty()) f.tensors[prefix + e.name + CodedParameters::shared] = Array::of(shared);
    if (coded.wide(e))
      to = Array::of(words, e.shape);
    else
      to = Array::of(std::vector<std::int8_t>(words.begin(), words.end()), e.shape);
  }
}
/// Of floats alone: a file of a float network, or of before.
/// @throws amq::Error for what is not finite, and steps that are not positive
inline void get_parameters(const safetensors::File& f, const std::string& prefix,
                           const ParameterLayout& layout, Parameters& p) {
  for (const auto& e : layout.entries()) {
    const auto values = f.at(prefix + e.name).as<float>();
    for (std::size_t k = 0; k < values.size(); ++k) {
      if (!std::isfinite(values[k]) || (e.role == Role::step && !(values[k] > 0)))
        throw Error(f.path + ": " + prefix + e.name,
                    e.role == Role::step ? "positive steps" : "finite numbers",
                    std::to_string(values[k]), "The file is damaged: save the model again.");
      p.values[static_cast<std::size_t>(e.offset) + k] = values[k];
    }
  }
}
/// The same where weights may be codes.
/// @throws amq::Error for codes that the weight's bits do not have
inline void get_parameters(const safetensors::File& f, const std::string& prefix,
                           const ParameterLayout& layout, const Quantizers& quantizers,
                           Parameters& p) {
  get_parameters(f, prefix, layout, p);
  const CodedParameters coded(layout, quantizers);
  for (const auto& e : layout.entries()) {
    const std::string name = prefix + e.name;
    const DType type = f.at(name).dtype;
    if (type == DType::f32 || type == DType::f64) continue;
    const char* mend = "The file is damaged: save the model again.";
    if (!coded.is(e) || (type != DType::i8 && type != DType::i16))
      throw Error(f.path + ": " + name, coded.is(e) ? "codes of 8 or 16 bits, or floats" : "floats",
                  std::string(name_of(type)), mend);
    std::vector<float> shared;
    if (const Index n = coded.shared_in(e); n > 0) {
      shared = f.at(name + CodedParameters::shared).as<float>();
      if (static_cast<Index>(shared.size()) != n)
        throw Error(f.path + ": " + name + CodedParameters::shared, std::to_string(n) + " numbers",
                    std::to_string(shared.size()), mend);
    }
    auto next = shared.begin();
    for (auto at = static_cast<std::size_t>(e.offset);
         at < static_cast<std::size_t>(e.offset + e.size()); ++at) {
      float& x = p.values[at];
      if (std::abs(x) > static_cast<float>(coded.highest[at]))
        throw Error(f.path + ": " + name, "codes up to " + std::to_string(coded.highest[at]),
                    std::to_string(std::lround(x)), mend);
      if (coded.times[at] == 1) {
        x *= p.values[coded.step[at]];
      } else {
        x = *next++;
        if (!std::isfinite(x))
          throw Error(f.path + ": " + name + CodedParameters::shared, "finite numbers",
                      std::to_string(x), mend);
      }
    }
  }
}
inline void expect_layout(std::vector<safetensors::Expected>& all, const std::string& prefix,
                          const ParameterLayout& layout) {
  for (const auto& e : layout.entries()) all.push_back({prefix + e.name, e.shape});
}
inline constexpr const char* auxiliary_prefix = "auxiliary.";

/// Whatever is wrong in a file ends in one Error that names it.
template <typename Read>
auto naming(const std::string& path, const Read& read) {
  const FloatEnvironment own;
  try {
    return read();
  } catch (const Error& e) {
    if (e.where().starts_with(path)) throw;
    throw Error(path + ": " + e.where(), e.expected(), e.found(), e.mend());
  } catch (const std::bad_alloc&) {
    throw Error(path, "a model that fits the memory", "one that does not",
                "The file is damaged, or this machine too small.");
  } catch (const std::length_error& e) {
    throw Error(path, "sizes that a model can have", e.what(), "The file is damaged.");
  }
}

/// A file's texts and settings.
struct NetworkFile {
  safetensors::File f;
  /// Settings are sizes of tensors or numbers of them, or small: what no tensor bears out is not
  /// believed, before memory is taken for it.
  stored::Bounds bounds{1024};

  explicit NetworkFile(safetensors::File file) : f(std::move(file)) {
    bounds.largest = std::max(bounds.largest, static_cast<Index>(f.tensors.size()));
    for (const auto& [name, a] : f.tensors)
      for (const Index n : a.shape) bounds.largest = std::max(bounds.largest, n);
  }
  [[nodiscard]] const std::string& text(const char* key) const {
    const auto it = f.metadata.find(key);
    if (it == f.metadata.end())
      throw Error(f.path, std::string("metadata '") + key + "'", "none",
                  "Load a file that amq::save has written.");
    return it->second;
  }
  /// @throws amq::Error for a file of a format that is not known
  void require_known_format() const {
    if (const std::string& found = text("amq.format"); found != "1" && found != "2" && found != "3")
      throw Error(f.path,
                  "amq.format 1, 2 where weights are codes, or 3 where rows have bits of their own",
                  found, "Use the version of amq that wrote the file.");
  }
  [[nodiscard]] bool has(const char* key) const { return f.metadata.contains(key); }
  void same(const char* key, const std::string& wanted, const char* mend) const {
    if (text(key) != wanted) throw Error(f.path, std::string(key) + " " + wanted, text(key), mend);
  }
  template <typename T>
  [[nodiscard]] T parsed(const char* key) const {
    return stored::parsed<T>(text(key), bounds, f.path + ": " + key);
  }
  /// The scheme the file has.
  /// @throws amq::Error for a file of another format or model, or not of this scheme
  template <typename Model, typename Scheme>
  [[nodiscard]] SchemeInfo is() const {
    require_known_format();
    same("amq.model", std::string(Model::name),
         "Name the model the file holds: amq::load<Model, Scheme>.");
    const std::string& found = text("amq.scheme");
    if constexpr (any_scheme<Scheme>) {
      const auto info = SchemeInfo::named(found, f.path + ": amq.scheme");
      require_levels(info);
      return info;
    } else {
      const auto wanted = SchemeInfo::of<Scheme>();
      // Rules had other names in files of before.
      if (found != wanted.name() && found != wanted.name(wanted.rule.former_name()))
        throw Error(f.path + ": amq.scheme", "the scheme of the type, " + wanted.sentence(),
                    SchemeInfo::sentence_of(found),
                    "Name the scheme the file holds, amq::load<Model, Scheme>, or none: "
                    "amq::load<Model>.");
      require_levels(wanted);
      return wanted;
    }
  }
  /// @throws amq::Error where the file says other levels than its scheme has
  void require_levels(const SchemeInfo& scheme) const {
    if (!has("amq.levels")) return;
    const std::string where = f.path + ": amq.levels";
    std::vector<int> found;
    stored::from_json(found, json::parse(text("amq.levels"), where), bounds, where);
    if (found != scheme.levels)
      throw Error(where, "those of " + scheme.name(), text("amq.levels"),
                  "The file is damaged: save the model again.");
  }
  /// Declares a network without its numbers, and says which tensors it wants.
  template <typename Model>
  void declare(std::vector<safetensors::Expected>& wanted, const std::string& prefix,
               const typename Model::Config& config, const SchemeInfo& scheme,
               const std::map<std::string, int>& row_bits = {}) const {
    ParameterLayout layout = models::declared_by<Model>(config);
    layout.fix_row_bits(row_bits);
    const Quantizers quantizers(layout, scheme);
    expect_layout(wanted, prefix, layout);
    const CodedParameters coded(layout, quantizers);
    for (const auto& e : layout.entries())
      if (const auto it = f.tensors.find(prefix + e.name);
          it != f.tensors.end() && it->second.dtype != DType::f32 && coded.shared_in(e) > 0)
        wanted.push_back({prefix + e.name + CodedParameters::shared, {coded.shared_in(e)}});
  }
  /// Gives the weights the bits that they have beside the scheme's. Files of before say nothing.
  /// @throws amq::Error for weights that are not the model's, and bits that none has
  template <typename Scheme>
  void take_weight_bits(ParameterLayout& layout) const {
    if (!has("amq.weight_bits")) return;
    const std::string where = f.path + ": amq.weight_bits";
    const json::Value all = json::parse(text("amq.weight_bits"), where);
    for (const auto& [name, value] : all.as_object(where)) {
      const Index bits = stored::whole(value, 2, has_wide_weights<Scheme>() ? 16 : 8, where);
      if (bits != 2 && bits != 4 && bits != 8 && bits != 16)
        throw Error(where, "2, 4, 8 or 16 bits", std::to_string(bits), "The file is damaged.");
      layout.fix_weight_bits(name, static_cast<int>(bits));
    }
  }
  /// Bits of points' rows beside the scheme's levels. Files of before say nothing.
  /// @throws amq::Error for bits that rows cannot have
  [[nodiscard]] std::map<std::string, int> row_bits() const {
    std::map<std::string, int> bits;
    if (!has("amq.row_bits")) return bits;
    const std::string where = f.path + ": amq.row_bits";
    const json::Value all = json::parse(text("amq.row_bits"), where);
    for (const auto& [name, value] : all.as_object(where))
      bits[name] = static_cast<int>(stored::whole(value, 1, max_bits, where));
    return bits;
  }
  /// @throws amq::Error for a self-test that tests nothing
  [[nodiscard]] std::vector<double> budgets() const {
    auto all = f.at("self_test.mean_bits").template as<double>();
    if (all.empty())
      throw Error(f.path + ": self_test.mean_bits", "a budget to test, or more", "none",
                  "The file is damaged: save the model again.");
    return all;
  }
  /// @throws amq::Error unless every number is as it was saved
  void require_solution(std::size_t k, double bits, const Field& u) const {
    const auto saved = f.at("self_test.u." + std::to_string(k)).template as<float>();
    const std::string where = f.path + ", self-test at " + std::to_string(bits) + " bits";
    float worst = 0;
    bool same = saved.size() == static_cast<std::size_t>(u.size());
    for (std::size_t i = 0; i < saved.size(); ++i) {
      if (!std::isfinite(saved[i]))
        throw Error(where, "a saved solution of finite numbers", std::to_string(saved[i]),
                    "The file is damaged: save the model again.");
      if (same) worst = std::max(worst, std::abs(saved[i] - u.data()[i]));
      same = same && saved[i] == u.data()[i];
    }
    if (!same)
      throw Error(where, "the saved solution, bit for bit",
                  "a difference of up to " + std::to_string(worst),
                  "The file is damaged, the host compiles with -ffast-math, or this build of amq "
                  "computes wrongly: report it.");
  }
};

/// What save() writes of any network.
template <typename Model>
void put_network(safetensors::File& f, const Network<Model>& net) {
  put_parameters(f, "", net.layout, net.quantizers, net.parameters);
  f.metadata["amq.format"] = "2";
  f.metadata["amq.model"] = Model::name;
  f.metadata["amq.config"] = json::dump(stored::to_json(net.model.config()));
  f.metadata["amq.scheme"] = net.quantizers.info().name();
  f.metadata["amq.levels"] = json::dump(stored::to_json(net.quantizers.info().levels));
  const ParameterLayout declared = models::declared_by<Model>(net.model.config());
  json::Object bits;
  for (std::size_t k = 0; k < declared.weights().size(); ++k)
    if (const WeightEntry& w = net.layout.weights()[k];
        w.fixed_bits != declared.weights()[k].fixed_bits)
      bits.emplace_back(w.name, static_cast<double>(w.fixed_bits));
  if (!bits.empty()) f.metadata["amq.weight_bits"] = json::dump(bits);
  json::Object rows;
  for (const auto& [name, own] : net.own_row_bits())
    rows.emplace_back(name, static_cast<double>(own));
  if (!rows.empty()) {
    f.metadata["amq.row_bits"] = json::dump(rows);
    f.metadata["amq.format"] = "3";
  }
}
/// @throws amq::Error for solutions that no load could compare
inline void put_solution(safetensors::File& f, std::size_t k, const Field& u) {
  if (!u.allFinite())
    throw Error(f.path + ", self-test", "a finite solution", "one that is not",
                "Check the model: its weights or its input have diverged.");
  f.tensors["self_test.u." + std::to_string(k)] = Array::of(view(u));
}
inline void require_budgets(const std::string& path, const std::vector<double>& mean_bits) {
  if (mean_bits.empty())
    throw Error(path + ", self-test", "one budget or more", "none",
                "Name budgets: what is loaded is compared at them.");
}

}  // namespace amq::solver::detail
