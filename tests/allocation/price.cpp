#include <amq/allocation/price.hpp>

#include <amq/allocation/allocator.hpp>
#include <amq/allocation/row_times.hpp>
#include <amq/mesh/edges.hpp>
#include <amq/mesh/random_square.hpp>
#include <amq/models/mp_pde.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace test_price {

using namespace amq;
using namespace amq::allocation;
using namespace amq::allocation;

namespace {

struct Setting {
  Random random{5};
  Graph graph = cell_edges(random_refined_square(random, 40));
  ParameterLayout layout;
  MpPdeConfig config = sizes();
  MpPde model{layout, config};
  std::vector<int> levels{0, 2, 4, 8};
  Quantizers quantizers{layout, {8, RowRule::affine, levels}};
  PointScores scores{layout, graph.n_nodes()};
  Matrix u = Matrix::Ones(graph.n_nodes(), 1), x = Matrix::Zero(graph.n_nodes(), 2);

  Setting() {
    for (float& s : scores.values) s = static_cast<float>(std::exp(random.normal()));
  }
  static MpPdeConfig sizes() {
    MpPdeConfig c;
    c.hidden = 16;
    c.layers = 2;
    return c;
  }
  [[nodiscard]] PassCost count(const BitPlan& plan) const {
    BasicCounting a(layout, quantizers, plan);
    model(a, graph, view(u), view(x));
    return a.cost();
  }
  /// Times of each point's own, 4 bits dearer than 8 at some.
  [[nodiscard]] RowTimes times() const {
    RowTimes t;
    t.levels = levels;
    for (const PointId p : scores.points) {
      const auto c = static_cast<Cost>(t.points.size());
      t.points.push_back(layout.point(p).name);
      t.picoseconds.push_back({10 + c, 300 + 7 * c, c % 3 ? 350 : 500, 420 + c});
    }
    return t;
  }
  /// By the plan, row by row.
  [[nodiscard]] Cost price(const BitPlan& plan, const RowTimes& t) const {
    Cost sum = 0;
    for (std::size_t c = 0; c < scores.points.size(); ++c)
      for (const auto b : plan.by_point[to_index(scores.points[c])])
        sum += t.picoseconds[c][static_cast<std::size_t>(
            std::find(levels.begin(), levels.end(), int{b}) - levels.begin())];
    return sum;
  }
};

}  // namespace

TEST_CASE("a plan priced by times costs what its rows take, to the picosecond, within its budget") {
  Setting s;
  const PassWork work(s.layout, s.count(BitPlan::uniform(8)));
  const RowTimes times = s.times();
  const Allocator<> allocator(s.layout, s.levels, {}, {}, MeasuredTimes{times});
  CHECK(allocator.unit() == "picoseconds");
  CHECK(allocator.uniform_cost(s.graph, work, 8) > allocator.uniform_cost(s.graph, work, 2));
  for (const AnySharing& sharing :
       {AnySharing(PerNodeAndPoint()), AnySharing(PerEdge()), AnySharing(PerBlock()),
        AnySharing(PerNode()), AnySharing(PerPoint())}) {
    const Allocator<> shared(s.layout, s.levels, {}, {}, MeasuredTimes{times}, sharing);
    for (const double bits : {0.5, 2.0, 3.0}) {
      CAPTURE(std::string(sharing.name));
      const Cost budget = shared.uniform_cost(s.graph, work, bits), overhead = 1234;
      const Planned p = shared.plan(s.graph, work, s.scores, budget + overhead, overhead);
      CHECK(p.cost <= budget + overhead);
      CHECK(p.cost - overhead == s.price(p.plan, times));
      CHECK(p.cost > overhead + budget / 2);
    }
  }
  // A level that another beats in time and error is taken by nobody.
  const Planned p =
      allocator.plan(s.graph, work, s.scores, allocator.uniform_cost(s.graph, work, 6));
  for (std::size_t c = 0; c < s.scores.points.size(); c += 3)
    for (const auto b : p.plan.by_point[to_index(s.scores.points[c])]) REQUIRE(b != 4);
  const Allocator<> by_bops(s.layout, s.levels);
  CHECK(by_bops.unit() == "BOPs");
  CHECK(static_cast<double>(by_bops.uniform_cost(s.graph, work, 4)) ==
        s.count(BitPlan::uniform(4)).bops());
}

TEST_CASE("a priced allocation is within one step of the best of all assignments") {
  Random random(9);
  for (int trial = 0; trial < 60; ++trial) {
    const std::vector<int> bits{0, 2, 4, 8};
    Problem p;
    p.levels = bits;
    std::vector<Cost> macs;
    std::vector<float> score;
    std::vector<std::uint16_t> group;
    for (int g = 0; g < 2; ++g) {
      double last = 1;
      auto& d = p.error.emplace_back();
      auto& t = p.price.emplace_back();
      for (std::size_t k = 0; k < 4; ++k) {
        d.push_back(last *= random.uniform(0.1, 0.9));
        t.push_back(static_cast<Cost>(random.index(100)));
      }
    }
    for (int e = 0; e < 5; ++e) {
      macs.push_back(1 + static_cast<Cost>(random.index(9)));
      score.push_back(static_cast<float>(random.uniform(0.1, 3.0)));
      group.push_back(static_cast<std::uint16_t>(random.index(2)));
    }
    p.work = macs;
    p.score = score;
    p.group = group;
    Cost least = 0, most = 0;
    const auto price = [&](std::size_t e, std::size_t k) { return macs[e] * p.price[group[e]][k]; };
    for (std::size_t e = 0; e < 5; ++e) {
      Cost low = price(e, 0), high = low;
      for (std::size_t k = 1; k < 4; ++k) {
        low = std::min(low, price(e, k));
        high = std::max(high, price(e, k));
      }
      least += low;
      most += high;
    }
    p.budget = least + (most - least) / 3;
    const Allocation a = allocate(p);
    CHECK(a.cost <= p.budget);
    double best = std::numeric_limits<double>::infinity(), step = 0;
    for (std::size_t code = 0; code < 1024; ++code) {
      Cost cost = 0;
      double error = 0;
      for (std::size_t e = 0; e < 5; ++e) {
        const std::size_t k = (code >> (2 * e)) & 3u;
        cost += price(e, k);
        error += static_cast<double>(score[e]) * p.error[group[e]][k];
      }
      if (cost <= p.budget) best = std::min(best, error);
    }
    for (std::size_t e = 0; e < 5; ++e)
      step = std::max(step, static_cast<double>(score[e]) * p.error[group[e]][0]);
    CHECK(a.distortion >= best - 1e-9);
    CHECK(a.distortion <= best + step);
    p.budget = least - 1;
    CHECK_THROWS_AS(static_cast<void>(allocate(p)), Error);
    p.budget = most + 1;
    CHECK_THROWS_AS(static_cast<void>(allocate(p)), Error);
  }
}

