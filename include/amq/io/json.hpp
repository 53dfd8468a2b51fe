#pragma once
/// @file
/// A small strict JSON (RFC 8259) for headers and metadata. Numbers survive a round trip exactly,
/// members keep their order, strings are valid UTF-8, and no input can exhaust the stack.
///
///     const auto v = amq::json::parse(R"({"layers": [1, 2.5]})", "model.safetensors");
///     v.at("layers").at(1).as_double();                                // 2.5
///     amq::json::Object o;
///     o.emplace_back("name", "darcy");
///     amq::json::dump(o);                                              // {"name":"darcy"}

#include <amq/core/error.hpp>

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace amq::json {

class Value;
using List = std::vector<Value>;
using Object = std::vector<std::pair<std::string, Value>>;  ///< in the order of the text

inline constexpr int deepest = 64;  ///< lists and objects inside one another

/// null, true, -3, 18446744073709551615, 2.5, "text", [...], {...}. Integers that fit 64 bits stay
/// integers; all other numbers are doubles.
class Value {
 public:
  Value() = default;
  Value(std::nullptr_t) {}                              // NOLINT: reads like JSON
  Value(bool b) : data_(b) {}                           // NOLINT
  Value(double x) : data_(x) {}                         // NOLINT
  Value(std::string s) : data_(std::move(s)) {}         // NOLINT
  Value(std::string_view s) : data_(std::string(s)) {}  // NOLINT
  Value(const char* s) : data_(std::string(s)) {}       // NOLINT
  Value(List l) : data_(std::move(l)) {}                // NOLINT
  Value(Object o) : data_(std::move(o)) {}              // NOLINT
  template <std::integral I>
  requires(!std::same_as<I, bool>) Value(I i) {  // NOLINT
    if (std::in_range<std::int64_t>(i))
      data_ = static_cast<std::int64_t>(i);
    else
      data_ = static_cast<std::uint64_t>(i);
  }

  [[nodiscard]] bool is_null() const noexcept { return holds<std::monostate>(); }
  [[nodiscard]] bool is_bool() const noexcept { return holds<bool>(); }
  [[nodiscard]] bool is_integer() const noexcept {
    return holds<std::int64_t>() || holds<std::uint64_t>();
  }
  [[nodiscard]] bool is_number() const noexcept { return is_integer() || holds<double>(); }
  [[nodiscard]] bool is_string() const noexcept { return holds<std::string>(); }
  [[nodiscard]] bool is_list() const noexcept { return holds<List>(); }
  [[nodiscard]] bool is_object() const noexcept { return holds<Object>(); }
  /// "a string": for messages.
  [[nodiscard]] const char* kind() const noexcept {
    constexpr const char* names[] = {"null",     "true or false", "an integer", "an integer",
                                     "a number", "a string",      "a list",     "an object"};
    return names[data_.index()];
  }

  // Each throws Error, naming `where`, when the value is of another kind or does not fit.
  [[nodiscard]] bool as_bool(const std::string& where = "json") const {
    return get<bool>("true or false", where);
  }
  [[nodiscard]] std::int64_t as_int(const std::string& where = "json") const {
    return get<std::int64_t>("an integer of 64 bits", where);
  }
  [[nodiscard]] std::uint64_t as_uint(const std::string& where = "json") const {
    if (const auto* u = std::get_if<std::uint64_t>(&data_)) return *u;
    const auto i = get<std::int64_t>("an integer", where);
    if (i < 0) throw Error(where, "an integer of 0 or more", std::to_string(i), "Check the file.");
    return static_cast<std::uint64_t>(i);
  }
  [[nodiscard]] double as_double(const std::string& where = "json") const {
    if (const auto* i = std::get_if<std::int64_t>(&data_)) return static_cast<double>(*i);
    if (const auto* u = std::get_if<std::uint64_t>(&data_)) return static_cast<double>(*u);
    return get<double>("a number", where);
  }
  [[nodiscard]] const std::string& as_string(const std::string& where = "json") const {
    return get<std::string>("a string", where);
  }
  [[nodiscard]] const List& as_list(const std::string& where = "json") const {
    return get<List>("a list", where);
  }
  [[nodiscard]] const Object& as_object(const std::string& where = "json") const {
    return get<Object>("an object", where);
  }

  /// The member, or nullptr where there is none or this is no object.
  [[nodiscard]] const Value* find(std::string_view key) const noexcept {
    const auto* o = std::get_if<Object>(&data_);
    if (!o) return nullptr;
    const auto it =
        std::find_if(o->begin(), o->end(), [&](const auto& m) { return m.first == key; });
    return it == o->end() ? nullptr : &it->second;
  }
  [[nodiscard]] const Value& at(std::string_view key, const std::string& where = "json") const {
    static_cast<void>(as_object(where));
    if (const auto* v = find(key)) return *v;
    throw Error(where, "a member '" + std::string(key) + "'", "none", "Check the file.");
  }
  [[nodiscard]] const Value& at(std::size_t i, const std::string& where = "json") const {
    const auto& l = as_list(where);
    if (i < l.size()) return l[i];
    throw Error(where, "at least " + std::to_string(i + 1) + " entries", std::to_string(l.size()),
                "Check the file.");
  }

  bool operator==(const Value&) const = default;

 private:
  template <typename T>
  [[nodiscard]] bool holds() const noexcept {
    return std::holds_alternative<T>(data_);
  }
  template <typename T>
  [[nodiscard]] const T& get(const char* expected, const std::string& where) const {
    if (const auto* p = std::get_if<T>(&data_)) return *p;
    throw Error(where, expected, kind(), "Check the file.");
  }
  friend class Writer;
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, List, Object>
      data_;
};

/// Bytes of the well-formed UTF-8 character at the start of `s`, or 0: no overlong forms, no
/// surrogates, nothing beyond U+10FFFF (Unicode, table 3-7).
[[nodiscard]] inline std::size_t utf8_length(std::string_view s) noexcept {
  const auto b = [&](std::size_t i) {
    return i < s.size() ? static_cast<unsigned char>(s[i]) : 0u;
  };
  const auto tail = [&](std::size_t i) { return (b(i) & 0xc0u) == 0x80u; };
  const unsigned c = b(0);
  if (s.empty()) return 0;
  if (c < 0x80) return 1;
  if (c >= 0xc2 && c < 0xe0) return tail(1) ? 2 : 0;
  if (c >= 0xe0 && c < 0xf0) {
    const bool good = c == 0xe0 ? b(1) >= 0xa0 : c == 0xed ? b(1) < 0xa0 : true;
    return good && tail(1) && tail(2) ? 3 : 0;
  }
  if (c >= 0xf0 && c < 0xf5) {
    const bool good = c == 0xf0 ? b(1) >= 0x90 : c == 0xf4 ? b(1) < 0x90 : true;
    return good && tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

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
      if (std::from_chars(from, to, i).ec == std::errc()) return i;
      if (std::from_chars(from, to, u).ec == std::errc()) return u;
    }
    if (std::from_chars(from, to, x).ec != std::errc()) {
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
  Writer w(indent);
  w.value(v);
  return w.take();
}

}  // namespace amq::json
