#include <amq/core/portable_math.hpp>

#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <span>
#include <vector>

namespace test_portable_math {

using namespace amq;
using namespace amq::core;

namespace {
double relative(double a, double b) {
  return a == b ? 0.0 : std::abs(a - b) / std::max(std::abs(b), 1e-300);
}
}  // namespace

TEST_CASE("exp, log, pow and circular functions are those of the C library to a few ulp") {
  Random random(1);
  double e = 0, l = 0, p = 0, c = 0;
  for (int k = 0; k < 200000; ++k) {
    const double x = random.uniform(-700, 700), y = std::exp(random.uniform(-600, 600));
    e = std::max(e, relative(portable::exp(x), std::exp(x)));
    if (std::abs(y - 1) > 1e-3) l = std::max(l, relative(portable::log(y), std::log(y)));
    const double base = std::exp(random.uniform(-20, 20));
    p = std::max(p, relative(portable::pow(base, 0.25), std::pow(base, 0.25)));
    const double t = random.uniform(-40, 40);
    const auto sc = portable::sincospi(t);
    const long double turn = std::numbers::pi_v<long double> * static_cast<long double>(t);
    c = std::max({c, std::abs(sc.sin - static_cast<double>(std::sin(turn))),
                  std::abs(sc.cos - static_cast<double>(std::cos(turn)))});
  }
  CHECK(e < 1e-15);
  CHECK(l < 1e-15);
  CHECK(p < 4e-15);
  CHECK(c < 4e-16);
}

TEST_CASE("their ends are those of the mathematics") {
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(portable::exp(0) == 1);
  CHECK(portable::exp(-800) == 0);
  CHECK(portable::exp(-infinity) == 0);
  CHECK(portable::exp(800) == infinity);
  CHECK(std::isnan(portable::exp(std::nan(""))));
  CHECK(portable::log(1) == 0);
  CHECK(portable::log(0) == -infinity);
  CHECK(portable::log(infinity) == infinity);
  CHECK(std::isnan(portable::log(-1)));
  CHECK(std::isnan(portable::log(std::nan(""))));
  CHECK(relative(portable::log(5e-324), std::log(5e-324)) < 1e-15);
  CHECK(portable::pow(0, 0.25) == 0);
  CHECK(portable::pow(0, 0) == 1);
  for (int n = -9; n <= 9; ++n) {
    CHECK(portable::sincospi(n).sin == 0);
    CHECK(portable::sincospi(n).cos == (n % 2 == 0 ? 1 : -1));
    CHECK(portable::sincospi(n + 0.5).cos == 0);
  }
}

TEST_CASE("exp and log follow each other to the ends of the doubles") {
  for (double x = -745; x <= 709.5; x += 0.125) {
    const double y = portable::exp(x);
    // A subnormal number has fewer digits.
    const double ulp = std::nextafter(y, std::numeric_limits<double>::infinity()) - y;
    CHECK(std::abs(portable::log(y) - x) <= 1e-15 * (1 + std::abs(x)) + ulp / y);
    CHECK(std::abs(y - std::exp(x)) <= 3 * ulp);
  }
  for (int n = -1074; n <= 1023; ++n)
    CHECK(relative(portable::log(std::ldexp(1.0, n)), n * std::numbers::ln2) < 4e-16);
}

TEST_CASE("many at once have the bits of one by one") {
  Random random(3);
  const double infinity = std::numeric_limits<double>::infinity();
  const auto same = [](double a, double b) {
    return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b) || (a != a && b != b);
  };
  const auto check = [&](const std::vector<double>& x, const char* what, auto many, auto one) {
    CAPTURE(what);
    std::vector<double> y = x;
    many(std::span(y));
    for (std::size_t k = 0; k < x.size(); ++k) {
      CAPTURE(x[k]);
      REQUIRE(same(y[k], one(x[k])));
    }
  };
  for (std::size_t n = 0; n < 2000; ++n) {
    std::vector<double> x(n % 50), positive;
    for (double& v : x) v = n % 3 == 0 ? random.uniform(-800, 800) : random.normal();
    if (!x.empty() && n % 5 == 0) x[random.index(x.size())] = n % 2 == 0 ? -infinity : infinity;
    if (!x.empty() && n % 7 == 0) x[random.index(x.size())] = std::nan("");
    for (const double v : x) positive.push_back(std::exp(v));  // 0, subnormal and infinite, too
    check(
        x, "exp", [](auto s) { portable::exp(s); }, [](double v) { return portable::exp(v); });
    for (const auto& some : {x, positive})
      check(
          some, "log", [](auto s) { portable::log(s); }, [](double v) { return portable::log(v); });
    for (const double p : {0.0, 0.25, 1.0, 3.0})
      check(
          positive, "pow", [&](auto s) { portable::pow(s, p); },
          [&](double v) { return portable::pow(v, p); });
  }
}

TEST_CASE("their bits are those of every other machine") {
  std::uint64_t hash = 0;
  Random random(2);
  for (int k = 0; k < 10000; ++k) {
    // Exact, so that no compiler can contract it: -32 .. 32.
    const double x = (static_cast<double>(random.bits() >> 40) - 0x1p23) * 0x1p-18;
    const auto sc = portable::sincospi(x);
    for (const double v : {portable::exp(x), portable::log(x + 33), sc.sin, sc.cos})
      hash = hash * 6364136223846793005u + std::bit_cast<std::uint64_t>(v);
  }
  CHECK(hash == 11955467499775107018u);
}

}  // namespace test_portable_math
