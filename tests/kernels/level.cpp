// Before any test: a machine that lacks this level skips (exit 77) instead of dying on an
// instruction.
#include <amq/simd/amx.hpp>

#include <cstdio>
#include <cstdlib>

namespace test_level {

namespace {
const bool ready = [] {
  if (amq::simd::native_supported()) {
    // Without the kernel's leave the AMX rung is tested as what it then is: AVX-512 VNNI.
    if (AMQ_HAS_AMX && !amq::simd::request_amx()) std::printf("no AMX here\n");
    return true;
  }
  std::printf("skipped: this machine cannot run %s\n", amq::simd::Native::name);
  std::fflush(stdout);
  std::_Exit(77);
}();
}  // namespace

}  // namespace test_level
