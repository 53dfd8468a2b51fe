#include <amq/core/float_environment.hpp>

#include <amq/core/thread_pool.hpp>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <limits>

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

}  // namespace test_float_environment
