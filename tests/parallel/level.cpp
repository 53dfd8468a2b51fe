// Compiled for another level of instruction set than the rest: one network's number.

#include "made.hpp"

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

TEST_CASE("ranks that run other instructions give the number of the native ones") {
  const auto made = cases::mp_pde();
  cases::Setting s;
  const std::string expected = cases::all_networks[0].hash;
  CHECK(cases::run_alone(s, made) == expected);
  for (const int ranks : {2, 5}) {
    CAPTURE(ranks);
    std::mutex mutex;
    std::set<std::string> all;
    LocalRanks(ranks).run([&](Communicator& c) {
      const std::string own = cases::run(s, made, cases::cut_of(s, made, c), c);
      const std::lock_guard lock(mutex);
      all.insert(own);
    });
    CHECK(all == std::set<std::string>{expected});
  }
}
