#pragma once
/// @file
/// A number from its text, whatever the locale: std::from_chars, with a floor under it where a
/// standard library has none for floating point (libc++ before LLVM 20: macOS, FreeBSD).

#include <amq/core/rooms.hpp>

#include <locale.h>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#if defined(__APPLE__) || defined(__FreeBSD__)
#include <xlocale.h>
#endif

namespace amq::core {

namespace detail {

/// What from_chars gives, by strtod_l in the C locale. Compiled everywhere, so that a test can hold
/// it against from_chars.
inline std::from_chars_result double_by_strtod(const char* first, const char* last, double& x) {
  const std::string_view all(first, static_cast<std::size_t>(last - first));
  // strtod would read blanks, a plus and hexadecimal digits, too.
  const std::size_t letter = all.substr(0, 1) == "-" ? 1 : 0;
  const std::string_view begin = all.substr(letter, 1);
  const bool word = !begin.empty() && std::strchr("iInN", begin[0]);
  if (begin.empty() || (!word && !std::strchr("0123456789.", begin[0])))
    return {first, std::errc::invalid_argument};
  const std::string number(
      all.substr(0, all.find_first_not_of(word ? "-infatyINFATY" : "-+.0123456789eE")));
  static const locale_t c_locale = newlocale(LC_ALL_MASK, "C", locale_t{});
  const int before = std::exchange(errno, 0);
  char* end = nullptr;
  const double value = strtod_l(number.c_str(), &end, c_locale);
  const bool out_of_range = std::exchange(errno, before) == ERANGE;
  const auto length = end - number.c_str();
  if (length == 0) return {first, std::errc::invalid_argument};
  // What is merely too small for a double is 0, or subnormal.
  if (out_of_range && std::isinf(value)) return {first + length, std::errc::result_out_of_range};
  x = value;
  return {first + length, std::errc{}};
}

}  // namespace detail

/// As std::from_chars(first, last, x): no blanks, no plus, a point for decimals. But what is too
/// small for a double is 0, as every other program reads it.
template <typename T>
requires(std::integral<T> || std::floating_point<T>) std::from_chars_result
    from_text(const char* first, const char* last, T& x) {
  if constexpr (std::integral<T>) {
    return std::from_chars(first, last, x);
  } else {
#if defined(__cpp_lib_to_chars)
    const auto by_standard = std::from_chars(first, last, x);
    if (by_standard.ec != std::errc::result_out_of_range) return by_standard;
#endif
    double wide = 0;
    const auto result = detail::double_by_strtod(first, last, wide);
    if (result.ec != std::errc{}) return result;
    const T narrow = static_cast<T>(wide);
    if (std::isinf(narrow) && !std::isinf(wide))
      return {result.ptr, std::errc::result_out_of_range};
    x = narrow;
    return result;
  }
}

}  // namespace amq::core
