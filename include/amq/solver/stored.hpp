#pragma once
/// @file
/// Between a struct and its JSON in a model file: one each() names the members, and both writing
/// and reading go by it. What is read passes one door: a number of a file becomes a size, a type or
/// a float here, and only within stated bounds.
///
///     struct Settings {
///       Index hidden = 8;
///       template <typename Self, typename Visit>
///       static void each(Self& c, const Visit& visit) { visit("hidden", c.hidden); }
///     };

#include <amq/allocation/rows.hpp>
#include <amq/core/activation.hpp>
#include <amq/io/json.hpp>
#include <amq/mesh/mesh.hpp>
#include <amq/models/graph_sample.hpp>
#include <amq/models/may_lack.hpp>

#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace amq::nn {

enum class NodeNorm : std::uint8_t;
enum class LinearAttentionKind : std::uint8_t;

}  // namespace amq::nn

namespace amq::ops {

enum class Padding : std::uint8_t;

}  // namespace amq::ops

namespace amq::models {

enum class FnoSkip : std::uint8_t;

}  // namespace amq::models

namespace amq::solver {

namespace stored {

/// Names of an enumeration's values, in their order: what files hold of it.
template <typename E>
inline constexpr std::array<std::string_view, 0> names{};
template <>
inline constexpr std::array<std::string_view, 2> names<nn::NodeNorm>{"instance", "layer"};
template <>
inline constexpr std::array<std::string_view, 2> names<nn::LinearAttentionKind>{"galerkin",
                                                                                "fourier"};
template <>
inline constexpr std::array<std::string_view, 2> names<Padding>{"zero", "circular"};
template <>
inline constexpr std::array<std::string_view, 2> names<FnoSkip>{"linear", "gate"};
template <>
inline constexpr std::array<std::string_view, 7> names<Activation>{
    "none", "relu", "swish", "gelu", "tanh", "sigmoid", "gelu_tanh"};
template <>
inline constexpr std::array<std::string_view, 7> names<NodeType>{
    "normal", "obstacle", "disabled", "handle", "inflow", "outflow", "wall"};
template <>
inline constexpr std::array<std::string_view, 2> names<ClusterScore>{"sum", "max"};

template <typename E>
[[nodiscard]] std::string_view name_of(E e) {
  static_assert(!names<E>.empty(), "amq::solver::stored: give the enumeration names in files");
  return names<E>[static_cast<std::size_t>(e)];
}
/// @throws amq::Error listing the names for another one
template <typename E>
[[nodiscard]] E named(std::string_view text, const std::string& where,
                      const char* mend = "The file is of a newer amq, or damaged.") {
  static_assert(!names<E>.empty(), "amq::solver::stored: give the enumeration names in files");
  std::string all;
  for (std::size_t k = 0; k < names<E>.size(); ++k) {
    if (names<E>[k] == text) return static_cast<E>(k);
    all += std::string(k == 0 ? "" : k + 1 == names<E>.size() ? " or " : ", ");
    all += names<E>[k];
  }
  throw Error(where, all, std::string(text), mend);
}

/// What numbers of a file may be.
struct Bounds {
  Index largest = 1'000'000;  ///< of sizes
};

/// @throws amq::Error for what is no whole number of low .. high
[[nodiscard]] inline Index whole(const json::Value& v, Index low, Index high,
                                 const std::string& where) {
  const double x = v.as_double(where);
  if (!(x >= static_cast<double>(low) && x <= static_cast<double>(high)) || x != std::floor(x))
    throw Error(where, "a whole number from " + std::to_string(low) + " to " + std::to_string(high),
                json::dump(v),
                "The file is damaged, or made to harm: no tensor in it is so large.");
  return static_cast<Index>(x);
}
/// @throws amq::Error for what is not finite as T
template <std::floating_point T>
[[nodiscard]] T finite(const json::Value& v, const std::string& where) {
  const double x = v.as_double(where);
  if (!(std::abs(x) <= static_cast<double>(std::numeric_limits<T>::max())))
    throw Error(where, "a finite number", json::dump(v), "The file is damaged.");
  return static_cast<T>(x);
}

template <typename T>
concept with_members = requires(T& t) {
  T::each(t, [](const char*, auto&, auto...) {});
};

template <with_members T>
[[nodiscard]] json::Value to_json(const T& from);
[[nodiscard]] inline json::Value to_json(const std::string& s) {
  return s;
}
template <typename T>
requires std::is_arithmetic_v<T>
[[nodiscard]] json::Value to_json(T x) {
  return static_cast<double>(x);
}
template <typename E>
requires std::is_enum_v<E>
[[nodiscard]] json::Value to_json(E e) {
  return std::string(name_of(e));
}
template <typename T>
[[nodiscard]] json::Value to_json(const std::vector<T>& all) {
  json::List list;
  for (const auto& x : all) list.push_back(to_json(static_cast<const T&>(x)));
  return list;
}
template <typename T, std::size_t N>
[[nodiscard]] json::Value to_json(const std::array<T, N>& all) {
  json::List list;
  for (const auto& x : all) list.push_back(to_json(x));
  return list;
}
template <with_members T>
json::Value to_json(const T& from) {
  json::Object o;
  T::each(from, [&](const char* key, const auto& member, auto...) {
    o.emplace_back(key, to_json(member));
  });
  return o;
}

template <with_members T>
void from_json(T& to, const json::Value& v, const Bounds& b, const std::string& where);
inline void from_json(std::string& to, const json::Value& v, const Bounds&,
                      const std::string& where) {
  to = v.as_string(where);
}
template <typename T>
requires std::is_arithmetic_v<T>
void from_json(T& to, const json::Value& v, const Bounds& b, const std::string& where) {
  if constexpr (std::same_as<T, bool>)
    to = v.is_bool() ? v.as_bool() : whole(v, 0, 1, where) == 1;
  else if constexpr (std::integral<T>)
    to = static_cast<T>(whole(v, 0, b.largest, where));
  else
    to = finite<T>(v, where);
}
template <typename E>
requires std::is_enum_v<E>
void from_json(E& to, const json::Value& v, const Bounds&, const std::string& where) {
  to = named<E>(v.as_string(where), where);
}
template <typename T>
void from_json(std::vector<T>& to, const json::Value& v, const Bounds& b,
               const std::string& where) {
  to.clear();
  for (const auto& x : v.as_list(where)) {
    T one{};
    from_json(one, x, b, where);
    to.push_back(std::move(one));
  }
}
template <typename T, std::size_t N>
void from_json(std::array<T, N>& to, const json::Value& v, const Bounds& b,
               const std::string& where) {
  if (v.as_list(where).size() != N)
    throw Error(where, std::to_string(N) + " entries", std::to_string(v.as_list().size()),
                "The file is damaged.");
  for (std::size_t k = 0; k < N; ++k) from_json(to[k], v.as_list()[k], b, where);
}
template <with_members T>
void from_json(T& to, const json::Value& v, const Bounds& b, const std::string& where) {
  T::each(to, [&](const char* key, auto& member, auto... optional) {
    const json::Value* found = v.find(key);
    if (!found && sizeof...(optional) > 0) return;
    from_json(member, found ? *found : v.at(key, where), b, where + ", " + key);
  });
}

/// A text of a file as a T. @param where  names file and text in errors
template <with_members T>
[[nodiscard]] T parsed(const std::string& text, const Bounds& b, const std::string& where) {
  T t;
  from_json(t, json::parse(text, where), b, where);
  return t;
}

}  // namespace stored

}  // namespace amq::solver
