#pragma once
/// @file
/// What bytes of strangers meet first: one function a reader. Each may throw amq::Error and nothing
/// else, whatever the bytes.

#include <amq/core/error.hpp>

#include <cstddef>
#include <span>
#include <string>

namespace fuzz {

struct Target {
  const char* name;  ///< also of its corpus' folder
  void (*read)(std::span<const std::byte> bytes);
};

// In targets_state.cpp and targets_model.cpp, by what they include.
void checkpoint(std::span<const std::byte> bytes);
void qtensor(std::span<const std::byte> bytes);
void model(std::span<const std::byte> bytes);

/// All targets, ended by a name of nullptr.
extern const Target targets[];

/// Bytes as a file with a path, for readers that want one. It lives in memory.
class File {
 public:
  explicit File(std::span<const std::byte> bytes, const char* name = "input");
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  int descriptor_ = -1;
  std::string path_;
};

/// Reads an input as the target does. Anything but amq::Error leaves this function: a fault.
/// @returns false where amq::Error was thrown
inline bool read(const Target& target, std::span<const std::byte> bytes) {
  try {
    target.read(bytes);
    return true;
  } catch (const amq::Error&) {
    return false;
  }
}

}  // namespace fuzz
