#include "cases.hpp"

#include <amq/parallel/local_communicator.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <string>

using namespace amq;

namespace {

/// What f says on every rank; they must agree.
template <typename F>
std::string same_on(int ranks, const F& f) {
  std::mutex mutex;
  std::set<std::string> all;
  LocalRanks(ranks).run([&](Communicator& c) {
    const std::string own = f(c);
    const std::lock_guard lock(mutex);
    all.insert(own);
  });
  REQUIRE(all.size() == 1);
  return *all.begin();
}

}  // namespace

TEST_CASE(
    "a solve, its bits and 50 steps are the same on any number of ranks and threads, however "
    "the mesh is cut") {
  for (const char* network : cases::all_networks) {
    cases::Setting s;
    s.network = network;
    s.steps = 4;
    const std::string expected = cases::alone(s);
    for (const int ranks : {1, 2, 3, 5, 8})
      for (const char* partition : {"random", "strips", "one empty"}) {
        s.partition = partition;
        s.threads = ranks % 2 + 1;
        CAPTURE(network);
        CAPTURE(ranks);
        CAPTURE(partition);
        CHECK(same_on(ranks, [&](Communicator& c) { return cases::apart(s, c); }) == expected);
      }
    s.threads = 2;
    CHECK(same_on(2, [&](Communicator& c) { return cases::apart(s, c); }) == expected);
    s.steps = 50;
    const std::string later = cases::alone(s);
    CHECK(later != expected);
    CHECK(same_on(3, [&](Communicator& c) { return cases::apart(s, c); }) == later);
  }
}

TEST_CASE("a host that has cells, and numbers of its own, gets the same bits") {
  cases::Setting s;
  s.network = "MeshGraphNet";
  s.steps = 2;
  const std::string expected = cases::alone(s);
  for (const int ranks : {1, 3, 4}) {
    CAPTURE(ranks);
    CHECK(same_on(ranks, [&](Communicator& c) { return cases::from_cells(s, c); }) == expected);
  }
}

TEST_CASE("whatever one rank gets wrong, all ranks end with the same error") {
  for (const cases::Fault f : cases::all_faults())
    for (const int rank : {0, 2}) {
      CAPTURE(static_cast<int>(f));
      CAPTURE(rank);
      std::mutex mutex;
      std::set<std::string> errors;
      std::atomic<int> met = 0;
      CHECK_THROWS_WITH_AS(LocalRanks(3).run([&](Communicator& c) {
        try {
          cases::meet(f, rank, c);
        } catch (const Error& e) {
          ++met;
          const std::lock_guard lock(mutex);
          errors.insert(e.what());
          throw;
        }
      }),
                           doctest::Contains(cases::words_of(f)), Error);
      CHECK(met == 3);
      CHECK(errors.size() == 1);
    }
}
