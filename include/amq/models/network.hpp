#pragma once
/// @file
/// A model with its numbers: declaration, quantizers, parameters.

#include <amq/arithmetic/quantizers.hpp>
#include <amq/core/float_environment.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace amq::models {

/// What a model of this configuration declares, without the steps of a scheme.
template <typename Model>
[[nodiscard]] arithmetics::ParameterLayout declared_by(const typename Model::Config& config) {
  arithmetics::ParameterLayout layout;
  const Model model(layout, config);
  return layout;
}

}  // namespace amq::models

namespace amq {

/// Stays where it was made: arithmetics and optimizers keep its address.
template <typename Model>
struct Network {
  arithmetics::ParameterLayout layout;
  Model model;
  arithmetics::Quantizers quantizers;
  arithmetics::Parameters parameters;

  /// Begun at random, steps fitted to the beginning weights and to Gaussian rows.
  /// @param row_bits  of points whose rows have these in every plan, by name
  /// @throws amq::Error for a configuration, a scheme and bits that there cannot be
  Network(const typename Model::Config& config, arithmetics::SchemeInfo scheme, std::uint64_t seed,
          const std::map<std::string, int>& row_bits = {})
      // The guard lives until the member is made: laws of beginning weights are floats, too.
      : model((static_cast<void>(core::FloatEnvironment()), layout), config),
        quantizers((layout.fix_row_bits(row_bits), layout), std::move(scheme)) {
    arithmetics::initialize(layout, parameters, seed);
    reset_quantizers();
  }
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// Steps fitted to the weights as they are, and to Gaussian rows.
  void reset_quantizers() {
    quantizers.reset_points(layout, parameters);
    quantizers.fit_weights(layout, parameters);
  }
  /// Takes the entries that both layouts have, e.g. float weights for a new scheme.
  void take_weights(const arithmetics::ParameterLayout& other,
                    const arithmetics::Parameters& values) {
    for (std::size_t k = 0; k < quantizers.first_entry(); ++k) {
      const auto& e = layout.entries()[k];
      const auto id = other.find(e.name);
      if (id == arithmetics::no_parameter || other.entry(id).shape != e.shape)
        throw Error("Network::take_weights", "a parameter " + e.name + " of the same shape", "none",
                    "Build both networks from one configuration.");
      const float* from = values.values.data() + other.entry(id).offset;
      std::copy_n(from, e.size(), parameters.values.begin() + e.offset);
    }
  }
  /// Bits of points' rows that are not the configuration's, by name.
  [[nodiscard]] std::map<std::string, int> own_row_bits() const {
    const auto declared = models::declared_by<Model>(model.config());
    std::map<std::string, int> own;
    for (std::size_t p = 0; p < declared.points().size(); ++p)
      if (const auto& point = layout.points()[p];
          point.fixed_bits != declared.points()[p].fixed_bits)
        own[point.name] = point.fixed_bits;
    return own;
  }
};

}  // namespace amq
