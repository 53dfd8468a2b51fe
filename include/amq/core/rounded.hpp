#pragma once
/// @file
/// Products that are rounded before anything is added to them, whatever the compiler would rather.
///
/// Compilers contract a * b + c into one fma as soon as the instruction set has it, and then round
/// once where another build rounds twice. Where such a sum only measures, nobody sees it. Where it
/// decides (which point is nearer, which row comes first), ties fall otherwise on another machine,
/// and a saved solver finds another graph. Sums that decide go through rounded().

#include <amq/core/rooms.hpp>

#include <bit>
#include <cstdint>

namespace amq::core {

/// x, as its type holds it: the compiler may not look through.
[[nodiscard]] inline double rounded(double x) noexcept {
#if defined(__GNUC__)
  auto bits = std::bit_cast<std::uint64_t>(x);
  asm("" : "+r"(bits));
  return std::bit_cast<double>(bits);
#else
  volatile double stored = x;
  return stored;
#endif
}
/// x * x, rounded.
[[nodiscard]] inline double rounded_square(double x) noexcept {
  return rounded(x * x);
}

}  // namespace amq::core
