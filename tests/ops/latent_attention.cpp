#include <amq/ops/latent_attention.hpp>

#include "laws.hpp"

#include <numeric>

namespace test_latent_attention {

using namespace amq;
using namespace amq::ops;
using namespace amq::test;

namespace {

constexpr Index heads = 3, width = 5, tokens = 21, nodes = 333;

struct Given {
  Numbers<float> x, tokens_of, logits, temperature;

  explicit Given(float spread = 2, Index n = nodes)
      : x({n, heads * width}, 0.0f),
        tokens_of({heads * tokens, width}, 0.0f),
        logits({heads * n, tokens}, 0.0f),
        temperature({1, heads}, 0.0f) {
    Random random(5);
    for (float& v : x.v) v = static_cast<float>(random.normal());
    for (float& v : tokens_of.v) v = static_cast<float>(random.normal());
    for (float& v : logits.v) v = spread * static_cast<float>(random.normal());
    temperature.v = {0.5f, 1.0f, 0.25f};
  }
  template <typename Op>
  Numbers<float> pooled(const Op& op, Executor& executor = serial_executor()) const {
    Numbers<float> y({heads * tokens, width}, 0.0f);
    std::vector<float> sums(static_cast<std::size_t>(heads * tokens));
    op.forward(x.view(), logits.view(), temperature.view(), y.view(), sums.data(), executor);
    return y;
  }
  template <typename Op>
  Numbers<float> spread(const Op& op, Executor& executor = serial_executor()) const {
    Numbers<float> y({x.rows, heads * width}, 0.0f);
    op.forward(tokens_of.view(), logits.view(), temperature.view(), y.view(), executor);
    return y;
  }
};

constexpr ProductBits eight{8, 8};

/// Codes and sums written out, without the kernels.
struct Written {
  static std::int64_t wide(int place) {
    return static_cast<std::int64_t>(std::floor(65'535 * portable::exp(-place / 40.0) + 0.5));
  }
  static int place(float top, float z) {
    return static_cast<int>(std::nearbyint(40 * std::min(top - z, 6.375f)));
  }
  static Numbers<float> pooled(const Given& s, ops::PoolOver over, double eps) {
    Numbers<float> y({heads * tokens, width}, 0.0f);
    for (Index h = 0; h < heads; ++h) {
      const float scale = 1.0f / s.temperature.v[static_cast<std::size_t>(h)];
      const auto z = [&](Index i, Index g) { return s.logits.view()(h * s.x.rows + i, g) * scale; };
      const auto column = [&](Index g) {
        float top = z(0, g);
        for (Index i = 1; i < s.x.rows; ++i) top = std::max(top, z(i, g));
        return top;
      };
      const auto row = [&](Index i) {
        float top = z(i, 0);
        for (Index g = 1; g < tokens; ++g) top = std::max(top, z(i, g));
        return top;
      };
      std::vector<std::int64_t> all(static_cast<std::size_t>(s.x.rows), 0);
      for (Index i = 0; i < s.x.rows; ++i)
        for (Index g = 0; g < tokens; ++g)
          all[static_cast<std::size_t>(i)] += wide(place(row(i), z(i, g)));
      const std::int64_t least = *std::min_element(all.begin(), all.end());
      for (Index g = 0; g < tokens; ++g) {
        std::vector<std::int64_t> code;
        for (Index i = 0; i < s.x.rows; ++i) {
          if (over == ops::PoolOver::nodes) {
            code.push_back((2 * 255 * wide(place(column(g), z(i, g))) + 65'535) / (2 * 65'535));
            continue;
          }
          const auto by =
              static_cast<float>(255 * static_cast<double>(least) /
                                 (65'535 * static_cast<double>(all[static_cast<std::size_t>(i)])));
          code.push_back(static_cast<std::int64_t>(
              std::fma(static_cast<float>(wide(place(row(i), z(i, g)))), by, 0.5f)));
        }
        const double step =
            (over == ops::PoolOver::nodes ? 1.0 : 65'535 / static_cast<double>(least)) / 255;
        const double weight =
            static_cast<double>(std::accumulate(code.begin(), code.end(), std::int64_t{0})) +
            eps / step;
        for (Index c = 0; c < width; ++c) {
          float largest = 0;
          for (Index i = 0; i < s.x.rows; ++i)
            largest = std::max(largest, std::abs(s.x.view()(i, h * width + c)));
          const float of_code = largest / 127, inverse = 1.0f / of_code;
          std::int64_t sum = 0;
          for (Index i = 0; i < s.x.rows; ++i)
            sum += code[static_cast<std::size_t>(i)] *
                   encode_symmetric(s.x.view()(i, h * width + c), inverse, 127);
          y.view()(h * tokens + g, c) =
              static_cast<float>(static_cast<double>(sum) * static_cast<double>(of_code) / weight);
        }
      }
    }
    return y;
  }
};

std::vector<Index> shuffled(Index n) {
  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index{0});
  Random random(9);
  for (std::size_t k = order.size(); k > 1; --k) std::swap(order[k - 1], order[random.index(k)]);
  return order;
}

}  // namespace

TEST_CASE("pooling in integers is what its codes and sums written out give, bit for bit") {
  for (const auto over : {ops::PoolOver::tokens, ops::PoolOver::nodes})
    for (const float spread : {0.0f, 0.3f, 3.0f}) {
      const Given s(spread);
      CHECK(s.pooled(ops::PoolNodes<true>{heads, over, 1e-5, eight}).v ==
            Written::pooled(s, over, 1e-5).v);
    }
}

TEST_CASE("latent attention in 8-bit integers is near that of floats, and nearer than in fewer") {
  const Given s;
  for (const auto over : {ops::PoolOver::tokens, ops::PoolOver::nodes}) {
    const auto exact = s.pooled(ops::PoolNodes<true>{heads, over, 1e-5});
    const double at8 = apart(s.pooled(ops::PoolNodes<true>{heads, over, 1e-5, eight}), exact),
                 at4 = apart(s.pooled(ops::PoolNodes<true>{heads, over, 1e-5, {4, 4}}), exact);
    CHECK(at8 < 0.03);
    CHECK(at4 > at8);
  }
  const auto exact = s.spread(ops::SpreadTokens<true>{heads});
  const double at8 = apart(s.spread(ops::SpreadTokens<true>{heads, eight}), exact),
               at4 = apart(s.spread(ops::SpreadTokens<true>{heads, {4, 4}}), exact);
  CHECK(at8 < 0.02);
  CHECK(at4 > at8);
}

TEST_CASE("pooling in integers gives the same bits for any order of nodes") {
  for (const auto over : {ops::PoolOver::tokens, ops::PoolOver::nodes}) {
    const Given s;
    Given other;
    const auto order = shuffled(nodes);
    for (Index i = 0; i < nodes; ++i) {
      const Index from = order[static_cast<std::size_t>(i)];
      std::copy_n(s.x.view().row(from), s.x.cols, other.x.view().row(i));
      for (Index h = 0; h < heads; ++h)
        std::copy_n(s.logits.view().row(h * nodes + from), tokens,
                    other.logits.view().row(h * nodes + i));
    }
    const ops::PoolNodes<true> op{heads, over, 1e-5, eight};
    CHECK(other.pooled(op).v == s.pooled(op).v);
    const ops::SpreadTokens<true> back{heads, eight};
    const auto a = s.spread(back), b = other.spread(back);
    for (Index i = 0; i < nodes; ++i)
      for (Index c = 0; c < a.cols; ++c)
        CHECK(b.view()(i, c) == a.view()(order[static_cast<std::size_t>(i)], c));
  }
}

TEST_CASE("latent attention in integers gives the same bits for one thread and for several") {
  ThreadPool pool(3);
  const Given s;
  for (const auto over : {ops::PoolOver::tokens, ops::PoolOver::nodes}) {
    const ops::PoolNodes<true> op{heads, over, 1e-5, eight};
    CHECK(s.pooled(op, pool).v == s.pooled(op).v);
  }
  const ops::SpreadTokens<true> back{heads, eight};
  CHECK(s.spread(back, pool).v == s.spread(back).v);
}

TEST_CASE("a mesh of more nodes than one product holds is pooled exactly") {
  Given one(2, 40), many(2, 40 * 1700);
  for (Index i = 0; i < many.x.rows; ++i) {
    std::copy_n(one.x.view().row(i % 40), one.x.cols, many.x.view().row(i));
    for (Index h = 0; h < heads; ++h)
      std::copy_n(one.logits.view().row(h * 40 + i % 40), tokens,
                  many.logits.view().row(h * many.x.rows + i));
  }
  // A mean does not know how often its terms are repeated.
  const ops::PoolNodes<true> op{heads, ops::PoolOver::nodes, 0, eight};
  CHECK(many.pooled(op).v == one.pooled(op).v);
}

TEST_CASE("nodes, tokens and logits of other heads are refused") {
  const auto shape = [](const auto& op, auto... s) { static_cast<void>(op.shape(s...)); };
  const ops::PoolNodes<false> pool{2};
  CHECK_THROWS_AS(shape(pool, MatrixShape{4, 7}, MatrixShape{8, 5}), Error);
  CHECK_THROWS_WITH_AS(shape(pool, MatrixShape{4, 6}, MatrixShape{4, 5}),
                       doctest::Contains("expected (8, 5), found (4, 5)"), Error);
  CHECK_THROWS_AS(shape(ops::SpreadTokens<false>{2}, MatrixShape{9, 3}, MatrixShape{8, 5}), Error);
  CHECK_THROWS_AS(
      shape(ops::SpreadTokens<true>{2}, MatrixShape{10, 3}, MatrixShape{8, 5}, MatrixShape{1, 3}),
      Error);
  CHECK_THROWS_AS(shape(ops::SplitHeads{2}, MatrixShape{4, 7}), Error);
}

}  // namespace test_latent_attention
