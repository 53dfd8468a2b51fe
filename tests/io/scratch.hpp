#pragma once
/// A folder of its own for a test, gone afterwards; and mutations of files for fuzzing.

#include <amq/core/random.hpp>
#include <amq/io/file.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include <unistd.h>

/// The expression throws amq::Error whose message contains the text.
#define AMQ_REFUSES(expression, text) \
  CHECK_THROWS_WITH_AS(static_cast<void>(expression), doctest::Contains(text), amq::Error)

namespace amq::test {

using namespace io;

class Scratch {
 public:
  explicit Scratch(const std::string& name)
      : folder_(std::filesystem::temp_directory_path() /
                ("amq_" + name + "_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  [[nodiscard]] std::string path(const std::string& file) const {
    return (folder_ / file).string();
  }
  [[nodiscard]] std::size_t n_files() const {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& f : std::filesystem::directory_iterator(folder_)) ++n;
    return n;
  }

 private:
  std::filesystem::path folder_;
};

/// 1 to 4 small damages within the first `reach` bytes: bit flips, lost, doubled, swapped, cut.
inline Bytes mutate(Bytes b, Random& r, std::size_t reach = SIZE_MAX) {
  for (auto k = 1 + r.index(4); k > 0 && !b.empty(); --k) {
    const auto at = static_cast<std::ptrdiff_t>(r.index(std::min(b.size(), reach)));
    auto& x = b[static_cast<std::size_t>(at)];
    switch (r.index(7)) {
      case 0:
        x ^= std::byte(1u << r.index(8));
        break;
      case 1:
        x = std::byte(r.index(256));
        break;
      case 2:
        b.erase(b.begin() + at);
        break;
      case 3:
        b.insert(b.begin() + at, x);
        break;
      case 4:
        std::swap(x, b[r.index(b.size())]);
        break;
      case 5:
        x = std::byte("0123456789{}[]\",:-\\e"[r.index(20)]);
        break;
      default:
        if (r.index(4) == 0) b.resize(static_cast<std::size_t>(at));
    }
  }
  return b;
}

}  // namespace amq::test
