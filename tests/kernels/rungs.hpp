#pragma once
// The rungs of a test, for doctest's TEST_CASE_TEMPLATE; and a fingerprint that must be the
// same in every build and on every machine.
#include <amq/core/random.hpp>
#include <amq/simd/arch.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

// The portable rung and the best one of this build: meson.build makes one build per rung, so that
// each is tested once.
#define AMQ_RUNGS amq::simd::Scalar, amq::simd::Native

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
inline float between(amq::core::Random& random, double low, double high) {
  return static_cast<float>(std::fma(high - low, random.uniform(), low));
}

/// Rows of different spread and offset.
inline std::vector<float> some_rows(std::size_t rows, std::size_t cols, std::uint64_t seed) {
  amq::core::Random random(seed);
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
