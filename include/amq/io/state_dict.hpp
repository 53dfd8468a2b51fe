#pragma once
/// @file
/// Weights that PyTorch has trained: a state dict, saved as safetensors, into a model's parameters.

#include <amq/arithmetic/parameter.hpp>
#include <amq/io/safetensors.hpp>
#include <amq/nn/spectral_conv.hpp>

#include <algorithm>
#include <map>
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

namespace detail {
/// What PyTorch keeps beside weights: counters of batches and of averaged models.
[[nodiscard]] inline bool is_counter(const std::string& name) {
  return name.ends_with("num_batches_tracked") || name == "n_averaged";
}
/// What wrappers put before every name (DistributedDataParallel "module.", torch.compile
/// "_orig_mod."): the dotted beginning that all tensors share, as long as the model's own names do
/// not begin so.
[[nodiscard]] inline std::string shared_prefix(const std::map<std::string, Array>& tensors,
                                               const std::set<std::string>& expected) {
  std::string prefix;
  for (;;) {
    std::string longer;
    for (const auto& [name, t] : tensors) {
      if (is_counter(name) && !name.starts_with(prefix)) continue;
      const auto dot = name.find('.', prefix.size());
      if (dot == std::string::npos && is_counter(name.substr(prefix.size()))) continue;
      const std::string own = dot == std::string::npos ? "" : name.substr(0, dot + 1);
      if (own.empty() || (!longer.empty() && own != longer)) return prefix;
      longer = own;
    }
    if (longer.empty()) return prefix;
    const std::string part = longer.substr(prefix.size());
    if (std::any_of(expected.begin(), expected.end(),
                    [&](const std::string& name) { return name.starts_with(part); }))
      return prefix;
    prefix = longer;
  }
}
}  // namespace detail

/// Copies every parameter of a model from the tensor of its name, by name and shape. A beginning
/// that all names share (`module.`, `_orig_mod.`) is left off. Quantizers ("quant.") keep what they
/// have: fit or calibrate them afterwards. Counters of batches and of averaged models are not read.
/// @param p      already as long as the layout; untouched where something is refused
/// @param leave  names of the file that the model has no use for, e.g. a registered buffer "grid"
/// @throws Error that lists all tensors that are missing, of another shape, not numbers or not
///         finite as floats, or not the model's
inline void load_state_dict(const safetensors::File& file, const ParameterLayout& layout,
                            Parameters& p, std::span<const SpectralBlocks> spectral = {},
                            std::span<const std::string> leave = {}) {
  const auto blocks_of = [&](const std::string& name) {
    const auto at = std::find_if(spectral.begin(), spectral.end(),
                                 [&](const auto& b) { return b.parameter == name; });
    return at == spectral.end() ? nullptr : &*at;
  };
  std::set<std::string> expected;
  for (const ParameterEntry& e : layout.entries()) {
    if (e.name.starts_with("quant.")) continue;
    if (const SpectralBlocks* blocks = blocks_of(e.name))
      expected.insert(blocks->tensors.begin(), blocks->tensors.end());
    else
      expected.insert(e.name);
  }
  const std::string prefix = detail::shared_prefix(file.tensors, expected);
  std::string problems;
  const auto tensor = [&](const std::string& name) -> const Array* {
    const auto it = file.tensors.find(prefix + name);
    if (it != file.tensors.end()) return &it->second;
    problems += "\n  " + name + " is missing";
    return nullptr;
  };
  const auto wrong = [&](const std::string& name, const Extents& found, const Extents& expect) {
    problems += "\n  " + name + " is " + text_of(found) + ", not " + text_of(expect);
  };
  const auto numbers = [&](const std::string& name, const Array& t) -> std::vector<float> {
    try {
      return finite<float>(t, name);
    } catch (const Error& e) {
      problems += "\n  " + name + " has " + e.found();
      return {};
    }
  };
  Parameters taken = p;
  for (const ParameterEntry& e : layout.entries()) {
    if (e.name.starts_with("quant.")) continue;
    if (const SpectralBlocks* blocks = blocks_of(e.name)) {
      for (std::size_t corner = 0; corner < blocks->tensors.size(); ++corner) {
        const std::string& name = blocks->tensors[corner];
        const Array* t = tensor(name);
        if (!t) continue;
        const Array pairs = t->real_pairs();
        const Extents shape = blocks->layer->torch_shape();
        if (pairs.shape != shape)
          wrong(name, pairs.shape, shape);
        else if (const auto values = numbers(name, pairs); !values.empty())
          blocks->layer->assign_torch(layout, taken, static_cast<int>(corner), values);
      }
      continue;
    }
    const Array* t = tensor(e.name);
    if (!t) continue;
    if (detail::without_last_ones(t->shape) != detail::without_last_ones(e.shape)) {
      wrong(e.name, t->shape, e.shape);
      continue;
    }
    if (is_complex(t->dtype)) {
      problems += "\n  " + e.name + " is complex";
      continue;
    }
    const auto values = numbers(e.name, *t);
    std::copy(values.begin(), values.end(), taken.values.begin() + e.offset);
  }
  for (const auto& [name, t] : file.tensors) {
    const std::string own = name.starts_with(prefix) ? name.substr(prefix.size()) : name;
    const auto is = [&own, &whole = name](const std::string& n) { return n == own || n == whole; };
    if (!expected.contains(own) && !detail::is_counter(own) &&
        std::none_of(leave.begin(), leave.end(), is))
      problems += "\n  " + own + " is nobody's";
  }
  if (!problems.empty())
    throw Error(file.path, "the tensors of this model", "a state dict in which" + problems,
                "Build the model with the sizes it was trained with; name what may be left in "
                "`leave`.");
  p = std::move(taken);
}

}  // namespace amq
