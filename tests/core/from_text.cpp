#include <amq/core/from_text.hpp>

#include <amq/core/random.hpp>

#include <bit>
#include <clocale>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include <doctest/doctest.h>

namespace test_from_text {

namespace {

/// What both ways read of a text must be equal: number, bits, how far, refusal.
void check_alike(const std::string& text) {
#if defined(__cpp_lib_to_chars)
  CAPTURE(text);
  double a = 7, b = 7;
  const char *first = text.data(), *last = first + text.size();
  const auto by_standard = amq::core::from_text(first, last, a);
  const auto by_strtod = amq::core::detail::double_by_strtod(first, last, b);
  CHECK(by_standard.ec == by_strtod.ec);
  CHECK(std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b));
  if (by_standard.ec == std::errc{}) CHECK(by_standard.ptr == by_strtod.ptr);
#else
  static_cast<void>(text);
#endif
}

}  // namespace

TEST_CASE("a double is read alike by from_chars and by the floor under it") {
  amq::core::Random random(2026);
  for (int k = 0; k < 2000; ++k) {
    const double x = std::bit_cast<double>(random.bits());
    char text[64];
    for (const char* format : {"%.17g", "%.6e", "%g"}) {
      std::snprintf(text, sizeof text, format, x);
      check_alike(text);
    }
  }
  for (const char* text :
       {"0",        "-0", "1.",  ".5",   "-.5e3", "1e400", "-1e400", "1e-400",   "5e-324",
        "1e5 rest", "1e", "1e+", "12,5", "inf",   "-inf",  "nan",    "infinity", "0x10",
        "",         "-",  ".",   "+1",   " 1",    "e5",    "1..2",   "--1"})
    check_alike(text);
}

TEST_CASE("what is too small for a double is 0, what is too large is out of range") {
  for (const auto& [text, sign] : {std::pair{"1e-400", 1.0}, {"-1e-400", -1.0}}) {
    const std::string all = text;
    double x = 7;
    CHECK(amq::core::from_text(all.data(), all.data() + all.size(), x).ec == std::errc{});
    CHECK(x == 0);
    CHECK(std::copysign(1.0, x) == sign);
  }
  const std::string large = "1e400";
  double x = 7;
  CHECK(amq::core::from_text(large.data(), large.data() + large.size(), x).ec ==
        std::errc::result_out_of_range);
}

TEST_CASE("a float is out of range where a double is not") {
  for (const std::string text : {"1e50", "-1e50"}) {
    float x = 7;
    CHECK(amq::core::from_text(text.data(), text.data() + text.size(), x).ec ==
          std::errc::result_out_of_range);
    CHECK(x == 7);
  }
  const std::string small = "1e-60";
  float x = 7;
  CHECK(amq::core::from_text(small.data(), small.data() + small.size(), x).ec == std::errc{});
  CHECK(x == 0);
}

TEST_CASE("a number is read with a point in every locale, and errno is left as it was") {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  for (const char* locale : {"C", "de_DE.UTF-8", "de_DE.utf8"}) {
    if (!std::setlocale(LC_ALL, locale)) continue;
    const std::string text = "2.5";
    double x = 0, y = 0;
    errno = 5;
    CHECK(amq::core::from_text(text.data(), text.data() + 3, x).ec == std::errc{});
    CHECK(amq::core::detail::double_by_strtod(text.data(), text.data() + 3, y).ec == std::errc{});
    CHECK(x == 2.5);
    CHECK(y == 2.5);
    CHECK(errno == 5);
  }
  std::setlocale(LC_ALL, before.c_str());
}

}  // namespace test_from_text
