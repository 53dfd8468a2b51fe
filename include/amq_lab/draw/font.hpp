#pragma once
/// @file
/// A small typeface of pen strokes, drawn for amq: it scales to any size and needs no font file.

#include <amq/core/rooms.hpp>

#include <string_view>

namespace amq::lab::font {

/// Units: capitals are 12 high, small letters 8, descenders reach -4.
inline constexpr double cap_height = 12, gap = 2.6, space = 5;

/// Strokes of a character, separated by blanks. A point is a digit (x) and a letter (y: a = -4,
/// e = 0, m = 8, q = 12). A stroke is a polyline; "~" makes it a quadratic B-spline with fixed ends
/// (a point twice is a corner), "o" a closed one.
[[nodiscard]] constexpr std::string_view strokes(char c) noexcept {
  switch (c) {
    case '0':
      return "o0e7e7q0q";
    case '1':
      return "0n3q3e";
    case '2':
      return "~0n0q7q7k0e0e7e";
    case '3':
      return "~0o0q7q7k2k2k7k7e0e0g";
    case '4':
      return "5e5q0h7h";
    case '5':
      return "6q1q0k ~0k2m7m7e0e0g";
    case '6':
      return "~6q1q0k0e7e7l0l0h";
    case '7':
      return "0q7q2e";
    case '8':
      return "o0k7k7q0q o0e7e7k0k";
    case '9':
      return "~1e6e7k7q0q0j7j7n";
    case '.':
      return "0e0e";
    case ',':
      return "1e0c";
    case ':':
      return "0f0f 0l0l";
    case ';':
      return "1f0c 1l1l";
    case '-':
      return "0j5j";
    case '+':
      return "0j6j 3g3m";
    case '=':
      return "0h6h 0l6l";
    case '*':
      return "0j6j 1g5m 5g1m";
    case '/':
      return "0d5q";
    case '|':
      return "0c0q";
    case '%':
      return "o0m4m4q0q o5e9e9i5i 1e8q";
    case '(':
      return "~3q0n0f3c";
    case ')':
      return "~0q3n3f0c";
    case '[':
      return "2q0q0c2c";
    case ']':
      return "0q2q2c0c";
    case '<':
      return "6f0j6n";
    case '>':
      return "0f6j0n";
    case '_':
      return "0c6c";
    case '!':
      return "0i0q 0e0e";
    case '?':
      return "~0o0q6q6l3k3h 3e3e";
    case '\'':
      return "0n0q";
    case '"':
      return "0n0q 2n2q";
    case '#':
      return "1e2q 5e6q 0i7i 0m7m";
    case '~':
      return "~0i2m4g6k";
    case 'A':
      return "0e4q8e 1h7h";
    case 'B':
      return "0q0e ~0q3q6q6k3k0k ~0k4k7k7e4e0e";
    case 'C':
      return "~8o8q0q0e8e8g";
    case 'D':
      return "0e0q ~0q2q8q8e2e0e";
    case 'E':
      return "7q0q0e7e 0k5k";
    case 'F':
      return "7q0q0e 0k5k";
    case 'G':
      return "~8o8q0q0e8e8j 5j8j";
    case 'H':
      return "0e0q 8e8q 0k8k";
    case 'I':
      return "0e0q";
    case 'J':
      return "~5q5q5e0e0h";
    case 'K':
      return "0e0q 7q0i 2k7e";
    case 'L':
      return "0q0e6e";
    case 'M':
      return "0e0q4g8q8e";
    case 'N':
      return "0e0q7e7q";
    case 'O':
      return "o0e9e9q0q";
    case 'P':
      return "0e0q ~0q3q7q7j3j0j";
    case 'Q':
      return "o0e9e9q0q 5h9d";
    case 'R':
      return "0e0q ~0q3q7q7j3j0j 4j7e";
    case 'S':
      return "~7o7q0q0k7k7e0e0g";
    case 'T':
      return "0q8q 4q4e";
    case 'U':
      return "~0q0q0e8e8q8q";
    case 'V':
      return "0q4e8q";
    case 'W':
      return "0q2e4o6e8q";
    case 'X':
      return "0e8q 0q8e";
    case 'Y':
      return "0q4k8q 4k4e";
    case 'Z':
      return "0q7q0e7e";
    case 'a':
      return "o0e6e6m0m 6m6e";
    case 'b':
      return "0q0e o0e6e6m0m";
    case 'c':
      return "~6k6m0m0e6e6g";
    case 'd':
      return "6q6e o0e6e6m0m";
    case 'e':
      return "~0i0i6i6i6m0m0e6e6g";
    case 'f':
      return "~5q2q2n2e2e 0m4m";
    case 'g':
      return "o0e6e6m0m ~6m6m6a0a0b";
    case 'h':
      return "0q0e ~0i1m6m6h6e";
    case 'i':
      return "0m0e 0p0p";
    case 'j':
      return "~2m2m2a0a 2p2p";
    case 'k':
      return "0q0e 5m0h 2j5e";
    case 'l':
      return "0q0e";
    case 'm':
      return "0m0e ~0i0m4m4i4e ~4i4m8m8i8e";
    case 'n':
      return "0m0e ~0i1m6m6h6e";
    case 'o':
      return "o0e6e6m0m";
    case 'p':
      return "0m0a o0e6e6m0m";
    case 'q':
      return "6m6a o0e6e6m0m";
    case 'r':
      return "0m0e ~0i0m4m";
    case 's':
      return "~5l5m0m0i5i5e0e0f";
    case 't':
      return "~2p2p2e5e 0m5m";
    case 'u':
      return "~0m0m0e6e6i 6m6e";
    case 'v':
      return "0m3e6m";
    case 'w':
      return "0m2e4l6e8m";
    case 'x':
      return "0e6m 6e0m";
    case 'y':
      return "0m3e 6m3e2a";
    case 'z':
      return "0m5m0e5e";
    default:
      return "";
  }
}

}  // namespace amq::lab::font
