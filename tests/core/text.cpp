#include <amq/core/text.hpp>

#include <string>

#include <doctest/doctest.h>

namespace amq {

TEST_CASE("texts join as std's do, whatever is moved in") {
  const std::string kept = "kept";
  CHECK("a " + std::string("moved") == "a moved");
  CHECK("a " + kept == "a kept");
  CHECK(kept + " text" == "kept text");
  CHECK(std::string("moved") + " text" == "moved text");
  CHECK(std::string("one ") + std::string("two") == "one two");
  CHECK(std::string("one ") + kept == "one kept");
  CHECK("of " + std::to_string(3) + " or " + kept + ", " + std::to_string(4) + "." ==
        "of 3 or kept, 4.");
  CHECK(kept == "kept");
}

}  // namespace amq
