#include <amq/kernels/message_passing.hpp>

#include "rungs.hpp"

#include <amq/core/thread_pool.hpp>
#include <amq/kernels/gemm.hpp>

#include <doctest/doctest.h>

#include <algorithm>

namespace test_message_passing {

using namespace amq;
using namespace amq::arithmetics;
using namespace amq::kernels;

namespace {

/// A ragged graph: node i has (i * i) % 11 edges, so some have none; node 7 has 150 more.
struct Case {
  Index nodes, hidden, channels;
  std::vector<std::int32_t> first{0}, sender;
  std::vector<float> p, q, bias, step;
  std::vector<std::int8_t> codes;
  PackedWeights weights;
  MessageLayer layer;

  Case(Index n, Index h, Index c, RowRule rule) : nodes(n), hidden(h), channels(c) {
    Random random(9);
    for (Index i = 0; i < n; ++i) {
      const Index degree = i * i % 11 + (i == 7 ? 150 : 0);
      for (Index e = 0; e < degree; ++e)
        sender.push_back(static_cast<std::int32_t>(random.index(static_cast<std::uint64_t>(n))));
      first.push_back(static_cast<std::int32_t>(sender.size()));
    }
    const auto rows = static_cast<std::size_t>(n), cols = static_cast<std::size_t>(h);
    p = rungs::some_rows(rows, cols, 1);
    q = rungs::some_rows(rows, cols, 2);
    for (Index k = 0; k < c * h; ++k)
      codes.push_back(static_cast<std::int8_t>(static_cast<int>(random.index(255)) - 127));
    for (Index k = 0; k < c; ++k) {
      bias.push_back(rungs::between(random, -1, 1));
      step.push_back(rungs::between(random, 0.001, 0.01));
    }
    weights = PackedWeights({codes.data(), c, h}, 8, step, bias);
    layer.first = first;
    layer.sender = sender;
    layer.at_receiver = {p.data(), n, h};
    layer.at_sender = {q.data(), n, h};
    layer.weights = &weights;
    for (int b = 0; b <= max_bits; ++b)
      layer.coders[static_cast<std::size_t>(b)] = {
          rule, b, rule == RowRule::fixed ? 4.0f / static_cast<float>(1 << b) : 0.8f, 0.2f};
  }

  /// The pieces one after the other, the edge tensor stored, every row by itself.
  std::vector<float> plain() const {
    std::vector<float> out(static_cast<std::size_t>(nodes * channels), 0.0f);
    std::vector<float> h(static_cast<std::size_t>(hidden)), m(static_cast<std::size_t>(channels));
    for (Index i = 0; i < nodes; ++i) {
      float* o = out.data() + i * channels;
      const Index begin = first[static_cast<std::size_t>(i)],
                  end = first[static_cast<std::size_t>(i + 1)];
      for (Index e = begin; e < end; ++e) {
        const auto at = static_cast<std::size_t>(e);
        for (Index k = 0; k < hidden; ++k)
          h[static_cast<std::size_t>(k)] = layer.at_receiver(i, k) + layer.at_sender(sender[at], k);
        activate<simd::Scalar>(layer.activation, h.data(), h.data(), hidden);
        const int bits = layer.row_bits.empty() ? layer.bits : layer.row_bits[at];
        std::vector<std::uint8_t> packed(static_cast<std::size_t>(2 * hidden));
        const RowGrid grid = kernels::quantize_row<simd::Scalar>(
            h.data(), hidden, layer.coders[static_cast<std::size_t>(bits)], packed.data());
        const RowsView row{packed.data(), 1, hidden, 2 * hidden, container_bits(bits), &grid};
        linear<simd::Scalar>(row, weights, layer.activation, {m.data(), 1, channels});
        for (Index c = 0; c < channels; ++c) o[c] += m[static_cast<std::size_t>(c)];
      }
      if (layer.mean && end > begin) {
        const float share = 1.0f / static_cast<float>(end - begin);
        for (Index c = 0; c < channels; ++c) o[c] *= share;
      }
    }
    return out;
  }
};

}  // namespace

TEST_CASE_TEMPLATE(
    "a tiled message layer has the bits of its pieces, on ragged graphs with lonely nodes", Arch,
    AMQ_RUNGS) {
  for (const auto& size : {std::pair<Index, Index>{64, 64}, {20, 37}, {129, 16}}) {
    const Index hidden = size.first, channels = size.second;
    for (const RowRule rule :
         {RowRule::affine, RowRule::symmetric, RowRule::min_max, RowRule::fixed}) {
      Case c(60, hidden, channels, rule);
      for (const Activation a : {Activation::swish, Activation::relu}) {
        c.layer.activation = a;
        c.layer.mean = a == Activation::swish;
        std::vector<float> out(static_cast<std::size_t>(c.nodes * channels), 3.0f);
        message_mean<Arch>(c.layer, {out.data(), c.nodes, channels});
        CAPTURE(hidden);
        CAPTURE(static_cast<int>(rule));
        CHECK(rungs::same_bits(out, c.plain()));
      }
    }
  }
}

TEST_CASE_TEMPLATE("edges of every bit-width may meet in one tile", Arch, AMQ_RUNGS) {
  Case c(80, 40, 33, RowRule::affine);
  std::vector<std::uint8_t> bits(c.sender.size());
  Random random(3);
  for (auto& b : bits) b = static_cast<std::uint8_t>(random.index(17));
  c.layer.row_bits = bits;
  std::vector<float> out(static_cast<std::size_t>(80 * 33)), threads(out);
  message_mean<Arch>(c.layer, {out.data(), 80, 33});
  CHECK(rungs::same_bits(out, c.plain()));
  for (const int uniform : {0, 2, 16}) {
    c.layer.row_bits = {};
    c.layer.bits = uniform;
    message_mean<Arch>(c.layer, {out.data(), 80, 33});
    CHECK(rungs::same_bits(out, c.plain()));
  }
}

TEST_CASE("a message layer gives the same bits for any number of threads, and in every build") {
  Case c(3000, 32, 32, RowRule::affine);
  std::vector<float> one(static_cast<std::size_t>(3000 * 32)), many(one);
  message_mean(c.layer, {one.data(), 3000, 32});
  for (const std::size_t n : {2u, 3u}) {
    ThreadPool pool(n);
    message_mean(c.layer, {many.data(), 3000, 32}, pool);
    CHECK(rungs::same_bits(one, many));
  }
  rungs::Fingerprint f;
  f.add(one.data(), one.size());
  CHECK(f.value() == 13181487694749036641u);
}

TEST_CASE("parts of a message layer that do not fit together are refused") {
  Case c(20, 16, 8, RowRule::affine);
  std::vector<float> out(static_cast<std::size_t>(20 * 8));
  const auto refused = [&](auto change) {
    MessageLayer l = c.layer;
    change(l);
    CHECK_THROWS_AS(message_mean(l, {out.data(), 20, 8}), Error);
  };
  refused([](MessageLayer& l) { l.first = l.first.first(5); });
  refused([](MessageLayer& l) { l.first = {}; });
  refused([](MessageLayer& l) { l.sender = l.sender.first(1); });
  refused([](MessageLayer& l) { l.weights = nullptr; });
  refused([](MessageLayer& l) { l.at_sender.cols = 15; });
  refused([](MessageLayer& l) { l.at_receiver.rows = 19; });
  refused([](MessageLayer& l) { l.bits = 17; });
  CHECK_THROWS_AS(message_mean(c.layer, {out.data(), 20, 7}), Error);
}

}  // namespace test_message_passing
