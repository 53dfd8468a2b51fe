// Question: how much time do rows of 4 bits, or weights of 4 bits, save beside 8 by 8 bits, in the
// product alone and in a whole message-passing layer? Where the rung folds narrow products in 16
// bits (AVX2 and AVX-512 without VNNI) they should take little more than half; elsewhere as long.
// Usage: bench_kernels_narrow [speed.csv] [--machine=name] [--nodes=n] [--rounds=n]
//        [--core=n] [--products]      the last: without the layer
// Appends machine,level,bench,shape,bits,contender,threads,ms,ratio_to_best_rival,ratio_to_roof.

#include <amq/core/executor.hpp>

#include "mp_layer.hpp"
#include "speed.hpp"

#include <cstring>

using namespace amq;
using namespace amq::quant;
using namespace amq::kernels;

namespace {

/// The instruction that folded products are made of, from registers, so many operations of it.
constexpr double roof_operations = 8.0 * 64 * 20'000;
void fold_roof() {
#if AMQ_HAS_AVX2
  for (int t = 0; t < 20'000; ++t) {
#define AMQ_FOLD(r)                       \
  "vpmaddubsw %%ymm15, %%ymm15, %%ymm" #r \
  "\n\t"                                  \
  "vpaddw %%ymm" #r ", %%ymm14, %%ymm13\n\t"
    asm volatile(AMQ_FOLD(0) AMQ_FOLD(1) AMQ_FOLD(2) AMQ_FOLD(3) AMQ_FOLD(4) AMQ_FOLD(5) AMQ_FOLD(6)
                     AMQ_FOLD(7)
                 :
                 :
                 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm13");
#undef AMQ_FOLD
  }
#endif
}

PackedWeights some_weights(Index n, Index k, int bits) {
  Random random(1);
  const int high = highest_code(bits);
  std::vector<std::int8_t> codes(static_cast<std::size_t>(n * k));
  for (auto& c : codes)
    c = static_cast<std::int8_t>(
        static_cast<int>(random.index(static_cast<std::uint64_t>(2 * high + 1))) - high);
  const std::vector<float> step(static_cast<std::size_t>(n), 0.001f);
  return {{codes.data(), n, k}, bits, step, {}};
}

struct Rows {
  AlignedVector<std::uint8_t> codes;
  std::vector<RowGrid> grid;
  RowsSpan span;
  Rows(const Matrix& x, int bits)
      : codes(static_cast<std::size_t>(x.rows() * packed_bytes(x.cols(), bits))),
        grid(static_cast<std::size_t>(x.rows())),
        span{codes.data(), x.rows(), x.cols(), packed_bytes(x.cols(), bits), bits, grid.data()} {
    quantize_rows(view(x), RowCoder{RowRule::min_max, bits, 1, 0}, span);
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (!simd::native_supported()) return 77;
  bool products_alone = false;
  timing::SpeedArguments asked;
  asked.read(argc, argv, [&](const char* text) {
    const bool own = !std::strcmp(text, "--products");
    products_alone = products_alone || own;
    return own;
  });
  timing::SpeedRows rows(asked);
  const auto report = [&](const char* bench, const std::string& shape, double operations,
                          std::vector<timing::Contender> all, int turns) {
    // The roof takes turns with the others: neighbours lower it as they slow these.
    all.push_back({"roof", 8, fold_roof});
    const auto t = timing::medians(all, turns, timing::Clock::thread);
    all.pop_back();
    const double roof = AMQ_HAS_AVX2 ? roof_operations / t.back() : 0;
    std::printf("roof: %.0f GOP/s of products folded once\n", 1e-9 * roof);
    double best = 0;
    for (std::size_t k = 0; k < all.size(); ++k)
      if (all[k].rival && (best == 0 || t[k] < best)) best = t[k];
    for (std::size_t k = 0; k < all.size(); ++k) {
      const double of_roof = roof > 0 && !all[k].rival ? operations / t[k] / roof : 0;
      std::printf(
          "  %-14s %2d bits %-24s %9.3f ms  %.2f of 8 x 8 bits  %.2f of rival  %.2f of roof\n",
          bench, all[k].bits, all[k].name.c_str(), 1e3 * t[k], t[0] / t[k], best / t[k], of_roof);
      rows.add(timing::level(), bench, shape, all[k], t[k], best / t[k], of_roof);
    }
  };

  {
    constexpr Index m = 960, k = 128, n = 128;
    const auto w8 = some_weights(n, k, 8), w4 = some_weights(n, k, 4);
    const Matrix x = Matrix::Random(m, k), wf = Matrix::Random(n, k);
    Matrix y(m, n);
    Rows r8(x, 8), r4(x, 4);
    AlignedVector<std::int32_t> sums(static_cast<std::size_t>(m * n));
    const MatrixView<std::int32_t> to(sums.data(), m, n);
    report("gemm_i32", "960x128x128", 2.0 * m * k * n,
           {{"amq_w8", 8, [&] { gemm_i32(r8.span, w8, to); }},
            {"amq_w8", 4, [&] { gemm_i32(r4.span, w8, to); }},
            {"amq_w4", 8, [&] { gemm_i32(r8.span, w4, to); }},
            {"amq_w4", 4, [&] { gemm_i32(r4.span, w4, to); }},
            {"eigen_float", 32, [&] { y.noalias() = x * wf.transpose(); }, true}},
           5 * asked.rounds);
  }
  if (products_alone) return 0;
  auto& alone = serial_executor();
  const Graph graph = some_graph(asked.nodes, mp_layer::degree);
  mp_layer::Layer w8(graph, alone), w4(graph, alone, 4);
  report(
      "mp_layer",
      std::to_string(asked.nodes) + "x" + std::to_string(mp_layer::degree * asked.nodes) + "x128",
      w8.operations(),
      {{"amq_w8", 8, [&] { w8.integers(8, RowRule::min_max); }},
       {"amq_w8", 4, [&] { w8.integers(4, RowRule::min_max); }},
       {"amq_w4", 8, [&] { w4.integers(8, RowRule::min_max); }},
       {"amq_w4", 4, [&] { w4.integers(4, RowRule::min_max); }},
       {"eigen_float_split_tiled", 32, [&] { w8.floats(); }, true}},
      asked.rounds);
}
