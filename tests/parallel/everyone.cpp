#include <amq/allocation/engine.hpp>
#include <amq/core/random.hpp>
#include <amq/ops/norm.hpp>
#include <amq/parallel/local_communicator.hpp>
#include <amq/parallel/senders.hpp>
#include <amq/parallel/wire.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace test_everyone {

using namespace amq;
using namespace amq::parallel;

namespace {

/// Ranks that number their elements as they like.
struct Numbered {
  Communicator& c;
  std::int64_t all = 0;
  void sum(std::span<std::int64_t> x) const { c.sum(x); }
  void max(std::span<std::int64_t> x) const { c.max(x); }
  [[nodiscard]] std::int64_t number(Index node) const { return node; }
  [[nodiscard]] std::int64_t nodes(Index) const { return all; }
};

}  // namespace

TEST_CASE("ranks that do not go on with the others end them, instead of letting them wait") {
  CHECK_THROWS_WITH_AS(LocalRanks(3).run([](Communicator& c) {
    std::int64_t one = 1;
    if (c.rank() != 1) c.sum({&one, 1});
  }),
                       doctest::Contains("a rank that goes on with the others"), Error);
  CHECK_THROWS_WITH_AS(LocalRanks(2).run([](Communicator& c) {
    std::vector<std::int64_t> x(c.rank() == 0 ? 3 : 4);
    c.sum(x);
  }),
                       doctest::Contains("Call the same functions"), Error);
}

TEST_CASE(
    "a row of 1 to 16 bits crosses with all its codes and its grid, in no more bytes than it "
    "has bits") {
  Random random(3);
  for (int bits = 0; bits <= max_bits; ++bits)
    for (const Index cols : {1, 7, 16, 128, 129}) {
      CAPTURE(bits);
      CAPTURE(cols);
      const int container = container_bits(bits);
      std::vector<std::int32_t> codes(static_cast<std::size_t>(cols), 0);
      for (auto& code : codes)
        if (bits > 0)
          code = lowest_code(bits) +
                 static_cast<std::int32_t>(random.bits() % (std::uint64_t{1} << bits));
      std::vector<std::uint8_t> from(static_cast<std::size_t>(2 * cols + 64)), to(from.size());
      pack_codes(codes.data(), cols, container, from.data());
      RowGrid grid{0.25f, -3}, read;
      for (const RowRule rule : {RowRule::min_max, RowRule::symmetric, RowRule::fixed}) {
        if (rule == RowRule::symmetric) grid.offset = 0;
        const WireRow wire(cols, rule);
        std::vector<std::byte> bytes;
        wire.write({from.data(), &grid, bits, container}, bytes);
        CHECK(bytes.size() == wire.bytes(bits));
        const std::size_t of_grid = rule == RowRule::fixed ? 0 : rule == RowRule::symmetric ? 4 : 8;
        CHECK(bytes.size() == static_cast<std::size_t>(cols * bits + 7) / 8 + of_grid);
        const RowGrid known = rule == RowRule::fixed ? grid : RowGrid{1, 0};
        const auto* end = wire.read(bytes.data(), {to.data(), &read, bits, container}, known);
        CHECK(end == bytes.data() + bytes.size());
        CHECK(read == grid);
        for (Index k = 0; k < cols; ++k)
          REQUIRE(code_at(to.data(), k, container) == codes[static_cast<std::size_t>(k)]);
      }
    }
}

TEST_CASE("bits are dealt out as by one who has all elements, whoever has them") {
  Random random(11);
  for (int trial = 0; trial < 60; ++trial) {
    const auto n = static_cast<std::size_t>(1 + random.bits() % 200);
    const bool alike = trial % 3 == 0;  // many ties
    std::vector<Cost> work(n);
    std::vector<float> score(n);
    std::vector<std::uint16_t> group(n);
    for (std::size_t e = 0; e < n; ++e) {
      work[e] = static_cast<Cost>(random.bits() % (alike ? 2 : 7));
      score[e] = alike ? 1.0f : static_cast<float>(std::exp(random.uniform(-6.0, 6.0)));
      group[e] = static_cast<std::uint16_t>(random.bits() % 2);
    }
    allocation::Problem p;
    p.levels = {1, 2, 4, 8};
    p.price = {{1, 2, 4, 8}, {2, 3, 9, 11}};
    p.error = {{0.4, 0.1, 0.01, 0.0001}, {0.9, 0.3, 0.02, 0.001}};
    p.work = work, p.score = score, p.group = group;
    p.overhead = 5;
    const Cost low = p.uniform_cost(0), high = p.uniform_cost(3);
    p.budget = low + static_cast<Cost>(random.uniform() * static_cast<double>(high - low));
    const auto whole = allocation::allocate(p);
    for (const int ranks : {2, 5}) {
      std::vector<int> owner(n);
      for (auto& r : owner) r = static_cast<int>(random.bits() % static_cast<unsigned>(ranks));
      std::vector<int> bits(n, -1);
      std::vector<Cost> costs(static_cast<std::size_t>(ranks));
      LocalRanks(ranks).run([&](Communicator& c) {
        std::vector<std::int64_t> number;
        // From last to first: local order is not that of all.
        for (std::size_t e = n; e-- > 0;)
          if (owner[e] == c.rank()) number.push_back(static_cast<std::int64_t>(e));
        std::vector<Cost> w;
        std::vector<float> s;
        std::vector<std::uint16_t> g;
        for (const auto e : number) {
          const auto k = static_cast<std::size_t>(e);
          w.push_back(work[k]), s.push_back(score[k]), g.push_back(group[k]);
        }
        allocation::Problem own = p;
        own.work = w, own.score = s, own.group = g;
        const Numbered all{c, static_cast<std::int64_t>(n)};
        // Without any elements of one's own there is nothing to number, and nothing to be told.
        if (number.empty()) number.push_back(0);
        const auto a = allocation::allocate(own, all, number);
        for (std::size_t k = 0; k < w.size(); ++k)
          bits[static_cast<std::size_t>(number[k])] = a.bits[static_cast<Index>(k)];
        costs[static_cast<std::size_t>(c.rank())] = a.cost;
      });
      CAPTURE(trial);
      CAPTURE(ranks);
      for (std::size_t e = 0; e < n; ++e) REQUIRE(bits[e] == whole.bits[static_cast<Index>(e)]);
      for (const Cost c : costs) REQUIRE(c == whole.cost);
    }
  }
}

