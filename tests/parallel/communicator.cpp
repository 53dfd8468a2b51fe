#include "transport.hpp"

#include <amq/parallel/local_communicator.hpp>

#include <doctest/doctest.h>

#include <mutex>
#include <set>

namespace test_communicator {

using namespace amq;
using namespace amq::parallel;

TEST_CASE("ranks of a process keep the laws of communicators") {
  for (const int ranks : {1, 2, 5})
    LocalRanks(ranks).run([](Communicator& c) {
      if (const auto found = transport::laws(c); found != "good")
        throw Error("laws", "good", found, "");
    });
  SerialCommunicator one;
  CHECK(transport::laws(one) == "good");
}

TEST_CASE("a rank that gives up, or sends what nobody expects, ends all with one error") {
  for (const int kind : {0, 1, 2})
    for (const int who : {0, 1, 3}) {
      CAPTURE(kind);
      CAPTURE(who);
      std::mutex mutex;
      std::multiset<std::string> met;
      CHECK_THROWS_WITH_AS(LocalRanks(4).run([&](Communicator& c) {
        try {
          transport::fail(kind, who, c);
        } catch (const Error& e) {
          const std::lock_guard lock(mutex);
          met.insert(e.what());
          throw;
        }
      }),
                           doctest::Contains(transport::words_of(kind)), Error);
      CHECK(met.size() == 4);
      CHECK(met.count(*met.begin()) == 4);
    }
}

}  // namespace test_communicator
