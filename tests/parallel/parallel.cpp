#include "cases.hpp"
#include "same_on.hpp"

#include <amq/models/network.hpp>
#include <amq/models/transolver.hpp>
#include <amq/parallel/local_communicator.hpp>
#include <amq/parallel/senders.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <iterator>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace test_parallel {

using namespace amq;
using namespace amq::parallel;
using cases::same_on;

TEST_CASE(
    "a layer's halo has the bits of its codes and a grid a row: at 4 bits a seventh of floats") {
  for (const int bits : {1, 2, 4, 8}) {
    cases::Traffic of[2];
    for (const int more : {0, 1}) {
      std::mutex mutex;
      LocalRanks(3).run([&](Communicator& c) {
        const auto t = cases::traffic(bits, 128, 2 + more, c);
        const std::lock_guard lock(mutex);
        of[more] = t;
      });
    }
    // What one more layer sends.
    const std::int64_t bytes = of[1].bytes - of[0].bytes,
                       floats = of[1].float_bytes - of[0].float_bytes;
    CAPTURE(bits);
    REQUIRE(floats > 0);
    CHECK(floats % 512 == 0);
    CHECK(bytes == floats / 512 * (16 * bits + 8));
    if (bits == 4) CHECK(7 * bytes <= floats);
    // All else of a pass is the given field, two floats a row; six such layers make up for it.
    const std::int64_t rows = floats / 512;
    CHECK(of[0].float_bytes == rows * (2 * 512 + 8));
    CHECK(of[0].bytes == rows * (2 * (16 * bits + 8) + 8));
    if (bits == 4) CHECK(7 * (of[0].bytes + 4 * bytes) <= of[0].float_bytes + 4 * floats);
  }
}

TEST_CASE("clusters' rows cross as codes: a pass of GraphViT at 4 bits sends a seventh of floats") {
  for (const int bits : {2, 4, 8}) {
    CAPTURE(bits);
    cases::Traffic of[2];
    for (const int wide : {0, 1}) {
      std::mutex mutex;
      LocalRanks(3).run([&](Communicator& c) {
        const auto t = cases::traffic_of_clusters(bits, 128, wide ? 512 : 128, c);
        const std::lock_guard lock(mutex);
        of[wide] = t;
      });
      if (bits == 4) CHECK(7 * of[wide].bytes <= of[wide].float_bytes);
    }
    // A channel more of a token costs its bits.
    const std::int64_t floats = of[1].float_bytes - of[0].float_bytes;
    REQUIRE(floats > 0);
    CHECK(32 * (of[1].bytes - of[0].bytes) == bits * floats);
  }
}

TEST_CASE("networks of time, of windows and of few clusters have the bits of one rank, too") {
  for (const char* network : cases::more_networks) {
    cases::Setting s;
    s.network = network;
    s.steps = 3;
    const std::string expected = cases::alone(s);
    for (const int ranks : {2, 5})
      for (const char* partition : {"random", "one empty"}) {
        s.partition = partition;
        CAPTURE(network);
        CAPTURE(ranks);
        CAPTURE(partition);
        CHECK(same_on(ranks, [&](Communicator& c) { return cases::apart(s, c); }) == expected);
      }
  }
}

TEST_CASE("rows of windows are not taken for those of ghosts, where they are as many") {
  cases::Setting s;
  s.network = "MpPde of windows";
  s.steps = 2;
  const std::string expected = cases::alone(s);
  // A node has 29 windows, and then 20.
  for (const char* partition : {"28 ghosts", "19 ghosts", "20 ghosts"}) {
    s.partition = partition;
    CAPTURE(partition);
    CHECK(same_on(2, [&](Communicator& c) { return cases::apart(s, c); }) == expected);
  }
}

TEST_CASE("attention between nodes, and tokens that are sums of floats, do not run over ranks") {
  const Network<Transolver> net(TransolverConfig{}, {8, RowRule::min_max, {8}}, 1);
  SendersRead names(net.layout);
  const SendersRead::Tensor x{40, 24, RowKind::node, false, {}},
      logits{80, 5, RowKind::node, false, {}};
  CHECK_THROWS_WITH_AS(names.apply(ops::SoftmaxAttention{2, 1, {8, 8}}, x),
                       doctest::Contains("found attention between nodes"), Error);
  ops::PoolNodes<false> pool{2, ops::PoolOver::nodes, 0, {}};
  CHECK_THROWS_WITH_AS(names.apply(pool, x, logits), doctest::Contains("found pooling in floats"),
                       Error);
  pool.bits = {8, 8};
  const auto tokens = names.apply(pool, x, logits);
  CHECK(tokens.rows == 10);
  CHECK(names.apply(ops::SoftmaxAttention{2, 1, {8, 8}}, tokens).kind == RowKind::cluster);
  const std::vector<std::int32_t> members(3, 0);
  CHECK_THROWS_WITH_AS(names.apply(ops::Gather{members, RowKind::cluster}, x),
                       doctest::Contains("expected clusters that read products"), Error);
  CHECK_THROWS_WITH_AS(names.apply(ops::MaskedAttention{2}, x),
                       doctest::Contains("found attention between nodes"), Error);
  // Where ranks share clusters, attention and whoever gets the rows read codes.
  SendersRead::Tensor cluster{40, 24, RowKind::cluster, false, {}};
  CHECK_THROWS_WITH_AS(
      names.shared_rows(40, [&] { return names.apply(ops::MaskedAttention{2}, cluster); }),
      doctest::Contains("found floats of clusters"), Error);
  CHECK_THROWS_WITH_AS(names.shared_rows(40, [&] { return cluster; }),
                       doctest::Contains("found floats of clusters"), Error);
}

TEST_CASE("a host that has cells, and numbers of its own, gets the same bits") {
  // MpPde reads edges among hubs, too, which no rank can see alone.
  for (const char* network : {"MeshGraphNet", "MpPde"}) {
    cases::Setting s;
    s.network = network;
    s.steps = 2;
    const std::string expected = cases::alone(s);
    for (const int ranks : {1, 3, 4, 7})
      for (const char* partition : {"random", "strips", "one empty"}) {
        s.partition = partition;
        CAPTURE(network);
        CAPTURE(ranks);
        CAPTURE(partition);
        CHECK(same_on(ranks, [&](Communicator& c) { return cases::from_cells(s, c); }) == expected);
      }
  }
}

TEST_CASE("ranks tell each other the bits of a rollout once an allocation") {
  LocalRanks(3).run([](Communicator& c) {
    CHECK(cases::tellings_of_bits(c) == std::vector<std::int64_t>{1, 0, 0, 1, 1, 0});
  });
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

}  // namespace test_parallel
