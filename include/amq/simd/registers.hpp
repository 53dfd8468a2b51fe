#pragma once
/// @file
/// The registers of every rung, one name for each operation.
///
/// The only header that includes xsimd. What its version 8.1 gets wrong or lacks is done here by
/// intrinsics: fma (not fused on AVX-512), min and max (NaN), conversions, reductions, parts.

#include <amq/config.hpp>
#include <amq/simd/arch.hpp>
#include <amq/simd/intrinsics.hpp>

// C's <complex.h> defines I, a name that xsimd 8.1 uses for template parameters.
#pragma push_macro("I")
#undef I
#include <xsimd/xsimd.hpp>
#pragma pop_macro("I")

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

AMQ_QUIET_BEGIN
namespace amq::simd {
inline namespace AMQ_LEVEL {

inline constexpr int lanes = 16;

/// The registers of a rung: types F, Int and `width` lanes in each.
template <typename Arch>
struct Registers : Registers<typename Arch::Fallback> {};

template <>
struct Registers<Scalar> {
  static constexpr int width = 16;
  struct F {
    float v[16];
  };
  struct Int {
    std::int32_t v[16];
  };
  template <typename To, typename Op>
  static AMQ_INLINE To make(Op op) noexcept {
    To r;
    for (int l = 0; l < 16; ++l) r.v[l] = op(l);
    return r;
  }
  static F load(const float* p) noexcept {
    return make<F>([=](int l) { return p[l]; });
  }
  static void store(float* p, F a) noexcept { std::memcpy(p, a.v, sizeof a); }
  static Int load(const std::int32_t* p) noexcept {
    return make<Int>([=](int l) { return p[l]; });
  }
  static void store(std::int32_t* p, Int a) noexcept { std::memcpy(p, a.v, sizeof a); }
  static void stream(float* p, F a) noexcept { store(p, a); }
  static void stream(std::int32_t* p, Int a) noexcept { store(p, a); }
  static F splat(float x) noexcept {
    return make<F>([=](int) { return x; });
  }
  static Int splat(std::int32_t x) noexcept {
    return make<Int>([=](int) { return x; });
  }
  static F add(F a, F b) noexcept {
    return make<F>([&](int l) { return a.v[l] + b.v[l]; });
  }
  static F sub(F a, F b) noexcept {
    return make<F>([&](int l) { return a.v[l] - b.v[l]; });
  }
  static F mul(F a, F b) noexcept {
    return make<F>([&](int l) { return a.v[l] * b.v[l]; });
  }
  static F div(F a, F b) noexcept {
    return make<F>([&](int l) { return a.v[l] / b.v[l]; });
  }
  static F sqrt(F a) noexcept {
    return make<F>([&](int l) { return std::sqrt(a.v[l]); });
  }
  static F abs(F a) noexcept {
    return make<F>([&](int l) { return std::fabs(a.v[l]); });
  }
  static F fma(F a, F b, F c) noexcept {
    return make<F>([&](int l) { return std::fma(a.v[l], b.v[l], c.v[l]); });
  }
  static F fnma(F a, F b, F c) noexcept {
    return make<F>([&](int l) { return std::fma(-a.v[l], b.v[l], c.v[l]); });
  }
  static F max(F a, F b) noexcept {
    return make<F>([&](int l) { return a.v[l] > b.v[l] ? a.v[l] : b.v[l]; });
  }
  static F min(F a, F b) noexcept {
    return make<F>([&](int l) { return a.v[l] < b.v[l] ? a.v[l] : b.v[l]; });
  }
  static F select_greater(F a, F b, F x, F y) noexcept {
    return make<F>([&](int l) { return a.v[l] > b.v[l] ? x.v[l] : y.v[l]; });
  }
  static Int to_ints(F a) noexcept {
    return make<Int>([&](int l) { return static_cast<std::int32_t>(std::nearbyint(a.v[l])); });
  }
  static F to_floats(Int a) noexcept {
    return make<F>([&](int l) { return static_cast<float>(a.v[l]); });
  }
  static Int bits(F a) noexcept { return std::bit_cast<Int>(a); }
  static F from_bits(Int a) noexcept { return std::bit_cast<F>(a); }
  static Int add(Int a, Int b) noexcept {
    return make<Int>([&](int l) {
      return static_cast<std::int32_t>(static_cast<std::uint32_t>(a.v[l]) +
                                       static_cast<std::uint32_t>(b.v[l]));
    });
  }
  static Int sub(Int a, Int b) noexcept {
    return make<Int>([&](int l) {
      return static_cast<std::int32_t>(static_cast<std::uint32_t>(a.v[l]) -
                                       static_cast<std::uint32_t>(b.v[l]));
    });
  }
  static Int both(Int a, Int b) noexcept {
    return make<Int>([&](int l) { return a.v[l] & b.v[l]; });
  }
  template <int N>
  static Int shift_left(Int a) noexcept {
    return make<Int>(
        [&](int l) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(a.v[l]) << N); });
  }
};

