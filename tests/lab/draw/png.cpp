#include <amq_lab/draw/png.hpp>

#include "../../io/scratch.hpp"

using namespace amq;
using namespace amq::lab;

TEST_CASE("checksums and code lengths are the published ones") {
  CHECK(adler32(as_bytes("Wikipedia")) == 0x11e60398u);
  CHECK(adler32({}) == 1);
  CHECK(adler32(Bytes(100000, std::byte{255})) == 0x149a302cu);  // zlib.adler32(b"\xff" * 100000)
  // Fibonacci counts force the deepest tree: it must be flattened to 15 bits and stay a code.
  std::vector<std::uint32_t> counts{1, 1};
  while (counts.size() < 40)
    counts.push_back(counts[counts.size() - 1] + counts[counts.size() - 2]);
  for (const int most : {7, 15}) {
    double kraft = 0;
    for (const int l : amq::lab::detail::code_lengths(counts, most)) {
      CHECK(l >= 1);
      CHECK(l <= most);
      kraft += 1.0 / (1 << l);
    }
    CHECK(kraft == 1);
  }
}

TEST_CASE("length and distance symbols are those of RFC 1951, tables 1 and 2") {
  const auto is = [](amq::lab::detail::Symbol s, int code, int bits, unsigned extra) {
    return s.code == code && s.extra_bits == bits && s.extra == extra;
  };
  CHECK(is(amq::lab::detail::length_symbol(3), 257, 0, 0));
  CHECK(is(amq::lab::detail::length_symbol(10), 264, 0, 0));
  CHECK(is(amq::lab::detail::length_symbol(11), 265, 1, 0));
  CHECK(is(amq::lab::detail::length_symbol(18), 268, 1, 1));
  CHECK(is(amq::lab::detail::length_symbol(19), 269, 2, 0));
  CHECK(is(amq::lab::detail::length_symbol(130), 280, 4, 15));
  CHECK(is(amq::lab::detail::length_symbol(131), 281, 5, 0));
  CHECK(is(amq::lab::detail::length_symbol(257), 284, 5, 30));
  CHECK(is(amq::lab::detail::length_symbol(258), 285, 0, 0));
  CHECK(is(amq::lab::detail::distance_symbol(1), 0, 0, 0));
  CHECK(is(amq::lab::detail::distance_symbol(4), 3, 0, 0));
  CHECK(is(amq::lab::detail::distance_symbol(5), 4, 1, 0));
  CHECK(is(amq::lab::detail::distance_symbol(24577), 29, 13, 0));
  CHECK(is(amq::lab::detail::distance_symbol(32768), 29, 13, 8191));
}

TEST_CASE("smooth pictures shrink and plain ones nearly vanish") {
  Image plain(400, 400), smooth(400, 400);
  for (int y = 0; y < 400; ++y) {
    for (int x = 0; x < 400; ++x) {
      smooth.at(x, y) = {static_cast<std::uint8_t>(x / 2), static_cast<std::uint8_t>(y / 2),
                         static_cast<std::uint8_t>((x + y) / 4)};
    }
  }
  CHECK(png::encode(plain).size() < 1500);
  CHECK(png::encode(smooth).size() < 480000 / 20);
  AMQ_REFUSES(png::encode(Image()), "0 x 0");
}
