#pragma once
// The rungs of this build, for doctest's TEST_CASE_TEMPLATE; and a fingerprint that must be the
// same in every build and on every machine.
#include <amq/core/random.hpp>
#include <amq/simd/arch.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#if AMQ_HAS_AVX512VNNI && AMQ_HAS_AVXVNNI
#define AMQ_RUNGS \
  amq::simd::Scalar, amq::simd::Avx2, amq::simd::AvxVnni, amq::simd::Avx512, amq::simd::Avx512Vnni
#elif AMQ_HAS_AVX512VNNI
#define AMQ_RUNGS amq::simd::Scalar, amq::simd::Avx2, amq::simd::Avx512, amq::simd::Avx512Vnni
#elif AMQ_HAS_AVX512
#define AMQ_RUNGS amq::simd::Scalar, amq::simd::Avx2, amq::simd::Avx512
#elif AMQ_HAS_AVXVNNI
#define AMQ_RUNGS amq::simd::Scalar, amq::simd::Avx2, amq::simd::AvxVnni
#elif AMQ_HAS_AVX2
#define AMQ_RUNGS amq::simd::Scalar, amq::simd::Avx2
#elif AMQ_HAS_NEONDOT
#define AMQ_RUNGS amq::simd::Scalar, amq::simd::Neon, amq::simd::NeonDot
#elif AMQ_HAS_NEON
#define AMQ_RUNGS amq::simd::Scalar, amq::simd::Neon
#else
#define AMQ_RUNGS amq::simd::Scalar
#endif

namespace rungs {

/// FNV-1a over bytes.
class Fingerprint {
 public:
  template <typename T>
  void add(const T* p, std::size_t n) {
    const auto* b = reinterpret_cast<const unsigned char*>(p);
    for (std::size_t i = 0; i < n * sizeof(T); ++i) value_ = (value_ ^ b[i]) * 0x100000001b3u;
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325u;
};

/// Uniform in low .. high, the same in every build: Random::uniform(low, high) may be contracted.
inline float between(amq::Random& random, double low, double high) {
  return static_cast<float>(std::fma(high - low, random.uniform(), low));
}

/// Rows of different spread and offset.
inline std::vector<float> some_rows(std::size_t rows, std::size_t cols, std::uint64_t seed) {
  amq::Random random(seed);
  std::vector<float> x(rows * cols);
  for (std::size_t i = 0; i < rows; ++i) {
    const float spread = between(random, 0.1, 3), offset = between(random, -1, 1);
    for (std::size_t k = 0; k < cols; ++k)
      x[i * cols + k] = std::fma(spread, between(random, -1, 1), offset);
  }
  return x;
}

template <typename T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

}  // namespace rungs
