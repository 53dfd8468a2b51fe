#include <amq/kernels/layer_update.hpp>

#include "rungs.hpp"

#include <amq/core/thread_pool.hpp>

#include <doctest/doctest.h>

namespace test_layer_update {

using namespace amq;
using namespace amq::arithmetics;
using namespace amq::kernels;

namespace {

PackedWeights some_weights(Index out, Index in, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::int8_t> codes;
  std::vector<float> bias, step;
  for (Index k = 0; k < out * in; ++k)
    codes.push_back(static_cast<std::int8_t>(static_cast<int>(random.index(255)) - 127));
  for (Index k = 0; k < out; ++k) {
    bias.push_back(rungs::between(random, -1, 1));
    step.push_back(rungs::between(random, 0.001, 0.01));
  }
  return {{codes.data(), out, in}, 8, step, bias};
}

/// A ragged graph: node i has (i * i) % 11 edges, so some have none; node 7 has 150 more.
struct Case {
  Index nodes, channels, hidden, inner;
  std::vector<std::int32_t> first{0}, sender;
  PackedWeights parts, from_sender, given, message, mean, update;
  std::vector<float> features, q;
  std::vector<std::uint8_t> edge_bits, node_bits, other_bits, given_codes;
  std::vector<RowGrid> given_grids;
  LayerUpdate layer;
  CodedProduct senders;

