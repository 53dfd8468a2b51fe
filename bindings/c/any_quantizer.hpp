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

using namespace training;

/// A network that was compiled. One of the two is there: samples are fields on the grid of the
/// float file, or meshes with fields, solved or not.
struct Quantizer {
  std::string_view name;
  QuantizeReport (*on_grid)(safetensors::File file, std::span<const Field> samples,
                            const std::string& to, const QuantizeOptions& options);
  QuantizeReport (*on_mesh)(safetensors::File file, std::span<const Sample> samples,
                            const std::string& to, const QuantizeOptions& options);
};
template <typename Model>
[[nodiscard]] constexpr Quantizer quantizer_of() {
  if constexpr (grid_model<Model>)
    return {Model::name, &amq::quantize<Model>, nullptr};
  else
    return {Model::name, nullptr, &amq::quantize<Model>};
}
/// All of them.
[[nodiscard]] std::span<const Quantizer> quantizers();

/// Whose float file it is. @throws amq::Error for a network that was not compiled
[[nodiscard]] inline const Quantizer& quantizer_for(const safetensors::File& file) {
  const auto found = file.metadata.find("amq.model");
  const std::string name = found == file.metadata.end() ? "" : found->second;
  std::string all;
  for (const Quantizer& q : quantizers()) {
    if (q.name == name) return q;
    all += (all.empty() ? "" : ", ") + std::string(q.name);
  }
  throw Error(file.path + ": amq.model", "one of " + all, "'" + name.substr(0, 80) + "'",
              "Write float files with from_torch of the Python module.");
}

/// Whether the network of a float file on meshes reads types of nodes: samples then need them.
[[nodiscard]] inline bool reads_types(const safetensors::File& file) {
  const auto found = file.metadata.find("amq.encoding");
  if (found == file.metadata.end()) return false;  // refused when it is loaded
  const auto e = stored::parsed<MeshEncoding>(found->second, {}, file.path + ": amq.encoding");
  return e.boundary || e.node_types > 0;
}

/// @throws amq::Error as amq::quantize does, for a network that was not compiled, and for one on
///         meshes
inline QuantizeReport quantize(safetensors::File file, std::span<const Field> samples,
                               const std::string& to, const QuantizeOptions& options) {
  const Quantizer& q = quantizer_for(file);
  if (!q.on_grid)
    throw Error("quantize, samples",
                "meshes with given fields: " + std::string(q.name) + " solves on meshes",
                "fields on a grid", "Give points, cells and given of each sample.");
  return q.on_grid(std::move(file), samples, to, options);
}
/// The same for one on meshes.
inline QuantizeReport quantize(safetensors::File file, std::span<const Sample> samples,
                               const std::string& to, const QuantizeOptions& options) {
  const Quantizer& q = quantizer_for(file);
  if (!q.on_mesh)
    throw Error("quantize, samples",
                "fields (sample, point..., channel): " + std::string(q.name) + " solves on grids",
                "meshes", "Give fields on the grid of the float file's self-test.");
  return q.on_mesh(std::move(file), samples, to, options);
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
