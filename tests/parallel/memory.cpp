// Apart, since it counts allocations.
#include "../failing_memory.hpp"

#include "../solver/fingerprints.hpp"
#include "cases.hpp"

#include <amq/ops/latent_attention.hpp>
#include <amq/parallel/local_communicator.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <mutex>
#include <string>
#include <vector>

using namespace amq;
using namespace amq::parallel;

TEST_CASE("pooling with others asks for memory once, whatever the order of its passes") {
  constexpr Index heads = 3, tokens = 7, width = 5;
  const Matrix nodes = fingerprints::noise(40, heads * width, 1),
               logits = fingerprints::noise(heads * 40, tokens, 2);
  const float temperature[heads] = {0.5f, 1, 2};
  Matrix out(heads * tokens, width), expected = out;
  std::vector<float> sums(static_cast<std::size_t>(heads * tokens));
  for (const auto over : {ops::PoolOver::tokens, ops::PoolOver::nodes}) {
    const ops::PoolNodes<true> op{heads, over, 1e-5, {8, 8}};
    op.forward<float>(view(nodes), view(logits), {temperature, 1, heads}, view(expected),
                      sums.data(), serial_executor());
    ops::detail::SharedPooling memory;
    const Alone all;
    for (int pass = 0; pass < 4; ++pass) {
      // All nodes, and then some of them, with room for more.
      const Index n = pass % 2 == 0 ? 40 : 24;
      const long before = failing::of_thread;
      op.forward_over({nodes.data(), n, nodes.cols()}, {logits.data(), heads * n, logits.cols()},
                      temperature, view(out), sums.data(), serial_executor(), all, memory);
      CAPTURE(pass);
      if (pass == 0) CHECK(failing::of_thread > before);
      if (pass > 0) CHECK(failing::of_thread == before);
      if (n == 40) CHECK(out == expected);
    }
  }
}

TEST_CASE("after two solves nothing is allocated, on any rank, whatever bits are chosen") {
  std::vector<std::string> networks(std::begin(cases::more_networks),
                                    std::end(cases::more_networks));
  for (const cases::Row& row : cases::all_networks) networks.emplace_back(row.network);
  for (const std::string& network : networks)
    for (const int ranks : {1, 3}) {
      CAPTURE(network);
      CAPTURE(ranks);
      std::mutex mutex;
      std::vector<std::vector<long>> all;
      LocalRanks(ranks).run([&](Communicator& c) {
        const auto taken = cases::allocations(network, c, [] { return failing::of_thread; });
        const std::lock_guard lock(mutex);
        all.push_back(taken);
      });
      for (const auto& taken : all)
        for (const long n : taken) CHECK(n == 0);
    }
}
