#pragma once
/// @file
/// What bytes of strangers meet first: one function a reader, and the C interface, whose calls the
/// bytes are. Each may throw amq::Error and nothing else, whatever the bytes.

#include <amq/core/error.hpp>

#include <cstddef>
#include <span>
#include <string>

namespace fuzz {

/// All targets; a target's corpus lies in a folder of its name.
// clang-format off
#define AMQ_FUZZ_TARGETS(X)                                                          \
  X(json) X(npy) X(npz) X(mat) X(gmsh) X(vtk) X(vtu) X(tfrecord) X(tfrecord_example) \
  X(mesh_graph_nets_meta) X(mesh_shard) X(grid_set) X(safetensors) X(state_dict)     \
  X(checkpoint) X(qtensor) X(model) X(c_interface)
// clang-format on

// In targets.cpp, and by what they include in targets_state, _model and _c.cpp: a fuzzer
// links the one it needs, since it looks at every edge of its program after every input.
#define AMQ_FUZZ_DECLARE(name) void target_##name(std::span<const std::byte> bytes);
AMQ_FUZZ_TARGETS(AMQ_FUZZ_DECLARE)
#undef AMQ_FUZZ_DECLARE

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

/// Reads an input as a target does. Anything but amq::Error leaves this function: a fault.
/// @returns false where amq::Error was thrown
inline bool read(void (*target)(std::span<const std::byte>), std::span<const std::byte> bytes) {
  try {
    target(bytes);
    return true;
  } catch (const amq::Error&) {
    return false;
  }
}

}  // namespace fuzz
