#pragma once
/// @file
/// The one exception of amq. It says what was expected, what came, where, and the mend.

#include <amq/config.hpp>
#include <amq/core/text.hpp>

#include <stdexcept>
#include <string>
#include <utility>

namespace amq {

/// Thrown at the door for bad shapes, files and parameters; kernels behind the door are noexcept.
class Error : public std::runtime_error {
 public:
  /// @param where     the function, layer, tensor or file that refused
  /// @param expected  what it wanted, e.g. "a field of 812 nodes"
  /// @param found     what came, e.g. "810 rows"
  /// @param mend      what the caller can do about it
  [[gnu::noinline]] Error(std::string where, std::string expected, std::string found,
                          std::string mend)
      : std::runtime_error("amq: " + where + ": expected " + expected + ", found " + found + ". " +
                           mend),
        where_(std::move(where)),
        expected_(std::move(expected)),
        found_(std::move(found)),
        mend_(std::move(mend)) {}

  [[nodiscard]] const std::string& where() const noexcept { return where_; }
  [[nodiscard]] const std::string& expected() const noexcept { return expected_; }
  [[nodiscard]] const std::string& found() const noexcept { return found_; }
  [[nodiscard]] const std::string& mend() const noexcept { return mend_; }

 private:
  std::string where_, expected_, found_, mend_;
};

}  // namespace amq
