// The rest of the host, compiled for every machine: it chooses once, at start.
#include <amq/core/error.hpp>
#include <amq/simd/machine.hpp>

#include <cstdint>
#include <cstdio>

// [choose]
extern "C" {
std::uint64_t solve_baseline(int side, const char** level);
std::uint64_t solve_v3(int side, const char** level);
std::uint64_t solve_vnni(int side, const char** level);
}

auto choose() {
  using namespace amq::simd;
  return runs_here<Avx512Vnni>() ? solve_vnni : runs_here<Avx2>() ? solve_v3 : solve_baseline;
}
// [choose]

int main() {
  const auto solve = choose();
  const char *level = "", *floor = "";
  const std::uint64_t result = solve(17, &level), lowest = solve_baseline(17, &floor);
  std::printf("%s %llu\n", level, static_cast<unsigned long long>(result));
  if (result != lowest) return 1;
  // An error crosses the seal: it is caught by its type.
  try {
    solve(0, &level);
  } catch (const amq::Error&) {
    return 0;
  }
  return 2;
}
