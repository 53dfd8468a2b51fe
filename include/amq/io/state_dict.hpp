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
#include <utility>
#include <vector>

namespace amq::io {

/// Where the complex weights of a spectral convolution lie in a state dict: one tensor (in, out,
/// modes...) for each corner of the modes, complex or with a last axis {re, im}; or one for all
/// corners, whose frequencies ascend (neuraloperator).
struct SpectralBlocks {
  std::string parameter;  ///< of the layout, "conv0.weights"
  const nn::SpectralConv* layer = nullptr;
  /// Corner by corner: "conv0.weights1", "conv0.weights2"; or the one of all.
  std::vector<std::string> tensors;

  [[nodiscard]] bool ascending() const noexcept {
    return tensors.size() == 1 && layer->modes().dims > 1;
  }
};

/// A matrix whose inputs somebody stacks in another order.
struct ColumnBlocks {
  std::string parameter;   ///< of the layout
  std::vector<int> order;  ///< (block of the model's) which of theirs it is; all of one width
};

/// What somebody calls the parameters of a model.
struct StateDictNames {
  /// (theirs, the model's): names, or beginnings that end before a dot. {"lift", "fc0"} covers
  /// lift.weight and lift.bias. The first that fits counts. Two may become one where they are equal
  /// number by number: a module that is registered twice is saved twice.
  std::vector<std::pair<std::string, std::string>> rename{};
  std::vector<SpectralBlocks> spectral{};
  std::vector<ColumnBlocks> columns{};
};

/// The names of MeshGraphNets of PyTorch Geometric, as echowve/meshGraphNets_pytorch has them.
/// @param layers, hidden_layers  see MeshGraphNetConfig
[[nodiscard]] inline StateDictNames pyg_names(Index layers, int hidden_layers) {
  StateDictNames names;
  const std::string norm = "." + std::to_string(2 * hidden_layers + 1);
  const auto add = [&](const std::string& theirs, const std::string& ours) {
    names.rename.emplace_back(theirs + ".0", ours);
    names.rename.emplace_back(theirs + ".1", ours + norm);
  };
  add("encoder.nb_encoder", "encoder.fv.f");
  add("encoder.eb_encoder", "encoder.fe.f");
  for (Index l = 0; l < layers; ++l)
    for (const auto& [kind, part] : {std::pair{"eb", "edge"}, {"nb", "node"}}) {
      const std::string n = std::to_string(l), theirs = "processer_list." + n + "." + kind,
                        ours = "processor.gnn." + n + ".f_" + part + ".f";
      add(theirs + "_custom_func", ours);
      add(theirs + "_module.net", ours);  // the same once more
      // Its edges read the sender first, amq's the receiver.
      if (*kind == 'e') names.columns.push_back({ours + ".0.weight", {1, 0, 2}});
    }
  names.rename.emplace_back("decoder.decode_module", "decoder.f");
  return names;
}
template <typename MeshGraphNet>
[[nodiscard]] StateDictNames pyg_names(const MeshGraphNet& model) {
  return pyg_names(model.config().layers, model.config().hidden_layers);
}

/// The names of PDEBench's FNO and of the published one.
template <typename Fno>
[[nodiscard]] StateDictNames published_names(const Fno& fno) {
  StateDictNames names;
  for (Index l = 0; l < fno.config().layers; ++l) {
    const std::string at = "conv" + std::to_string(l) + ".weights";
    SpectralBlocks& blocks = names.spectral.emplace_back(SpectralBlocks{at, &fno.spectral(l), {}});
    for (int corner = 0; corner < 1 << (fno.config().dims - 1); ++corner)
      blocks.tensors.push_back(at + std::to_string(corner + 1));
  }
  return names;
}
/// The names of neuraloperator 2's FNO with dense weights: see FnoConfig::neuraloperator().
template <typename Fno>
[[nodiscard]] StateDictNames neuraloperator_names(const Fno& fno) {
  const auto& c = fno.config();
  StateDictNames names;
  auto& to = names.rename;
  to = {{"lifting.fcs.0", "fc0"}, {"projection.fcs.0", "fc1"}, {"projection.fcs.1", "fc2"}};
  if (c.lifting > 0) to.emplace_back("lifting.fcs.1", "lifting");
  for (Index l = 0; l < c.layers; ++l) {
    const std::string n = std::to_string(l), at = "fno_blocks.convs." + n;
    names.spectral.push_back({"conv" + n + ".weights", &fno.spectral(l), {at + ".weight.tensor"}});
    using Kind = decltype(c.skip);
    const bool linear = c.skip == Kind::linear;
    const std::string own = linear ? "w" + n : "gate" + n;
    to.emplace_back(at + ".bias", own + ".bias");
    to.emplace_back("fno_blocks.fno_skips." + n + (linear ? ".conv" : ""), own);
    if (c.channel_mlp == 0) continue;
    for (const auto& [theirs, ours] : {std::pair{".fcs.0", ".fc1"}, {".fcs.1", ".fc2"}})
      to.emplace_back("fno_blocks.channel_mlp." + n + theirs, "mlp" + n + ours);
    if (c.channel_skip == Kind::linear)
      to.emplace_back("fno_blocks.channel_mlp_skips." + n + ".conv", "mlp_w" + n);
    else
      to.emplace_back("fno_blocks.channel_mlp_skips." + n, "mlp_gate" + n);
  }
  return names;
}

namespace detail {
/// A convolution of one point is a linear layer, and a factor of each channel a vector: extents of
/// 1 do not count.
[[nodiscard]] inline Extents without_ones(Extents shape) {
  std::erase(shape, 1);
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
/// not begin so. What is to be left, and counters, need not have it.
[[nodiscard]] inline std::string shared_prefix(const std::map<std::string, Array>& tensors,
                                               const std::set<std::string>& expected,
                                               std::span<const std::string> leave) {
  std::string prefix;
  for (;;) {
    std::string longer;
    for (const auto& [name, t] : tensors) {
      if (std::find(leave.begin(), leave.end(), name) != leave.end()) continue;
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
/// A name without what PyTorch puts where it wraps a part of a model alone: "fc0._orig_mod.weight"
/// of torch.compile, and the like of FSDP and of checkpoints in memory.
[[nodiscard]] inline std::string unwrapped(std::string name) {
  for (const std::string wrap :
       {"_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module."})
    for (std::size_t at = 0; (at = name.find(wrap, at)) != name.npos;)
      if (at == 0 || name[at - 1] == '.')
        name.erase(at, wrap.size());
      else
        ++at;
  return name;
}
/// Whether a name is `beginning`, or goes on after it with a dot.
[[nodiscard]] inline bool begins_with(const std::string& name, const std::string& beginning) {
  return name.starts_with(beginning) &&
         (name.size() == beginning.size() || name[beginning.size()] == '.');
}

/// (row, column) numbers with the blocks of columns in the model's order.
[[nodiscard]] inline std::vector<float> in_order(const std::vector<float>& theirs, Index columns,
                                                 const ColumnBlocks& blocks) {
  const auto n = static_cast<Index>(blocks.order.size());
  std::vector<bool> there(blocks.order.size());
  for (const int k : blocks.order)
    if (k >= 0 && k < n) there[static_cast<std::size_t>(k)] = true;
  if (n == 0 || std::find(there.begin(), there.end(), false) != there.end())
    throw Error("load_state_dict, " + blocks.parameter,
                "blocks of columns from 0 to " + std::to_string(n - 1) + ", each once", "others",
                "Name the order in which the file stacks them.");
  const Index wide = columns / n;
  if (wide * n != columns)
    throw Error("load_state_dict, " + blocks.parameter,
                "a number of inputs that is a multiple of " + std::to_string(n),
                std::to_string(columns), "Check the blocks of columns.");
  std::vector<float> ours(theirs.size());
  for (std::size_t row = 0; row < theirs.size(); row += static_cast<std::size_t>(columns))
    for (Index k = 0; k < n; ++k)
      std::copy_n(theirs.begin() + static_cast<Index>(row) +
                      blocks.order[static_cast<std::size_t>(k)] * wide,
                  wide, ours.begin() + static_cast<Index>(row) + k * wide);
  return ours;
}

/// Tensors by the names that the model has for them.
struct NamedTensors {
  std::map<std::string, const Array*> of_model;  ///< under its names, or what would be them
  std::map<std::string, std::string> whole;      ///< what the file calls those
  std::string problems;

  /// @param expected  the model's names
  NamedTensors(const safetensors::File& file, const StateDictNames& names,
               const std::set<std::string>& expected, std::span<const std::string> leave) {
    std::set<std::string> own = expected;
    for (const auto& [theirs, ours] : names.rename) own.insert(theirs);
    const std::string prefix = shared_prefix(file.tensors, own, leave);
    const auto left = [&](const std::string& name) {
      return std::find(leave.begin(), leave.end(), name) != leave.end();
    };
    for (const auto& [name, type] : file.unread)
      if (!left(name) && !(name.starts_with(prefix) && left(name.substr(prefix.size()))))
        problems += "\n  " + name + " has dtype " + type + ", which is not read";
    std::vector<bool> used(names.rename.size());
    for (const auto& [name, t] : file.tensors) {
      std::string to = unwrapped(name.starts_with(prefix) ? name.substr(prefix.size()) : name);
      for (std::size_t k = 0; k < used.size(); ++k) {
        const auto& [theirs, ours] = names.rename[k];
        if (!begins_with(to, theirs)) continue;
        to = ours + to.substr(theirs.size());
        used[k] = true;
        break;
      }
      const auto& [first, fresh] = of_model.emplace(to, &t);
      if (!fresh && !(*first->second == t))
        problems += "\n  " + name + " and " + whole[to] + " both become " + to;
      whole.emplace(to, name);
    }
    for (std::size_t k = 0; k < used.size(); ++k) {
      // Of what is registered twice a file may hold one.
      bool covered = used[k];
      for (std::size_t j = 0; j < used.size(); ++j)
        covered |= used[j] && names.rename[j].second == names.rename[k].second;
      if (!covered) problems += "\n  no tensor begins with " + names.rename[k].first;
    }
  }
};
}  // namespace detail

/// Copies every parameter of a model from the tensor of its name, by name and shape. A beginning
/// that all names share (`module.`, `_orig_mod.`) is left off, as are wrappers of parts, then other
/// names are mapped.
/// Quantizers ("quant.") keep what they have: fit or calibrate them afterwards. Counters of batches
/// and of averaged models are not read.
/// @param p      already as long as the layout; untouched where something is refused
/// @param names  what the file calls the parameters; their own names without
/// @param leave  names of the file that the model has no use for, e.g. a registered buffer "grid"
/// @throws Error that lists all tensors that are missing, of another shape, not numbers or not
///         finite as floats, or not the model's, and names that are mapped in vain or to one
inline void load_state_dict(const safetensors::File& file, const ParameterLayout& layout,
                            Parameters& p, const StateDictNames& names,
                            std::span<const std::string> leave = {}) {
  const auto blocks_of = [&](const std::string& name) {
    const auto at = std::find_if(names.spectral.begin(), names.spectral.end(),
                                 [&](const auto& b) { return b.parameter == name; });
    return at == names.spectral.end() ? nullptr : &*at;
  };
  std::set<std::string> expected;
  for (const ParameterEntry& e : layout.entries()) {
    if (e.name.starts_with("quant.")) continue;
    if (const SpectralBlocks* blocks = blocks_of(e.name))
      expected.insert(blocks->tensors.begin(), blocks->tensors.end());
    else
      expected.insert(e.name);
  }
  const detail::NamedTensors tensors(file, names, expected, leave);
  std::string problems = tensors.problems;
  const auto tensor = [&](const std::string& name) -> const Array* {
    const auto it = tensors.of_model.find(name);
    if (it != tensors.of_model.end()) return it->second;
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
  const auto take_spectral = [&](const SpectralBlocks& blocks) {
    const bool ascending = blocks.ascending();
    const Extents shape = ascending ? blocks.layer->ascending_shape() : blocks.layer->torch_shape();
    for (std::size_t corner = 0; corner < blocks.tensors.size(); ++corner) {
      const std::string& name = blocks.tensors[corner];
      const Array* t = tensor(name);
      if (!t) continue;
      const Array pairs = t->real_pairs();
      if (pairs.shape != shape) {
        wrong(name, pairs.shape, shape);
      } else if (const auto values = numbers(name, pairs); !values.empty()) {
        if (ascending)
          blocks.layer->assign_ascending(layout, taken, values);
        else
          blocks.layer->assign_torch(layout, taken, static_cast<int>(corner), values);
      }
    }
  };
  for (const ParameterEntry& e : layout.entries()) {
    if (e.name.starts_with("quant.")) continue;
    if (const SpectralBlocks* blocks = blocks_of(e.name)) {
      take_spectral(*blocks);
      continue;
    }
    const Array* t = tensor(e.name);
    if (!t) continue;
    if (detail::without_ones(t->shape) != detail::without_ones(e.shape)) {
      wrong(e.name, t->shape, e.shape);
      continue;
    }
    if (is_complex(t->dtype)) {
      problems += "\n  " + e.name + " is complex";
      continue;
    }
    auto values = numbers(e.name, *t);
    const auto stacked = std::find_if(names.columns.begin(), names.columns.end(),
                                      [&](const ColumnBlocks& c) { return c.parameter == e.name; });
    if (stacked != names.columns.end() && !values.empty())
      values = detail::in_order(values, e.cols(), *stacked);
    std::copy(values.begin(), values.end(), taken.values.begin() + e.offset);
  }
  for (const auto& [own, whole] : tensors.whole) {
    const auto is = [&mine = own, &theirs = whole](const std::string& n) {
      return n == mine || n == theirs;
    };
    if (!expected.contains(own) && !detail::is_counter(own) &&
        std::none_of(leave.begin(), leave.end(), is))
      problems += "\n  " + own + " is nobody's";
  }
  if (!problems.empty())
    throw Error(file.path, "the tensors of this model", "a state dict in which" + problems,
                "Build the model with the sizes it was trained with; map other names in "
                "StateDictNames, and name what may be left in `leave`.");
  p = std::move(taken);
}
/// The same of a model whose names are the file's.
inline void load_state_dict(const safetensors::File& file, const ParameterLayout& layout,
                            Parameters& p, std::span<const SpectralBlocks> spectral = {},
                            std::span<const std::string> leave = {}) {
  load_state_dict(file, layout, p, StateDictNames{{}, {spectral.begin(), spectral.end()}}, leave);
}

}  // namespace amq::io
