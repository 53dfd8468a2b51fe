// libFuzzer's door. AMQ_FUZZ_TARGET names the reader; scripts/fuzz.sh builds one program for each.
#include "targets.hpp"

#include <cstdint>

#define AMQ_FUZZ_JOIN(name) target_##name
#define AMQ_FUZZ_FUNCTION(name) AMQ_FUZZ_JOIN(name)

/// A short memory of what was freed, and of who asked for it: inputs are small, and come by the
/// million.
extern "C" const char* __asan_default_options() {
  return "quarantine_size_mb=16:malloc_context_size=6";
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::read(fuzz::AMQ_FUZZ_FUNCTION(AMQ_FUZZ_TARGET),
             {reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