TEST_CASE("an instance norm has the same bits for rows in any order, on any number of ranks") {
  const Index n = 700, cols = 13;
  Random random(2);
  Matrix x(n, cols);
  for (Index i = 0; i < n; ++i)
    for (Index c = 0; c < cols; ++c)
      x(i, c) = static_cast<float>(random.normal() * std::pow(10.0, static_cast<double>(c) - 6) +
                                   (c % 2 ? 1000.0 : 0.0));
  x.col(3).setConstant(0.1f);
  Matrix expected(n, cols);
  std::vector<float> inverse(static_cast<std::size_t>(cols));
  ops::instance_norm(view(std::as_const(x)), norm_eps, view(expected), inverse.data());
  // It is a norm: compared with sums of long doubles.
  for (Index c = 0; c < cols; ++c) {
    long double sum = 0, square = 0;
    for (Index i = 0; i < n; ++i) sum += static_cast<long double>(x(i, c));
    for (Index i = 0; i < n; ++i) {
      const long double d = static_cast<long double>(x(i, c)) - sum / n;
      square += d * d;
    }
    const auto exact = static_cast<double>(1 / std::sqrt(square / n + 1e-5L));
    CHECK(static_cast<double>(inverse[static_cast<std::size_t>(c)]) ==
          doctest::Approx(exact).epsilon(1e-7));
  }
  for (const int ranks : {2, 5}) {
    std::vector<int> owner(static_cast<std::size_t>(n));
    for (auto& r : owner) r = static_cast<int>(random.bits() % static_cast<unsigned>(ranks - 1));
    LocalRanks(ranks).run([&](Communicator& c) {  // the last rank has no rows
      std::vector<Index> mine;
      for (Index i = n; i-- > 0;)
        if (owner[static_cast<std::size_t>(i)] == c.rank()) mine.push_back(i);
      const auto m = static_cast<Index>(mine.size());
      Matrix own(m, cols), out(m, cols);
      for (Index k = 0; k < m; ++k) own.row(k) = x.row(mine[static_cast<std::size_t>(k)]);
      std::vector<float> deviation(static_cast<std::size_t>(cols));
      const Numbered all{c, n};
      ops::instance_norm(view(std::as_const(own)), norm_eps, view(out), deviation.data(),
                         serial_executor(), all);
      bool same = deviation == inverse;
      for (Index k = 0; k < m; ++k)
        same = same && out.row(k) == expected.row(mine[static_cast<std::size_t>(k)]);
      if (!same) throw Error("norm", "the same bits", "others", "");
    });
  }
  x(5, 1) = std::numeric_limits<float>::quiet_NaN();
  x(6, 2) = -std::numeric_limits<float>::infinity();
  ops::instance_norm(view(std::as_const(x)), norm_eps, view(expected), inverse.data());
  CHECK(std::isnan(expected(0, 1)));
  CHECK(std::isnan(expected(0, 2)));
  CHECK(std::isfinite(expected(0, 0)));
}

TEST_CASE(
    "heads of nodes beside edges are refused over ranks, since their rows look like ghosts'") {
  ParameterLayout layout;
  const auto point = layout.add_point("p", RowKind::node, 4);
  Graph g;
  g.first = {0, 1};
  g.sender = {0};
  g.receiver = {0};
  const SendersRead::Tensor row{1, 4, RowKind::node, true, {point}};
  const auto both = [&](bool heads_first) {
    SendersRead names(layout);
    if (heads_first) names.apply(ops::SplitHeads{2}, row);
    names.apply(ops::EdgeSum{g}, row, row);
    names.apply(ops::SplitHeads{2}, row);
  };
  for (const bool heads_first : {false, true})
    CHECK_THROWS_WITH_AS(both(heads_first), doctest::Contains("found both in one network"), Error);
}

TEST_CASE("a clock counts what a network would take") {
  LocalRanks ranks(2, {1.0, 1000.0});
  ranks.run([](Communicator& c) {
    std::vector<std::byte> out(500), in(500);
    const Communicator::Message send{1 - c.rank(), out}, receive{1 - c.rank(), in};
    c.begin({&send, 1}, {&receive, 1});
    c.finish();  // 1.5 s
    std::int64_t one = 1;
    c.sum({&one, 1});  // two messages of 8 bytes
  });
  CHECK(ranks.seconds() == doctest::Approx(1.5 + 2 * 1.008).epsilon(0.1));
  CHECK(ranks.bytes_sent() == 1000);
}

}  // namespace test_everyone
