#include <amq/allocation/problem.hpp>

#include <amq/allocation/engine.hpp>
#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace test_problem {

using namespace amq;
using namespace amq::allocation;
using namespace amq::allocation;

namespace {
const std::vector<Cost> macs{1, 2, 3};
const std::vector<float> score{1, 1, 1};
Problem three() {
  return {{2, 4, 8}, {{16, 32, 64}}, {{0.1, 0.01, 0.001}}, macs, score, {}, 200, 10};
}
}  // namespace

TEST_CASE("uniform costs, and budgets named in mean bits, are sums of work times price") {
  const auto p = three();
  CHECK(p.uniform_cost(0) == 10 + 6 * 16);
  CHECK(p.uniform_cost(2) == 10 + 6 * 64);
  CHECK(budget_of_mean_bits(p, 2) == 96);
  CHECK(budget_of_mean_bits(p, 3) == 6 * 8 * 3);
  CHECK(budget_of_mean_bits(p, 4) == 192);
  CHECK(budget_of_mean_bits(p, 6) == 6 * 8 * 6);
  CHECK(budget_of_mean_bits(p, 8) == 384);
  CHECK_THROWS_AS(static_cast<void>(budget_of_mean_bits(p, 1.9)), Error);
  CHECK_THROWS_AS(static_cast<void>(budget_of_mean_bits(p, 8.1)), Error);
  CHECK_THROWS_AS(static_cast<void>(budget_of_mean_bits(p, NAN)), Error);
}

TEST_CASE("a malformed problem is refused") {
  const std::vector<float> two{1, 1}, negative{1, -1, 1}, nan{1, NAN, 1}, infinite{1, INFINITY, 1};
  const std::vector<Cost> less{1, -2, 3}, huge{Cost{1} << 61, 1, 1};
  const auto refused = [](auto change) {
    auto p = three();
    check(p);
    change(p);
    CHECK_THROWS_AS(check(p), Error);
  };
  refused([](auto& p) { p.levels.clear(); });
  refused([](auto& p) { p.error.clear(); });
  refused([](auto& p) { p.levels = {4, 2, 8}; });
  refused([](auto& p) { p.levels = {2, 4, 17}; });
  refused([](auto& p) { p.levels = {2, 4}; });
  refused([](auto& p) { p.overhead = -1; });
  refused([&](auto& p) { p.score = two; });
  refused([&](auto& p) { p.score = negative; });
  refused([&](auto& p) { p.score = nan; });
  refused([&](auto& p) { p.score = infinite; });
  refused([&](auto& p) { p.work = less; });
  refused([&](auto& p) { p.work = huge; });
  refused([](auto& p) { p.price[0][1] = -1; });
  refused([](auto& p) { p.error[0][1] = NAN; });
  refused([](auto& p) { p.error[0].pop_back(); });
}

TEST_CASE("runs of one group cover all elements in their order, whether groups alternate or not") {
  core::Random random(3);
  for (const std::size_t longest : {1u, 3u, 40u, 1000u})
    for (std::size_t n = 0; n < 600; n += 1 + n / 7) {
      std::vector<std::uint16_t> group;
      while (group.size() < n) {
        const auto g = static_cast<std::uint16_t>(random.index(3));
        group.insert(group.end(), std::min(n - group.size(), 1 + random.index(longest)), g);
      }
      std::size_t next = 0;
      bool alike = true;
      allocation::detail::each_run(group, n,
                                   [&](std::size_t first, std::size_t last, std::size_t g) {
                                     alike &= first == next && last > first;
                                     for (std::size_t e = first; e < last; ++e)
                                       alike &= group[e] == g;
                                     next = last;
                                   });
      CHECK(alike);
      CHECK(next == n);
    }
  std::size_t all = 0;
  allocation::detail::each_run({}, 7, [&](std::size_t first, std::size_t last, std::size_t g) {
    all = last - first + 10 * g;
  });
  CHECK(all == 7);
}

TEST_CASE("one bad element is found wherever it stands") {
  for (const std::size_t groups : {1u, 2u, 45u})
    for (std::size_t bad = 0; bad < 45; ++bad) {
      std::vector<Cost> work(45, 3);
      std::vector<float> scores(45, 0.5f);
      std::vector<std::uint16_t> group(45);
      for (std::size_t e = 0; e < group.size(); ++e)
        group[e] = static_cast<std::uint16_t>(e * groups / 45);
      Problem p{{2, 4}, {{2, 4}}, {}, work, scores, group, 0, 0};
      p.error.assign(groups, {0.1, 0.01});
      scores[bad] = -0.0f;
      CHECK_NOTHROW(check(p));
      const std::string where = "element " + std::to_string(bad);
      const auto refused = [&] {
        CHECK_THROWS_WITH_AS(check(p), doctest::Contains(where.c_str()), Error);
      };
      for (const float wrong : {-1.0f, NAN, -NAN, INFINITY, 3.1e38f}) {
        scores[bad] = wrong;
        refused();
      }
      scores[bad] = 1;
      work[bad] = -1;
      refused();
      work[bad] = 1;
      group[bad] = static_cast<std::uint16_t>(groups);
      refused();
    }
}

TEST_CASE("the hull keeps exactly the levels that are best for some multiplier") {
  Random random(3);
  for (int round = 0; round < 2000; ++round) {
    const int K = 1 + static_cast<int>(random.index(7));
    std::vector<Cost> cost;
    std::vector<double> error;
    for (int k = 0; k < K; ++k) {
      cost.push_back(static_cast<Cost>(random.index(30)));
      error.push_back(static_cast<double>(random.index(30)));
    }
    const auto c = [&](int k) { return cost[static_cast<std::size_t>(k)]; };
    const auto d = [&](int k) { return error[static_cast<std::size_t>(k)]; };
    const auto hull = allocation::detail::convex_hull(K, c, d);
    REQUIRE(hull.count >= 1);
    for (double lambda : {0.001, 0.1, 0.37, 1.03, 2.7, 11.3, 1000.0}) {
      double all = 1e300, kept = 1e300;
      for (int k = 0; k < K; ++k) all = std::min(all, d(k) + lambda * static_cast<double>(c(k)));
      for (int j = 0; j < hull.count; ++j) {
        const int k = hull.level[static_cast<std::size_t>(j)];
        kept = std::min(kept, d(k) + lambda * static_cast<double>(c(k)));
      }
      REQUIRE(kept == doctest::Approx(all).epsilon(1e-12));
    }
    double previous = 1e300;  // slopes get flatter, costs ascend
    for (int j = 0; j + 1 < hull.count; ++j) {
      const int a = hull.level[static_cast<std::size_t>(j)],
                b = hull.level[static_cast<std::size_t>(j + 1)];
      REQUIRE(c(a) < c(b));
      REQUIRE(d(a) > d(b));
      const double slope = (d(a) - d(b)) / static_cast<double>(c(b) - c(a));
      REQUIRE(slope < previous);
      previous = slope;
    }
  }
}

}  // namespace test_problem
