#pragma once
/// @file
/// Everything a training needs to go on as if it had never stopped.

#include <amq/io/safetensors.hpp>
#include <amq/train/learner.hpp>
#include <amq/train/recipe.hpp>

#include <cmath>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::training {

/// What is no parameter, by name: sums of an epoch, curves, the best so far.
using TrainingState = std::map<std::string, std::vector<double>>;

/// Parameters and moments of every learner, their means and best where there are any, the number of
/// the next update, and what decides the run. The order of samples and all random numbers follow
/// from the trainer's seed and that number, so nothing else is kept. On the disk before it has its
/// name: at any moment the file is whole.
inline void save_checkpoint(const std::string& path, std::int64_t next_step,
                            std::span<Learner* const> learners, const Recipe& recipe = {},
                            const TrainingState& state = {}) {
  safetensors::File f;
  f.path = path;
  f.metadata["amq.checkpoint"] = "1";
  f.metadata["next_step"] = std::to_string(next_step);
  for (const auto& [name, text] : recipe) f.metadata["recipe." + name] = text;
  for (const auto& [name, values] : state) f.tensors["state." + name] = Array::of(values);
  for (std::size_t l = 0; l < learners.size(); ++l) {
    const Learner& learner = *learners[l];
    const std::string prefix = std::to_string(l) + ".";
    const auto put = [&](const char* what, const std::vector<float>& all) {
      if (all.empty()) return;
      for (const auto& e : learner.layout->entries())
        f.tensors[prefix + what + e.name] = Array::of(
            std::span<const float>(all.data() + e.offset, static_cast<std::size_t>(e.size())),
            e.shape);
    };
    put("value.", learner.parameters->values);
    put("first.", learner.optimizer.first());
    put("second.", learner.optimizer.second());
    put("average.", learner.average);
    put("best.", learner.best);
    f.metadata[prefix + "count"] = std::to_string(learner.optimizer.count());
  }
  safetensors::write(path, f);
}

/// Nothing is changed before the whole file is accepted.
/// @param recipe  what the run must have been begun with; null: any
/// @param state   what was kept beside the parameters; may be null
/// @returns the number of the next update
/// @throws amq::Error for a damaged file, one of other learners (all mismatches are listed), one of
///         another recipe (all differences are listed), and numbers that are not finite
[[nodiscard]] inline std::int64_t load_checkpoint(const std::string& path,
                                                  std::span<Learner* const> learners,
                                                  const Recipe* recipe = nullptr,
                                                  TrainingState* state = nullptr) {
  const safetensors::File f = safetensors::read(path);
  const auto number = [&](const std::string& key) {
    const auto it = f.metadata.find(key);
    if (it == f.metadata.end() || it->second.empty() || it->second.size() > 18 ||
        it->second.find_first_not_of("0123456789") != std::string::npos)
      throw Error(path, "a checkpoint with '" + key + "'",
                  it == f.metadata.end() ? "none" : it->second,
                  "Resume from a file that save_checkpoint has written.");
    return static_cast<std::int64_t>(std::stoll(it->second));
  };
  const std::int64_t next = number("next_step");
  if (recipe) {
    Recipe kept;
    for (const auto& [key, text] : f.metadata)
      if (key.starts_with("recipe.")) kept[key.substr(7)] = text;
    if (const std::string other = differences(kept, *recipe); !other.empty())
      throw Error(path, "the run that was begun here", other,
                  "Resume with the options and samples it was begun with, or keep this run under "
                  "another name.");
  }
  std::vector<safetensors::Expected> wanted;
  for (std::size_t l = 0; l < learners.size(); ++l) {
    const auto& entries = learners[l]->layout->entries();
    const std::string prefix = std::to_string(l) + ".";
    std::vector<const char*> parts{"value.", "first.", "second."};
    for (const char* more : {"average.", "best."})
      if (!entries.empty() && f.tensors.contains(prefix + more + entries.front().name))
        parts.push_back(more);
    for (const auto& e : entries)
      for (const char* what : parts) wanted.push_back({prefix + what + e.name, e.shape});
  }
  TrainingState kept_state;
  for (const auto& [name, a] : f.tensors)
    if (name.starts_with("state.")) {
      wanted.push_back({name, {-1}});
      kept_state[name.substr(6)] = a.template as<double>();
    }
  safetensors::expect(f, wanted);

  struct Kept {
    std::int64_t count = 0;
    std::vector<float> value, first, second, average, best;
  };
  std::vector<Kept> all(learners.size());
  for (std::size_t l = 0; l < learners.size(); ++l) {
    const auto& layout = *learners[l]->layout;
    const std::string prefix = std::to_string(l) + ".";
    const auto whole = [&](const char* what) {
      std::vector<float> values;
      for (const auto& e : layout.entries()) {
        const auto found = f.tensors.find(prefix + what + e.name);
        if (found == f.tensors.end()) return std::vector<float>();
        values.resize(static_cast<std::size_t>(layout.size()));
        const auto part = found->second.template as<float>();
        for (const float v : part)
          if (!std::isfinite(v))
            throw Error(path + ": " + found->first, "finite numbers", number_text(v),
                        "The file is damaged: resume from another.");
        std::copy(part.begin(), part.end(), values.begin() + e.offset);
      }
      return values;
    };
    all[l] = {number(prefix + "count"), whole("value."),   whole("first."),
              whole("second."),         whole("average."), whole("best.")};
  }
  for (std::size_t l = 0; l < learners.size(); ++l) {
    Learner& learner = *learners[l];
    Kept& k = all[l];
    learner.optimizer.restore(k.count, std::move(k.first), std::move(k.second));
    learner.parameters->values = std::move(k.value);
    learner.average = std::move(k.average);
    learner.best = std::move(k.best);
  }
  if (state) *state = std::move(kept_state);
  return next;
}

}  // namespace amq::training
