#pragma once
/// @file
/// The ladder of instruction sets: which rungs this build has, which one is the best, and whether
/// the machine at hand can stand on it. The only header that reads compiler macros of instruction
/// sets.
///
///   Scalar < Avx2 < AvxVnni
///            Avx2 < Avx512 < Avx512Vnni < Amx        Scalar < Neon < NeonDot
///
/// Every rung gives the same bits (design decision 8); Scalar is floor and oracle.

#include <amq/core/rooms.hpp>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#if defined(__AVX2__) && defined(__FMA__)
#define AMQ_HAS_AVX2 1
#else
#define AMQ_HAS_AVX2 0
#endif
#if AMQ_HAS_AVX2 && defined(__AVXVNNI__)
#define AMQ_HAS_AVXVNNI 1
#else
#define AMQ_HAS_AVXVNNI 0
#endif
#if AMQ_HAS_AVX2 && defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && \
    defined(__AVX512VL__) && defined(__AVX512CD__)
#define AMQ_HAS_AVX512 1
#else
#define AMQ_HAS_AVX512 0
#endif
#if AMQ_HAS_AVX512 && defined(__AVX512VNNI__)
#define AMQ_HAS_AVX512VNNI 1
#else
#define AMQ_HAS_AVX512VNNI 0
#endif
#if AMQ_HAS_AVX512VNNI && defined(__AMX_TILE__) && defined(__AMX_INT8__) && defined(__linux__)
#define AMQ_HAS_AMX 1
#else
#define AMQ_HAS_AMX 0
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
#define AMQ_HAS_NEON 1
#else
#define AMQ_HAS_NEON 0
#endif
#if AMQ_HAS_NEON && defined(__ARM_FEATURE_DOTPROD)
#define AMQ_HAS_NEONDOT 1
#else
#define AMQ_HAS_NEONDOT 0
#endif

// Names the inline namespace of every kernel, so that files built with different flags can meet in
// one program and the linker mixes nothing.
#if AMQ_HAS_AMX
#define AMQ_LEVEL amx
#elif AMQ_HAS_AVX512VNNI
#define AMQ_LEVEL avx512vnni
#elif AMQ_HAS_AVX512
#define AMQ_LEVEL avx512
#elif AMQ_HAS_AVXVNNI
#define AMQ_LEVEL avxvnni
#elif AMQ_HAS_AVX2
#define AMQ_LEVEL avx2
#elif AMQ_HAS_NEONDOT
#define AMQ_LEVEL neondot
#elif AMQ_HAS_NEON
#define AMQ_LEVEL neon
#else
#define AMQ_LEVEL baseline
#endif

namespace amq::simd {

struct Scalar {
  static constexpr const char* name = "portable";
};
struct Avx2 {
  using Fallback = Scalar;
  static constexpr const char* name = "avx2";
};
struct AvxVnni {
  using Fallback = Avx2;
  static constexpr const char* name = "avxvnni";
};
struct Avx512 {
  using Fallback = Avx2;
  static constexpr const char* name = "avx512";
};
struct Avx512Vnni {
  using Fallback = Avx512;
  static constexpr const char* name = "avx512vnni";
};
/// Runs as Avx512Vnni until the host has called request_amx() (simd/amx.hpp).
struct Amx {
  using Fallback = Avx512Vnni;
  static constexpr const char* name = "amx";
};
struct Neon {
  using Fallback = Scalar;
  static constexpr const char* name = "neon";
};
struct NeonDot {
  using Fallback = Neon;
  static constexpr const char* name = "neondot";
};

#if AMQ_HAS_AMX
using Native = Amx;
#elif AMQ_HAS_AVX512VNNI
using Native = Avx512Vnni;
#elif AMQ_HAS_AVX512
using Native = Avx512;
#elif AMQ_HAS_AVXVNNI
using Native = AvxVnni;
#elif AMQ_HAS_AVX2
using Native = Avx2;
#elif AMQ_HAS_NEONDOT
using Native = NeonDot;
#elif AMQ_HAS_NEON
using Native = Neon;
#else
using Native = Scalar;
#endif

#if defined(__x86_64__)
namespace machine {
struct Cpuid {
  unsigned a = 0, b = 0, c = 0, d = 0;
  Cpuid(unsigned leaf, unsigned sub) noexcept {
    if (__get_cpuid_count(leaf, sub, &a, &b, &c, &d) == 0) a = b = c = d = 0;
  }
};
/// Which register files the operating system saves: bits 1, 2 SSE and AVX, 5-7 AVX-512.
inline unsigned saved_state() noexcept {
  if (!(Cpuid(1, 0).c & bit_OSXSAVE)) return 0;
  unsigned lo, hi;
  __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
  return lo;
}
}  // namespace machine
#endif

/// Can this machine run what this file was compiled for? A host that ships one binary asks before
/// it calls in; our tests skip where the answer is no.
[[nodiscard]] inline bool native_supported() noexcept {
#if defined(__x86_64__)
  [[maybe_unused]] const machine::Cpuid one(1, 0), seven(7, 0), seven_one(7, 1);
  [[maybe_unused]] const unsigned saved = machine::saved_state();
  bool ok = true;
  if constexpr (AMQ_HAS_AVX2)
    ok = ok && (saved & 6u) == 6u && (one.c & bit_FMA) && (seven.b & bit_AVX2);
  if constexpr (AMQ_HAS_AVXVNNI) ok = ok && (seven_one.a & (1u << 4));
  if constexpr (AMQ_HAS_AVX512)
    ok = ok && (saved & 0xe6u) == 0xe6u && (seven.b & bit_AVX512F) && (seven.b & bit_AVX512BW) &&
         (seven.b & bit_AVX512DQ) && (seven.b & bit_AVX512VL);
  if constexpr (AMQ_HAS_AVX512VNNI) ok = ok && (seven.c & (1u << 11));
  return ok;
#else
  return true;  // aarch64 always has NEON; the dot product is the builder's promise
#endif
}

}  // namespace amq::simd
