#pragma once
/// @file
/// Text put together for messages and names, in one place that is compiled once.

#include <amq/core/rooms.hpp>

#include <string>
#include <utility>

namespace amq {

// What `"a field of " + std::to_string(n) + " nodes"` calls inside amq. std's own templates are
// inlined at every such place, hundreds of them, and g++ 12 then warns of overlapping memory there
// (GCC bug 105651) in programs that include amq with -Wall -O3. These are never inlined.
[[nodiscard]] [[gnu::noinline]] inline std::string operator+(const char* a, std::string&& b) {
  std::string s(a);
  s.append(b);
  return s;
}
[[nodiscard]] [[gnu::noinline]] inline std::string operator+(const char* a, const std::string& b) {
  std::string s(a);
  s.append(b);
  return s;
}
[[nodiscard]] [[gnu::noinline]] inline std::string operator+(const std::string& a, const char* b) {
  std::string s(a);
  s.append(b);
  return s;
}
[[nodiscard]] [[gnu::noinline]] inline std::string operator+(std::string&& a, const char* b) {
  a.append(b);
  return std::move(a);
}
[[nodiscard]] [[gnu::noinline]] inline std::string operator+(std::string&& a, std::string&& b) {
  a.append(b);
  return std::move(a);
}
[[nodiscard]] [[gnu::noinline]] inline std::string operator+(std::string&& a,
                                                             const std::string& b) {
  a.append(b);
  return std::move(a);
}

}  // namespace amq
