#pragma once
/// @file
/// kernels/dot.hpp on NEON, without and with the dot product. Both multiply signed by signed.
/// Included by that header alone.

namespace amq::kernels {
inline namespace AMQ_LEVEL {

template <>
struct Dot<simd::Neon> {
  static constexpr int bias = 0;
  static constexpr int rows = 4, blocks = 1;
  using Acc = simd::Ints<simd::Neon>;
  using Digits = int8x16_t;
  struct Weights {
    int8x16_t v[4];
  };
  static AMQ_INLINE Digits digits(const std::uint8_t* p) noexcept {
    std::int32_t d;
    std::memcpy(&d, p, 4);
    return vreinterpretq_s8_s32(vdupq_n_s32(d));
  }
  static AMQ_INLINE Weights weights(const std::int8_t* p) noexcept {
    return {{vld1q_s8(p), vld1q_s8(p + 16), vld1q_s8(p + 32), vld1q_s8(p + 48)}};
  }
  static AMQ_INLINE void add(Acc& acc, Digits a, const Weights& w) noexcept {
    for (int h = 0; h < 4; ++h) {
      // 16-bit products, neighbours added to 32 bits, then neighbours of those.
      const int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(w.v[h])));
      const int32x4_t high = vpaddlq_s16(vmull_s8(vget_high_s8(a), vget_high_s8(w.v[h])));
      acc.r[h] = vaddq_s32(acc.r[h], vpaddq_s32(low, high));
    }
  }
};

#if AMQ_HAS_NEONDOT
template <>
struct Dot<simd::NeonDot> : Dot<simd::Neon> {
  static constexpr int rows = 6;
  using Acc = simd::Ints<simd::NeonDot>;
  static AMQ_INLINE void add(Acc& acc, Digits a, const Weights& w) noexcept {
    for (int h = 0; h < 4; ++h) acc.r[h] = vdotq_s32(acc.r[h], a, w.v[h]);
  }
};
#endif

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
