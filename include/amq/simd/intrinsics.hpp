#pragma once
/// @file
/// The compiler's intrinsics, and peace from one false warning: g++ 12 says of its own AVX-512
/// header that `__Y` is used uninitialised wherever an intrinsic is inlined. Code that uses them
/// stands between AMQ_QUIET_BEGIN and AMQ_QUIET_END.

#include <amq/simd/arch.hpp>

#if AMQ_HAS_AVX2
#include <immintrin.h>
#elif AMQ_HAS_NEON
#include <arm_neon.h>
#endif

#if AMQ_HAS_AVX512 && defined(__GNUC__) && !defined(__clang__)
#define AMQ_QUIET_BEGIN                                                                \
  _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wuninitialized\"") \
      _Pragma("GCC diagnostic ignored \"-Wmaybe-uninitialized\"")
#define AMQ_QUIET_END _Pragma("GCC diagnostic pop")
#else
#define AMQ_QUIET_BEGIN
#define AMQ_QUIET_END
#endif
