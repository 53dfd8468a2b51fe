// Question: what would the edges of a message-passing layer take on AVX2 without a float between
// node parts and means? A prototype that no solver calls, beside message_mean() at the same bits.
//
//   sum      parts of receiver and sender, int16 on a step of 2^-11, added with saturation
//   swish    max(x, 0) - g(|x|), g even: sixteen parabolas over [0, 8), coefficients by vpshufb
//   code     a shift to a step of the layer; products as they are
//   message  sums to int16 by shift and vpmulhrsw, bias, swish again
//   mean     int32 sums over the edges of a receiver
//
// Before it measures, it compares every step with plain loops: swish for all 65,536 inputs, sums of
// a small graph to the bit.
// Usage: bench_kernels_integer_edges [speed.csv] [--machine=name] [--nodes=n] [--rounds=n]
// [--core=n] Appends
// machine,level,bench,shape,bits,contender,threads,ms,ratio_to_best_rival,ratio_to_roof; the rival
// is message_mean().

#include <amq/core/eigen.hpp>
#include <amq/kernels/message_passing.hpp>
#include <amq/kernels/packed_weights.hpp>

#include "some_graph.hpp"
#include "speed.hpp"

#include <cmath>
#include <cstring>

#if AMQ_HAS_AVX2

using namespace amq;
using namespace amq::kernels;

