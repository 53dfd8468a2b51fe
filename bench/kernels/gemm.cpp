// Question: what does a quantized layer cost beside the best float and int8 products on this core?
// Usage: bench_kernels_gemm [table.csv] [--quick] [--amx] [--threads=n]. Without --amx we run on
// AVX-512 VNNI; ONEDNN_MAX_CPU_ISA chooses oneDNN's instruction set. Both stand in the contenders'
// names.

#include <amq/core/eigen.hpp>
#include <amq/core/random.hpp>
#include <amq/core/thread_pool.hpp>
#include <amq/kernels/gemm.hpp>
#include <amq/quant/row_order.hpp>

#include "timing.hpp"

#include <cstring>
#include <functional>
#include <memory>

#ifdef AMQ_RIVAL_DNNL
#include "dnnl_matmul.hpp"
#endif
#ifdef AMQ_RIVAL_CBLAS
extern "C" void cblas_sgemm(int, int, int, int, int, int, float, const float*, int, const float*,
                            int, float, float*, int);
#endif

using namespace amq;
using namespace amq::quant;
using namespace amq::kernels;

namespace {

std::string text(Index m, Index k, Index n) {
  return std::to_string(m) + "x" + std::to_string(k) + "x" + std::to_string(n);
}

/// Best of a few: the roof is what the core can do, not what it does among neighbours.
template <typename F>
double best_rate(double amount, F run) {
  double best = 0;
  for (int i = 0; i < 30; ++i) {
    const double start = timing::seconds(timing::Clock::thread);
    run();
    best = std::max(best, amount / (timing::seconds(timing::Clock::thread) - start));
  }
  return best;
}

void print_roof() {
#if AMQ_HAS_AVX512VNNI
  const double dots = best_rate(1e-9 * 200'000 * 16 * 128, [] {
    const __m512i a = _mm512_set1_epi8(1);
    __m512i acc[16] = {};
    for (int i = 0; i < 200'000; ++i) {
#define AMQ_DOT(r) asm volatile("vpdpbusd %1, %1, %0" : "+v"(acc[r]) : "v"(a));
      // clang-format off
      AMQ_DOT(0) AMQ_DOT(1) AMQ_DOT(2) AMQ_DOT(3) AMQ_DOT(4) AMQ_DOT(5) AMQ_DOT(6) AMQ_DOT(7)
      AMQ_DOT(8) AMQ_DOT(9) AMQ_DOT(10) AMQ_DOT(11) AMQ_DOT(12) AMQ_DOT(13) AMQ_DOT(14) AMQ_DOT(15)
      // clang-format on
#undef AMQ_DOT
    }
  });
  std::printf("roof: %.0f GOP/s of vpdpbusd on this core\n", dots);
#endif
  for (const std::size_t bytes :
       {std::size_t{24} << 10, std::size_t{1} << 20, std::size_t{256} << 20}) {
    AlignedVector<std::int32_t> data(bytes / 4, 1);
    const auto passes = std::max<std::size_t>(1, (std::size_t{64} << 20) / bytes);
    const double rate = best_rate(1e-9 * static_cast<double>(bytes * passes), [&] {
      for (std::size_t p = 0; p < passes; ++p) {
        auto a = simd::Ints<>::splat(0), b = a, c = a, d = a;
        for (std::size_t i = 0; i + 64 <= data.size(); i += 64) {
          a = a + simd::Ints<>::load(data.data() + i);
          b = b + simd::Ints<>::load(data.data() + i + 16);
          c = c + simd::Ints<>::load(data.data() + i + 32);
          d = d + simd::Ints<>::load(data.data() + i + 48);
        }
        std::int32_t out[16];
        (a + b + c + d).store(out);
        asm volatile("" ::"m"(out));
      }
    });
    std::printf("roof: %.0f GB/s reading %zu KiB\n", rate, bytes >> 10);
  }
}

