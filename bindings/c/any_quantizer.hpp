#pragma once
/// @file
/// Post-training quantization of float files whose network is read from the file: what the tool and
/// Python stand on. Each network is compiled once, in quantizer.cpp.in.

#include <amq/io/safetensors.hpp>
#include <amq/train/quantize.hpp>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amq::any {

/// A network that was compiled.
struct Quantizer {
  std::string_view name;
  QuantizeReport (*quantize)(safetensors::File file, std::span<const Field> samples,
                             const std::string& to, const QuantizeOptions& options);
};
/// All of them.
[[nodiscard]] std::span<const Quantizer> quantizers();

/// @throws amq::Error as amq::quantize does, and for a network that was not compiled
inline QuantizeReport quantize(safetensors::File file, std::span<const Field> samples,
                               const std::string& to, const QuantizeOptions& options) {
  const auto found = file.metadata.find("amq.model");
  const std::string name = found == file.metadata.end() ? "" : found->second;
  std::string all;
  for (const Quantizer& q : quantizers()) {
    if (q.name == name) return q.quantize(std::move(file), samples, to, options);
    all += (all.empty() ? "" : ", ") + std::string(q.name);
  }
  throw Error(file.path + ": amq.model", "one of " + all, "'" + name.substr(0, 80) + "'",
              "Write float files with from_torch of the Python module.");
}

/// Samples (sample, point..., channel) or (point..., channel) as one array, for a float file.
/// @throws amq::Error for a file without a self-test, and arrays of other sizes
inline void add_samples(const safetensors::File& file, std::span<const float> values,
                        const Extents& shape, const std::string& where, std::vector<Field>& to) {
  const auto found = file.tensors.find("self_test.a");
  if (found == file.tensors.end() || found->second.shape.size() != 2)
    throw Error(file.path, "a float file", "none", "Write it with from_torch.");
  const Index rows = found->second.shape[0], channels = found->second.shape[1];
  const auto n = static_cast<Index>(values.size()), one = rows * channels;
  if (one < 1 || n < one || n % one != 0 || shape.empty() || shape.back() != channels)
    throw Error(where,
                "(sample, point..., channel) of " + std::to_string(rows) + " points and " +
                    std::to_string(channels) + " channels",
                text_of(shape), "Samples lie on the grid of the float file's self-test.");
  for (Index k = 0; k < n; k += one)
    to.emplace_back(Eigen::Map<const Field>(values.data() + k, rows, channels));
}

}  // namespace amq::any
