#include <amq/core/float_environment.hpp>

#include <amq/core/thread_pool.hpp>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <limits>
#include <vector>

namespace test_float_environment {

using namespace amq;
using namespace amq::core;

namespace {

/// What rounding makes of a third, and flushing of half the smallest normal number.
std::array<double, 2> answers() {
  volatile double one = 1, three = 3, small = std::numeric_limits<double>::min();
  return {one / three, small / 2};
}

}  // namespace

TEST_CASE("amq computes as a program begins, in every mode of a host, and gives the mode back") {
  const auto expected = answers();
  for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO, FE_TONEAREST}) {
    CAPTURE(mode);
    REQUIRE(std::fesetround(mode) == 0);
    {
      const FloatEnvironment own;
      CHECK(std::fegetround() == FE_TONEAREST);
      CHECK(answers() == expected);
    }
    CHECK(std::fegetround() == mode);
  }
  std::fesetround(FE_TONEAREST);
}

TEST_CASE("what amq raises is not the host's, and what the host has raised stays") {
  std::feclearexcept(FE_ALL_EXCEPT);
  std::feraiseexcept(FE_INVALID);
  {
    const FloatEnvironment own;
    volatile double zero = 0;
    volatile double infinite = 1 / zero;
    static_cast<void>(infinite);
  }
  CHECK(std::fetestexcept(FE_ALL_EXCEPT) == FE_INVALID);
  std::feclearexcept(FE_ALL_EXCEPT);
}

TEST_CASE("every thread of an executor computes as a program begins") {
  const auto expected = answers();
  // Threads inherit the mode of whoever starts them.
  std::fesetround(FE_UPWARD);
  ThreadPool pool(3);
  std::fesetround(FE_TONEAREST);
  std::atomic<int> wrong = 0;
  // [guard]
  const FloatEnvironment here;   // this thread, until the end of the block
  FloatExecutor executor(pool);  // and each thread of the pool, while it runs a body
  executor.parallel_for(64, 1, [&](std::size_t, std::size_t) {
    if (answers() != expected || std::fegetround() != FE_TONEAREST) ++wrong;
  });
  // [guard]
  CHECK(wrong == 0);
  CHECK(executor.threads() == 3);
}

TEST_CASE("a callback of the host computes as the host does, inside of any number of guards") {
  const int begun = std::fegetround();
  std::fesetround(FE_UPWARD);
  CHECK(as_host([] { return std::fegetround(); }) == FE_UPWARD);  // no guard
  {
    const FloatEnvironment own;
    const FloatEnvironment again;
    CHECK(as_host([] { return std::fegetround(); }) == FE_UPWARD);
    CHECK(std::fegetround() == FE_TONEAREST);
    as_host([] {
      // The host asks amq for something else meanwhile, which calls back, too.
      const FloatEnvironment inner;
      CHECK(std::fegetround() == FE_TONEAREST);
      CHECK(as_host([] { return std::fegetround(); }) == FE_UPWARD);
      CHECK(std::fegetround() == FE_TONEAREST);
    });
    CHECK(std::fegetround() == FE_TONEAREST);
    CHECK_THROWS_AS(as_host([] { throw 3; }), int);
    CHECK(std::fegetround() == FE_TONEAREST);
    as_host([] { std::fesetround(FE_DOWNWARD); });  // what a host changes is its own
    CHECK(std::fegetround() == FE_TONEAREST);
  }
  CHECK(std::fegetround() == FE_DOWNWARD);
  std::fesetround(begun);
}

TEST_CASE("a host's executor runs in the host's environment, and what it runs in amq's") {
  struct Host final : Executor {
    std::vector<int> rounding;
    void parallel_for(std::size_t n, std::size_t, const Body& body) override {
      rounding.push_back(std::fegetround());
      body(0, n);
      rounding.push_back(std::fegetround());
    }
    [[nodiscard]] std::size_t threads() const noexcept override { return 1; }
  } host;
  const int begun = std::fegetround();
  std::fesetround(FE_UPWARD);
  int inside = -1;
  {
    const FloatEnvironment own;
    FloatExecutor executor(host);
    executor.parallel_for(8, 1, [&](std::size_t, std::size_t) { inside = std::fegetround(); });
    FloatExecutor serial(serial_executor());
    std::fesetround(FE_DOWNWARD);
    serial.parallel_for(
        8, 1, [&](std::size_t, std::size_t) { CHECK(std::fegetround() == FE_TONEAREST); });
    std::fesetround(FE_TONEAREST);
  }
  CHECK(inside == FE_TONEAREST);
  CHECK(host.rounding == std::vector<int>{FE_UPWARD, FE_UPWARD});
  CHECK(std::fegetround() == FE_UPWARD);
  std::fesetround(begun);
}

}  // namespace test_float_environment
