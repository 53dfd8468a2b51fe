// Question: what do the edges of a message-passing layer take whose rows between the products are
// words of 16 bits, beside the same with floats, and beside the product alone? And how far apart
// are their means?
//
// Usage: bench_kernels_integer_edges [speed.csv] [--machine=name] [--nodes=n] [--rounds=n]
// [--core=n] [--loop=words8]   words8, floats8, words4 or floats4 alone, --rounds times
// Appends machine,level,bench,shape,bits,contender,threads,ms,ratio_to_best_rival,ratio_to_roof;
// the rival is message_mean() with floats. Senders' parts become words within the time.

#include <amq/core/eigen.hpp>
#include <amq/kernels/gemm.hpp>
#include <amq/kernels/message_passing.hpp>
#include <amq/quant/mixed_rows.hpp>

#include "some_graph.hpp"
#include "speed.hpp"

#include <cmath>
#include <cstring>
#include <string_view>

using namespace amq;
using namespace amq::arithmetics;
using namespace amq::kernels;

namespace {

constexpr Index hidden = 128;
constexpr int fraction = 11;  // parts of +-4, messages of +-8

struct Edges {
  Graph graph;
  std::vector<std::int8_t> codes;
  PackedWeights weights;
  Matrix p, q, means;
  AlignedVector<std::int16_t> at_sender;

  explicit Edges(Graph g) : graph(std::move(g)) {
    Random random(1);
    const auto n = static_cast<std::size_t>(hidden);
    for (std::size_t i = 0; i < n * n; ++i)
      codes.push_back(static_cast<std::int8_t>(static_cast<int>(random.index(255)) - 127));
    const std::vector<float> step(n, 0.15f / 127), b(n, 0.01f);
    weights = PackedWeights({codes.data(), hidden, hidden}, 8, step, b);
    for (Matrix* m : {&p, &q, &means}) m->resize(graph.n_nodes(), hidden);
    for (Index k = 0; k < p.size(); ++k) {
      p.data()[k] = static_cast<float>(random.normal());
      q.data()[k] = static_cast<float>(random.normal());
    }
    at_sender.resize(static_cast<std::size_t>(graph.n_nodes() * hidden));
  }
  [[nodiscard]] BasicMessageLayer<ByRange> layer(int bits) const {
    BasicMessageLayer<ByRange> l;
    l.weights = &weights;
    l.bits = bits;
    l.coders[static_cast<std::size_t>(bits)] = BasicRowCoder<ByRange>{.bits = bits};
    l.first = graph.first;
    l.sender = graph.sender;
    l.at_receiver = view(p);
    l.at_sender = view(q);
    return l;
  }
  void floats(int bits) { message_mean(layer(bits), view(means)); }
  void words(int bits) {
    const MatrixView<std::int16_t> to(at_sender.data(), graph.n_nodes(), hidden);
    to_words(view(std::as_const(q)), fraction, to);
    auto l = layer(bits);
    l.words = {fraction, fraction, {to.data, to.rows, to.cols}, nullptr};
    message_mean(l, view(means));
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (!simd::native_supported()) return 77;
  timing::SpeedArguments asked;
  std::string_view loop;
  asked.read(argc, argv, [&](const char* text) {
    if (std::strncmp(text, "--loop=", 7)) return false;
    loop = text + 7;
    return true;
  });
  Edges e(some_graph(asked.nodes, 6));
  std::vector<timing::Contender> all;
  for (const int bits : {8, 4}) {
    e.floats(bits);
    const Matrix exact = e.means;
    e.words(bits);
    std::printf("%d bits: means of words %.2e from those of floats, relative L2\n", bits,
                static_cast<double>((e.means - exact).norm() / exact.norm()));
    all.push_back({"floats", bits, [&e, bits] { e.floats(bits); }, true});
    all.push_back({"words", bits, [&e, bits] { e.words(bits); }});
  }
  // The products of as many rows as there are edges, out of a nearby block of codes.
  const Index block = 48;
  MixedRows rows(nullptr, block, hidden, 8);
  quantize_rows(MatrixView<const float>(e.p.data(), block, hidden), RowCoder{ByRange(), 8, 1.0f},
                rows.span(0));
  Matrix sums(block, hidden);
  all.push_back({"product", 8, [&] {
                   for (Index i = 0; i < e.graph.n_edges(); i += block)
                     linear(rows.buckets()[0], e.weights, Activation::none, view(sums));
                 }});
  for (const auto& c : all)
    if (loop == c.name + std::to_string(c.bits)) {
      for (int i = 0; i < asked.rounds; ++i) c.run();
      return 0;
    }
  const auto t = timing::medians(all, asked.rounds, timing::Clock::thread);
  const std::string shape =
      std::to_string(asked.nodes) + "x" + std::to_string(6 * asked.nodes) + "x128";
  timing::SpeedRows out(asked);
  for (std::size_t k = 0; k < all.size(); ++k) {
    const double rival = t[k / 2 * 2 < 4 ? k / 2 * 2 : 0];
    std::printf("  %d bits %-10s %9.3f ms  %6.0f ns an edge  %.2f of the speed with floats\n",
                all[k].bits, all[k].name.c_str(), 1e3 * t[k],
                1e9 * t[k] / static_cast<double>(e.graph.n_edges()), rival / t[k]);
    out.add(simd::Native::name, "edges", shape, all[k], t[k], rival / t[k]);
  }
}
