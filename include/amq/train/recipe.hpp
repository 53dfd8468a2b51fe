#pragma once
/// @file
/// What decides a training, as text and numbers that can be compared.

#include <amq/core/error.hpp>
#include <amq/core/matrix_view.hpp>

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace amq::training {

/// What decides a run, by name. A run is resumed under the recipe it was begun with.
using Recipe = std::map<std::string, std::string>;

/// The shortest text that reads back as the same number, whatever the locale.
template <typename T>
[[nodiscard]] std::string number_text(T value) requires(std::integral<T> ||
                                                        std::floating_point<T>) {
  if constexpr (std::same_as<T, bool>) {
    return value ? "yes" : "no";
  } else {
    std::array<char, 40> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    return {text.data(), end};
  }
}
/// "1,2,8"
template <typename T>
[[nodiscard]] std::string numbers_text(std::span<const T> values) {
  std::string text;
  for (const T& v : values) text += (text.empty() ? "" : ",") + number_text(v);
  return text;
}
template <typename T>
[[nodiscard]] std::string numbers_text(const std::vector<T>& values) {
  return numbers_text(std::span<const T>(values));
}

/// A number that changes when data do: FNV-1a over 8 bytes at a time.
class Fingerprint {
 public:
  Fingerprint& add(std::uint64_t v) noexcept {
    value_ = (value_ ^ v) * 0x100000001b3u;
    value_ ^= value_ >> 32;
    return *this;
  }
  template <typename T>
  Fingerprint& add(std::span<const T> values) noexcept requires(std::is_trivially_copyable_v<T>) {
    add(values.size());
    const auto bytes = std::as_bytes(values);
    std::uint64_t word = 0;
    for (std::size_t k = 0; k < bytes.size(); ++k) {
      word = word << 8 | static_cast<std::uint64_t>(bytes[k]);
      if (k % 8 == 7 || k + 1 == bytes.size()) add(word), word = 0;
    }
    return *this;
  }
  template <typename T>
  Fingerprint& add(const std::vector<T>& values) noexcept {
    return add(std::span<const T>(values));
  }
  Fingerprint& add(const std::string& text) noexcept {
    return add(std::span<const char>(text.data(), text.size()));
  }
  /// (row, column)
  Fingerprint& add(MatrixView<const float> m) noexcept {
    add(static_cast<std::uint64_t>(m.rows)).add(static_cast<std::uint64_t>(m.cols));
    for (Index i = 0; i < m.rows; ++i) add(std::span<const float>(m.row_span(i)));
    return *this;
  }
  [[nodiscard]] std::string text() const {
    std::array<char, 17> hex{};
    const auto end = std::to_chars(hex.data(), hex.data() + 16, value_, 16).ptr;
    return {hex.data(), end};
  }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325u;
};

/// Every name whose text differs or is there once only: "epochs 4 (here 6), lr none (here 0.002)".
/// Empty: the same recipe.
[[nodiscard]] inline std::string differences(const Recipe& kept, const Recipe& here) {
  std::string text;
  const auto say = [&](const std::string& name, const std::string* was, const std::string* is) {
    text += (text.empty() ? "" : ", ") + name + ' ' + (was ? *was : "none") + " (here " +
            (is ? *is : "none") + ')';
  };
  for (const auto& [name, was] : kept) {
    const auto is = here.find(name);
    if (is == here.end())
      say(name, &was, nullptr);
    else if (is->second != was)
      say(name, &was, &is->second);
  }
  for (const auto& [name, is] : here)
    if (!kept.contains(name)) say(name, nullptr, &is);
  return text;
}

}  // namespace amq::training
