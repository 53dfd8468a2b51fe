// libFuzzer's door. AMQ_FUZZ_TARGET names the reader; scripts/fuzz.sh builds one program for each.
#include "targets.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Target* const target = [] {
    for (const fuzz::Target* t = fuzz::targets; t->name; ++t)
      if (std::strcmp(t->name, AMQ_FUZZ_TARGET) == 0) return t;
    std::fprintf(stderr, "no target '%s'\n", AMQ_FUZZ_TARGET);
    std::abort();
  }();
  fuzz::read(*target, {reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
