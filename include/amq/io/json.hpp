#pragma once
/// @file
/// A small strict JSON (RFC 8259) for headers and metadata. Numbers survive a round trip exactly,
/// members keep their order, strings are valid UTF-8, and no input can exhaust the stack.
///
///     const auto v = amq::io::json::parse(R"({"layers": [1, 2.5]})", "model.safetensors");
///     v.at("layers").at(1).as_double();                                // 2.5
///     amq::io::json::Object o;
///     o.emplace_back("name", "darcy");
///     amq::io::json::dump(o);                                              // {"name":"darcy"}

#include <amq/core/float_environment.hpp>
#include <amq/core/from_text.hpp>
#include <amq/io/json_value.hpp>

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amq::io::json {

namespace detail {

class Parser {
 public:
  Parser(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  Value document() {
    Value v = value(0);
    skip();
    if (at_ != text_.size()) fail("nothing more");
    return v;
  }

 private:
  [[noreturn]] void fail(const std::string& expected) const {
    const auto before = text_.substr(0, at_);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const auto column = at_ - (before.rfind('\n') + 1) + 1;
    std::string found = "the end";
    if (at_ < text_.size()) {
      const auto c = static_cast<unsigned char>(text_[at_]);
      found = c < 0x20 || c > 0x7e ? "byte " + std::to_string(c)
                                   : "'" + std::string(1, text_[at_]) + "'";
    }
    throw Error(
        where_,
        expected + " at line " + std::to_string(line) + ", column " + std::to_string(column), found,
        "The JSON is damaged.");
  }
  void skip() noexcept {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
  }
  bool take(char c) noexcept {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) noexcept {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  Value value(int depth) {
    skip();
    if (depth > deepest) fail("at most " + std::to_string(deepest) + " levels");
    if (take('{')) return object(depth);
    if (take('[')) return list(depth);
    if (take('"')) return string();
    if (take("true")) return true;
    if (take("false")) return false;
    if (take("null")) return {};
    return number();
  }
  Value list(int depth) {
    List out;
    skip();
    if (take(']')) return out;
    for (;;) {
      out.push_back(value(depth + 1));
      skip();
      if (take(']')) return out;
      if (!take(',')) fail("',' or ']'");
    }
  }
  Value object(int depth) {
    Object out;
    skip();
    if (take('}')) return out;
    for (;;) {
      skip();
      if (!take('"')) fail("'\"'");
      std::string key = string();
      skip();
      if (!take(':')) fail("':'");
      out.emplace_back(std::move(key), value(depth + 1));
      skip();
      if (take('}')) break;
      if (!take(',')) fail("',' or '}'");
    }
    refuse_twins(out);
    return out;
  }
  /// A name twice means two readers may see two files; sorting keeps large headers quick.
  void refuse_twins(const Object& o) const {
    std::vector<std::string_view> keys;
    for (const auto& [key, v] : o) keys.push_back(key);
    std::sort(keys.begin(), keys.end());
    const auto twin = std::adjacent_find(keys.begin(), keys.end());
    if (twin != keys.end()) {
      throw Error(where_, "names that occur once", "'" + std::string(*twin) + "' twice",
                  "The JSON is damaged or hostile.");
    }
  }

  Value number() {
    const std::size_t start = at_;
    take('-');
    const auto digits = [&] {
      const std::size_t from = at_;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
      if (at_ == from) fail(from == start ? "a value" : "a digit");
      return at_ - from;
    };
    const bool zero = at_ < text_.size() && text_[at_] == '0';
    const std::size_t first = at_;
    if (digits() > 1 && zero) {
      at_ = first + 1;
      fail("no digit after a leading 0");
    }
    bool integer = true;
    if (take('.')) {
      integer = false;
      digits();
    }
    if (take('e') || take('E')) {
      integer = false;
      if (!take('+')) take('-');
      digits();
    }
    const char *from = text_.data() + start, *to = text_.data() + at_;
    const std::string_view all = text_.substr(start, at_ - start);
    std::int64_t i = 0;
    std::uint64_t u = 0;
    double x = 0;
    // "-0" is a double: an integer has no sign of zero to keep.
    if (integer && all != "-0") {
      if (from_text(from, to, i).ec == std::errc()) return i;
      if (from_text(from, to, u).ec == std::errc()) return u;
    }
    if (from_text(from, to, x).ec != std::errc()) {
      at_ = start;
      fail("a number within double's range");
    }
    return x;
  }

  unsigned hex4() {
    unsigned x = 0;
    for (int k = 0; k < 4; ++k, ++at_) {
      const auto digit =
          std::string_view("0123456789abcdefABCDEF").find(at_ < text_.size() ? text_[at_] : ' ');
      if (digit == std::string_view::npos) fail("four hexadecimal digits");
      x = 16 * x + static_cast<unsigned>(digit < 16 ? digit : digit - 6);
    }
    return x;
  }
  void escape(std::string& out) {
    constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    if (!take('u')) {
      const auto k = at_ < text_.size() ? letters.find(text_[at_]) : letters.npos;
      if (k == letters.npos) fail("an escape");
      ++at_;
      out += meanings[k];
      return;
    }
    unsigned c = hex4();
    if (c >= 0xd800 && c < 0xe000) {
      const bool high = c < 0xdc00 && take("\\u");
      const unsigned low = high ? hex4() : 0;
      if (low < 0xdc00 || low > 0xdfff) fail("a pair of surrogates");
      c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    const auto put = [&](unsigned x) { out += static_cast<char>(x); };
    if (c < 0x80)
      put(c);
    else {
      if (c < 0x800)
        put(0xc0 | c >> 6);
      else {
        if (c < 0x10000)
          put(0xe0 | c >> 12);
        else {
          put(0xf0 | c >> 18);
          put(0x80 | (c >> 12 & 0x3f));
        }
        put(0x80 | (c >> 6 & 0x3f));
      }
      put(0x80 | (c & 0x3f));
    }
  }
  std::string string() {
    std::string out;
    for (;;) {
      if (at_ == text_.size()) fail("'\"'");
      const char c = text_[at_];
      if (c == '"') break;
      if (static_cast<unsigned char>(c) < 0x20) fail("an escaped control character");
      if (c == '\\') {
        ++at_;
        escape(out);
        continue;
      }
      const std::size_t n = utf8_length(text_.substr(at_));
      if (n == 0) fail("UTF-8");
      out += text_.substr(at_, n);
      at_ += n;
    }
    ++at_;
    return out;
  }

  std::string_view text_;
  const std::string& where_;
  std::size_t at_ = 0;
};

}  // namespace detail

/// The one value of a text. Throws Error naming `where`, line and column.
[[nodiscard]] inline Value parse(std::string_view text, const std::string& where = "json") {
  const FloatEnvironment own;
  return detail::Parser(text, where).document();
}

class Writer {
 public:
  explicit Writer(int indent) : indent_(indent) {}

  void value(const Value& v, int depth = 0) {
    if (depth > deepest) refuse("at most " + std::to_string(deepest) + " levels", "more");
    std::visit([&](const auto& x) { put(x, depth); }, v.data_);
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  [[noreturn]] static void refuse(const std::string& expected, const std::string& found) {
    throw Error("json::dump", expected, found, "JSON cannot say it; write something else.");
  }
  void put(std::monostate, int) { out_ += "null"; }
  void put(bool b, int) { out_ += b ? "true" : "false"; }
  template <typename N>
  requires std::is_arithmetic_v<N>
  void put(N x, int) {
    if constexpr (std::same_as<N, double>) {
      if (!(x - x == 0)) refuse("a finite number", x == x ? "an infinity" : "NaN");
    }
    char buffer[40];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, x).ptr;  // shortest exact form
    const std::string_view s(buffer, static_cast<std::size_t>(end - buffer));
    out_ += s;
    // A double stays a double for the next reader.
    if (std::same_as<N, double> && s.find_first_of(".e") == s.npos) out_ += ".0";
  }
  void put(const std::string& s, int) {
    out_ += '"';
    for (std::string_view rest = s; !rest.empty();) {
      const std::size_t n = utf8_length(rest);
      if (n == 0)
        refuse("strings in UTF-8", "byte " + std::to_string(static_cast<unsigned char>(rest[0])));
      const char c = rest[0];
      constexpr std::string_view plain = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt";
      const auto k = n == 1 ? plain.find(c) : plain.npos;
      if (k != plain.npos) {
        out_ += '\\';
        out_ += letters[k];
      } else if (n == 1 && static_cast<unsigned char>(c) < 0x20) {
        out_ += c < 0x10 ? "\\u000" : "\\u001";
        out_ += "0123456789abcdef"[c & 15];
      } else {
        out_ += rest.substr(0, n);
      }
      rest.remove_prefix(n);
    }
    out_ += '"';
  }
  void put(const List& l, int depth) {
    sequence('[', ']', l, depth, [&](const Value& v) { value(v, depth + 1); });
  }
  void put(const Object& o, int depth) {
    sequence('{', '}', o, depth, [&](const auto& member) {
      put(member.first, depth);
      out_ += indent_ < 0 ? ":" : ": ";
      value(member.second, depth + 1);
    });
  }
  template <typename Range, typename F>
  void sequence(char open, char close, const Range& range, int depth, F each) {
    out_ += open;
    bool first = true;
    for (const auto& x : range) {
      if (!first) out_ += ',';
      first = false;
      line(depth + 1);
      each(x);
    }
    if (!first) line(depth);
    out_ += close;
  }
  void line(int depth) {
    if (indent_ < 0) return;
    out_ += '\n';
    out_.append(static_cast<std::size_t>(indent_ * depth), ' ');
  }
  std::string out_;
  int indent_;
};

/// @param indent  blanks per level; -1 writes one line without blanks
/// Throws for NaN, infinities, strings that are not UTF-8, and nesting beyond `deepest`.
[[nodiscard]] inline std::string dump(const Value& v, int indent = -1) {
  const FloatEnvironment own;
  Writer w(indent);
  w.value(v);
  return w.take();
}

}  // namespace amq::io::json