void bench(timing::Table& table, Index m, Index k, Index n, Executor& executor) {
  Random random(1);
  std::vector<std::int8_t> codes(static_cast<std::size_t>(n * k));
  for (auto& c : codes) c = static_cast<std::int8_t>(static_cast<int>(random.index(255)) - 127);
  std::vector<float> step(static_cast<std::size_t>(n), 0.001f),
      bias(static_cast<std::size_t>(n), 0.1f);
  const PackedWeights w({codes.data(), n, k}, 8, step, bias);
  const Matrix x = Matrix::Random(m, k), wf = Matrix::Random(n, k);
  Matrix y(m, n);
  AlignedVector<std::int32_t> sums(static_cast<std::size_t>(m * n));
  const double operations =
      2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  const int threads = static_cast<int>(executor.threads());

  struct Rows {
    AlignedVector<std::uint8_t> codes;
    std::vector<RowGrid> grid;
    RowsSpan span;
    RowCoder coder;
    Rows(Index rows, Index cols, int bits, RowRule rule = RowRule::affine)
        : codes(static_cast<std::size_t>(rows * packed_bytes(cols, container_bits(bits)))),
          grid(static_cast<std::size_t>(rows)),
          span{codes.data(),         rows,       cols, packed_bytes(cols, container_bits(bits)),
               container_bits(bits), grid.data()},
          coder{rule, bits,
                rule == RowRule::fixed ? 1.0f / 127 : static_cast<float>(gaussian_step(bits)), 0} {}
  };
  Rows r8(m, k, 8), r4(m, k, 4), r2(m, k, 2), r16(m, k, 16), fixed(m, k, 8, RowRule::fixed),
      next(m, n, 8);
  for (Rows* r : {&r8, &r4, &r2, &r16, &fixed}) quantize_rows(view(x), r->coder, r->span);

  // Mixed: a quarter each of 2 and 4 bits, half at 8, anywhere; sorted as a plan sorts them.
  std::vector<std::uint8_t> levels(static_cast<std::size_t>(m), 8);
  for (std::size_t i = 0; i < levels.size() / 2; ++i) levels[i] = i % 2 ? 4 : 2;
  random.shuffle(levels);
  const RowOrder order = sort_rows(levels);
  const auto part = [&](const Rows& r, int b) {
    RowsView v = r.span;
    v.rows = order.count(b);
    v.order = order.row.data() + order.first[static_cast<std::size_t>(b)];
    return v;
  };
  const RowsView mixed[] = {part(r2, 2), part(r4, 4), part(r8, 8)};

  std::vector<timing::Contender> all, fused, floats;
  const auto ours = [&](const std::string& name, int bits, std::function<void()> f) {
    return timing::Contender{name + "[" + timing::level() + "]", bits, std::move(f)};
  };
  if (threads == 1) {
    all.push_back(ours("amq_gemm_i32", 8, [&] { gemm_i32(r8.span, w, {sums.data(), m, n}); }));
    all.push_back(ours("amq_gemm_i32", 4, [&] { gemm_i32(r4.span, w, {sums.data(), m, n}); }));
    all.push_back(ours("amq_gemm_i32", 2, [&] { gemm_i32(r2.span, w, {sums.data(), m, n}); }));
    if (k <= largest_k(8, 16))
      all.push_back(ours("amq_gemm_i32", 16, [&] { gemm_i32(r16.span, w, {sums.data(), m, n}); }));
  }
  for (Rows* r : {&r8, &r4, &r2, &r16})
    fused.push_back(ours("amq_linear_relu", r->coder.bits, [&, r] {
      linear(RowsView(r->span), w, Activation::relu, view(y), executor);
    }));
  fused.push_back(ours("amq_linear_swish", 8, [&] {
    linear(RowsView(r8.span), w, Activation::swish, view(y), executor);
  }));
  fused.push_back(ours("amq_linear_relu_mixed_2_4_8", 8,
                       [&] { linear(mixed, w, Activation::relu, view(y), executor); }));
  fused.push_back(ours("amq_linear_relu_to_codes", 8, [&] {
    linear(RowsView(r8.span), w, Activation::relu, next.coder, next.span, executor);
  }));
  floats.push_back(ours("amq_float_to_float_relu", 8, [&] {
    linear(view(x), r8.coder, w, Activation::relu, view(y), executor);
  }));
  floats.push_back(
      ours("amq_quantize_only", 8, [&] { quantize_rows(view(x), r8.coder, r8.span, executor); }));

  const auto eigen =
      timing::Contender{"eigen_float", 32, [&] { y.noalias() = x * wf.transpose(); }, true};
  if (threads == 1)
    for (auto* c : {&all, &fused, &floats}) c->push_back(eigen);
#ifdef AMQ_RIVAL_CBLAS
  floats.push_back({"openblas_float", 32,
                    [&] {
                      cblas_sgemm(101, 111, 112, static_cast<int>(m), static_cast<int>(n),
                                  static_cast<int>(k), 1, x.data(), static_cast<int>(k), wf.data(),
                                  static_cast<int>(k), 0, y.data(), static_cast<int>(n));
                    },
                    true});
#endif
#ifdef AMQ_RIVAL_DNNL
  using T = rival::Matmul::Type;
  const std::string on = "[" + rival::isa() + "]";
  const std::vector<float> scale(static_cast<std::size_t>(n), 0.001f / 127);
  // As oneDNN likes it best: unsigned rows, then signed ones.
  auto u8 = std::make_shared<rival::Matmul>(m, n, k, T::u8, T::s8, T::s32, fixed.codes.data(),
                                            codes.data(), sums.data());
  auto s8 = std::make_shared<rival::Matmul>(m, n, k, T::s8, T::s8, T::s32, fixed.codes.data(),
                                            codes.data(), sums.data());
  auto s8f = std::make_shared<rival::Matmul>(m, n, k, T::s8, T::s8, T::f32, fixed.codes.data(),
                                             codes.data(), y.data(), true, scale, bias.data());
  auto f32 =
      std::make_shared<rival::Matmul>(m, n, k, T::f32, T::f32, T::f32, const_cast<float*>(x.data()),
                                      wf.data(), y.data(), true, std::vector<float>{}, bias.data());
  if (threads == 1) {
    all.push_back({"onednn_u8s8s32" + on, 8, [u8] { (*u8)(); }, true});
    all.push_back({"onednn_s8s8s32" + on, 8, [s8] { (*s8)(); }, true});
  }
  fused.push_back({"onednn_s8s8_scale_bias_relu" + on, 8, [s8f] { (*s8f)(); }, true});
  floats.push_back({"onednn_float_bias_relu" + on, 32, [f32] { (*f32)(); }, true});
  // It has no dynamic scale per row: a fixed one, with our quantizer, is less work than ours does.
  floats.push_back({"amq_quantize_fixed+onednn_s8s8_relu" + on, 8,
                    [&, s8f] {
                      quantize_rows(view(x), fixed.coder, fixed.span, executor);
                      (*s8f)();
                    },
                    true});
#endif
  if (threads == 1) table.measure("gemm_i32", text(m, k, n), operations, all);
  table.measure("codes_to_float", text(m, k, n), operations, fused, threads);
  table.measure("float_to_float", text(m, k, n), operations, floats, threads);
}

}  // namespace

int main(int argc, char** argv) {
  bool quick = false;
  int threads = 1;
  std::string path = "kernels.csv";
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--quick"))
      quick = true;
    else if (!std::strcmp(argv[i], "--amx"))
      simd::request_amx();
    else if (!std::strncmp(argv[i], "--threads=", 10))
      threads = std::atoi(argv[i] + 10);
    else
      path = timing::table_path(argv[i]);
  }
  if (!simd::native_supported()) return 77;
  if (threads == 1)
    timing::pin(1 % std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
  print_roof();
  timing::Table table(path);
  ThreadPool pool(static_cast<std::size_t>(threads));
  const std::vector<std::array<Index, 3>> shapes =
      quick ? std::vector<std::array<Index, 3>>{{1000, 128, 128}, {10'000, 128, 128}}
            : std::vector<std::array<Index, 3>>{
                  {1000, 64, 64},     {1000, 128, 128},   {1000, 256, 256},   {1000, 384, 128},
                  {10'000, 64, 64},   {10'000, 128, 128}, {10'000, 256, 128}, {10'000, 384, 128},
                  {10'000, 128, 384}, {100'000, 128, 128}};
  for (const auto& [m, k, n] : shapes) bench(table, m, k, n, pool);
}
