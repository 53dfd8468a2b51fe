// Every input of the corpus is read or refused, by every sanitizer's leave, in less than a second.
//   replay CORPUS          CORPUS has a folder for each target
//   replay --list          names the targets
#include "targets.hpp"

#include <cstdio>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

namespace {

struct Target {
  const char* name;
  void (*read)(std::span<const std::byte>);
};
#define AMQ_FUZZ_ROW(name) {#name, fuzz::target_##name},
const Target targets[] = {AMQ_FUZZ_TARGETS(AMQ_FUZZ_ROW)};
#undef AMQ_FUZZ_ROW

}  // namespace

/// What the largest input justifies: deflate makes 1032 bytes of one.
extern "C" const char* __asan_default_options() {
  return "max_allocation_size_mb=128:detect_leaks=1";
}

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--list") {
    for (const Target& t : targets) std::puts(t.name);
    return 0;
  }
  if (argc != 2) {
    std::fputs("usage: replay CORPUS | --list\n", stderr);
    return 2;
  }
  std::size_t inputs = 0, refused = 0, faults = 0;
  for (const Target& t : targets) {
    const auto folder = std::filesystem::path(argv[1]) / t.name;
    if (!std::filesystem::is_directory(folder)) {
      std::printf("%s: no inputs in the corpus\n", t.name);
      ++faults;
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      std::ifstream in(entry.path(), std::ios::binary);
      const std::vector<char> bytes((std::istreambuf_iterator<char>(in)), {});
      const std::clock_t begin = std::clock();  // of this process: others may be busy
      ++inputs;
      try {
        refused += !fuzz::read(t.read, std::as_bytes(std::span(bytes)));
      } catch (const std::exception& e) {
        std::printf("%s: %s\n", entry.path().c_str(), e.what());
        ++faults;
      }
      const double took = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
      if (took > 1) {
        std::printf("%s: %.1f s\n", entry.path().c_str(), took);
        ++faults;
      }
    }
  }
  std::printf("%zu inputs, %zu of them refused, %zu faults\n", inputs, refused, faults);
  return faults == 0 && inputs > 0 ? 0 : 1;
}
