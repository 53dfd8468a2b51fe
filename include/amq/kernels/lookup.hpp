#pragma once
/// @file
/// Tables of 256 words, read at thirty-two or sixty-four places at once. One rung a file:
/// kernels/x86/lookup_avx512.hpp.

#include <amq/simd/batch.hpp>

#include <cstdint>
#include <cstring>

namespace amq::kernels {
inline namespace AMQ_LEVEL {

/// @pre places are 0 .. 255
template <typename Arch>
struct Lookup : Lookup<typename Arch::Fallback> {
  using Lookup<typename Arch::Fallback>::Lookup;
};

template <>
struct Lookup<simd::Scalar> {
  /// @param entries  256 of them, kept
  explicit Lookup(const std::uint16_t* entries) noexcept : entries_(entries) {}

  /// The low bytes of entries as dot products read them: lane l has those of place[0] .. place[3]
  /// side by side.
  template <typename Arch>
  AMQ_INLINE void bytes(const simd::Ints<Arch> (&place)[4], std::int8_t* out) const noexcept {
    for (int j = 0; j < 4; ++j) {
      std::int32_t p[simd::lanes];
      place[j].store(p);
      for (int l = 0; l < simd::lanes; ++l)
        out[4 * l + j] = static_cast<std::int8_t>(entries_[p[l]]);
    }
  }
  /// The low bytes of entries, lane by lane: out[2 l + j] belongs to lane l of place[j].
  template <typename Arch>
  AMQ_INLINE void bytes(const simd::Ints<Arch> (&place)[2], std::uint8_t* out) const noexcept {
    for (int j = 0; j < 2; ++j) {
      std::int32_t p[simd::lanes];
      place[j].store(p);
      for (int l = 0; l < simd::lanes; ++l)
        out[2 * l + j] = static_cast<std::uint8_t>(entries_[p[l]]);
    }
  }
  /// Entries as floats.
  template <typename Arch>
  AMQ_INLINE void floats(const simd::Ints<Arch> (&place)[2],
                         simd::Floats<Arch> (&out)[2]) const noexcept {
    for (int j = 0; j < 2; ++j) {
      std::int32_t p[simd::lanes];
      place[j].store(p);
      for (int l = 0; l < simd::lanes; ++l) p[l] = entries_[p[l]];
      out[j] = to_floats(simd::Ints<Arch>::load(p));
    }
  }

 private:
  const std::uint16_t* entries_;
};

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels

#if AMQ_HAS_AVX512
#include <amq/kernels/x86/lookup_avx512.hpp>
#endif
