#pragma once
/// @file
/// What stands behind a command of the tool, and how it says no.

#include <amq/core/error.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amq::tool {

[[noreturn]] inline void refuse(const std::string& where, const std::string& expected,
                                const std::string& found, const char* mend) {
  throw Error(where, expected, found, mend);
}

/// What stands behind the command: values by their option, and the rest in order.
class Arguments {
 public:
  Arguments(int argc, char** argv, const std::vector<std::string>& options) {
    for (int i = 2; i < argc; ++i) {
      const std::string a = argv[i];
      if (!a.starts_with("-") || a == "-") {
        rest.push_back(a);
        continue;
      }
      if (std::find(options.begin(), options.end(), a) == options.end())
        refuse("amq " + std::string(argv[1]), "one of its options", a, "Say amq --help.");
      if (i + 1 == argc) refuse(a, "a value", "none", "Say amq --help.");
      values_.emplace_back(a, argv[++i]);
    }
  }
  [[nodiscard]] std::optional<std::string> operator[](std::string_view option) const {
    std::optional<std::string> found;
    for (const auto& [name, value] : values_)
      if (name == option) found = value;
    return found;
  }
  [[nodiscard]] std::vector<std::string> all(std::string_view option) const {
    std::vector<std::string> found;
    for (const auto& [name, value] : values_)
      if (name == option) found.push_back(value);
    return found;
  }
  [[nodiscard]] double number(const char* option, double otherwise, double low, double high) const {
    const auto text = (*this)[option];
    return text ? parsed(option, *text, low, high) : otherwise;
  }
  [[nodiscard]] static double parsed(const std::string& where, const std::string& text, double low,
                                     double high) {
    std::size_t end = 0;
    double x = 0;
    try {
      x = std::stod(text, &end);
    } catch (const std::exception&) {
      end = 0;
    }
    if (end == 0 || end != text.size() || !(x >= low && x <= high))
      refuse(where, "a number from " + std::to_string(low) + " to " + std::to_string(high),
             "'" + text + "'", "Say amq --help.");
    return x;
  }
  void want(std::size_t n, const char* what) const {
    if (rest.size() != n) refuse("amq", what, std::to_string(rest.size()), "Say amq --help.");
  }
  std::vector<std::string> rest;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace amq::tool