TEST_CASE("times are measured by the clock given, for every point and level, fastest round") {
  Setting s;
  // A clock that ticks 1 us a reading, and 5 us at every seventh.
  int readings = 0;
  double now = 0;
  RowTimesOptions options;
  options.rows = 100;
  options.rounds = 4;
  options.clock = [&] { return now += ++readings % 7 == 0 ? 5e-6 : 1e-6; };
  const RowTimes t =
      measure_row_times(s.layout, s.quantizers, s.count(BitPlan::uniform(8)), options);
  t.check(s.layout, s.levels);
  for (const auto& column : t.picoseconds)
    for (const Cost c : column) CHECK(std::abs(c - 10'000) <= 1);
  CHECK(t.points.front() == s.layout.point(s.scores.points.front()).name);
  options.rounds = 0;
  CHECK_THROWS_AS(static_cast<void>(measure_row_times(s.layout, s.quantizers, {}, options)), Error);
}

TEST_CASE("a row of no codes takes less than one of eight bits, one of sixteen more") {
  ParameterLayout layout;
  MpPdeConfig config;
  config.hidden = 128;
  config.layers = 1;
  const MpPde model(layout, config);
  const Quantizers quantizers(layout, {8, RowRule::affine, {0, 8, 16}});
  PassCost cost;
  for (const auto& w : layout.weights()) {
    ProductCost c;
    c.point = "gnn_layers.0.features";
    c.in = w.in;
    c.out = w.out;
    if (w.in == 128 && w.out == 384) cost.products.push_back(c);
  }
  REQUIRE(cost.products.size() == 1);
  RowTimesOptions options;
  options.rows = 512;
  const RowTimes t = measure_row_times(layout, quantizers, cost, options);
  CHECK(t.picoseconds[0][0] < t.picoseconds[0][1]);
  CHECK(t.picoseconds[0][1] < t.picoseconds[0][2]);
}

namespace {

/// What rows weigh in memory, as a user may count it: bytes of codes.
struct Bytes {
  static constexpr std::string_view unit = "bytes";
  [[nodiscard]] Cost work(const RowWork& row) const { return row.channels; }
  [[nodiscard]] Cost per_unit(const RowWork&, std::size_t, int bits) const { return bits; }
  [[nodiscard]] Cost fixed(const PassWork&) const { return 0; }
};

}  // namespace

TEST_CASE("a price of one's own is kept as exactly as BOPs") {
  Setting s;
  const PassWork work(s.layout, s.count(BitPlan::uniform(8)));
  const Allocator<AnyScore, Bytes, PerNodeAndPoint> allocator(s.layout, s.levels);
  const Cost budget = allocator.uniform_cost(s.graph, work, 3);
  const Planned p = allocator.plan(s.graph, work, s.scores, budget);
  Cost bits = 0;
  for (std::size_t c = 0; c < s.scores.points.size(); ++c)
    for (const auto b : p.plan.by_point[to_index(s.scores.points[c])])
      bits += b * s.layout.point(s.scores.points[c]).channels;
  CHECK(p.cost == bits);
  CHECK(p.cost <= budget);
  CHECK(p.cost > budget * 9 / 10);
}

TEST_CASE("a product whose weights have bits of their own costs what it costs") {
  Setting s;
  PassCost cost = s.count(BitPlan::uniform(8));
  const PassWork before(s.layout, cost);
  for (ProductCost& c : cost.products)
    if (c.adaptive) c.weight_bits = 4;
  const PassWork after(s.layout, cost);
  for (std::size_t p = 0; p < before.bops_per_bit.size(); ++p)
    CHECK(2 * after.bops_per_bit[p] == before.bops_per_bit[p]);
}

TEST_CASE("times of another network, of other levels, or negative ones are refused") {
  Setting s;
  Allocator<> allocator(s.layout, s.levels);
  const auto refused = [&](auto change) {
    RowTimes t = s.times();
    change(t);
    CHECK_THROWS_AS(allocator.price_by(MeasuredTimes{t}), Error);
  };
  refused([](RowTimes& t) { t.levels[1] = 3; });
  refused([](RowTimes& t) { t.points[0] += "?"; });
  refused([](RowTimes& t) { t.picoseconds.pop_back(); });
  refused([](RowTimes& t) { t.picoseconds[1].pop_back(); });
  refused([](RowTimes& t) { t.picoseconds[1][1] = -1; });
}

}  // namespace test_price
