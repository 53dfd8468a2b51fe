#pragma once
/// @file
/// Version, and every macro of amq.

#define AMQ_VERSION_MAJOR 0
#define AMQ_VERSION_MINOR 2
#define AMQ_VERSION_PATCH 0
#define AMQ_VERSION "0.2.0"

// Infinities and NaN are looked for at the doors, and equal bits need sums in the order they are
// written in: a compiler that is told to forget both would do so silently.
#if (defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)) && \
    !defined(AMQ_ALLOW_FINITE_MATH)
#error \
    "amq: built with -ffast-math or -ffinite-math-only, under which amq cannot refuse infinities or promise equal bits. Build these files without it, or define AMQ_ALLOW_FINITE_MATH to go on at your own risk."
#endif

/// A mistake of the caller that a release does not pay to look for. With AMQ_CHECKED, or in a
/// build without NDEBUG, it stops the program through assert(); in a release it is gone.
#if defined(NDEBUG) && !defined(AMQ_CHECKED)
#define AMQ_ASSERT(condition, why) static_cast<void>(0)
#else
#include <cassert>
#define AMQ_ASSERT(condition, why) assert((condition) && (why))
#endif

/// For the two or three inner loops that must vanish into their caller.
#if defined(__GNUC__) || defined(__clang__)
#define AMQ_INLINE inline __attribute__((always_inline))
#define AMQ_NOINLINE __attribute__((noinline))
#define AMQ_INLINE_LAMBDA __attribute__((always_inline))
#else
#define AMQ_INLINE inline
#define AMQ_NOINLINE
#define AMQ_INLINE_LAMBDA
#endif

/// Of a pointer whose numbers no other pointer of the function reaches.
#define AMQ_RESTRICT __restrict

/// Before a short loop over accumulators: they stay in registers at -O2 too.
#if defined(__clang__)
#define AMQ_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define AMQ_UNROLL _Pragma("GCC unroll 16")
#else
#define AMQ_UNROLL
#endif
