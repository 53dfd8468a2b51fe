// Compiled, with cases.cpp, for another level of instruction set than the rest: the same numbers.

#include "cases.hpp"

#include <amq/parallel/local_communicator.hpp>

#include <doctest/doctest.h>

#include <mutex>
#include <set>
#include <string>

#ifdef __AVX2__
#error "built with instructions that the native build has, too"
#endif

using namespace amq;
using namespace amq::parallel;

TEST_CASE("ranks that run other instructions give the number of the native ones, every network") {
  for (const cases::Row& row : cases::all_networks) {
    CAPTURE(row.network);
    cases::Setting s;
    s.network = row.network;
    CHECK(cases::alone(s) == row.hash);
    for (const int ranks : {2, 5}) {
      CAPTURE(ranks);
      s.partition = ranks == 2 ? "random" : "strips";
      std::mutex mutex;
      std::set<std::string> all;
      LocalRanks(ranks).run([&](Communicator& c) {
        const std::string own = cases::apart(s, c);
        const std::lock_guard lock(mutex);
        all.insert(own);
      });
      CHECK(all == std::set<std::string>{row.hash});
    }
  }
}
