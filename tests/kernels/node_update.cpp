#include <amq/kernels/node_update.hpp>

#include "rungs.hpp"

#include <amq/core/thread_pool.hpp>
#include <amq/kernels/gemm.hpp>

#include <doctest/doctest.h>

namespace test_node_update {

using namespace amq;
using namespace amq::arithmetics;
using namespace amq::kernels;

namespace {

struct Weights {
  std::vector<std::int8_t> codes;
  std::vector<float> bias, step;
  PackedWeights packed;
  Weights(Index out, Index in, std::uint64_t seed) {
    Random random(seed);
    for (Index k = 0; k < out * in; ++k)
      codes.push_back(static_cast<std::int8_t>(static_cast<int>(random.index(255)) - 127));
    for (Index k = 0; k < out; ++k) {
      bias.push_back(rungs::between(random, -1, 1));
      step.push_back(rungs::between(random, 0.001, 0.01));
    }
    packed = PackedWeights({codes.data(), out, in}, 8, step, bias);
  }
};

struct Case {
  Index nodes, in, inner, out;
  Weights first, second;
  std::vector<float> means, own, features;
  std::vector<std::uint8_t> bits_means, bits_update;
  NodeUpdate update;

  Case(Index n, Index k, Index z, Index c, RowRule rule)
      : nodes(n), in(k), inner(z), out(c), first(z, k, 1), second(c, z, 2) {
    const auto rows = [n](Index cols, std::uint64_t seed) {
      return rungs::some_rows(static_cast<std::size_t>(n), static_cast<std::size_t>(cols), seed);
    };
    means = rows(k, 3);
    own = rows(z, 4);
    features = rows(c, 5);
    update.means = {means.data(), n, k};
    update.own = {own.data(), n, z};
    update.features = {features.data(), n, c};
    update.first.weights = &first.packed;
    update.second.weights = &second.packed;
    for (auto* p : {&update.first, &update.second})
      for (int b = 0; b <= max_bits; ++b)
        p->coders[static_cast<std::size_t>(b)] = {
            rule, b, rule == RowRule::fixed ? 4.0f / static_cast<float>(1 << b) : 0.8f, 0.2f};
    Random random(6);
    for (Index i = 0; i < n; ++i) {
      bits_means.push_back(static_cast<std::uint8_t>(random.index(17)));
      bits_update.push_back(static_cast<std::uint8_t>(random.index(17)));
    }
  }
  static void product(const float* x, const CodedProduct& p, Index row, float* y) {
    const int bits = p.bits_of(row);
    const Index n = p.weights->in();
    std::vector<std::uint8_t> packed(static_cast<std::size_t>(2 * n));
    const RowGrid grid = kernels::quantize_row<simd::Scalar>(
        x, n, p.coders[static_cast<std::size_t>(bits)], packed.data());
    const RowsView rows{packed.data(), 1, n, 2 * n, container_bits(bits), &grid};
    linear<simd::Scalar>(rows, *p.weights, Activation::none, {y, 1, p.weights->out()});
  }
  /// The pieces one after the other, every row by itself.
  std::vector<float> plain() const {
    std::vector<float> result(static_cast<std::size_t>(nodes * out));
    std::vector<float> z(static_cast<std::size_t>(inner)), y(static_cast<std::size_t>(out));
    for (Index i = 0; i < nodes; ++i) {
      product(update.means.row(i), update.first, i, z.data());
      for (Index k = 0; k < inner; ++k) z[static_cast<std::size_t>(k)] += update.own(i, k);
      activate<simd::Scalar>(update.activation, z.data(), z.data(), inner);
      product(z.data(), update.second, i, y.data());
      activate<simd::Scalar>(update.activation, y.data(), y.data(), out);
      for (Index c = 0; c < out; ++c)
        result[static_cast<std::size_t>(i * out + c)] =
            update.features(i, c) + y[static_cast<std::size_t>(c)];
    }
    return result;
  }
};

}  // namespace

TEST_CASE_TEMPLATE("a node update in tiles has the bits of its pieces, at every mixture of bits",
                   Arch, AMQ_RUNGS) {
  for (const RowRule rule : {RowRule::affine, RowRule::symmetric, RowRule::min_max, RowRule::fixed})
    for (const bool mixed : {false, true})
      for (const Activation a : {Activation::swish, Activation::relu}) {
        Case c(101, 37, 64, 20, rule);
        c.update.activation = a;
        if (mixed) {
          c.update.first.row_bits = c.bits_means;
          c.update.second.row_bits = c.bits_update;
        } else {
          c.update.second.bits = 4;
        }
        std::vector<float> out(static_cast<std::size_t>(c.nodes * c.out), 3.0f);
        node_update<Arch>(c.update, {out.data(), c.nodes, c.out});
        CAPTURE(static_cast<int>(rule));
        CAPTURE(mixed);
        CHECK(rungs::same_bits(out, c.plain()));
      }
}

TEST_CASE("a node update gives the same bits for any number of threads, and in place") {
  Case c(1000, 32, 48, 32, RowRule::affine);
  c.update.first.row_bits = c.bits_means;
  std::vector<float> one(static_cast<std::size_t>(1000 * 32)), many(one);
  node_update(c.update, {one.data(), 1000, 32});
  ThreadPool pool(3);
  node_update(c.update, {many.data(), 1000, 32}, pool);
  CHECK(rungs::same_bits(one, many));
  node_update(c.update, {c.features.data(), 1000, 32}, pool);
  CHECK(rungs::same_bits(one, c.features));
}

TEST_CASE("parts of a node update that do not fit together are refused") {
  Case c(20, 16, 8, 12, RowRule::affine);
  std::vector<float> out(static_cast<std::size_t>(20 * 12));
  const auto refused = [&](auto change) {
    NodeUpdate u = c.update;
    change(u);
    CHECK_THROWS_AS(node_update(u, {out.data(), 20, 12}), Error);
  };
  refused([](NodeUpdate& u) { u.first.weights = nullptr; });
  refused([](NodeUpdate& u) { u.means.rows = 19; });
  refused([](NodeUpdate& u) { u.means.cols = 15; });
  refused([](NodeUpdate& u) { u.own.cols = 7; });
  refused([](NodeUpdate& u) { u.second.weights = u.first.weights; });
  refused([](NodeUpdate& u) { u.first.bits = 17; });
  refused([&](NodeUpdate& u) { u.second.row_bits = std::span(c.bits_update).first(5); });
  CHECK_THROWS_AS(node_update(c.update, {out.data(), 20, 11}), Error);
}

}  // namespace test_node_update
