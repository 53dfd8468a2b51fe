#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace test_random {

TEST_CASE("the generator is xoshiro256++ as published") {
  amq::core::Random r;
  r.restore({1, 2, 3, 4});
  // First outputs of the authors' C program from this state.
  CHECK(r.bits() == 41943041u);
  CHECK(r.bits() == 58720359u);
  CHECK(r.bits() == 3588806011781223u);
}

TEST_CASE("a restored state goes on with the same numbers") {
  amq::core::Random a(7);
  for (int i = 0; i < 11; ++i) static_cast<void>(a.normal());
  amq::core::Random b;
  b.restore(a.state());
  for (int i = 0; i < 100; ++i) CHECK(a.normal() == b.normal());
}

TEST_CASE("normal numbers have the moments of the normal law") {
  amq::core::Random r(3);
  const int n = 200000;
  double m1 = 0, m2 = 0, m4 = 0;
  for (int i = 0; i < n; ++i) {
    const double x = r.normal();
    m1 += x;
    m2 += x * x;
    m4 += x * x * x * x;
  }
  CHECK(std::abs(m1 / n) < 0.01);
  CHECK(std::abs(m2 / n - 1) < 0.02);
  CHECK(std::abs(m4 / n - 3) < 0.1);
}

TEST_CASE("streams of one seed differ, and a shuffle keeps every element") {
  CHECK(amq::core::Random::stream(1, 0).bits() != amq::core::Random::stream(1, 1).bits());
  std::vector<int> v(1000);
  std::iota(v.begin(), v.end(), 0);
  auto w = v;
  amq::core::Random(5).shuffle(w);
  CHECK(w != v);
  std::sort(w.begin(), w.end());
  CHECK(w == v);
}

}  // namespace test_random
