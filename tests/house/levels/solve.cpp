// What a host compiles once for each level: a part of a solver, behind one name without overloads.
#include <amq/core/error.hpp>
#include <amq/kernels/gemm.hpp>
#include <amq/mesh/edges.hpp>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

/// Bits of a result that is the same at every level. @throws amq::Error for a side of 0
extern "C" std::uint64_t AMQ_ENTRY(int side, const char** level) {
  using namespace amq;
  using namespace amq::quant;
  const auto n = static_cast<Index>(side);
  std::vector<float> xy;
  std::vector<std::int32_t> cells;
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) {
      xy.push_back(static_cast<float>(i));
      xy.push_back(static_cast<float>(j));
      if (i + 1 == n || j + 1 == n) continue;
      for (const Index k : {i * n + j, i * n + j + 1, i * n + n + j})
        cells.push_back(static_cast<std::int32_t>(k));
    }
  if (n == 0) throw Error("solve", "a side of 2 or more", "0", "Give the mesh some nodes.");
  std::vector<std::int8_t> codes;
  for (int k = 0; k < 40 * 24; ++k) codes.push_back(static_cast<std::int8_t>(k * 37 % 255 - 127));
  const std::vector<float> step(40, 0.01f);
  const kernels::PackedWeights w({codes.data(), 40, 24}, 8, step, {});
  std::vector<float> x, y(static_cast<std::size_t>(n) * 40);
  for (Index k = 0; k < n * 24; ++k) x.push_back(static_cast<float>(k * 29 % 101) * 0.125f);
  for (const int bits : {8, 4})
    kernels::linear({x.data(), n, 24}, BasicRowCoder<ByRange>{.bits = bits}, w, Activation::swish,
                    {y.data(), n, 40});
  *level = simd::Native::name;
  std::uint64_t sum = cells.size() + xy.size();
  for (const float v : y) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &v, sizeof bits);
    sum = (sum ^ bits) * 0x100000001b3u;
  }
  return sum;
}
