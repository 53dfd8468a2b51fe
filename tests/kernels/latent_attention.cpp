#include <amq/kernels/latent_attention.hpp>
#include <amq/simd/batch.hpp>

#include "rungs.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <span>

namespace test_latent_attention {

using namespace amq;
using namespace amq::mesh;

namespace {
constexpr Index width = 5, heads = 2;

struct Given {
  std::vector<float> x, logits, tokens, inverse;
  Index nodes, n;

  Given(Index of_nodes, Index of_tokens)
      : x(rungs::some_rows(at(of_nodes), at(heads * width), 3)),
        logits(rungs::some_rows(at(heads * of_nodes), at(of_tokens), 4)),
        tokens(rungs::some_rows(at(of_tokens), at(width), 5)),
        nodes(of_nodes),
        n(of_tokens) {
    for (Index c = 0; c < heads * width; ++c) inverse.push_back(20.0f + static_cast<float>(c));
  }
  static std::size_t at(Index k) { return static_cast<std::size_t>(k); }
  [[nodiscard]] kernels::HeadLogits head(Index h) const {
    return {{logits.data() + h * nodes * n, nodes, n}, h == 0 ? 1.25f : 3.0f};
  }
};

/// Sums of pooling, and what it has measured for them.
template <typename Arch>
std::vector<std::int64_t> pooled(const Given& s, bool shares, int highest) {
  std::vector<kernels::PoolingHead> of_head;
  std::vector<float> top(Given::at(heads * (std::max(s.nodes, s.n) + 16)), 0.0f),
      most(Given::at(heads * width));
  std::vector<std::int64_t> sum(Given::at(heads * s.nodes)), least, all;
  const MatrixView<const float> x(s.x.data(), s.nodes, heads * width);
  kernels::largest_of_columns<Arch>(x, most.data());
  for (Index h = 0; h < heads; ++h) {
    float* own = top.data() + h * (std::max(s.nodes, s.n) + 16);
    std::int64_t* of_node = sum.data() + h * s.nodes;
    of_head.push_back({s.head(h), own, of_node});
    if (shares) {
      kernels::sums_of_shares<Arch>(s.head(h), own, of_node);
      least.push_back(*std::min_element(of_node, of_node + s.nodes));
    } else {
      kernels::largest_logits<Arch>(s.head(h), own);
    }
    for (Index k = 0; k < (shares ? s.nodes : s.n); ++k)
      all.push_back(std::bit_cast<std::int32_t>(own[k]));
  }
  kernels::PoolingMemory memory;
  std::vector<std::int64_t> weights(Given::at(heads * s.n), 7),
      products(Given::at(heads * s.n * width), -7);
  kernels::Pooling<Arch>(of_head, least, highest, memory)
      .add(x, s.inverse.data(), 127, weights.data(), products.data());
  for (const float m : most) all.push_back(std::bit_cast<std::int32_t>(m));
  for (const auto* v : {&sum, &weights, &products}) all.insert(all.end(), v->begin(), v->end());
  return all;
}

template <typename Arch>
std::vector<float> spread(const Given& s, int bits, int highest) {
  std::vector<float> y(Given::at(s.nodes * (width + 2)), 0.25f);
  const MatrixView<float> out(y.data(), s.nodes, width, width + 2);
  for (const bool low : {false, true}) {
    if (low && bits < 16) continue;
    kernels::CodedTokens<Arch> coded;
    coded.encode({s.tokens.data(), s.n, width}, bits, low);
    coded.spread(s.head(1), highest, out, low);
  }
  return y;
}

}  // namespace

TEST_CASE_TEMPLATE("pooling in integers has the portable rung's sums, of any nodes and tokens",
                   Arch, AMQ_RUNGS) {
  for (const Index nodes : {1, 3, 16, 63, 64, 65, 200})
    for (const Index n : {1, 7, 16, 17, 32, 45, 64, 300})
      for (const bool shares : {false, true})
        for (const int highest : {3, 255}) {
          CAPTURE(nodes);
          CAPTURE(n);
          CAPTURE(shares);
          const Given s(nodes, n);
          REQUIRE(pooled<Arch>(s, shares, highest) == pooled<simd::Scalar>(s, shares, highest));
        }
}

TEST_CASE_TEMPLATE("giving tokens back in integers has the portable rung's bits", Arch, AMQ_RUNGS) {
  for (const Index nodes : {1, 15, 16, 50})
    for (const Index n : {1, 7, 16, 17, 32, 45, 64, 300})
      for (const int bits : {2, 8, 16})
        for (const int highest : {3, 255}) {
          CAPTURE(nodes);
          CAPTURE(n);
          CAPTURE(bits);
          const Given s(nodes, n);
          REQUIRE(rungs::same_bits(spread<Arch>(s, bits, highest),
                                   spread<simd::Scalar>(s, bits, highest)));
        }
}

TEST_CASE("extremes of weights and values, and more nodes than 32 bits add up, stay exact") {
  // Every weight is 255, and every value at an end of its codes.
  const Index nodes = 40'000, n = 2;
  std::vector<float> x(Given::at(nodes * 2)), logits(Given::at(nodes * n), 0.5f);
  for (Index i = 0; i < nodes; ++i) x[Given::at(2 * i)] = 9, x[Given::at(2 * i + 1)] = -9;
  const std::vector<float> inverse{100, 100}, top(16, 0.5f);
  const std::vector<kernels::PoolingHead> head{
      {{{logits.data(), nodes, n}, 1.0f}, top.data(), nullptr}};
  kernels::PoolingMemory memory;
  std::vector<std::int64_t> weights(2, 0), products(4, 0);
  kernels::Pooling<>(head, {}, 255, memory)
      .add({x.data(), nodes, 2}, inverse.data(), 127, weights.data(), products.data());
  CHECK(weights == std::vector<std::int64_t>(2, 255 * nodes));
  const std::int64_t most = 127 * 255 * nodes;
  CHECK(products == std::vector<std::int64_t>{most, -most, most, -most});
}

TEST_CASE("the codes of latent attention are the same at every level") {
  rungs::Fingerprint f;
  for (const bool shares : {false, true}) {
    const auto sums = pooled<simd::Native>(Given(77, 33), shares, 255);
    f.add(sums.data(), sums.size());
  }
  const auto y = spread<simd::Native>(Given(77, 33), 8, 255);
  f.add(y.data(), y.size());
  CHECK(f.value() == 13605565553353294538u);
}

}  // namespace test_latent_attention
