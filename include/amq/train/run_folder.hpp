#pragma once
/// @file
/// Where a training keeps itself, and what it tells afterwards.

#include <amq/io/file_lock.hpp>
#include <amq/quant/scheme.hpp>
#include <amq/train/layer_errors.hpp>
#include <amq/train/learning_curve.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace amq::training {

/// How a solver came to be.
struct TrainingReport {
  LearningCurve curve;             ///< empty: it was not trained further
  std::vector<LayerError> layers;  ///< of quantize()
};

namespace detail {

/// The folder of a run: made, locked for as long as this lives, without what killed writers left.
class RunFolder {
 public:
  /// @throws amq::Error where it cannot be made, or somebody else works there
  explicit RunFolder(const std::string& folder) {
    if (folder.empty()) return;
    namespace fs = std::filesystem;
    std::error_code failed;
    fs::create_directories(folder, failed);
    if (failed || !fs::is_directory(folder))
      throw Error(folder, "a folder, or a place to make one", failed.message(),
                  "Check the path and its rights.");
    lock_.emplace(folder + "/lock");
    for (const auto& f : fs::directory_iterator(folder, failed)) {
      const std::string ending = f.path().extension().string();
      if (ending.starts_with(".part") && f.is_regular_file(failed)) fs::remove(f.path(), failed);
    }
  }

 private:
  std::optional<FileLock> lock_;
};

inline std::vector<double> levels_of(const SchemeInfo& scheme) {
  return {scheme.levels.begin(), scheme.levels.end()};
}
template <typename Scheme>
std::vector<double> levels_of() {
  return levels_of(SchemeInfo::of<Scheme>());
}

}  // namespace detail

}  // namespace amq::training
