#pragma once
// What ranks say, who must agree.

#include <amq/parallel/local_communicator.hpp>

#include <doctest/doctest.h>

#include <mutex>
#include <set>
#include <string>

namespace cases {

/// What f says on every one of so many ranks.
template <typename F>
std::string same_on(int ranks, const F& f) {
  std::mutex mutex;
  std::set<std::string> all;
  amq::parallel::LocalRanks(ranks).run([&](amq::parallel::Communicator& c) {
    const std::string own = f(c);
    const std::lock_guard lock(mutex);
    all.insert(own);
  });
  REQUIRE(all.size() == 1);
  return *all.begin();
}

}  // namespace cases
