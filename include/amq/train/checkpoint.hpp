#pragma once
/// @file
/// Everything a training needs to go on as if it had never stopped.

#include <amq/io/safetensors.hpp>
#include <amq/train/trainer.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace amq {

/// Parameters and moments of every learner, and the number of the next update. The order of samples
/// and all random numbers follow from the trainer's seed and that number, so nothing else is kept.
/// Written under a temporary name and renamed.
inline void save_checkpoint(const std::string& path, std::int64_t next_step,
                            std::span<Learner* const> learners) {
  safetensors::File f;
  f.path = path;
  f.metadata["amq.checkpoint"] = "1";
  f.metadata["next_step"] = std::to_string(next_step);
  for (std::size_t l = 0; l < learners.size(); ++l) {
    const Learner& learner = *learners[l];
    const std::string prefix = std::to_string(l) + ".";
    for (const auto& e : learner.layout->entries()) {
      const auto part = [&](const std::vector<float>& all) {
        return Array::of(
            std::span<const float>(all.data() + e.offset, static_cast<std::size_t>(e.size())),
            e.shape);
      };
      f.tensors[prefix + "value." + e.name] = part(learner.parameters->values);
      f.tensors[prefix + "first." + e.name] = part(learner.optimizer.first());
      f.tensors[prefix + "second." + e.name] = part(learner.optimizer.second());
    }
    f.metadata[prefix + "count"] = std::to_string(learner.optimizer.count());
  }
  safetensors::write(path, f);
}

/// @returns the number of the next update
/// @throws amq::Error for a damaged file, or one of other learners (all mismatches are listed)
[[nodiscard]] inline std::int64_t load_checkpoint(const std::string& path,
                                                  std::span<Learner* const> learners) {
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
  std::vector<safetensors::Expected> wanted;
  for (std::size_t l = 0; l < learners.size(); ++l)
    for (const auto& e : learners[l]->layout->entries())
      for (const char* what : {"value.", "first.", "second."})
        wanted.push_back({std::to_string(l) + "." + what + e.name, e.shape});
  safetensors::expect(f, wanted);
  for (std::size_t l = 0; l < learners.size(); ++l) {
    Learner& learner = *learners[l];
    const std::string prefix = std::to_string(l) + ".";
    const auto whole = [&](const char* what) {
      std::vector<float> all(static_cast<std::size_t>(learner.layout->size()));
      for (const auto& e : learner.layout->entries()) {
        const auto part = f.at(prefix + what + e.name).template as<float>();
        std::copy(part.begin(), part.end(), all.begin() + e.offset);
      }
      return all;
    };
    const std::int64_t count = number(prefix + "count");
    learner.parameters->values = whole("value.");
    learner.optimizer.restore(count, whole("first."), whole("second."));
  }
  return next;
}

}  // namespace amq
