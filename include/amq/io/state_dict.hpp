#pragma once
/// @file
/// Weights that PyTorch has trained: a state dict, saved as safetensors, into a model's parameters.

#include <amq/arithmetic/parameter.hpp>
#include <amq/io/safetensors.hpp>
#include <amq/nn/spectral_conv.hpp>

#include <algorithm>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace amq {

/// Where the complex weights of a spectral convolution lie in a state dict: one tensor (in, out,
/// modes...) for each corner of the modes, complex or with a last axis {re, im}.
struct SpectralBlocks {
  std::string parameter;  ///< of the layout, "conv0.weights"
  const nn::SpectralConv* layer = nullptr;
  std::vector<std::string> tensors;  ///< corner by corner: "conv0.weights1", "conv0.weights2"
};

namespace detail {
/// A convolution of one point is a linear layer: extents of 1 at the end do not count.
[[nodiscard]] inline Extents without_last_ones(Extents shape) {
  while (!shape.empty() && shape.back() == 1) shape.pop_back();
  return shape;
}
}  // namespace detail

/// Copies every parameter of a model from the tensor of its name. Quantizers ("quant.") keep what
/// they have: fit or calibrate them afterwards. Counters of batches are not read.
/// @param p  already as long as the layout
/// @throws Error that lists all tensors that are missing, of another shape, or not the model's
inline void load_state_dict(const safetensors::File& file, const ParameterLayout& layout,
                            Parameters& p, std::span<const SpectralBlocks> spectral = {}) {
  std::string problems;
  std::set<std::string> read;
  const auto tensor = [&](const std::string& name) -> const Array* {
    read.insert(name);
    const auto it = file.tensors.find(name);
    if (it != file.tensors.end()) return &it->second;
    problems += "\n  " + name + " is missing";
    return nullptr;
  };
  const auto wrong = [&](const std::string& name, const Extents& found, const Extents& expected) {
    problems += "\n  " + name + " is " + text_of(found) + ", not " + text_of(expected);
  };
  Parameters taken = p;
  for (const ParameterEntry& e : layout.entries()) {
    if (e.name.starts_with("quant.")) continue;
    const auto blocks = std::find_if(spectral.begin(), spectral.end(),
                                     [&](const auto& b) { return b.parameter == e.name; });
    if (blocks != spectral.end()) {
      for (std::size_t corner = 0; corner < blocks->tensors.size(); ++corner)
        if (const Array* t = tensor(blocks->tensors[corner])) {
          const Array pairs = t->real_pairs();
          const Index expected = e.size() / static_cast<Index>(blocks->tensors.size());
          if (static_cast<Index>(pairs.size()) != expected)
            wrong(blocks->tensors[corner], pairs.shape, {expected});
          else
            blocks->layer->assign_torch(layout, taken, static_cast<int>(corner),
                                        pairs.as<float>(file.path));
        }
      continue;
    }
    const Array* t = tensor(e.name);
    if (!t) continue;
    if (detail::without_last_ones(t->shape) != detail::without_last_ones(e.shape)) {
      wrong(e.name, t->shape, e.shape);
      continue;
    }
    const auto values = t->as<float>(file.path);
    std::copy(values.begin(), values.end(), taken.values.begin() + e.offset);
  }
  for (const auto& [name, t] : file.tensors)
    if (!read.contains(name) && !name.ends_with("num_batches_tracked"))
      problems += "\n  " + name + " is nobody's";
  if (!problems.empty())
    throw Error(file.path, "the tensors of this model", "a state dict in which" + problems,
                "Build the model with the sizes it was trained with.");
  p = std::move(taken);
}

}  // namespace amq
