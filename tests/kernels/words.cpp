#include <amq/kernels/words.hpp>

#include "rungs.hpp"

#include <amq/core/thread_pool.hpp>
#include <amq/kernels/message_passing.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <limits>

namespace test_words {

using namespace amq;
using namespace amq::arithmetics;
using namespace amq::kernels;

namespace {

using Plain = Words<simd::Scalar>;

std::vector<std::int16_t> some_words(std::size_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::int16_t> w(n);
  for (auto& x : w) x = static_cast<std::int16_t>(static_cast<int>(random.index(65'536)) - 32'768);
  w[0] = -32'768;
  w[1] = 32'767;
  return w;
}

struct Grid {
  WordGrid grid;
  float step, offset;
};
Grid grid_of(std::int32_t low, std::int32_t high, const kernels::detail::WordLevel& level) {
  constexpr Index n = kernels::detail::tile_edges;
  std::int32_t smallest[n], largest[n];
  float inverse[n];
  std::fill_n(smallest, n, low);
  std::fill_n(largest, n, high);
  std::fill_n(inverse, n, level.inverse);
  kernels::detail::WordGrids grids;
  grids.find(smallest, largest, inverse);
  return {grids.of(n - 1, level), grids.step[n - 1], grids.offset[n - 1]};
}

/// A ragged graph: node i has (i * i) % 11 edges, so some have none; node 7 has 150 more.
struct Case {
  Index nodes, hidden, channels;
  std::vector<std::int32_t> first{0}, sender;
  std::vector<float> p, q, bias, step;
  std::vector<std::int8_t> codes;
  std::vector<std::uint8_t> bits;
  AlignedVector<std::int16_t> at_sender;
  PackedWeights weights;
  MessageLayer layer;

  Case(Index n, Index h, Index c, int parts, int messages, int weight_bits = 8)
      : nodes(n), hidden(h), channels(c) {
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
    const int top = highest_code(weight_bits);
    for (Index k = 0; k < c * h; ++k)
      codes.push_back(static_cast<std::int8_t>(
          static_cast<int>(random.index(static_cast<std::uint64_t>(2 * top + 1))) - top));
    for (Index k = 0; k < c; ++k) {
      bias.push_back(rungs::between(random, -1, 1));
      step.push_back(rungs::between(random, 0.001, 0.01));
    }
    weights = PackedWeights({codes.data(), c, h}, weight_bits, step, bias);
    for (std::size_t e = 0; e < sender.size(); ++e)
      bits.push_back(static_cast<std::uint8_t>(random.index(9)));
    at_sender.resize(static_cast<std::size_t>(n * word_stride(h)));
    layer.first = first;
    layer.sender = sender;
    layer.at_receiver = {p.data(), n, h};
    layer.weights = &weights;
    layer.row_bits = bits;
    layer.words = {parts, messages, {at_sender.data(), n, h, word_stride(h)}, nullptr};
    for (int b = 0; b <= max_bits; ++b)
      layer.coders[static_cast<std::size_t>(b)] = {ByRange(), b, b == 3 ? 0.7f : 1.0f};
  }
  template <typename Arch>
  std::vector<float> run(Executor& executor = serial_executor()) {
    std::vector<float> out(static_cast<std::size_t>(nodes * channels), 3.0f);
    to_words<Arch>({q.data(), nodes, hidden}, layer.words.parts,
                   {at_sender.data(), nodes, hidden, word_stride(hidden)}, layer.words.saturated,
                   executor);
    message_mean<Arch>(layer, {out.data(), nodes, channels}, executor);
    return out;
  }
  static std::int16_t word(float x, int fraction) {
    return static_cast<std::int16_t>(
        std::clamp(std::nearbyint(std::ldexp(x, fraction)), -32'768.0f, 32'767.0f));
  }
  static std::int16_t swish(std::int16_t x, int fraction) {
    return Plain::Swish(fraction)(Plain::splat(x)).v[0];
  }

  /// Edge by edge, number by number.
  std::vector<float> plain() const {
    std::vector<float> out(static_cast<std::size_t>(nodes * channels), 0.0f);
    std::vector<int> h(static_cast<std::size_t>(hidden));
    const int f = layer.words.parts, fm = layer.words.messages;
    for (Index i = 0; i < nodes; ++i) {
      std::vector<std::int32_t> sums(static_cast<std::size_t>(channels), 0);
      const Index begin = first[static_cast<std::size_t>(i)],
                  end = first[static_cast<std::size_t>(i + 1)];
      for (Index e = begin; e < end; ++e) {
        const Index j = sender[static_cast<std::size_t>(e)];
        for (Index k = 0; k < hidden; ++k) {
          const int sum = word(p[static_cast<std::size_t>(i * hidden + k)], f) +
                          word(q[static_cast<std::size_t>(j * hidden + k)], f);
          h[static_cast<std::size_t>(k)] =
              swish(static_cast<std::int16_t>(std::clamp(sum, -32'768, 32'767)), f);
        }
        const std::int32_t low = *std::min_element(h.begin(), h.end()),
                           high = *std::max_element(h.begin(), h.end());
        const int b = layer.row_bits.empty() ? layer.bits : bits[static_cast<std::size_t>(e)];
        const kernels::detail::WordLevel level(RowLevel(layer.coders[static_cast<std::size_t>(b)]));
        const auto [g, s, of_codes] = grid_of(low, high, level);
        float o = of_codes;
        if (b == 0) o = 0.5f * static_cast<float>(low + high);
        for (Index c = 0; c < channels; ++c) {
          const auto at = static_cast<std::size_t>(c);
          std::int32_t acc = 0, colsum = 0;
          for (Index k = 0; k < hidden; ++k) {
            const int wide = (h[static_cast<std::size_t>(k)] << g.left) - g.centre;
            const auto y = static_cast<std::int16_t>(wide);
            const int code = std::clamp<int>(((y * g.factor) >> 16) >> g.right, g.low, g.high);
            const int weight = codes[static_cast<std::size_t>(c * hidden + k)];
            acc += b == 0 ? 0 : code * weight;
            colsum += weight;
          }
          const float shift = o * static_cast<float>(colsum);
          const float rows = b == 0 ? shift : std::fma(s, static_cast<float>(acc), shift);
          const float z = std::fma(std::ldexp(step[at], fm - f), rows, std::ldexp(bias[at], fm));
          sums[at] += swish(word(z, 0), fm);
        }
      }
      const float unit = std::ldexp(1.0f, -fm);
      for (Index c = 0; c < channels && end > begin; ++c)
        out[static_cast<std::size_t>(i * channels + c)] =
            static_cast<float>(sums[static_cast<std::size_t>(c)]) *
            (layer.mean ? unit / static_cast<float>(end - begin) : unit);
    }
    return out;
  }
};

}  // namespace

TEST_CASE_TEMPLATE("swish of words: every input, every fraction, every rung", Arch, AMQ_RUNGS) {
  using W = Words<Arch>;
  for (int f = least_fraction; f <= most_fraction; ++f) {
    const typename W::Swish swish(f);
    const Plain::Swish plain(f);
    double near = 0, far = 0;
    int differ = 0;
    for (int x = -32'768; x < 32'768; x += W::count) {
      std::int16_t in[W::count], out[W::count], expected[W::count];
      for (int l = 0; l < W::count; ++l) in[l] = static_cast<std::int16_t>(x + l);
      W::store(out, swish(W::load(in)));
      Plain::store(expected, plain(Plain::load(in)));
      for (int l = 0; l < W::count; ++l) {
        differ += out[l] != expected[l];
        const double v = std::ldexp(in[l], -f), exact = v < -700 ? 0 : v / (1 + std::exp(-v));
        double& worst = std::abs(v) < 7 ? near : far;
        worst = std::max(worst, std::abs(std::ldexp(out[l], -f) - exact));
      }
    }
    CAPTURE(f);
    CHECK(differ == 0);
    CHECK(near <= std::ldexp(0.5, -f) + 0.0006);
    CHECK(far <= std::ldexp(0.5, -f) + 0.0028);
  }
}

TEST_CASE_TEMPLATE("what is done with words has the portable rung's bits", Arch, AMQ_RUNGS) {
  using W = Words<Arch>;
  using F = simd::Floats<Arch>;
  const auto a = some_words(W::count, 3), b = some_words(W::count, 4);
  std::vector<std::int16_t> x(W::count), y(W::count);
  const auto same = [&](auto v, Plain::V expected) {
    W::store(x.data(), v);
    Plain::store(y.data(), expected);
    return x == y;
  };
  CHECK(same(W::add(W::load(a.data()), W::load(b.data())),
             Plain::add(Plain::load(a.data()), Plain::load(b.data()))));
  CHECK(same(W::lesser(W::load(a.data()), W::load(b.data())),
             Plain::lesser(Plain::load(a.data()), Plain::load(b.data()))));
  CHECK(same(W::greater(W::load(a.data()), W::load(b.data())),
             Plain::greater(Plain::load(a.data()), Plain::load(b.data()))));

  // A range ends in any lane.
  for (int l = 0; l < W::count; ++l) {
    std::vector<std::int16_t> low(W::count, 5), high(W::count, -5);
    low[static_cast<std::size_t>(l)] = -32'768;
    high[static_cast<std::size_t>(l)] = 32'767;
    std::int32_t smallest, largest;
    W::extremes(W::load(low.data()), W::load(high.data()), smallest, largest);
    CHECK(smallest == -32'768);
    CHECK(largest == 32'767);
  }

  const float nan = std::numeric_limits<float>::quiet_NaN(),
              inf = std::numeric_limits<float>::infinity();
  float numbers[32] = {nan,  -nan,  inf,       -inf,      1e30f,     -1e30f,     0.5f,       1.5f,
                       2.5f, -0.5f, 32'767.4f, 32'767.5f, 40'000.0f, -32'768.4f, -40'000.0f, -0.0f};
  for (int l = 16; l < 32; ++l) numbers[l] = static_cast<float>(l * 1'000) + 0.25f;
  using P = simd::Floats<simd::Scalar>;
  CHECK(same(W::rounded(F::load(numbers), F::load(numbers + 16)),
             Plain::rounded(P::load(numbers), P::load(numbers + 16))));
  CHECK(x[0] == -32'768);
  CHECK(x[2] == 32'767);
  CHECK(x[7] == 2);

  simd::Ints<Arch> first, second;
  W::template widen<Arch>(W::load(a.data()), first, second);
  std::int32_t wide[32];
  first.store(wide);
  second.store(wide + 16);
  CHECK(std::equal(a.begin(), a.end(), wide));

  Random random(6);
  for (int i = 0; i < 2'000; ++i) {
    const int bits = static_cast<int>(random.index(8)) + 1;
    WordGrid g;
    g.centre = static_cast<std::int16_t>(random.index(65'536));
    g.factor = static_cast<std::int16_t>(16'384 + random.index(16'384));
    g.left = static_cast<std::int16_t>(random.index(16));
    g.right = static_cast<std::int16_t>(random.index(16));
    g.low = static_cast<std::int16_t>(lowest_code(bits));
    g.high = static_cast<std::int16_t>(highest_code(bits));
    const auto u = some_words(32, random.bits()), v = some_words(32, random.bits());
    std::vector<std::uint8_t> bytes(64), expected(64);
    const int bias = i % 2 ? 128 : 8;
    const typename W::Encoder encode(g, bias);
    encode(W::load(u.data()), W::load(v.data()), bytes.data());
    Plain::Encoder(g, bias)(Plain::load(u.data()), Plain::load(v.data()), expected.data());
    REQUIRE(bytes == expected);
  }
}

TEST_CASE("codes of words are within half a step of them, whatever their range") {
  Random random(7);
  for (const int bits : {1, 2, 4, 8})
    for (int i = 0; i < 3'000; ++i) {
      const int width = i < 2'000 ? i : static_cast<int>(random.index(65'536));
      const std::int32_t low =
          static_cast<std::int32_t>(random.index(static_cast<std::uint64_t>(65'536 - width))) -
          32'768;
      const std::int32_t high = low + width;
      const kernels::detail::WordLevel level(
          RowLevel(BasicRowCoder<ByRange>{.bits = bits, .a = 1.0f}));
      const auto [g, step, offset] = grid_of(low, high, level);
      const int middle =
          low + static_cast<int>(random.index(static_cast<std::uint64_t>(width + 1)));
      for (const std::int32_t x : {low, middle, high}) {
        const auto v = Plain::splat(static_cast<std::int16_t>(x));
        std::uint8_t out[64];
        Plain::Encoder(g, 128)(v, v, out);
        const double value = step * (out[0] - 128.0) + offset;
        CAPTURE(bits);
        CAPTURE(low);
        CAPTURE(high);
        REQUIRE(std::abs(value - x) <= 0.501 * step + 0.5);
      }
    }
}

TEST_CASE_TEMPLATE("a layer of words has the bits of plain loops, on ragged graphs", Arch,
                   AMQ_RUNGS) {
  for (const auto& size : {std::pair<Index, Index>{64, 64}, {20, 37}, {129, 16}, {7, 5}})
    for (const int weight_bits : {8, 4}) {
      Case c(60, size.first, size.second, 11, 9, weight_bits);
      CAPTURE(size.first);
      CHECK(rungs::same_bits(c.run<Arch>(), c.plain()));
      c.layer.row_bits = {};
      for (const int bits : {0, 4, 8}) {
        c.layer.bits = bits;
        c.layer.mean = bits == 4;
        CHECK(rungs::same_bits(c.run<Arch>(), c.plain()));
      }
    }
}

TEST_CASE("means of words are near those of floats") {
  Case c(200, 64, 64, 12, 9);
  c.layer.row_bits = {};
  const auto words = c.run<simd::Native>();
  c.layer.words = {};
  c.layer.at_sender = {c.q.data(), c.nodes, c.hidden};
  std::vector<float> floats(words.size());
  message_mean(c.layer, {floats.data(), c.nodes, c.channels});
  double error = 0, size = 0;
  for (std::size_t k = 0; k < words.size(); ++k) {
    error += std::pow(words[k] - floats[k], 2);
    size += std::pow(floats[k], 2);
  }
  CHECK(std::sqrt(error / size) < 0.003);
}

TEST_CASE("a layer of words gives the same bits for any number of threads, and in every build") {
  Case c(3'000, 32, 48, 11, 10);
  std::atomic<std::int64_t> one_count = 0, many_count = 0;
  c.layer.words.messages = 12;
  c.layer.words.saturated = &one_count;
  const auto one = c.run<simd::Native>();
  CHECK(one_count > 0);
  for (const std::size_t n : {2u, 3u}) {
    ThreadPool pool(n);
    many_count = 0;
    c.layer.words.saturated = &many_count;
    CHECK(rungs::same_bits(one, c.run<simd::Native>(pool)));
    CHECK(many_count == one_count);
  }
  rungs::Fingerprint f;
  f.add(one.data(), one.size());
  CHECK(f.value() == 5763320928017608835u);
}

TEST_CASE("words that reach the limits are counted: of senders, of receivers, of messages") {
  Case c(20, 16, 8, 12, 6);
  std::atomic<std::int64_t> count = 0;
  c.layer.words.saturated = &count;
  for (auto& x : c.p) x = 0.5f;
  for (auto& x : c.q) x = 0.5f;
  c.run<simd::Native>();
  CHECK(count == 0);
  c.q[3] = -9.0f;  // of one sender
  c.run<simd::Native>();
  CHECK(count == 1);
  c.q[3] = 0.5f;
  const auto receivers =
      std::count_if(c.first.begin() + 1, c.first.end(),
                    [&, last = 0](int e) mutable { return std::exchange(last, e) != e; });
  count = 0;
  c.p[16] = 9.0f;  // of node 1, and so in the sum of its only edge
  c.run<simd::Native>();
  CHECK(count == 2);
  for (auto& b : c.bias) b = 1'000.0f;
  c.weights = PackedWeights({c.codes.data(), 8, 16}, 8, c.step, c.bias);
  c.p[16] = 0.5f;
  count = 0;
  c.run<simd::Native>();
  CHECK(count == receivers);
}

TEST_CASE("layers that words are not made for are refused") {
  Case c(20, 16, 8, 11, 9);
  std::vector<float> out(static_cast<std::size_t>(20 * 8));
  const auto refused = [&](auto change) {
    MessageLayer l = c.layer;
    change(l);
    CHECK_THROWS_AS(message_mean(l, {out.data(), 20, 8}), Error);
  };
  refused([](MessageLayer& l) { l.words.parts = 0; });
  refused([](MessageLayer& l) { l.words.messages = 13; });
  refused([](MessageLayer& l) { l.words.at_sender.stride = 16; });
  refused([](MessageLayer& l) { l.words.at_sender.cols = 15; });
  refused([](MessageLayer& l) { l.activation = Activation::relu; });
  refused([](MessageLayer& l) {
    l.row_bits = {};
    l.bits = 16;
  });
  refused([](MessageLayer& l) {
    for (auto& coder : l.coders) coder.rule = ByMagnitude();
  });
}

TEST_CASE("fractions leave room for the largest number") {
  CHECK(fraction_for(0) == 12);
  CHECK(fraction_for(7.9) == 12);
  CHECK(fraction_for(8) == 11);
  CHECK(fraction_for(91) == 8);
  CHECK(fraction_for(1e30) == 1);
}

}  // namespace test_words
