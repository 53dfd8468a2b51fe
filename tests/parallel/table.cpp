// The table of hashes. Compiled, with cases.cpp, for this machine's instructions, and for others.

#include "cases.hpp"
#include "same_on.hpp"

namespace test_table {

#if defined(AMQ_ANOTHER_LEVEL) && defined(__AVX2__)
#error "built with instructions that the native build has, too"
#endif

using namespace amq::parallel;

TEST_CASE(
    "a solve, its bits and 50 steps are one number a network, on any number of ranks and threads, "
    "however the mesh is cut") {
  for (const cases::Row& row : cases::all_networks) {
    CAPTURE(row.network);
    cases::Setting s;
    s.network = row.network;
    CHECK(cases::alone(s) == row.hash);
    for (const int ranks : {1, 2, 3, 5, 8})
      for (const int threads : {1, 2})
        for (const char* partition : cases::all_partitions) {
          s.partition = partition;
          s.threads = threads;
          CAPTURE(ranks);
          CAPTURE(threads);
          CAPTURE(partition);
          CHECK(cases::same_on(ranks, [&](Communicator& c) { return cases::apart(s, c); }) ==
                row.hash);
        }
  }
}

}  // namespace test_table
