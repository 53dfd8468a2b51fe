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
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amq::detail {

inline void put_parameters(safetensors::File& f, const std::string& prefix,
                           const ParameterLayout& layout, const Parameters& p) {
  for (const auto& e : layout.entries())
    f.tensors[prefix + e.name] = Array::of(
        std::span<const float>(p.values.data() + e.offset, static_cast<std::size_t>(e.size())),
        e.shape);
}
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
    same("amq.format", "1", "Use the version of amq that wrote the file.");
    same("amq.model", std::string(Model::name),
         "Name the model the file holds: amq::load<Model, Scheme>.");
    const std::string& found = text("amq.scheme");
    if constexpr (any_scheme<Scheme>) {
      return SchemeInfo::named(found, f.path + ": amq.scheme");
    } else {
      const auto wanted = SchemeInfo::of<Scheme>();
      // Rules had other names in files of before.
      if (found != wanted.name() && found != wanted.name(wanted.rule.former_name()))
        throw Error(f.path + ": amq.scheme", "the scheme of the type, " + wanted.sentence(),
                    SchemeInfo::sentence_of(found),
                    "Name the scheme the file holds, amq::load<Model, Scheme>, or none: "
                    "amq::load<Model>.");
      return wanted;
    }
  }
  /// Declares a network without its numbers, and says which tensors it wants.
  template <typename Model>
  static void declare(std::vector<safetensors::Expected>& wanted, const std::string& prefix,
                      const typename Model::Config& config, const SchemeInfo& scheme) {
    ParameterLayout layout;
    const Model model(layout, config);
    const Quantizers quantizers(layout, scheme);
    expect_layout(wanted, prefix, layout);
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
  put_parameters(f, "", net.layout, net.parameters);
  f.metadata["amq.format"] = "1";
  f.metadata["amq.model"] = Model::name;
  f.metadata["amq.config"] = json::dump(stored::to_json(net.model.config()));
  f.metadata["amq.scheme"] = net.quantizers.info().name();
  f.metadata["amq.levels"] = json::dump(stored::to_json(net.quantizers.info().levels));
  ParameterLayout declared;
  const Model model(declared, net.model.config());
  json::Object bits;
  for (std::size_t k = 0; k < declared.weights().size(); ++k)
    if (const WeightEntry& w = net.layout.weights()[k];
        w.fixed_bits != declared.weights()[k].fixed_bits)
      bits.emplace_back(w.name, static_cast<double>(w.fixed_bits));
  if (!bits.empty()) f.metadata["amq.weight_bits"] = json::dump(bits);
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

}  // namespace amq::detail
