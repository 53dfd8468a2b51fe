#pragma once
/// @file
/// What a JSON text says.

#include <amq/core/error.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace amq::io::json {

class Value;
using List = std::vector<Value>;
using Object = std::vector<std::pair<std::string, Value>>;  ///< in the order of the text

inline constexpr int deepest = 64;  ///< lists and objects inside one another

/// null, true, -3, 18446744073709551615, 2.5, "text", [...], {...}. Integers that fit 64 bits stay
/// integers; all other numbers are doubles.
class Value {
 public:
  Value() = default;
  /// Copies beside the variant, and moves in what is whole: libstdc++ 12 destroys an alternative
  /// that was never made when the copy of a std::variant of such types runs out of memory.
  Value(const Value& o) {
    std::visit([this](const auto& x) { data_ = std::decay_t<decltype(x)>(x); }, o.data_);
  }
  Value& operator=(const Value& o) {
    Value copy(o);
    data_ = std::move(copy.data_);
    return *this;
  }
  Value(Value&&) noexcept = default;
  Value& operator=(Value&&) noexcept = default;
  ~Value() = default;
  Value(std::nullptr_t) {}                              // NOLINT: reads like JSON
  Value(bool b) : data_(b) {}                           // NOLINT
  Value(double x) : data_(x) {}                         // NOLINT
  Value(std::string s) : data_(std::move(s)) {}         // NOLINT
  Value(std::string_view s) : data_(std::string(s)) {}  // NOLINT
  Value(const char* s) : data_(std::string(s)) {}       // NOLINT
  Value(List l) : data_(std::move(l)) {}                // NOLINT
  Value(Object o) : data_(std::move(o)) {}              // NOLINT
  template <std::integral Integer>
  requires(!std::same_as<Integer, bool>) Value(Integer i) {  // NOLINT
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

}  // namespace amq::io::json
