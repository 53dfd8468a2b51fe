#pragma once
/// @file
/// Where a reader of gmsh's .msh files stands, and how it reads numbers there. See io/gmsh.hpp.

#include <amq/core/error.hpp>
#include <amq/core/from_text.hpp>
#include <amq/io/file.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace amq::lab::detail {

/// Reads numbers from the bytes of a .msh file, as text or as memory, and never beyond their end.
class GmshCursor {
 public:
  GmshCursor(std::string path, std::span<const std::byte> bytes)
      : path_(std::move(path)), text_(as_text(bytes)) {}

  bool binary = false, swapped = false;
  int size_bytes = 8;  ///< of a size in binary 4.1

  [[noreturn]] void fail(const std::string& expected, const std::string& found) const {
    throw Error(
        path_ + ", byte " + std::to_string(at_) + (section.empty() ? "" : " in $" + section),
        expected, found, "Write the mesh again: gmsh -save -format msh41 (or msh22).");
  }
  std::string section;

  void skip_space() noexcept {
    while (at_ < text_.size() && static_cast<unsigned char>(text_[at_]) <= ' ') ++at_;
  }
  [[nodiscard]] bool at_end() noexcept {
    skip_space();
    return at_ == text_.size();
  }
  [[nodiscard]] std::string_view word() {
    skip_space();
    const auto begin = at_;
    while (at_ < text_.size() && static_cast<unsigned char>(text_[at_]) > ' ') ++at_;
    if (begin == at_) fail("more", "the end of the file");
    return text_.substr(begin, at_ - begin);
  }
  [[nodiscard]] std::string quoted() {
    skip_space();
    const auto end =
        at_ < text_.size() && text_[at_] == '"' ? text_.find('"', at_ + 1) : std::string_view::npos;
    if (end == std::string_view::npos) fail("a name in quotes", "none");
    const std::string name(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return name;
  }
  /// A number of the text, whatever the file's kind.
  template <typename T>
  [[nodiscard]] T text_number() {
    auto w = word();
    if (w.size() > 1 && w[0] == '+') w.remove_prefix(1);
    T x{};
    const auto [end, error] = from_text(w.data(), w.data() + w.size(), x);
    if (error != std::errc{} || end != w.data() + w.size()) {
      fail("a number", "'" + std::string(w.substr(0, 20)) + "'");
    }
    return x;
  }
  template <typename T>
  [[nodiscard]] T memory_number() {
    std::array<char, sizeof(T)> raw{};
    if (text_.size() - at_ < sizeof(T)) fail("more", "the end of the file");
    std::memcpy(raw.data(), text_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    if (swapped) std::reverse(raw.begin(), raw.end());
    return std::bit_cast<T>(raw);
  }
  template <typename T>
  [[nodiscard]] T number() {
    return binary ? memory_number<T>() : text_number<T>();
  }
  /// A count, size or tag of 4.1, where binary files have size_t.
  [[nodiscard]] std::int64_t size() {
    if (!binary) return text_number<std::int64_t>();
    const auto n = size_bytes == 4 ? std::uint64_t{memory_number<std::uint32_t>()}
                                   : memory_number<std::uint64_t>();
    if (n > std::uint64_t{1} << 62) fail("a size", std::to_string(n));
    return static_cast<std::int64_t>(n);
  }
  /// Refuses a count of things that cannot all be in the rest of the file, before memory is asked
  /// for. @param least  bytes the smallest of them takes
  [[nodiscard]] std::int64_t count(std::int64_t n, std::size_t least) const {
    if (n < 0 || static_cast<std::uint64_t>(n) > (text_.size() - at_) / least) {
      fail("a count that fits the file", std::to_string(n));
    }
    return n;
  }
  [[nodiscard]] double coordinate() {
    const auto x = number<double>();
    if (!std::isfinite(x)) fail("finite coordinates", std::to_string(x));
    return x;
  }
  /// Binary data begin right after the line's end.
  void end_line() noexcept {
    while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    if (at_ < text_.size()) ++at_;
  }
  void skip_section() {
    const auto end = text_.find("$End" + section, at_);
    if (end == std::string_view::npos) fail("$End" + section, "the end of the file");
    at_ = end;
  }
  void expect_end() {
    const auto w = word();
    if (w != "$End" + section) fail("$End" + section, "'" + std::string(w.substr(0, 20)) + "'");
    section.clear();
  }

 private:
  std::string path_;
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace amq::lab::detail
