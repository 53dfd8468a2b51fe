#pragma once
// Hashes of deployed results as version 0.1 computed them (commit af13438). Whatever is rebuilt
// around the kernels, the same bits come out: a changed number here is a changed solver.

#include <amq/core/eigen.hpp>
#include <amq/core/random.hpp>
#include <amq/mesh/mesh.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>

namespace fingerprints {

using namespace amq;
using namespace amq::core;

/// FNV-1a over the bits of numbers.
class Hash {
 public:
  Hash& operator()(std::uint64_t word) noexcept {
    for (int k = 0; k < 8; ++k) state_ = (state_ ^ ((word >> (8 * k)) & 255)) * 0x100000001b3u;
    return *this;
  }
  Hash& operator()(std::span<const float> values) noexcept {
    (*this)(static_cast<std::uint64_t>(values.size()));
    for (const float v : values)
      (*this)(static_cast<std::uint64_t>(std::bit_cast<std::uint32_t>(v)));
    return *this;
  }
  Hash& operator()(MatrixView<const float> m) noexcept {
    for (Index i = 0; i < m.rows; ++i)
      (*this)(std::span<const float>(m.row(i), static_cast<std::size_t>(m.cols)));
    return *this;
  }
  [[nodiscard]] std::string text() const {
    char hex[17];
    std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(state_));
    return hex;
  }

 private:
  std::uint64_t state_ = 0xcbf29ce484222325u;
};

/// Compares with what stands in the test; prints what would have to stand there.
struct Expected {
  const char *name, *hash;
};
template <std::size_t N>
void check(const Expected (&table)[N], const std::string& name, const Hash& found) {
  for (const Expected& e : table)
    if (name == e.name) {
      CHECK_MESSAGE(found.text() == e.hash, "{\"", name, "\", \"", found.text(), "\"},");
      return;
    }
  FAIL_CHECK("no fingerprint of {\"" << name << "\", \"" << found.text() << "\"},");
}

/// A square of n x n moved nodes. All products are by powers of two: no compiler's contraction of
/// a * b + c can move a node.
inline Mesh square(int n, std::uint64_t seed) {
  Random random(seed);
  Mesh m;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      const bool edge = i == 0 || j == 0 || i == n - 1 || j == n - 1;
      const auto moved = [&](int k) {
        const double by = 0.25 * (random.uniform() - 0.5);
        return (static_cast<double>(k) + (edge ? 0.0 : by)) / static_cast<double>(n - 1);
      };
      m.points.push_back(moved(i));
      m.points.push_back(moved(j));
      m.node_type.push_back(edge ? NodeType::wall : NodeType::normal);
    }
  for (std::int32_t i = 0; i + 1 < n; ++i)
    for (std::int32_t j = 0; j + 1 < n; ++j) {
      const std::int32_t a = i * n + j, b = a + n;
      for (const std::int32_t v : {a, b, a + 1, b, b + 1, a + 1}) m.cells.push_back(v);
    }
  return m;
}
/// Uniform in -1 .. 1, each number a multiple of 2^-23.
inline Matrix noise(Index rows, Index cols, std::uint64_t seed) {
  Random random(seed);
  Matrix m(rows, cols);
  for (Index i = 0; i < m.size(); ++i)
    m.data()[i] = static_cast<float>(static_cast<double>(random.bits() >> 40) * 0x1p-23 - 1);
  return m;
}

}  // namespace fingerprints
