#pragma once
/// @file
/// What this machine can run, asked by a file that was compiled for every machine: it calls into
/// files of higher levels only where the answer is yes (scripts/seal_level.sh, docs/kernels.md).

#include <amq/simd/arch.hpp>

namespace amq::simd {

/// Whether files of a level run here: a rung, and what compilers take for granted beside it
/// (x86-64-v3 for Avx2, x86-64-v4 for Avx512). Rungs of another processor do not.
template <typename Rung>
inline bool runs_here() noexcept = delete;
template <>
inline bool runs_here<Scalar>() noexcept {
  return true;
}

#if defined(bit_AVX2)  // where arch.hpp asks cpuid
template <>
inline bool runs_here<Avx2>() noexcept {
  const machine::Cpuid one(1, 0), seven(7, 0), extended(0x80000001, 0);
  constexpr unsigned in_one = bit_FMA | bit_MOVBE | bit_F16C,
                     in_seven = bit_AVX2 | bit_BMI | bit_BMI2;
  return (machine::saved_state() & 6u) == 6u && (one.c & in_one) == in_one &&
         (seven.b & in_seven) == in_seven && (extended.c & bit_LZCNT);
}
template <>
inline bool runs_here<AvxVnni>() noexcept {
  return runs_here<Avx2>() && (machine::Cpuid(7, 1).a & (1u << 4));
}
template <>
inline bool runs_here<Avx512>() noexcept {
  constexpr unsigned all = bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL;
  return runs_here<Avx2>() && (machine::saved_state() & 0xe6u) == 0xe6u &&
         (machine::Cpuid(7, 0).b & all) == all;
}
template <>
inline bool runs_here<Avx512Vnni>() noexcept {
  return runs_here<Avx512>() && (machine::Cpuid(7, 0).c & (1u << 11));
}
#endif

}  // namespace amq::simd
