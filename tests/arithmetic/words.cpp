#include <amq/arithmetic/fixed.hpp>
#include <amq/arithmetic/float32.hpp>
#include <amq/arithmetic/training.hpp>
#include <amq/core/thread_pool.hpp>
#include <amq/models/graph_vit.hpp>
#include <amq/models/mp_pde.hpp>
#include <amq/models/network.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace test_words {

using namespace amq;
using namespace amq::models;

using InInts = Scheme<Weights<8>, InWords<Activations<0, 2, 4, 8>>>;
static_assert(InInts::words && !Scheme<Weights<8>, Activations<8>>::words);

namespace {

struct Setting {
  Graph graph;
  Matrix u, x, v;
  Network<MpPde> net;

  static MpPdeConfig sizes(Index hidden) {
    MpPdeConfig c;
    c.hidden = hidden;
    c.layers = 2;
    c.dim = 2;
    return c;
  }
  explicit Setting(bool words = true, Index n = 70, Index hidden = 40)
      : net(sizes(hidden), {8, ByRange(), {0, 2, 4, 8}, words}, 7) {
    Random random(3);
    graph.first = {0};
    for (Index i = 0; i < n; ++i) {
      for (Index k = 0; i + 1 < n && k < 3 + i % 5; ++k) {
        graph.sender.push_back(
            static_cast<std::int32_t>(random.index(static_cast<std::uint64_t>(n))));
        graph.receiver.push_back(static_cast<std::int32_t>(i));
      }
      graph.first.push_back(static_cast<std::int32_t>(graph.sender.size()));
    }
    const MpPdeConfig c = net.model.config();
    const auto fill = [&](Matrix& m, Index cols) {
      m.resize(n, cols);
      for (Index k = 0; k < m.size(); ++k) m.data()[k] = static_cast<float>(random.normal());
    };
    fill(u, c.fields());
    fill(x, c.dim);
    fill(v, c.variables);
    if (words) fractions(10, 9);
  }
  void fractions(float parts, float messages) {
    for (std::size_t p = 0; p < net.layout.points().size(); ++p)
      if (const auto f = net.quantizers.fractions(static_cast<PointId>(p)); f != no_parameter) {
        net.parameters.view(net.layout.entry(f)).data[0] = parts;
        net.parameters.view(net.layout.entry(f)).data[1] = messages;
      }
  }
  template <typename A>
  auto run(A& a) const {
    return net.model(a, graph, view(u), view(x), view(v));
  }
  [[nodiscard]] Matrix trained(const BitPlan& plan) const {
    BasicTraining<float> a(net.layout, net.quantizers);
    a.begin({&net.parameters, nullptr, &plan});
    return map(a[run(a)]);
  }
  template <typename S = AnyScheme>
  Matrix deployed(const BitPlan& plan, Executor& executor = serial_executor(),
                  std::int64_t* saturated = nullptr) const {
    Fixed<S> a(net.layout, net.quantizers, net.parameters, executor);
    a.begin(plan);
    Matrix y = map(run(a).view());
    if (saturated) *saturated = a.saturated();
    return y;
  }
  [[nodiscard]] BitPlan mixed(bool skips) const {
    Random random(5);
    BitPlan plan;
    const int levels[] = {0, 2, 4, 8};
    const auto draw = [&](Index n) {
      std::vector<std::uint8_t> bits(static_cast<std::size_t>(n));
      for (auto& b : bits) b = static_cast<std::uint8_t>(levels[random.index(4)]);
      return bits;
    };
    plan[RowKind::node] = draw(graph.n_nodes());
    plan[RowKind::edge] = draw(graph.n_edges());
    plan.zero_skips = skips;
    return plan;
  }
};

double relative(const Matrix& a, const Matrix& b) {
  return static_cast<double>((a - b).norm() / b.norm());
}

}  // namespace

