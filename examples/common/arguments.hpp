#pragma once
/// @file
/// `--name value` pairs of a command line.

#include <amq/core/error.hpp>

#include <concepts>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace study {

struct Argument {
  std::string name;
  std::function<void(const std::string&)> set;
};

/// A number or a text. @throws amq::Error, when read, for what is not one
template <typename T>
Argument argument(std::string name, T& value) {
  return {name, [name, &value](const std::string& text) {
            if constexpr (std::same_as<T, std::string>) {
              value = text;
            } else {
              std::istringstream s(text);
              if (!(s >> value) || !s.eof() || (std::unsigned_integral<T> && text[0] == '-'))
                throw amq::Error(name, "a number", '"' + text + '"', "Say --help.");
            }
          }};
}

/// @returns whether to go on; where not, the usage was shown and `status` is the program's
/// @throws amq::Error for a value that is not the argument's
inline bool read_arguments(int argc, char** argv, const std::vector<Argument>& known,
                           const char* usage, int& status) {
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    const Argument* found = nullptr;
    for (const auto& a : known)
      if (a.name == name) found = &a;
    if (!found || i + 1 == argc) {
      std::cout << usage;
      status = name == "--help" ? 0 : 1;
      return false;
    }
    found->set(argv[i + 1]);
  }
  return true;
}

}  // namespace study
