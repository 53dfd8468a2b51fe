#pragma once
// Problems for the tests of the allocators, and the laws every allocation keeps.

#include <amq/allocation/problem.hpp>
#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

/// A problem with the memory its spans look at.
struct Instance {
  std::vector<std::vector<amq::Cost>> macs;
  std::vector<std::vector<float>> score;
  amq::AllocationProblem problem;

  Instance() = default;
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
};

struct Kind {
  int classes = 1;
  bool convex = true;  // D(b) on its own hull, prices ascending
  bool equal_work = false;
  bool ties = false;  // many equal scores, some zero
};

inline void fill(Instance& in, amq::Index n, const Kind& kind, amq::Random& random) {
  const std::vector<std::vector<int>> ladders{{2, 4, 8}, {2, 3, 4, 5, 6}, {0, 2, 8}, {4}, {1, 16}};
  auto& p = in.problem;
  p.bits = ladders[random.index(ladders.size())];
  p.overhead = static_cast<amq::Cost>(random.index(1000));
  const auto N = static_cast<std::size_t>(n);
  for (int g = 0; g < kind.classes; ++g) {
    std::vector<amq::Cost> macs(N), price;
    std::vector<float> score(N);
    std::vector<double> distortion;
    for (auto& m : macs)
      m = kind.equal_work ? 7 : static_cast<amq::Cost>(random.index(20) * random.index(20));
    for (auto& s : score)
      s = kind.ties ? static_cast<float>(random.index(3))
                    : static_cast<float>(std::exp(2 * random.normal()));
    for (int b : p.bits) {
      price.push_back(kind.convex ? 8 * b : static_cast<amq::Cost>(random.index(60)));
      distortion.push_back(kind.convex ? std::pow(4.0, -b) : random.uniform());
    }
    in.macs.push_back(std::move(macs));
    in.score.push_back(std::move(score));
    p.classes.push_back({{}, {}, price, distortion});
  }
  for (std::size_t g = 0; g < p.classes.size(); ++g) {
    p.classes[g].macs = in.macs[g];
    p.classes[g].score = in.score[g];
  }
  amq::Cost low = p.overhead, high = p.overhead;
  for (amq::Index e = 0; e < n; ++e) {
    amq::Cost a = p.cost(e, 0), b = a;
    for (int k = 1; k < p.n_levels(); ++k) {
      a = std::min(a, p.cost(e, k));
      b = std::max(b, p.cost(e, k));
    }
    low += a;
    high += b;
  }
  p.budget = low + static_cast<amq::Cost>(random.index(static_cast<std::uint64_t>(high - low) + 1));
}

inline int level_of(const amq::AllocationProblem& p, int bits) {
  for (int k = 0; k < p.n_levels(); ++k)
    if (p.bits[static_cast<std::size_t>(k)] == bits) return k;
  return -1;
}

/// The cost said is the cost counted anew, and within the budget.
inline void check_exact(const amq::AllocationProblem& p, const amq::Allocation& a) {
  REQUIRE(a.bits.rows() == p.n_elements());
  amq::Cost cost = p.overhead;
  double distortion = 0;
  for (amq::Index e = 0; e < p.n_elements(); ++e) {
    const int k = level_of(p, a.bits[e]);
    REQUIRE(k >= 0);
    cost += p.cost(e, k);
    distortion += p.distortion(e, k);
  }
  REQUIRE(a.cost == cost);
  REQUIRE(a.cost <= p.budget);
  REQUIRE(a.budget == p.budget);
  REQUIRE(std::abs(a.distortion - distortion) <= 1e-9 * (1 + distortion));
}

/// No element could be improved with what is left.
inline void check_maximal(const amq::AllocationProblem& p, const amq::Allocation& a) {
  for (amq::Index e = 0; e < p.n_elements(); ++e) {
    const int now = level_of(p, a.bits[e]);
    for (int k = 0; k < p.n_levels(); ++k)
      if (p.distortion(e, k) < p.distortion(e, now))
        REQUIRE(p.cost(e, k) - p.cost(e, now) > a.unspent());
  }
}
