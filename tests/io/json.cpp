#include <amq/io/json.hpp>

#include "scratch.hpp"

#include <bit>
#include <cmath>

namespace test_json {

using namespace amq;
using namespace amq::io;
using json::parse;

namespace {

std::string again(std::string_view text) {
  return json::dump(parse(text));
}

/// A value of any kind, with strings of any Unicode and doubles of any bits.
json::Value random_value(Random& r, int depth) {
  switch (r.index(depth > 0 ? 8 : 6)) {
    case 0:
      return {};
    case 1:
      return r.index(2) == 0;
    case 2:
      return static_cast<std::int64_t>(r.bits() >> r.index(64));
    case 3:
      return r.bits();
    case 4: {
      const double x = std::bit_cast<double>(r.bits());
      return std::isfinite(x) ? x : -0.0;
    }
    case 5: {
      std::string s;
      for (auto n = r.index(6); n > 0; --n) {
        const std::string some[] = {std::string(1, static_cast<char>(r.index(128))),
                                    "\u00e9",
                                    "\u20ac",
                                    "\U0001f600",
                                    "\\",
                                    "\""};
        s += some[r.index(6)];
      }
      return s;
    }
    case 6: {
      json::List l;
      for (auto n = r.index(4); n > 0; --n) l.push_back(random_value(r, depth - 1));
      return l;
    }
    default: {
      json::Object o;
      for (auto n = r.index(4); n > 0; --n) {
        o.emplace_back("k" + std::to_string(n), random_value(r, depth - 1));
      }
      return o;
    }
  }
}

}  // namespace

TEST_CASE("values of every kind are read") {
  const auto v = parse(R"( {"a": [1, -2.5e1, "x\n\u00e9", true, false, null], "b": {}} )");
  CHECK(v.at("a").at(0).as_int() == 1);
  CHECK(v.at("a").at(1).as_double() == -25);
  CHECK(v.at("a").at(2).as_string() == "x\n\u00e9");
  CHECK(v.at("a").at(3).as_bool());
  CHECK(v.at("a").at(5).is_null());
  CHECK(v.at("b").as_object().empty());
  CHECK(v.find("c") == nullptr);
  CHECK(parse("7").as_double() == 7);
}

TEST_CASE("what is dumped parses to the same value, 20000 random ones") {
  Random r(5);
  for (int k = 0; k < 20000; ++k) {
    const auto v = random_value(r, 4);
    const auto text = json::dump(v, k % 3 - 1);
    if (parse(text) != v) FAIL(text);
  }
}

TEST_CASE("numbers keep their value and their kind") {
  CHECK(again("[9223372036854775807,-9223372036854775808,18446744073709551615]") ==
        "[9223372036854775807,-9223372036854775808,18446744073709551615]");
  CHECK(again("[1.0,0.1,1e300,5e-324,18446744073709551616,-0]") ==
        "[1.0,0.1,1e+300,5e-324,18446744073709551616.0,-0.0]");
  CHECK(std::signbit(parse("-0").as_double()));
  CHECK(parse("18446744073709551615").as_uint() == ~std::uint64_t{0});
  AMQ_REFUSES(parse("18446744073709551615").as_int(), "integer");
  AMQ_REFUSES(parse("-1").as_uint(), "0 or more");
  AMQ_REFUSES(parse("1.5").as_int(), "a number");
}

TEST_CASE("escapes and surrogates mean what they should") {
  CHECK(parse(R"("\"\\\/\b\f\n\r\t")").as_string() == "\"\\/\b\f\n\r\t");
  CHECK(parse(R"("\u0041\u00DF\u20ac\uD83D\ude00")").as_string() == "A\u00df\u20ac\U0001f600");
  CHECK(parse(R"("\u0000")").as_string() == std::string(1, '\0'));
  CHECK(json::dump(json::Value(std::string("\x01\x1f/\x7f", 4))) == "\"\\u0001\\u001f/\x7f\"");
}

TEST_CASE("text that is not strict JSON is refused") {
  for (const char* bad : {"",
                          " ",
                          "{",
                          "[",
                          "[1,]",
                          "{\"a\":1,}",
                          "{a:1}",
                          "{'a':1}",
                          "[1 2]",
                          "01",
                          "-",
                          "+1",
                          ".5",
                          "1.",
                          "1e",
                          "1e+",
                          "0x1",
                          "NaN",
                          "Infinity",
                          "-Infinity",
                          "tru",
                          "nul",
                          "\"",
                          "\"\\x\"",
                          "\"\\u12\"",
                          "\"\\ud800\"",
                          "\"\\ud800\\u0041\"",
                          "\"\\udc00\"",
                          "\"\t\"",
                          "\"\x80\"",
                          "\"\xc0\x80\"",
                          "\"\xed\xa0\x80\"",
                          "\"\xf4\x90\x80\x80\"",
                          "\"\xf8\x88\x80\x80\x80\"",
                          "\"\xe2\x82\"",
                          "1 2",
                          "[1]]",
                          "{\"a\":1,\"a\":2}",
                          "{\"a\" 1}",
                          "// x\n1",
                          "1e400",
                          "\xef\xbb\xbf{}"}) {
    CHECK_THROWS_AS(static_cast<void>(parse(bad)), Error);
  }
  AMQ_REFUSES(parse("{\"a\": 1,\n \"b\": tru}", "x.json"), "line 2, column 7");
  AMQ_REFUSES(parse("{\"a\": 1,\n \"b\": tru}", "x.json"), "x.json");
}

TEST_CASE("nesting is read to its limit and refused beyond, however deep") {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  CHECK(again(nested(65)) == nested(65));
  AMQ_REFUSES(parse(nested(66)), "levels");
  AMQ_REFUSES(parse(std::string(10'000'000, '[')), "levels");
  json::Value v;
  for (int k = 0; k < 70; ++k) v = json::List{v};
  AMQ_REFUSES(json::dump(v), "levels");
}

TEST_CASE("what JSON cannot say is not written") {
  AMQ_REFUSES(json::dump(std::nan("")), "NaN");
  AMQ_REFUSES(json::dump(HUGE_VAL), "infinity");
  AMQ_REFUSES(json::dump("\xff"), "UTF-8");
}

TEST_CASE("a wrong kind or a missing member is named") {
  const auto v = parse(R"({"a": "text", "l": [1]})");
  AMQ_REFUSES(v.at("a").as_int("model"), "model: expected an integer of 64 bits, found a string");
  AMQ_REFUSES(v.at("b"), "'b'");
  AMQ_REFUSES(v.at("l").at(1), "at least 2");
  AMQ_REFUSES(v.at(std::size_t{0}), "a list");
}

TEST_CASE("30000 mutated texts are refused or survive a round trip") {
  Random r(6);
  const std::string good =
      R"({"__metadata__":{"format":"pt","n\u00e9":"\ud83d\ude00"},"w":{"dtype":"F32","shape":[2,3],)"
      R"("data_offsets":[0,24]},"x":[-1.5e-3,true,null,{"deep":[[[]]]}]})";
  const auto bytes = as_bytes(good);
  int refused = 0;
  for (int k = 0; k < 30000; ++k) {
    const Bytes b = test::mutate({bytes.begin(), bytes.end()}, r);
    try {
      const auto v = parse(as_text(b));
      if (parse(json::dump(v)) != v) FAIL(std::string(as_text(b)));
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 15000);
  CHECK(refused < 30000);
}

}  // namespace test_json