TEST_CASE("layers of words give training, deployment and any threads the same bits") {
  const Setting s;
  for (const int bits : {0, 2, 4, 8}) {
    const BitPlan plan = BitPlan::uniform(bits);
    const Matrix y = s.deployed(plan);
    CHECK(y.allFinite());
    CHECK(s.deployed<InInts>(plan) == y);
    CHECK(s.trained(plan) == y);
  }
  for (const bool skips : {false, true}) {
    const BitPlan plan = s.mixed(skips);
    const Matrix y = s.deployed<InInts>(plan);
    CHECK(s.trained(plan) == y);
    ThreadPool pool(3);
    CHECK(s.deployed<InInts>(plan, pool) == y);
  }
}

TEST_CASE("layers of words are near layers of floats, and are not these") {
  const Setting words, floats(false);
  CHECK(words.net.parameters.values.size() == floats.net.parameters.values.size() + 4);
  const BitPlan plan = BitPlan::uniform(8);
  const Matrix y = words.deployed(plan), z = floats.deployed(plan);
  CHECK(y != z);
  CHECK(relative(y, z) < 0.01);
}

TEST_CASE("gradients pass through layers of words as through those of floats") {
  const Setting words, floats(false);
  const BitPlan plan = BitPlan::uniform(8);
  const auto gradients = [&](const Setting& s) {
    BasicTraining<float> a(s.net.layout, s.net.quantizers);
    std::vector<float> d(s.net.parameters.values.size(), 0.0f);
    a.begin({&s.net.parameters, &d, &plan});
    const auto y = s.run(a);
    const Matrix seed = map(a[y]);
    a.tape().backward(y.ref, view(seed));
    // What both layouts have stands first.
    return Eigen::VectorXf(Eigen::Map<Eigen::VectorXf>(
        d.data(), static_cast<Index>(s.net.layout.entry(s.net.quantizers.step(PointId{})).offset)));
  };
  const Eigen::VectorXf a = gradients(words), b = gradients(floats);
  CHECK(b.norm() > 0);
  CHECK((a - b).norm() < 0.02f * b.norm());
}

TEST_CASE("words that are too small are counted") {
  Setting s;
  std::int64_t n = -1;
  const BitPlan plan = BitPlan::uniform(8);
  const Matrix y = s.deployed(plan, serial_executor(), &n);
  CHECK(n == 0);
  s.u *= 100;
  s.fractions(12, 12);
  s.deployed(plan, serial_executor(), &n);
  CHECK(n > 0);
}

TEST_CASE("schemes of words have names, and refuse what they are not made for") {
  const SchemeInfo info = SchemeInfo::of<InInts>();
  CHECK(info.name() == "w8a0,2,4,8_by_range_words");
  CHECK(InInts::name() == info.name());
  CHECK(SchemeInfo::named(info.name(), "test") == info);
  CHECK(info.sentence() ==
        "weights of 8 bits, levels 0, 2, 4, 8, rule by_range, words between products");
  CHECK_THROWS_AS(SchemeInfo::named("w8a8_words", "test"), Error);

  const auto made = [](const SchemeInfo& scheme) {
    Network<MpPde> net(Setting::sizes(8), scheme, 1);
  };
  CHECK_THROWS_AS(made({8, ByMagnitude(), {8}, true}), Error);
  CHECK_THROWS_AS(made({8, ByRange(), {8, 16}, true}), Error);
  CHECK_THROWS_AS(Network<GraphVit>(GraphVitConfig(), {8, ByRange(), {8}, true}, 1), Error);

  Setting s;
  CHECK_THROWS_AS((Fixed<Scheme<Weights<8>, Activations<0, 2, 4, 8>>>(
                      s.net.layout, s.net.quantizers, s.net.parameters)),
                  Error);
  s.fractions(13, 9);
  CHECK_THROWS_WITH_AS(BasicFixed(s.net.layout, s.net.quantizers, s.net.parameters),
                       doctest::Contains("1 to 12 bits behind the point"), Error);
}

}  // namespace test_words
