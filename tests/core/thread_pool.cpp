#include <amq/core/thread_pool.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace test_thread_pool {

TEST_CASE("a pool visits every index exactly once, for any grain") {
  amq::ThreadPool pool(3);
  for (const std::size_t n : {0u, 1u, 7u, 1000u}) {
    for (const std::size_t grain : {0u, 1u, 3u, 64u, 5000u}) {
      std::vector<int> seen(n, 0);
      pool.parallel_for(n, grain, [&](std::size_t b, std::size_t e) {
        for (; b < e; ++b) ++seen[b];
      });
      CHECK(std::accumulate(seen.begin(), seen.end(), std::size_t{0}) == n);
      for (const int s : seen) CHECK(s == 1);
    }
  }
}

TEST_CASE("an exception of a body reaches the caller, and the pool works on") {
  amq::ThreadPool pool(2);
  CHECK_THROWS_AS(pool.parallel_for(100, 1,
                                    [](std::size_t b, std::size_t) {
                                      if (b == 50) throw std::runtime_error("no");
                                    }),
                  std::runtime_error);
  std::vector<int> seen(100, 0);
  pool.parallel_for(100, 1, [&](std::size_t b, std::size_t) { seen[b] = 1; });
  CHECK(std::accumulate(seen.begin(), seen.end(), 0) == 100);
}

TEST_CASE("a nested loop runs in the thread that asked") {
  amq::ThreadPool pool(2);
  std::vector<int> seen(64, 0);
  pool.parallel_for(8, 1, [&](std::size_t b, std::size_t e) {
    for (; b < e; ++b)
      pool.parallel_for(8, 1, [&](std::size_t c, std::size_t d) {
        for (; c < d; ++c) seen[b * 8 + c] += 1;
      });
  });
  for (const int s : seen) CHECK(s == 1);
}

TEST_CASE("a body refers to the caller's function, and so do its copies, whatever keeps them") {
  int seen[10] = {};
  const auto count = [&seen, large = std::vector<int>(10, 1)](std::size_t b, std::size_t e) {
    for (; b < e; ++b) seen[b] += large[b];
  };
  const amq::Executor::Body body = count, copy = body;
  const std::function<void(std::size_t, std::size_t)> kept = copy;
  body(0, 3);
  copy(3, 5);
  kept(5, 10);
  for (const int s : seen) CHECK(s == 1);
}

}  // namespace test_thread_pool