  Case(Index n, Index c, Index h, Index z, RowRule rule, bool mixed, bool with_given)
      : nodes(n),
        channels(c),
        hidden(h),
        inner(z),
        parts(some_weights(h + z, c, 1)),
        from_sender(some_weights(h, c, 2)),
        given(some_weights(h, 3, 3)),
        message(some_weights(c, h, 4)),
        mean(some_weights(z, c, 5)),
        update(some_weights(c, z, 6)) {
    Random random(9);
    for (Index i = 0; i < n; ++i) {
      const Index degree = i * i % 11 + (i == 7 ? 150 : 0);
      for (Index e = 0; e < degree; ++e) {
        sender.push_back(static_cast<std::int32_t>(random.index(static_cast<std::uint64_t>(n))));
        edge_bits.push_back(static_cast<std::uint8_t>(random.index(17)));
      }
      first.push_back(static_cast<std::int32_t>(sender.size()));
      node_bits.push_back(static_cast<std::uint8_t>(random.index(17)));
      other_bits.push_back(static_cast<std::uint8_t>(random.index(17)));
    }
    const auto rows = static_cast<std::size_t>(n);
    features = rungs::some_rows(rows, static_cast<std::size_t>(c), 7);
    q.resize(rows * static_cast<std::size_t>(h));
    auto& e = layer.edges;
    e.first = first;
    e.sender = sender;
    e.at_sender = {q.data(), n, h};
    e.weights = &message;
    layer.nodes.features = {features.data(), n, c};
    layer.parts.weights = &parts;
    senders.weights = &from_sender;
    layer.nodes.first.weights = &mean;
    layer.nodes.second.weights = &update;
    if (mixed) {
      e.row_bits = edge_bits;
      layer.parts.row_bits = senders.row_bits = node_bits;
      layer.nodes.first.row_bits = other_bits;
    } else {
      layer.nodes.second.bits = 4;
    }
    for (auto* coders : {&e.coders, &layer.parts.coders, &senders.coders, &layer.nodes.first.coders,
                         &layer.nodes.second.coders})
      for (int b = 0; b <= max_bits; ++b)
        (*coders)[static_cast<std::size_t>(b)] = {
            rule, b, rule == RowRule::fixed ? 4.0f / static_cast<float>(1 << b) : 0.8f, 0.2f};
    if (with_given) {
      const auto x = rungs::some_rows(rows, 3, 8);
      given_codes.resize(6 * rows);
      given_grids.resize(rows);
      const RowsSpan to{given_codes.data(), n, 3, 6, 16, given_grids.data()};
      quantize_rows({x.data(), n, 3}, {rule, 16, 0.001f, 0}, to);
      layer.to_receiver = {to, &given};
    }
  }
  std::vector<float> rows(Index cols) const {
    return std::vector<float>(static_cast<std::size_t>(nodes * cols), 3.0f);
  }
  /// Every row by itself.
  static std::vector<float> product(MatrixView<const float> x, const CodedProduct& p) {
    const Index n = p.weights->in(), m = p.weights->out();
    std::vector<float> y(static_cast<std::size_t>(x.rows * m));
    std::vector<std::uint8_t> packed(static_cast<std::size_t>(2 * n));
    for (Index i = 0; i < x.rows; ++i) {
      const int bits = p.bits_of(i);
      const RowGrid grid = kernels::quantize_row<simd::Scalar>(
          x.row(i), n, p.coders[static_cast<std::size_t>(bits)], packed.data());
      linear<simd::Scalar>(RowsView{packed.data(), 1, n, 2 * n, container_bits(bits), &grid},
                           *p.weights, Activation::none, {y.data() + i * m, 1, m});
    }
    return y;
  }
  /// The calls it stands for, one after the other, everything stored.
  template <typename Arch>
  std::vector<float> plain() {
    const MatrixView<const float> f = layer.nodes.features;
    q = product(f, senders);
    auto p = product(f, layer.parts);
    const Index width = hidden + inner;
    const MatrixView<float> receivers(p.data(), nodes, hidden, width);
    if (layer.to_receiver.weights)
      linear_onto<Arch>(std::span(&layer.to_receiver.rows, 1), given, false, receivers, receivers);
    MessageLayer edges = layer.edges;
    edges.at_sender = {q.data(), nodes, hidden};
    edges.at_receiver = receivers;
    auto means = rows(channels), out = rows(channels);
    message_mean<Arch>(edges, {means.data(), nodes, channels});
    NodeUpdate update_of = layer.nodes;
    update_of.means = {means.data(), nodes, channels};
    update_of.own = {p.data() + hidden, nodes, inner, width};
    node_update<Arch>(update_of, {out.data(), nodes, channels});
    return out;
  }
  template <typename Arch = simd::Native>
  std::vector<float> fused(Executor& executor = serial_executor()) {
    q = rows(hidden);
    coded_linear<Arch>(layer.nodes.features, senders, {q.data(), nodes, hidden}, executor);
    layer.edges.at_sender = {q.data(), nodes, hidden};
    auto out = rows(channels);
    layer_update<Arch>(layer, {out.data(), nodes, channels}, executor);
    return out;
  }
};

}  // namespace

TEST_CASE_TEMPLATE("a fused layer has the bits of its calls, on ragged graphs with lonely nodes",
                   Arch, AMQ_RUNGS) {
  for (const RowRule rule : {RowRule::affine, RowRule::symmetric, RowRule::min_max, RowRule::fixed})
    for (const bool mixed : {false, true})
      for (const bool with_given : {false, true}) {
        Case c(211, 37, 40, 24, rule, mixed, with_given);
        CAPTURE(static_cast<int>(rule));
        CAPTURE(mixed);
        CAPTURE(with_given);
        const auto plain = c.plain<Arch>();
        CHECK(rungs::same_bits(c.fused<Arch>(), plain));
      }
}

TEST_CASE("a fused layer gives the same bits for any number of threads, in place, in every build") {
  Case c(2500, 32, 32, 16, RowRule::affine, true, true);
  const auto one = c.fused();
  for (const std::size_t n : {2u, 3u}) {
    ThreadPool pool(n);
    CHECK(rungs::same_bits(one, c.fused(pool)));
    auto in_place = c.features;
    LayerUpdate layer = c.layer;
    layer.nodes.features = {in_place.data(), c.nodes, c.channels};
    layer_update(layer, {in_place.data(), c.nodes, c.channels}, pool);
    CHECK(rungs::same_bits(one, in_place));
  }
  rungs::Fingerprint f;
  f.add(one.data(), one.size());
  CHECK(f.value() == 6008494438565106322u);
}

TEST_CASE("parts of a fused layer that do not fit together are refused") {
  Case c(20, 16, 8, 12, RowRule::affine, true, true);
  c.fused();
  std::vector<float> out(static_cast<std::size_t>(20 * 16));
  const auto refused = [&](auto change) {
    LayerUpdate u = c.layer;
    change(u);
    CHECK_THROWS_AS(layer_update(u, {out.data(), 20, 16}), Error);
  };
  refused([](LayerUpdate& u) { u.parts.weights = nullptr; });
  refused([&](LayerUpdate& u) { u.parts.weights = &c.mean; });
  refused([](LayerUpdate& u) { u.edges.weights = nullptr; });
  refused([](LayerUpdate& u) { u.edges.first = {}; });
  refused([](LayerUpdate& u) { u.edges.at_sender.cols = 7; });
  refused([](LayerUpdate& u) { u.nodes.features.rows = 19; });
  refused([](LayerUpdate& u) { u.nodes.second.weights = nullptr; });
  refused([](LayerUpdate& u) { u.parts.bits = 17; });
  refused([&](LayerUpdate& u) { u.parts.row_bits = std::span(c.node_bits).first(5); });
  refused([](LayerUpdate& u) { u.to_receiver.rows.rows = 19; });
  refused([&](LayerUpdate& u) { u.to_own = u.to_receiver; });
  CHECK_THROWS_AS(layer_update(c.layer, {out.data(), 20, 15}), Error);
  CHECK_THROWS_AS(coded_linear(c.layer.nodes.features, c.senders, {out.data(), 20, 16}), Error);
}

}  // namespace test_layer_update