#if AMQ_HAS_AVX2 || AMQ_HAS_NEON
/// What xsimd writes well, for one of its architectures.
template <typename A>
struct XsimdRegisters {
  using F = xsimd::batch<float, A>;
  using Int = xsimd::batch<std::int32_t, A>;
  static constexpr int width = static_cast<int>(F::size);
  static AMQ_INLINE F load(const float* p) noexcept { return F::load_unaligned(p); }
  static AMQ_INLINE void store(float* p, F a) noexcept { a.store_unaligned(p); }
  static AMQ_INLINE Int load(const std::int32_t* p) noexcept { return Int::load_unaligned(p); }
  static AMQ_INLINE void store(std::int32_t* p, Int a) noexcept { a.store_unaligned(p); }
  static AMQ_INLINE void stream(float* p, F a) noexcept { store(p, a); }
  static AMQ_INLINE void stream(std::int32_t* p, Int a) noexcept { store(p, a); }
  static AMQ_INLINE F splat(float x) noexcept { return F(x); }
  static AMQ_INLINE Int splat(std::int32_t x) noexcept { return Int(x); }
  static AMQ_INLINE F add(F a, F b) noexcept { return a + b; }
  static AMQ_INLINE F sub(F a, F b) noexcept { return a - b; }
  static AMQ_INLINE F mul(F a, F b) noexcept { return a * b; }
  static AMQ_INLINE F div(F a, F b) noexcept { return a / b; }
  static AMQ_INLINE F sqrt(F a) noexcept { return xsimd::sqrt(a); }
  static AMQ_INLINE F abs(F a) noexcept { return xsimd::abs(a); }
  static AMQ_INLINE Int add(Int a, Int b) noexcept { return a + b; }
  static AMQ_INLINE Int sub(Int a, Int b) noexcept { return a - b; }
  static AMQ_INLINE Int both(Int a, Int b) noexcept { return a & b; }
  template <int N>
  static AMQ_INLINE Int shift_left(Int a) noexcept {
    return a << N;
  }
};
#endif

