#include <amq_lab/data/lzf.hpp>

#include "../../io/scratch.hpp"

namespace test_lzf {

using namespace amq;
using namespace amq::lab;

TEST_CASE("LZF streams unpack, and damaged ones are refused within their bounds") {
  const auto unpack = [](std::string_view in, std::size_t most) -> std::string {
    Bytes out(most);
    std::size_t n = 0;
    if (!lzf_decompress(as_bytes(in), out, n)) return "refused";
    return std::string(as_text(std::span(out).first(n)));
  };
  using namespace std::string_view_literals;
  CHECK(unpack("\x02"
               "abc"sv,
               10) == "abc");
  CHECK(unpack("\x00"
               "a"
               "\x40\x00"sv,
               10) == "aaaaa");  // 4 more of the last byte
  CHECK(unpack("\x01"
               "ab"
               "\xe0\x05\x01"sv,
               20) == "abababababababab");  // 14 from 2 back
  CHECK(unpack("\x02"
               "abc"sv,
               2) == "refused");
  CHECK(unpack("\x03"
               "abc"sv,
               10) == "refused");
  CHECK(unpack("\x00"
               "a"
               "\x40\x01"sv,
               10) == "refused");
  CHECK(unpack("\x00"
               "a"
               "\x40"sv,
               10) == "refused");
  CHECK(unpack("\x00"
               "a"
               "\xe0"sv,
               10) == "refused");
}

TEST_CASE("mutated LZF streams never write beyond their bounds") {
  Random r(14);
  const std::string_view good(
      "\x02"
      "abc"
      "\x40\x00"
      "\xe0\x05\x01",
      9);
  const auto b = as_bytes(good);
  for (int k = 0; k < 20000; ++k) {
    const Bytes bad = test::mutate({b.begin(), b.end()}, r);
    Bytes out(16 + 1, std::byte{0x55});
    std::size_t n = 0;
    const bool whole = lzf_decompress(bad, std::span(out).first(16), n);
    if (n > 16 || (!whole && n != 0) || out[16] != std::byte{0x55}) FAIL(k);
  }
}

}  // namespace test_lzf
