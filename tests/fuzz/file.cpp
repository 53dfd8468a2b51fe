#include "targets.hpp"

#include <cstdlib>

#include <sys/mman.h>
#include <unistd.h>

namespace fuzz {

File::File(std::span<const std::byte> bytes, const char* name) {
  descriptor_ = ::memfd_create(name, 0);
  std::size_t done = 0;
  while (descriptor_ >= 0 && done < bytes.size()) {
    const auto n = ::write(descriptor_, bytes.data() + done, bytes.size() - done);
    if (n <= 0) std::abort();
    done += static_cast<std::size_t>(n);
  }
  path_ = "/proc/self/fd/" + std::to_string(descriptor_);
}
File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace fuzz