#if AMQ_HAS_AVX2
template <>
struct Registers<Avx2> : XsimdRegisters<xsimd::avx2> {
  static AMQ_INLINE void stream(float* p, F a) noexcept { _mm256_stream_ps(p, a); }
  static AMQ_INLINE void stream(std::int32_t* p, Int a) noexcept {
    _mm256_stream_si256(reinterpret_cast<__m256i*>(p), a);
  }
  static AMQ_INLINE F fma(F a, F b, F c) noexcept { return _mm256_fmadd_ps(a, b, c); }
  static AMQ_INLINE F fnma(F a, F b, F c) noexcept { return _mm256_fnmadd_ps(a, b, c); }
  static AMQ_INLINE F max(F a, F b) noexcept { return _mm256_max_ps(a, b); }
  static AMQ_INLINE F min(F a, F b) noexcept { return _mm256_min_ps(a, b); }
  static AMQ_INLINE F select_greater(F a, F b, F x, F y) noexcept {
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_GT_OQ));
  }
  static AMQ_INLINE Int to_ints(F a) noexcept { return _mm256_cvtps_epi32(a); }
  static AMQ_INLINE F to_floats(Int a) noexcept { return _mm256_cvtepi32_ps(a); }
  static AMQ_INLINE Int bits(F a) noexcept { return _mm256_castps_si256(a); }
  static AMQ_INLINE F from_bits(Int a) noexcept { return _mm256_castsi256_ps(a); }
};
#endif
#if AMQ_HAS_AVX512
template <>
struct Registers<Avx512> : XsimdRegisters<xsimd::avx512bw> {
  static AMQ_INLINE void stream(float* p, F a) noexcept { _mm512_stream_ps(p, a); }
  static AMQ_INLINE void stream(std::int32_t* p, Int a) noexcept {
    _mm512_stream_si512(reinterpret_cast<__m512i*>(p), a);
  }
  static AMQ_INLINE F fma(F a, F b, F c) noexcept { return _mm512_fmadd_ps(a, b, c); }
  static AMQ_INLINE F fnma(F a, F b, F c) noexcept { return _mm512_fnmadd_ps(a, b, c); }
  static AMQ_INLINE F max(F a, F b) noexcept { return _mm512_max_ps(a, b); }
  static AMQ_INLINE F min(F a, F b) noexcept { return _mm512_min_ps(a, b); }
  static AMQ_INLINE F select_greater(F a, F b, F x, F y) noexcept {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), y, x);
  }
  static AMQ_INLINE Int to_ints(F a) noexcept { return _mm512_cvtps_epi32(a); }
  static AMQ_INLINE F to_floats(Int a) noexcept { return _mm512_cvtepi32_ps(a); }
  static AMQ_INLINE Int bits(F a) noexcept { return _mm512_castps_si512(a); }
  static AMQ_INLINE F from_bits(Int a) noexcept { return _mm512_castsi512_ps(a); }
};
#endif
#if AMQ_HAS_NEON
template <>
struct Registers<Neon> : XsimdRegisters<xsimd::neon64> {
  static AMQ_INLINE F fma(F a, F b, F c) noexcept { return vfmaq_f32(c, a, b); }
  static AMQ_INLINE F fnma(F a, F b, F c) noexcept { return vfmsq_f32(c, a, b); }
  // xsimd 8.1 divides and takes roots by estimates here.
  static AMQ_INLINE F div(F a, F b) noexcept { return vdivq_f32(a, b); }
  static AMQ_INLINE F sqrt(F a) noexcept { return vsqrtq_f32(a); }
  // vmaxq returns NaN where x86 returns the second operand.
  static AMQ_INLINE F max(F a, F b) noexcept { return vbslq_f32(vcgtq_f32(a, b), a, b); }
  static AMQ_INLINE F min(F a, F b) noexcept { return vbslq_f32(vcltq_f32(a, b), a, b); }
  static AMQ_INLINE F select_greater(F a, F b, F x, F y) noexcept {
    return vbslq_f32(vcgtq_f32(a, b), x, y);
  }
  static AMQ_INLINE Int to_ints(F a) noexcept { return vcvtnq_s32_f32(a); }
  static AMQ_INLINE F to_floats(Int a) noexcept { return vcvtq_f32_s32(a); }
  static AMQ_INLINE Int bits(F a) noexcept { return vreinterpretq_s32_f32(a); }
  static AMQ_INLINE F from_bits(Int a) noexcept { return vreinterpretq_f32_s32(a); }
};
#endif

/// What this thread has streamed is seen by whoever sees what it writes next.
inline void end_stream() noexcept {
#if AMQ_HAS_AVX2 || AMQ_HAS_AVX512
  _mm_sfence();
#endif
}

}  // namespace AMQ_LEVEL
}  // namespace amq::simd
AMQ_QUIET_END
