// One program, one number: every network deployed, and trainings, asked again by other numbers of
// threads and ranks, by hosts that have set what hosts set, and after an interruption.
//   equal_bits        "deployed NUMBER" and "trained NUMBER"; status 1 where a way to run differs
//   equal_bits -v     and the number of each part
// AMQ_EQUAL_BITS_SMALL: MP-PDE alone, which compiles in seconds. Programs of one such choice
// compare.
#include "parts.hpp"

#include <amq/core/thread_pool.hpp>

#include <cfenv>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

using namespace equal_bits;

namespace {

struct Host {
  const char* name;
  void (*change)();
};
/// What start code of -ffast-math does, too.
[[maybe_unused]] void flush_denormals() {
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8040u);
#elif defined(__aarch64__)
  std::uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  control |= std::uint64_t{1} << 24;
  __asm__ volatile("msr fpcr, %0" : : "r"(control));
#endif
}
const Host hosts[] = {{"a host that rounds up", [] { std::fesetround(FE_UPWARD); }},
                      {"a host that rounds down", [] { std::fesetround(FE_DOWNWARD); }},
                      {"a host that rounds to zero", [] { std::fesetround(FE_TOWARDZERO); }},
                      {"a host that flushes denormals", flush_denormals}};

/// On a thread of its own, whose environment dies with it.
std::string number(const Part& part, std::size_t threads, int ranks, bool stopped,
                   void (*change)() = nullptr) {
  std::string text;
  std::thread([&] {
    if (change) change();
    amq::ThreadPool pool(threads);  // whose threads begin with the host's environment
    text = part.run({&pool, ranks, stopped}).text();
  }).join();
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  const bool all = argc > 1 && std::strcmp(argv[1], "-v") == 0;
  int status = 0, ways = 0;
  fingerprints::Hash deployed, trained;
#ifdef AMQ_EQUAL_BITS_SMALL
  const auto all_parts = {mesh_parts(), training_parts()};
#else
  const auto all_parts = {mesh_parts(), grid_parts(), training_parts()};
#endif
  for (const auto parts : all_parts)
    for (const Part& part : parts) {
      const std::string one = number(part, 1, 1, false);
      const auto same = [&](const std::string& found, const std::string& way) {
        ++ways;
        if (found == one) return;
        status = 1;
        std::printf("%s: %s, by %s %s\n", part.name, one.c_str(), way.c_str(), found.c_str());
      };
      for (const std::size_t threads : {2u, 3u, 7u})
        same(number(part, threads, 1, false), std::to_string(threads) + " threads");
      for (const int ranks : {2, 3, 5})
        if (part.ranks) same(number(part, 1, ranks, false), std::to_string(ranks) + " ranks");
      for (const Host& host : hosts) same(number(part, 2, 1, false, host.change), host.name);
      if (part.training) same(number(part, 2, 1, true), "a run that was stopped");
      if (part.training) same(number(part, 1, 2, true), "two ranks that were stopped");
      if (all) std::printf("%s %s\n", part.name, one.c_str());
      fingerprints::Hash& hash = part.training ? trained : deployed;
      for (const char c : one) hash(static_cast<std::uint64_t>(c));
    }
  std::printf("deployed %s\ntrained %s\n%d ways to run, %s\n", deployed.text().c_str(),
              trained.text().c_str(), ways,
              status == 0 ? "all with these numbers" : "NOT the same");
  return status;
}