namespace {

using Arch = simd::Avx2;
constexpr Index hidden = 128;
constexpr int fraction = 11;  // of a part's and a message's 16 bits

std::int16_t saturated(int x) {
  return static_cast<std::int16_t>(std::clamp(x, -32'768, 32'767));
}
/// vpmulhrsw.
std::int16_t high_product(std::int16_t a, std::int16_t b) {
  return static_cast<std::int16_t>((((a * b) >> 14) + 1) >> 1);
}

/// g(a) = a / (1 + e^a) in units of 2^-16, a in segments of a half.
struct Parabolas {
  std::int16_t c[3][16];
  alignas(16) std::uint8_t low[3][16], high[3][16];
  Parabolas() {
    const auto g = [](double a) { return 65'536 * a / (1 + std::exp(a)); };
    for (int s = 0; s < 16; ++s) {
      const double y0 = g(0.5 * s), y1 = g(0.5 * s + 0.25), y2 = g(0.5 * s + 0.5);
      const double values[3] = {y0, -3 * y0 + 4 * y1 - y2, 2 * y0 - 4 * y1 + 2 * y2};
      for (int k = 0; k < 3; ++k) {
        c[k][s] = saturated(static_cast<int>(std::lround(values[k])));
        low[k][s] = static_cast<std::uint8_t>(c[k][s] & 255);
        high[k][s] = static_cast<std::uint8_t>((c[k][s] >> 8) & 255);
      }
    }
  }
};
const Parabolas parabolas;

std::int16_t swish16(std::int16_t x) {
  const int a = std::min(x < 0 ? -x : int{x}, (8 << fraction) - 1);
  const int segment = a >> 10;
  const auto t = static_cast<std::int16_t>((a & 1023) << 5);
  const auto inner =
      static_cast<std::int16_t>(parabolas.c[1][segment] + high_product(t, parabolas.c[2][segment]));
  const auto g = static_cast<std::int16_t>(parabolas.c[0][segment] + high_product(t, inner));
  return static_cast<std::int16_t>(std::max<int>(x, 0) - high_product(g, 1 << 10));
}

/// swish16() of sixteen.
struct Swish {
  __m256i low[3], high[3];
  Swish() {
    for (int k = 0; k < 3; ++k) {
      low[k] = table(parabolas.low[k]);
      high[k] = table(parabolas.high[k]);
    }
  }
  static __m256i table(const std::uint8_t* p) {
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(p)));
  }
  AMQ_INLINE __m256i operator()(__m256i x) const noexcept {
    // |-32768| stays as it is; as an unsigned number it is the largest, so the minimum is right.
    const __m256i a = _mm256_min_epu16(_mm256_abs_epi16(x), _mm256_set1_epi16((8 << fraction) - 1));
    const __m256i segment = _mm256_srli_epi16(a, 10);
    const __m256i t = _mm256_slli_epi16(_mm256_and_si256(a, _mm256_set1_epi16(1023)), 5);
    const __m256i to_low = _mm256_or_si256(segment, _mm256_set1_epi16(-32'768));
    const __m256i to_high =
        _mm256_or_si256(_mm256_slli_epi16(segment, 8), _mm256_set1_epi16(0x0080));
    const auto c = [&](int k) AMQ_INLINE_LAMBDA {
      return _mm256_or_si256(_mm256_shuffle_epi8(low[k], to_low),
                             _mm256_shuffle_epi8(high[k], to_high));
    };
    const __m256i inner = _mm256_add_epi16(c(1), _mm256_mulhrs_epi16(t, c(2)));
    const __m256i g = _mm256_add_epi16(c(0), _mm256_mulhrs_epi16(t, inner));
    return _mm256_sub_epi16(_mm256_max_epi16(x, _mm256_setzero_si256()),
                            _mm256_mulhrs_epi16(g, _mm256_set1_epi16(1 << 10)));
  }
};

/// The second product's scales as integers: z = high_product(sat16((sum + 32) >> 6), factor) +
/// bias.
struct Edges {
  Graph graph;
  std::vector<std::int8_t> codes;
  PackedWeights weights;
  std::vector<std::int16_t> factor, bias;
  AlignedVector<std::int16_t> at_receiver, at_sender;
  AlignedVector<std::int32_t> sums;
  AlignedVector<std::int16_t> message;
  Matrix p, q, means;
  Swish swish;

  explicit Edges(Graph g) : graph(std::move(g)) {
    Random random(1);
    const auto n = static_cast<std::size_t>(hidden);
    for (std::size_t i = 0; i < n * n; ++i)
      codes.push_back(static_cast<std::int8_t>(static_cast<int>(random.index(255)) - 127));
    const std::vector<float> step(n, 0.15f / 127), b(n, 0.01f);
    weights = PackedWeights({codes.data(), hidden, hidden}, 8, step, b);
    // sum * 2^-5 * step, in units of 2^-11: times 64 * step after the shift by 6 ... at 8 bits.
    factor.assign(n, saturated(static_cast<int>(std::lround(32'768 * 64 * 64 * step[0] / 8))));
    bias.assign(n, saturated(static_cast<int>(std::lround(0.01 * (1 << fraction)))));
    const auto size = static_cast<std::size_t>(graph.n_nodes() * hidden);
    p.resize(graph.n_nodes(), hidden);
    q.resize(graph.n_nodes(), hidden);
    means.resize(graph.n_nodes(), hidden);
    at_receiver.resize(size);
    at_sender.resize(size);
    sums.resize(size);
    message.resize(static_cast<std::size_t>(kernels::detail::tile_edges * hidden));
    for (std::size_t k = 0; k < size; ++k) {
      at_receiver[k] = saturated(static_cast<int>(std::lround(2'048 * random.normal())));
      at_sender[k] = saturated(static_cast<int>(std::lround(2'048 * random.normal())));
      p.data()[k] = static_cast<float>(at_receiver[k]) / 2'048;
      q.data()[k] = static_cast<float>(at_sender[k]) / 2'048;
    }
  }
  /// Codes of so many bits have a step of 2^-5, or of 2^-1: what shifts a message to it.
  static std::int16_t shift(int bits) {
    return static_cast<std::int16_t>(bits == 8 ? 1 << 9 : 1 << 5);
  }
  static int top(int bits) { return (1 << (bits - 1)) - 1; }

  void plainly(int bits) {
    std::fill(sums.begin(), sums.end(), 0);
    for (Index i = 0; i < graph.n_nodes(); ++i)
      for (Index e = graph.first[static_cast<std::size_t>(i)];
           e < graph.first[static_cast<std::size_t>(i) + 1]; ++e) {
        const Index j = graph.sender[static_cast<std::size_t>(e)];
        int code[hidden];
        for (Index k = 0; k < hidden; ++k) {
          const std::int16_t x = saturated(at_receiver[static_cast<std::size_t>(i * hidden + k)] +
                                           at_sender[static_cast<std::size_t>(j * hidden + k)]);
          code[k] =
              std::clamp<int>(high_product(swish16(x), shift(bits)), -top(bits) - 1, top(bits));
        }
        for (Index c = 0; c < hidden; ++c) {
          int sum = 0;
          for (Index k = 0; k < hidden; ++k)
            sum += code[k] * codes[static_cast<std::size_t>(c * hidden + k)];
          const auto at = static_cast<std::size_t>(c);
          const std::int16_t z =
              saturated(high_product(saturated((sum + 32) >> 6), factor[at]) + bias[at]);
          sums[static_cast<std::size_t>(i * hidden + c)] += swish16(z);
        }
      }
  }

  /// Accumulators to messages, in the registers they are in.
  struct Sink {
    std::int16_t* rows;
    const std::int16_t *factor, *bias;
    const Swish& swish;
    template <int Rows, int Blocks, int Digits, bool Stream = false, typename Acc>
    AMQ_INLINE void take(const Acc (&acc)[Rows * Digits][Blocks], Index row,
                         Index n) const noexcept {
      for (int c = 0; c < Blocks; ++c) {
        const Index at = n + c * PackedWeights::block;
        const __m256i f = load(factor + at), b = load(bias + at);
        const __m256i half = _mm256_set1_epi32(32);
        for (int r = 0; r < Rows; ++r) {
          const __m256i x = _mm256_srai_epi32(_mm256_add_epi32(acc[r][c].r[0], half), 6),
                        y = _mm256_srai_epi32(_mm256_add_epi32(acc[r][c].r[1], half), 6);
          const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(x, y), 0xd8);
          store(rows + (row + r) * hidden + at,
                swish(_mm256_adds_epi16(_mm256_mulhrs_epi16(words, f), b)));
        }
      }
    }
  };
  static AMQ_INLINE __m256i load(const std::int16_t* p) noexcept {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static AMQ_INLINE void store(void* p, __m256i v) noexcept {
    _mm256_storeu_si256(static_cast<__m256i*>(p), v);
  }

  void integers(int bits) {
    Panel_ panel(hidden, 1, kernels::detail::panel_shape<Arch>);
    const auto form = kernels::detail::line_form<Arch>(bits, weights);
    const __m256i to_code = _mm256_set1_epi16(shift(bits)),
                  low = _mm256_set1_epi8(static_cast<char>(-top(bits) - 1)),
                  high = _mm256_set1_epi8(static_cast<char>(top(bits))),
                  digit = _mm256_set1_epi8(static_cast<char>(form.bias));
    std::fill(sums.begin(), sums.end(), 0);
    const auto edge_of = [&](Index i) { return Index{graph.first[static_cast<std::size_t>(i)]}; };
    Index node = 0;
    const Index edges = graph.n_edges();
    for (Index begin = 0; begin < edges; begin += kernels::detail::tile_edges) {
      const Index count = std::min(kernels::detail::tile_edges, edges - begin);
      Index receiver = node;
      for (Index r = 0; r < count; ++r) {
        while (begin + r >= edge_of(receiver + 1)) ++receiver;
        const std::int16_t* a = at_receiver.data() + receiver * hidden;
        const std::int16_t* b =
            at_sender.data() + graph.sender[static_cast<std::size_t>(begin + r)] * hidden;
        std::uint8_t* line = panel.line(r);
        for (Index k = 0; k < hidden; k += 32) {
          const __m256i x = swish(_mm256_adds_epi16(load(a + k), load(b + k)));
          const __m256i y = swish(_mm256_adds_epi16(load(a + k + 16), load(b + k + 16)));
          const __m256i code = _mm256_permute4x64_epi64(
              _mm256_packs_epi16(_mm256_mulhrs_epi16(x, to_code), _mm256_mulhrs_epi16(y, to_code)),
              0xd8);
          store(line + k,
                _mm256_add_epi8(_mm256_min_epi8(_mm256_max_epi8(code, low), high), digit));
        }
      }
      kernels::detail::panel_product<Arch, 1>(
          panel, panel.digits, count, form, weights,
          Sink{message.data(), factor.data(), bias.data(), swish});
      for (Index r = 0; r < count;) {
        while (begin + r >= edge_of(node + 1)) ++node;
        const Index end = std::min(count, edge_of(node + 1) - begin);
        std::int32_t* sum = sums.data() + node * hidden;
        for (Index k = 0; k < hidden; k += 8) {
          __m256i s = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sum + k));
          for (Index i = r; i < end; ++i)
            s = _mm256_add_epi32(
                s, _mm256_cvtepi16_epi32(_mm_loadu_si128(
                       reinterpret_cast<const __m128i*>(message.data() + i * hidden + k))));
          store(sum + k, s);
        }
        r = end;
      }
    }
  }
  void floats(int bits) {
    BasicMessageLayer<ByRange> l;
    l.weights = &weights;
    l.bits = bits;
    l.coders[static_cast<std::size_t>(bits)] = BasicRowCoder<ByRange>{.bits = bits};
    l.first = graph.first;
    l.sender = graph.sender;
    l.at_receiver = view(std::as_const(p));
    l.at_sender = view(std::as_const(q));
    message_mean<Arch>(l, view(means));
  }

 private:
  using Panel_ = kernels::detail::Panel;
};

/// What the prototype promises. Prints the error of swish.
bool holds_its_promises() {
  const Swish swish;
  double worst = 0;
  for (int x = -32'768; x < 32'768; x += 16) {
    alignas(32) std::int16_t in[16], out[16];
    for (int l = 0; l < 16; ++l) in[l] = static_cast<std::int16_t>(x + l);
    Edges::store(out, swish(Edges::load(in)));
    for (int l = 0; l < 16; ++l) {
      const double v = in[l] / 2'048.0;
      if (out[l] != swish16(in[l])) {
        std::printf("swish of %d: %d, plainly %d\n", in[l], out[l], swish16(in[l]));
        return false;
      }
      worst = std::max(worst, std::abs(out[l] / 2'048.0 - v / (1 + std::exp(-v))));
    }
  }
  std::printf("swish in 16 bits: within %.5f, a step being %.5f\n", worst, 1 / 2'048.0);
  Edges small(some_graph(200, 6));
  for (const int bits : {8, 4}) {
    small.plainly(bits);
    const auto plain = small.sums;
    small.integers(bits);
    if (!std::equal(plain.begin(), plain.end(), small.sums.begin())) {
      std::printf("%d bits: sums differ from plain loops\n", bits);
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (!simd::native_supported()) return 77;
  if (!holds_its_promises()) return 1;
  timing::SpeedArguments asked;
  asked.read(argc, argv, [](const char*) { return false; });
  const Index nodes = asked.nodes;
  Edges e(some_graph(nodes, 6));
  std::vector<timing::Contender> all;
  for (const int bits : {8, 4}) {
    all.push_back({"message_mean", bits, [&e, bits] { e.floats(bits); }, true});
    all.push_back({"integers_alone", bits, [&e, bits] { e.integers(bits); }});
  }
  const auto t = timing::medians(all, asked.rounds, timing::Clock::thread);
  const std::string shape = std::to_string(nodes) + "x" + std::to_string(6 * nodes) + "x128";
  timing::SpeedRows rows(asked);
  for (std::size_t k = 0; k < all.size(); ++k) {
    const double rival = t[k / 2 * 2];
    std::printf("  %d bits %-16s %9.3f ms  %6.0f ns an edge  %.2f of message_mean's speed\n",
                all[k].bits, all[k].name.c_str(), 1e3 * t[k],
                1e9 * t[k] / static_cast<double>(6 * nodes), rival / t[k]);
    rows.add(Arch::name, "edges", shape, all[k], t[k], rival / t[k]);
  }
}
#else
int main() {
  return 77;
}
#endif
