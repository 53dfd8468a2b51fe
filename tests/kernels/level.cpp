// Before any test: a machine that lacks this level skips (exit 77) instead of dying on an
// instruction.
#include <amq/simd/arch.hpp>

#include <cstdio>
#include <cstdlib>

namespace {
const bool ready = [] {
  if (amq::simd::native_supported()) return true;
  std::printf("skipped: this machine cannot run %s\n", amq::simd::Native::name);
  std::fflush(stdout);
  std::_Exit(77);
}();
}  // namespace
