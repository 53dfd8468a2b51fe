#include <amq_lab/problems/generate.hpp>

#include <amq/core/random.hpp>
#include <amq/core/thread_pool.hpp>

#include <doctest/doctest.h>

#include <vector>

namespace test_generate {

namespace {
// Fails on every third sample.
struct Dice {
  std::uint64_t sample(std::uint64_t seed, std::uint64_t i) const {
    if (i % 3 == 2) throw amq::Error("Dice", "a fair throw", "a lost die", "Throw again.");
    return amq::core::Random::stream(seed, i).bits();
  }
};
}  // namespace

TEST_CASE("samples are the same for one and for three threads, and failures are counted") {
  amq::ThreadPool pool(3);
  std::vector<std::size_t> steps;
  const auto a = amq::lab::generate(Dice{}, 5, 10, 7);
  const auto b =
      amq::lab::generate(Dice{}, 5, 10, 7, pool, [&](std::size_t done, std::size_t total) {
        CHECK(total == 7);
        steps.push_back(done);
      });
  CHECK(a.samples == b.samples);
  CHECK(a.index == std::vector<std::uint64_t>{10, 12, 13, 15, 16});
  REQUIRE(b.failures.size() == 2);
  CHECK(b.failures[0].index == 11);
  CHECK(b.failures[1].index == 14);
  CHECK(b.failures[0].reason.find("lost die") != std::string::npos);
  CHECK(steps == std::vector<std::size_t>{1, 2, 3, 4, 5, 6, 7});
}

}  // namespace test_generate
